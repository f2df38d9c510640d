-- Everything that our schema is made of, one row an object, in words that a fresh schema has too.
-- Partitions are left out: they come by themselves. Grants are those to our roles and to all.
-- scope: platform
-- in: none
-- out: kind text, name text, definition text
WITH space AS (
	SELECT n.oid, n.nspacl, n.nspowner FROM pg_namespace n WHERE n.nspname = 'usher'
), relations AS (
	SELECT c.oid, c.relname, c.relkind, c.relacl, c.relowner, c.relpersistence, c.relrowsecurity
	FROM pg_class c
	JOIN space s ON s.oid = c.relnamespace
	WHERE NOT c.relispartition
), tables AS (
	SELECT r.oid, r.relname FROM relations r WHERE r.relkind IN ('r', 'p')
), functions AS (
	SELECT p.oid, p.proacl, p.proowner,
		format('usher.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS name
	FROM pg_proc p
	JOIN space s ON s.oid = p.pronamespace
), granted AS (
	SELECT format('%s ON SCHEMA usher', a.privilege_type) AS what, a.grantee, s.nspowner AS owner
	FROM space s, aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) a
	UNION ALL
	SELECT format('%s ON usher.%I', a.privilege_type, r.relname), a.grantee, r.relowner
	FROM relations r, aclexplode(r.relacl) a
	UNION ALL
	SELECT format('%s (%I) ON usher.%I', a.privilege_type, t.attname, r.relname), a.grantee, r.relowner
	FROM relations r
	JOIN pg_attribute t ON t.attrelid = r.oid, aclexplode(t.attacl) a
	UNION ALL
	SELECT format('%s ON FUNCTION %s', a.privilege_type, f.name), a.grantee, f.proowner
	FROM functions f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
), objects (kind, name, definition) AS (
	SELECT CASE r.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
			WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
			WHEN 'f' THEN 'foreign table' ELSE 'type' END,
		format('usher.%I', r.relname),
		concat_ws(' ', CASE r.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
			CASE WHEN r.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(r.oid) END,
			CASE WHEN r.relrowsecurity THEN 'ROW LEVEL SECURITY' END,
			CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END)
	FROM relations r
	WHERE r.relkind NOT IN ('i', 'I', 't')
	UNION ALL
	SELECT 'column', format('usher.%I.%I', t.relname, a.attname),
		concat_ws(' ', format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attcollation <> y.typcollation THEN
				'COLLATE ' || a.attcollation::regcollation::text END,
			CASE WHEN a.attnotnull THEN 'NOT NULL' END,
			CASE WHEN a.attidentity <> '' THEN 'GENERATED AS IDENTITY' END,
			CASE WHEN a.attgenerated <> '' THEN 'GENERATED ALWAYS AS' END,
			CASE WHEN a.attgenerated = '' AND d.oid IS NOT NULL THEN 'DEFAULT' END,
			pg_get_expr(d.adbin, d.adrelid))
	FROM tables t
	JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type y ON y.oid = a.atttypid
	LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	UNION ALL
	SELECT 'constraint', format('usher.%I.%I', t.relname, c.conname),
		regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '')
	FROM tables t
	JOIN pg_constraint c ON c.conrelid = t.oid
	WHERE c.contype IN ('p', 'u', 'f', 'c', 'x') AND c.conparentid = 0
	UNION ALL
	SELECT 'index', format('usher.%I', x.relname),
		replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
	FROM tables t
	JOIN pg_index i ON i.indrelid = t.oid
	JOIN pg_class x ON x.oid = i.indexrelid
	WHERE NOT EXISTS (SELECT FROM pg_constraint c
		WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
	UNION ALL
	SELECT 'trigger', format('usher.%I.%I', t.relname, g.tgname), pg_get_triggerdef(g.oid)
	FROM tables t
	JOIN pg_trigger g ON g.tgrelid = t.oid
	WHERE NOT g.tgisinternal
	UNION ALL
	SELECT 'policy', format('usher.%I.%I', t.relname, p.polname),
		concat_ws(' ', p.polcmd::text, pg_get_expr(p.polqual, p.polrelid),
			pg_get_expr(p.polwithcheck, p.polrelid))
	FROM tables t
	JOIN pg_policy p ON p.polrelid = t.oid
	UNION ALL
	SELECT 'type', format('usher.%I', y.typname), y.typtype::text
	FROM pg_type y
	JOIN space s ON s.oid = y.typnamespace
	WHERE y.typtype IN ('e', 'd', 'r', 'm')
	UNION ALL
	SELECT 'function', f.name,
		concat_ws(' ', pg_get_function_result(p.oid), 'LANGUAGE ' || l.lanname,
			CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' END,
			CASE WHEN p.proisstrict THEN 'STRICT' END,
			CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' END,
			CASE p.proparallel WHEN 's' THEN 'PARALLEL SAFE' END,
			'SET ' || array_to_string(p.proconfig, ' SET '),
			'BODY ' || md5(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)))
	FROM functions f
	JOIN pg_proc p ON p.oid = f.oid
	JOIN pg_language l ON l.oid = p.prolang
	UNION ALL
	SELECT 'grant', format('%s TO %s', g.what, coalesce(r.rolname, 'PUBLIC')), ''
	FROM granted g
	LEFT JOIN pg_roles r ON r.oid = g.grantee
	WHERE g.grantee <> g.owner AND (g.grantee = 0 OR r.rolname IN ('usher_app', 'usher_reader'))
)
SELECT o.kind, o.name COLLATE "C", regexp_replace(o.definition, '\s+', ' ', 'g')
FROM objects o
ORDER BY o.kind COLLATE "C", 2
