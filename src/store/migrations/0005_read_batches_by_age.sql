-- The sweep looks for batches by their age: each minute it read all of a month's.
-- serves-from: 1
-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS read_batches_by_age ON usher.read_batches (stored_at);
