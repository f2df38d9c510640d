"""The Python client: the main job, several servers, and calling again."""

from __future__ import annotations

import ast
import asyncio
import importlib.metadata
import inspect
import math
import os
import pathlib
import platform
import re
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pynng
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import usher
from usher import retry, servers
from usher.v1 import auth_pb2, context_pb2, envelope_pb2
from usher_testing import SOURCE, Node, Organisation, System, wait_until
from usher_testing.process import free_port, run
from usher_testing.scripted import ScriptedServer, in_turn, refusal

README = SOURCE / "clients/python/README.md"
UNAVAILABLE = refusal(usher.Code.UNAVAILABLE, "DATABASE_AWAY")
FINE = envelope_pb2.Response()


@pytest.fixture(scope="module")
def nodes(system: System, org_a: Organisation) -> list[Node]:
    """Two, over one database."""
    return [system.node("first"), system.node("second")]


@pytest.fixture
def both(nodes: list[Node], org_a: Organisation) -> Iterator[usher.Client]:
    """A client of both, connected to both."""
    with usher.Client([node.url for node in nodes], credential=org_a.api_key) as client:
        wait_until(lambda: all(s.is_connected for s in client.servers), "connected")
        yield client


def test_the_examples_in_the_readme_do_what_they_say(
    nodes: list[Node], org_a: Organisation, node: Node
):
    owner = org_a.owner(nodes[0].client())
    owner.user.upsert_user(external_id="4711", display_name="Dana")
    names: dict[str, Any] = {"api_key": org_a.api_key}
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        for port, at in (("7700", nodes[0]), ("7701", nodes[1])):
            block = block.replace(f"tcp://127.0.0.1:{port}", at.url)
        block = block.replace("timeout=0.5", "timeout=30.0")
        code = compile(block, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        before = names.get("client")
        coroutine = eval(code, names)
        if inspect.iscoroutine(coroutine):
            asyncio.run(coroutine)
        if before and before is not names["client"]:
            before.close()
    names["client"].close()
    assert "Hello" in names["prompt"]


def test_the_main_job_takes_a_key_and_gives_a_block(both: usher.Client, org_a: Organisation):
    reply = both.context.resolve(message="Good morning")
    assert isinstance(reply, context_pb2.ResolveReply)
    assert reply.chatbot.chatbot_id == org_a.chatbot_id
    assert reply.user.user_id == org_a.user_id
    assert any("Good morning" in segment.text for segment in reply.context.segments)


def test_many_tasks_share_the_connections(both: usher.Client, org_a: Organisation):
    async def ask() -> list[context_pb2.ResolveReply]:
        return await asyncio.gather(
            *(both.aio.context.resolve(message=f"Hello {i}") for i in range(50))
        )

    replies = asyncio.run(ask())
    assert {reply.user.user_id for reply in replies} == {org_a.user_id}


def test_a_session_reads_on_one_node_what_it_wrote_on_the_other(both: usher.Client):
    flow = both.session()
    for i in range(20):  # calls go to the two in turns
        flow.context.put_profile(profile={"about": f"round {i}"})
        assert flow.context.get_profile().profile.about == f"round {i}"
        assert flow.context.get_profile().profile.about == f"round {i}"


def test_errors_say_what_programs_need(both: usher.Client):
    with pytest.raises(usher.NotFound) as caught:
        both.context.get_profile(user_id="ext:nobody")
    assert caught.value.code == usher.Code.NOT_FOUND
    assert caught.value.attempts == 1
    with pytest.raises(usher.InvalidArgument) as invalid:
        both.context.put_profile(profile={"company": "x" * 201})
    assert [v.field for v in invalid.value.violations] == ["profile.company"]
    assert isinstance(invalid.value, usher.Error)


def _run(outcome: Any) -> Any:
    """What a call gave, whether it was awaited or not."""
    if not inspect.isawaitable(outcome):
        return outcome

    async def wait() -> Any:
        return await outcome

    return asyncio.run(wait())


@pytest.mark.parametrize("calls_of", [lambda c: c, lambda c: c.aio], ids=["blocking", "asyncio"])
def test_a_request_message_does_for_its_fields(calls_of: Any):
    request = auth_pb2.LoginRequest(email="a@example.com", password="secret")
    with ScriptedServer(in_turn(FINE)) as server, usher.Client(server.url) as client:
        calls = calls_of(client)
        _run(calls.auth.login(request))
        _run(calls.auth.login(email="a@example.com", password="secret"))
        sent = [auth_pb2.LoginRequest.FromString(r.payload) for r in server.requests]
        assert sent == [request, request]
        with pytest.raises(TypeError, match="not both"):
            _run(calls.auth.login(request, password="secret"))
        with pytest.raises(TypeError, match="not both"):
            _run(calls.auth.login(request, org_id=""))
        with pytest.raises(TypeError, match="takes LoginRequest"):
            _run(calls.auth.login(auth_pb2.RefreshRequest()))
        assert len(server.requests) == 2


@pytest.mark.parametrize("calls_of", [lambda c: c, lambda c: c.aio], ids=["blocking", "asyncio"])
def test_items_of_a_batch_see_what_their_session_wrote_since_they_were_made(calls_of: Any):
    before, after, elsewhere = (b"-epoch-1" + bytes(7) + bytes([n]) for n in (1, 2, 3))
    written = in_turn(envelope_pb2.Response(revision=before), envelope_pb2.Response(revision=after))
    batches: list[envelope_pb2.Request] = []

    def answer(request: envelope_pb2.Request) -> envelope_pb2.Response | None:
        if request.method != "usher.v1.Batch":
            return written(request)
        batches.append(request)
        replies = envelope_pb2.BatchReply(items=[FINE] * len(items_of(request)))
        return envelope_pb2.Response(payload=replies.SerializeToString())

    def items_of(request: envelope_pb2.Request) -> list[envelope_pb2.Request]:
        return list(envelope_pb2.BatchRequest.FromString(request.payload).items)

    def read_at() -> list[bytes]:
        """What each item of the last batch was read at: the item's own, or else the message's."""
        return [item.at_least or batches[-1].at_least for item in items_of(batches[-1])]

    get_profile = usher.METHODS["usher.v1.ContextService/GetProfile"]
    with ScriptedServer(answer) as server, usher.Client(server.url) as client:
        flow = calls_of(client.session())
        fresh = flow.envelope(get_profile, b"")
        _run(flow.context.put_profile(profile={"about": "1"}))
        item = flow.envelope(get_profile, b"")
        _run(flow.context.put_profile(profile={"about": "2"}))
        assert (fresh.at_least, item.at_least) == (b"", before)
        _run(flow.batch([fresh, item]))
        assert read_at() == [after, after]
        assert item.at_least == before, "what the caller has is the caller's"
        # One that has seen more, and one that has seen nothing that there is.
        newer = envelope_pb2.Request(method_id=get_profile.id, at_least=elsewhere)
        wrong = envelope_pb2.Request(method_id=get_profile.id, at_least=b"?")
        _run(flow.batch([item, newer, wrong]))
        assert read_at() == [elsewhere, elsewhere, b"?"]
        _run(calls_of(client).batch([item, newer]))
        assert read_at() == [before, elsewhere]


def _ask_until(client: usher.Client, is_over: threading.Event, failures: list[Exception]) -> int:
    count = 0
    while not is_over.is_set():
        try:
            client.context.resolve(message="Hello")
            count += 1
        except usher.Error as error:
            failures.append(error)
    return count


def test_nobody_notices_that_a_node_is_killed(
    nodes: list[Node], both: usher.Client, org_a: Organisation
):
    is_over = threading.Event()
    failures: list[Exception] = []
    threads = [
        threading.Thread(target=_ask_until, args=(both, is_over, failures)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    try:
        both.context.resolve(message="Hello")
        nodes[0].kill()
        dead = both.servers[0]
        wait_until(lambda: not dead.is_connected, "the dead one is noticed")
        for _ in range(100):
            both.context.resolve(message="Hello")
        nodes[0].start_and_wait()
        wait_until(lambda: dead.is_connected, "it is found again")
        for _ in range(100):
            both.context.resolve(message="Hello")
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_node_that_stands_still_costs_no_call(nodes: list[Node], both: usher.Client):
    """Its connections stay; that it is silent has to be noticed."""
    both.context.resolve(message="Hello")
    nodes[1].signal(signal.SIGSTOP)
    try:
        patient = both.using(timeout=20.0)

        async def ask() -> None:
            await asyncio.gather(*(patient.aio.context.resolve(message="Hello") for _ in range(20)))

        asyncio.run(ask())
        for _ in range(20):
            patient.context.resolve(message="Hello")
    finally:
        nodes[1].signal(signal.SIGCONT)


def is_left_alone() -> bool:
    """A call that takes long, on a server that answers others all the while, but not for its
    health."""
    probe = "usher.v1.OpsService/GetHealth"
    resolve = usher.METHODS["usher.v1.ContextService/Resolve"].id
    server = ScriptedServer(lambda r: None if r.method == probe or r.method_id == resolve else FINE)

    def asked() -> int:
        return sum(request.method == probe for request in server.requests)

    urls = [server.url, "tcp://127.0.0.1:1"]
    with ThreadPoolExecutor() as pool, server, usher.Client(urls, timeout=60.0) as client:
        long = pool.submit(client.using(attempts=1).context.resolve, message="x")
        wait_until(lambda: asked() == 1, "it is asked how it is", 30)
        client.user.get_me()
        while client.servers[0].load > 1:
            client.user.get_me()
        wait_until(lambda: asked() > 1 or long.done(), "it is asked again", 30)
        was_left_alone = not long.done()
        client.close()
        assert isinstance(long.exception(), usher.Error)
    return was_left_alone


def test_a_server_that_answers_others_is_not_silent():
    # A machine that stands still for a second itself keeps the others' answers from coming.
    assert any(is_left_alone() for _ in range(3))


def test_servers_that_are_silent_are_asked_at_the_same_time():
    """Each has been asked before any is given up."""
    asked: set[servers.Server] = set()
    all_are_asked = threading.Event()

    def ask(server: servers.Server) -> bool:
        # Not a Barrier: one whose call was sent late is asked again, when the others are done.
        asked.add(server)
        if len(asked) == 3:
            all_are_asked.set()
        return not all_are_asked.wait(20)

    with ExitStack() as stack:
        silent = [stack.enter_context(ScriptedServer(in_turn(None))) for _ in range(3)]
        pool = stack.enter_context(ThreadPoolExecutor())
        urls = [server.url for server in silent]
        client = stack.enter_context(usher.Client(urls, timeout=60.0, attempts=1))
        client._channel.servers._probe = ask
        wait_until(lambda: all(s.is_connected for s in client.servers), "connected")
        calls = [pool.submit(client.ops.get_health) for _ in silent]
        wait_until(lambda: all(len(server.requests) == 1 for server in silent), "each has a call")
        wait_until(lambda: all(call.done() for call in calls), "all are given up", 30)
        for call in calls:
            error = call.exception()
            assert isinstance(error, usher.Unavailable) and error.reason == "CONNECTION_LOST"


def test_who_asks_silent_servers_ends_before_the_client_is_closed():
    is_asked, is_closed = threading.Event(), threading.Event()
    was_left: list[bool] = []

    def ask(_: servers.Server) -> bool:
        is_asked.set()
        was_left.append(is_closed.wait(0.5))
        return True

    with (
        ScriptedServer(in_turn(None)) as first,
        ScriptedServer(in_turn(None)) as second,
        ThreadPoolExecutor() as pool,
        usher.Client([first.url, second.url], timeout=60.0) as client,
    ):
        client._channel.servers._probe = ask
        wait_until(lambda: all(s.is_connected for s in client.servers), "connected")
        call = pool.submit(client.ops.get_health)
        assert is_asked.wait(30)
        client.close()
        is_closed.set()
        assert was_left and not any(was_left)
        assert isinstance(call.exception(), usher.Cancelled)


def test_reads_are_repeated_until_they_succeed():
    with ScriptedServer(in_turn(UNAVAILABLE, UNAVAILABLE, FINE)) as server:
        with usher.Client(server.url, credential="key") as client:
            client.context.resolve(message="Hello")
        assert len(server.requests) == 3
        remaining = [request.timeout_ms for request in server.requests]
        assert remaining == sorted(remaining, reverse=True) and remaining[0] <= 5000


def test_with_asyncio_too():
    with ScriptedServer(in_turn(UNAVAILABLE, UNAVAILABLE, FINE)) as server:
        with usher.Client(server.url, credential="key") as client:
            asyncio.run(client.aio.context.resolve(message="Hello"))
        assert len(server.requests) == 3


def test_another_server_is_asked_after_a_refusal_in_passing():
    with (
        ScriptedServer(in_turn(UNAVAILABLE)) as away,
        ScriptedServer(in_turn(FINE)) as fine,
        usher.Client([away.url, fine.url]) as client,
    ):
        wait_until(lambda: all(s.is_connected for s in client.servers), "connected")
        for _ in range(20):
            client.ops.get_health()
        # Once it has said so, it rests while there is another. The watcher's questions have no id.
        assert sum(bool(request.method_id) for request in away.requests) <= 2
        assert sum(bool(request.method_id) for request in fine.requests) == 20


def test_there_is_an_end_to_repeating():
    with ScriptedServer(in_turn(UNAVAILABLE)) as server, usher.Client(server.url) as client:
        with pytest.raises(usher.Unavailable) as caught:
            client.ops.get_health()
        assert caught.value.attempts == len(server.requests) == retry.ATTEMPTS_MAX
        with pytest.raises(usher.Unavailable):
            client.using(attempts=1).ops.get_health()
        assert len(server.requests) == retry.ATTEMPTS_MAX + 1


@pytest.mark.parametrize(
    ("make", "repeated"),
    [
        (lambda c: c.context.put_profile(profile={}), False),
        (
            lambda c: c.using(idempotency_key=usher.idempotency_key()).context.put_profile(),
            True,
        ),
        # It takes no key: another session would be opened.
        (lambda c: c.using(idempotency_key=b"k" * 16).auth.login(email="a@example.com"), False),
        (lambda c: c.context.revoke_api_key(key_id="k"), False),
        (lambda c: c.using(idempotency_key=b"k" * 16).context.revoke_api_key(), True),
        # The message is stored: a write.
        (lambda c: c.context.resolve(message="Hello", conversation="c1"), False),
        (
            lambda c: c.using(idempotency_key=b"k" * 16).context.resolve(conversation="c1"),
            True,
        ),
        (lambda c: c.batch([envelope_pb2.Request(method="usher.v1.UserService/GetMe")]), True),
        (lambda c: c.batch([envelope_pb2.Request(method="usher.v1.AuthService/Login")]), False),
    ],
)
def test_writes_are_repeated_under_a_key_only(make: Any, repeated: bool):
    with ScriptedServer(in_turn(UNAVAILABLE, FINE)) as server, usher.Client(server.url) as client:
        if repeated:
            make(client)
            keys = {request.idempotency_key for request in server.requests}
            assert len(server.requests) == 2 and len(keys) == 1
        else:
            with pytest.raises(usher.Unavailable):
                make(client)
            assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        (refusal(usher.Code.RESOURCE_EXHAUSTED, "LANE_FULL", 30), 2),
        (refusal(usher.Code.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE"), 1),
        # Longer than the deadline allows: said at once.
        (refusal(usher.Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", 60000), 1),
        (refusal(usher.Code.ABORTED, "IDEMPOTENCY_KEY_BUSY"), 2),
        (refusal(usher.Code.ABORTED, "VERSION_MISMATCH"), 1),
        (refusal(usher.Code.UNKNOWN, "COMMIT_UNKNOWN"), 2),
        (refusal(usher.Code.UNKNOWN, "NO_MEMORY"), 1),
        (refusal(usher.Code.UNAVAILABLE, "MAIL_NOT_CONFIGURED"), 1),
        (refusal(usher.Code.DEADLINE_EXCEEDED), 1),
        (refusal(usher.Code.INTERNAL), 1),
        (refusal(usher.Code.NOT_FOUND), 1),
    ],
)
def test_what_is_repeated_depends_on_the_answer(answer: envelope_pb2.Response, times: int):
    with ScriptedServer(in_turn(answer, FINE)) as server, usher.Client(server.url) as client:
        if times == 1:
            with pytest.raises(usher.Error) as caught:
                client.ops.get_health()
            assert caught.value.code == answer.code
        else:
            client.ops.get_health()
        assert len(server.requests) == times


def test_a_server_without_mail_is_well():
    with (
        ScriptedServer(in_turn(refusal(usher.Code.UNAVAILABLE, "MAIL_NOT_CONFIGURED"))) as server,
        usher.Client(server.url) as client,
    ):
        with pytest.raises(usher.Unavailable):
            client.auth.sign_up(email="a@example.com")
        assert not client.servers[0].is_resting()


def test_what_was_not_sent_is_no_attempt_and_says_so():
    with ScriptedServer(in_turn(FINE)) as server, usher.Client(server.url) as client:
        with pytest.raises(usher.ResourceExhausted) as caught:
            client.context.resolve(message="x" * servers.MESSAGE_BYTES_MAX)
        assert (caught.value.reason, caught.value.attempts) == ("REQUEST_TOO_LARGE", 0)
        assert not server.requests
        wait_until(lambda: client.servers[0].is_connected, "connected")
        with client.servers[0].open(1.0) as exchange:
            failure = exchange.failure(pynng.Timeout("", 5))
        assert isinstance(failure, usher.DeadlineExceeded) and failure.reason == "NOT_SENT"
        assert not client.servers[0].is_resting()


def _answer_all(peer: socket.socket) -> None:
    """As a REP socket does, in nng's frames: a length, REQ's name for it, and the message."""
    with peer.makefile("rb") as frames:
        while len(head := frames.read(8)) == 8:
            name = frames.read(int.from_bytes(head))[:4]
            peer.sendall((4).to_bytes(8) + name)  # FINE is empty


SENDS = pytest.mark.parametrize(
    "send",
    [
        lambda c, envelope: c.send(envelope, 60.0),
        lambda c, envelope: asyncio.run(c.aio.send(envelope, 60.0)),
    ],
)


@SENDS
def test_an_envelope_goes_to_another_server_when_one_does_not_take_it(send: Any):
    """Though that one has more to do."""
    with (
        ScriptedServer(in_turn(FINE)) as stuck,
        ScriptedServer(in_turn(None, FINE)) as busy,
        ThreadPoolExecutor() as pool,
        usher.Client([stuck.url, busy.url], timeout=60.0) as client,
    ):
        wait_until(lambda: all(s.is_connected for s in client.servers), "connected")
        refused: list[float] = []

        def refuse(seconds: float) -> None:
            refused.append(seconds)
            raise client.servers[0].not_sent()

        client.servers[0].open = refuse
        envelope = envelope_pb2.Request(method="usher.v1.OpsService/GetHealth")
        pool.submit(client.send, envelope, 60.0)
        wait_until(lambda: busy.requests, "one has something to do")
        assert send(client, envelope) == FINE
        assert len(refused) <= 2


@SENDS
def test_an_envelope_is_sent_once_a_server_takes_it(send: Any):
    """This one reads nothing for longer than a send may take."""
    envelope = envelope_pb2.Request(payload=bytes(servers.MESSAGE_BYTES_MAX - 100))
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        pool = stack.enter_context(ThreadPoolExecutor())
        url = "tcp://{}:{}".format(*listener.getsockname())
        client = stack.enter_context(usher.Client(url))
        peer = stack.enter_context(listener.accept()[0])
        peer.sendall(b"\0SP\0\0\x31\0\0")
        assert peer.recv(8, socket.MSG_WAITALL) == b"\0SP\0\0\x30\0\0"
        server = client.servers[0]
        wait_until(lambda: server.is_connected, "connected")
        opened: list[float] = []
        open_one = server.open
        server.open = lambda seconds: opened.append(seconds) or open_one(seconds)
        calls = [pool.submit(send, client, envelope) for _ in range(4)]
        wait_until(lambda: len(opened) >= 2 * len(calls), "they are sent again", 30)
        answers = pool.submit(_answer_all, peer)
        assert [call.result(60) for call in calls] == [FINE] * len(calls)
        client.close()
        answers.result(10)


@pytest.mark.parametrize("timeout", [0, 0.0, -1.0])
@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.ops.get_health(),
        lambda c: asyncio.run(c.aio.ops.get_health()),
        lambda c: c.batch([envelope_pb2.Request(method="usher.v1.OpsService/GetHealth")]),
        lambda c: c.send(envelope_pb2.Request(), c._options.timeout),
        lambda c: asyncio.run(c.aio.send(envelope_pb2.Request(), c._options.timeout)),
    ],
)
def test_a_call_whose_time_is_over_is_not_sent(call: Any, timeout: float):
    with ScriptedServer(in_turn(FINE)) as server, usher.Client(server.url) as client:
        wait_until(lambda: client.servers[0].is_connected, "connected")
        with pytest.raises(usher.DeadlineExceeded) as caught:
            call(client.using(timeout=timeout))
        assert caught.value.reason == "NOT_SENT"
        # What was sent before has been heard when this is answered.
        client.ops.get_health()
        assert len(server.requests) == 1


@pytest.mark.parametrize("timeout", [2**31 / 1000, 2.0**32, math.inf])
@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.ops.get_health(),
        lambda c: asyncio.run(c.aio.ops.get_health()),
        lambda c: c.batch([c.envelope("usher.v1.OpsService/GetHealth", b"", c._options.timeout)]),
        lambda c: c.send(envelope_pb2.Request(method_id=1), c._options.timeout),
        lambda c: asyncio.run(c.aio.send(envelope_pb2.Request(method_id=1), c._options.timeout)),
    ],
)
def test_a_call_may_have_all_the_time_in_the_world(call: Any, timeout: float):
    # It is not there yet, so that the call waits for a connection too.
    url = f"tcp://127.0.0.1:{free_port()}"
    with ThreadPoolExecutor() as pool, usher.Client(url) as client:
        answer = pool.submit(call, client.using(timeout=timeout))
        with ScriptedServer(in_turn(FINE), url) as server:
            answer.result(20)
            assert all(request.timeout_ms < 2**31 for request in server.requests)


def _resident_bytes() -> int:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def _talk_until(server: servers.Server, message: bytes, seconds: float) -> bytes:
    async with asyncio.timeout(seconds):
        return await usher.client._talk_async(server, message, 60.0)


@pytest.mark.parametrize(
    "talk",
    [
        usher.client._talk,
        lambda *args: asyncio.run(usher.client._talk_async(*args)),
        # Cancelled while it waits to be sent.
        lambda *args: asyncio.run(_talk_until(*args)),
    ],
)
def test_a_message_that_is_not_taken_leaves_nothing_behind(talk: Any):
    message = b"x" * 2**20
    server = servers.Server("tcp://127.0.0.1:1", None, lambda: None)

    def fail(times: int) -> int:
        for _ in range(times):
            with pytest.raises((usher.DeadlineExceeded, TimeoutError)):
                talk(server, message, 0.001)
        return _resident_bytes()

    try:
        before = fail(10)
        assert fail(100) - before < 20 * len(message)
    finally:
        server.close()


def test_a_largest_answer_comes_through():
    answer = refusal(usher.Code.NOT_FOUND)
    while left := servers.MESSAGE_BYTES_MAX - answer.ByteSize():
        # The length's own length grows too.
        answer.message += "x" * ((left + 1) // 2)
    with ScriptedServer(in_turn(answer)) as server, usher.Client(server.url) as client:
        with pytest.raises(usher.NotFound):
            client.ops.get_health()


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.ops.get_health(),
        lambda c: asyncio.run(c.aio.ops.get_health()),
        lambda c: c.batch([envelope_pb2.Request(method="usher.v1.OpsService/GetHealth")]),
        lambda c: asyncio.run(c.aio.batch([])),
    ],
)
def test_a_reply_that_cannot_be_read_is_an_error_of_ours(call: Any):
    answer = envelope_pb2.Response(payload=b"\xff")
    with ScriptedServer(in_turn(answer)) as server, usher.Client(server.url) as client:
        with pytest.raises(usher.Internal) as caught:
            call(client)
        assert caught.value.reason == "MALFORMED_REPLY"


