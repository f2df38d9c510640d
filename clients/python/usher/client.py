"""Calls over nng: a context for each call that is under way, blocking or with asyncio."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pynng
from google.protobuf.message import DecodeError, Message

from usher import methods
from usher.errors import (
    Code,
    DeadlineExceeded,
    Error,
    Internal,
    ResourceExhausted,
    Unavailable,
    from_response,
)
from usher.retry import (
    ATTEMPTS_MAX,
    Attempts,
    Budget,
    is_passing,
    is_repeatable,
    is_repeatable_item,
)
from usher.servers import MESSAGE_BYTES_MAX, TIMEOUT_MAX, Server, Servers, tls_of
from usher.services import AsyncServices, Services
from usher.session import Session
from usher.v1 import envelope_pb2

_TIMEOUT_DEFAULT = 5.0
_PROBE = "usher.v1.OpsService/GetHealth"
_PROBE_TIMEOUT = 1.0
_Result = TypeVar("_Result")
_Message = TypeVar("_Message", bound=Message)


def idempotency_key() -> bytes:
    """A new key: give it to a write, and to the write's repeats."""
    return os.urandom(16)


@dataclass(frozen=True)
class _Options:
    credential: bytes = b""
    on_behalf_of: bytes = b""
    via: bytes = b""
    org: str = ""
    client_ip: str = ""
    idempotency_key: bytes = b""
    timeout: float | None = None
    attempts: int = ATTEMPTS_MAX
    session: Session | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _encode(envelope: envelope_pb2.Request) -> bytes:
    data = envelope.SerializeToString()
    if len(data) > MESSAGE_BYTES_MAX:
        raise ResourceExhausted(
            f"the message has {len(data)} bytes, more than {MESSAGE_BYTES_MAX}",
            reason="REQUEST_TOO_LARGE",
        )
    return data


def _read(kind: type[_Message], data: bytes) -> _Message:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Internal(
            f"the server's answer cannot be read: {error}", reason="MALFORMED_REPLY"
        ) from error


def _decode(data: bytes) -> envelope_pb2.Response:
    return _read(envelope_pb2.Response, data)


class _Channel:
    """The servers and what is spent on repeats, shared by all views of a client."""

    def __init__(self, urls: Sequence[str], tls_of: Callable[[str], pynng.TLSConfig | None]):
        self.servers = Servers(urls, tls_of, _answers)
        self.budget = Budget()


def _answers(server: Server) -> bool:
    """Does it say anything at all? What keeps us from asking is not its doing."""
    request = envelope_pb2.Request(method=_PROBE, timeout_ms=round(_PROBE_TIMEOUT * 1000))
    try:
        _talk(server, _encode(request), _PROBE_TIMEOUT)
    except (Unavailable, DeadlineExceeded):
        return False
    except Exception:
        return True
    return True


def _leave_revisions_to(session: Session, batch: envelope_pb2.BatchRequest) -> None:
    """An item has the revision of when it was made, which the server prefers to the message's, and
    the session may have written since: without one it has the message's, which is the newest."""
    for item in batch.items:
        if session.saw(item.at_least):
            item.ClearField("at_least")


@contextmanager
def _to_send(data: bytes) -> Iterator[pynng.Message]:
    """One to send. nng gives back what it did not take, and pynng thinks that it is gone."""
    message = pynng.Message(data)
    try:
        yield message
    except (pynng.NNGException, asyncio.CancelledError):
        if message._mem_freed:
            pynng.lib.nng_msg_free(message._nng_msg)
        raise


def _send(context: pynng.Context, data: bytes) -> None:
    with _to_send(data) as message:
        context.send_msg(message)


async def _send_async(context: pynng.Context, data: bytes) -> None:
    with _to_send(data) as message:
        await context.asend_msg(message)


def _may_be_sent(error: Error, ends: float) -> bool:
    """Nothing was sent yet, and there is time."""
    return error.reason == "NOT_SENT" and time.monotonic() < ends


def _talk(server: Server, message: bytes, seconds: float) -> bytes:
    with server.open(seconds) as exchange:
        try:
            _send(exchange.context, message)
            exchange.sent()
            data: bytes = exchange.context.recv()
        except (pynng.NNGException, TypeError) as error:
            raise exchange.failure(error) from None
        exchange.answered()
        return data


async def _cancellable(operation: Awaitable[_Result]) -> _Result:
    """pynng keeps a cancellation to itself when what it waits for is over, however that went; then
    a timeout would end nothing, and a task that is being cancelled would go on."""
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        return await operation
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


async def _talk_async(server: Server, message: bytes, seconds: float) -> bytes:
    with server.open(seconds) as exchange:
        try:
            await _cancellable(_send_async(exchange.context, message))
            exchange.sent()
            data: bytes = await _cancellable(exchange.context.arecv())
        except (pynng.NNGException, TypeError) as error:
            raise exchange.failure(error) from None
        exchange.answered()
        return data


