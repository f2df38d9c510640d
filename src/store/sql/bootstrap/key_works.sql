-- Is a key there, with that secret, and neither revoked nor expired?
-- scope: directory
-- in: id uuid, secret_hash bytea
-- out: works bool
SELECT EXISTS (
	SELECT FROM usher.key_directory AS d
	JOIN usher.api_keys AS k ON k.org_id = d.org_id AND k.id = d.key_id
	WHERE d.key_id = $1 AND k.secret_hash = $2 AND k.revoked_at IS NULL
	  AND (k.expires_at IS NULL OR k.expires_at > now())
) AS works
