-- A node lives, and has come this far; and what time it is. Nobody's life hangs on its reaching the disk: after a crash
-- the row only seems older than it is.
-- scope: platform
-- in: id uuid, renewals int8, epoch int8, snapshot text?
-- out: now timestamptz
UPDATE usher.nodes
SET renewals = $2, epoch = $3, snapshot = $4::pg_snapshot,
    xmin_passed = COALESCE(pg_snapshot_xmin($4::pg_snapshot), '0'), renewed_at = now()
WHERE id = $1 AND set_config('synchronous_commit', 'off', true) IS NOT NULL
RETURNING clock_timestamp()
