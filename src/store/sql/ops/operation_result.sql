-- What an operation has found, behind after_seq: so many, and of so many bytes together, but one at
-- least; is_more tells whether others follow it.
-- scope: org
-- in: org_id uuid, operation_id uuid, after_seq int8, count_max int8, bytes_max int8
-- out: seq int8, item jsonb, is_more bool
SELECT p.seq, p.item, p.is_more
FROM (
	SELECT r.seq, r.item,
		lead(r.seq) OVER ahead IS NOT NULL AS is_more,
		row_number() OVER ahead AS place,
		sum(octet_length(r.item::text)) OVER ahead AS bytes
	FROM usher.operation_results r
	WHERE r.org_id = $1 AND r.operation_id = $2 AND r.seq > $3
	WINDOW ahead AS (ORDER BY r.seq ROWS UNBOUNDED PRECEDING)
	ORDER BY r.seq
	LIMIT $4
) p
WHERE p.place = 1 OR p.bytes <= $5
ORDER BY p.seq
