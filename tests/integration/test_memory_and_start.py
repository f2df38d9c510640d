"""Idle memory, and the time from start to the first answer. tests/bench has the figures; here they are
held to their bounds."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

import pytest

import usher
from usher_testing import Bridge, Node, Organisation, System, wait_until
from usher_testing.locks import TableLock
from usher_testing.process import BINARIES, SANITIZED, run

MIB = 1 << 20
pytestmark = pytest.mark.skipif(SANITIZED, reason="sanitizers take memory and time of their own")


def test_idle_memory(node: Node, bridge: Bridge, client: usher.Client, org_a: Organisation):
    org_a.keyed(client).context.resolve(message="awake")
    assert bridge.http(api_key=org_a.api_key).get(f"/v1/users/{org_a.user_id}/context").status == 200
    assert node.resident_bytes() < 48 * MIB
    assert bridge.resident_bytes() < 24 * MIB


def test_start_to_first_answer(system: System, org_a: Organisation):
    """Once it listens: a client that comes sooner is refused, and pauses at random."""

    def start(turn: int) -> float:
        node = system.node(f"start{turn}", start=False)
        began = time.monotonic()
        node.start()
        wait_until(lambda: _listens(node), "it listens", 20, every_s=0.002)
        client = node.client(timeout=10.0, credential=org_a.api_key)
        wait_until(lambda: _answers(client), "it answers", 20, every_s=0.002)
        took = time.monotonic() - began
        node.done()
        return took

    check_once_within(0.2, start)


def check_once_within(most_s: float, work: Callable[[int], float], tries: int = 15) -> None:
    """One of a few takes no longer: a test machine has other things to do, too."""
    took: list[float] = []
    while not took or took[-1] >= most_s:
        assert len(took) < tries, took
        took.append(work(len(took)))


def _listens(node: Node) -> bool:
    node.check_alive()
    try:
        socket.create_connection(("127.0.0.1", node.port), 10).close()
    except OSError:
        return False
    return True


def _answers(client: usher.Client) -> bool:
    try:
        return bool(client.using(timeout=0.5).context.resolve(message="x").read_id)
    except (usher.Unavailable, usher.DeadlineExceeded):
        return False


@pytest.mark.parametrize("program", ["usherd", "usher-bridge"])
def test_a_program_without_a_thread_for_its_log_says_so(system: System, program: str):
    """A stack that is larger than all that it may have."""
    config = system.write_config("logless", {})
    limited = ["prlimit", f"--as={1 << 30}", f"--stack={8 << 30}:"]
    done = run([*limited, BINARIES / program], env={**os.environ, "USHER_CONFIG": config})
    assert done.returncode == 1 and done.stderr.startswith(f"{program}: no "), done
    assert "for the log" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_stop_is_quick_and_answers_what_is_under_way(system: System, org_a: Organisation):
    def stop(turn: int) -> float:
        node = system.node(f"stopping{turn}")
        org_a.keyed(node.client()).context.resolve(message="x")
        return _stop_s(node)

    check_once_within(5, stop, tries=4)


def _stop_s(node: Node) -> float:
    began = time.monotonic()
    node.done()
    return time.monotonic() - began


def test_a_stop_right_after_the_start_is_no_failure_of_the_database(system: System):
    """With a database that takes connections and says nothing: after 4 s it is away, and not before."""
    in_time_s = 3.5

    def stop(turn: int) -> float:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            node = system.node(
                f"brief{turn}",
                start=False,
                database__conninfo=f"host=127.0.0.1 port={silent.getsockname()[1]}",
            )
            silent.settimeout(20)
            began = time.monotonic()
            node.start()
            connection, _ = silent.accept()
            wait_until(lambda: "event=listen" in node.log.read_text(), "it listens")
            node.done()
            took = time.monotonic() - began
            connection.close()
            system.processes().remove(node)
        said = node.log.read_text()
        assert "event=stop" in said
        if took < in_time_s:
            assert "away" not in said and "event=database" not in said, said
        return took

    check_once_within(in_time_s, stop)


def test_a_stop_does_not_wait_for_a_lock_that_somebody_holds(system: System, org_a: Organisation):
    """The receipts stay in the spool's file; the next node on that folder stores them."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        f" AND datname = '{system.database.name}'"
    )

    def stop(turn: int) -> float:
        node = system.node(f"held{turn}")
        keyed = org_a.keyed(node.client())
        keyed.context.resolve(message="x")
        with TableLock(system, "usher.reads"):
            receipt = keyed.context.resolve(message="x").read_id
            wait_until(
                lambda: system.database.cluster.sql("postgres", waiting) != "0", "a job waits"
            )
            took = _stop_s(node)
            assert "event=receipts_left" in node.log.read_text()
        node.start_and_wait()
        wait_until(
            lambda: system.database.count("reads", f"read_id = '{receipt}'") == 1,
            "the receipt is stored",
        )
        node.done()
        return took

    check_once_within(5, stop, tries=4)