class _Call:
    """One call through all its attempts."""

    def __init__(
        self,
        view: _View,
        method: methods.Method | str,
        payload: bytes,
        timeout: float,
        repeatable: bool,
    ):
        self._view = view
        self._method = method
        self._payload = payload
        channel, options = view._channel, view._options
        self.attempts = Attempts(timeout, repeatable, options.attempts, channel.budget)
        self.tried: set[Server] = set()

    def message(self) -> bytes:
        """The envelope of the next attempt."""
        return _encode(self._view.envelope(self._method, self._payload, self.attempts.left()))

    def accept(self, server: Server, data: bytes) -> envelope_pb2.Response:
        """Takes note of the revision; raises what the response says."""
        response = _decode(data)
        session = self._view._options.session
        if session:
            session.saw(response.revision)
        if response.code:
            raise from_response(response)
        server.is_well()
        self.attempts.succeeded()
        return response

    def pause_after(self, server: Server | None, error: Error) -> float:
        """Seconds until the next attempt; raises error if there is none."""
        is_new = True
        if server:
            self.tried.add(server)
            if error.response is None and error.reason == "CONNECTION_LOST":
                is_new = server.lose()
            elif error.code == Code.UNAVAILABLE and is_passing(error):
                server.rest()
            elif error.response is not None:
                server.is_well()
        return self.attempts.pause_after(error, is_new)


class _View:
    """What blocking and asyncio calls have in common."""

    def __init__(self, channel: _Channel, options: _Options):
        self._channel = channel
        self._options = options

    def _changed(self, options: dict[str, Any]) -> _Options:
        for name in ("credential", "on_behalf_of", "via", "idempotency_key"):
            if name in options:
                options[name] = _bytes(options[name] or b"")
        return replace(self._options, **options)

    @property
    def servers(self) -> list[Server]:
        """How they are doing: url, is_connected, is_resting(), load."""
        return self._channel.servers.all

    def envelope(
        self, method: methods.Method | str, payload: bytes, timeout: float = _TIMEOUT_DEFAULT
    ) -> envelope_pb2.Request:
        """What a call sends, for send() and batch()."""
        options = self._options
        known = isinstance(method, methods.Method)
        return envelope_pb2.Request(
            method_id=method.id if isinstance(method, methods.Method) else 0,
            method="" if known else str(method),
            timeout_ms=max(1, round(min(timeout, TIMEOUT_MAX) * 1000)),
            call_id=int.from_bytes(os.urandom(8)),
            credential=options.credential,
            on_behalf_of=options.on_behalf_of,
            via=options.via,
            org=options.org,
            client_ip=options.client_ip,
            idempotency_key=options.idempotency_key,
            at_least=options.session.revision if options.session else b"",
            metadata=[envelope_pb2.Pair(key=k, value=v) for k, v in options.metadata.items()],
            payload=payload,
        )

    def _timeout(self, usual: float) -> float:
        """None at all is something else than no time at all."""
        return usual if self._options.timeout is None else self._options.timeout

    def _call(self, method: methods.Method, request: Message) -> _Call:
        return _Call(
            self,
            method,
            request.SerializeToString(),
            self._timeout(method.timeout),
            is_repeatable(method, request, bool(self._options.idempotency_key)),
        )

    def _batch_call(self, requests: list[envelope_pb2.Request]) -> _Call:
        """The message has no key of its own: each item has, where envelope() made it under one. For
        items without, the server says that it takes none."""
        keyed = all(item.idempotency_key for item in requests)
        options = self._changed({"idempotency_key": b""}) if keyed else self._options
        batch = envelope_pb2.BatchRequest(items=requests)
        if options.session:
            _leave_revisions_to(options.session, batch)
        return _Call(
            _View(self._channel, options),
            methods.BATCH,
            batch.SerializeToString(),
            self._timeout(_TIMEOUT_DEFAULT),
            all(is_repeatable_item(item) for item in requests),
        )

    def _items(self, response: envelope_pb2.Response) -> list[envelope_pb2.Response]:
        """A batch's answers; each write among them has a revision of its own."""
        items = list(_read(envelope_pb2.BatchReply, response.payload).items)
        for item in items:
            if self._options.session:
                self._options.session.saw(item.revision)
        return items


