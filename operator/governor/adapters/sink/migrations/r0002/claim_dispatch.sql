-- Gives the executor its oldest pending work item, with a lease; no row if there is none.
CREATE FUNCTION @schema@.claim_dispatch(
  executor text, worker text, lease interval, of_cluster text DEFAULT NULL
)
RETURNS TABLE (
  id uuid, lease_token uuid, lease_until timestamptz, attempt integer, max_attempts integer,
  governance_event_id uuid, event_type text, cluster text, namespace text, policy text,
  policy_uid text, check_name text, created_at timestamptz, decision_context jsonb
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  executor := @schema@.required_text('executor', executor, 200);
  worker := @schema@.required_text('worker', worker, 200);
  PERFORM @schema@.lease_end(lease);
  PERFORM @schema@.release_expired_dispatches(of_cluster);
  RETURN QUERY
  WITH oldest AS (
    SELECT d.id, e.namespace, e.policy
    FROM @schema@.governance_remediation_dispatch d
    JOIN @schema@.ai_governance_events e ON e.id = d.governance_event_id
    WHERE d.dispatch_status = 'pending' AND d.executor_type = executor
      AND (of_cluster IS NULL OR d.cluster = of_cluster) AND NOT e.resolved
    ORDER BY d.created_at, d.id
    LIMIT 1
    FOR UPDATE OF d SKIP LOCKED
  )
  UPDATE @schema@.governance_remediation_dispatch d
  SET dispatch_status = 'dispatched', attempts = d.attempts + 1, claimed_by = worker,
    dispatched_at = clock_timestamp(), lease_token = gen_random_uuid(),
    lease_until = @schema@.lease_end(lease)
  FROM oldest WHERE d.id = oldest.id
  RETURNING d.id, d.lease_token, d.lease_until, d.attempts, d.max_attempts,
    d.governance_event_id, d.event_type, d.cluster, oldest.namespace, oldest.policy,
    d.policy_uid, d.check_name, d.created_at, d.decision_context;
END
$$
