"""kill -9 of usherd and of PostgreSQL in the middle of writes: every acknowledged write is there, none is
there twice, nothing is half done."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterator

import pytest

import usher
from usher_testing import SLOWER, Node, Organisation, System, wait_until
from usher_testing.system import Cluster

CYCLES = 20
WRITERS = 6
RETRY = (
    usher.Unavailable,
    usher.DeadlineExceeded,
    usher.Aborted,
    usher.ResourceExhausted,
    usher.Unknown,  # the database broke off during the commit
)


@pytest.fixture(scope="module")
def cluster(workspace: pathlib.Path) -> Iterator[Cluster]:
    """A cluster that keeps what it said it would."""
    made = Cluster(workspace / "crash-cluster", ("max_connections=100",))
    yield made
    made.start()
    made.stop()


class Writer(threading.Thread):
    """Appends 1, 2, 3 ... to a conversation and makes a user for each, repeating under the same
    idempotency keys until it is told that it is done."""

    def __init__(self, number: int, node: Node, org: Organisation):
        super().__init__(daemon=True)
        self.name = f"crash{number}"
        self.acknowledged: list[int] = []
        self.users: list[str] = []
        self.failure: BaseException | None = None
        self.repeats = 0
        self._calls = org.keyed(node.client(timeout=3.0))
        self._owner = org.owner(node.client(timeout=3.0))
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()

    def run(self) -> None:
        try:
            number = 0
            while not self._ended.is_set():
                number += 1
                if not self._write(number):
                    return
                self.acknowledged.append(number)
        except BaseException as failure:
            self.failure = failure

    def _write(self, number: int) -> bool:
        turn = {"role": "TURN_ROLE_USER", "text": str(number)}
        append = self._calls.using(idempotency_key=usher.idempotency_key())
        upsert = self._owner.using(idempotency_key=usher.idempotency_key())
        reply = self._until_done(
            lambda: append.context.append_turns(conversation=self.name, turns=[turn])
        )
        if reply is None:
            return False
        assert reply.first_seq == number, f"{self.name}: {reply.first_seq} instead of {number}"
        external_id = f"{self.name}-{number}"
        made = self._until_done(lambda: upsert.user.upsert_user(external_id=external_id))
        if made is None:
            return False
        # Under its key a repeat says what the first one said.
        assert made.created
        self.users.append(external_id)
        return True

    def _until_done(self, call):
        while True:
            try:
                return call()
            except RETRY as error:
                self.repeats += 1
                if self._ended.wait(min(error.retry_after or 0.05, 0.5)) and self.repeats > 10000:
                    return None


def test_acknowledged_writes_survive_and_none_is_there_twice(
    system: System, node: Node, cluster: Cluster, org_a: Organisation
):
    org_a.tokens(node.client())
    writers = [Writer(i, node, org_a) for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    for cycle in range(CYCLES):
        before = [len(w.acknowledged) for w in writers]
        wait_until(
            lambda: all(w.failure or len(w.acknowledged) > b for w, b in zip(writers, before)),
            f"all write in cycle {cycle}",
            60,
        )
        assert not [w.failure for w in writers if w.failure]
        if cycle % 2:
            cluster.kill()
            cluster.start()
        else:
            node.kill()
            node.start()
    for writer in writers:
        writer.stop()
    for writer in writers:
        writer.join(60 * SLOWER)
        assert not writer.is_alive()
        assert not writer.failure, writer.failure

    for writer in writers:
        rows = system.database.sql(
            "SELECT t.seq, t.body FROM usher.turns t JOIN usher.conversations c"
            " ON (c.org_id, c.id) = (t.org_id, t.conversation_id)"
            f" WHERE c.external_key = '{writer.name}' ORDER BY t.seq"
        ).splitlines()
        assert rows == [f"{n}|{n}" for n in writer.acknowledged]
        assert len(writer.users) == len(writer.acknowledged)
    assert sum(w.repeats for w in writers) > 0

    # A write, its counter, its audit row and its idempotency record came together or not at all.
    written = sum(len(w.acknowledged) for w in writers)
    assert system.database.count("users", "external_id LIKE 'crash%'") == written
    action = "action = 'usher.v1.UserService/UpsertUser' AND outcome = 0"
    assert system.database.count("audit", action) == written
    assert system.database.count("idempotency") == 2 * written
    torn = system.database.sql(
        "SELECT count(*) FROM usher.conversations c WHERE last_seq <>"
        " (SELECT count(*) FROM usher.turns t"
        "  WHERE (t.org_id, t.conversation_id) = (c.org_id, c.id))"
    )
    assert torn == "0"


def test_receipts_of_a_killed_node_are_not_lost(
    system: System, node: Node, org_a: Organisation
):
    wait_until(node.is_ready, "it serves", 30)
    calls = org_a.keyed(node.client())
    for _ in range(100):
        calls.context.resolve(message="x", purpose="before-the-kill")
    node.kill()
    node.start()
    wait_until(
        lambda: system.database.sql(
            "SELECT coalesce(sum(reads), 0) FROM usher.reads WHERE purpose = 'before-the-kill'"
        )
        == "100",
        "each read has its receipt, once",
        60,
    )


def test_a_server_that_starts_before_its_database_serves_once_that_is_up(
    system: System, cluster: Cluster, org_a: Organisation
):
    cluster.stop()
    early = system.node("early", start=False)
    early.start()
    bridge = system.bridge(early, "early-bridge", start=False)
    bridge.start()
    health = early.health()
    assert not health.ready and not health.database_reachable and health.reason
    calls = org_a.keyed(early.client(timeout=2.0))
    with pytest.raises((usher.Unavailable, usher.DeadlineExceeded)):
        calls.context.resolve(message="x")
    wait_until(bridge.is_up, "the bridge lives", 20)
    assert bridge.http().get("/ready").status == 503
    cluster.start()
    wait_until(early.is_ready, "it serves", 30)
    assert calls.context.resolve(message="x").user.user_id == org_a.user_id
    wait_until(lambda: bridge.http().get("/ready").status == 200, "the bridge is ready", 20)


def test_with_the_database_gone_it_answers_unavailable_and_recovers(
    system: System, cluster: Cluster, org_a: Organisation
):
    steady = system.node("steady")
    calls = org_a.keyed(steady.client(timeout=3.0))
    calls.context.resolve(message="x")
    cluster.stop()
    wait_until(lambda: not steady.health().ready, "it knows", 20)
    with pytest.raises((usher.Unavailable, usher.DeadlineExceeded)):
        calls.context.append_turns(
            conversation="gone", turns=[{"role": "TURN_ROLE_USER", "text": "x"}]
        )
    # Once its lease is over, nothing that it remembers counts.
    wait_until(lambda: not steady.health().lease_held, "the lease is over", 10)
    with pytest.raises((usher.Unavailable, usher.DeadlineExceeded)):
        calls.context.resolve(message="x")
    cluster.start()
    wait_until(steady.is_ready, "it serves again", 30)
    assert calls.context.resolve(message="x").read_id
