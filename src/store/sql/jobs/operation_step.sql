-- A step is done, and where the next one begins; no row when the operation is another node's by now.
-- scope: job
-- in: org_id uuid, id uuid, claims int8, position text, done int8, total int8, results int8,
--     claim_seconds int8
-- out: cancel_requested bool
UPDATE usher.operations o
SET position = $4, done = $5, total = $6, results = $7, attempts = 0, error = '', updated_at = now(),
	claim_until = now() + make_interval(secs => $8)
WHERE o.org_id = $1 AND o.id = $2 AND o.claims = $3 AND o.state = 2
RETURNING o.cancel_requested_at IS NOT NULL
