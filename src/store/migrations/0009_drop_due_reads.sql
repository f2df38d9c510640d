-- Receipts that are due go by whole months where they can: row by row each was found, locked and written once more.
-- serves-from: 1

-- Drop the oldest month of receipts if all of it is older than that; answers how many were dropped. usher_app
-- may not drop tables itself; the rows it may remove. Nobody waits for this, nor behind it: if somebody has the
-- table or the month open, nothing is dropped, and the caller removes rows.
CREATE FUNCTION usher.drop_due_reads(seconds bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	label text;
BEGIN
	IF seconds < 0 THEN
		RAISE EXCEPTION 'seconds must be 0 or more' USING ERRCODE = '22023';
	END IF;
	SELECT m.name INTO label
	FROM (
		SELECT c.relname AS name, (regexp_match(pg_get_expr(c.relpartbound, c.oid),
			'TO \(''([^'']+)''\)$'))[1]::timestamptz AS high
		FROM pg_inherits i
		JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'usher.reads'::regclass
	) m
	WHERE m.high <= now() - make_interval(secs => seconds)
	ORDER BY m.high
	LIMIT 1;
	IF label IS NULL THEN
		RETURN 0;
	END IF;
	LOCK TABLE ONLY usher.reads IN ACCESS EXCLUSIVE MODE NOWAIT;
	/* To drop a partition locks the default one too, and would wait for it with all others behind. */
	LOCK TABLE usher.reads_default IN ACCESS EXCLUSIVE MODE NOWAIT;
	EXECUTE format('LOCK TABLE usher.%I IN ACCESS EXCLUSIVE MODE NOWAIT', label);
	EXECUTE format('DROP TABLE usher.%I', label);
	RETURN 1;
EXCEPTION
	WHEN lock_not_available THEN
		RETURN 0;
END $$;
REVOKE ALL ON FUNCTION usher.drop_due_reads(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usher.drop_due_reads(bigint) TO usher_app;
