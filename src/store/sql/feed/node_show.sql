-- How far a node has come, at once, because a barrier may wait for it.
-- scope: platform
-- in: id uuid, epoch int8, snapshot text
-- out: none
UPDATE usher.nodes
SET epoch = $2, snapshot = $3::pg_snapshot, xmin_passed = pg_snapshot_xmin($3::pg_snapshot)
WHERE id = $1 AND set_config('synchronous_commit', 'off', true) IS NOT NULL
