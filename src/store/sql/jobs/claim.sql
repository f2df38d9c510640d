-- Is this node the one that does a job now? Until the end of the transaction.
-- scope: job
-- in: key int8
-- out: claimed bool
SELECT pg_try_advisory_xact_lock($1)
