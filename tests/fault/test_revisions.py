"""A call never sees less than it was told is done: many clients write and read at random, over all
nodes, each in a causal session of its own; and whoever has no session is never far behind."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest

from usher_testing import Figures, Fleet, Organisation, Statements, System
from usher_testing.checker import LATE_MS_MAX, Checker, lateness_noted

LEASE_MS = 1600
SECONDS = 10.0  # of each trouble
RUNS_MAX = 4  # until the machine is in time


@pytest.fixture(scope="module")
def fleet(system: System, org_a: Organisation) -> Fleet:
    made = Fleet(system)
    made.add()
    made.add()
    made.add(link=True)
    made.settle()
    return made


def check_runs(under: str, run: Callable[[], Checker]) -> None:
    """No run misses a write. The first one in which the machine is in time is held to the promise;
    where it never is, the one in which it was least late to what it allows then. One is let go that
    does not keep it, unless no later one is in time: one thread that the machine lets wait for some
    hundred milliseconds is too much for a node, and seen in the lateness of none."""
    runs: list[Checker] = []
    may_let_go = True
    while len(runs) < RUNS_MAX:
        one = run()
        one.report(under)
        assert not one.missed, one.missed[:10]
        assert one.from_memory and one.written
        runs.append(one)
        if may_let_go and one.machine_is_in_time() and not one.none_is_old():
            may_let_go = False
            print(f"{under}: that one is let go")
            continue
        if one.machine_is_in_time():
            one.check_that_none_is_old()
            return
    best = min(runs, key=lambda one: one.late.at(0.99))
    best.check_that_none_is_old()
    print(
        f"{under}: in {len(runs)} runs the machine was late by {best.late.at(0.99):.1f} ms (p99) and"
        f" more, and more than {LATE_MS_MAX} ms hide how old reads are"
    )


def test_no_read_misses_an_own_write_and_none_is_old(fleet: Fleet, org_a: Organisation):
    def run() -> Checker:
        checker = Checker(fleet.clients(), org_a)
        with checker.running():
            checker.wait(SECONDS)
        return checker

    check_runs("quiet", run)


def test_nor_under_an_open_transaction(fleet: Fleet, org_a: Organisation, system: System):
    """Revisions then go to the database; readers without one stay as fresh as ever."""

    def run() -> Checker:
        checker = Checker(fleet.clients(), org_a)
        with Statements(system.database) as old:
            old.run("BEGIN; SELECT pg_current_xact_id()")
            with checker.running():
                checker.wait(SECONDS)
            old.run("COMMIT")
        return checker

    check_runs("open write transaction", run)


def test_nor_while_a_node_is_parted_from_its_database(fleet: Fleet, org_a: Organisation):
    checker = Checker(fleet.clients(timeout=2.0), org_a)
    link = fleet.nodes[2].link
    assert link
    with checker.running():
        for trouble in (lambda: link.delay(0.03), link.cut, link.flow, link.stall, link.flow):
            trouble()
            checker.wait(SECONDS / 5)
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
                    checker.wait(SECONDS / 4)
            else:
                node.kill()
                node.start()
                checker.wait(SECONDS / 4)
    fleet.settle(30)
    checker.report("nodes killed and stopped")
    assert not checker.missed, checker.missed[:10]
    assert checker.stale.ms
    # Who was stopped holds no lease when it goes on.
    assert max(checker.stale.ms) <= LEASE_MS + 4 * max(checker.late.ms), str(checker.stale)


def test_what_keeps_the_test_busy_is_not_taken_for_the_machines_lateness():
    """A call during which no other of its threads runs, for a second."""
    # Whom the machine itself kept waiting meanwhile is asked again.
    for _ in range(3):
        late = Figures("how late the machine itself was")
        with lateness_noted(late):
            ctypes.PyDLL(None).usleep(999_999)
        print(late)
        # Of forty.
        if len(late.ms) >= 10:
            return
    raise AssertionError(str(late))
