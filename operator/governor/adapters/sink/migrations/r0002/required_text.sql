-- The argument of that name, which must say something, in so many characters at most.
CREATE FUNCTION @schema@.required_text(name text, said text, longest integer) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF char_length(said) > longest THEN
    RAISE EXCEPTION '% must have at most % characters, not %', name, longest, char_length(said)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF said ~ '\S' THEN
    RETURN said;
  END IF;
  RAISE EXCEPTION '% must not be empty', name USING ERRCODE = 'invalid_parameter_value';
END
$$
