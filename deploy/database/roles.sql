-- Roles of the database that keeps governance events. Plain SQL, no backslash commands;
-- run it as a superuser in that database, as often as you like, before `governor migrate`
-- or after. If GOVERNOR_DATABASE_SCHEMA is not `governance`, replace that name below.
--
--   governor_owner     owns the schema; `governor migrate` works as it. Never the operator.
--   governor_writer    the operator: reads, inserts, and updates what may change of a
--                      finding. It can't delete, truncate, alter or create anything, but for
--                      the daily partitions of measurements, through functions made for that.
--   governor_reader    people and dashboards: reads.
--   governor_executor  whoever works on what findings became (docs/executors.md): calls the
--                      functions made for that, and reads and writes no table.
--
-- They are groups: nobody logs in as them. Make logins, with passwords of your own, and
-- put each URL into its Secret:
--
--   CREATE ROLE governor_migrate LOGIN PASSWORD '…' IN ROLE governor_owner;
--   CREATE ROLE governor         LOGIN PASSWORD '…' IN ROLE governor_writer;
--   CREATE ROLE dashboard        LOGIN PASSWORD '…' IN ROLE governor_reader;
--   CREATE ROLE hermes           LOGIN PASSWORD '…' IN ROLE governor_executor;
--
-- Logins need CONNECT on the database, which PUBLIC has unless you revoked it. What
-- `governor migrate` makes belongs to the schema's owner, whoever runs it.

DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['governor_owner', 'governor_writer', 'governor_reader',
                                 'governor_executor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
    END IF;
  END LOOP;
END
$$;

CREATE SCHEMA IF NOT EXISTS governance;
ALTER SCHEMA governance OWNER TO governor_owner;
REVOKE ALL ON SCHEMA governance FROM PUBLIC;
GRANT USAGE ON SCHEMA governance TO governor_writer, governor_reader, governor_executor;

-- Tables to come: whatever a migration adds can be read. What else the writer needs is
-- granted by the migration that makes the table.
ALTER DEFAULT PRIVILEGES FOR ROLE governor_owner IN SCHEMA governance
  GRANT SELECT ON TABLES TO governor_writer, governor_reader;

-- What is there: `governor migrate` grants the same where it finds the roles.
DO $$
BEGIN
  IF pg_catalog.to_regclass('governance.ai_governance_events') IS NOT NULL THEN
    ALTER TABLE governance.ai_governance_events OWNER TO governor_owner;
    ALTER TABLE governance.governance_policy_revisions OWNER TO governor_owner;
    ALTER TABLE governance.governance_schema_version OWNER TO governor_owner;
    GRANT SELECT ON governance.ai_governance_events, governance.governance_policy_revisions,
      governance.governance_schema_version TO governor_writer, governor_reader;
    GRANT INSERT ON governance.ai_governance_events, governance.governance_policy_revisions
      TO governor_writer;
    GRANT UPDATE (details, details_at, namespace, policy, generation, severity,
      resolved, resolved_at, resolved_reason, last_seen_at, folded)
      ON governance.ai_governance_events TO governor_writer;
  END IF;
END
$$;

DO $$
DECLARE
  function_name text;
BEGIN
  IF pg_catalog.to_regclass('governance.governance_remediation_dispatch') IS NULL THEN
    RETURN;
  END IF;
  ALTER TABLE governance.governance_remediation_dispatch OWNER TO governor_owner;
  GRANT SELECT ON governance.governance_remediation_dispatch TO governor_writer, governor_reader;
  GRANT INSERT (id, governance_event_id, event_type, cluster, policy_uid, check_name,
    executor_type, max_attempts, decision_context, created_by, created_at)
    ON governance.governance_remediation_dispatch TO governor_writer;

  FOREACH function_name IN ARRAY ARRAY[
    'check_dispatch_transition', 'lease_end', 'required_text', 'required_object',
    'held_dispatch', 'decide_dispatch', 'cancel_moot_dispatches', 'release_expired_dispatches',
    'claim_dispatch', 'progress_dispatch', 'finish_dispatch', 'fail_dispatch',
    'skip_dispatch', 'cancel_dispatch'
  ] LOOP
    EXECUTE pg_catalog.format(
      'ALTER FUNCTION governance.%I OWNER TO governor_owner', function_name);
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION governance.%I FROM PUBLIC', function_name);
  END LOOP;
  GRANT EXECUTE ON FUNCTION governance.cancel_moot_dispatches,
    governance.release_expired_dispatches TO governor_writer;
  GRANT EXECUTE ON FUNCTION governance.claim_dispatch, governance.progress_dispatch,
    governance.finish_dispatch, governance.fail_dispatch, governance.skip_dispatch,
    governance.cancel_dispatch TO governor_executor;
END
$$;

DO $$
DECLARE
  table_name text;
  function_name text;
BEGIN
  IF pg_catalog.to_regclass('governance.governance_measurements') IS NULL THEN
    RETURN;
  END IF;
  ALTER TABLE governance.governance_measurements OWNER TO governor_owner;
  ALTER TABLE governance.governance_measurements_incoming OWNER TO governor_owner;
  FOR table_name IN
    SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'governance.governance_measurements'::pg_catalog.regclass
  LOOP
    EXECUTE pg_catalog.format('ALTER TABLE governance.%I OWNER TO governor_owner', table_name);
  END LOOP;
  GRANT SELECT ON governance.governance_measurements, governance.governance_measurements_incoming
    TO governor_writer, governor_reader;
  GRANT INSERT ON governance.governance_measurements_incoming TO governor_writer;

  FOREACH function_name IN ARRAY ARRAY[
    'store_measurements', 'make_measurement_partitions', 'drop_measurement_partitions'
  ] LOOP
    EXECUTE pg_catalog.format(
      'ALTER FUNCTION governance.%I OWNER TO governor_owner', function_name);
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION governance.%I FROM PUBLIC', function_name);
  END LOOP;
  GRANT EXECUTE ON FUNCTION governance.store_measurements,
    governance.make_measurement_partitions, governance.drop_measurement_partitions
    TO governor_writer;
END
$$;
