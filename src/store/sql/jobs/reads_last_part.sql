-- Of a batch of a spool the last part that is stored, by its number, which is above one and below another.
-- scope: job
-- in: spool_id uuid, above int8, below int8
-- out: part int8?
SELECT max(batch) FROM usher.read_batches WHERE spool_id = $1 AND batch > $2 AND batch < $3
