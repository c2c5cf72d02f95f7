-- The attempt has failed: the work item waits for the next one, or it was the last.
-- Returns its status, `pending` or `failed`. Said again with the same token, nothing changes.
CREATE FUNCTION @schema@.fail_dispatch(
  dispatch_id uuid, token uuid, result jsonb DEFAULT '{}'
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  item @schema@.governance_remediation_dispatch;
  is_last boolean;
BEGIN
  result := @schema@.required_object('result', result);
  item := @schema@.held_dispatch(dispatch_id, token);
  IF item.dispatch_status IN ('pending', 'failed') THEN
    RETURN item.dispatch_status;
  END IF;
  is_last := item.attempts >= item.max_attempts;
  UPDATE @schema@.governance_remediation_dispatch
  SET dispatch_status = CASE WHEN is_last THEN 'failed' ELSE 'pending' END,
    finished_at = CASE WHEN is_last THEN clock_timestamp() END,
    lease_until = NULL, result = fail_dispatch.result
  WHERE id = dispatch_id
  RETURNING dispatch_status INTO item.dispatch_status;
  RETURN item.dispatch_status;
END
$$