class Calls(_View, Services):
    """Blocking calls: calls.auth.login(email=..., password=...)."""

    def using(self, **options: Any) -> Calls:
        """The same calls with other options, on the same connections: credential, on_behalf_of,
        via, org, client_ip, idempotency_key, timeout (seconds), attempts, session, metadata."""
        return Calls(self._channel, self._changed(options))

    def session(self) -> Calls:
        """The same calls in a causal session of their own: they read what they wrote."""
        return self.using(session=Session())

    @property
    def aio(self) -> AsyncCalls:
        """The same calls for asyncio."""
        return AsyncCalls(self._channel, self._options)

    def exchange(
        self, method: methods.Method | str, request: Message
    ) -> tuple[Message, envelope_pb2.Response]:
        """One call: the reply, and the envelope that it came in.
        Raises usher.Error."""
        row = methods.METHODS[method] if isinstance(method, str) else method
        response = self._run(self._call(row, request))
        return _read(row.reply, response.payload), response

    def batch(self, requests: list[envelope_pb2.Request]) -> list[envelope_pb2.Response]:
        """Many calls in one message, answered in order, each with its own code and, where it takes
        one, its own idempotency key. An item from envelope() has the credential and the org of the
        calls that made it, whatever these have: make both with the same. In a session it reads what
        was written until the batch is sent."""
        return self._items(self._run(self._batch_call(requests)))

    def send(
        self, envelope: envelope_pb2.Request, timeout: float = _TIMEOUT_DEFAULT
    ) -> envelope_pb2.Response:
        """An envelope of your own, sent once, as soon as a server takes it: the Response, whatever
        its code."""
        return _decode(self.send_bytes(_encode(envelope), timeout))

    def send_bytes(self, message: bytes, timeout: float = _TIMEOUT_DEFAULT) -> bytes:
        """A message as it is, sent once, as soon as a server takes it."""
        ends = time.monotonic() + timeout
        tried: set[Server] = set()
        while True:
            server = self._channel.servers.take(tried, ends)
            try:
                return _talk(server, message, ends - time.monotonic())
            except DeadlineExceeded as error:
                if not _may_be_sent(error, ends):
                    raise
                tried.add(server)

    def _run(self, call: _Call) -> envelope_pb2.Response:
        while True:
            server = None
            try:
                server = self._channel.servers.take(call.tried, call.attempts.ends)
                data = _talk(server, call.message(), call.attempts.left())
                return call.accept(server, data)
            except Error as error:
                pause = call.pause_after(server, error)
            time.sleep(pause)


class AsyncCalls(_View, AsyncServices):
    """The same with asyncio: await calls.auth.login(...)."""

    def using(self, **options: Any) -> AsyncCalls:
        """The same calls with other options, on the same connections: credential, on_behalf_of,
        via, org, client_ip, idempotency_key, timeout (seconds), attempts, session, metadata."""
        return AsyncCalls(self._channel, self._changed(options))

    def session(self) -> AsyncCalls:
        """The same calls in a causal session of their own: they read what they wrote."""
        return self.using(session=Session())

    async def exchange(
        self, method: methods.Method | str, request: Message
    ) -> tuple[Message, envelope_pb2.Response]:
        """One call: the reply, and the envelope that it came in.
        Raises usher.Error."""
        row = methods.METHODS[method] if isinstance(method, str) else method
        response = await self._run(self._call(row, request))
        return _read(row.reply, response.payload), response

    async def batch(self, requests: list[envelope_pb2.Request]) -> list[envelope_pb2.Response]:
        """Many calls in one message, answered in order, each with its own code and, where it takes
        one, its own idempotency key. An item from envelope() has the credential and the org of the
        calls that made it, whatever these have: make both with the same. In a session it reads what
        was written until the batch is sent."""
        return self._items(await self._run(self._batch_call(requests)))

    async def send(
        self, envelope: envelope_pb2.Request, timeout: float = _TIMEOUT_DEFAULT
    ) -> envelope_pb2.Response:
        """An envelope of your own, sent once, as soon as a server takes it: the Response, whatever
        its code."""
        ends = time.monotonic() + timeout
        message = _encode(envelope)
        tried: set[Server] = set()
        while True:
            server = await self._channel.servers.take_async(tried, ends)
            try:
                return _decode(await _talk_async(server, message, ends - time.monotonic()))
            except DeadlineExceeded as error:
                if not _may_be_sent(error, ends):
                    raise
                tried.add(server)

    async def _run(self, call: _Call) -> envelope_pb2.Response:
        while True:
            server = None
            try:
                server = await self._channel.servers.take_async(call.tried, call.attempts.ends)
                data = await _talk_async(server, call.message(), call.attempts.left())
                return call.accept(server, data)
            except Error as error:
                pause = call.pause_after(server, error)
            await asyncio.sleep(pause)


class Client(Calls):
    """Connections to one server or to several that share a database.

    servers     "tcp://127.0.0.1:7700", "tls+tcp://…", "ipc:///path"; or several
    credential  an access token or an API key
    timeout     seconds for each call with all its repeats; otherwise the method's own deadline
    attempts    how often a call is sent at most, when repeating it is safe; 1: never again
    tls_ca_file whom to trust at tls+tcp://, a PEM file; each server has its URL's name in its
                certificate. tls_config instead of it says all that there is to say, for all servers

    Connects in the background. A call waits for a connection as long as its deadline allows, and
    raises Unavailable then. Threads and tasks: any number at once."""

    def __init__(
        self,
        servers: str | Sequence[str],
        *,
        credential: str | bytes = b"",
        timeout: float | None = None,
        attempts: int = ATTEMPTS_MAX,
        tls_ca_file: str | None = None,
        tls_config: pynng.TLSConfig | None = None,
    ):
        urls = [servers] if isinstance(servers, str) else list(servers)
        super().__init__(
            _Channel(urls, lambda url: tls_config or tls_of(url, tls_ca_file)),
            _Options(credential=_bytes(credential), timeout=timeout, attempts=attempts),
        )

    def close(self) -> None:
        self._channel.servers.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
