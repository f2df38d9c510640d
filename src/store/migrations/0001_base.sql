-- Identity, tenancy, context and machinery: what the main job stands on.
-- serves-from: 1
--
-- A tenant's table has org_id first in its primary key, and its foreign keys are composite, so that
-- no row can point into another organisation. Directory tables stand apart and lead to it.

CREATE SCHEMA usher;

DO $$
BEGIN
	-- Roles belong to the cluster: another database may have made them.
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'usher_app') THEN
		CREATE ROLE usher_app LOGIN;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'usher_reader') THEN
		CREATE ROLE usher_reader LOGIN;
	END IF;
EXCEPTION
	-- Two databases of one cluster migrated at once.
	WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

-- Tenancy.

CREATE TABLE usher.orgs (
	id           uuid PRIMARY KEY,
	slug         text NOT NULL CONSTRAINT orgs_slug UNIQUE
	             CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
	display_name text NOT NULL,
	is_system    boolean NOT NULL DEFAULT false,
	disabled_at  timestamptz,
	deleted_at   timestamptz,
	version      bigint NOT NULL DEFAULT 1,
	created_by   uuid,
	created_at   timestamptz NOT NULL DEFAULT now(),
	updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX orgs_one_system ON usher.orgs (is_system) WHERE is_system;

-- A login. It belongs to a person, not to an organisation.
CREATE TABLE usher.accounts (
	id              uuid PRIMARY KEY,
	email           text NOT NULL,
	email_folded    text NOT NULL CONSTRAINT accounts_email UNIQUE,
	email_verified_at timestamptz,
	disabled_at     timestamptz,
	version         bigint NOT NULL DEFAULT 1,
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE usher.platform_operators (
	account_id  uuid PRIMARY KEY REFERENCES usher.accounts ON DELETE CASCADE,
	permissions text[] NOT NULL, -- names of the permission catalogue
	created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE usher.passwords (
	account_id   uuid PRIMARY KEY REFERENCES usher.accounts ON DELETE CASCADE,
	hash         text NOT NULL, -- PHC string
	changed_at   timestamptz NOT NULL DEFAULT now()
);

-- A person in an organisation.
CREATE TABLE usher.users (
	org_id       uuid NOT NULL REFERENCES usher.orgs,
	id           uuid NOT NULL,
	external_id  text,
	display_name text NOT NULL DEFAULT '',
	email        text NOT NULL DEFAULT '',
	status       smallint NOT NULL DEFAULT 1 CHECK (status IN (1, 2)), -- UserStatus
	locale       text NOT NULL DEFAULT '',
	time_zone    text NOT NULL DEFAULT '',
	account_id   uuid REFERENCES usher.accounts,
	version      bigint NOT NULL DEFAULT 1,
	created_at   timestamptz NOT NULL DEFAULT now(),
	updated_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, id),
	CONSTRAINT users_external_id UNIQUE (org_id, external_id),
	CONSTRAINT users_account UNIQUE (org_id, account_id)
);

CREATE INDEX users_by_age ON usher.users (org_id, created_at, id);

CREATE TABLE usher.user_roles (
	org_id   uuid NOT NULL,
	user_id  uuid NOT NULL,
	role     text NOT NULL, -- "owner", "admin", "member"
	PRIMARY KEY (org_id, user_id, role),
	FOREIGN KEY (org_id, user_id) REFERENCES usher.users ON DELETE CASCADE
);

-- Directory: an account's users.
CREATE TABLE usher.account_users (
	account_id uuid NOT NULL REFERENCES usher.accounts ON DELETE CASCADE,
	org_id     uuid NOT NULL,
	user_id    uuid NOT NULL,
	joined_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (account_id, org_id),
	FOREIGN KEY (org_id, user_id) REFERENCES usher.users ON DELETE CASCADE
);
CREATE INDEX account_users_by_user ON usher.account_users (org_id, user_id);

-- Identity.

CREATE TABLE usher.sessions (
	id               uuid PRIMARY KEY,
	account_id       uuid NOT NULL REFERENCES usher.accounts ON DELETE CASCADE,
	org_id           uuid, -- the active organisation, if any
	user_id          uuid,
	authenticated_at timestamptz NOT NULL DEFAULT now(),
	second_factor    boolean NOT NULL DEFAULT false,
	created_at       timestamptz NOT NULL DEFAULT now(),
	expires_at       timestamptz NOT NULL,
	revoked_at       timestamptz,
	revoked_reason   text,
	FOREIGN KEY (org_id, user_id) REFERENCES usher.users ON DELETE CASCADE,
	CHECK ((org_id IS NULL) = (user_id IS NULL))
);
CREATE INDEX sessions_by_account ON usher.sessions (account_id);
CREATE INDEX sessions_by_user ON usher.sessions (org_id, user_id) WHERE org_id IS NOT NULL;
CREATE INDEX sessions_by_expiry ON usher.sessions (expires_at);

-- Rotated: a token yields its one successor, sealed under a key derived from the token itself,
-- until the successor is first used.
CREATE TABLE usher.refresh_tokens (
	id               uuid PRIMARY KEY,
	session_id       uuid NOT NULL REFERENCES usher.sessions ON DELETE CASCADE,
	secret_hash      bytea NOT NULL,
	successor_id     uuid,
	successor_sealed bytea,
	superseded_at    timestamptz, -- the successor was used: using this again revokes the session
	created_at       timestamptz NOT NULL DEFAULT now(),
	expires_at       timestamptz NOT NULL,
	CHECK ((successor_id IS NULL) = (successor_sealed IS NULL))
);
CREATE INDEX refresh_tokens_by_session ON usher.refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expiry ON usher.refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_by_successor ON usher.refresh_tokens (successor_id)
	WHERE successor_id IS NOT NULL;

CREATE TABLE usher.signups (
	id            uuid PRIMARY KEY,
	email         text NOT NULL,
	email_folded  text NOT NULL,
	password_hash text NOT NULL,
	display_name  text NOT NULL DEFAULT '',
	locale        text NOT NULL DEFAULT '',
	org_id        uuid REFERENCES usher.orgs, -- where the user will be made
	code_hash     bytea NOT NULL, -- keyed: six digits are soon tried out
	tries         integer NOT NULL DEFAULT 0,
	client_ip     text NOT NULL DEFAULT '',
	created_at    timestamptz NOT NULL DEFAULT now(),
	expires_at    timestamptz NOT NULL,
	consumed_at   timestamptz
);
CREATE INDEX signups_by_email ON usher.signups (email_folded) WHERE consumed_at IS NULL;
CREATE INDEX signups_by_expiry ON usher.signups (expires_at);

-- Attempts, counted before the secret is looked at. subject is a hash.
CREATE TABLE usher.throttles (
	kind         smallint NOT NULL,
	subject      bytea NOT NULL,
	attempts     integer NOT NULL,
	window_start timestamptz NOT NULL,
	free_at      timestamptz NOT NULL, -- no attempt before
	PRIMARY KEY (kind, subject)
);
CREATE INDEX throttles_by_window ON usher.throttles (window_start);

CREATE TABLE usher.signing_keys (
	kid            text PRIMARY KEY,
	algorithm      text NOT NULL CHECK (algorithm = 'ES256'),
	public_pem     text NOT NULL,
	private_sealed bytea NOT NULL, -- with the master key
	created_at     timestamptz NOT NULL DEFAULT now(),
	signs_until    timestamptz NOT NULL,
	verifies_until timestamptz NOT NULL
);

-- Context.

CREATE TABLE usher.chatbots (
	org_id       uuid NOT NULL REFERENCES usher.orgs,
	id           uuid NOT NULL,
	alias        text,
	display_name text NOT NULL,
	instructions text NOT NULL DEFAULT '',
	disabled_at  timestamptz,
	version      bigint NOT NULL DEFAULT 1,
	created_at   timestamptz NOT NULL DEFAULT now(),
	updated_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, id),
	CONSTRAINT chatbots_alias UNIQUE (org_id, alias)
);

-- A chatbot's key, or (chatbot_id NULL) a service's.
CREATE TABLE usher.api_keys (
	org_id           uuid NOT NULL REFERENCES usher.orgs,
	id               uuid NOT NULL,
	chatbot_id       uuid,
	display_name     text NOT NULL DEFAULT '',
	prefix           text NOT NULL,
	secret_hash      bytea NOT NULL,
	scopes           text[] NOT NULL,
	default_user_id  uuid,
	bound_user_id    uuid,
	allowed_networks text[] NOT NULL DEFAULT '{}', -- CIDR
	requests_per_minute bigint NOT NULL DEFAULT 0 CHECK (requests_per_minute >= 0),
	requests_per_day    bigint NOT NULL DEFAULT 0 CHECK (requests_per_day >= 0),
	created_by       uuid,
	created_at       timestamptz NOT NULL DEFAULT now(),
	expires_at       timestamptz,
	revoked_at       timestamptz,
	last_used_at     timestamptz,
	PRIMARY KEY (org_id, id),
	FOREIGN KEY (org_id, chatbot_id) REFERENCES usher.chatbots ON DELETE CASCADE,
	FOREIGN KEY (org_id, default_user_id) REFERENCES usher.users,
	FOREIGN KEY (org_id, bound_user_id) REFERENCES usher.users
);
CREATE INDEX api_keys_by_chatbot ON usher.api_keys (org_id, chatbot_id, id);
CREATE INDEX api_keys_by_default_user ON usher.api_keys (org_id, default_user_id)
	WHERE default_user_id IS NOT NULL;
CREATE INDEX api_keys_by_bound_user ON usher.api_keys (org_id, bound_user_id)
	WHERE bound_user_id IS NOT NULL;

-- Directory: a key's id alone leads to its organisation.
CREATE TABLE usher.key_directory (
	key_id uuid PRIMARY KEY,
	org_id uuid NOT NULL,
	FOREIGN KEY (org_id, key_id) REFERENCES usher.api_keys ON DELETE CASCADE
);

CREATE TABLE usher.profiles (
	org_id       uuid NOT NULL,
	user_id      uuid NOT NULL,
	company      text NOT NULL DEFAULT '',
	role         text NOT NULL DEFAULT '',
	about        text NOT NULL DEFAULT '',
	preferences  jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(preferences) = 'object'),
	profile_data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(profile_data) = 'object'),
	trust        jsonb NOT NULL DEFAULT '{}', -- field -> Trust of who wrote it last
	version      bigint NOT NULL DEFAULT 1,
	created_at   timestamptz NOT NULL DEFAULT now(),
	updated_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, user_id),
	FOREIGN KEY (org_id, user_id) REFERENCES usher.users ON DELETE CASCADE
);

