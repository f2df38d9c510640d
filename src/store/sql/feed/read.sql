-- What has changed since the last read: the snapshot, the server, whether this node's row is still
-- there, and the changes of transactions that this snapshot sees and the last one did not.
-- One statement, so all of it is one moment. A row that is seen is below this snapshot's xmax; it is
-- new when it is not below the last one's, or was among those running then. Rows above came with a
-- dump of another server: those numbers have not been given here.
-- recovered_at, started_at: statistics are reset by every recovery from a crash, and a copy of the
-- server's files can be put back only while it is down. Behind either, transaction numbers may be
-- given a second time.
-- scope: platform
-- in: last_xmax int8, last_running text[], node_id uuid
-- out: snapshot text, system_identifier int8, timeline int8, recovered_at timestamptz?,
--   started_at timestamptz, node_found bool, kind int4?, id uuid?, org_id uuid?, restricts bool?, xid int8?
SELECT s.snapshot::text, s.system_identifier, s.timeline, s.recovered_at,
       pg_postmaster_start_time(), s.node_found,
       c.kind::int4, c.id, c.org_id, c.restricts, c.xid::text::int8
FROM (
	SELECT pg_current_snapshot() AS snapshot,
	       system_identifier,
	       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 AS timeline,
	       (SELECT stats_reset FROM pg_stat_wal) AS recovered_at,
	       EXISTS (SELECT FROM usher.nodes WHERE id = $3) AS node_found
	FROM pg_control_system()
) s
LEFT JOIN usher.changes c
	ON (c.xid >= $1::text::xid8 AND c.xid < pg_snapshot_xmax(pg_current_snapshot()))
	OR c.xid = ANY ($2::xid8[])
LIMIT 10001
