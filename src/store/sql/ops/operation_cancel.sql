-- End an operation: one that nobody has begun at once, another after the step that is under way. No
-- row when it has ended.
-- scope: org
-- in: org_id uuid, id uuid, keep_seconds int8
-- out: id uuid, org_id uuid, kind text, state int4, parameters jsonb, done int8, total int8, results int8,
--      error text, cancel_requested bool, started_by uuid, node_id uuid?, created_at timestamptz,
--      started_at timestamptz?, updated_at timestamptz, finished_at timestamptz?, expires_at timestamptz?
UPDATE usher.operations o
SET cancel_requested_at = coalesce(o.cancel_requested_at, now()), updated_at = now(),
	state = CASE o.state WHEN 1 THEN 5 ELSE o.state END,
	finished_at = CASE o.state WHEN 1 THEN now() END,
	expires_at = CASE o.state WHEN 1 THEN now() + make_interval(secs => $3) END
WHERE o.org_id = $1 AND o.id = $2 AND o.state <= 2
RETURNING o.id, o.org_id, o.kind, o.state::int4, o.parameters, o.done, o.total, o.results, o.error,
	o.cancel_requested_at IS NOT NULL, o.started_by, o.claimed_by, o.created_at, o.started_at,
	o.updated_at, o.finished_at, o.expires_at
