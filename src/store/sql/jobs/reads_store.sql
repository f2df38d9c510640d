-- Store a part of a spool's receipts, unless that has been done before. A nil UUID stands for none; block
-- hashes are hex.
-- scope: job
-- in: spool_id uuid, part int8, org_ids uuid[], read_ids uuid[], key_ids uuid[], reader_ids uuid[],
--     user_ids uuid[], chatbot_ids uuid[], block_hashes text[], purposes text[], seconds int8[],
--     reads int8[]
-- out: is_new bool
WITH part AS (
	INSERT INTO usher.read_batches (spool_id, batch) VALUES ($1, $2)
	ON CONFLICT (spool_id, batch) DO NOTHING
	RETURNING batch
), stored AS (
	INSERT INTO usher.reads (org_id, read_id, key_id, reader_id, user_id, chatbot_id, block_hash,
		purpose, read_at, reads)
	SELECT r.org_id, r.read_id,
		nullif(r.key_id, '00000000-0000-0000-0000-000000000000'),
		nullif(r.reader_id, '00000000-0000-0000-0000-000000000000'),
		r.user_id,
		nullif(r.chatbot_id, '00000000-0000-0000-0000-000000000000'),
		decode(r.block_hash, 'hex'), r.purpose, to_timestamp(r.second), r.reads
	FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS r (org_id, read_id, key_id, reader_id,
		user_id, chatbot_id, block_hash, purpose, second, reads)
	WHERE EXISTS (SELECT FROM part)
)
SELECT EXISTS (SELECT FROM part)
