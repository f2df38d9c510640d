"""Calls over nng: a context for each call that is under way, blocking or with asyncio."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pynng
from google.protobuf.message import DecodeError, Message

from usher import methods
from usher.errors import DeadlineExceeded, Internal, InvalidArgument, Unavailable, from_response
from usher.v1 import envelope_pb2

MESSAGE_BYTES_MAX = 4 << 20
_TIMEOUT_DEFAULT = 5.0
# The server answers at the deadline itself; its answer may take a moment to arrive.
_GRACE_MS = 250


def idempotency_key() -> bytes:
    """A new key: give it to a write, and to the write's repeats."""
    return os.urandom(16)


class Session:
    """What one user or flow has seen: reads in it are never older than its writes.

    May be shared between threads, clients and tasks."""

    def __init__(self, revision: bytes = b""):
        self._lock = threading.Lock()
        self._revision = revision

    @property
    def revision(self) -> bytes:
        """The greatest one seen; b"" before the first write."""
        with self._lock:
            return self._revision

    def saw(self, revision: bytes) -> None:
        """Keep a Response.revision if it is newer."""
        if len(revision) != 16:
            return
        with self._lock:
            known = self._revision
            # Both halves are big-endian, so bytes compare as numbers do. Another epoch (the
            # database failed over) makes the later reply the newer one.
            if known[:8] != revision[:8] or known < revision:
                self._revision = revision


@dataclass(frozen=True)
class _Options:
    credential: bytes = b""
    on_behalf_of: bytes = b""
    via: bytes = b""
    org: str = ""
    client_ip: str = ""
    idempotency_key: bytes = b""
    timeout: float | None = None
    session: Session | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


class _Channel:
    """The socket, shared by all views of a client."""

    def __init__(self, url: str, tls_config: pynng.TLSConfig | None):
        self.url = url
        self._lock = threading.Lock()
        self._socket = pynng.Req0(
            resend_time=-1,
            recv_max_size=MESSAGE_BYTES_MAX,
            reconnect_time_min=50,
            reconnect_time_max=2000,
            tls_config=tls_config,
        )
        if url.startswith(("tcp", "tls")):
            self._socket.tcp_keepalive = True
        self._socket.dial(url, block=False)

    def close(self) -> None:
        self._socket.close()

    def open(self, timeout: float) -> pynng.Context:
        # A context takes the socket's timeouts over when it is opened.
        milliseconds = max(1, round(timeout * 1000))
        with self._lock:
            self._socket.send_timeout = milliseconds
            self._socket.recv_timeout = milliseconds + _GRACE_MS
            return self._socket.new_context()

    def not_sent(self) -> Unavailable:
        return Unavailable(f"{self.url} cannot be reached", retry_after=0.05)


def _encode(envelope: envelope_pb2.Request) -> bytes:
    data = envelope.SerializeToString()
    if len(data) > MESSAGE_BYTES_MAX:
        raise InvalidArgument(f"the message has {len(data)} bytes, more than {MESSAGE_BYTES_MAX}")
    return data


def _decode(data: bytes) -> envelope_pb2.Response:
    try:
        return envelope_pb2.Response.FromString(data)
    except DecodeError as error:
        raise Internal(f"the server's answer cannot be read: {error}") from error


def _lost() -> Unavailable:
    return Unavailable("the connection was lost; the call may have been carried out")


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("no answer came in time; the call may have been carried out")


