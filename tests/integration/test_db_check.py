"""What can be wrong with a database: each kind is provoked, found, told with what to do, and gone once
that is done."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from usher_testing import SOURCE, Database
from usher_testing.process import run
from usher_testing.system import CLI, Cluster

OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
ORG, OTHER = "00000000-0000-7000-8000-0000000000a1", "00000000-0000-7000-8000-0000000000a2"
USER, ACCOUNT = "00000000-0000-7000-8000-0000000000b1", "00000000-0000-7000-8000-0000000000c1"
ROWS = f"""
INSERT INTO usher.orgs (id, slug, display_name) VALUES ('{ORG}', 'a', 'A'), ('{OTHER}', 'b', 'B');
INSERT INTO usher.accounts (id, email, email_folded) VALUES ('{ACCOUNT}', 'a@b.c', 'a@b.c');
INSERT INTO usher.users (org_id, id) VALUES ('{ORG}', '{USER}');
"""
# Constraints are not looked at: as a restore in part, or a replica's apply, leaves things.
UNCHECKED = "SET session_replication_role = replica; "


def check(database: Database, *words: str, role: str = "usher_app") -> subprocess.CompletedProcess:
    conninfo = database.cluster.conninfo(role, database.name)
    return run(
        [CLI, "db", "check", "--config", "/dev/null", "--database.conninfo", conninfo, *words],
        env=os.environ,
    )


def findings(database: Database, *words: str) -> list[dict[str, Any]]:
    done = check(database, "--json", *words)
    assert not done.stderr
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == (FAILED if found else OK)
    assert all(f["finding"] and f["object"] and f["message"] and f["remedy"] for f in found)
    return found


@pytest.fixture()
def fresh(cluster: Cluster, request: pytest.FixtureRequest) -> Database:
    made = cluster.database(f"check_{abs(hash(request.node.name)) % 10**9}")
    made.sql(ROWS)
    return made


def test_a_fresh_database_is_what_the_committed_description_says(cluster: Cluster):
    database = cluster.database("check_described")
    done = run(
        [CLI, "db", "describe", "--config", "/dev/null", "--database.conninfo", database.app]
    )
    assert done.returncode == OK, done.stderr
    committed = (SOURCE / "src/store/schema/objects.txt").read_text()
    assert done.stdout == committed, "cmake --build BUILD --target describe-schema"


def test_nothing_is_found_where_nothing_is_wrong(fresh: Database):
    assert findings(fresh) == []
    done = check(fresh)
    assert done.returncode == OK and done.stdout == "0 findings\n"
    # By any role that may read, and whatever path it looks names up in.
    fresh.sql(f'ALTER ROLE usher_owner IN DATABASE "{fresh.name}" SET search_path = usher, public')
    assert check(fresh, role="usher_owner").returncode == OK


DRIFT = {
    "an index was dropped": (
        "DROP INDEX usher.users_by_age",
        "INDEX_MISSING", "index usher.users_by_age",
    ),
    "an index is another": (
        "DROP INDEX usher.users_by_age; CREATE INDEX users_by_age ON usher.users (org_id, id)",
        "INDEX_DIFFERENT", "index usher.users_by_age",
    ),
    "an index too many": (
        "CREATE INDEX extra ON usher.users (email)",
        "INDEX_UNEXPECTED", "index usher.extra",
    ),
    "a column too many": (
        "ALTER TABLE usher.users ADD COLUMN extra text",
        "COLUMN_UNEXPECTED", "column usher.users.extra",
    ),
    "a column too few": (
        "ALTER TABLE usher.users DROP COLUMN locale",
        "COLUMN_MISSING", "column usher.users.locale",
    ),
    "a constraint was dropped": (
        "ALTER TABLE usher.users DROP CONSTRAINT users_account_id_fkey",
        "CONSTRAINT_MISSING", "constraint usher.users.users_account_id_fkey",
    ),
    "a constraint is another": (
        "ALTER TABLE usher.users DROP CONSTRAINT users_account_id_fkey,"
        " ADD CONSTRAINT users_account_id_fkey FOREIGN KEY (account_id) REFERENCES usher.accounts"
        " ON DELETE CASCADE",
        "CONSTRAINT_DIFFERENT", "constraint usher.users.users_account_id_fkey",
    ),
    "a constraint too many": (
        "ALTER TABLE usher.users ADD CONSTRAINT extra CHECK (email <> 'x')",
        "CONSTRAINT_UNEXPECTED", "constraint usher.users.extra",
    ),
    "a constraint that was never validated": (
        "ALTER TABLE usher.users DROP CONSTRAINT users_account_id_fkey,"
        " ADD CONSTRAINT users_account_id_fkey FOREIGN KEY (account_id) REFERENCES usher.accounts"
        " NOT VALID",
        "CONSTRAINT_NOT_VALIDATED", "constraint usher.users.users_account_id_fkey",
    ),
    "triggers are switched off": (
        "ALTER TABLE usher.user_roles DISABLE TRIGGER ALL",
        "TRIGGER_DISABLED", "trigger usher.user_roles.user_roles_org_id_user_id_fkey",
    ),
    "a trigger too many": (
        "CREATE TRIGGER extra BEFORE UPDATE ON usher.users FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "TRIGGER_UNEXPECTED", "trigger usher.users.extra",
    ),
    "a table too many": (
        "CREATE TABLE usher.extra (id uuid PRIMARY KEY)",
        "TABLE_UNEXPECTED", "table usher.extra",
    ),
    "a view too many": (
        "CREATE VIEW usher.extra AS SELECT 1 AS one",
        "VIEW_UNEXPECTED", "view usher.extra",
    ),
    "a grant was revoked": (
        "REVOKE UPDATE ON usher.users FROM usher_app",
        "GRANT_MISSING", "grant UPDATE ON usher.users TO usher_app",
    ),
    "a grant too many": (
        "GRANT DELETE ON usher.audit TO usher_app",
        "GRANT_UNEXPECTED", "grant DELETE ON usher.audit TO usher_app",
    ),
    "a column's grant too many": (
        "GRANT SELECT (hash) ON usher.passwords TO usher_reader",
        "GRANT_UNEXPECTED", "grant SELECT (hash) ON usher.passwords TO usher_reader",
    ),
    "all may do it": (
        "GRANT SELECT ON usher.passwords TO PUBLIC",
        "GRANT_UNEXPECTED", "grant SELECT ON usher.passwords TO PUBLIC",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def mended(cluster: Cluster) -> Database:
    """One for many: each test leaves it as it found it."""
    made = cluster.database("check_mended")
    made.sql(ROWS)
    return made


@pytest.mark.parametrize("name", DRIFT)
def test_drift_is_found_and_its_remedy_helps(mended: Database, name: str):
    provoke, code, thing = DRIFT[name]
    mended.sql(provoke)
    found = findings(mended)
    assert [(f["finding"], f["object"]) for f in found] == [(code, thing)]
    assert findings(mended, "--quick") == found
    done = check(mended)
    assert done.returncode == FAILED and code in done.stdout and thing in done.stdout
    assert done.stdout.endswith("1 finding\n")
    mended.sql(found[0]["remedy"].removeprefix("if nobody needs it: "))
    assert findings(mended) == []


def test_drift_that_people_must_mend_is_found(fresh: Database):
    fresh.sql(
        "ALTER TABLE usher.users ALTER COLUMN email DROP NOT NULL;"
        "ALTER TABLE usher.users ALTER COLUMN status SET DEFAULT 2;"
        "CREATE OR REPLACE FUNCTION usher.uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql"
        " IMMUTABLE STRICT PARALLEL SAFE RETURN gen_random_uuid();"
        "DROP FUNCTION usher.ensure_partitions(integer);"
        "ALTER TABLE usher.throttles SET UNLOGGED;"
    )
    found = {(f["finding"], f["object"]): f for f in findings(fresh)}
    assert set(found) == {
        ("COLUMN_DIFFERENT", "column usher.users.email"),
        ("COLUMN_DIFFERENT", "column usher.users.status"),
        ("FUNCTION_DIFFERENT", "function usher.uuid_floor(at timestamp with time zone)"),
        ("FUNCTION_MISSING", "function usher.ensure_partitions(months_ahead integer)"),
        ("GRANT_MISSING",
         "grant EXECUTE ON FUNCTION usher.ensure_partitions(months_ahead integer) TO usher_app"),
        ("TABLE_DIFFERENT", "table usher.throttles"),
    }  # fmt: skip
    message = found["COLUMN_DIFFERENT", "column usher.users.email"]["message"]
    assert '"text DEFAULT' in message and '"text NOT NULL DEFAULT' in message


def test_a_table_that_is_gone_is_one_finding_with_its_indexes_and_grants(fresh: Database):
    fresh.sql("DROP TABLE usher.audit_addresses")
    found = [(f["finding"], f["object"]) for f in findings(fresh)]
    assert ("TABLE_MISSING", "table usher.audit_addresses") in found
    assert not any(code in ("COLUMN_MISSING", "CONSTRAINT_MISSING") for code, _ in found)


def test_an_index_that_failed_to_be_made_is_found_and_made_anew(fresh: Database):
    fresh.sql(f"INSERT INTO usher.users (org_id, id) VALUES ('{ORG}', gen_random_uuid())")
    # Two rows are equal, so the index stays behind, invalid.
    done = run(
        ["psql", "-X", "-d", fresh.owner, "-c",
         "DROP INDEX usher.orgs_one_system", "-c",
         "UPDATE usher.orgs SET is_system = true", "-c",
         "CREATE UNIQUE INDEX CONCURRENTLY orgs_one_system ON usher.orgs (is_system)"
         " WHERE is_system"]
    )  # fmt: skip
    assert "could not create unique index" in done.stderr
    found = findings(fresh)
    assert [(f["finding"], f["object"]) for f in found] == [
        ("INDEX_INVALID", "index usher.orgs_one_system")
    ]
    fresh.sql("UPDATE usher.orgs SET is_system = false")
    fresh.sql(found[0]["remedy"])
    assert findings(fresh) == []


def test_rows_that_refer_to_nothing_are_found_with_their_ids(fresh: Database):
    fresh.sql(
        UNCHECKED + "INSERT INTO usher.user_roles (org_id, user_id, role)"
        f" SELECT '{OTHER}', '{USER}', 'role ' || i FROM generate_series(1, 7) i;"
        f"INSERT INTO usher.user_roles VALUES ('{ORG}', '{USER}', 'member');"
        # In a partition, and in the default one.
        "INSERT INTO usher.turns (org_id, conversation_id, seq, role, body, tokens)"
        f" VALUES ('{ORG}', usher.uuid_floor(now()), 1, 1, 'x', 1),"
        f" ('{ORG}', 'ffffffff-0000-7000-8000-000000000001', 1, 1, 'x', 1)"
    )
    found = {f["object"]: f for f in findings(fresh)}
    roles = found.pop("constraint usher.user_roles.user_roles_org_id_user_id_fkey")
    assert roles["finding"] == "ORPHANS" and roles["rows"] == 7
    assert f"org_id {OTHER}, user_id {USER}" in roles["message"]
    turns = found.pop("constraint usher.turns.turns_org_id_conversation_id_fkey")
    assert turns["rows"] == 2 and "ffffffff-0000-7000-8000-000000000001" in turns["message"]
    assert found == {}
    assert findings(fresh, "--quick") == []


def test_rows_behind_the_first_blocks_are_found_too(fresh: Database):
    """More than one step's blocks; the one orphan stands in the last."""
    fresh.sql(
        "INSERT INTO usher.users (org_id, id, display_name)"
        f" SELECT '{ORG}', gen_random_uuid(), repeat('x', 1500) FROM generate_series(1, 4000);"
        + UNCHECKED
        + "INSERT INTO usher.users (org_id, id) VALUES (gen_random_uuid(), gen_random_uuid())"
    )
    assert int(fresh.sql("SELECT pg_relation_size('usher.users') / 8192")) > 512
    assert [(f["object"], f["rows"]) for f in findings(fresh)] == [
        ("constraint usher.users.users_org_id_fkey", 1)
    ]


