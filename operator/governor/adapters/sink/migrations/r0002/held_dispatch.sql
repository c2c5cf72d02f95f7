-- Locks the work item whose latest claim gave out this token: its lease is not over, or
-- its holder has ended it and says so again.
CREATE FUNCTION @schema@.held_dispatch(dispatch_id uuid, token uuid)
RETURNS @schema@.governance_remediation_dispatch
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  item @schema@.governance_remediation_dispatch;
BEGIN
  SELECT * INTO item FROM @schema@.governance_remediation_dispatch WHERE id = dispatch_id
    FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no work item %', coalesce(dispatch_id::text, 'null')
      USING ERRCODE = 'WD002';
  END IF;
  IF item.lease_token = token AND coalesce(item.lease_until > clock_timestamp(), true) THEN
    RETURN item;
  END IF;
  RAISE EXCEPTION 'the lease of work item % is lost', dispatch_id
    USING ERRCODE = 'WD001',
      DETAIL = CASE
        WHEN item.lease_token = token THEN format('It ended at %s.', item.lease_until)
        WHEN item.lease_until IS NOT NULL THEN
          format('Worker %s holds another one until %s.', item.claimed_by, item.lease_until)
        WHEN item.decided_by IS NOT NULL THEN
          format('It was %s by %s: %s', item.dispatch_status, item.decided_by, item.decided_reason)
        ELSE format('It is %s.', item.dispatch_status)
      END,
      HINT = 'Stop working on it, and claim anew.';
END
$$
