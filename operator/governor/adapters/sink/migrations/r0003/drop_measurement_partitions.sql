-- Drops the partitions of days (UTC, by this server's clock) more than so many days ago; how
-- many. Only those that make_measurement_partitions named are looked at. It waits a second
-- at most for whoever reads, and is then to be called again later.
CREATE FUNCTION @schema@.drop_measurement_partitions(keep_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
AS $$
DECLARE
  oldest text;
  old_partition name;
  dropped integer := 0;
BEGIN
  IF keep_days IS NULL OR keep_days NOT BETWEEN 1 AND 366 THEN
    RAISE EXCEPTION 'keep_days must be 1 to 366' USING ERRCODE = '22023';
  END IF;
  oldest := to_char((clock_timestamp() AT TIME ZONE 'UTC')::date - keep_days, 'YYYYMMDD');
  FOR old_partition IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = '@schema@.governance_measurements'::regclass
      AND c.relname ~ '^governance_measurements_[0-9]{8}$' AND right(c.relname, 8) < oldest
    ORDER BY c.relname
  LOOP
    EXECUTE format('DROP TABLE @schema@.%I', old_partition);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END
$$
