-- Keep versions of assembled contexts. Nothing happens for one that is kept, or whose user is gone.
-- They go in by one order, so that nobody who stores the same ones waits in a circle. The condition on
-- place is that of parents.sql: with it the plan is made once.
-- scope: org
-- in: org_id uuid, hashes bytea[], user_ids uuid[], contents bytea[]
-- out: none
INSERT INTO usher.blocks (org_id, hash, user_id, content)
SELECT $1, b.hash, u.id, b.content
FROM unnest($2, $3, $4) WITH ORDINALITY AS b (hash, user_id, content, place)
JOIN usher.users u ON u.org_id = $1 AND u.id = b.user_id
WHERE b.place BETWEEN 1 AND 1000
ORDER BY u.id, b.hash
ON CONFLICT (org_id, user_id, hash) DO NOTHING
