-- Make the partitions of this month and the next ones.
-- scope: job
-- in: months_ahead int8
-- out: made int4
SELECT usher.ensure_partitions($1::int4)
