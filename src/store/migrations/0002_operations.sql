-- Operations: long work with progress and a result; and what `usher db check` asks the database.
-- serves-from: 1

CREATE TABLE usher.operations (
	org_id       uuid NOT NULL REFERENCES usher.orgs,
	id           uuid NOT NULL,
	kind         text NOT NULL,
	state        smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 5), -- OperationState
	parameters   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
	started_by   uuid NOT NULL, -- an account or a key
	position     text NOT NULL DEFAULT '', -- where the next step begins, in the kind's own words
	done         bigint NOT NULL DEFAULT 0,
	total        bigint NOT NULL DEFAULT 0, -- 0: not known yet
	results      bigint NOT NULL DEFAULT 0,
	error        text NOT NULL DEFAULT '',
	claimed_by   uuid, -- the node that works on it
	claims       bigint NOT NULL DEFAULT 0, -- a step under an older claim than this does not count
	claim_until  timestamptz,
	attempts     integer NOT NULL DEFAULT 0, -- since the last step that was done
	next_try_at  timestamptz NOT NULL DEFAULT now(),
	cancel_requested_at timestamptz,
	created_at   timestamptz NOT NULL DEFAULT now(),
	started_at   timestamptz,
	updated_at   timestamptz NOT NULL DEFAULT now(),
	finished_at  timestamptz,
	expires_at   timestamptz, -- it and its results are removed
	PRIMARY KEY (org_id, id),
	CHECK ((state > 2) = (finished_at IS NOT NULL)),
	CHECK ((finished_at IS NULL) = (expires_at IS NULL))
);
CREATE INDEX operations_open ON usher.operations (updated_at) WHERE state <= 2;
CREATE INDEX operations_by_expiry ON usher.operations (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE usher.operation_results (
	org_id       uuid NOT NULL,
	operation_id uuid NOT NULL,
	seq          bigint NOT NULL,
	item         jsonb NOT NULL CHECK (jsonb_typeof(item) = 'object'),
	PRIMARY KEY (org_id, operation_id, seq),
	FOREIGN KEY (org_id, operation_id) REFERENCES usher.operations ON DELETE CASCADE
);

-- Retention looks for them by their age.
CREATE INDEX audit_addresses_by_age ON usher.audit_addresses (at);

-- Rows of some blocks of a table that a foreign key keeps from being there, and that are there all the
-- same: how many, and the values of up to five. The key is any of ours, so the query is made here, of
-- names in the catalog. In blocks, because a table may be large and a step is to be short.
CREATE FUNCTION usher.check_reference(relation text, name text, first_block bigint, end_block bigint,
	OUT orphans bigint, OUT samples text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	key     record;
	matches text;
	is_set  text;
	shown   text;
BEGIN
	SELECT c.conrelid, c.confrelid, c.conkey, c.confkey INTO key
	FROM pg_constraint c
	JOIN pg_class t ON t.oid = c.conrelid
	WHERE t.relnamespace = 'usher'::regnamespace AND t.relname = relation AND c.contype = 'f'
		AND c.conname = check_reference.name;
	IF NOT FOUND THEN
		orphans := 0;
		samples := '';
		RETURN;
	END IF;
	SELECT string_agg(format('p.%I = c.%I', parent.attname, child.attname), ' AND ' ORDER BY k.n),
		string_agg(format('c.%I IS NOT NULL', child.attname), ' AND ' ORDER BY k.n),
		string_agg(format('%L || c.%I::text', child.attname || ' ', child.attname),
			' || '', '' || ' ORDER BY k.n)
	INTO matches, is_set, shown
	FROM unnest(key.conkey, key.confkey) WITH ORDINALITY AS k (child, parent, n)
	JOIN pg_attribute child ON child.attrelid = key.conrelid AND child.attnum = k.child
	JOIN pg_attribute parent ON parent.attrelid = key.confrelid AND parent.attnum = k.parent;
	EXECUTE format('SELECT count(*), coalesce(array_to_string((array_agg(o.shown))[1:5], ''; ''), '''')
		FROM (SELECT %s AS shown FROM %s c
			WHERE c.ctid >= %L::tid AND c.ctid < %L::tid AND %s
				AND NOT EXISTS (SELECT FROM %s p WHERE %s)) o',
		shown, key.conrelid::regclass, format('(%s,0)', first_block), format('(%s,0)', end_block),
		is_set, key.confrelid::regclass, matches)
	INTO orphans, samples;
END $$;
REVOKE ALL ON FUNCTION usher.check_reference(text, text, bigint, bigint) FROM PUBLIC;

GRANT SELECT, INSERT, UPDATE, DELETE ON usher.operations, usher.operation_results TO usher_app;
GRANT SELECT ON usher.operations, usher.operation_results TO usher_reader;
GRANT EXECUTE ON FUNCTION usher.check_reference(text, text, bigint, bigint) TO usher_app;

-- Operators who had all permissions that there were have the new ones.
UPDATE usher.platform_operators
SET permissions = permissions || ARRAY['jobs.run', 'operations.read', 'operations.write']
WHERE permissions @> ARRAY['ops.status', 'orgs.read', 'orgs.write']
	AND NOT permissions && ARRAY['jobs.run', 'operations.read', 'operations.write'];
