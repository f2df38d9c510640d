"""Many clients that write and read at random over all nodes, and notice what they miss."""

from __future__ import annotations

import json
import pathlib
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import usher
from usher_testing.fleet import Figures
from usher_testing.organisation import Organisation
from usher_testing.process import SLOWER

WRITERS = 6
READERS = 3
USERS = 3  # of each writer
STALE_MS_MAX = 100
# At rest it is 2 to 9 ms. Beyond it the machine, too, keeps everybody waiting.
LATE_MS_MAX = 10
AGAIN = (
    usher.Unavailable,
    usher.DeadlineExceeded,
    usher.Aborted,
    usher.Unknown,
    usher.ResourceExhausted,
)
_COMPANY = re.compile(r"company no (\d+) of")
_LATENESS = pathlib.Path(__file__).with_name("lateness.py")


@contextmanager
def lateness_noted(late: Figures) -> Iterator[None]:
    """How late the machine is meanwhile: see lateness.py."""
    with subprocess.Popen(
        [sys.executable, str(_LATENESS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n", "nobody watches the machine"
        try:
            yield
        finally:
            told, _ = process.communicate(timeout=10 * SLOWER)
        late.ms += json.loads(told)


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
        self.written = self.read = self.handed = self.from_memory = 0
        self.repeats: Counter[str] = Counter()  # by reason
        self.missed: list[str] = []
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def _user(self, number: int) -> User:
        # How long the clients wait is what a run is about; here nothing is repeated.
        owner = self.org.owner(self.clients[0].using(timeout=20.0 * SLOWER))
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

    def _come_again(self, error: usher.Error) -> None:
        with self._lock:
            self.repeats[error.reason or error.code.name] += 1
        self._ended.wait(0.02)

    def _until_done(self, call: Callable[[], object]) -> bool:
        while not self._ended.is_set():
            try:
                call()
            except AGAIN as error:
                self._come_again(error)
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
        except AGAIN as error:
            self._come_again(error)
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
            except AGAIN as error:
                self._come_again(error)
                continue
            self.stale.ms.append(user.stale_ms(seen, asked_at))

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
        with lateness_noted(self.late):
            threads = [self._guarded(self._write, n) for n in range(WRITERS)]
            threads += [self._guarded(self._read_without) for _ in range(READERS)]
            threads += [self._guarded(self._read_handed)]
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
            f" {self.handed} by a revision handed over), {self.repeats.total()} repeats,"
            f" {len(self.missed)} missed a write"
        )
        if self.repeats:
            print(*(f"    {count} x {reason}" for reason, count in self.repeats.items()), sep="\n")
        print(self.stale, self.late, sep="\n")

    def machine_is_in_time(self) -> bool:
        """So that the promise can be held to its figure."""
        return self.late.at(0.99) <= LATE_MS_MAX

    def none_is_old(self) -> bool:
        """Where the machine itself was late, so was everything else."""
        more_ms = 0.0 if self.machine_is_in_time() else 4 * self.late.at(0.99)
        return self.stale.at(0.99) <= STALE_MS_MAX + more_ms

    def check_that_none_is_old(self) -> None:
        assert self.none_is_old(), (str(self.stale), str(self.late))
