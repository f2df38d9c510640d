-- What stands behind a token whose signature is good: is its session in use, its account, its user
-- and its organisation, and what may that user do? keys_known: all of these signing keys still count.
-- scope: account
-- in: session_id uuid, account_id uuid, org_id uuid?, user_id uuid?, kids text[]
-- out: is_usable bool, expires_at timestamptz, authenticated_at timestamptz, second_factor bool,
--   roles text[], is_operator bool, platform_permissions text[], keys_known bool
SELECT s.revoked_at IS NULL
       AND s.expires_at > now()
       AND a.disabled_at IS NULL
       AND ($3::uuid IS NULL
            OR COALESCE(u.status = 1 AND o.disabled_at IS NULL AND o.deleted_at IS NULL, false)),
       s.expires_at, s.authenticated_at, s.second_factor,
       ARRAY(SELECT r.role FROM usher.user_roles r
             WHERE r.org_id = u.org_id AND r.user_id = u.id),
       p.account_id IS NOT NULL,
       COALESCE(p.permissions, '{}'),
       NOT EXISTS (
           SELECT FROM unnest($5::text[]) AS ring (kid)
           WHERE NOT EXISTS (SELECT FROM usher.signing_keys k
                             WHERE k.kid = ring.kid AND k.verifies_until > now()))
FROM usher.sessions s
JOIN usher.accounts a ON a.id = s.account_id
LEFT JOIN usher.users u ON u.org_id = $3 AND u.id = $4 AND u.account_id = s.account_id
LEFT JOIN usher.orgs o ON o.id = u.org_id
LEFT JOIN usher.platform_operators p ON p.account_id = s.account_id
WHERE s.id = $1 AND s.account_id = $2
