-- A person decides that the work is not to be done for this finding.
CREATE FUNCTION @schema@.skip_dispatch(dispatch_id uuid, person text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM @schema@.decide_dispatch(dispatch_id, 'skipped', person, reason);
END
$$
