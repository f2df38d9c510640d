-- Make a key, a chatbot's or (without one) a service's, and its way from id to organisation.
-- scope: platform
-- in: org_id uuid, id uuid, chatbot_id uuid?, display_name text, prefix text, secret_hash bytea, scopes text[], default_user_id uuid?
-- out: none
WITH made AS (
	INSERT INTO usher.api_keys (org_id, id, chatbot_id, display_name, prefix, secret_hash, scopes,
		default_user_id)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
)
INSERT INTO usher.key_directory (key_id, org_id) VALUES ($2, $1)
