-- Our tables with their size and the server's estimate of their rows, partitions added up.
-- scope: platform
-- in: none
-- out: name text, rows int8, bytes int8
SELECT coalesce(p.relname, c.relname)::text AS name,
	sum(pg_stat_get_live_tuples(c.oid))::int8,
	sum(pg_total_relation_size(c.oid))::int8
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
WHERE c.relnamespace = 'usher'::regnamespace AND c.relkind = 'r'
GROUP BY 1
ORDER BY 1
