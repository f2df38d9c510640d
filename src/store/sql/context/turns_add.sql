-- Append turns to a conversation; '' for attributes stands for none.
-- scope: org
-- in: org_id uuid, conversation_id uuid, first_seq int8, roles int8[], bodies text[],
--     attributes text[], tokens int8[]
-- out: none
INSERT INTO usher.turns (org_id, conversation_id, seq, role, body, attributes, tokens)
SELECT $1, $2, $3 + t.place - 1, t.role::int2, t.body, nullif(t.attributes, '')::jsonb,
	t.tokens::int4
FROM unnest($4, $5, $6, $7) WITH ORDINALITY AS t (role, body, attributes, tokens, place)
