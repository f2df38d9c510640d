-- What contexts are made of, in the order asked: users, each by id or (id is nil) by external_id, with
-- their profiles, and a chatbot each, by id or alias (nil and empty: none).
-- The condition on place holds for all that may be asked at once. Without it the planner takes a
-- plan for any array to be ten times as dear as one for the array at hand, and plans each call anew,
-- which takes five times as long as the rest.
-- scope: org
-- in: org_id uuid, chatbot_ids uuid[], chatbot_aliases text[], user_ids uuid[], external_ids text[]
-- out: id uuid?, org_id uuid?, external_id text?, display_name text?, email text?, status int4?,
--      roles text[], locale text?, time_zone text?, has_account bool, version int8?,
--      created_at timestamptz?, updated_at timestamptz?,
--      chatbot_id uuid?, chatbot_org_id uuid?, chatbot_alias text?, chatbot_name text?,
--      instructions text?, chatbot_disabled bool, chatbot_version int8?,
--      chatbot_created_at timestamptz?, chatbot_updated_at timestamptz?,
--      company text?, role text?, about text?, preferences jsonb?, profile_data jsonb?,
--      trust_company int4, trust_role int4, trust_about int4, trust_preferences int4,
--      trust_profile_data int4
SELECT u.id, u.org_id, u.external_id, u.display_name, u.email, u.status::int4,
	ARRAY(SELECT r.role FROM usher.user_roles r WHERE r.org_id = $1 AND r.user_id = u.id
		ORDER BY r.role),
	u.locale, u.time_zone, u.account_id IS NOT NULL, u.version, u.created_at, u.updated_at,
	c.id, c.org_id, c.alias, c.display_name, c.instructions, c.disabled_at IS NOT NULL,
	c.version, c.created_at, c.updated_at,
	p.company, p.role, p.about, p.preferences, p.profile_data,
	coalesce((p.trust->>'company')::int4, 0), coalesce((p.trust->>'role')::int4, 0),
	coalesce((p.trust->>'about')::int4, 0), coalesce((p.trust->>'preferences')::int4, 0),
	coalesce((p.trust->>'profile_data')::int4, 0)
FROM unnest($2, $3, $4, $5) WITH ORDINALITY
	AS asked (chatbot_id, chatbot_alias, id, external_id, place)
LEFT JOIN usher.users u ON u.org_id = $1
	AND u.id = coalesce(nullif(asked.id, '00000000-0000-0000-0000-000000000000'),
		(SELECT named.id FROM usher.users named
			WHERE named.org_id = $1 AND named.external_id = nullif(asked.external_id, '')))
LEFT JOIN usher.chatbots c ON c.org_id = $1
	AND (c.id = nullif(asked.chatbot_id, '00000000-0000-0000-0000-000000000000')
		OR c.alias = nullif(asked.chatbot_alias, ''))
LEFT JOIN usher.profiles p ON p.org_id = $1 AND p.user_id = u.id
WHERE asked.place BETWEEN 1 AND 1000
ORDER BY asked.place
