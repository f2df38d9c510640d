-- Until the end of the transaction a statement may take this long. Without BEGIN, all up to
-- the pipeline's Sync is one transaction, so the setting reaches the statement behind it and no other.
-- scope: platform
-- in: milliseconds text
-- out: milliseconds text
SELECT set_config('statement_timeout', $1, true)
