"""A rolling upgrade: the schema goes one ahead while the old servers serve, then new ones come beside
them and take their place, and nobody misses anything."""

from __future__ import annotations

import os
import random

import pytest

import usher
from usher_testing import BINARIES, Figures, Fleet, Organisation, System, wait_until
from usher_testing.checker import Checker
from usher_testing.process import run

# A machine that does other things may make a call late, or keep it from being sent at all.
LATE = {"DEADLINE_EXCEEDED", "NO_ANSWER", "NOT_SENT"}


def _versions(fleet: Fleet) -> list[tuple[int, int]]:
    """What each node finds, and what it was made for."""
    found = [node.health() for node in fleet.nodes]
    return [(h.schema_version, h.schema_version_needed) for h in found]


def _go_ahead(system: System) -> None:
    done = run(
        [BINARIES / "usher-ahead", "migrate", "up", "--database.conninfo", system.database.owner],
        env={**os.environ, "USHER_CONFIG": "/dev/null"},
    )
    assert done.returncode == 0, done.stderr


def _take_keys_away(fleet: Fleet, org: Organisation, figures: Figures) -> None:
    """From each node by each: a call sent after the reply is refused."""
    clients = fleet.clients()
    for client in clients:
        key = org.new_key(random.choice(clients), "context.read", default_user_id=org.user_id)
        for other in clients:
            other.using(credential=key.api_key).context.resolve(message="x")
        with figures.timed():
            org.owner(client).context.revoke_api_key(
                chatbot_id=org.chatbot_id, key_id=key.key.key_id
            )
        for other in clients:
            with pytest.raises(usher.Unauthenticated):
                other.using(credential=key.api_key).context.resolve(message="x")


def test_old_and_new_serve_side_by_side(system: System, org_a: Organisation):
    fleet = Fleet(system)
    for _ in range(2):
        fleet.add()
    fleet.settle()
    figures = Figures("revocations while old and new serve")
    before = _versions(fleet)[0]
    assert before[0] == before[1]
    ahead = (before[0] + 1, before[1])
    seconds = 2.4

    # The schema goes ahead under the old servers.
    checker = Checker(fleet.clients(), org_a)
    with checker.running():
        checker.wait(seconds)
        _go_ahead(system)
        checker.wait(seconds)
        _take_keys_away(fleet, org_a, figures)
    checker.report("old servers, while the schema goes ahead")
    assert not checker.missed, checker.missed[:10]
    # Nothing else may be noticed.
    assert set(checker.repeats) <= LATE, checker.repeats
    wait_until(lambda: _versions(fleet) == [ahead] * 2, "the old ones know", 20)

    # The new one beside the old ones.
    fleet.add(program="usherd-ahead")
    fleet.settle()
    assert _versions(fleet)[2] == (ahead[0], ahead[0])
    checker = Checker(fleet.clients(), org_a)
    with checker.running():
        checker.wait(seconds)
        _take_keys_away(fleet, org_a, figures)
    checker.report("two old servers and a new one")
    assert not checker.missed, checker.missed[:10]
    assert set(checker.repeats) <= LATE, checker.repeats

    # One after the other goes, and callers of the one that goes come again elsewhere.
    for old in fleet.nodes[:2]:
        checker = Checker(fleet.clients(timeout=1.0), org_a)
        with checker.running():
            checker.wait(seconds / 2)
            old.stop()
            fleet.nodes.remove(old)
            new = fleet.add(program="usherd-ahead")
            checker.clients = fleet.clients()
            checker.wait(seconds / 2)
            _take_keys_away(fleet, org_a, figures)
        assert new.is_running()
        checker.report(f"{old.name} gives way")
        assert not checker.missed, checker.missed[:10]
    assert _versions(fleet) == [(ahead[0], ahead[0])] * 3
    print(figures)


def test_a_server_that_the_schema_has_left_behind_says_so(system: System, org_a: Organisation):
    """The next schema may serve only those that were made for it."""
    fleet = Fleet(system)
    late = fleet.add("late")
    _go_ahead(system)
    system.database.sql(
        "UPDATE usher.schema_migrations SET serves_from = version"
        " WHERE version = (SELECT max(version) FROM usher.schema_migrations)"
    )
    wait_until(lambda: not late.health().ready, "it knows", 30)
    assert "install a newer usher" in late.health().reason
    with pytest.raises(usher.Unavailable) as refused:
        org_a.keyed(late.client()).context.resolve(message="x")
    assert refused.value.reason == "SCHEMA_MISMATCH"