RULES = {
    "users": f"INSERT INTO usher.users (org_id, id, account_id)"
    f" VALUES ('{OTHER}', gen_random_uuid(), '{ACCOUNT}')",
    "keys": "INSERT INTO usher.api_keys (org_id, id, prefix, secret_hash, scopes)"
    f" VALUES ('{ORG}', gen_random_uuid(), 'x', '', '{{}}')",
    "members": "INSERT INTO usher.account_users (account_id, org_id, user_id)"
    f" VALUES ('{ACCOUNT}', '{ORG}', '{USER}')",
}


@pytest.mark.parametrize("name", RULES)
def test_directories_that_lead_astray_are_found(fresh: Database, name: str):
    fresh.sql(RULES[name])
    found = findings(fresh)
    assert [(f["finding"], f["object"].split()[0], f["rows"]) for f in found] == [
        ("ORPHANS", "rule", 1)
    ]
    fresh.sql(found[0]["remedy"].partition("; and")[0])
    assert findings(fresh) == []


def test_roles_that_may_too_much_are_found(fresh: Database):
    fresh.sql("ALTER TABLE usher.throttles OWNER TO usher_app")
    found = {(f["finding"], f["object"]) for f in findings(fresh)}
    assert ("ROLE_TOO_MIGHTY", "role usher_app") in found


