-- What is known of a key with that secret: is it a service's of the platform, and does it work?
-- scope: directory
-- in: id uuid, secret_hash bytea
-- out: known bool, fits bool, works bool
SELECT count(*) > 0 AS known,
	coalesce(bool_and(o.is_system AND k.chatbot_id IS NULL), false) AS fits,
	coalesce(bool_and(k.revoked_at IS NULL
		AND (k.expires_at IS NULL OR k.expires_at > now())), false) AS works
FROM usher.key_directory AS d
JOIN usher.api_keys AS k ON k.org_id = d.org_id AND k.id = d.key_id
JOIN usher.orgs AS o ON o.id = k.org_id
WHERE d.key_id = $1 AND k.secret_hash = $2
