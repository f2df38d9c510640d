-- What rows are held to: foreign keys, and rules of ours that no key can say, each with its table and
-- the table's size (of a partitioned one: its largest partition's). In the order in which they are
-- looked at.
-- scope: platform
-- in: none
-- out: place text, relation text, name text, is_rule bool, blocks int8
SELECT w.place COLLATE "C", w.relation, w.name, w.is_rule, coalesce((
		SELECT max(pg_relation_size(p.relid))
		FROM pg_partition_tree(to_regclass('usher.' || quote_ident(w.relation))) p WHERE p.isleaf),
	pg_relation_size(to_regclass('usher.' || quote_ident(w.relation))), 0)
	/ current_setting('block_size')::int8
FROM (
	SELECT format('1 %s.%s', t.relname, c.conname) AS place, t.relname::text AS relation,
		c.conname::text AS name, false AS is_rule
	FROM pg_constraint c
	JOIN pg_class t ON t.oid = c.conrelid
	WHERE t.relnamespace = to_regnamespace('usher') AND NOT t.relispartition AND c.contype = 'f'
		AND c.conparentid = 0
	UNION ALL
	VALUES ('2 keys', 'api_keys', 'keys', true), ('2 members', 'account_users', 'members', true),
		('2 users', 'users', 'users', true)
) w
ORDER BY 1
