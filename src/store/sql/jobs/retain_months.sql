-- Drop the oldest month of receipts if all of it is older than that, and nobody has it open.
-- scope: job
-- in: seconds int8
-- out: dropped int4
SELECT usher.drop_due_reads($1)
