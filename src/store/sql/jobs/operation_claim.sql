-- Take the open operation that has waited longest, of kinds that this node knows: one that nobody works
-- on, or whose node is dead or late. Numbers each claim, so that a step of an older one does not count.
-- scope: job
-- in: node_id uuid, kinds text[], claim_seconds int8
-- out: org_id uuid, id uuid, kind text, parameters jsonb, position text, done int8, total int8,
--      results int8, claims int8, attempts int4, cancel_requested bool
UPDATE usher.operations o
SET state = 2, claimed_by = $1, claims = o.claims + 1,
	claim_until = now() + make_interval(secs => $3), attempts = o.attempts + 1,
	started_at = coalesce(o.started_at, now()), updated_at = now()
WHERE (o.org_id, o.id) = (
	SELECT w.org_id, w.id
	FROM usher.operations w
	WHERE w.state <= 2 AND w.kind = ANY ($2) AND w.next_try_at <= now()
		AND (w.claimed_by IS NULL OR w.claimed_by = $1 OR w.claim_until < now()
			OR NOT EXISTS (SELECT FROM usher.nodes n
				WHERE n.id = w.claimed_by AND n.renewed_at > now() - interval '10 s'))
	ORDER BY w.updated_at
	LIMIT 1
	FOR UPDATE SKIP LOCKED)
RETURNING o.org_id, o.id, o.kind, o.parameters, o.position, o.done, o.total, o.results, o.claims,
	o.attempts, o.cancel_requested_at IS NOT NULL
