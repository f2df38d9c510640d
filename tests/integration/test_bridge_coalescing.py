"""Calls that the bridge sends together are each answered as if they had come alone."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pynng
import pytest

import usher
from usher import Code
from usher.v1 import context_pb2, envelope_pb2, ops_pb2
from usher_testing import (
    SLOWER,
    Bridge,
    Node,
    Organisation,
    System,
    stay_off_midnight,
    wait_until,
)
from usher_testing.scripted import ScriptedServer

# Of each kind of burst. Bursts are made until so many calls went together at least.
ROUNDS = max(4, 12 // SLOWER)
TOGETHER = 100
AT_ONCE = 60


@pytest.fixture(scope="module")
def nodes(system: System, org_a: Organisation) -> list[Node]:
    return [system.node("first"), system.node("second")]


@pytest.fixture(scope="module")
def bridge(system: System, nodes: list[Node]) -> Bridge:
    """Of one node."""
    return system.bridge(nodes[0])


@pytest.fixture(scope="module")
def org_b(system: System, nodes: list[Node], org_a: Organisation) -> Organisation:
    return system.organisation("b")


def _figures(bridge: Bridge, name: str) -> list[int]:
    """A row of /metrics, a number for each upstream."""
    text = bridge.http().get("/metrics").body.decode()
    return [int(n) for n in re.findall(rf"^usher_bridge_upstream_{name}{{.*}} (\d+)$", text, re.M)]


def _figure(bridge: Bridge, name: str) -> int:
    return sum(_figures(bridge, name))


class Request:
    """A Resolve, as bytes."""

    def __init__(self, org: Organisation, key: str = "", **fields: str):
        body = json.dumps({"message": "Hello"} | fields).encode()
        self.data = (
            f"POST /v1/chatbots/{org.chatbot_id}:resolve HTTP/1.1\r\nHost: bridge.test\r\n"
            f"X-API-Key: {key or org.api_key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode() + body


def _read(peer: socket.socket) -> tuple[int, dict]:
    data = b""
    while part := peer.recv(65536):
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def burst(
    bridge: Bridge,
    requests: list[Request],
    meanwhile: Callable[[], None] = lambda: None,
) -> list[tuple[int, dict]]:
    """All at once: the bridge finds them when it wakes up. The status and JSON of each."""
    peers = [
        socket.create_connection(("127.0.0.1", bridge.port), timeout=20 * SLOWER) for _ in requests
    ]
    try:
        bridge.signal(signal.SIGSTOP)
        try:
            for peer, request in zip(peers, requests, strict=True):
                peer.sendall(request.data)
        finally:
            bridge.signal(signal.SIGCONT)
        meanwhile()
        return [_read(peer) for peer in peers]
    finally:
        for peer in peers:
            peer.close()


def bursts(bridge: Bridge) -> Iterator[int]:
    """Enough of them."""
    before = _figure(bridge, "together_total")
    for i in range(1000):
        if i >= ROUNDS and _figure(bridge, "together_total") >= before + TOGETHER:
            return
        yield i
    raise AssertionError("hardly any calls went together")


def _outcome(reply: tuple[int, dict]) -> tuple[int, str]:
    """Whose answer it was, or why there was none."""
    status, body = reply
    return status, body["caller"]["orgId"] if status == 200 else body["reason"]


def test_each_has_the_answer_that_it_has_alone(
    bridge: Bridge, nodes: list[Node], org_a: Organisation, org_b: Organisation
):
    client = nodes[0].client()
    revoked = org_a.new_key(client, "context.read", default_user_id=org_a.user_id)
    org_a.owner(client).context.revoke_api_key(
        chatbot_id=org_a.chatbot_id, key_id=revoked.key.key_id
    )
    ours, theirs = (200, org_a.org_id), (200, org_b.org_id)
    mixed = [
        (Request(org_a), ours),
        (Request(org_b), theirs),
        (Request(org_a, user_id=org_a.user_id), ours),
        # Somebody else's user, chatbot, and key.
        (Request(org_a, user_id=org_b.user_id), (404, "USER_NOT_FOUND")),
        (Request(org_b, key=org_a.api_key), (404, "CHATBOT_NOT_FOUND")),
        (Request(org_a, key=revoked.api_key), None),
        (Request(org_a, key="ush_live_nothing"), None),
        # Too long for the field, not for the message.
        (Request(org_a, user_id="u" * 300), (400, "INVALID_FIELDS")),
    ]
    requests = [request for request, _ in mixed] * (AT_ONCE // len(mixed))
    alone = [_outcome(burst(bridge, [request])[0]) for request, _ in mixed]
    for got, (_, wanted) in zip(alone, mixed, strict=True):
        assert wanted is None and got[0] == 401 or got[0] == wanted[0], (got, wanted)
    assert alone[:3] == [ours, theirs, ours]
    for _ in bursts(bridge):
        replies = [_outcome(reply) for reply in burst(bridge, requests)]
        assert replies == alone * (len(requests) // len(mixed))


def test_a_key_that_is_taken_away_is_refused_beside_others(
    bridge: Bridge, nodes: list[Node], org_a: Organisation, org_b: Organisation
):
    client = nodes[0].client()
    for _ in bursts(bridge):
        key = org_a.new_key(client, "context.read", default_user_id=org_a.user_id)
        requests = [Request(org_b), Request(org_a, key=key.api_key)] * (AT_ONCE // 2)
        assert {_outcome(r) for r in burst(bridge, requests)} == {
            (200, org_a.org_id), (200, org_b.org_id)
        }  # fmt: skip
        org_a.owner(client).context.revoke_api_key(
            chatbot_id=org_a.chatbot_id, key_id=key.key.key_id
        )
        replies = [_outcome(r) for r in burst(bridge, requests)]
        assert replies[::2] == [(200, org_b.org_id)] * (AT_ONCE // 2)
        assert {status for status, _ in replies[1::2]} == {401}


def test_quota_is_taken_once_for_each(
    bridge: Bridge, nodes: list[Node], org_a: Organisation, org_b: Organisation
):
    client = nodes[0].client()
    for _ in bursts(bridge):
        stay_off_midnight()
        key = org_a.new_key(
            client,
            "context.read",
            default_user_id=org_a.user_id,
            quota={"requests_per_day": 10},
        )
        requests = [Request(org_b), Request(org_a, key=key.api_key)] * (AT_ONCE // 2)
        replies = [_outcome(r) for r in burst(bridge, requests)]
        assert replies[::2] == [(200, org_b.org_id)] * (AT_ONCE // 2)
        assert replies[1::2].count((200, org_a.org_id)) == 10
        assert replies[1::2].count((429, "QUOTA_EXCEEDED")) == AT_ONCE // 2 - 10


def test_a_node_that_dies_with_messages_out_costs_no_call(
    system: System, nodes: list[Node], org_a: Organisation
):
    both = system.bridge(nodes[0], "both", bridge__upstream=", ".join(node.url for node in nodes))

    def kill() -> None:
        # What it was sent has no answer, and never will. (Nor is it out for ever: a bridge that is
        # looked at late has given it up.)
        wait_until(lambda: _figures(both, "attempts_total")[1] > before, "calls are out")
        nodes[1].kill()

    for _ in range(ROUNDS):
        wait_until(lambda: _figure(both, "up") == 2, "both are connected", 30)
        wait_until(lambda: _figure(both, "resting") == 0, "none rests", 60)
        assert burst(both, [Request(org_a)] * 8)
        before = _figures(both, "attempts_total")[1]
        nodes[1].signal(signal.SIGSTOP)
        replies = burst(both, [Request(org_a)] * AT_ONCE, kill)
        assert {_outcome(r) for r in replies} == {(200, org_a.org_id)}
        nodes[1].start_and_wait()
    assert _figure(both, "together_total") > 0
    both.stop()
    system.processes().remove(both)


def test_an_older_server_gets_a_message_for_each(
    system: System, org_a: Organisation, nodes: list[Node]
):
    """It does not know memory_only, and waits with a batch until all of it is done."""
    reply = context_pb2.ResolveReply(caller=context_pb2.Caller(org_id=org_a.org_id))

    def answer(request: envelope_pb2.Request) -> envelope_pb2.Response:
        if request.method == "usher.v1.Batch":
            asked = envelope_pb2.BatchRequest.FromString(request.payload)
            payload = envelope_pb2.BatchReply(
                items=[envelope_pb2.Response(payload=reply.SerializeToString())] * len(asked.items)
            )
            return envelope_pb2.Response(payload=payload.SerializeToString())
        return envelope_pb2.Response(call_id=request.call_id, payload=reply.SerializeToString())

    with ScriptedServer(answer) as server:
        old = system.bridge(nodes[0], "old", bridge__upstream=server.url)
        wait_until(lambda: _figure(old, "up") == 1, "the bridge is connected")
        for _ in range(3):
            replies = burst(old, [Request(org_a)] * AT_ONCE)
            assert {_outcome(r) for r in replies} == {(200, org_a.org_id)}
        asked = [r for r in server.requests if r.memory_only]
        assert [(r.method, r.payload) for r in asked] == [("usher.v1.Batch", b"")]
        assert len(server.requests) == 3 * AT_ONCE + 1
        assert _figure(old, "together_total") == 0
        old.stop()
        system.processes().remove(old)


class Peer:
    """Speaks the protocol as it likes."""

    def __init__(self, node: Node):
        self._socket = pynng.Req0(
            dial=node.url,
            block_on_dial=True,
            resend_time=-1,
            recv_timeout=20000 * SLOWER,
        )

    def ask(self, request: envelope_pb2.Request) -> envelope_pb2.Response:
        self._socket.send(request.SerializeToString())
        return envelope_pb2.Response.FromString(self._socket.recv())

    def batch(self, items: list[envelope_pb2.Request], **fields) -> list[envelope_pb2.Response]:
        payload = envelope_pb2.BatchRequest(items=items).SerializeToString()
        reply = self.ask(
            envelope_pb2.Request(
                method="usher.v1.Batch", payload=payload, memory_only=True, **fields
            )
        )
        assert reply.code == Code.OK and reply.memory_only, reply
        return list(envelope_pb2.BatchReply.FromString(reply.payload).items)


@pytest.fixture(scope="module")
def peer(nodes: list[Node]) -> Peer:
    return Peer(nodes[0])


def _item(name: str, message=None, **fields) -> envelope_pb2.Request:
    return envelope_pb2.Request(
        method=f"usher.v1.{name}",
        payload=message.SerializeToString() if message else b"",
        **fields,
    )


def _reason(response: envelope_pb2.Response) -> str:
    return "".join(d.error_info.reason for d in response.details)


def _first_from_memory(
    peer: Peer, ask: envelope_pb2.Request, items: list[envelope_pb2.Request]
) -> list[envelope_pb2.Response]:
    """Answers to a batch whose first item, the same as ask, is in memory."""

    def answers() -> list[envelope_pb2.Response] | None:
        assert peer.ask(ask).code == Code.OK
        replies = peer.batch(items)
        return replies if replies[0].code == Code.OK else None

    return wait_until(answers, "memory has it")


def test_what_asks_for_memory_alone_is_never_done_otherwise(
    peer: Peer, nodes: list[Node], org_a: Organisation
):
    client = nodes[0].client()
    # Nobody has asked with this key yet.
    key = org_a.new_key(client, "context.read", "context.write", default_user_id=org_a.user_id)
    resolve = context_pb2.ResolveRequest(message="x")
    ask = _item("ContextService/Resolve", resolve, credential=key.api_key.encode())

    ask.memory_only = True
    reply = peer.ask(ask)
    assert (reply.code, _reason(reply)) == (Code.FAILED_PRECONDITION, "NOT_IN_MEMORY")
    assert reply.memory_only and not reply.payload
    # It left nothing behind: the key is as unknown as before.
    assert _reason(peer.ask(ask)) == "NOT_IN_MEMORY"
    ask.memory_only = False
    reply = peer.ask(ask)
    assert reply.code == Code.OK and not reply.memory_only
    # A node that is slow may not trust it for a while.
    _first_from_memory(peer, ask, [ask])

    # What stores something is nothing for memory, nor is another lane.
    turn = context_pb2.NewTurn(role=context_pb2.TURN_ROLE_USER, text="x")
    others = [
        _item(
            "ContextService/Resolve",
            context_pb2.ResolveRequest(message="x", conversation="c"),
        ),
        _item(
            "ContextService/AppendTurns",
            context_pb2.AppendTurnsRequest(conversation="c", turns=[turn]),
        ),
        _item("ContextService/ListTurns", context_pb2.ListTurnsRequest(conversation="c")),
    ]
    replies = peer.batch(others, credential=key.api_key.encode())
    assert [_reason(r) for r in replies] == ["NOT_IN_MEMORY"] * len(others)
    with pytest.raises(usher.NotFound):
        client.using(credential=key.api_key).context.list_turns(conversation="c")


def test_a_batch_for_memory_alone_answers_each_item_by_itself(peer: Peer, org_a: Organisation):
    resolve = context_pb2.ResolveRequest(message="x")
    own = {"credential": org_a.api_key.encode()}
    replies = _first_from_memory(
        peer,
        _item("ContextService/Resolve", resolve, **own),
        [
            _item("ContextService/Resolve", resolve, call_id=7, **own),
            _item("ContextService/Resolve", resolve),  # by nobody: it inherits nobody's key
            _item("OpsService/GetHealth"),
            _item("ContextService/Resolve", resolve, at_least=b"short", **own),
            envelope_pb2.Request(method="usher.v1.ContextService/Resolve", payload=b"\xff", **own),
            _item("Nothing/AtAll"),
            _item("ContextService/Resolve", resolve, credential=b"ush_live_nothing"),
            _item("ContextService/Resolve", resolve, **own),
        ],
    )
    assert [Code(r.code) for r in replies] == [
        Code.OK, Code.UNAUTHENTICATED, Code.OK, Code.INVALID_ARGUMENT, Code.INVALID_ARGUMENT,
        Code.UNIMPLEMENTED, Code.UNAUTHENTICATED, Code.OK,
    ]  # fmt: skip
    assert replies[0].call_id == 7
    assert ops_pb2.GetHealthReply.FromString(replies[2].payload).ready
    # Items say nothing of it: the whole message does.
    assert not any(r.memory_only for r in replies)
    assert peer.batch([]) == []


def test_replies_that_are_too_much_together_are_left_for_a_message_of_their_own(
    peer: Peer, org_a: Organisation
):
    large = context_pb2.ResolveRequest(message="x" * 20000)
    item = _item("ContextService/Resolve", large, credential=org_a.api_key.encode())
    replies = _first_from_memory(peer, item, [item] * 150)
    assert len(replies) == 150
    answered = [r for r in replies if r.code == Code.OK]
    assert len(answered) < 100
    assert {_reason(r) for r in replies if r.code != Code.OK} == {"NOT_IN_MEMORY"}
    assert peer.ask(item).code == Code.OK


def test_many_batches_for_memory_alone_are_answered_at_once(
    nodes: list[Node], peer: Peer, org_a: Organisation
):
    """More of them than callbacks that may be taken up by such."""
    resolve = context_pb2.ResolveRequest(message="x")
    item = _item("ContextService/Resolve", resolve, credential=org_a.api_key.encode())
    _first_from_memory(peer, item, [item])

    def ask(_: int) -> set[str]:
        own = Peer(nodes[0])
        return {_reason(r) for _ in range(10) for r in own.batch([item] * 128)}

    with ThreadPoolExecutor(16) as pool:
        reasons = set().union(*pool.map(ask, range(16)))
    assert reasons <= {"", "NOT_IN_MEMORY"}
