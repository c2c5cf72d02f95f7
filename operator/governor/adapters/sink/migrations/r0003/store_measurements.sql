-- Takes what was copied to governance_measurements_incoming, in the same transaction, into
-- the partitions of its days. One row a slot: the first stays, but a number takes the place
-- of an Error or a NoData. Rows of days that have no partition are dropped and counted.
CREATE FUNCTION @schema@.store_measurements(
  OUT stored integer, OUT homeless integer, OUT homeless_day date)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  WITH taken AS (
    DELETE FROM @schema@.governance_measurements_incoming i
    RETURNING i.*, (i.slot AT TIME ZONE 'UTC')::date AS day
  ), days AS MATERIALIZED (
    SELECT d.day, EXISTS (
      SELECT FROM pg_inherits p
      WHERE p.inhparent = '@schema@.governance_measurements'::regclass AND p.inhrelid =
        to_regclass('@schema@.governance_measurements_' || to_char(d.day, 'YYYYMMDD'))) AS there
    FROM (SELECT DISTINCT t.day FROM taken t) d
  ), kept AS (
    INSERT INTO @schema@.governance_measurements AS m (
      cluster, namespace, policy, policy_uid, generation, check_name, slot, measured_at,
      duration_seconds, verdict, reason, value, samples, direction, red_line, target)
    SELECT
      t.cluster, t.namespace, t.policy, t.policy_uid, t.generation, t.check_name, t.slot,
      t.measured_at, t.duration_seconds, t.verdict, t.reason, t.value, t.samples, t.direction,
      t.red_line, t.target
    FROM taken t JOIN days d ON d.day = t.day AND d.there
    -- All in the same order: two that store the same rows wait for each other, and no more.
    ORDER BY t.policy_uid COLLATE "C", t.check_name COLLATE "C", t.slot
    ON CONFLICT (cluster, policy_uid, check_name, slot) DO UPDATE SET
      generation = excluded.generation, measured_at = excluded.measured_at,
      duration_seconds = excluded.duration_seconds, verdict = excluded.verdict,
      reason = excluded.reason, value = excluded.value, samples = excluded.samples,
      direction = excluded.direction, red_line = excluded.red_line, target = excluded.target
    WHERE m.value IS NULL AND excluded.value IS NOT NULL
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM kept), count(*), min(t.day)
  INTO stored, homeless, homeless_day
  FROM taken t JOIN days d ON d.day = t.day AND NOT d.there;
END
$$
