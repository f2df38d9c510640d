-- An operation.
-- scope: org
-- in: org_id uuid, id uuid
-- out: id uuid, org_id uuid, kind text, state int4, parameters jsonb, done int8, total int8, results int8,
--      error text, cancel_requested bool, started_by uuid, node_id uuid?, created_at timestamptz,
--      started_at timestamptz?, updated_at timestamptz, finished_at timestamptz?, expires_at timestamptz?
SELECT o.id, o.org_id, o.kind, o.state::int4, o.parameters, o.done, o.total, o.results, o.error,
	o.cancel_requested_at IS NOT NULL, o.started_by, o.claimed_by, o.created_at, o.started_at,
	o.updated_at, o.finished_at, o.expires_at
FROM usher.operations o
WHERE o.org_id = $1 AND o.id = $2
