-- End a session; one that has ended keeps its time and reason.
-- scope: account
-- in: id uuid, reason text
-- out: none
UPDATE usher.sessions SET revoked_at = now(), revoked_reason = $2
WHERE id = $1 AND revoked_at IS NULL
