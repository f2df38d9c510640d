-- Make the partition of a month, of turns or of reads. ABORTED, after an instant: somebody holds a table.
-- scope: job
-- in: parent text, months_ahead int8
-- out: made int4
SELECT usher.ensure_partition($1, $2::int4)