@pytest.mark.parametrize("lack", [pynng.NoMemory("", 2), MemoryError()])
def test_what_a_client_lacks_itself_says_nothing_of_its_servers(lack: Exception):
    def fail(*_: Any) -> None:
        raise lack

    with ScriptedServer(in_turn(FINE)) as server, usher.Client(server.url) as client:
        wait_until(lambda: client.servers[0].is_connected, "connected")
        # Whoever looks after them all asks so, and goes on.
        assert usher.client._answers(cast(servers.Server, SimpleNamespace(open=fail)))
        with client.servers[0].open(1.0) as exchange:
            exchange.sent()
            if isinstance(lack, pynng.NNGException):
                assert isinstance(exchange.failure(lack), usher.ResourceExhausted)
        client.servers[0]._socket.new_context = fail
        with pytest.raises((usher.ResourceExhausted, MemoryError)):
            client.ops.get_health()
        assert not client.servers[0].is_resting()


def test_a_connection_that_is_gone_before_it_has_come_is_gone():
    """nng says so on two threads, and neither waits for the other."""
    server = servers.Server("tcp://127.0.0.1:1", None, lambda: None)
    try:
        server._comes(1)
        server._is_gone(1)
        server._has_come(1)
        assert not server.is_connected
        server._comes(2)
        server._has_come(2)
        assert server.is_connected
        server._is_gone(1)
        assert server.is_connected
        server._is_gone(2)
        assert not server.is_connected
    finally:
        server.close()


