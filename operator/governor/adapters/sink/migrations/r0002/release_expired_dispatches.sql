-- Work items whose lease is over wait again, with the attempt given back; how many. Null
-- stands for every cluster.
CREATE FUNCTION @schema@.release_expired_dispatches(of_cluster text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  this_moment timestamptz := clock_timestamp();
  released integer;
BEGIN
  WITH expired AS (
    SELECT d.id
    FROM @schema@.governance_remediation_dispatch d
    WHERE d.lease_until <= this_moment AND (of_cluster IS NULL OR d.cluster = of_cluster)
    FOR UPDATE SKIP LOCKED
  )
  UPDATE @schema@.governance_remediation_dispatch d
  SET dispatch_status = 'pending', attempts = d.attempts - 1, expirations = d.expirations + 1,
    lease_token = NULL, lease_until = NULL
  FROM expired WHERE d.id = expired.id;
  GET DIAGNOSTICS released = ROW_COUNT;
  PERFORM @schema@.cancel_moot_dispatches();
  RETURN released;
END
$$
