"""Operations: long work that any node does, that survives the node, and whose result is read in pages."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import usher
from usher.v1 import ops_pb2
from usher_testing import Node, Organisation, System, wait_until

PENDING, RUNNING = ops_pb2.OPERATION_STATE_PENDING, ops_pb2.OPERATION_STATE_RUNNING
SUCCEEDED, FAILED = ops_pb2.OPERATION_STATE_SUCCEEDED, ops_pb2.OPERATION_STATE_FAILED
CANCELLED = ops_pb2.OPERATION_STATE_CANCELLED
OPEN_MAX = 4
PAGE_BYTES_MAX = 1 << 20


@pytest.fixture(scope="module")
def nodes(system: System, org_a: Organisation) -> tuple[Node, Node]:
    return system.node("first"), system.node("second")


@pytest.fixture(scope="module")
def token(system: System, nodes: tuple[Node, Node]) -> str:
    return system.operator().tokens(nodes[0].client()).access_token


@pytest.fixture(scope="module")
def operator(nodes: tuple[Node, Node], token: str) -> usher.Calls:
    return nodes[0].client().using(credential=token)


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest, system: System) -> Iterator[None]:
    yield
    wait_until(
        lambda: system.database.count("operations", "state <= 2") == 0, "every operation ended", 90
    )


def ended(operator: usher.Calls, operation_id: str, timeout_s: float = 60) -> Any:
    def look():
        found = operator.ops.get_operation(operation_id=operation_id)
        return found if found.state not in (PENDING, RUNNING) else None

    return wait_until(look, "the operation ends", timeout_s)


def result(operator: usher.Calls, operation_id: str, size: int = 0) -> list[dict[str, Any]]:
    items, token = [], ""
    while True:
        page = operator.ops.read_operation_result(
            operation_id=operation_id, page={"size": size, "token": token}
        )
        assert not size or len(page.items) <= size
        items += page.items
        token = page.page.next_token
        if not token:
            break
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    return [json.loads(item.item) for item in items]


# What a check stops at, while it is locked: a foreign key before all of ours. They are findings, too.
GATE = {
    "table usher.aaa_child", "table usher.aaa_parent",
    "grant SELECT ON usher.aaa_child TO usher_app", "grant SELECT ON usher.aaa_parent TO usher_app",
}  # fmt: skip


@pytest.fixture()
def gate(system: System) -> Iterator[None]:
    system.database.sql(
        "CREATE TABLE usher.aaa_parent (id uuid PRIMARY KEY);"
        "CREATE TABLE usher.aaa_child (id uuid REFERENCES usher.aaa_parent);"
        "GRANT SELECT ON usher.aaa_parent, usher.aaa_child TO usher_app"
    )
    yield
    system.database.sql("DROP TABLE usher.aaa_child, usher.aaa_parent")


@contextlib.contextmanager
def stuck(system: System) -> Iterator[None]:
    """A check stops behind its first step, the catalog, for as long as this lasts."""
    holder = subprocess.Popen(
        ["psql", "-XAtq", "-d", system.database.owner],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdin and holder.stdout
    try:
        holder.stdin.write(
            "BEGIN; LOCK TABLE usher.aaa_parent IN ACCESS EXCLUSIVE MODE; SELECT 1;\n"
        )
        holder.stdin.flush()
        assert holder.stdout.readline() == "1\n"
        yield
    finally:
        holder.stdin.close()
        holder.wait(30)


def row(system: System, operation_id: str, column: str) -> str:
    return system.database.sql(
        f"SELECT {column} FROM usher.operations WHERE id = '{operation_id}'"
    )


def is_waiting(system: System, operation_id: str) -> bool:
    """It is behind its first step, and waits for the table."""
    return row(system, operation_id, "done") == "1" and bool(
        system.database.sql(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'usher.aaa_parent'::regclass"
            " LIMIT 1"
        )
    )


@pytest.fixture()
def broken(system: System) -> Iterator[set[str]]:
    """Something to find in the first step, and something in the last."""
    system.database.sql(
        "DROP INDEX usher.users_by_age;"
        "INSERT INTO usher.api_keys (org_id, id, prefix, secret_hash, scopes)"
        " SELECT id, '00000000-0000-7000-8000-00000000dead', 'x', '', '{}' FROM usher.orgs LIMIT 1"
    )
    yield {"index usher.users_by_age", "rule usher.api_keys.keys"}
    system.database.sql(
        "CREATE INDEX users_by_age ON usher.users (org_id, created_at, id);"
        "DELETE FROM usher.api_keys WHERE id = '00000000-0000-7000-8000-00000000dead'"
    )


def test_a_check_of_a_sound_database_succeeds_and_finds_nothing(
    operator: usher.Calls, system: System
):
    started = operator.ops.start_operation(kind="db_check")
    assert started.state in (PENDING, RUNNING) and started.kind == "db_check"
    assert started.parameters == "{}" and started.started_by and started.HasField("created_at")
    done = ended(operator, started.operation_id)
    assert done.state == SUCCEEDED and not done.error
    assert done.done == done.total > 20 and done.results == 0
    assert done.HasField("started_at") and done.HasField("finished_at")
    days = (done.expires_at.seconds - done.finished_at.seconds) / 86400
    assert abs(days - 30) < 1
    assert result(operator, started.operation_id) == []
    assert row(system, started.operation_id, "org_id") == system.database.sql(
        "SELECT id FROM usher.orgs WHERE is_system"
    )
    assert system.database.count(
        "audit",
        "action = 'usher.v1.OpsService/StartOperation' AND outcome = 0"
        f" AND subject_id = '{started.operation_id}'",
    )


def test_what_is_found_is_read_in_pages(operator: usher.Calls, broken: set[str]):
    started = operator.ops.start_operation(kind="db_check")
    done = ended(operator, started.operation_id)
    assert done.state == SUCCEEDED and done.results == 2
    found = result(operator, started.operation_id)
    assert {f["object"] for f in found} == broken
    assert all(f["finding"] and f["message"] and f["remedy"] for f in found)
    assert result(operator, started.operation_id, size=1) == found
    quick = operator.ops.start_operation(kind="db_check", parameters='{"quick": true}')
    assert ended(operator, quick.operation_id).results == 1


def test_a_page_of_large_items_is_shorter_and_none_is_left_out(
    operator: usher.Calls, system: System
):
    started = operator.ops.start_operation(kind="db_check", parameters='{"quick": true}')
    ended(operator, started.operation_id)
    system.database.sql(
        "DELETE FROM usher.operation_results;"
        "INSERT INTO usher.operation_results (org_id, operation_id, seq, item)"
        " SELECT org_id, id, n, jsonb_build_object('n', n, 'text', repeat(U&'\\00E4', 30000))"
        f" FROM usher.operations, generate_series(1, 40) n WHERE id = '{started.operation_id}'"
    )
    first = operator.ops.read_operation_result(
        operation_id=started.operation_id, page={"size": 1000}
    )
    assert sum(len(item.item.encode()) for item in first.items) <= PAGE_BYTES_MAX
    assert len(first.items) == 17 and first.page.next_token
    found = result(operator, started.operation_id, size=1000)
    assert [item["n"] for item in found] == list(range(1, 41))


def test_what_is_asked_wrongly_is_refused(
    operator: usher.Calls, org_b: Organisation, nodes: tuple[Node, Node], token: str
):
    for fields in (
        {"kind": "nothing"},
        {"kind": ""},
        {"kind": "db_check", "parameters": '{"slow": true}'},
        {"kind": "db_check", "parameters": '{"quick": 1}'},
        {"kind": "db_check", "parameters": "[]"},
        {"kind": "db_check", "parameters": "{"},
    ):
        with pytest.raises(usher.InvalidArgument):
            operator.ops.start_operation(**fields)
    elsewhere = nodes[0].client().using(credential=token, org=org_b.org_id)
    with pytest.raises(usher.InvalidArgument):
        elsewhere.ops.start_operation(kind="db_check")
    for call in ("get_operation", "cancel_operation", "read_operation_result"):
        with pytest.raises(usher.NotFound):
            getattr(operator.ops, call)(operation_id="00000000-0000-7000-8000-000000000000")
        with pytest.raises(usher.InvalidArgument):
            getattr(operator.ops, call)(operation_id="x")


def test_an_organisations_operations_are_its_own(
    operator: usher.Calls,
    system: System,
    org_a: Organisation,
    org_b: Organisation,
    nodes: tuple[Node, Node],
    token: str,
):
    ids = {}
    for org in (org_a, org_b):
        ids[org.org_id] = system.database.sql(
            "INSERT INTO usher.operations (org_id, id, kind, started_by, state, results,"
            f" finished_at, expires_at) VALUES ('{org.org_id}', gen_random_uuid(), 'of an org',"
            f" '{org.user_id}', 3, 1, now(), now() + interval '1 day') RETURNING id"
        )
        system.database.sql(
            "INSERT INTO usher.operation_results (org_id, operation_id, seq, item) VALUES"
            f""" ('{org.org_id}', '{ids[org.org_id]}', 1, '{{"of": "{org.org_id}"}}')"""
        )
    for org, other in ((org_a, org_b), (org_b, org_a)):
        calls = nodes[0].client().using(credential=token, org=org.org_id)
        listed = calls.ops.list_operations().operations
        assert [(o.operation_id, o.org_id) for o in listed] == [(ids[org.org_id], org.org_id)]
        assert result(calls, ids[org.org_id]) == [{"of": org.org_id}]
        for call in ("get_operation", "cancel_operation", "read_operation_result"):
            with pytest.raises(usher.NotFound):
                getattr(calls.ops, call)(operation_id=ids[other.org_id])
    for operation_id in ids.values():
        with pytest.raises(usher.NotFound):
            operator.ops.get_operation(operation_id=operation_id)
    # A row can't point into another organisation.
    with pytest.raises(AssertionError, match="foreign key"):
        system.database.sql(
            "INSERT INTO usher.operation_results (org_id, operation_id, seq, item) VALUES"
            f" ('{org_a.org_id}', '{ids[org_b.org_id]}', 2, '{{}}')"
        )


def test_an_operator_may_name_their_own_organisation(
    operator: usher.Calls, system: System, nodes: tuple[Node, Node], token: str
):
    home = system.database.sql("SELECT org_id FROM usher.users WHERE email = 'operator@example.com'")
    operation_id = system.database.sql(
        "INSERT INTO usher.operations (org_id, id, kind, started_by, state, finished_at, expires_at)"
        f" VALUES ('{home}', gen_random_uuid(), 'of an org', gen_random_uuid(), 3, now(),"
        " now() + interval '1 day') RETURNING id"
    )
    at_home = nodes[0].client().using(credential=token, org=home)
    assert [o.operation_id for o in at_home.ops.list_operations().operations] == [operation_id]
    assert at_home.ops.get_operation(operation_id=operation_id).org_id == home
    with pytest.raises(usher.NotFound):
        operator.ops.get_operation(operation_id=operation_id)


def test_the_list_comes_in_pages_the_newest_first(
    operator: usher.Calls, nodes: tuple[Node, Node], token: str, org_b: Organisation
):
    made = []
    for _ in range(5):
        made.append(operator.ops.start_operation(kind="db_check").operation_id)
        ended(operator, made[-1])
    seen: list[str] = []
    after, pages = "", 0
    while True:
        page = operator.ops.list_operations(kind="db_check", page={"size": 2, "token": after})
        assert len(page.operations) <= 2
        seen += [o.operation_id for o in page.operations]
        pages += 1
        if not page.page.next_token:
            break
        after = page.page.next_token
    assert seen[:5] == made[::-1] and len(set(seen)) == len(seen) and pages == (len(seen) + 1) // 2
    assert operator.ops.list_operations(kind="another").operations == []
    # A token belongs to its list: kind, and organisation.
    with pytest.raises(usher.InvalidArgument):
        operator.ops.list_operations(page={"size": 2, "token": after})
    elsewhere = nodes[0].client().using(credential=token, org=org_b.org_id)
    with pytest.raises(usher.InvalidArgument):
        elsewhere.ops.list_operations(kind="db_check", page={"size": 2, "token": after})


def test_a_repeat_under_the_same_key_starts_nothing_new(operator: usher.Calls):
    key = b"one operation, please"
    first = operator.using(idempotency_key=key).ops.start_operation(kind="db_check")
    again = operator.using(idempotency_key=key).ops.start_operation(kind="db_check")
    assert again.operation_id == first.operation_id
    ended(operator, first.operation_id)


def test_no_more_are_open_than_may_be_and_the_pending_are_cancelled_at_once(
    operator: usher.Calls, system: System, gate: None
):
    with stuck(system):
        started = [
            operator.ops.start_operation(kind="db_check").operation_id for _ in range(OPEN_MAX)
        ]
        with pytest.raises(usher.ResourceExhausted) as refused:
            operator.ops.start_operation(kind="db_check")
        assert refused.value.reason == "OPERATIONS_OPEN"
        # Two nodes, two at work: the others have not begun, or wait for their next turn.
        wait_until(
            lambda: system.database.count("operations", "state = 2 AND claimed_by IS NOT NULL") == 2,
            "both nodes are at one",
        )
        states = {i: operator.ops.cancel_operation(operation_id=i).state for i in started}
        assert set(states.values()) <= {RUNNING, CANCELLED}
        for operation_id, state in states.items():
            if state == CANCELLED:
                assert ended(operator, operation_id).HasField("finished_at")
    for operation_id in started:
        done = ended(operator, operation_id)
        assert done.state == CANCELLED and done.cancel_requested


def test_one_that_runs_is_cancelled_after_its_step_and_keeps_what_it_found(
    operator: usher.Calls, system: System, gate: None
):
    with stuck(system):
        operation_id = operator.ops.start_operation(kind="db_check").operation_id
        wait_until(lambda: is_waiting(system, operation_id), "it is in the middle", 30)
        running = operator.ops.get_operation(operation_id=operation_id)
        assert running.state == RUNNING and running.node_id
        assert 1 == running.done < running.total and running.results == len(GATE)
        cancelled = operator.ops.cancel_operation(operation_id=operation_id)
        assert cancelled.state == RUNNING and cancelled.cancel_requested
    done = ended(operator, operation_id)
    assert done.state == CANCELLED and done.done < done.total
    assert {f["object"] for f in result(operator, operation_id)} == GATE
    # What has ended stays as it is.
    again = operator.ops.cancel_operation(operation_id=operation_id)
    assert again.state == CANCELLED and again.finished_at == done.finished_at


@pytest.mark.parametrize("how", ["killed", "stopped and continued"])
def test_when_a_node_is_gone_another_goes_on_behind_its_last_step(
    how: str,
    nodes: tuple[Node, Node],
    token: str,
    system: System,
    broken: set[str],
    gate: None,
):
    calls = [n.client().using(credential=token) for n in nodes]
    ids = [c.ops.get_status().node_id for c in calls]
    with stuck(system):
        operation_id = calls[0].ops.start_operation(kind="db_check").operation_id
        wait_until(lambda: is_waiting(system, operation_id), "it is in the middle", 30)
        assert row(system, operation_id, "done || ' ' || results") == "1 5"
        at = ids.index(row(system, operation_id, "claimed_by"))
        worker, operator = nodes[at], calls[1 - at]
        worker.kill() if how == "killed" else worker.signal(signal.SIGSTOP)
        if how != "killed":
            # From when its statement ends PostgreSQL lets its transaction stand still for 15 s.
            wait_until(
                lambda: row(system, operation_id, "claimed_by") == ids[1 - at], "it is taken over", 40
            )
        assert row(system, operation_id, "done || ' ' || results") == "1 5"
    try:
        done = ended(operator, operation_id)
    finally:
        if how == "killed":
            worker.start_and_wait()
        else:
            worker.signal(signal.SIGCONT)
    assert done.state == SUCCEEDED and done.results == 6 and done.done == done.total
    assert int(row(system, operation_id, "claims")) >= 2
    # Each finding once, whoever found it; also when the first has woken up.
    wait_until(worker.is_ready, "it is back", 30)
    if how != "killed":
        wait_until(
            lambda: "another node has taken the operation over" in worker.log.read_text(),
            "its own step comes to nothing",
            40,
        )
    assert sorted(f["object"] for f in result(operator, operation_id)) == sorted(broken | GATE)
    assert operator.ops.get_operation(operation_id=operation_id) == done


def test_a_step_that_fails_again_and_again_ends_it(operator: usher.Calls, system: System):
    with contextlib.ExitStack() as stack:
        system.database.sql("ALTER FUNCTION usher.check_reference RENAME TO away")
        stack.callback(
            system.database.sql, "ALTER FUNCTION usher.away RENAME TO check_reference"
        )
        operation_id = operator.ops.start_operation(kind="db_check").operation_id
        wait_until(lambda: row(system, operation_id, "error"), "a step failed", 30)
        assert operator.ops.get_operation(operation_id=operation_id).state == RUNNING
        # It is tried less and less often: no need to wait for that here.
        def hurry():
            system.database.sql("UPDATE usher.operations SET next_try_at = now() WHERE state = 2")
            found = operator.ops.get_operation(operation_id=operation_id)
            return found if found.state != RUNNING else None

        done = wait_until(hurry, "it is given up", 30, every_s=0.2)
    assert done.state == FAILED and done.error
    assert int(row(system, operation_id, "attempts")) == 5
    assert result(operator, operation_id)[0]["finding"].startswith("FUNCTION_")


@pytest.fixture()
def no_commit(system: System) -> Iterator[None]:
    """A success is refused at the commit, and not before."""
    system.database.sql(
        "CREATE FUNCTION usher.refuse_success() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no commit' USING ERRCODE = '40001'; END $$;"
        "CREATE CONSTRAINT TRIGGER refuse_success AFTER UPDATE ON usher.operations"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 3)"
        " EXECUTE FUNCTION usher.refuse_success()"
    )
    yield
    system.database.sql("DROP FUNCTION usher.refuse_success CASCADE")


def told(nodes: tuple[Node, Node], operation_id: str) -> list[dict[str, str]]:
    """What the nodes' logs say of it."""
    lines = [line for node in nodes for line in node.log.read_text().splitlines()]
    return [
        dict(word.split("=", 1) for word in shlex.split(line))
        for line in lines
        if f"id={operation_id}" in line and "event=operation_" in line
    ]


