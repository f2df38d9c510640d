"""No file descriptor is left: those who are connected are served, others wait until one is free,
nobody spins, and it is told. Afterwards all goes on without a restart."""

from __future__ import annotations

import http.client
import pathlib
import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import usher
from usher_testing import SLOWER, Bridge, Node, Organisation, System, wait_until
from usher_testing.process import Process

REQ_HEADER = b"\x00SP\x00\x00\x30\x00\x00"
SPARE = 6


def run_and_wait_s(process: Process) -> dict[str, tuple[float, float]]:
    """How long each of its threads has run, and waited for its turn to."""
    seconds = {}
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        try:
            ran, waited, _ = map(int, (task / "schedstat").read_text().split())
        except FileNotFoundError:
            continue
        seconds[task.name] = ran / 1e9, waited / 1e9
    return seconds


def told(process: Process, event: str) -> int:
    return len(re.findall(rf"event={event}\b", process.log.read_text()))


class Crowd:
    """Connections that say nothing more than they must."""

    def __init__(self, port: int, greeting: bytes):
        self._port, self._greeting = port, greeting
        self.sockets: list[socket.socket] = []

    def come(self, count: int) -> None:
        for _ in range(count):
            made = socket.create_connection(("127.0.0.1", self._port), timeout=10)
            made.sendall(self._greeting)
            self.sockets.append(made)

    def go(self, count: int | None = None) -> None:
        """The first of them, who were let in."""
        for made in self.sockets[:count]:
            made.close()
        del self.sockets[:count]


@contextmanager
def without_descriptors(process: Process, crowd: Crowd, spare: int = SPARE) -> Iterator[None]:
    """Few are left, and a crowd takes them."""
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    limit = process.files_open() + spare
    times = told(process, "no_files")
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        crowd.come(spare + 20)
        wait_until(lambda: told(process, "no_files") > times, "it says that there is none", 20)
        yield
        assert told(process, "no_files") == times + 1
    finally:
        crowd.go()
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
    wait_until(lambda: told(process, "files_again") == times + 1, "it says that all is well", 20)


def check_idle(process: Process) -> None:
    """Its threads wait rather than ask. Of the time in which it was not kept waiting for its turn,
    a thread that never sleeps runs all, whatever else the machine does; or a third, where the last
    of its waits is not counted yet."""
    busiest = 1.0
    for _ in range(6):
        began, before = time.monotonic(), run_and_wait_s(process)
        time.sleep(0.5)
        took = time.monotonic() - began
        awake = []
        for name, (ran, waited) in run_and_wait_s(process).items():
            ran_before, waited_before = before.get(name, (0.0, 0.0))
            ran -= ran_before
            awake.append(ran / max(took - (waited - waited_before), ran, 1e-9))
        busiest = max(awake)
        if busiest < 0.2:
            return
    raise AssertionError(f"a thread of {process.name} is awake for {busiest:.0%} of the time")


@pytest.fixture
def crowd(node: Node) -> Iterator[Crowd]:
    made = Crowd(node.port, REQ_HEADER)
    yield made
    made.go()


def test_a_server_without_descriptors_serves_who_is_there(
    node: Node, org_a: Organisation, crowd: Crowd, system: System
):
    here = org_a.keyed(node.client(timeout=10.0 * SLOWER))
    here.context.resolve(message="warm")
    with without_descriptors(node, crowd):
        for number in range(20):
            assert here.context.resolve(message=str(number), purpose="without").read_id
        here.context.append_turns(
            conversation="c", turns=[{"role": "TURN_ROLE_USER", "text": "written"}]
        )
        health = here.ops.get_health()
        assert not health.ready and "descriptor" in health.reason
        check_idle(node)
        late = org_a.keyed(node.client(timeout=20.0 * SLOWER))
        crowd.go(10)
        # Those that stood before it in the queue are let in first.
        crowd.go()
        assert late.context.resolve(message="late").read_id
    wait_until(lambda: here.ops.get_health().ready, "all is well again", 20)
    stored = "SELECT coalesce(sum(reads), 0) FROM usher.reads WHERE purpose = 'without'"
    wait_until(lambda: system.database.sql(stored) == "20", "each read has its receipt", 20)