class _View:
    """What blocking and asyncio calls have in common."""

    def __init__(self, channel: _Channel, options: _Options):
        self._channel = channel
        self._options = options

    def using(self, **options: Any) -> Any:
        """The same calls with other options, on the same connection: credential, on_behalf_of,
        via, org, client_ip, idempotency_key, timeout (seconds), session, metadata."""
        for name in ("credential", "on_behalf_of", "via", "idempotency_key"):
            if name in options:
                options[name] = _bytes(options[name] or b"")
        return type(self)(self._channel, replace(self._options, **options))

    def session(self) -> Any:
        """The same calls in a causal session of their own: they read what they wrote."""
        return self.using(session=Session())

    def _envelope(
        self, method: methods.Method | str, payload: bytes
    ) -> tuple[envelope_pb2.Request, float]:
        options = self._options
        known = isinstance(method, methods.Method)
        timeout = options.timeout or (method.timeout if known else _TIMEOUT_DEFAULT)
        envelope = envelope_pb2.Request(
            method_id=method.id if known else 0,
            method="" if known else method,
            timeout_ms=max(1, round(timeout * 1000)),
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
        return envelope, timeout

    def _accept(self, response: envelope_pb2.Response) -> envelope_pb2.Response:
        """Takes note of the revision; raises what the response says."""
        if self._options.session:
            self._options.session.saw(response.revision)
        if response.code:
            raise from_response(response)
        return response

    def _service(self, name: str) -> dict[str, methods.Method]:
        try:
            return methods.services()[name]
        except KeyError:
            raise AttributeError(f"there is no service {name}") from None


class _Service:
    """One service's methods as attributes."""

    def __init__(self, rows: dict[str, methods.Method], invoke: Callable[..., Any]):
        self._rows = rows
        self._invoke = invoke

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            method = self._rows[name]
        except KeyError:
            raise AttributeError(f"there is no method {name}") from None

        def call(request: Message | None = None, **fields: Any) -> Any:
            return self._invoke(method, methods.build(method, request, fields))

        call.__name__ = name
        call.__doc__ = f"{method.name}: {method.request.__name__} to {method.reply.__name__}."
        return call

    def __dir__(self) -> list[str]:
        return sorted(self._rows)


class Calls(_View):
    """Blocking calls: calls.auth.login(email=..., password=...)."""

    @property
    def aio(self) -> AsyncCalls:
        """The same calls for asyncio."""
        return AsyncCalls(self._channel, self._options)

    def __getattr__(self, name: str) -> _Service:
        return _Service(self._service(name), lambda m, r: self.exchange(m, r)[0])

    def exchange(
        self, method: methods.Method | str, request: Message
    ) -> tuple[Message, envelope_pb2.Response]:
        """One call: the reply, and the envelope that it came in.
        Raises usher.Error."""
        row = methods.METHODS[method] if isinstance(method, str) else method
        envelope, timeout = self._envelope(row, request.SerializeToString())
        response = self._accept(self.send(envelope, timeout))
        return row.reply.FromString(response.payload), response

    def batch(self, requests: list[envelope_pb2.Request]) -> list[envelope_pb2.Response]:
        """Many calls in one message, answered in order, each with its own code."""
        payload = envelope_pb2.BatchRequest(items=requests).SerializeToString()
        envelope, timeout = self._envelope(methods.BATCH, payload)
        response = self._accept(self.send(envelope, timeout))
        return list(envelope_pb2.BatchReply.FromString(response.payload).items)

    def send(
        self, envelope: envelope_pb2.Request, timeout: float = _TIMEOUT_DEFAULT
    ) -> envelope_pb2.Response:
        """An envelope of your own: the Response, whatever its code."""
        return _decode(self.send_bytes(_encode(envelope), timeout))

    def send_bytes(self, message: bytes, timeout: float = _TIMEOUT_DEFAULT) -> bytes:
        """A message as it is."""
        ends = time.monotonic() + timeout
        with self._channel.open(timeout) as context:
            try:
                context.send(message)
            except pynng.Timeout:
                raise self._channel.not_sent() from None
            try:
                return context.recv()
            except pynng.Timeout:
                raise _late() from None
            except (pynng.ConnectionReset, pynng.Closed, pynng.Canceled):
                raise _late() if time.monotonic() > ends else _lost() from None


class AsyncCalls(_View):
    """The same with asyncio: await calls.auth.login(...)."""

    def __getattr__(self, name: str) -> _Service:
        async def invoke(method: methods.Method, request: Message) -> Message:
            return (await self.exchange(method, request))[0]

        return _Service(self._service(name), invoke)

    async def exchange(
        self, method: methods.Method | str, request: Message
    ) -> tuple[Message, envelope_pb2.Response]:
        """One call: the reply, and the envelope that it came in.
        Raises usher.Error."""
        row = methods.METHODS[method] if isinstance(method, str) else method
        envelope, timeout = self._envelope(row, request.SerializeToString())
        response = self._accept(await self.send(envelope, timeout))
        return row.reply.FromString(response.payload), response

    async def batch(self, requests: list[envelope_pb2.Request]) -> list[envelope_pb2.Response]:
        """Many calls in one message, answered in order, each with its own code."""
        payload = envelope_pb2.BatchRequest(items=requests).SerializeToString()
        envelope, timeout = self._envelope(methods.BATCH, payload)
        response = self._accept(await self.send(envelope, timeout))
        return list(envelope_pb2.BatchReply.FromString(response.payload).items)

    async def send(
        self, envelope: envelope_pb2.Request, timeout: float = _TIMEOUT_DEFAULT
    ) -> envelope_pb2.Response:
        """An envelope of your own: the Response, whatever its code."""
        data = _encode(envelope)
        with self._channel.open(timeout) as context:
            try:
                await context.asend(data)
            except pynng.Timeout:
                raise self._channel.not_sent() from None
            try:
                return _decode(await context.arecv())
            except pynng.Timeout:
                raise _late() from None
            except (pynng.ConnectionReset, pynng.Closed):
                raise _lost() from None


class Client(Calls):
    """A connection to one server.

    url         "tcp://127.0.0.1:7700", "tls+tcp://…" (with tls_config), "ipc:///path"
    credential  an access token or an API key; views made by using() may have another
    timeout     seconds for each call; otherwise the method's own deadline

    Nothing is sent before the first call, and a server that is away is looked for again and again:
    a call to it raises Unavailable at its deadline. Threads: any number at once."""

    def __init__(
        self,
        url: str,
        *,
        credential: str | bytes = b"",
        timeout: float | None = None,
        tls_config: pynng.TLSConfig | None = None,
    ):
        super().__init__(
            _Channel(url, tls_config), _Options(credential=_bytes(credential), timeout=timeout)
        )

    def using(self, **options: Any) -> Calls:
        return Calls(self._channel, self._options).using(**options)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