def test_a_success_is_told_when_it_is_committed_and_with_its_own_figures(
    operator: usher.Calls, system: System, nodes: tuple[Node, Node], no_commit: None
):
    operation_id = operator.ops.start_operation(
        kind="db_check", parameters='{"quick": true}'
    ).operation_id
    wait_until(lambda: told(nodes, operation_id), "a commit was refused", 30)
    assert {line["event"] for line in told(nodes, operation_id)} == {"operation_step_failed"}
    system.database.sql("DROP TRIGGER refuse_success ON usher.operations")
    done = ended(operator, operation_id)
    assert done.state == SUCCEEDED and done.done == done.total > 0

    def successes() -> list[dict[str, str]]:
        return [w for w in told(nodes, operation_id) if w["event"] == "operation_succeeded"]

    wait_until(successes, "it is told")
    (line,) = successes()
    assert (line["done"], line["total"]) == (str(done.done), str(done.total))
    # The same where there are many steps.
    whole = ended(operator, operator.ops.start_operation(kind="db_check").operation_id)
    wait_until(lambda: told(nodes, whole.operation_id), "it is told")
    assert [
        (line["event"], line["done"], line["total"]) for line in told(nodes, whole.operation_id)
    ] == [("operation_succeeded", str(whole.done), str(whole.total))]


