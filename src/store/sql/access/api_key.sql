-- Presented keys: what is stored of them, and whether each, its organisation and its chatbot are in use.
-- Rows come in any order, and one for each time that a key is asked for.
-- The condition on place: as in context/parents.
-- scope: directory
-- in: key_ids uuid[]
-- out: key_id uuid, org_id uuid, chatbot_id uuid?, secret_hash bytea, scopes text[],
--   default_user_id uuid?, bound_user_id uuid?, allowed_networks text[], requests_per_minute int8,
--   requests_per_day int8, expires_at timestamptz?, is_system bool, is_usable bool
SELECT d.key_id, k.org_id, k.chatbot_id, k.secret_hash, k.scopes, k.default_user_id,
       k.bound_user_id, k.allowed_networks, k.requests_per_minute, k.requests_per_day,
       k.expires_at, o.is_system,
       k.revoked_at IS NULL
       AND COALESCE(k.expires_at > now(), true)
       AND o.disabled_at IS NULL AND o.deleted_at IS NULL
       AND b.disabled_at IS NULL
FROM unnest($1) WITH ORDINALITY AS asked (key_id, place)
JOIN usher.key_directory d ON d.key_id = asked.key_id
JOIN usher.api_keys k ON k.org_id = d.org_id AND k.id = d.key_id
JOIN usher.orgs o ON o.id = d.org_id
LEFT JOIN usher.chatbots b ON b.org_id = k.org_id AND b.id = k.chatbot_id
WHERE asked.place BETWEEN 1 AND 1000
