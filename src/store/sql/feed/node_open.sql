-- A node begins, or begins again after its row was removed.
-- scope: platform
-- in: id uuid, renewals int8, version int4, urls text
-- out: none
INSERT INTO usher.nodes (id, epoch, renewals, xmin_passed, version, urls)
VALUES ($1, 0, $2, '0', $3, $4)
ON CONFLICT (id) DO UPDATE
SET epoch = 0, renewals = EXCLUDED.renewals, xmin_passed = '0', snapshot = NULL, renewed_at = now()
