"""Two nodes behind one bridge, and one of them killed under load: reads go on, writes happen once."""

from __future__ import annotations

import re
import secrets
import signal
import threading
import time
import urllib.parse

import pytest

from usher_testing import SLOWER, Bridge, Http, HttpReply, Node, Organisation, System, wait_until

READERS = 8
WRITERS = 4
# Of each writer, before the node is killed, while it is gone, and after it came back.
WRITES = max(5, 30 // SLOWER)


@pytest.fixture(scope="module")
def nodes(system: System, org_a: Organisation) -> list[Node]:
    return [system.node("first"), system.node("second")]


@pytest.fixture(scope="module")
def bridge(system: System, nodes: list[Node]) -> Bridge:
    made = system.bridge(nodes[0], bridge__upstream=", ".join(node.url for node in nodes))
    wait_until(lambda: _figures(made, "up") == [1, 1], "the bridge is connected to both")
    return made


def _figures(bridge: Bridge, name: str) -> list[int]:
    """A row of /metrics, a number for each upstream."""
    text = bridge.http().get("/metrics").body.decode()
    return [int(n) for n in re.findall(rf"^usher_bridge_upstream_{name}{{.*}} (\d+)$", text, re.M)]


class Load:
    """Callers that go on until they are told to stop, and what they were told."""

    def __init__(self, http: Http, chatbot_id: str, writers: int = 0):
        self._http = http
        self._path = f"/v1/chatbots/{chatbot_id}"
        self._writers = writers
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.reads = 0
        self.written: list[str] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._read) for _ in range(READERS)]
        self._threads += [threading.Thread(target=self._write) for _ in range(writers)]
        for thread in self._threads:
            thread.start()

    def _note(self, what: str, status: int, body: bytes) -> None:
        with self._lock:
            self.failures.append(f"{what}: {status} {body[:300]!r}")

    def _read(self) -> None:
        while not self._over.is_set():
            reply = self._http.post(f"{self._path}:resolve", {"message": "Hello"})
            if reply.status != 200:
                self._note("read", reply.status, reply.body)
            with self._lock:
                self.reads += 1

    def _write(self) -> None:
        while not self._over.is_set():
            text = secrets.token_hex(8)
            ends = time.monotonic() + 20
            key = secrets.token_hex(16)
            reply = self._append(text, key)
            # Until the database has ended what the dead node began there, which may be longer than a
            # call is repeated.
            while b"IDEMPOTENCY_KEY_BUSY" in reply.body and time.monotonic() < ends:
                reply = self._append(text, key)
            with self._lock:
                self.written.append(text)
            if reply.status != 201:
                self._note("write", reply.status, reply.body)

    def _append(self, text: str, key: str) -> HttpReply:
        return self._http.post(
            f"{self._path}/conversations/failover/turns",
            {"turns": [{"role": "TURN_ROLE_USER", "text": text}]},
            headers={"Idempotency-Key": key},
        )

    def goes_on(self) -> None:
        """A good many calls of both kinds more."""
        with self._lock:
            reads, writes = self.reads, len(self.written)
        wait_until(
            lambda: self.reads > reads + WRITES * READERS
            and len(self.written) >= writes + WRITES * self._writers,
            "the load goes on",
            60,
        )

    def stored(self) -> list[str]:
        """What the conversation holds."""
        texts: list[str] = []
        token = ""
        while True:
            query = f"page.size=1000&page.token={urllib.parse.quote(token)}"
            page = self._http.get(f"{self._path}/conversations/failover/turns?{query}").expect(200)
            texts += [turn["text"] for turn in page["turns"]]
            token = page.get("page", {}).get("nextToken", "")
            if not token:
                return texts

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_a_node_that_is_killed_under_load_costs_no_read_and_doubles_no_write(
    nodes: list[Node], bridge: Bridge, org_a: Organisation
):
    load = Load(bridge.http(api_key=org_a.api_key), org_a.chatbot_id, WRITERS)
    try:
        load.goes_on()
        nodes[0].kill()
        load.goes_on()
        wait_until(lambda: _figures(bridge, "up")[0] == 0, "the bridge has noticed")

        nodes[0].start_and_wait()
        before = _figures(bridge, "attempts_total")[0]
        wait_until(lambda: _figures(bridge, "up") == [1, 1], "it is connected again", 30)
        wait_until(
            lambda: _figures(bridge, "attempts_total")[0] > before + 100 // SLOWER,
            "it gets its share again",
            60,
        )
        load.goes_on()
    finally:
        load.stop()
    assert not load.failures, f"{len(load.failures)} of {load.reads} and {len(load.written)}: " + (
        "\n".join(load.failures[:20])
    )
    assert sorted(load.stored()) == sorted(load.written)
    print(f"{load.reads} reads, {len(load.written)} writes, none failed and none doubled")


def test_a_node_that_stands_still_is_given_up_after_a_while(
    nodes: list[Node], bridge: Bridge, org_a: Organisation
):
    wait_until(lambda: _figures(bridge, "resting") == [0, 0], "neither node rests", 60)
    load = Load(bridge.http(api_key=org_a.api_key), org_a.chatbot_id)
    try:
        load.goes_on()
        nodes[1].signal(signal.SIGSTOP)
        try:
            wait_until(lambda: _figures(bridge, "resting")[1] == 1, "it rests", 30)
            load.goes_on()
        finally:
            nodes[1].signal(signal.SIGCONT)
        load.goes_on()
    finally:
        load.stop()
    assert not load.failures, "\n".join(load.failures[:20])
    print(f"{load.reads} reads, none failed")
