-- A person takes the work item back, from whoever works on it.
CREATE FUNCTION @schema@.cancel_dispatch(dispatch_id uuid, person text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM @schema@.decide_dispatch(dispatch_id, 'cancelled', person, reason);
END
$$
