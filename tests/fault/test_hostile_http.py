"""Clients of the bridge that are slow, silent or many: they are cut off, each within its limit; the
others are answered meanwhile, and the memory that they cost comes back."""

from __future__ import annotations

import functools
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from usher_testing import SLOWER, Bridge, Node, Organisation, RawConnection, System, wait_until
from usher_testing.files import open_files
from usher_testing.process import SANITIZED

MIB = 1 << 20
CROWD = 10_000
CONNECTIONS = 1024
CONNECTIONS_PER_ADDRESS = 256
REQUEST_TIMEOUT_S = 2
REPLY_TIMEOUT_S = 3

HEAD = b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def many_files() -> Iterator[None]:
    """For a crowd's connections, and what else is open."""
    with open_files(CROWD + 500):
        yield


@pytest.fixture(scope="module")
def bridge(system: System, node: Node) -> Bridge:
    """For crowds: nobody's time is over while one gathers."""
    return system.bridge(
        node,
        http__connections=str(CONNECTIONS),
        http__connections_per_address=str(CONNECTIONS_PER_ADDRESS),
        http__bodies="16MiB",
        http__request_timeout="5m",
    )


@pytest.fixture(scope="module")
def hasty(system: System, node: Node) -> Bridge:
    """For those that are slow."""
    return system.bridge(
        node,
        "hasty",
        http__request_timeout=f"{REQUEST_TIMEOUT_S}s",
        http__reply_timeout=f"{REPLY_TIMEOUT_S}s",
    )


def figure(bridge: Bridge, name: str) -> int:
    """One of /metrics, asked for from an address of its own."""
    with RawConnection(bridge.port, source="127.9.9.9") as connection:
        connection.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        reply = connection.reply()
        assert reply is not None
    for line in reply.body.decode().splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    raise AssertionError(f"no figure {name}")


