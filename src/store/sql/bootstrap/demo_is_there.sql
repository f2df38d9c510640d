-- Is what a demo file names in this database?
-- scope: platform
-- in: org_id uuid, chatbot_id uuid, user_id uuid
-- out: there bool
SELECT EXISTS (SELECT FROM usher.chatbots WHERE org_id = $1 AND id = $2)
   AND EXISTS (SELECT FROM usher.users WHERE org_id = $1 AND id = $3) AS there
