"""The primary dies, its synchronous replica takes over, and what was acknowledged is there: with
database.host naming both, and through a pooler whose server is switched."""

from __future__ import annotations

import pathlib
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import usher
from usher_testing import SLOWER, Figures, Fleet, Organisation, System, rounds, wait_until
from usher_testing.replica import Pooler, Replica, allow_copies
from usher_testing.system import Cluster, Database

SETTINGS = ("fsync=off", "max_connections=100", "wal_level=replica", "synchronous_commit=on")
WRITERS = 4
AGAIN = (
    usher.Unavailable,
    usher.DeadlineExceeded,
    usher.Aborted,
    usher.Unknown,
    usher.ResourceExhausted,
)


class Pair:
    """A primary, and a replica that every commit waits for."""

    def __init__(self, folder: pathlib.Path):
        folder.mkdir()
        folder.chmod(0o711)
        self.folder = folder
        self.primary = Cluster(folder / "one", SETTINGS)
        self.database: Database = self.primary.database("usher")
        self.generation = 1
        self._dead: list[Cluster] = []
        self._follow()

    def _follow(self) -> None:
        allow_copies(self.primary)
        self.replica = Replica(self.folder / f"replica{self.generation}", self.primary, SETTINGS)
        names = f"'{self.replica.name}'"
        self.primary.sql("postgres", f'ALTER SYSTEM SET synchronous_standby_names = {names}')
        self.primary.sql("postgres", "SELECT pg_reload_conf()")
        wait_until(
            lambda: self.primary.sql("postgres", "SELECT sync_state FROM pg_stat_replication")
            == "sync",
            "commits wait for the replica",
            20,
        )

    def fail_over(self) -> None:
        """The primary dies, and its replica is promoted; commits wait for nobody then."""
        self.primary.kill()
        self._dead.append(self.primary)
        self.replica.promote()
        self.replica.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''")
        self.replica.sql("postgres", "SELECT pg_reload_conf()")
        self.primary, self.database.cluster = self.replica, self.replica
        self.generation += 1

    def stop(self) -> None:
        for cluster in {self.primary, self.replica, *self._dead}:
            cluster.stop()


class Writer(threading.Thread):
    """Appends 1, 2, 3 ... to a conversation through any node, each under an idempotency key until it
    is acknowledged; and reads on another node what it wrote."""

    def __init__(self, number: int, clients: list[usher.Client], org: Organisation):
        super().__init__(daemon=True)
        self.name = f"failover{number}"
        self.acknowledged: list[float] = []  # when
        self.repeats = 0
        self.failure: BaseException | None = None
        self._session = usher.Session()
        self._sides = [c.using(credential=org.api_key, session=self._session) for c in clients]
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                self._append(len(self.acknowledged) + 1)
        except BaseException as failure:
            self.failure = failure

    def _append(self, number: int) -> None:
        key = usher.idempotency_key()
        turn = {"role": "TURN_ROLE_USER", "text": str(number)}
        while True:
            try:
                calls = random.choice(self._sides).using(idempotency_key=key)
                reply = calls.context.append_turns(conversation=self.name, turns=[turn])
            except AGAIN:
                self.repeats += 1
                if self._ended.wait(0.05) and self.repeats > 5000:
                    raise
                continue
            assert reply.first_seq == number, f"{self.name}: {reply.first_seq}, not {number}"
            self.acknowledged.append(time.monotonic())
            break
        try:
            reply = random.choice(self._sides).context.list_turns(conversation=self.name)
        except AGAIN:
            return
        newest = max((t.seq for t in reply.turns), default=0)
        assert newest >= number, f"{self.name}: reads {newest} after {number}"


