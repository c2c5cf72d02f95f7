-- A work item goes only the documented ways, whoever moves it.
CREATE FUNCTION @schema@.check_dispatch_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  allowed text[] := CASE OLD.dispatch_status
    WHEN 'pending' THEN ARRAY['dispatched', 'skipped', 'cancelled']
    WHEN 'dispatched' THEN
      ARRAY['executing', 'succeeded', 'failed', 'skipped', 'cancelled', 'pending']
    WHEN 'executing' THEN ARRAY['succeeded', 'failed', 'skipped', 'cancelled', 'pending']
    ELSE ARRAY[]::text[]
  END;
BEGIN
  IF NEW.dispatch_status = ANY (allowed) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'work item % is %: it can''t become %',
    OLD.id, OLD.dispatch_status, NEW.dispatch_status
    USING ERRCODE = 'check_violation',
      DETAIL = CASE
        WHEN allowed = '{}' THEN 'It has ended for good.'
        ELSE format('It can become %s.', array_to_string(allowed, ', '))
      END;
END
$$
