-- One row of audit, and the address that it came from apart from it.
-- scope: platform
-- in: id uuid, org_id uuid?, actor_kind int4, account_id uuid?, user_id uuid?, key_id uuid?, action text, subject_id uuid?, outcome int4, reason text, request_id text, client_ip text, user_agent text
-- out: none
WITH row AS (
	INSERT INTO usher.audit (id, org_id, actor_kind, account_id, user_id, key_id, action,
		subject_id, outcome, reason, request_id)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
	RETURNING id, at)
INSERT INTO usher.audit_addresses (audit_id, at, client_ip, user_agent)
SELECT id, at, $12, $13 FROM row