-- Ids are ours alone, version 7: their first bits are their time.
CREATE TABLE usher.conversations (
	org_id       uuid NOT NULL,
	id           uuid NOT NULL,
	chatbot_id   uuid NOT NULL,
	user_id      uuid NOT NULL,
	external_key text, -- the caller's own name for it
	last_seq     bigint NOT NULL DEFAULT 0,
	created_at   timestamptz NOT NULL DEFAULT now(),
	updated_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, id),
	CONSTRAINT conversations_external_key UNIQUE (org_id, chatbot_id, external_key),
	FOREIGN KEY (org_id, chatbot_id) REFERENCES usher.chatbots ON DELETE CASCADE,
	FOREIGN KEY (org_id, user_id) REFERENCES usher.users ON DELETE CASCADE
);
CREATE INDEX conversations_by_user ON usher.conversations (org_id, user_id);

CREATE TABLE usher.turns (
	org_id          uuid NOT NULL,
	conversation_id uuid NOT NULL,
	seq             bigint NOT NULL,
	role            smallint NOT NULL, -- TurnRole
	body            text NOT NULL,
	attributes      jsonb,
	tokens          integer NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, conversation_id, seq),
	FOREIGN KEY (org_id, conversation_id) REFERENCES usher.conversations ON DELETE CASCADE
) PARTITION BY RANGE (conversation_id);
CREATE TABLE usher.turns_default PARTITION OF usher.turns DEFAULT;