def test_a_server_is_found_where_something_else_was():
    """nng says of a connection that it refuses that it is gone, and never that it has come."""
    refused: list[Any] = []
    with pynng.Pair0() as other:
        url = f"tcp://127.0.0.1:{free_port()}"
        other.add_pre_pipe_connect_cb(refused.append)
        other.listen(url)
        with usher.Client(url, timeout=60.0) as client:
            wait_until(lambda: len(refused) > 2, "it was refused again and again", 30)
            other.close()
            with ScriptedServer(in_turn(FINE), url):
                client.ops.get_health()


def test_what_was_sent_once_does_not_end_as_unsent():
    answer = refusal(usher.Code.UNAVAILABLE, "DATABASE_AWAY", retry_after_ms=1500)
    with ScriptedServer(in_turn(answer)) as server, usher.Client(server.url, timeout=2.0) as client:

        def go_away() -> None:
            wait_until(lambda: client.servers[0]._failures, "it was answered")
            server.close()

        with ThreadPoolExecutor() as pool:
            gone = pool.submit(go_away)
            with pytest.raises(usher.Unavailable) as caught:
                client.ops.get_health()
            gone.result()
        assert (caught.value.reason, caught.value.attempts) == ("DATABASE_AWAY", 1)


@pytest.mark.parametrize("urls", [[], "htp://127.0.0.1:1", ["tcp://127.0.0.1:1", "tcp://:x:y"]])
def test_what_is_no_url_is_refused_at_once(urls: Any):
    with pytest.raises(usher.InvalidArgument) as caught:
        usher.Client(urls)
    assert caught.value.reason == "BAD_URL"


