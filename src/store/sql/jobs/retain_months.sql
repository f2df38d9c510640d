-- Drop the oldest month of receipts if all of it is older than that, and nobody has it open; and how many were in it,
-- as PostgreSQL estimates it: to count them would take as long as to remove them. No row: no month is that old.
-- scope: job
-- in: seconds int8
-- out: dropped int4, receipts int8
SELECT usher.drop_due_reads($1), oldest.receipts
FROM (
	SELECT greatest(c.reltuples, 1)::int8 AS receipts,
		(regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)$'))[1]::timestamptz AS high
	FROM pg_inherits i
	JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhparent = 'usher.reads'::regclass
	ORDER BY high
	LIMIT 1
) oldest
WHERE oldest.high <= now() - make_interval(secs => $1)
