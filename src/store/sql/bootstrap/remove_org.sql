-- Remove the self-test's chatbots and keys, and close its organisation.
-- scope: platform
-- in: org_id uuid
-- out: none
WITH bots AS (
	DELETE FROM usher.chatbots WHERE org_id = $1
)
UPDATE usher.orgs SET deleted_at = now(), version = version + 1 WHERE id = $1
