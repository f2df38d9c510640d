-- A mail has been delivered.
-- scope: job
-- in: id uuid
-- out: none
DELETE FROM usher.mail_outbox WHERE id = $1
