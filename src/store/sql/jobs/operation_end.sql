-- An operation has ended: state is one of SUCCEEDED, FAILED, CANCELLED.
-- scope: job
-- in: org_id uuid, id uuid, claims int8, state int4, error text, keep_seconds int8
-- out: id uuid
UPDATE usher.operations o
SET state = $4, error = $5, claimed_by = NULL, claim_until = NULL, updated_at = now(),
	finished_at = now(), expires_at = now() + make_interval(secs => $6)
WHERE o.org_id = $1 AND o.id = $2 AND o.claims = $3 AND o.state = 2
RETURNING o.id
