-- When a lease of that length ends, counted from this moment and not from the start of
-- the caller's transaction.
CREATE FUNCTION @schema@.lease_end(lease interval) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF lease >= '1 second' AND lease <= '7 days' THEN
    RETURN clock_timestamp() + lease;
  END IF;
  RAISE EXCEPTION 'lease must be an interval from 1 second to 7 days, not %',
    coalesce(lease::text, 'null')
    USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Take twice what the work needs between two calls of progress_dispatch.';
END
$$
