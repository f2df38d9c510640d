"""What was taken away is refused everywhere from the moment that it is acknowledged: every method that
takes something away, from any node, while all are hammered and one of them has its troubles.

An acknowledgement is whatever tells a caller that it is done: success, and "it is gone already" too."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import usher
from usher.v1 import options_pb2
from usher_testing import SLOWER, Figures, Fleet, FleetNode, Organisation, System, rounds, wait_until
from usher_testing.checker import lateness_noted
from usher_testing.process import SANITIZED

# What a caller repeats: a repeat while the first is under way, and a reply that did not come in time
# because the machine did something else.
AGAIN = (usher.Aborted, usher.Unavailable, usher.DeadlineExceeded)
NOT_ACCEPTED = (usher.Unauthenticated, usher.Unavailable, usher.DeadlineExceeded)


@pytest.fixture(scope="module")
def fleet(system: System, org_a: Organisation) -> Fleet:
    made = Fleet(system)
    made.add()
    made.add()
    made.add(link=True, clock=not SANITIZED)
    made.settle()
    return made


@pytest.fixture(scope="module")
def clients(fleet: Fleet) -> list[usher.Client]:
    return fleet.clients()


@dataclass
class Taken:
    """Something that can be taken away: how it is used, and how it is taken."""

    use: Callable[[usher.Calls], Any]
    take: Callable[[usher.Calls], Any]
    is_acknowledged: Callable[[usher.Error], bool]


def _key(clients: list[usher.Client], org: Organisation) -> Taken:
    made = org.new_key(random.choice(clients), "context.read", default_user_id=org.user_id)
    repeat = usher.idempotency_key()

    def take(calls: usher.Calls) -> None:
        owner = org.owner(calls)
        if random.random() < 0.5:  # both under one key: one does it, the other repeats it
            owner = owner.using(idempotency_key=repeat)
        owner.context.revoke_api_key(chatbot_id=org.chatbot_id, key_id=made.key.key_id)

    return Taken(
        lambda calls: calls.using(credential=made.api_key).context.resolve(message="x"),
        take,
        lambda error: False,
    )


def _session(clients: list[usher.Client], org: Organisation) -> Taken:
    tokens = org.login(random.choice(clients))
    return Taken(
        lambda calls: calls.using(credential=tokens.access_token).user.get_me(),
        lambda calls: calls.using(credential=tokens.access_token).auth.logout(),
        # It is over already.
        lambda error: isinstance(error, usher.Unauthenticated),
    )


def _refresh(clients: list[usher.Client], org: Organisation) -> Taken:
    first = org.login(random.choice(clients))
    second = random.choice(clients).auth.refresh(refresh_token=first.refresh_token)
    third = random.choice(clients).auth.refresh(refresh_token=second.refresh_token)
    return Taken(
        lambda calls: calls.using(credential=third.access_token).user.get_me(),
        lambda calls: calls.auth.refresh(refresh_token=first.refresh_token),
        lambda error: error.reason == "REFRESH_TOKEN_REUSED",
    )


# Refresh takes a session away when it finds that a token was used before.
WAYS = {
    "usher.v1.AuthService/Logout": _session,
    "usher.v1.AuthService/Refresh": _refresh,
    "usher.v1.ContextService/RevokeApiKey": _key,
}


def test_every_method_that_restricts_is_looked_at():
    restricts = {
        name
        for name, method in usher.METHODS.items()
        if method.rules.effect == options_pb2.EFFECT_RESTRICT
    }
    assert restricts <= set(WAYS)


class Round:
    """Takes something away from some nodes at once, while users of it ask on all nodes all the time.
    Who was accepted by a call that began after the first acknowledgement is a violation."""

    def __init__(self, taken: Taken, clients: list[usher.Client], pool: ThreadPoolExecutor):
        self.taken = taken
        self.clients = clients
        self.acknowledged_at = float("inf")
        self.acknowledged_by = ""
        self.violations: list[str] = []
        self.asked = 0
        self.repeats = 0
        self._pool = pool
        self._lock = threading.Lock()
        self._ended = False

    def _accepts(self, client: usher.Client) -> bool:
        try:
            self.taken.use(client)
        except NOT_ACCEPTED:
            return False
        return True

    def _hammer(self, number: int) -> None:
        client, after = self.clients[number], 0
        while not self._ended and after < 8:
            began = time.monotonic()
            is_after = began > self.acknowledged_at
            after += is_after
            self.asked += 1
            if self._accepts(client) and is_after:
                late_ms = (began - self.acknowledged_at) * 1000
                self.violations.append(
                    f"node {number} accepted {late_ms:.1f} ms after {self.acknowledged_by}"
                )

    def _take(self, number: int, takers: int, later_s: float) -> float:
        threading.Event().wait(later_s)
        began = time.monotonic()
        how, ends = "success", began + 60 * SLOWER
        while True:
            try:
                self.taken.take(self.clients[number])
            except AGAIN as error:
                assert time.monotonic() < ends, error
                self.repeats += 1
                continue
            except usher.Error as error:
                if not self.taken.is_acknowledged(error):
                    raise
                how = f"{error.reason or error.code.name}"
            break
        now = time.monotonic()
        with self._lock:
            if now < self.acknowledged_at:
                self.acknowledged_by = f"{how} from node {number}, {takers} asked"
                self.acknowledged_at = now
        return (now - began) * 1000

    def run(self, takers: list[int], hammers: int = 2, apart_s: float = 0.0) -> list[float]:
        """The times of the acknowledgements, in milliseconds. The takers begin so far apart."""
        asking = [
            self._pool.submit(self._hammer, number)
            for number in range(len(self.clients))
            for _ in range(hammers)
        ]
        try:
            taking = [
                self._pool.submit(self._take, number, len(takers), place * apart_s)
                for place, number in enumerate(takers)
            ]
            times = [t.result() for t in taking]
        finally:
            self._ended = self.acknowledged_at == float("inf")
            for one in asking:
                one.result()
        return times


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as made:
        yield made


@contextmanager
def _others_at_work(clients: list[usher.Client], org: Organisation) -> Iterator[None]:
    """Reads and writes of others, on all nodes, as fast as a thread each can."""
    going = True
    failures: list[BaseException] = []

    def work(client: usher.Client, number: int) -> None:
        calls = org.keyed(client)
        turn = 0
        try:
            while going:
                turn += 1
                calls.context.resolve(message="x")
                if turn % 5 == 0:
                    calls.context.put_profile(profile={"company": f"Company {number} {turn}"})
        except BaseException as failure:
            failures.append(failure)

    threads = [
        threading.Thread(target=work, args=(client, n), daemon=True)
        for n, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        going = False
        for thread in threads:
            thread.join()
    assert not failures, failures


def _prepare(taken: Taken, clients: list[usher.Client]) -> None:
    for client in clients:  # into every memory
        taken.use(client)


# That none is late is promised of any number: it is asked of a thousand, which take a minute or two.
ROUNDS = 15 if SANITIZED else 1000


@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", WAYS)
def test_what_was_taken_away_is_refused_everywhere(
    method: str,
    fleet: Fleet,
    clients: list[usher.Client],
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    org_a.tokens(clients[0])
    figures = {n: Figures(f"{method}, from {n} nodes at once") for n in (1, 2)}
    violations: list[str] = []
    asked, repeats = 0, 0
    with _others_at_work(clients, org_a):
        for number in range(ROUNDS):
            taken = WAYS[method](clients, org_a)
            _prepare(taken, clients)
            takers = random.sample(range(len(clients)), 1 + number % 2)
            one = Round(taken, clients, pool)
            figures[len(takers)].ms += one.run(takers, apart_s=random.random() * 0.04)
            violations += one.violations
            asked += one.asked
            repeats += one.repeats
    print(
        f"{method}: {ROUNDS} rounds, {asked} calls, {repeats} repeats,"
        f" {len(violations)} accepted too late"
    )
    print(*figures.values(), sep="\n")
    assert not violations, violations[:10]


@pytest.mark.parametrize("method", WAYS)
def test_a_node_that_hears_late_is_waited_for(
    method: str,
    fleet: Fleet,
    clients: list[usher.Client],
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    """Its database answers 50 ms later in each direction; the others are as fast as ever."""
    slow = fleet.nodes[2]
    assert slow.link
    figures = Figures(f"{method}, one node 100 ms from its database")
    for number in range(rounds(8)):
        slow.link.flow()
        taken = WAYS[method](clients, org_a)
        _prepare(taken, clients)
        slow.link.delay(0.05)
        one = Round(taken, clients, pool)
        figures.ms += one.run([0, 1] if number % 2 else [1], 1, 0.02 * number)
        assert not one.violations, one.violations
    slow.link.flow()
    print(figures)


@pytest.mark.parametrize("trouble", ["cut", "stall"])
def test_a_node_without_its_database_refuses_once_its_lease_is_over(
    trouble: str,
    fleet: Fleet,
    clients: list[usher.Client],
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    lonely = fleet.nodes[2]
    assert lonely.link
    figures = Figures(f"one node's database connection {trouble}")
    quick = [c.using(timeout=10.0 * SLOWER) for c in clients[:2]]
    quick.append(clients[2].using(timeout=0.5))
    for number in range(2):
        fleet.settle()
        taken = _key(clients, org_a) if number % 2 else _session(clients, org_a)
        _prepare(taken, clients)
        getattr(lonely.link, trouble)()
        one = Round(taken, quick, pool)
        try:
            figures.ms += one.run([number % 2], 1)
        finally:
            lonely.link.flow()
        assert not one.violations, one.violations
    fleet.settle(30)
    print(figures)


def test_a_node_that_was_stopped_for_5_s_refuses_when_it_goes_on(
    fleet: Fleet, clients: list[usher.Client], org_a: Organisation, pool: ThreadPoolExecutor
):
    sleeper = fleet.nodes[2]
    figures = Figures("one node stopped")
    asked = 0
    for number in range(2):
        fleet.settle()
        taken = [_key(clients, org_a), _session(clients, org_a), _refresh(clients, org_a)]
        for one in taken:
            _prepare(one, clients)
        with sleeper.paused():
            began = time.monotonic()
            for one in taken:
                with figures.timed():
                    try:
                        one.take(clients[number % 2])
                    except usher.Unauthenticated:
                        pass
            # Sent while it is stopped, and answered when it goes on; and from then on.
            waiting = [
                pool.submit(one.use, clients[2].using(timeout=30.0 * SLOWER))
                for one in taken
                for _ in range(4)
            ]
            threading.Event().wait(max(0.0, began + 5 - time.monotonic()))
        for call in waiting:
            with pytest.raises(NOT_ACCEPTED):
                call.result()
        for _ in range(50):
            for one in taken:
                with pytest.raises(NOT_ACCEPTED):
                    one.use(clients[2])
                asked += 1
    print(f"{asked + len(waiting)} calls, none accepted")
    print(figures)


def test_a_node_that_was_killed_delays_the_acknowledgement_by_2_s_at_most(
    fleet: Fleet, clients: list[usher.Client], org_a: Organisation
):
    victim: FleetNode = fleet.nodes[2]
    figures = Figures("one node killed just before")
    late = Figures("how late the machine itself was")
    over: list[tuple[str, str]] = []
    number = 0
    while number < 3:
        fleet.settle()
        taken = _key(clients, org_a)
        _prepare(taken, clients)
        threading.Event().wait(random.random() * 0.5)  # anywhere between two renewals
        late_now = Figures(late.what)
        with lateness_noted(late_now):
            victim.kill()
            with figures.timed():
                taken.take(clients[number % 2])
        late.ms += late_now.ms
        # 2 s is the promise; the rest is what a call takes on a machine that does other things too.
        most_ms = 2000 + 300 * SLOWER + 4 * max(late_now.ms)
        if figures.ms[-1] < most_ms:
            number += 1
        else:
            # One is let go: a single thread that stood still is not seen in the machine's lateness.
            over.append((str(figures), str(late_now)))
            assert len(over) < 2, over
        for client in clients[:2]:
            with pytest.raises(usher.Unauthenticated):
                taken.use(client)
        victim.start()
    fleet.settle()
    print(figures, late, sep="\n")


@pytest.mark.skipif(SANITIZED, reason="no clock can be moved under sanitizers")
@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
def test_another_time_of_day_makes_no_difference(
    hours: int,
    fleet: Fleet,
    clients: list[usher.Client],
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    """A node's clock is set while it runs; keys have no expiry here, so its users notice nothing."""
    odd = fleet.nodes[2]
    figures = Figures(f"one node's clock {hours:+} h")
    try:
        for taker in (0, 2):
            odd.move_clock(0)
            taken = _key(clients, org_a)
            _prepare(taken, clients)
            odd.move_clock(hours * 3600)
            _prepare(taken, clients)
            one = Round(taken, clients, pool)
            # Its owner's token would be expired there, or not valid yet.
            if taker == 2:
                owner = org_a.keyed(clients[2])
                assert owner.context.resolve(message="x").read_id
                taker = 1
            figures.ms += one.run([taker], 1)
            assert not one.violations, one.violations
            wait_until(odd.trusts_memory, "it holds a lease")
    finally:
        odd.move_clock(0)
    print(figures)
    wait_until(odd.is_ready, "it serves")
