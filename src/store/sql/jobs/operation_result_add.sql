-- One item of an operation's result.
-- scope: job
-- in: org_id uuid, operation_id uuid, seq int8, item jsonb
-- out: none
INSERT INTO usher.operation_results (org_id, operation_id, seq, item) VALUES ($1, $2, $3, $4)