def test_one_that_no_node_survives_is_given_up(operator: usher.Calls, system: System):
    """As if five nodes had ended in the same step, each with its claim."""
    operation_id = system.database.sql(
        "INSERT INTO usher.operations (org_id, id, kind, started_by, state, attempts, claimed_by,"
        " claim_until) SELECT id, gen_random_uuid(), 'db_check', id, 2, 5, gen_random_uuid(),"
        " now() + interval '1 hour' FROM usher.orgs WHERE is_system RETURNING id"
    )
    done = ended(operator, operation_id)
    assert done.state == FAILED and "given up" in done.error


def test_kinds_that_a_node_does_not_know_are_left_to_others(operator: usher.Calls, system: System):
    operation_id = system.database.sql(
        "INSERT INTO usher.operations (org_id, id, kind, started_by) SELECT id, gen_random_uuid(),"
        " 'of_tomorrow', id FROM usher.orgs WHERE is_system RETURNING id"
    )
    other = operator.ops.start_operation(kind="db_check").operation_id
    ended(operator, other)
    assert row(system, operation_id, "state || ' ' || claims") == "1 0"
    assert operator.ops.cancel_operation(operation_id=operation_id).state == CANCELLED


def test_what_has_been_kept_long_enough_is_swept_with_its_result(
    operator: usher.Calls, system: System, broken: set[str]
):
    operation_id = operator.ops.start_operation(kind="db_check").operation_id
    ended(operator, operation_id)
    where = f"operation_id = '{operation_id}'"
    assert system.database.count("operation_results", where) == 2
    system.database.sql(
        f"UPDATE usher.operations SET expires_at = now() WHERE id = '{operation_id}'"
    )
    # Another node may be sweeping: then this one passes.
    wait_until(
        lambda: operator.ops.run_job(job="sweep")
        and system.database.count("operation_results", where) == 0,
        "it is swept",
    )
    with pytest.raises(usher.NotFound):
        operator.ops.get_operation(operation_id=operation_id)