def test_migrations_of_another_program_are_told(fresh: Database, cluster: Cluster):
    fresh.sql("UPDATE usher.schema_migrations SET checksum = 'x' WHERE version = 1")
    assert [(f["finding"], f["object"]) for f in findings(fresh)] == [
        ("MIGRATION_CHANGED", "migration 0001_base")
    ]
    fresh.sql(
        "UPDATE usher.schema_migrations SET checksum = 'x';"
        "INSERT INTO usher.schema_migrations (version, name, checksum, serves_from)"
        " VALUES (9999, 'later', 'x', 1)"
    )
    assert ("MIGRATION_UNKNOWN", "migration 9999_later") in {
        (f["finding"], f["object"]) for f in findings(fresh)
    }
    fresh.sql("DELETE FROM usher.schema_migrations WHERE version > 1")
    assert [f["finding"] for f in findings(fresh)] == ["SCHEMA_MISMATCH"]
    assert [f["finding"] for f in findings(cluster.empty_database("check_empty"))] == [
        "SCHEMA_MISMATCH"
    ]


def test_what_was_found_before_a_failure_is_told_too(fresh: Database):
    """The role's right to read is gone: that is found, and then rows can't be looked at."""
    fresh.sql("REVOKE SELECT ON usher.users FROM usher_app")
    done = check(fresh, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == FAILED and "permission denied" in done.stderr, done.stderr
    assert any(f["finding"].startswith("GRANT_") for f in said["findings"]), said
    assert said["failure"]["code"] == "INTERNAL" and said["failure"]["message"]


def test_what_is_no_check_is_usage_and_no_database_is_said():
    done = run([CLI, "db", "mend"])
    assert done.returncode == USAGE and "check or describe" in done.stderr
    done = run(
        [CLI, "db", "check", "--config", "/dev/null", "--database.conninfo", "host=/nowhere dbname=x"]
    )
    assert done.returncode == UNREACHABLE and done.stderr.strip()
    assert not done.stdout
