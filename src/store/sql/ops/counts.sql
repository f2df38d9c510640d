-- How many rows our tables have, counted: a scan each.
-- scope: platform
-- in: none
-- out: name text, rows int8
SELECT 'account_users', count(*) FROM usher.account_users
UNION ALL
SELECT 'accounts', count(*) FROM usher.accounts
UNION ALL
SELECT 'api_keys', count(*) FROM usher.api_keys
UNION ALL
SELECT 'audit', count(*) FROM usher.audit
UNION ALL
SELECT 'audit_addresses', count(*) FROM usher.audit_addresses
UNION ALL
SELECT 'blocks', count(*) FROM usher.blocks
UNION ALL
SELECT 'changes', count(*) FROM usher.changes
UNION ALL
SELECT 'chatbots', count(*) FROM usher.chatbots
UNION ALL
SELECT 'conversations', count(*) FROM usher.conversations
UNION ALL
SELECT 'idempotency', count(*) FROM usher.idempotency
UNION ALL
SELECT 'key_directory', count(*) FROM usher.key_directory
UNION ALL
SELECT 'mail_outbox', count(*) FROM usher.mail_outbox
UNION ALL
SELECT 'nodes', count(*) FROM usher.nodes
UNION ALL
SELECT 'operation_results', count(*) FROM usher.operation_results
UNION ALL
SELECT 'operations', count(*) FROM usher.operations
UNION ALL
SELECT 'orgs', count(*) FROM usher.orgs
UNION ALL
SELECT 'passwords', count(*) FROM usher.passwords
UNION ALL
SELECT 'platform_operators', count(*) FROM usher.platform_operators
UNION ALL
SELECT 'profiles', count(*) FROM usher.profiles
UNION ALL
SELECT 'quota_usage', count(*) FROM usher.quota_usage
UNION ALL
SELECT 'read_batches', count(*) FROM usher.read_batches
UNION ALL
SELECT 'reads', count(*) FROM usher.reads
UNION ALL
SELECT 'refresh_tokens', count(*) FROM usher.refresh_tokens
UNION ALL
SELECT 'schema_migrations', count(*) FROM usher.schema_migrations
UNION ALL
SELECT 'sessions', count(*) FROM usher.sessions
UNION ALL
SELECT 'signing_keys', count(*) FROM usher.signing_keys
UNION ALL
SELECT 'signups', count(*) FROM usher.signups
UNION ALL
SELECT 'throttles', count(*) FROM usher.throttles
UNION ALL
SELECT 'turns', count(*) FROM usher.turns
UNION ALL
SELECT 'user_roles', count(*) FROM usher.user_roles
UNION ALL
SELECT 'users', count(*) FROM usher.users
ORDER BY 1
