-- The work has begun or goes on: a new lease, counted from now. Returns when it ends.
CREATE FUNCTION @schema@.progress_dispatch(dispatch_id uuid, token uuid, lease interval)
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ends timestamptz;
BEGIN
  PERFORM @schema@.lease_end(lease);
  PERFORM @schema@.held_dispatch(dispatch_id, token);
  UPDATE @schema@.governance_remediation_dispatch
  SET dispatch_status = 'executing', lease_until = @schema@.lease_end(lease)
  WHERE id = dispatch_id
  RETURNING lease_until INTO ends;
  RETURN ends;
END
$$