def test_a_database_that_breaks_off_meanwhile_is_had_again(
    node: Node, org_a: Organisation, crowd: Crowd, system: System
):
    here = org_a.keyed(node.client(timeout=10.0 * SLOWER))
    here.context.resolve(message="warm")
    with without_descriptors(node, crowd):
        system.database.cluster.sql(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'usher_app'",
        )
        for _ in range(5):
            with_or_without(lambda: here.context.list_turns(conversation="c"))
        assert here.ops.get_health().version
    wait_until(lambda: here.ops.get_health().ready, "all is well again", 30)
    assert here.context.list_turns(conversation="c").turns
    assert here.context.resolve(message="again").read_id


def with_or_without(call: Any) -> None:
    """Done, or said that it can't be: the queue's next may have taken the descriptor."""
    try:
        call()
    except (usher.Unavailable, usher.DeadlineExceeded) as error:
        assert error.message


def test_receipts_that_another_left_wait_for_a_descriptor(
    node: Node, org_a: Organisation, crowd: Crowd, system: System
):
    """Two share a folder; one is killed while the other can open no file."""
    folder = system.folder / f"{node.name}.spool"
    dying = system.node("dying", spool__dir=str(folder))
    calls = org_a.keyed(dying.client())
    calls.context.resolve(message="warm")
    operator = system.operator().tokens(node.client()).access_token
    status = node.client(credential=operator, timeout=10.0 * SLOWER)

    def receipts() -> Any:
        return next(job for job in status.ops.list_jobs().jobs if job.name == "receipts")

    receipts()
    with without_descriptors(node, crowd):
        for _ in range(7):
            calls.context.resolve(message="x", purpose="left")
        dying.kill()
        wait_until(lambda: receipts().last_error, "the job says that it can't read the folder", 20)
        assert org_a.keyed(status).context.resolve(message="x").read_id
    stored = "SELECT coalesce(sum(reads), 0) FROM usher.reads WHERE purpose = 'left'"
    wait_until(lambda: system.database.sql(stored) == "7", "each read has its receipt", 30)
    wait_until(lambda: not receipts().last_error, "the job is well again", 20)


def test_a_bridge_without_descriptors_goes_on(bridge: Bridge, org_a: Organisation):
    crowd = Crowd(bridge.port, b"")
    path = f"/v1/users/{org_a.user_id}/context"
    asked = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20 * SLOWER)

    def ask() -> bool:
        """Over the connection that there is. One that was idle may have been cut for others' sake, and
        a new one may be turned away before its turn comes."""
        try:
            asked.request("GET", path, headers={"X-API-Key": org_a.api_key})
            reply = asked.getresponse()
            reply.read()
        except (http.client.HTTPException, OSError):
            asked.close()
            return False
        assert reply.status == 200
        return True

    wait_until(ask, "it answers")
    try:
        with without_descriptors(bridge, crowd):
            for _ in range(5):
                wait_until(ask, "it answers", 20)
            check_idle(bridge)
        wait_until(ask, "it answers")
        assert bridge.http().get("/ready").status == 200
    finally:
        asked.close()
        crowd.go()


def test_a_bridge_that_has_none_from_the_first_connection_on_does_not_spin(bridge: Bridge):
    """libmicrohttpd asks again and again as long as it has nobody to wait for."""
    wait_until(lambda: bridge_connections(bridge) == 0, "everybody has left", 20)
    crowd = Crowd(bridge.port, b"")
    with without_descriptors(bridge, crowd, spare=0):
        check_idle(bridge)
    assert bridge.http().get("/health").status == 200


def bridge_connections(bridge: Bridge) -> int:
    """Those of its clients."""
    listing = pathlib.Path(f"/proc/{bridge.pid}/net/tcp").read_text().splitlines()[1:]
    port = f":{bridge.port:04X}"
    rows = [row.split() for row in listing]
    return sum(row[1].endswith(port) and row[3] in ("01", "08") for row in rows)


def test_servers_take_as_many_as_they_may(system: System, org_a: Organisation):
    """The limit that a shell or a container hands out is often far below the one that is allowed."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        node = system.node("low")
        bridge = system.bridge(node, "low_bridge")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for process, wanted in ((node, 65536), (bridge, 2048 + 256)):
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        assert soft == min(wanted, hard), process.name
