-- The argument of that name, which must say something.
CREATE FUNCTION @schema@.required_text(name text, said text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF said ~ '\S' THEN
    RETURN said;
  END IF;
  RAISE EXCEPTION '% must not be empty', name USING ERRCODE = 'invalid_parameter_value';
END
$$
