-- Retention looks for blocks by when they were last in use.
-- serves-from: 1
-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS blocks_by_use ON usher.blocks (used_at);
