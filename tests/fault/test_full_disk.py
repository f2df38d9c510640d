"""A full disk, under the receipts' spool, the mail's folder and PostgreSQL: what needs no room is served,
what does is refused with its reason, nothing acknowledged is lost, and all goes on when there is room."""

from __future__ import annotations

import pathlib
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

import usher
from usher_testing import Node, Organisation, System, free_port, read_figure, wait_until
from usher_testing.disk import SmallDisk
from usher_testing.system import Cluster

MIB = 1 << 20
WRITERS = 4
RETRY = (usher.Unavailable, usher.DeadlineExceeded, usher.Aborted, usher.Unknown)
# What a client says of a call that no server was given.
UNSENT = ("NOT_CONNECTED", "NOT_SENT")


def _receipts(system: System, purpose: str) -> int:
    return int(
        system.database.sql(
            f"SELECT coalesce(sum(reads), 0) FROM usher.reads WHERE purpose LIKE '{purpose}'"
        )
    )


class Reads:
    """Of one purpose. What was given has its receipt, once, and what was refused has none; what
    nobody heard of may have one."""

    def __init__(self, system: System, purpose: str):
        self._system = system
        self._purpose = purpose
        self.given = self.unheard = 0
        self.refused: Counter[str] = Counter()

    def ask(self, calls: usher.Calls, **fields: str) -> bool:
        """Was it given?"""
        try:
            calls.context.resolve(message="x", **{"purpose": self._purpose, **fields})
        except RETRY as error:
            is_told = error.response is not None and isinstance(error, usher.Unavailable)
            if is_told or error.reason in (*UNSENT, "RECEIPTS_WAIT"):
                self.refused[error.reason] += 1
            else:
                self.unheard += 1
            return False
        self.given += 1
        return True

    def wait_for_receipts(self) -> None:
        wait_until(
            lambda: _receipts(self._system, self._purpose) >= self.given,
            "each has its receipt",
            30,
        )

    def check_receipts(self) -> None:
        self.wait_for_receipts()
        assert self.given <= _receipts(self._system, self._purpose) <= self.given + self.unheard

    def __str__(self) -> str:
        return (
            f"{self.given} reads given, {self.refused.total()} refused {dict(self.refused)},"
            f" {self.unheard} unheard of, 0 receipts lost"
        )


# ---- under the spool


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture
def spool_disk(system: System) -> Iterator[SmallDisk]:
    disk = SmallDisk(system.folder / "small.spool", 1 * MIB)
    yield disk
    disk.done()


@pytest.fixture
def spooling(
    system: System, org_a: Organisation, spool_disk: SmallDisk, metrics_port: int
) -> Iterator[Node]:
    """A node whose spool is on the small disk, with room for one and not for two. Not started."""
    number = len(list(system.folder.glob("spooling*.spool")))
    node = system.node(
        f"spooling{number}",
        start=False,
        spool__dir=str(spool_disk.folder),
        spool__bytes="600KiB",
        metrics__listen=f"127.0.0.1:{metrics_port}",
    )
    node._words = spool_disk.inside(*node._words)
    yield node
    system.processes().remove(node)
    node.done()


def test_a_node_that_starts_without_room_for_receipts_serves_all_but_reads(
    spool_disk: SmallDisk,
    spooling: Node,
    system: System,
    org_a: Organisation,
    metrics_port: int,
):
    spool_disk.fill()
    spooling.start_and_wait()
    client = spooling.client()
    keyed = org_a.keyed(client)
    refused = 0
    for _ in range(20):
        assert org_a.login(client).access_token
        assert keyed.context.put_profile(profile={"company": "x"}).user_id
        with pytest.raises(usher.Unavailable) as error:
            keyed.context.resolve(message="x", purpose="no-room")
        assert error.value.reason == "SPOOL_FULL"
        refused += 1
    # One that would store its message too stores nothing.
    with pytest.raises(usher.Unavailable):
        keyed.context.resolve(message="x", conversation="no room", purpose="no-room")
    assert not system.database.count("conversations", "external_key = 'no room'")
    assert read_figure(metrics_port, "usher_spool_refused_total") == refused + 1
    assert read_figure(metrics_port, "usher_spool_slots_max") == 0
    log = spooling.log.read_text()
    assert "event=spool_full" in log and log.count("job=receipts") <= 1
    operator = system.operator("disk@operators.example").owner(client)

    def receipts_job():
        return next(j for j in operator.ops.list_jobs().jobs if j.name == "receipts")

    wait_until(lambda: "room" in receipts_job().last_error, "the job tells of it")
    spool_disk.free()
    reads = Reads(system, "no-room")
    wait_until(lambda: reads.ask(keyed), "reads go on by themselves", 20)
    for _ in range(100):
        assert reads.ask(keyed)
    reads.check_receipts()
    wait_until(lambda: not receipts_job().last_error, "the job runs well")
    print(f"spool full at the start: {refused + 1} reads refused, then {reads}")


