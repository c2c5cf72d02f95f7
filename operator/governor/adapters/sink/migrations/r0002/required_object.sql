-- What an executor reports, which must be a JSON object, and not too large to be kept.
CREATE FUNCTION @schema@.required_object(name text, said jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  largest CONSTANT integer := 65536;
  size CONSTANT integer := octet_length(said::text);
BEGIN
  IF jsonb_typeof(said) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION '% must be a JSON object, such as {"drafts": 3}, not %',
      name, coalesce(jsonb_typeof(said), 'null')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF size > largest THEN
    RAISE EXCEPTION '% must have at most % bytes as text, not %', name, largest, size
      USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Keep what is large elsewhere, and say where it is.';
  END IF;
  RETURN said;
END
$$
