-- The login that deprecates playbooks: a GovernanceSource's remediationSecretRef. Only where
-- policies that say `enforcement: Enforce` may have that done. Plain SQL, no backslash
-- commands; run it as an administrator in the platform's database, as often as you like,
-- then give the login a password:
--
--   ALTER ROLE platform_remediation PASSWORD '…';
--
-- It reads the playbooks and updates their status: nothing else, and no other table. If your
-- table is not `public.playbooks`, replace that name below.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'platform_remediation') THEN
    CREATE ROLE platform_remediation LOGIN;
  END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO platform_remediation;
GRANT SELECT, UPDATE (status) ON public.playbooks TO platform_remediation;
