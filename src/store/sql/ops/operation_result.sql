-- What an operation has found, behind after_seq.
-- scope: org
-- in: org_id uuid, operation_id uuid, after_seq int8, count_max int8
-- out: seq int8, item jsonb
SELECT r.seq, r.item
FROM usher.operation_results r
WHERE r.org_id = $1 AND r.operation_id = $2 AND r.seq > $3
ORDER BY r.seq
LIMIT $4
