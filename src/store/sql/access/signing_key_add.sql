-- A new signing key.
-- scope: platform
-- in: kid text, public_pem text, private_sealed bytea, signs_seconds int8, verifies_seconds int8
-- out: none
INSERT INTO usher.signing_keys (kid, algorithm, public_pem, private_sealed, signs_until, verifies_until)
VALUES ($1, 'ES256', $2, $3, now() + make_interval(secs => $4), now() + make_interval(secs => $5))
