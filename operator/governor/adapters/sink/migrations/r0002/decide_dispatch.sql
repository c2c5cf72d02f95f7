-- Ends a work item by a person's decision, whoever holds it; the first decision stays.
CREATE FUNCTION @schema@.decide_dispatch(
  dispatch_id uuid, decision text, person text, reason text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  status text;
BEGIN
  person := @schema@.required_text('person', person, 200);
  reason := @schema@.required_text('reason', reason, 2000);
  SELECT dispatch_status INTO status
  FROM @schema@.governance_remediation_dispatch WHERE id = dispatch_id
  FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no work item %', coalesce(dispatch_id::text, 'null')
      USING ERRCODE = 'WD002';
  END IF;
  IF status = decision THEN
    RETURN;
  END IF;
  UPDATE @schema@.governance_remediation_dispatch
  SET dispatch_status = decision, finished_at = clock_timestamp(), lease_token = NULL,
    lease_until = NULL, decided_by = person, decided_reason = reason
  WHERE id = dispatch_id;
END
$$
