-- What the built-in checks want on large tables: with these, none of them reads a whole
-- table, and the two that look at the latest rows read no more than those. Plain SQL, no
-- backslash commands; run it as the tables' owner, each statement by itself and in no
-- transaction (as psql does): nobody is locked out meanwhile. As often as you like; one that
-- was broken off leaves an index that \d shows as INVALID: drop that, and run it again.
--
-- Counts come from an index alone as long as autovacuum keeps up. If your tables are elsewhere
-- than in `public`, replace that name below; a view that a source maps wants them on its tables.

-- knowledgeDegradation: every entry in use is counted, from the index.
CREATE INDEX CONCURRENTLY IF NOT EXISTS knowledge_entries_in_use ON public.knowledge_entries (updated_at)
  WHERE status IS NULL OR status <> 'archived';

-- llmHallucination: the latest verified pieces of evidence.
CREATE INDEX CONCURRENTLY IF NOT EXISTS incident_evidence_latest
  ON public.incident_evidence (collected_at DESC NULLS LAST) INCLUDE (verification_result)
  WHERE verification_result IS NOT NULL;

-- executionBlastRadius: the latest repairs.
CREATE INDEX CONCURRENTLY IF NOT EXISTS auto_repair_executions_latest
  ON public.auto_repair_executions (created_at DESC NULLS LAST) INCLUDE (success);

-- trustDrift: every playbook in use is counted, from the index; the drifted ones are read.
CREATE INDEX CONCURRENTLY IF NOT EXISTS playbooks_in_use ON public.playbooks (trust_score)
  WHERE status IS NULL OR status NOT IN ('deprecated', 'archived');