-- How many requests of a key's quota have been given to nodes, per window.
CREATE TABLE usher.quota_usage (
	org_id       uuid NOT NULL,
	key_id       uuid NOT NULL,
	bucket       smallint NOT NULL, -- 1: minute, 2: day
	window_start timestamptz NOT NULL,
	used         bigint NOT NULL,
	granted      bigint NOT NULL, -- of that, by the last lease
	PRIMARY KEY (org_id, key_id, bucket, window_start),
	FOREIGN KEY (org_id, key_id) REFERENCES usher.api_keys ON DELETE CASCADE
);
CREATE INDEX quota_usage_by_window ON usher.quota_usage (window_start);

-- Each version of an assembled context, once for each user: two users may have the same, and the one
-- who is erased must not take away what the other's receipts name.
CREATE TABLE usher.blocks (
	org_id     uuid NOT NULL REFERENCES usher.orgs,
	user_id    uuid NOT NULL,
	hash       bytea NOT NULL,
	content    bytea NOT NULL, -- a ContextBlock, encoded
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, user_id, hash),
	FOREIGN KEY (org_id, user_id) REFERENCES usher.users ON DELETE CASCADE
);

-- Receipts: who read which block about whom, added up by the second.
CREATE TABLE usher.reads (
	org_id     uuid NOT NULL,
	read_id    uuid NOT NULL,
	key_id     uuid, -- the reader: a key,
	reader_id  uuid, -- or a user
	user_id    uuid NOT NULL,
	chatbot_id uuid,
	block_hash bytea NOT NULL,
	purpose    text NOT NULL,
	read_at    timestamptz NOT NULL, -- whole seconds
	reads      bigint NOT NULL,
	PRIMARY KEY (org_id, read_id, read_at)
) PARTITION BY RANGE (read_at);
CREATE TABLE usher.reads_default PARTITION OF usher.reads DEFAULT;
CREATE INDEX reads_by_user ON usher.reads (org_id, user_id, read_at);

