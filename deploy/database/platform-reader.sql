-- The two logins that governor measures a platform's database with: a GovernanceSource's
-- secretRef and customSqlSecretRef. Plain SQL, no backslash commands; run it as an
-- administrator in the platform's database, as often as you like, then give each login a
-- password:
--
--   ALTER ROLE platform_reader     PASSWORD '…';
--   ALTER ROLE platform_custom_sql PASSWORD '…';
--
--   platform_reader      the built-in checks: reads the four governed tables.
--   platform_custom_sql  the SQL that policies write. Whoever may write a policy for the
--                        source can read what this login can: grant it no more than that.
--
-- The grants are what keeps them from writing; a transaction that is read-only by default
-- comes on top. If your tables are elsewhere than in `public`, replace that name below.

DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['platform_reader', 'platform_custom_sql'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I LOGIN', role_name);
    END IF;
  END LOOP;
END
$$;

ALTER ROLE platform_reader SET default_transaction_read_only = on;
ALTER ROLE platform_custom_sql SET default_transaction_read_only = on;

GRANT USAGE ON SCHEMA public TO platform_reader, platform_custom_sql;
GRANT SELECT ON public.playbooks, public.knowledge_entries, public.incident_evidence,
  public.auto_repair_executions TO platform_reader, platform_custom_sql;
