-- Makes sure of a partition for each day (UTC, by this server's clock) from so many days
-- ago to so many ahead; how many were made. It waits for no reader: a new partition is
-- attached, which needs no lock that a SELECT or an INSERT would wait for.
CREATE FUNCTION @schema@.make_measurement_partitions(
  days_back integer, days_ahead integer DEFAULT 2) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
AS $$
DECLARE
  today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  this_day date;
  partition_name text;
  made integer := 0;
BEGIN
  IF days_back IS NULL OR days_back NOT BETWEEN 0 AND 366
    OR days_ahead IS NULL OR days_ahead NOT BETWEEN 0 AND 31 THEN
    RAISE EXCEPTION 'days_back must be 0 to 366, days_ahead 0 to 31' USING ERRCODE = '22023';
  END IF;
  FOR offset_days IN -days_back .. days_ahead LOOP
    this_day := today + offset_days;
    partition_name := 'governance_measurements_' || to_char(this_day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass('@schema@.' || partition_name) IS NOT NULL;
    -- One maker at a time: another one's partition is seen once it is done.
    LOCK TABLE @schema@.governance_measurements IN SHARE UPDATE EXCLUSIVE MODE;
    CONTINUE WHEN to_regclass('@schema@.' || partition_name) IS NOT NULL;
    EXECUTE format('CREATE TABLE @schema@.%I (LIKE @schema@.governance_measurements INCLUDING ALL)',
      partition_name);
    EXECUTE format(
      'ALTER TABLE @schema@.governance_measurements ATTACH PARTITION @schema@.%I '
      'FOR VALUES FROM (%L) TO (%L)', partition_name,
      this_day::timestamp AT TIME ZONE 'UTC', (this_day + 1)::timestamp AT TIME ZONE 'UTC');
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$
