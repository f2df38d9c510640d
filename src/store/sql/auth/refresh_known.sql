-- Which of these refresh tokens there are, whatever has become of them: the secret is their own.
-- place: which one it is, from 1. The condition on it: as in context/parents.
-- scope: directory
-- in: ids uuid[], secret_hashes bytea[]
-- out: place int8
SELECT asked.place
FROM unnest($1, $2) WITH ORDINALITY AS asked (id, secret_hash, place)
JOIN usher.refresh_tokens t ON t.id = asked.id AND t.secret_hash = asked.secret_hash
WHERE asked.place BETWEEN 1 AND 1000
