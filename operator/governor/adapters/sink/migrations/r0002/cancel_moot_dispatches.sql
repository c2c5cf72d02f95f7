-- Nobody needs to start what is for a resolved finding: the one given, or any. Those
-- that an executor is claiming at this moment are skipped, never waited for.
CREATE FUNCTION @schema@.cancel_moot_dispatches(of_event uuid DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  cancelled integer;
BEGIN
  WITH moot AS (
    SELECT d.id
    FROM @schema@.governance_remediation_dispatch d
    JOIN @schema@.ai_governance_events e ON e.id = d.governance_event_id
    WHERE d.dispatch_status = 'pending' AND e.resolved AND (of_event IS NULL OR e.id = of_event)
    FOR UPDATE OF d SKIP LOCKED
  )
  UPDATE @schema@.governance_remediation_dispatch d
  SET dispatch_status = 'cancelled', finished_at = clock_timestamp(), lease_token = NULL,
    decided_by = 'governor', decided_reason = 'the finding is resolved'
  FROM moot WHERE d.id = moot.id;
  GET DIAGNOSTICS cancelled = ROW_COUNT;
  RETURN cancelled;
END
$$
