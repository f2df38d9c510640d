-- Make a chatbot.
-- scope: platform
-- in: org_id uuid, id uuid, alias text, display_name text, instructions text
-- out: none
INSERT INTO usher.chatbots (org_id, id, alias, display_name, instructions)
VALUES ($1, $2, $3, $4, $5)