class Others:
    """Polite clients from addresses of their own: a new connection for each request."""

    def __init__(self, bridge: Bridge, org: Organisation):
        self._bridge = bridge
        body = b'{"message":"Hello?"}'
        self._call = (
            f"POST /v1/chatbots/{org.chatbot_id}:resolve HTTP/1.1\r\nHost: a\r\n"
            f"X-API-Key: {org.api_key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.answered = 0

    def are_answered(self) -> None:
        for request in (HEALTH, self._call):
            self.answered += 1
            source = f"127.1.{self.answered // 250 % 250}.{1 + self.answered % 250}"
            with RawConnection(self._bridge.port, source=source) as connection:
                connection.send(request)
                reply = connection.reply()
                assert reply is not None, f"request {self.answered} was cut off"
                assert reply.status == 200, reply.body


@pytest.fixture
def others(bridge: Bridge, org_a: Organisation) -> Others:
    made = Others(bridge, org_a)
    made.are_answered()
    return made


class Crowd:
    """Connections that the bridge may cut at any time."""

    def __init__(self, bridge: Bridge):
        self._port = bridge.port
        self._open: list[socket.socket] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self._open:
            peer.close()

    def join(self, source: str, said: bytes = b"", receive_bytes: int = 0) -> socket.socket:
        peer = socket.socket()
        if receive_bytes:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._open.append(peer)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The port is chosen with the destination known: one may serve many destinations.
        peer.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
        peer.bind((source, 0))
        peer.settimeout(15 * SLOWER)
        peer.connect(("127.0.0.1", self._port))
        peer.setblocking(False)
        self.say(peer, said)
        return peer

    @staticmethod
    def say(peer: socket.socket, said: bytes) -> None:
        try:
            peer.send(said) if said else None
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass

    def say_all(self, said: bytes) -> None:
        for peer in self._open:
            self.say(peer, said)

    def count(self) -> int:
        """Those that are not cut."""
        left = []
        for peer in self._open:
            try:
                is_open = bool(peer.recv(65536))
            except BlockingIOError:
                is_open = True
            except OSError:
                is_open = False
            left.append(peer) if is_open else peer.close()
        self._open = left
        return len(left)


@pytest.fixture(scope="module", autouse=True)
def memory_comes_back(bridge: Bridge, hasty: Bridge, org_a: Organisation) -> Iterator[None]:
    """After all of this file; the crowds themselves may cost 64 MiB."""
    before = {}
    for each in (bridge, hasty):
        Others(each, org_a).are_answered()
        before[each] = each.resident_bytes()
    yield
    for each, resident in before.items():
        in_flight = functools.partial(figure, each, "usher_bridge_requests_in_flight")
        wait_until(lambda: in_flight() == 1, "nothing is left at work")  # but the one that asks
        if not SANITIZED:
            wait_until(lambda: each.resident_bytes() < resident + 16 * MIB, "memory comes back", 20)
            assert each.peak_bytes() < resident + 64 * MIB


def all_are_gone(bridge: Bridge) -> Callable[[], bool]:
    return lambda: figure(bridge, "usher_bridge_connections") == 1  # the one that asks


SLOW = {
    "silent": (b"", b""),
    "empty lines": (b"", b"\r\n"),
    "request line": (b"GET /", b"x"),
    "header": (HEAD, b"X-A: b\r\n"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n{", b" "),
    "chunked body": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


def test_slow_requests_are_cut_off_at_their_time(hasty: Bridge, org_a: Organisation) -> None:
    """Bytes that trickle in win no time: a whole request has 2 s here."""
    others = Others(hasty, org_a)
    began = time.monotonic()
    crowds = {what: Crowd(hasty) for what in SLOW}
    try:
        for at, (what, crowd) in enumerate(crowds.items()):
            for _ in range(30):
                crowd.join(f"127.3.0.{at + 1}", SLOW[what][0])
        left = dict(crowds)

        def are_cut() -> bool:
            others.are_answered()
            for what, crowd in list(left.items()):
                crowd.say_all(SLOW[what][1])
                if crowd.count() == 0:
                    assert time.monotonic() - began > REQUEST_TIMEOUT_S, what
                    del left[what]
            return not left

        wait_until(are_cut, "they are cut off", 10 * REQUEST_TIMEOUT_S, every_s=0.05)
    finally:
        for crowd in crowds.values():
            crowd.__exit__()
    wait_until(all_are_gone(hasty), "all are gone")


@pytest.mark.parametrize("pace", ["never", "slowly"])
def test_who_does_not_read_is_cut_off(pace: str, hasty: Bridge, org_a: Organisation) -> None:
    """Slowly: a byte now and then wins no time either; a whole reply has 3 s here."""
    others = Others(hasty, org_a)
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
    before = figure(hasty, "usher_bridge_connections_timed_out_total")
    with Crowd(hasty) as crowd:
        readers = [crowd.join("127.4.0.1", ask * 200, receive_bytes=4096) for _ in range(20)]

        def are_cut() -> bool:
            others.are_answered()
            for reader in readers if pace == "slowly" else []:
                try:
                    reader.recv(1)
                except OSError:
                    pass
            return figure(hasty, "usher_bridge_connections_timed_out_total") >= before + 20

        wait_until(are_cut, "they are cut off", 10 * REPLY_TIMEOUT_S, every_s=0.05)
        wait_until(all_are_gone(hasty), "they are gone")


def test_a_crowd_from_one_address_gets_its_part_alone(
    bridge: Bridge, others: Others, many_files: None
) -> None:
    refused = figure(bridge, "usher_bridge_connections_refused_total")
    displaced = figure(bridge, "usher_bridge_connections_displaced_total")
    with Crowd(bridge) as crowd:
        for at in range(CROWD):
            crowd.join("127.0.0.1")
            if at % 500 == 0:
                others.are_answered()
        wait_until(lambda: crowd.count() <= CONNECTIONS_PER_ADDRESS, "the rest is cut off")
        refused = figure(bridge, "usher_bridge_connections_refused_total") - refused
        assert refused == CROWD - CONNECTIONS_PER_ADDRESS
    assert figure(bridge, "usher_bridge_connections_displaced_total") == displaced
    wait_until(all_are_gone(bridge), "all are gone")
    with RawConnection(bridge.port) as connection:
        connection.send(HEALTH)
        assert connection.reply() is not None, "the address is let in again"


@pytest.mark.parametrize("said", [b"", HEAD, HEALTH], ids=["silent", "half said", "idle"])
def test_a_crowd_from_many_addresses_makes_room(
    said: bytes, bridge: Bridge, others: Others, many_files: None
) -> None:
    displaced = figure(bridge, "usher_bridge_connections_displaced_total")
    with Crowd(bridge) as crowd:
        for at in range(CROWD):
            crowd.join(f"127.5.{at % 40}.{1 + at // 40 % 250}", said)
            if at % 500 == 0:
                others.are_answered()
                assert figure(bridge, "usher_bridge_connections") <= CONNECTIONS
        wait_until(lambda: crowd.count() <= CONNECTIONS, "the rest is cut off")
        assert figure(bridge, "usher_bridge_connections_displaced_total") > displaced
        others.are_answered()
    wait_until(all_are_gone(bridge), "all are gone")


def test_bodies_that_never_end_take_no_more_than_their_part(bridge: Bridge, others: Others) -> None:
    """200 MiB of them, less a byte each, where 16 MiB have room."""
    displaced = figure(bridge, "usher_bridge_connections_displaced_total")
    body = b"{" + b" " * (MIB - 2)
    with Crowd(bridge) as crowd:
        for at in range(200):
            said = HEAD + b"Content-Length: %d\r\n\r\n" % MIB + body
            peer = crowd.join(f"127.8.0.{1 + at % 20}")
            peer.settimeout(15 * SLOWER)
            try:
                peer.sendall(said)
            except OSError:
                pass  # cut off to make room
            peer.setblocking(False)
            if at % 20 == 0:
                others.are_answered()
        wait_until(lambda: crowd.count() <= 40, "most are cut off")
        others.are_answered()
    assert figure(bridge, "usher_bridge_connections_displaced_total") > displaced
    wait_until(all_are_gone(bridge), "all are gone")


def test_replies_that_nobody_reads_take_no_more_than_their_part(
    bridge: Bridge, others: Others, org_a: Organisation
) -> None:
    """40 times 5 MB, more than a socket holds of each, where 16 MiB have room."""
    path = f"/v1/chatbots/{org_a.chatbot_id}/conversations/unread/turns"
    http = bridge.http(api_key=org_a.api_key)
    turn = {"role": "TURN_ROLE_USER", "text": "\1" * 170_000}  # in JSON six bytes each
    for _ in range(5):
        http.post(path, {"turns": [turn]}).expect(201)
    assert len(http.get(path).body) > 5_000_000
    displaced = figure(bridge, "usher_bridge_connections_displaced_total")
    ask = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {org_a.api_key}\r\n\r\n".encode()
    with Crowd(bridge) as crowd:
        for at in range(40):
            peer = crowd.join(f"127.10.0.{1 + at % 20}", ask, receive_bytes=4096)
            assert select.select([peer], [], [], 15 * SLOWER)[0], "the reply has begun"
            if at % 20 == 0:
                others.are_answered()
        displaced = figure(bridge, "usher_bridge_connections_displaced_total") - displaced
        assert displaced >= 32
        # Who reads gets a whole one all the same.
        assert len(http.get(path).body) > 5_000_000
        others.are_answered()
    wait_until(all_are_gone(bridge), "all are gone")


def test_who_waits_for_an_answer_makes_no_room(
    node: Node, bridge: Bridge, others: Others, many_files: None
) -> None:
    """Only those go that the bridge waits for: the database is slow, and a crowd comes."""
    body = b'{"email":"nobody@example.com","password":"wrong password"}'
    call = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    waiting = [RawConnection(bridge.port, source="127.6.0.1") for _ in range(50)]
    try:
        node.signal(signal.SIGSTOP)
        for connection in waiting:
            connection.send(call)
        in_flight = "usher_bridge_requests_in_flight"
        wait_until(lambda: figure(bridge, in_flight) > 50, "all wait")
        with Crowd(bridge) as crowd:
            for at in range(3 * CONNECTIONS):
                crowd.join(f"127.7.{at % 40}.{1 + at // 40}")
        node.signal(signal.SIGCONT)
        for connection in waiting:
            reply = connection.reply()
            assert reply is not None, "cut off at work"
    finally:
        node.signal(signal.SIGCONT)
        for connection in waiting:
            connection.__exit__()
    wait_until(node.is_ready, "the node is back")
    wait_until(all_are_gone(bridge), "all are gone")
    wait_until(lambda: bridge.http().get("/ready").status == 200, "the bridge is back")
    others.are_answered()
