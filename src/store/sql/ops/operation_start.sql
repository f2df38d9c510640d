-- Begin an operation; no row when as many as there may be are open.
-- scope: org
-- in: org_id uuid, id uuid, kind text, parameters jsonb, started_by uuid, open_max int8
-- out: id uuid, org_id uuid, kind text, state int4, parameters jsonb, done int8, total int8, results int8,
--      error text, cancel_requested bool, started_by uuid, node_id uuid?, created_at timestamptz,
--      started_at timestamptz?, updated_at timestamptz, finished_at timestamptz?, expires_at timestamptz?
INSERT INTO usher.operations AS o (org_id, id, kind, parameters, started_by)
SELECT $1, $2, $3, $4, $5
WHERE (SELECT count(*) FROM usher.operations w WHERE w.org_id = $1 AND w.state <= 2) < $6
RETURNING o.id, o.org_id, o.kind, o.state::int4, o.parameters, o.done, o.total, o.results, o.error,
	o.cancel_requested_at IS NOT NULL, o.started_by, o.claimed_by, o.created_at, o.started_at,
	o.updated_at, o.finished_at, o.expires_at
