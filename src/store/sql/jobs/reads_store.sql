-- Store receipts. A nil UUID stands for none; block hashes are hex.
-- scope: job
-- in: org_ids uuid[], read_ids uuid[], key_ids uuid[], reader_ids uuid[], user_ids uuid[],
--     chatbot_ids uuid[], block_hashes text[], purposes text[], seconds int8[], reads int8[]
-- out: none
INSERT INTO usher.reads (org_id, read_id, key_id, reader_id, user_id, chatbot_id, block_hash, purpose,
	read_at, reads)
SELECT r.org_id, r.read_id,
	nullif(r.key_id, '00000000-0000-0000-0000-000000000000'),
	nullif(r.reader_id, '00000000-0000-0000-0000-000000000000'),
	r.user_id,
	nullif(r.chatbot_id, '00000000-0000-0000-0000-000000000000'),
	decode(r.block_hash, 'hex'), r.purpose, to_timestamp(r.second), r.reads
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS r (org_id, read_id, key_id, reader_id,
	user_id, chatbot_id, block_hash, purpose, second, reads)
