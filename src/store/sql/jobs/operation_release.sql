-- Let others go on with an operation, not sooner than in so many seconds; error is why, or "".
-- scope: job
-- in: org_id uuid, id uuid, claims int8, wait_seconds int8, error text
-- out: none
UPDATE usher.operations o
SET claimed_by = NULL, claim_until = NULL, error = $5,
	next_try_at = now() + make_interval(secs => $4)
WHERE o.org_id = $1 AND o.id = $2 AND o.claims = $3 AND o.state = 2
