-- What an executor reports, which must be a JSON object.
CREATE FUNCTION @schema@.required_object(name text, said jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF jsonb_typeof(said) = 'object' THEN
    RETURN said;
  END IF;
  RAISE EXCEPTION '% must be a JSON object, such as {"drafts": 3}, not %',
    name, coalesce(jsonb_typeof(said), 'null')
    USING ERRCODE = 'invalid_parameter_value';
END
$$
