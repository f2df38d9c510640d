"""A call never sees less than it was told is done: many clients write and read at random, over all
nodes, each in a causal session of its own; and whoever has no session is never far behind."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import usher
from usher_testing import Figures, Fleet, Organisation, Statements, System, rounds

WRITERS = 6
READERS = 3
USERS = 3  # of each writer
STALE_MS_MAX = 100
LEASE_MS = 1900
AGAIN = (
    usher.Unavailable,
    usher.DeadlineExceeded,
    usher.Aborted,
    usher.Unknown,
    usher.ResourceExhausted,
)
_COMPANY = re.compile(r"company no (\d+) of")


@pytest.fixture(scope="module")
def fleet(system: System, org_a: Organisation) -> Fleet:
    made = Fleet(system)
    made.add()
    made.add()
    made.add(link=True)
    made.settle()
    return made


class User:
    """Written by one writer alone: its company's number only rises."""

    def __init__(self, user_id: str):
        self.id = user_id
        self.number = 0  # the last one that was acknowledged
        self.handed = (0, b"")  # that, and the writer's revision then
        self.told_at: list[float] = []  # when number 1, 2, 3 ... had been acknowledged

    def stale_ms(self, number: int, asked_at: float) -> float:
        """How long before the question the number that follows the one read had been told."""
        if number >= len(self.told_at):
            return 0.0
        return max(0.0, asked_at - self.told_at[number]) * 1000