-- A node's spool is written in batches, each once.
CREATE TABLE usher.read_batches (
	spool_id  uuid NOT NULL,
	batch     bigint NOT NULL,
	stored_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (spool_id, batch)
);

-- Machinery.

-- What has changed of that which nodes remember. Read by transaction id, never by time.
CREATE TABLE usher.changes (
	xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
	kind     smallint NOT NULL,
	id       uuid, -- NULL: all of that kind in the organisation
	org_id   uuid,
	restricts boolean NOT NULL DEFAULT false
);
CREATE INDEX changes_by_xid ON usher.changes (xid);

CREATE TABLE usher.nodes (
	id          uuid PRIMARY KEY,
	epoch       bigint NOT NULL,
	renewals    bigint NOT NULL DEFAULT 0,
	xmin_passed xid8 NOT NULL, -- every change below it is obeyed here
	snapshot    pg_snapshot, -- every change that it sees is obeyed here; NULL: none yet
	version     integer NOT NULL,
	urls        text NOT NULL DEFAULT '',
	started_at  timestamptz NOT NULL DEFAULT now(),
	renewed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE usher.idempotency (
	principal     bytea NOT NULL,
	method_id     bigint NOT NULL,
	key_hash      bytea NOT NULL,
	request_mac   bytea NOT NULL,
	result_sealed bytea NOT NULL, -- with a key derived from the idempotency key
	revision      xid8 NOT NULL DEFAULT pg_current_xact_id(),
	created_at    timestamptz NOT NULL DEFAULT now(),
	expires_at    timestamptz NOT NULL,
	PRIMARY KEY (principal, method_id, key_hash)
);
CREATE INDEX idempotency_by_expiry ON usher.idempotency (expires_at);

-- The mail's text is sealed: it brings codes and links.
CREATE TABLE usher.mail_outbox (
	id            uuid PRIMARY KEY,
	sealed        bytea NOT NULL,
	created_at    timestamptz NOT NULL DEFAULT now(),
	attempts      integer NOT NULL DEFAULT 0,
	next_try_at   timestamptz NOT NULL DEFAULT now(),
	expires_at    timestamptz NOT NULL
);
CREATE INDEX mail_outbox_by_next_try ON usher.mail_outbox (next_try_at);

CREATE TABLE usher.audit (
	id         uuid PRIMARY KEY,
	at         timestamptz NOT NULL DEFAULT now(),
	org_id     uuid,
	actor_kind smallint NOT NULL, -- 0 nobody, 1 login, 2 key
	account_id uuid,
	user_id    uuid,
	key_id     uuid,
	action     text NOT NULL, -- "usher.v1.AuthService/Login"
	subject_id uuid,
	outcome    smallint NOT NULL, -- google/rpc/code.proto
	reason     text NOT NULL DEFAULT '',
	request_id text NOT NULL DEFAULT ''
);
CREATE INDEX audit_by_org ON usher.audit (org_id, at);
CREATE INDEX audit_by_subject ON usher.audit (subject_id, at) WHERE subject_id IS NOT NULL;

-- Apart, so that erasure and retention may empty it.
CREATE TABLE usher.audit_addresses (
	audit_id   uuid PRIMARY KEY REFERENCES usher.audit,
	at         timestamptz NOT NULL DEFAULT now(),
	client_ip  text NOT NULL DEFAULT '',
	user_agent text NOT NULL DEFAULT ''
);

-- The least id that uuid version 7 gives at that time.
CREATE FUNCTION usher.uuid_floor(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;

-- Make one partition; answers how many were made. A month that has rows in the default partition
-- already (nobody made it in time) stays there, and keeps no later month from being made.
CREATE FUNCTION usher.ensure_partition(parent text, label text, first text, next text)
RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF to_regclass(format('usher.%I', parent || '_' || label)) IS NOT NULL THEN
		RETURN 0;
	END IF;
	EXECUTE format('CREATE TABLE usher.%I PARTITION OF usher.%I FOR VALUES FROM (%L) TO (%L)',
		parent || '_' || label, parent, first, next);
	RETURN 1;
EXCEPTION
	WHEN check_violation THEN
		RETURN 0;
END $$;
REVOKE ALL ON FUNCTION usher.ensure_partition(text, text, text, text) FROM PUBLIC;

-- Make the partitions of this month and the next ones; usher_app may not create tables itself.
-- Answers how many were made.
CREATE FUNCTION usher.ensure_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	made  integer := 0;
	first timestamptz;
	next  timestamptz;
	label text;
BEGIN
	IF months_ahead NOT BETWEEN 0 AND 24 THEN
		RAISE EXCEPTION 'months_ahead must be 0 to 24' USING ERRCODE = '22023';
	END IF;
	-- One maker at a time: two would deadlock on the parents.
	PERFORM pg_advisory_xact_lock(7020181);
	FOR i IN 0 .. months_ahead LOOP
		first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))
			AT TIME ZONE 'UTC';
		next := (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
		label := to_char(first AT TIME ZONE 'UTC', 'YYYYMM');
		made := made
			+ usher.ensure_partition('turns', label, usher.uuid_floor(first)::text,
				usher.uuid_floor(next)::text)
			+ usher.ensure_partition('reads', label, first::text, next::text);
	END LOOP;
	RETURN made;
END $$;
REVOKE ALL ON FUNCTION usher.ensure_partitions(integer) FROM PUBLIC;

-- Grants.

GRANT USAGE ON SCHEMA usher TO usher_app, usher_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA usher TO usher_app;
REVOKE UPDATE, DELETE ON usher.audit FROM usher_app;
GRANT EXECUTE ON FUNCTION usher.ensure_partitions(integer) TO usher_app;
-- The reader sees no secret, not even as a hash.
GRANT SELECT ON ALL TABLES IN SCHEMA usher TO usher_reader;
REVOKE SELECT ON usher.passwords, usher.refresh_tokens, usher.signups, usher.signing_keys,
	usher.idempotency, usher.mail_outbox FROM usher_reader;
REVOKE SELECT ON usher.api_keys FROM usher_reader;
GRANT SELECT (org_id, id, chatbot_id, display_name, prefix, scopes, default_user_id, bound_user_id,
	allowed_networks, requests_per_minute, requests_per_day, created_by, created_at, expires_at,
	revoked_at, last_used_at) ON usher.api_keys TO usher_reader;
SELECT usher.ensure_partitions(2);
