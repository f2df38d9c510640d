-- Where this connection leads; host is NULL for a Unix socket.
-- scope: platform
-- in: none
-- out: host text?, port text, database text, role text, server_version text
SELECT host(inet_server_addr()), current_setting('port'), current_database()::text,
	current_user::text, current_setting('server_version')
