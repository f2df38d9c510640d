-- Keep versions of assembled contexts, or say that they are in use: each day is often enough for
-- jobs/retain_blocks, and half of one spares nodes that say so at the same time. Nothing happens for
-- users who are gone.
-- Those of which it is said already are left alone: a conflict locks their rows first, which would have to
-- be written, and waited for, at each commit.
-- They go in by one order, so that nobody who stores the same ones waits in a circle. The condition on
-- place is that of parents.sql: with it the plan is made once.
-- scope: org
-- in: org_id uuid, hashes bytea[], user_ids uuid[], contents bytea[]
-- out: none
INSERT INTO usher.blocks AS kept (org_id, hash, user_id, content)
SELECT $1, b.hash, u.id, b.content
FROM unnest($2, $3, $4) WITH ORDINALITY AS b (hash, user_id, content, place)
JOIN usher.users u ON u.org_id = $1 AND u.id = b.user_id
WHERE b.place BETWEEN 1 AND 1000 AND NOT EXISTS (
	SELECT FROM usher.blocks said
	WHERE said.org_id = $1 AND said.user_id = u.id AND said.hash = b.hash
		AND said.used_at >= now() - interval '12 hours')
ORDER BY u.id, b.hash
ON CONFLICT (org_id, user_id, hash) DO UPDATE SET used_at = now()
WHERE kept.org_id = $1 AND kept.used_at < now() - interval '12 hours'