def test_a_disk_that_fills_up_under_a_spool_is_no_trouble_and_a_dead_nodes_file_makes_room(
    spool_disk: SmallDisk, spooling: Node, system: System, org_a: Organisation
):
    """Its blocks were taken at the start."""
    spooling.start_and_wait()
    keyed = org_a.keyed(spooling.client())
    spool_disk.fill()
    reads = Reads(system, "filled")
    for _ in range(3):
        for _ in range(200):
            assert reads.ask(keyed)
        spooling.kill()
        # There is no room for its own file until what the dead one left is stored.
        spooling.start_and_wait()
        wait_until(lambda: reads.ask(keyed), "reads go on by themselves", 20)
    reads.check_receipts()
    print(f"disk full under a spool, 3 kills: {reads}")


def test_mail_waits_for_room(system: System, org_a: Organisation):
    disk = SmallDisk(system.folder / "small.mail", 1 * MIB)
    node = system.node("mailing", start=False, mail__dir=str(disk.folder))
    node._words = disk.inside(*node._words)
    node.start_and_wait()
    disk.fill()
    emails = [f"disk{n}@example.com" for n in range(5)]
    for email in emails:
        node.client().auth.sign_up(email=email, password="a pass phrase 8Y")
    wait_until(lambda: "event=mail_waits" in node.log.read_text(), "the log tells", 20)
    assert disk.shell('ls -A "$1"', disk.folder).split() == ["ballast"]
    disk.free()
    system.database.sql("UPDATE usher.mail_outbox SET next_try_at = now()")

    def have_come() -> bool:
        text = disk.shell('cat "$1"/*.eml 2>/dev/null || :', disk.folder)
        return all(email in text for email in emails)

    wait_until(have_come, "all mail is there", 20)
    assert len(disk.shell('ls -A "$1"', disk.folder).split()) == len(emails)
    system.processes().remove(node)
    node.done()
    disk.done()
    print(f"disk full under the mail: {len(emails)} mails waited, 0 lost, 0 twice")


# ---- under PostgreSQL


class Writer(threading.Thread):
    """Appends 1, 2, 3 ... with much text, each under its key until it is told that it is done."""

    def __init__(self, number: int, node: Node, org: Organisation):
        super().__init__(daemon=True)
        self.name = f"disk{number}"
        self.acknowledged: list[int] = []
        self.refused: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._calls = org.keyed(node.client(timeout=5.0))
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()
        self.join(60)
        assert not self.is_alive()
        assert not self.failure, self.failure

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                if not self._append(len(self.acknowledged) + 1):
                    return
        except BaseException as failure:
            self.failure = failure

    def _append(self, number: int) -> bool:
        calls = self._calls.using(idempotency_key=usher.idempotency_key())
        # Of nothing that PostgreSQL could compress.
        text = f"{number} " + usher.idempotency_key().hex() * 400
        while True:
            try:
                reply = calls.context.append_turns(
                    conversation=self.name,
                    turns=[{"role": "TURN_ROLE_USER", "text": text}],
                )
            except RETRY as error:
                self.refused[error.reason or error.code.name] += 1
                if self._ended.wait(0.05):
                    return False
                continue
            assert reply.first_seq == number, f"{self.name}: {reply.first_seq}, not {number}"
            self.acknowledged.append(number)
            return True


class Full:
    """A cluster on a disk of its own, with servers and writers."""

    def __init__(self, workspace: pathlib.Path, name: str):
        folder = workspace / name
        self.disk = SmallDisk(folder / "postgres", 256 * MIB)
        self.cluster = Cluster(
            folder,
            (
                "max_connections=100",
                "shared_buffers=16MB",
                "min_wal_size=32MB",
                "max_wal_size=32MB",
                "autovacuum=off",
                "fsync=off",
            ),
            self.disk,
        )
        self.system = System(workspace / f"{name}-system", self.cluster.database("full"))
        self.org = self.system.organisation("a")
        self.port = free_port()
        self.node = self.system.node(metrics__listen=f"127.0.0.1:{self.port}")
        self.keyed = self.org.keyed(self.node.client(timeout=20.0))
        self.writers = [Writer(n, self.node, self.org) for n in range(WRITERS)]

    def wait_for_writes(self, more: int) -> None:
        before = [len(w.acknowledged) for w in self.writers]
        wait_until(
            lambda: all(
                w.failure or len(w.acknowledged) >= b + more for w, b in zip(self.writers, before)
            ),
            "all write",
            60,
        )
        assert not [w.failure for w in self.writers if w.failure]

    def stop_writing(self) -> None:
        for writer in self.writers:
            writer.stop()

    def check_writes(self) -> int:
        """How many there are: those that were acknowledged, each once."""
        for writer in self.writers:
            rows = self.system.database.sql(
                "SELECT t.seq, split_part(t.body, ' ', 1) FROM usher.turns t"
                " JOIN usher.conversations c"
                " ON (c.org_id, c.id) = (t.org_id, t.conversation_id)"
                f" WHERE c.external_key = '{writer.name}' ORDER BY t.seq"
            ).splitlines()
            wanted = [f"{n}|{n}" for n in writer.acknowledged]
            # The last one may have been stored though nobody heard of it.
            assert rows[: len(wanted)] == wanted and len(rows) <= len(wanted) + 1
        return sum(len(w.acknowledged) for w in self.writers)

    def refused(self) -> Counter[str]:
        return sum((w.refused for w in self.writers), Counter())

    def done(self) -> None:
        try:
            for writer in self.writers:
                if writer.is_alive():
                    writer.stop()
            self.system.stop()
        finally:
            self.disk.free()
            self.cluster.stop("immediate")
            self.disk.done()