@pytest.mark.parametrize("ca_file", [None, "", "missing.pem", "garbage.pem", "."])
def test_tls_without_whom_to_trust_is_refused_at_once(tmp_path: pathlib.Path, ca_file: str | None):
    (tmp_path / "garbage.pem").write_text("no certificate")
    path = str(tmp_path / ca_file) if ca_file else ca_file
    with pytest.raises(usher.InvalidArgument) as caught:
        usher.Client(["tcp://127.0.0.1:1", "tls+tcp://localhost:1"], tls_ca_file=path)
    assert caught.value.reason == "BAD_TLS_FILE"
    assert str(path or "tls_ca_file") in str(caught.value)


@pytest.mark.parametrize("failure", [InterruptedError(), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["tls_of", "dial"])
def test_what_was_opened_is_closed_whatever_goes_wrong(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException, at: str
):
    closed: list[str] = []
    close = servers.Server.close

    def note(server: servers.Server) -> None:
        closed.append(server.url)
        close(server)

    def fail(subject: Any) -> None:
        """Of the second one, its URL or itself."""
        if getattr(subject, "url", subject) == urls[1]:
            raise failure

    urls = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]
    monkeypatch.setattr(servers.Server, "close", note)
    if at == "dial":
        monkeypatch.setattr(servers.Server, "_dial", fail)
    with pytest.raises(type(failure)):
        servers.Servers(urls, fail if at == "tls_of" else lambda _: None, lambda _: True)
    assert sorted(closed) == (urls if at == "dial" else urls[:1])


