-- Mark a batch of a spool as stored. No row: it was before.
-- scope: job
-- in: spool_id uuid, batch int8
-- out: batch int8
INSERT INTO usher.read_batches (spool_id, batch) VALUES ($1, $2)
ON CONFLICT (spool_id, batch) DO NOTHING
RETURNING batch
