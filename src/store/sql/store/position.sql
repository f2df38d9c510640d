-- This transaction's number and where it stands: for a pooler, behind which each transaction may
-- meet another server.
-- scope: platform
-- in: none
-- out: xid int8, system_identifier int8, timeline int8, started_at timestamptz
SELECT pg_current_xact_id()::text::int8,
       system_identifier,
       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8,
       pg_postmaster_start_time()
FROM pg_control_system()
