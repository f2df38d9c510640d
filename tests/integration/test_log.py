"""The log under a flood: what a source is refused is told so often and no more, the rest is counted, and
nobody else's lines are kept back for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import usher
from usher.v1 import envelope_pb2
from usher_testing import (
    Bridge,
    Node,
    Organisation,
    Process,
    System,
    free_port,
    read_figure,
    wait_until,
)

A_SECOND, AT_ONCE = 100, 1000  # base/log.c
FLOOD = 3000
THREADS = 8


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def node(system: System, org_a: Organisation, metrics_port: int) -> Node:
    return system.node("told", metrics__listen=f"127.0.0.1:{metrics_port}")


@pytest.fixture(scope="module")
def bridge(system: System, node: Node) -> Bridge:
    """The tests come through a proxy, and so from whom they like."""
    return system.bridge(node, http__trusted_proxies="127.0.0.1/32")


def lines_of(process: Process, *words: str) -> list[str]:
    text = process.log.read_text()
    return [line for line in text.splitlines() if all(word in line.split() for word in words)]


def check_flood(
    process: Process, words: list[str], call: Callable[[int], None], untold: Callable[[], int]
) -> None:
    """As many calls as it takes to be too many, however slow they are."""
    calls = 0
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        while calls < FLOOD or (untold() == 0 and calls < 10 * FLOOD):
            for _ in pool.map(call, range(FLOOD)):
                calls += 1
    took_s = time.monotonic() - began
    wait_until(
        lambda: len(lines_of(process, *words)) + untold() == calls,
        "each is told, or counted as not told",
    )
    assert AT_ONCE <= len(lines_of(process, *words)) <= AT_ONCE + A_SECOND * took_s + 1

    def said() -> int:
        lines = lines_of(process, "event=log_withheld")
        return sum(int(line.rpartition("lines=")[2]) for line in lines)

    wait_until(lambda: said() == untold(), "the log says how many it does not tell")


def test_malformed_calls_are_told_so_often_and_counted(
    node: Node, org_a: Organisation, metrics_port: int
):
    client = node.client()

    def untold() -> int:
        return int(read_figure(metrics_port, "usher_log_withheld_total"))

    def malformed(_: int) -> None:
        reply = envelope_pb2.Response.FromString(client.send_bytes(b"\xff" * 100, 10.0))
        assert reply.code == usher.Code.INVALID_ARGUMENT

    assert untold() == 0
    check_flood(node, ["event=rpc", "code=INVALID_ARGUMENT"], malformed, untold)
    # From the same address, but known by now, and so told by itself.
    with pytest.raises(usher.NotFound):
        org_a.owner(client).user.get_user(user_id="ext:nobody")
    wait_until(lambda: lines_of(node, "code=NOT_FOUND"), "an organisation's own refusal is told")


def test_requests_that_lead_nowhere_are_told_so_often_and_counted(bridge: Bridge):
    def untold() -> int:
        return int(read_figure(bridge.port, "usher_bridge_log_lines_withheld"))

    def nowhere(_: int) -> None:
        reply = bridge.http().request("GET", "/nothing", None, {"X-Forwarded-For": "192.0.2.7"})
        assert reply.status == 404

    words = ["event=http", "status=404"]
    check_flood(bridge, [*words, "client=192.0.2.7"], nowhere, untold)
    before = untold()
    bridge.http().request("GET", "/nothing", None, {"X-Forwarded-For": "192.0.2.8"})
    wait_until(lambda: lines_of(bridge, *words, "client=192.0.2.8"), "another's is told")
    assert untold() == before
