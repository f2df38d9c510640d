"""Too much is refused at once and told when to come back; nobody starves."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import usher
from usher.v1 import envelope_pb2
from usher_testing import SLOWER, Node, Organisation, System, wait_until
from usher_testing.locks import TableLock
from usher_testing.storm import Storm, calls_lost, envelope


@pytest.fixture(scope="module")
def node(system: System, org_a: Organisation) -> Node:
    """One worker and a short queue in each lane."""
    return system.node(
        lanes__hash__workers="1", lanes__hash__queue="4",
        lanes__query__workers="1", lanes__query__queue="8",
        lanes__bulk__workers="1", lanes__bulk__queue="4",
        password__memory_kib="19456", password__passes="2", auth__account_burst="1000000",
    )  # fmt: skip


def outcomes(calls: list[Any], workers: int = 64) -> list[Any]:
    """What each call gave: its reply or its error."""

    def one(call: Any) -> Any:
        try:
            return call()
        except usher.Error as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, calls))


def test_a_login_flood_is_told_when_to_come_back_and_resolve_goes_on(
    client: usher.Client, node: Node, org_a: Organisation
):
    org_a.keyed(client).context.resolve(message="warm")
    # From a process of its own, whose threads the flood does not keep waiting.
    resolves = [envelope("ContextService/Resolve", org_a.api_key, message="x")]
    # A flood is over in a fifth of a second, all of which something else on the machine may take.
    for _ in range(2):
        with Storm(node, resolves, calls=1, every_us=1000) as asker:
            found = outcomes([lambda: org_a.login(client.using(timeout=20.0))] * 64)
            wave = asker.stop()
        refused = [f for f in found if isinstance(f, usher.Error)]
        assert any(not isinstance(f, usher.Error) for f in found)
        assert refused and {type(f) for f in refused} == {usher.ResourceExhausted}
        assert all(f.retry_after for f in refused)
        assert calls_lost(wave) == 0, wave
        # The work is done beside it, so this bound is generous; tests/bench has the figures.
        if wave.answered >= 20 and wave.p50_ms < 50 * SLOWER:
            return
    raise AssertionError(repr(wave))


def test_a_full_query_lane_refuses_at_once(client: usher.Client, org_a: Organisation, system: System):
    owner = org_a.owner(client)
    owner.org.get_org(org_id=org_a.org_id)  # who calls is in memory from here on
    lock = TableLock(system, "usher.orgs")
    try:
        began = time.monotonic()
        found = outcomes([lambda: owner.using(timeout=3.0).org.get_org(org_id=org_a.org_id)] * 64)
        assert time.monotonic() - began < 10 * SLOWER
    finally:
        lock.release()
    kinds = {type(f) for f in found}
    assert usher.ResourceExhausted in kinds
    assert kinds <= {usher.ResourceExhausted, usher.DeadlineExceeded, usher.Unavailable}
    assert all(f.retry_after for f in found if isinstance(f, usher.ResourceExhausted))
    again = [lambda: owner.org.get_org(org_id=org_a.org_id)]
    wait_until(lambda: not isinstance(outcomes(again, 1)[0], usher.Error), "it serves again")


def test_one_organisation_leaves_a_quarter_to_the_others(
    client: usher.Client, node: Node, org_a: Organisation, org_b: Organisation, system: System
):
    a = org_a.owner(client).using(timeout=4.0)
    b = org_b.owner(client).using(timeout=8.0)
    a.org.get_org(org_id=org_a.org_id)
    b.org.get_org(org_id=org_b.org_id)
    # Without its lease the node knows neither of them, and they share what is for their address.
    wait_until(lambda: node.health().lease_held, "memory is trusted")
    lock = TableLock(system, "usher.orgs")
    try:
        with ThreadPoolExecutor(65) as pool:
            flood = [
                pool.submit(outcomes, [lambda: a.org.get_org(org_id=org_a.org_id)], 1)
                for _ in range(64)
            ]
            wait_until(
                lambda: any(f.done() and isinstance(f.result()[0], usher.ResourceExhausted) for f in flood),
                "the first organisation's share is full",
            )
            other = pool.submit(lambda: b.org.get_org(org_id=org_b.org_id))
            lock.release()
            assert other.result().org_id == org_b.org_id
    finally:
        lock.release()


def test_a_statement_does_not_outlive_its_deadline(
    client: usher.Client, org_a: Organisation, system: System
):
    owner = org_a.owner(client)
    lock = TableLock(system, "usher.orgs")
    try:
        took_s = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(usher.DeadlineExceeded):
                owner.using(timeout=0.5).org.get_org(org_id=org_a.org_id)
            took_s.append(time.monotonic() - began)
        assert sorted(took_s)[1] < 2 * SLOWER
        wait_until(
            lambda: "0"
            == system.database.cluster.sql(
                "postgres",
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                f" AND usename = 'usher_app' AND datname = '{system.database.name}'",
            ),
            "no statement waits any more",
            5,
        )
    finally:
        lock.release()


def test_wrong_passwords_become_slower_and_never_a_lock(system: System, org_a: Organisation):
    strict = system.node("strict", auth__account_burst="3")
    client = strict.client()
    found = outcomes(
        [lambda: client.auth.login(email=org_a.email, password="wrong password")] * 12, workers=1
    )
    assert {type(f) for f in found} == {usher.Unauthenticated, usher.ResourceExhausted}
    assert all(f.retry_after for f in found if isinstance(f, usher.ResourceExhausted))
    # Not even the right password is looked at meanwhile, so trying goes no faster. (The first wait,
    # of a second, may be over already; 2: the account's, not the network's.)
    ahead = "UPDATE usher.throttles SET free_at = now() + interval '20 s' WHERE kind = 2"
    system.database.sql(ahead)
    with pytest.raises(usher.ResourceExhausted):
        org_a.login(client)
    # And when the wait is over it is: nobody has to unlock anything.
    system.database.sql("UPDATE usher.throttles SET free_at = now()")
    assert org_a.login(client).access_token


def test_a_code_has_five_tries(client: usher.Client):
    for wrong_ones in (4, 5):
        signup = client.auth.sign_up(
            email=f"tries{wrong_ones}@example.com", password="a good password"
        )
        wrong = "000000" if signup.debug_code != "000000" else "111111"
        for _ in range(wrong_ones):
            with pytest.raises(usher.Unauthenticated):
                client.auth.verify_email(signup_id=signup.signup_id, code=wrong)
        if wrong_ones == 4:
            assert client.auth.verify_email(signup_id=signup.signup_id, code=signup.debug_code)
            continue
        for code in (wrong, signup.debug_code):
            with pytest.raises(usher.ResourceExhausted) as refused:
                client.auth.verify_email(signup_id=signup.signup_id, code=code)
            assert refused.value.reason == "TOO_MANY_ATTEMPTS"


def test_refusals_before_the_caller_is_known_do_not_hurt_who_is(
    client: usher.Client, node: Node, org_a: Organisation
):
    """A flood of forged tokens fills its own share."""
    org_a.keyed(client).context.resolve(message="warm")
    header = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IngifQ.e30."
    with usher.Client(node.url) as flood:
        found = outcomes(
            [
                lambda i=i: flood.send(
                    envelope_pb2.Request(
                        method="usher.v1.UserService/GetMe",
                        credential=(header + "A" * 80 + f"{i:06}").encode(),
                    )
                )
                for i in range(500)
            ]
        )
        assert {f.code for f in found} <= {usher.Code.UNAUTHENTICATED, usher.Code.RESOURCE_EXHAUSTED}
        assert org_a.keyed(client).context.resolve(message="x").read_id
