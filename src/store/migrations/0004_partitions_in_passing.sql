-- Partitions are made without keeping anybody from the table that they belong to.
-- serves-from: 1

-- Make the partition of a month, of turns or of reads; usher_app may not create tables itself. Answers
-- how many were made. What is made here is attached: CREATE TABLE ... PARTITION OF would take the
-- parent from everybody, and while it waits for one who reads it (a backup), all others wait behind it.
-- The default partition has to be had for an instant all the same, and conversations be written by
-- nobody, so this gives up soon, and its caller tries again minutes later: there are months of time.
-- A month that has rows in the default partition already (nobody made it in time) stays there.
CREATE FUNCTION usher.ensure_partition(parent text, months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '300ms' AS $$
DECLARE
	first   timestamptz := (date_trunc('month', now() AT TIME ZONE 'UTC')
		+ make_interval(months => months_ahead)) AT TIME ZONE 'UTC';
	next    timestamptz := (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
	label   text := parent || '_' || to_char(first AT TIME ZONE 'UTC', 'YYYYMM');
	key     text;
	low     text;
	high    text;
	is_late boolean;
BEGIN
	IF months_ahead NOT BETWEEN 0 AND 24 THEN
		RAISE EXCEPTION 'months_ahead must be 0 to 24' USING ERRCODE = '22023';
	END IF;
	CASE parent
	WHEN 'turns' THEN
		key := 'conversation_id';
		low := usher.uuid_floor(first);
		high := usher.uuid_floor(next);
	WHEN 'reads' THEN
		key := 'read_at';
		low := first;
		high := next;
	ELSE
		RAISE EXCEPTION 'only turns and reads have partitions' USING ERRCODE = '22023';
	END CASE;
	-- One maker at a time.
	PERFORM pg_advisory_xact_lock(7020181);
	IF to_regclass(format('usher.%I', label)) IS NOT NULL THEN
		RETURN 0;
	END IF;
	EXECUTE format('SELECT EXISTS (SELECT FROM usher.%I WHERE %2$I >= %3$L AND %2$I < %4$L)',
		parent || '_default', key, low, high) INTO is_late;
	IF is_late THEN
		RETURN 0;
	END IF;
	EXECUTE format('CREATE TABLE usher.%I (LIKE usher.%I INCLUDING ALL EXCLUDING INDEXES)', label, parent);
	EXECUTE format('ALTER TABLE usher.%I ATTACH PARTITION usher.%I FOR VALUES FROM (%L) TO (%L)',
		parent, label, low, high);
	RETURN 1;
EXCEPTION
	-- A row was faster.
	WHEN check_violation THEN
		RETURN 0;
END $$;
REVOKE ALL ON FUNCTION usher.ensure_partition(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usher.ensure_partition(text, integer) TO usher_app;

-- What servers of older schemas call. They would be back a second after a failure: so there is none, and
-- they come again after an hour.
CREATE OR REPLACE FUNCTION usher.ensure_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	made integer := 0;
BEGIN
	FOR i IN 0 .. months_ahead LOOP
		made := made + usher.ensure_partition('turns', i) + usher.ensure_partition('reads', i);
	END LOOP;
	RETURN made;
EXCEPTION
	WHEN lock_not_available THEN
		RETURN 0;
END $$;
DROP FUNCTION usher.ensure_partition(text, text, text, text);