def test_when_too_much_fails_nothing_is_repeated():
    """What is left for repeats comes back with what succeeds."""
    budget = retry.Budget()
    failures = 0
    while budget.suffices():
        budget.failed()
        failures += 1
    assert failures == 50
    for _ in range(20):
        budget.succeeded()
    assert budget.suffices()
    budget.failed()
    assert budget.suffices()
    budget.failed()
    assert not budget.suffices()


@pytest.mark.parametrize(
    ("code", "reason", "costs"),
    [
        (usher.Code.RESOURCE_EXHAUSTED, "OVERLOADED", True),
        (usher.Code.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", True),
        (usher.Code.RESOURCE_EXHAUSTED, "TOO_MANY_REFUSALS", True),
        (usher.Code.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS", False),
        (usher.Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", False),
        (usher.Code.ABORTED, "IDEMPOTENCY_KEY_BUSY", False),
        (usher.Code.UNAVAILABLE, "DATABASE_AWAY", True),
    ],
)
def test_refusals_of_one_caller_cost_the_others_no_repeat(
    code: usher.Code, reason: str, costs: bool
):
    """Who comes too often is told so, and whoever shares the client with him loses nothing."""
    answer = refusal(code, reason, retry_after_ms=90000)
    with ScriptedServer(in_turn(answer)) as server, usher.Client(server.url) as client:
        for _ in range(60):
            with pytest.raises(usher.Error) as caught:
                client.ops.get_health()
            assert caught.value.reason == reason
        assert client._channel.budget.suffices() is not costs


def test_calls_that_are_lost_with_one_connection_are_one_trouble(monkeypatch: pytest.MonkeyPatch):
    """More of them than there are tokens to spend, so that each would not get its repeat if each
    cost one; and the rest is the first step's, whenever the last of them is noticed."""
    calls = 64
    monkeypatch.setattr(servers, "_REST_FIRST", 1000.0)
    monkeypatch.setattr(servers, "_REST_MAX", 30000.0)
    with (
        ScriptedServer(in_turn(None)) as silent,
        usher.Client(silent.url, timeout=60.0) as client,
        ThreadPoolExecutor(calls) as threads,
    ):
        server = client.servers[0]
        asked = [threads.submit(client.ops.get_health) for _ in range(calls)]
        wait_until(lambda: len(silent.requests) == calls, "all calls are under way", 30)
        silent.close()
        wait_until(lambda: server.load == 0 and server.is_resting(), "all of them are lost", 30)
        with ScriptedServer(in_turn(FINE), silent.url) as fine:
            failures = [error for call in asked if (error := call.exception())]
            assert failures == []
            assert len(fine.requests) == calls
        assert 0 < server._rests_until - time.monotonic() <= 1000.0


def test_what_fails_at_a_server_that_rests_does_not_lengthen_its_rest(
    monkeypatch: pytest.MonkeyPatch,
):
    now = 5000.0
    monkeypatch.setattr(servers, "time", SimpleNamespace(monotonic=lambda: now))
    server = servers.Server("tcp://127.0.0.1:1", None, lambda: None)
    try:
        for seconds in (1, 2, 4, 8, 16, 30, 30):
            # The first of those that are lost costs a token, the others are the same trouble.
            assert [server.lose() for _ in range(100)] == [True] + [False] * 99
            server.rest()
            now += seconds - 0.125
            assert server.is_resting()
            now += 0.125
            assert not server.is_resting()
        # Rests for what it said, which was paid for; the loss of its connection is another trouble.
        server.is_well()
        server.rest()
        assert [server.lose() for _ in range(3)] == [True, False, False]
        now += 1
        assert not server.is_resting()
    finally:
        server.close()


def test_each_connection_that_is_lost_costs_a_token():
    """While the server rests too, or one that is started again and again would cost nothing."""
    server = servers.Server("tcp://127.0.0.1:1", None, lambda: None)
    try:
        for pipe in (1, 2, 3):
            server._comes(pipe)
            server._has_come(pipe)
            assert [server.lose() for _ in range(3)] == [True, False, False]
            server._is_gone(pipe)
    finally:
        server.close()


def test_without_a_server_the_deadline_is_the_end():
    with usher.Client("tcp://127.0.0.1:1", timeout=0.3) as client:
        with pytest.raises(usher.Unavailable) as caught:
            client.ops.get_health()
        assert (caught.value.reason, caught.value.attempts) == ("NOT_CONNECTED", 0)

        async def ask() -> None:
            await client.aio.ops.get_health()

        with pytest.raises(usher.Unavailable):
            asyncio.run(ask())

        async def lose_patience() -> None:
            await asyncio.wait_for(ask(), 0.05)

        with pytest.raises(TimeoutError):
            asyncio.run(lose_patience())
        assert not client._channel.servers._waiting, "who gave up is remembered"


def test_an_answer_that_does_not_come_is_the_deadlines():
    with ScriptedServer(in_turn(None)) as server, usher.Client(server.url, timeout=2.0) as client:
        wait_until(lambda: client.servers[0].is_connected, "connected")
        with pytest.raises(usher.DeadlineExceeded) as caught:
            client.ops.get_health()
        assert caught.value.reason == "NO_ANSWER"
        wait_until(lambda: len(server.requests) == 1, "it has heard it")


async def _must_be_cancelled(task: asyncio.Task[Any]) -> None:
    await asyncio.wait([task], timeout=20)
    assert task.done() and task.cancelled(), "the cancellation was forgotten"


def test_a_cancellation_is_not_forgotten_when_the_server_has_the_call_already():
    """What pynng waits for is over then, and its task has not gone on yet."""

    async def cancel_at_once() -> None:
        for count in range(1, 11):
            task = asyncio.create_task(client.aio.ops.get_health())
            await asyncio.sleep(0)
            # The loop stands still meanwhile.
            wait_until(lambda: len(server.requests) == count, "the server has it")
            task.cancel()
            await _must_be_cancelled(task)

    with ScriptedServer(in_turn(None)) as server, usher.Client(server.url, timeout=60.0) as client:
        wait_until(lambda: client.servers[0].is_connected, "connected")
        asyncio.run(cancel_at_once())


def test_a_cancellation_is_not_forgotten_one_step_after_the_call_began():
    async def cancel_soon() -> None:
        for steps in range(20):
            task = asyncio.create_task(client.aio.ops.get_health())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await _must_be_cancelled(task)

    with ScriptedServer(in_turn(None)) as server, usher.Client(server.url, timeout=60.0) as client:
        wait_until(lambda: client.servers[0].is_connected, "connected")
        asyncio.run(cancel_soon())


def test_a_timeout_ends_a_task_that_makes_one_call_after_another():
    """It comes once, wherever the task is just then."""

    async def call_for_ever() -> None:
        while True:
            await client.aio.ops.get_health()

    async def call_for(seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await call_for_ever()

    async def call_in_turns() -> None:
        for _ in range(20):
            task = asyncio.create_task(call_for(0.05))
            await asyncio.wait([task], timeout=20)
            assert task.done(), "the timeout was forgotten"
            assert isinstance(task.exception(), TimeoutError)

    with ScriptedServer(in_turn(FINE)) as server, usher.Client(server.url) as client:
        asyncio.run(call_in_turns())


@pytest.mark.parametrize("steps", range(3))
def test_a_cancellation_is_not_forgotten_when_a_connection_comes(steps: int):
    async def take() -> None:
        channel = client._channel
        task = asyncio.create_task(channel.servers.take_async(set(), time.monotonic() + 60))
        await asyncio.sleep(0)
        assert channel.servers._waiting
        server = client.servers[0]
        server._comes(1)
        server._has_come(1)
        for _ in range(steps):
            await asyncio.sleep(0)
        was_done = task.done()
        task.cancel()
        await asyncio.wait([task], timeout=20)
        assert task.cancelled() or was_done, "the cancellation was forgotten"

    with usher.Client("tcp://127.0.0.1:1") as client:
        asyncio.run(take())


def test_a_client_may_be_closed_under_its_calls():
    """In a process of its own: what nng does when a socket goes under a call is to end it."""
    program = textwrap.dedent("""
        import asyncio, sys, threading
        import usher
        from usher.v1 import envelope_pb2
        from usher_testing.scripted import ScriptedServer, in_turn

        told = []

        def call(client):
            while True:
                try:
                    client.ops.get_health()
                except BaseException as error:
                    told.append(type(error))
                    return

        async def tasks(client, is_here, enough):
            async def one():
                while True:
                    await client.aio.ops.get_health()
            all = [asyncio.create_task(one()) for _ in range(4)]
            while is_here and len(server.requests) < enough:
                await asyncio.sleep(0.001)
            if is_here:
                client.close()
            for error in await asyncio.gather(*all, return_exceptions=True):
                told.append(type(error))

        with ScriptedServer(in_turn(envelope_pb2.Response())) as server:
            for turn in range(20):
                client = usher.Client([server.url, "tcp://127.0.0.1:1"])
                is_here = turn % 2 == 0
                enough = len(server.requests) + 40
                threads = [threading.Thread(target=call, args=(client,)) for _ in range(6)]
                threads.append(
                    threading.Thread(target=lambda: asyncio.run(tasks(client, is_here, enough)))
                )
                for thread in threads:
                    thread.start()
                while not is_here and len(server.requests) < enough:
                    threading.Event().wait(0.001)
                if not is_here:
                    client.close()
                for thread in threads:
                    thread.join()
                client.close()
        assert set(told) == {usher.Cancelled} and len(told) == 200, told
    """)
    done = run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout_s=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("child", ["idle", "tries"])
def test_a_child_of_fork_is_told_and_not_ended_by_nng(child: str):
    program = textwrap.dedent("""
        import asyncio, os, sys, threading
        import usher

        def must_be_told(call):
            try:
                call()
            except usher.FailedPrecondition as error:
                assert error.reason == "FORKED", error
                return
            raise AssertionError("it was not told")

        def call_for_ever():
            try:
                while True:
                    client.ops.get_health()
            except usher.Cancelled:
                pass

        child, url = sys.argv[1:]
        client = usher.Client([url, "tcp://127.0.0.1:1"])
        gone = usher.Client(url)
        gone.close()
        client.ops.get_health()
        thread = threading.Thread(target=call_for_ever)
        thread.start()
        pid = os.fork()
        if pid == 0:
            if child == "tries":
                must_be_told(client.ops.get_health)
                must_be_told(lambda: asyncio.run(client.aio.ops.get_health()))
                must_be_told(gone.ops.get_health)
                must_be_told(lambda: usher.Client(url))
                client.close()
            sys.exit()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        client.ops.get_health()
        client.close()
        thread.join()
        sys.exit(abs(status))
    """)
    with ScriptedServer(in_turn(FINE)) as server:
        done = run(
            [sys.executable, "-c", program, child, server.url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout_s=60,
        )
    assert done.returncode == 0, done.stderr


def test_a_wheel_can_be_made_and_imported_elsewhere(tmp_path: pathlib.Path):
    source = tmp_path / "source"
    subprocess.run(["cp", "-r", SOURCE / "clients/python", source], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    done = run([*pip, "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet",
                "--target", tmp_path / "there", source])  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there/usher/py.typed").exists()
    # Nobody fetched what it asks for; it is what this runs with.
    [made] = importlib.metadata.distributions(name="usher", path=[str(tmp_path / "there")])
    wanted = [Requirement(text) for text in made.requires or []]
    assert {one.name for one in wanted} == {"protobuf", "pynng"}
    for one in wanted:
        assert one.specifier.contains(importlib.metadata.version(one.name)), one
    assert SpecifierSet(made.metadata["Requires-Python"]).contains(platform.python_version())
    program = textwrap.dedent("""
        import usher
        assert "there" in usher.__file__
        print(usher.METHODS["usher.v1.ContextService/Resolve"].id)
    """)
    done = run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "there")},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == usher.method_id("usher.v1.ContextService/Resolve")
