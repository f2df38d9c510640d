"""A node whose clock is an hour off, from its start or from one moment to the next: what it signs is good
everywhere, what has expired or was taken away is refused, and no call waits for another time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from google.protobuf import timestamp_pb2

import usher
from usher_testing import (
    Figures,
    Fleet,
    FleetNode,
    Organisation,
    Statements,
    System,
    free_port,
    read_figure,
    stay_off_midnight,
    wait_until,
)
from usher_testing.organisation import unverified_token
from usher_testing.process import SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="no clock can be moved under sanitizers")

HOUR_S = 3600
# What a test waits for is there at once, or an hour later.
SOON_S = 30
FAILURE_S = 2.0


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def fleet(system: System, org_a: Organisation, metrics_port: int) -> Fleet:
    made = Fleet(system)
    made.add("right")
    made.add(
        "odd",
        link=True,
        clock=True,
        auth__failure_time=f"{FAILURE_S:.0f}s",
        metrics__listen=f"127.0.0.1:{metrics_port}",
    )
    made.settle()
    return made


@pytest.fixture(scope="module")
def right(fleet: Fleet) -> usher.Client:
    return fleet.nodes[0].client(timeout=SOON_S)


@pytest.fixture(scope="module")
def odd(fleet: Fleet) -> usher.Client:
    return fleet.nodes[1].client(timeout=SOON_S)


@pytest.fixture
def clock(fleet: Fleet) -> Iterator[FleetNode]:
    """The odd node, whose clock is right before and after."""
    node = fleet.nodes[1]
    fleet.settle()
    yield node
    node.move_clock(0)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def _check_tokens(org: Organisation, right: usher.Client, odd: usher.Client) -> int:
    """Sessions that begin at either node are good at both, and so is what a refresh gives."""
    good = 0
    for here, there in ((right, odd), (odd, right), (odd, odd)):
        tokens = org.login(here)
        for _ in range(2):
            for node in (here, there):
                me = node.using(credential=tokens.access_token).user.get_me()
                assert me.user_id == org.user_id
                good += 1
            _, claims, _ = unverified_token(tokens.access_token)
            assert abs(claims["iat"] - time.time()) < SOON_S
            assert claims["nbf"] <= claims["iat"] < claims["exp"]
            tokens = there.auth.refresh(refresh_token=tokens.refresh_token)
        there.using(credential=tokens.access_token).auth.logout()
        for node in (here, there):
            with pytest.raises(usher.Unauthenticated):
                node.using(credential=tokens.access_token).user.get_me()
    return good


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_node_that_starts_an_hour_off_signs_what_all_accept(
    hours: int, system: System, fleet: Fleet, right: usher.Client, org_a: Organisation
):
    other = fleet.add(clock=True, ahead_s=hours * HOUR_S)
    try:
        wait_until(other.trusts_memory, "it serves")
        good = _check_tokens(org_a, right, other.client(timeout=SOON_S))
        print(f"clock {hours:+} h from the start: {good} uses of tokens, 0 refused")
        wait_until(lambda: "event=clock_differs" in other.log.read_text(), "it says so")
    finally:
        fleet.remove(other)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_takes_no_token_with_it(
    hours: int,
    clock: FleetNode,
    right: usher.Client,
    odd: usher.Client,
    org_a: Organisation,
):
    before = [org_a.login(client) for client in (right, odd)]
    for tokens in before:
        odd.using(credential=tokens.access_token).user.get_me()
    good = 0
    for jump in (hours, 0, hours):
        clock.move_clock(jump * HOUR_S)
        for tokens in before:
            for client in (right, odd):
                assert client.using(credential=tokens.access_token).user.get_me().user_id
                good += 1
    good += _check_tokens(org_a, right, odd)
    print(f"clock {hours:+} h while it runs: {good} uses of tokens, 0 refused")


@pytest.mark.parametrize("hours", [-1, 1])
def test_what_expires_does_so_in_the_memory_of_a_node_that_is_off(
    hours: int,
    clock: FleetNode,
    right: usher.Client,
    odd: usher.Client,
    org_a: Organisation,
):
    clock.move_clock(hours * HOUR_S)
    used = 0

    def is_refused(keyed: usher.Calls) -> bool:
        nonlocal used
        try:
            keyed.context.resolve(message="x")
        except usher.Unauthenticated:
            return True
        used += 1
        return False

    # On a machine that does other things two seconds may be over before the first use.
    for life_s in (2, 4, 8, 16, 32):
        soon = timestamp_pb2.Timestamp()
        soon.FromMilliseconds(int((time.time() + life_s) * 1000))
        key = org_a.new_key(
            right, "context.read", default_user_id=org_a.user_id, expires_at=soon
        ).api_key
        keyed = odd.using(credential=key)
        if not is_refused(keyed):
            break
    assert used
    wait_until(lambda: is_refused(keyed), "the key expires", life_s + SOON_S)
    assert time.time() < soon.ToMilliseconds() / 1000 + SOON_S
    print(f"clock {hours:+} h: a key of {life_s} s was accepted {used} times, and no more then")


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wrong_password_is_refused_at_its_time_though_the_clock_jumps(
    hours: int,
    clock: FleetNode,
    odd: usher.Client,
    org_a: Organisation,
    pool: ThreadPoolExecutor,
    system: System,
):
    """The lock keeps the call in its handler until the clock has jumped."""
    figures = Figures(f"a refusal that is padded to {FAILURE_S:g} s, clock {hours:+} h meanwhile")

    def attempt() -> None:
        with figures.timed(), pytest.raises(usher.Unauthenticated):
            odd.auth.login(email=org_a.email, password="not this one 5")

    with Statements(system.database) as held:
        held.run("BEGIN; LOCK TABLE usher.accounts IN ACCESS EXCLUSIVE MODE")
        call = pool.submit(attempt)
        _wait_for_waiter(system)
        clock.move_clock(hours * HOUR_S)
        held.run("COMMIT")
        call.result(SOON_S)
    print(figures)
    # Less would tell an unknown address from a known one.
    assert figures.ms[0] >= FAILURE_S * 1000 * 0.95


def _wait_for_waiter(system: System) -> None:
    wait_until(
        lambda: (
            system.database.sql(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            != "0"
        ),
        "the call waits for the lock",
        SOON_S,
    )


@pytest.mark.parametrize("hours", [-1, 1])
def test_quotas_neither_grow_nor_shrink(
    hours: int,
    clock: FleetNode,
    right: usher.Client,
    odd: usher.Client,
    org_a: Organisation,
):
    stay_off_midnight()
    limit = 20
    key = org_a.new_key(
        right,
        "context.read",
        default_user_id=org_a.user_id,
        quota={"requests_per_day": limit},
    ).api_key
    given = 0
    for turn in range(limit + 10):
        clock.move_clock(hours * HOUR_S * (turn % 2))
        try:
            (odd, right)[turn % 3 == 0].using(credential=key).context.resolve(message="x")
            given += 1
        except usher.ResourceExhausted:
            pass
    print(f"clock {hours:+} h and back {limit + 10} times: {given} of {limit} given")
    assert given == limit


@pytest.mark.parametrize("hours", [-1, 1])
def test_mail_goes_out(hours: int, clock: FleetNode, odd: usher.Client, system: System):
    clock.move_clock(hours * HOUR_S)
    email = f"clock{hours}@example.com"
    odd.auth.sign_up(email=email, password="a pass phrase 8Y")

    def has_come() -> bool:
        # Before it is whole a mail has another name, and loses it.
        return any(email in m.read_text() for m in (system.folder / "mail").glob("*.eml"))

    wait_until(has_come, "the mail with the code", SOON_S)


@pytest.mark.parametrize("hours", [-1, 1])
def test_jobs_run_when_they_are_asked_to_and_by_themselves(
    hours: int, clock: FleetNode, odd: usher.Client, system: System
):
    operator = system.operator(f"clock{hours}@operators.example").owner(odd)
    runs = {job.name: job.runs for job in operator.ops.list_jobs().jobs}
    for jump in (hours, 0, hours):
        clock.move_clock(jump * HOUR_S)
        job = operator.ops.run_job(job="sweep").job
        assert job.runs > runs["sweep"] and abs(job.last_run_at.seconds - time.time()) < SOON_S
        runs["sweep"] = job.runs

    def go_on() -> bool:
        now = {job.name: job.runs for job in operator.ops.list_jobs().jobs}
        return now["receipts"] > runs["receipts"] and now["mail"] > runs["mail"]

    wait_until(go_on, "what runs every second has run", SOON_S)


@pytest.mark.parametrize("hours", [-1, 1])
def test_metrics_status_and_log_tell_of_it(
    hours: int, clock: FleetNode, metrics_port: int, odd: usher.Client, system: System
):
    bridge = odd.using(credential=system.bridge_key.read_text().strip())

    def ahead_s() -> float:
        return read_figure(metrics_port, "usher_clock_ahead_seconds")

    assert abs(ahead_s()) < SOON_S
    clock.move_clock(hours * HOUR_S)
    assert abs(ahead_s() - hours * HOUR_S) < SOON_S
    assert abs(bridge.ops.get_status().clock_ahead_ms / 1000 - hours * HOUR_S) < SOON_S
    wait_until(
        lambda: clock.log.read_text().count("event=clock_differs") > 0,
        "the log tells",
        SOON_S,
    )
    clock.move_clock(0)
    wait_until(
        lambda: "event=clock_agrees" in clock.log.read_text(),
        "the log tells of its end",
        SOON_S,
    )


def _call_under_way(
    node: FleetNode, port: int, org: Organisation, pool: ThreadPoolExecutor
) -> Future[object]:
    """A write that its database has not answered yet. port: of the node's figures."""
    assert node.link
    calls = org.keyed(node.client(timeout=SOON_S))
    calls.context.resolve(message="x")
    node.link.stall()
    call = pool.submit(
        calls.context.append_turns,
        conversation="clock",
        turns=[{"role": "TURN_ROLE_USER", "text": "x"}],
    )
    wait_until(
        lambda: read_figure(port, 'usher_lane_busy{lane="query"}') >= 1,
        "the call is at the database's door",
        SOON_S,
    )
    return call


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_stop_waits_for_calls_as_long_as_it_should(
    hours: int, fleet: Fleet, org_a: Organisation, pool: ThreadPoolExecutor
):
    """Neither for an hour, nor not at all."""
    is_brief = hours > 0
    port = free_port()
    node = fleet.add(
        link=True,
        clock=True,
        ahead_s=hours * HOUR_S,
        shutdown__drain="100ms" if is_brief else "20s",
        metrics__listen=f"127.0.0.1:{port}",
    )
    figures = Figures(f"a stop, clock {hours:+} h")
    wait_until(node.trusts_memory, "it serves")
    call = _call_under_way(node, port, org_a, pool)
    node.stopped_on_purpose = True
    with figures.timed():
        node.signal(signal.SIGTERM)
        if not is_brief:
            threading.Event().wait(0.3)
            assert node.is_running()
            assert node.link
            node.link.flow()
            assert call.result(SOON_S)
        wait_until(lambda: not node.is_running(), "it ends", 10)
    if is_brief:
        with pytest.raises(usher.Error):
            call.result(SOON_S)
    fleet.remove(node)
    print(figures)
