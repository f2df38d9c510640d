-- The keys that tokens may be signed with, newest first.
-- scope: platform
-- in: none
-- out: kid text, private_sealed bytea, created_at timestamptz, signs_until timestamptz,
--   verifies_until timestamptz, now timestamptz
SELECT kid, private_sealed, created_at, signs_until, verifies_until, now()
FROM usher.signing_keys
WHERE verifies_until > now()
ORDER BY created_at DESC, kid
LIMIT 8
