-- Each page of chatbots was sorted out of all that the organisation has.
-- serves-from: 1
-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS chatbots_by_age ON usher.chatbots (org_id, created_at, id);
