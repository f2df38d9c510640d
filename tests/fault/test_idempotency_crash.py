"""A call under an idempotency key, whose node is killed at each point of its way, or which is made twice at
once: one effect, and its repeat is told what the first one would have been told."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

import usher
from usher_testing import (
    Fleet,
    FleetNode,
    Organisation,
    Statements,
    System,
    leaks,
    rounds,
    wait_until,
)

GATE = 7700
_NUMBERS = itertools.count()
AGAIN = (usher.Aborted, usher.Unavailable, usher.DeadlineExceeded, usher.Unknown)
LOST = (usher.Unavailable, usher.DeadlineExceeded)
# Whatever nobody else may know, of all tests here.
SEEN: dict[str, leaks.Secret] = {}


def _secret(what: str, secret: Any) -> Any:
    """Remembered, to be looked for in the end; of a text what no id of ours stands in."""
    text = secret.rpartition("_" if what == "API key" else ".")[2] if what != "key" else secret
    SEEN[f"{what} {len(SEEN)}"] = text
    return secret


def _new_key() -> bytes:
    """As a client may choose it that numbers its own: who guesses it finds no trace of it."""
    key = f"order number {next(_NUMBERS):06}"
    _secret("key", hashlib.blake2b(key.encode(), digest_size=32).digest())
    return _secret("key", key.encode())


@dataclass
class Effect:
    """A method that takes a key: how it is called, with what name, and how often that was done."""

    table: str
    call: Callable[[usher.Calls, Organisation, str], Any]
    count: Callable[[System, str], int]
    answer: Callable[[Any], Any]


def _count_of(table: str, where: str) -> Callable[[System, str], int]:
    return lambda system, name: system.database.count(table, where.format(name=name))


EFFECTS = {
    "AppendTurns": Effect(
        "turns",
        lambda calls, org, name: calls.using(credential=org.api_key).context.append_turns(
            conversation="all", turns=[{"role": "TURN_ROLE_USER", "text": name}]
        ),
        _count_of("turns", "body = '{name}'"),
        lambda reply: reply.last_seq,
    ),
    "CreateChatbot": Effect(
        "chatbots",
        lambda calls, org, name: calls.context.create_chatbot(display_name=name),
        _count_of("chatbots", "display_name = '{name}'"),
        lambda reply: reply.chatbot_id,
    ),
    "CreateApiKey": Effect(
        "api_keys",
        lambda calls, org, name: calls.context.create_api_key(
            chatbot_id=org.chatbot_id, display_name=name, scopes=["context.read"]
        ),
        _count_of("api_keys", "display_name = '{name}'"),
        lambda reply: _secret("API key", reply.api_key),
    ),
}


@pytest.fixture(scope="module")
def fleet(system: System, org_a: Organisation) -> Fleet:
    made = Fleet(system)
    made.add("steady")
    made.add("victim", link=True)
    made.settle()
    # A gate in front of each commit.
    system.database.sql(
        "CREATE FUNCTION public.gate() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared({GATE}); RETURN NULL; END $$;"
        + "".join(
            f"CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON usher.{effect.table}"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.gate();"
            for effect in EFFECTS.values()
        )
    )
    return made


def _revived(node: FleetNode) -> FleetNode:
    assert node.link
    node.link.flow()
    if not node.is_running():
        node.start()
    wait_until(node.trusts_memory, "it serves", 20)
    return node


@pytest.fixture
def victim(fleet: Fleet) -> FleetNode:
    return _revived(fleet.nodes[1])


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


class TooLate(Exception):
    """Of the test: the call has to be made again."""


@dataclass
class Call:
    """One that was begun on the victim under a key of its own, and its repeat elsewhere."""

    effect: Effect
    org: Organisation
    system: System
    name: str
    key: bytes
    owner: usher.Calls  # on the node that stays
    first: Future[Any]
    began: float

    @property
    def another(self) -> str:
        return f"{self.name}, another"

    def repeat(self, name: str = "") -> Any:
        """Until it is told something else than to try again."""
        told: list[Any] = []

        def is_told() -> bool:
            try:
                told.append(self._once(name))
            except AGAIN as error:
                assert error.reason, error
                return False
            except usher.Error as error:
                told.append(error)
            return True

        wait_until(is_told, "the repeat is told", 30, 0.05)
        if isinstance(told[0], usher.Error):
            raise told[0]
        return self.effect.answer(told[0])

    def _once(self, name: str = "") -> Any:
        calls = self.owner.using(idempotency_key=self.key)
        return self.effect.call(calls, self.org, name or self.name)

    def is_busy(self) -> None:
        """It is under way: the same and another under its key are told so at once."""
        for name in (self.name, self.another):
            try:
                self._once(name)
            except usher.Aborted as busy:
                assert busy.reason == "IDEMPOTENCY_KEY_BUSY"
            else:
                self.check_deadline()
                pytest.fail("it was done though the first was under way")

    def wait_at(self, lock: str) -> None:
        """Until it waits for a lock of that kind."""

        def is_there() -> bool:
            self.check_time()
            return bool(_waiters(self.system, lock))

        wait_until(is_there, f"it waits for a lock ({lock})", 20)

    def check_deadline(self) -> None:
        if time.monotonic() > self.began + 4:
            raise TooLate

    def check_time(self) -> None:
        """It is under way as long as its own deadline, of 5 s, lets it: a machine that does other things
        may need longer to bring it where it should be killed."""
        self.check_deadline()
        assert not self.first.done(), self.first.exception() or self.first.result()

    def count(self) -> int:
        return self.effect.count(self.system, self.name)

    def check(self) -> None:
        """Whoever asks is told the same, another body is refused, and it was done once."""
        answer = self.repeat()
        assert self.repeat() == answer
        with pytest.raises(usher.InvalidArgument) as reused:
            self.repeat(self.another)
        assert reused.value.reason == "IDEMPOTENCY_KEY_REUSED"
        assert self.count() == 1
        assert self.effect.count(self.system, self.another) == 0


def _waiters(system: System, what: str) -> int:
    return int(
        system.database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            f" AND wait_event_type = 'Lock' AND wait_event = '{what}'"
        )
    )


def _begin(
    name: str,
    method: str,
    fleet: Fleet,
    victim: FleetNode,
    org: Organisation,
    pool: ThreadPoolExecutor,
) -> Call:
    steady = fleet.nodes[0].client(timeout=20.0)
    tokens = org.tokens(steady)
    _secret("token", tokens.access_token)
    _secret("API key", tokens.refresh_token)
    key = _new_key()
    effect = EFFECTS[method]
    there = org.owner(victim.client(timeout=20.0))
    there.user.get_me()
    first = pool.submit(effect.call, there.using(idempotency_key=key), org, name)
    return Call(effect, org, fleet.system, name, key, org.owner(steady), first, time.monotonic())


def _kill(call: Call, victim: FleetNode) -> None:
    call.check_time()
    victim.kill()
    with pytest.raises(LOST):
        call.first.result(30)


# Where the last row goes that is waited for: that of audit goes with the commit.
LAST_TABLE = "idempotency"

POINTS = [
    "before commit",
    "commit under way",
    "commit on the wire",
    "commit lost",
    "reply lost",
]


def _has_written(system: System) -> bool:
    return (
        system.database.sql(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE state = 'idle in transaction' AND datname = current_database()"
            f" AND query LIKE '%INTO usher.{LAST_TABLE}%'"
        )
        == "1"
    )


def _kill_in_the_middle(
    point: str,
    name: str,
    method: str,
    fleet: Fleet,
    victim: FleetNode,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
) -> Call:
    system = fleet.system
    link = victim.link
    assert link
    with Statements(system.database) as held:
        if point == "commit under way" or point == "reply lost":
            held.run(f"SELECT pg_advisory_lock({GATE})")
            call = _begin(name, method, fleet, victim, org_a, pool)
            call.wait_at("advisory")
            call.is_busy()
        else:
            table = EFFECTS[method].table if point == "before commit" else LAST_TABLE
            held.run(f"BEGIN; LOCK TABLE usher.{table} IN EXCLUSIVE MODE")
            call = _begin(name, method, fleet, victim, org_a, pool)
            call.wait_at("relation")
        match point:
            case "before commit" | "commit under way":
                call.is_busy()
                _kill(call, victim)
                # What it left at the database holds the key until it notices.
                call.is_busy()
                held.run("ROLLBACK; SELECT pg_advisory_unlock_all()")
                call.check_deadline()
            case "commit on the wire" | "commit lost":
                link.mute()
                held.run("ROLLBACK")
                # The database may have done all while nobody has asked it to commit yet.
                wait_until(
                    lambda: _has_written(system) and link.holds("COMMIT") or call.check_time(),
                    "the database waits for the commit",
                    20,
                )
                _kill(call, victim)
                call.is_busy()
                link.cut() if point == "commit lost" else link.flow()
                call.check_deadline()
            case "reply lost":
                link.deafen()
                held.run("SELECT pg_advisory_unlock_all()")
                wait_until(lambda: call.count() == 1 or call.check_time(), "it is committed", 20)
                _kill(call, victim)
    return call


def _killed(
    point: str,
    method: str,
    fleet: Fleet,
    victim: FleetNode,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
) -> Call:
    for _ in range(10):
        name = f"{method}, {point}, {next(_NUMBERS)}"
        try:
            return _kill_in_the_middle(point, name, method, fleet, victim, org_a, pool)
        except TooLate:
            _revived(victim)
    pytest.fail("this machine is too slow to kill anything in 4 s")


@pytest.mark.parametrize("method", EFFECTS)
@pytest.mark.parametrize("point", POINTS)
def test_a_node_is_killed_in_the_middle(
    point: str,
    method: str,
    fleet: Fleet,
    victim: FleetNode,
    system: System,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    call = _killed(point, method, fleet, victim, org_a, pool)
    if point in ("commit under way", "commit on the wire", "reply lost"):
        # It was done, though nobody was told.
        wait_until(lambda: call.count() == 1, "it is committed", 20)
    call.check()
    print(f"killed: {point}, {method}: 1 run, 1 effect")


def test_another_body_may_take_the_key_of_one_that_never_happened(
    fleet: Fleet,
    victim: FleetNode,
    system: System,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    call = _killed("before commit", "CreateChatbot", fleet, victim, org_a, pool)
    assert call.repeat(call.another)
    with pytest.raises(usher.InvalidArgument):
        call.repeat()
    assert call.count() == 0 and call.effect.count(system, call.another) == 1


@pytest.mark.parametrize("method", EFFECTS)
def test_a_client_of_both_nodes_is_answered_though_one_is_killed(
    method: str,
    fleet: Fleet,
    victim: FleetNode,
    system: System,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    """It repeats by itself what it may."""
    steady = fleet.nodes[0]
    name, effect = f"{method} by a client of both", EFFECTS[method]
    with usher.Client([victim.url, steady.url], timeout=30.0) as client:
        owner = org_a.owner(client).using(idempotency_key=_new_key())
        with Statements(system.database) as held:
            held.run(f"SELECT pg_advisory_lock({GATE})")
            call = pool.submit(effect.call, owner, org_a, name)
            wait_until(lambda: _waiters(system, "advisory"), "it commits", 20)
            victim.kill()
            held.run("SELECT pg_advisory_unlock_all()")
        try:
            answer = effect.answer(call.result(40))
        except AGAIN:  # it was told to try again more often than it may by itself
            answer = effect.answer(effect.call(owner, org_a, name))
        assert effect.answer(effect.call(owner, org_a, name)) == answer
    assert effect.count(system, name) == 1


@pytest.mark.parametrize("method", EFFECTS)
def test_twice_at_once_on_two_nodes_is_once(
    method: str,
    fleet: Fleet,
    victim: FleetNode,
    system: System,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    effect = EFFECTS[method]
    owners = [org_a.owner(node.client(timeout=20.0)) for node in fleet.nodes]
    outcomes: Counter[str] = Counter()
    count = rounds(12)
    for number in range(count):
        name, key = f"{method} at once {number}", _new_key()

        def attempt(owner: usher.Calls) -> Any:
            try:
                return effect.answer(effect.call(owner.using(idempotency_key=key), org_a, name))
            except usher.Aborted as error:
                assert error.reason == "IDEMPOTENCY_KEY_BUSY"
                return None

        calls = [pool.submit(attempt, owner) for owner in (*owners, *owners)]
        answers = {a for a in (c.result(30) for c in calls) if a is not None}
        # All at once may have been in each other's way, and then nothing was done.
        assert len(answers) <= 1
        outcomes["one did it"] += len(answers)
        again = {attempt(owner) for owner in owners}
        assert len(again) == 1 and (not answers or again == answers)
        assert effect.count(system, name) == 1
    print(f"{method}: {count} rounds of 4 at once on two nodes, {dict(outcomes)}, 0 twice")


def test_nothing_that_was_secret_stands_anywhere_in_the_end(
    fleet: Fleet,
    victim: FleetNode,
    system: System,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
):
    """Neither what the tests before this one left, nor this one, which is killed with its reply."""
    call = _killed("reply lost", "CreateApiKey", fleet, victim, org_a, pool)
    call.check()
    _secret("password", org_a.password)
    _secret("API key", org_a.api_key)
    assert {"API key", "key", "token"} <= {name.rpartition(" ")[0] for name in SEEN}
    there = {"name of the call": call.name, "email": org_a.email}
    leaks.check_that_none_is_found(system, SEEN, there, leaks.places(system))