@pytest.fixture
def pair(workspace: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(workspace / request.node.name.removeprefix("test_")[:20])
    yield made
    made.stop()


def _fail_over_while_writing(
    pair: Pair, system: System, fleet: Fleet, lead: Callable[[], None] | None = None
) -> Organisation:
    org = system.organisation("a")
    clients = fleet.clients(timeout=3.0)
    session = usher.Session()
    key = org.new_key(clients[0], "context.read", default_user_id=org.user_id)
    for client in clients:
        client.using(credential=key.api_key).context.resolve(message="x")
    writers = [Writer(n, clients, org) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        _wait_for_writes(writers, 20)
        org.keyed(clients[0]).using(session=session).context.put_profile(
            profile={"company": "Acknowledged"}
        )
        org.owner(clients[0]).context.revoke_api_key(
            chatbot_id=org.chatbot_id, key_id=key.key.key_id
        )
        pair.fail_over()
        if lead:
            lead()
        _wait_for_writes(writers, 20)
    finally:
        for writer in writers:
            writer.stop()
        for writer in writers:
            writer.join(60 * SLOWER)
    assert not [w.failure for w in writers if w.failure], [w.failure for w in writers]

    fleet.settle(30)
    lost = 0
    for writer in writers:
        rows = pair.database.sql(
            "SELECT t.seq, t.body FROM usher.turns t JOIN usher.conversations c"
            " ON (c.org_id, c.id) = (t.org_id, t.conversation_id)"
            f" WHERE c.external_key = '{writer.name}' ORDER BY t.seq"
        ).splitlines()
        wanted = [f"{n + 1}|{n + 1}" for n in range(len(writer.acknowledged))]
        lost += len(set(wanted) - set(rows))
        assert rows == wanted, f"{writer.name}: {len(rows)} rows for {len(wanted)} acknowledged"
    for client in clients:
        text = org.keyed(client).using(session=session).context.resolve(message="x")
        assert "Acknowledged" in " ".join(s.text for s in text.context.segments)
        with pytest.raises(usher.Unauthenticated):
            client.using(credential=key.api_key).context.resolve(message="x")
    # What is taken away now is refused, and told within a call's time.
    figures = Figures("a revocation after the failover")
    for client in clients:
        other = org.new_key(client, "context.read", default_user_id=org.user_id)
        with figures.timed():
            org.owner(client).context.revoke_api_key(
                chatbot_id=org.chatbot_id, key_id=other.key.key_id
            )
        for asked in clients:
            with pytest.raises(usher.Unauthenticated):
                asked.using(credential=other.api_key).context.resolve(message="x")
    silence = max(
        later - earlier for w in writers for earlier, later in zip(w.acknowledged, w.acknowledged[1:])
    )
    print(
        f"{sum(len(w.acknowledged) for w in writers)} writes acknowledged,"
        f" {sum(w.repeats for w in writers)} repeats, {lost} lost;"
        f" {silence * 1000:.0f} ms at most between two of a writer (promotion included)"
    )
    print(figures)
    return org


def _wait_for_writes(writers: list[Writer], more: int) -> None:
    before = [len(w.acknowledged) for w in writers]
    wait_until(
        lambda: all(
            w.failure or len(w.acknowledged) >= b + more for w, b in zip(writers, before)
        ),
        "all write",
        60,
    )


def test_hosts_of_primary_and_replica(pair: Pair):
    system = System(pair.folder / "system", pair.database)
    fleet = Fleet(system)
    hosts = {
        "database__conninfo": "",
        "database__host": f"{pair.primary.socket},{pair.replica.socket}",
        "database__port": "5432,5432",
        "database__name": "usher",
        "database__user": "usher_app",
    }
    try:
        for _ in range(2):
            fleet.add(**hosts)
        _fail_over_while_writing(pair, system, fleet)
    finally:
        system.stop()


def test_a_pooler_whose_server_is_switched(pair: Pair):
    system = System(pair.folder / "system", pair.database)
    fleet = Fleet(system)
    pooler = Pooler(pair.folder / "pooler", pair.database, 40)
    pooler.start_and_wait()
    try:
        for _ in range(2):
            fleet.add(
                database__conninfo=pooler.conninfo(pair.database), database__prepared="off"
            )

        def lead() -> None:
            pooler.lead_to(pair.database)
            pooler.reload()

        org = _fail_over_while_writing(pair, system, fleet, lead)
        _check_under_load(org, fleet)
    finally:
        system.stop()
        pooler.end()


def _check_under_load(org: Organisation, fleet: Fleet) -> None:
    """Own writes and revocations, with each transaction on another connection of the pooler's."""
    clients = fleet.clients()
    figures = Figures("a revocation through pgbouncer")
    for number in range(rounds(20)):
        session = usher.Session()
        here, there = (clients[(number + n) % 2] for n in (0, 1))
        company = f"Pooled {number}"
        org.keyed(here).using(session=session).context.put_profile(profile={"company": company})
        reply = org.keyed(there).using(session=session).context.resolve(message="x")
        assert company in " ".join(s.text for s in reply.context.segments)
        key = org.new_key(here, "context.read", default_user_id=org.user_id)
        there.using(credential=key.api_key).context.resolve(message="x")
        with figures.timed():
            org.owner(here).context.revoke_api_key(
                chatbot_id=org.chatbot_id, key_id=key.key.key_id
            )
        with pytest.raises(usher.Unauthenticated):
            there.using(credential=key.api_key).context.resolve(message="x")
    print(figures)