class Checker:
    def __init__(self, clients: list[usher.Client], org: Organisation):
        self.org = org
        self.clients = clients
        self.users = [self._user(n) for n in range(WRITERS * USERS)]
        self.stale = Figures("age of what readers without a session saw")
        self.late = Figures("how late the machine itself was")
        self.written = self.read = self.handed = self.from_memory = self.repeats = 0
        self.missed: list[str] = []
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def _user(self, number: int) -> User:
        owner = self.org.owner(self.clients[0])
        return User(owner.user.upsert_user(external_id=f"r-{number}").user.user_id)

    def _sides(self, session: usher.Session | None) -> list[usher.Calls]:
        return [c.using(credential=self.org.api_key, session=session) for c in self.clients]

    def _see(self, calls: usher.Calls, user: User) -> int:
        """The number of its company, as that node has it."""
        reply = calls.context.resolve(user_id=user.id, message="x")
        found = _COMPANY.search(" ".join(s.text for s in reply.context.segments))
        with self._lock:
            self.read += 1
            self.from_memory += reply.from_memory
        return int(found[1]) if found else 0

    def _until_done(self, call: Callable[[], object]) -> bool:
        while not self._ended.is_set():
            try:
                call()
            except AGAIN:
                self.repeats += 1
                self._ended.wait(0.02)
                continue
            return True
        return False

    def _write(self, number: int) -> None:
        session = usher.Session()
        sides = self._sides(session)
        users = self.users[number * USERS : (number + 1) * USERS]
        while not self._ended.is_set():
            user = random.choice(users)
            if random.random() < 0.4:
                following = user.number + 1
                company = f"company no {following} of {user.id}"
                calls = random.choice(sides).using(idempotency_key=usher.idempotency_key())
                if not self._until_done(
                    lambda: calls.context.put_profile(user_id=user.id, profile={"company": company})
                ):
                    return
                user.told_at.append(time.monotonic())
                user.number = following
                user.handed = (following, session.revision)
                self.written += 1
            else:
                node = random.randrange(len(sides))
                self._check(f"own, node {node}", sides[node], user, user.number)

    def _check(self, how: str, calls: usher.Calls, user: User, least: int) -> None:
        try:
            seen = self._see(calls, user)
        except AGAIN:
            self.repeats += 1
            return
        if seen < least:
            self.missed.append(f"{how}: {seen} instead of {least}")

    def _read_handed(self) -> None:
        """Another one's revision, given by hand: what its writer saw, this reader sees."""
        while not self._ended.is_set():
            user = random.choice(self.users)
            least, revision = user.handed
            node = random.randrange(len(self.clients))
            calls = self._sides(usher.Session(revision))[node]
            self._check(f"handed over, node {node}", calls, user, least)
            self.handed += 1

    def _read_without(self) -> None:
        sides = self._sides(None)
        while not self._ended.is_set():
            user = random.choice(self.users)
            asked_at = time.monotonic()
            try:
                seen = self._see(random.choice(sides), user)
            except AGAIN:
                continue
            self.stale.ms.append(user.stale_ms(seen, asked_at))

    def _watch_machine(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            self._ended.wait(0.025)
            self.late.ms.append((time.monotonic() - began - 0.025) * 1000)

    def _guarded(self, work: Callable[..., None], *arguments: int) -> threading.Thread:
        def run() -> None:
            try:
                work(*arguments)
            except BaseException as failure:
                self.failures.append(failure)
                self._ended.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [self._guarded(self._write, n) for n in range(WRITERS)]
        threads += [self._guarded(self._read_without) for _ in range(READERS)]
        threads += [self._guarded(self._read_handed), self._guarded(self._watch_machine)]
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
        assert not self.failures, self.failures

    def wait(self, seconds: float) -> None:
        self._ended.wait(seconds)

    def report(self, under: str) -> None:
        print(
            f"{under}: {self.written} writes, {self.read} reads ({self.from_memory} from memory,"
            f" {self.handed} by a revision handed over), {self.repeats} repeats,"
            f" {len(self.missed)} missed a write"
        )
        print(self.stale, self.late, sep="\n")


def _seconds() -> float:
    """10 s, or 0.06 s for each of USHER_ROUNDS."""
    return rounds(160) * 0.06


def test_no_read_misses_an_own_write_and_none_is_old(fleet: Fleet, org_a: Organisation):
    checker = Checker(fleet.clients(), org_a)
    with checker.running():
        checker.wait(_seconds())
    checker.report("quiet")
    assert not checker.missed, checker.missed[:10]
    assert checker.from_memory and checker.written
    # Where the machine itself was late, so was everything else.
    allowed_ms = STALE_MS_MAX + 4 * checker.late.at(0.99)
    assert checker.stale.at(0.99) <= allowed_ms, (str(checker.stale), str(checker.late))


def test_nor_under_an_open_transaction(fleet: Fleet, org_a: Organisation, system: System):
    """Revisions then go to the database; readers without one stay as fresh as ever."""
    checker = Checker(fleet.clients(), org_a)
    with Statements(system.database) as old:
        old.run("BEGIN; SELECT pg_current_xact_id()")
        with checker.running():
            checker.wait(_seconds())
        old.run("COMMIT")
    checker.report("open write transaction")
    assert not checker.missed, checker.missed[:10]
    allowed_ms = STALE_MS_MAX + 4 * checker.late.at(0.99)
    assert checker.stale.at(0.99) <= allowed_ms, (str(checker.stale), str(checker.late))


def test_nor_while_a_node_is_parted_from_its_database(fleet: Fleet, org_a: Organisation):
    checker = Checker(fleet.clients(timeout=2.0), org_a)
    link = fleet.nodes[2].link
    assert link
    with checker.running():
        for trouble in (lambda: link.delay(0.03), link.cut, link.flow, link.stall, link.flow):
            trouble()
            checker.wait(_seconds() / 5)
    link.flow()
    fleet.settle()
    checker.report("one node's link slow, cut, stalled")
    assert not checker.missed, checker.missed[:10]
    # It may trust its memory for as long as its lease lasts.
    assert max(checker.stale.ms) <= LEASE_MS + 4 * max(checker.late.ms), str(checker.stale)


def test_nor_while_nodes_are_killed_and_stopped(fleet: Fleet, org_a: Organisation):
    checker = Checker(fleet.clients(timeout=2.0), org_a)
    with checker.running():
        for number in range(4):
            node = fleet.nodes[number % 3]
            if number % 2:
                with node.paused():
                    checker.wait(_seconds() / 4)
            else:
                node.kill()
                node.start()
                checker.wait(_seconds() / 4)
    fleet.settle(30)
    checker.report("nodes killed and stopped")
    assert not checker.missed, checker.missed[:10]