@pytest.fixture(scope="module")
def full(workspace: pathlib.Path) -> Iterator[Full]:
    made = Full(workspace, "full")
    yield made
    made.done()


def test_no_room_for_data(full: Full):
    """Reads from memory go on, writes are refused and repeated until there is room."""
    for writer in full.writers:
        writer.start()
    full.wait_for_writes(5)
    reads = Reads(full.system, "data")
    reads.ask(full.keyed)
    full.disk.fill()
    wait_until(
        lambda: all(w.refused["DATABASE_FULL"] > 5 for w in full.writers),
        "all writers are told why",
        60,
    )
    for _ in range(50):
        assert full.node.health().ready
        assert reads.ask(full.keyed), str(reads)
    log = full.node.log.read_text()
    assert "sqlstate=53100" in log
    full.node.check_alive()
    full.disk.free()
    full.wait_for_writes(5)
    full.stop_writing()
    written = full.check_writes()
    reads.check_receipts()
    print(
        f"no room for data: {written} writes acknowledged, 0 lost, 0 twice; refused:"
        f" {dict(full.refused())}; {reads}"
    )


def test_no_room_for_the_log_of_transactions(full: Full):
    """PostgreSQL gives up, and cannot start either until there is room."""
    full.writers = [Writer(WRITERS + n, full.node, full.org) for n in range(WRITERS)]
    for writer in full.writers:
        writer.start()
    full.wait_for_writes(5)
    reads = Reads(full.system, "wal")
    reads.ask(full.keyed)
    full.disk.fill()

    def is_down() -> bool:
        try:
            # What is left of its log is used up the sooner.
            full.system.database.sql("SELECT pg_switch_wal() FROM (SELECT txid_current()) t")
        except AssertionError:
            return True
        return False

    wait_until(is_down, "PostgreSQL gives up", 60, 0.1)
    wait_until(
        lambda: all(w.refused["DATABASE_AWAY"] for w in full.writers),
        "all are told that",
        60,
    )
    assert full.node.health().version
    for _ in range(5):
        reads.ask(full.keyed)
    full.disk.free()

    def is_up() -> bool:
        # It may not have ended altogether when it is asked to start.
        try:
            full.cluster.start()
            return bool(full.system.database.sql("SELECT 1"))
        except AssertionError:
            return False

    wait_until(is_up, "PostgreSQL is back", 60, 0.1)
    full.wait_for_writes(5)
    full.stop_writing()
    written = full.check_writes()
    wait_until(lambda: full.node.is_ready(), "it is ready", 20)
    reads.ask(full.keyed)
    reads.check_receipts()
    print(
        f"no room for WAL: {written} writes acknowledged, 0 lost, 0 twice; refused:"
        f" {dict(full.refused())}; {reads}"
    )


def test_receipts_wait_for_the_databases_room_and_none_is_lost(full: Full):
    """A spool that can't be emptied fills up; then reads are refused, and counted."""
    port = free_port()
    node = full.system.node("narrow", spool__bytes="64KiB", metrics__listen=f"127.0.0.1:{port}")
    owner = full.org.owner(node.client(timeout=20.0))
    users = [owner.user.upsert_user(external_id=f"disk{n}").user.user_id for n in range(300)]
    calls = full.org.keyed(node.client(timeout=20.0))
    for user in users:
        calls.context.resolve(user_id=user, message="x")  # into memory, with its block
    full.disk.fill()
    reads, turn = Reads(full.system, "narrow-%"), 0
    brief = calls.using(timeout=2.0)
    while reads.refused["RECEIPTS_WAIT"] < 3:
        turn += 1
        assert turn < 100_000
        reads.ask(brief, user_id=users[turn % len(users)], purpose=f"narrow-{turn // len(users)}")
    wait_until(lambda: read_figure(port, "usher_spool_refused_total") >= 1, "it is counted")
    assert read_figure(port, "usher_spool_waits_total") >= 1
    assert read_figure(port, 'usher_job_errors_total{job="receipts"}') >= 1
    full.disk.free()
    reads.wait_for_receipts()
    wait_until(lambda: read_figure(port, "usher_spool_slots_used") == 0, "the spool is empty", 20)
    reads.check_receipts()
    assert calls.context.resolve(user_id=users[0], message="x").read_id
    print(f"no room for receipts in the database: {reads}, 0 twice")
