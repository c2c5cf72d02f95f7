-- The work is done. Said again with the same token, nothing changes.
CREATE FUNCTION @schema@.finish_dispatch(
  dispatch_id uuid, token uuid, result jsonb DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  item @schema@.governance_remediation_dispatch;
BEGIN
  result := @schema@.required_object('result', result);
  item := @schema@.held_dispatch(dispatch_id, token);
  IF item.dispatch_status = 'succeeded' THEN
    RETURN;
  END IF;
  UPDATE @schema@.governance_remediation_dispatch
  SET dispatch_status = 'succeeded', finished_at = clock_timestamp(), lease_until = NULL,
    result = finish_dispatch.result
  WHERE id = dispatch_id;
END
$$
