-- End a session; no row when it has ended already, and it keeps its time and reason.
-- scope: account
-- in: id uuid, reason text
-- out: id uuid
UPDATE usher.sessions SET revoked_at = now(), revoked_reason = $2
WHERE id = $1 AND revoked_at IS NULL
RETURNING id
