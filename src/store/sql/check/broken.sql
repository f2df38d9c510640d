-- What is there and does not do what it is there for, partitions too; and roles that may more than
-- they should. kind: index, constraint, trigger, role.
-- scope: platform
-- in: none
-- out: kind text, relation text, name text, detail text
SELECT 'index', format('usher.%I', t.relname), format('usher.%I', x.relname), ''
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = to_regnamespace('usher')
	AND NOT (i.indisvalid AND i.indisready AND i.indislive)
UNION ALL
SELECT 'constraint', format('usher.%I', t.relname), quote_ident(c.conname), ''
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid
WHERE t.relnamespace = to_regnamespace('usher') AND NOT c.convalidated
UNION ALL
SELECT 'trigger', format('usher.%I', t.relname), quote_ident(coalesce(c.conname, g.tgname)), ''
FROM pg_trigger g
JOIN pg_class t ON t.oid = g.tgrelid
LEFT JOIN pg_constraint c ON c.oid = g.tgconstraint
WHERE t.relnamespace = to_regnamespace('usher') AND g.tgenabled NOT IN ('O', 'A')
GROUP BY t.relname, coalesce(c.conname, g.tgname)
UNION ALL
SELECT 'role', '', w.rolname, 'does not exist'
FROM (VALUES ('usher_app'), ('usher_reader')) AS w (rolname)
WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = w.rolname)
UNION ALL
SELECT 'role', '', r.rolname, concat_ws(', ',
	CASE WHEN r.rolsuper THEN 'is a superuser' END,
	CASE WHEN r.rolcreaterole THEN 'may make roles' END,
	CASE WHEN r.rolcreatedb THEN 'may make databases' END,
	CASE WHEN r.rolreplication THEN 'may replicate' END,
	CASE WHEN r.rolbypassrls THEN 'passes by row security' END,
	CASE WHEN o.owns THEN 'owns tables of the schema, or belongs to a role that does' END)
FROM pg_roles r, LATERAL (
	SELECT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace('usher')
		AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS owns) o
WHERE r.rolname IN ('usher_app', 'usher_reader')
	AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
		OR o.owns)
ORDER BY 1, 2, 3
