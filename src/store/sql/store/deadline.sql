-- So long may a statement take from here on: until the end of the transaction, or (not is_local) for
-- good, if the transaction is committed. Without BEGIN, all up to the pipeline's Sync is one.
-- scope: platform
-- in: milliseconds text, is_local bool
-- out: milliseconds text
SELECT set_config('statement_timeout', $1, $2)
