-- Remove rows of dead nodes, and a batch of the changes that every other node has read, in one
-- statement: a node whose row is there has missed nothing. A node that came back meanwhile has counted
-- up, is not removed, and so still holds the changes. So go those that came with another server's dump,
-- whose numbers have not been given here yet. What another node removes at this moment is left to it.
-- scope: job
-- in: dead uuid[], dead_renewals int8[], rows_max int8
-- out: changes int8, nodes int8
WITH removed AS (
	DELETE FROM usher.nodes n
	USING unnest($1::uuid[], $2::int8[]) AS dead (id, renewals)
	WHERE n.id = dead.id AND n.renewals = dead.renewals
	RETURNING n.id
), pruned AS (
	DELETE FROM usher.changes
	WHERE ctid = ANY (ARRAY(
		SELECT ctid
		FROM usher.changes
		WHERE xid < (
			SELECT LEAST(min(xmin_passed), pg_snapshot_xmin(pg_current_snapshot()))
			FROM usher.nodes
			WHERE id NOT IN (SELECT id FROM removed))
		ORDER BY xid
		LIMIT $3
		FOR UPDATE SKIP LOCKED))
	OR ctid = ANY (ARRAY(
		SELECT ctid
		FROM usher.changes
		WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())
		ORDER BY xid
		LIMIT $3
		FOR UPDATE SKIP LOCKED))
	RETURNING xid
)
SELECT (SELECT count(*) FROM pruned), (SELECT count(*) FROM removed)
