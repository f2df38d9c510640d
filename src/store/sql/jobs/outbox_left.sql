-- Mail that does not leave: tried in vain, or not even tried for long; counted up to a limit.
-- scope: job
-- in: rows_max int8
-- out: mails int8
SELECT count(*)
FROM (
	SELECT
	FROM usher.mail_outbox
	WHERE expires_at > now() AND (attempts > 0 OR created_at < now() - interval '10 s')
	LIMIT $1) m
