-- This transaction's number.
-- scope: platform
-- in: none
-- out: xid int8
SELECT pg_current_xact_id()::text::int8
