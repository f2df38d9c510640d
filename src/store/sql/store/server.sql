-- Which server this is: asked once a connection. pg_control_checkpoint() would lag behind a promotion.
-- scope: platform
-- in: none
-- out: system_identifier int8, timeline int8, started_at timestamptz
SELECT system_identifier,
       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8,
       pg_postmaster_start_time()
FROM pg_control_system()
