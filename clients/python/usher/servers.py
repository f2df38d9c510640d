"""The servers of a client: a socket each, and which of them gets the next call.

The rules are those of "Several servers, and calling again" in docs/protocol.md."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from urllib.parse import urlsplit

import pynng

from usher.errors import (
    Cancelled,
    DeadlineExceeded,
    Error,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)

MESSAGE_BYTES_MAX = 4 << 20
# REQ's name for a request, which goes before it and its answer, and is counted with them.
_HEADER_BYTES = 4
# The server answers at the deadline itself; its answer may take a moment to arrive.
_GRACE = 0.25
# 24 days: nng's milliseconds have 31 bits, and what is longer is as good as for ever.
TIMEOUT_MAX = (2**31 - 1) / 1000 - _GRACE
# A connected server takes a message at once; one that does not may have just been lost.
_SEND_MAX = 0.25
_REST_FIRST = 1.0
_REST_MAX = 30.0
_SILENCE_MAX = 1.0
_WATCH_EVERY = 0.25
_CLOSE_MAX = 1.0


class _Process:
    """The one that nng was begun in. It ends, with a dump of its memory, a child of that which
    calls anything of its, if only to close what it has from its parent."""

    def __init__(self) -> None:
        self._id: int | None = None
        self._servers: weakref.WeakSet[Server] = weakref.WeakSet()

    def begins(self, server: Server) -> None:
        """nng is about to be used for this one."""
        self.check()
        self._id = os.getpid()
        self._servers.add(server)

    def is_forked(self) -> bool:
        return self._id is not None and self._id != os.getpid()

    def check(self) -> None:
        if self.is_forked():
            raise FailedPrecondition(
                "there was a client before fork(), and nng cannot be used in the child; make "
                "clients after it, or use multiprocessing's spawn",
                reason="FORKED",
            )

    def after_fork(self) -> None:
        """In the child: what it has from its parent is not closed, at its end neither."""
        if not self.is_forked():
            return
        if hasattr(pynng.nng, "_pynng_atexit"):
            atexit.unregister(pynng.nng._pynng_atexit)
        for server in self._servers:
            server.forget()


_process = _Process()
os.register_at_fork(after_in_child=_process.after_fork)


def _no_memory() -> Error:
    """Our own trouble: it says nothing of the server."""
    return ResourceExhausted("there is no memory for the call")


class Exchange:
    """One message to a server and its answer, under way."""

    def __init__(self, server: Server, context: pynng.Context):
        self.context = context
        self.thread = threading.get_ident()
        self._server = server
        self._lock = threading.Lock()
        self._is_closed = False
        self._sent_at: float | None = None

    def sent(self) -> None:
        """The server has it; what is waited for now is the answer."""
        self._sent_at = time.monotonic()

    def waits_since(self, moment: float) -> bool:
        return self._sent_at is not None and self._sent_at <= moment

    def answered(self) -> None:
        self._server.heard()

    def failure(self, error: pynng.NNGException | TypeError) -> Error:
        """What a failed send or receive means to the caller."""
        # pynng has no context left to send with when it was closed just before.
        if isinstance(error, TypeError) and not self._is_closed:
            raise error
        if self._server.is_closed:
            return Cancelled("the client was closed", reason="CLIENT_CLOSED")
        if isinstance(error, pynng.Timeout):
            if self._sent_at is None:
                return self._server.not_sent()
            self._server.rest()
            return DeadlineExceeded(
                "no answer came in time; the call may have been carried out", reason="NO_ANSWER"
            )
        if isinstance(error, pynng.NoMemory):
            return _no_memory()
        return Unavailable(
            "the connection was lost; the call may have been carried out", reason="CONNECTION_LOST"
        )

    def close(self) -> None:
        """Ends it, if need be under another thread's wait. More than once does no harm."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self.context.close()

    def __enter__(self) -> Exchange:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._server.ended(self)


class Server:
    """One server: its socket, and how it has been doing."""

    def __init__(self, url: str, tls_config: pynng.TLSConfig | None, changed: Callable[[], None]):
        self.url = url
        self.is_closed = False
        self._changed = changed
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._pipe: int | None = None  # the latest one's id, from before it can be used
        self._is_connected = False
        self._exchanges: set[Exchange] = set()
        self._failures = 0
        self._rests_until = 0.0
        self._has_lost = False  # a call, with this connection, or since this rest began
        self._heard_at = 0.0
        _process.begins(self)
        self._socket = pynng.Req0(
            resend_time=-1,
            recv_max_size=MESSAGE_BYTES_MAX + _HEADER_BYTES,
            reconnect_time_min=50,
            reconnect_time_max=2000,
            tls_config=tls_config,
        )
        try:
            self._dial()
        except pynng.NNGException as error:
            self.close()
            raise InvalidArgument(f"{url} cannot be dialled: {error}", reason="BAD_URL") from None
        except BaseException:
            self.close()
            raise

    def _dial(self) -> None:
        if self.url.startswith(("tcp", "tls")):
            self._socket.tcp_keepalive = True
        self._socket.add_pre_pipe_connect_cb(lambda pipe: self._comes(pipe.id))
        self._socket.add_post_pipe_connect_cb(lambda pipe: self._has_come(pipe.id))
        self._socket.add_post_pipe_remove_cb(lambda pipe: self._is_gone(pipe.id))
        self._socket.dial(self.url, block=False)

    # nng may say that a connection is gone before it says that it has come, or without.

    def _comes(self, pipe: int) -> None:
        with self._lock:
            self._pipe = pipe

    def _has_come(self, pipe: int) -> None:
        with self._lock:
            if pipe != self._pipe:
                return
            self._is_connected = True
            self._has_lost = False
        self._changed()

    def _is_gone(self, pipe: int) -> None:
        with self._lock:
            if pipe != self._pipe:
                return
            self._pipe = None
            self._is_connected = False
        self._changed()

    def close(self) -> None:
        """Cuts off the calls under way, and waits until they have let go of the socket: nng ends
        the program, or never, when a socket is closed while a context of it is in use."""
        with self._lock:
            self.is_closed = True
            exchanges = list(self._exchanges)
        for exchange in exchanges:
            exchange.close()
        here = threading.get_ident()
        with self._lock:
            # Tasks of this thread's own loop go on when we have returned, and use nothing then.
            self._ended.wait_for(
                lambda: all(exchange.thread == here for exchange in self._exchanges), _CLOSE_MAX
            )
        self._socket.close()

    def forget(self) -> None:
        """What pynng does not know of it does not close."""
        for exchange in self._exchanges:
            exchange.context._context = None
        vars(self._socket).pop("_socket", None)

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def load(self) -> int:
        """Exchanges under way."""
        return len(self._exchanges)

    def is_resting(self) -> bool:
        """Not to be used while there is another. When the time is over one call tries."""
        if not self._failures:
            return False
        return time.monotonic() < self._rests_until or self.load > 0

    def rest(self) -> None:
        """It could not do its work, or was not heard of. If it rests already, that is the same
        trouble."""
        with self._lock:
            self._begin_rest()

    def lose(self) -> bool:
        """A call was lost with its connection, which takes many along. True: it is the first, and
        pays for them all. The next connection's are another trouble, while it rests too: or a
        server that is started again and again would cost nothing."""
        with self._lock:
            self._begin_rest()
            is_first = not self._has_lost
            self._has_lost = True
            return is_first

    def _begin_rest(self) -> None:
        now = time.monotonic()
        if self._failures and now < self._rests_until:
            return
        self._rests_until = now + min(_REST_FIRST * 2**self._failures, _REST_MAX)
        self._failures = min(self._failures + 1, 16)
        self._has_lost = False

    def is_well(self) -> None:
        self._failures = 0

    def heard(self) -> None:
        self._heard_at = time.monotonic()

    def not_sent(self) -> Error:
        return DeadlineExceeded(
            f"{self.url} did not take the message; nothing was sent", reason="NOT_SENT"
        )

    def open(self, seconds: float) -> Exchange:
        """An exchange that takes so long at most, and TIMEOUT_MAX."""
        if seconds <= 0:
            raise self.not_sent()
        seconds = min(seconds, TIMEOUT_MAX)
        with self._lock:
            if self.is_closed:
                raise Cancelled("the client was closed", reason="CLIENT_CLOSED")
            # A context takes the socket's timeouts over when it is opened.
            self._socket.send_timeout = max(1, round(min(seconds, _SEND_MAX) * 1000))
            self._socket.recv_timeout = max(1, round((seconds + _GRACE) * 1000))
            try:
                exchange = Exchange(self, self._socket.new_context())
            except pynng.NoMemory:
                raise _no_memory() from None
            if not self._exchanges:
                self._heard_at = time.monotonic()
            self._exchanges.add(exchange)
        return exchange

    def ended(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.discard(exchange)
            self._ended.notify_all()

    def is_silent(self) -> bool:
        return self.load > 0 and time.monotonic() - self._heard_at > _SILENCE_MAX

    def give_up(self) -> None:
        """It is dead, though its connection stands: cuts off whoever waits for it."""
        self.rest()
        with self._lock:
            # One that has only just been sent is left to the next round.
            moment = time.monotonic() - _SILENCE_MAX
            waiting = [e for e in self._exchanges if e.waits_since(moment)]
        for exchange in waiting:
            exchange.close()


def tls_of(url: str, ca_file: str | None) -> pynng.TLSConfig | None:
    """For one server: nng compares the certificate with the name that the configuration has."""
    if not url.startswith("tls+"):
        return None
    if not ca_file:
        raise InvalidArgument(
            f"{url} needs tls_ca_file, a PEM file with the certificates to trust",
            reason="BAD_TLS_FILE",
        )
    try:
        name = urlsplit(url).hostname
    except ValueError as error:
        raise InvalidArgument(f"{url} is no URL: {error}", reason="BAD_URL") from None
    try:
        return pynng.TLSConfig(pynng.TLSConfig.MODE_CLIENT, ca_files=ca_file, server_name=name)
    except pynng.NNGException as error:
        raise InvalidArgument(
            f"{ca_file} is no PEM file with the certificates to trust: {error}",
            reason="BAD_TLS_FILE",
        ) from None


def _until(ends: float) -> float:
    """Seconds, as many as can be waited for."""
    return min(ends - time.monotonic(), TIMEOUT_MAX)


class Servers:
    """All of them."""

    def __init__(
        self,
        urls: Sequence[str],
        tls_of: Callable[[str], pynng.TLSConfig | None],
        probe: Callable[[Server], bool],
    ):
        if not urls:
            raise InvalidArgument("a client needs the address of a server", reason="BAD_URL")
        self._probe = probe
        self._turn = itertools.count()
        self._change = threading.Condition()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()
        self._watcher: threading.Thread | None = None
        self._is_closed = False
        self.all: list[Server] = []
        try:
            for url in urls:
                self.all.append(Server(url, tls_of(url), self._changed))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if _process.is_forked():
            return
        with self._change:
            self._is_closed = True
        for server in self.all:
            server.close()
        self._changed()
        if self._watcher:
            self._watcher.join()

    def _changed(self) -> None:
        with self._change:
            self._change.notify_all()
            waiting, self._waiting = self._waiting, set()
        for loop, future in waiting:
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:
                pass  # the loop was closed meanwhile, and nobody waits any more

    def choose(self, tried: set[Server]) -> Server | None:
        """The server for the next attempt; None: none is connected."""
        if self._is_closed:
            raise Cancelled("the client was closed", reason="CLIENT_CLOSED")
        turn = next(self._turn)
        count = len(self.all)
        found: Server | None = None
        best: tuple[bool, bool, int] | None = None
        for i in range(count):
            server = self.all[(turn + i) % count]
            if not server.is_connected:
                continue
            rank = (server.is_resting(), server in tried, server.load)
            if best is None or rank < best:
                found, best = server, rank
        if found and count > 1 and not self._watcher:
            self._start_watching()
        return found

    def take(self, tried: set[Server], ends: float) -> Server:
        """The same; waits for a connection until then."""
        _process.check()
        with self._change:
            while not (server := self.choose(tried)):
                if not self._change.wait(max(0.0, _until(ends))):
                    raise self._not_connected()
        return server

    async def take_async(self, tried: set[Server], ends: float) -> Server:
        _process.check()
        while True:
            with self._change:
                if server := self.choose(tried):
                    return server
                loop = asyncio.get_running_loop()
                future = loop.create_future()
                self._waiting.add((loop, future))
            try:
                # Not wait_for(): before 3.12 it forgets a cancellation when the future is done.
                async with asyncio.timeout(_until(ends)):
                    await future
            except TimeoutError:
                raise self._not_connected() from None
            finally:
                # Or who gave up would stay until a server comes back.
                with self._change:
                    self._waiting.discard((loop, future))

    def _not_connected(self) -> Unavailable:
        urls = " and ".join(server.url for server in self.all)
        return Unavailable(
            f"{urls} cannot be reached; nothing was sent", reason="NOT_CONNECTED", retry_after=0.05
        )

    def _start_watching(self) -> None:
        with self._change:
            if self._watcher or self._is_closed:
                return
            self._watcher = threading.Thread(target=self._watch, name="usher-watch", daemon=True)
            self._watcher.start()

    def _watch(self) -> None:
        """A machine that is stopped or cut off keeps its connections: ask, and give it up. Each is
        asked by a thread of its own, so that none waits for another's silence."""
        asking: dict[Server, threading.Thread] = {}
        while True:
            with self._change:
                self._change.wait_for(lambda: self._is_closed, _WATCH_EVERY)
                if self._is_closed:
                    break
            asking = {server: thread for server, thread in asking.items() if thread.is_alive()}
            for server in self.all:
                if server in asking or not server.is_silent():
                    continue
                thread = threading.Thread(
                    target=self._ask, args=(server,), name="usher-ask", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:
                    break  # no thread is to be had just now
                asking[server] = thread
        for thread in asking.values():
            thread.join()

    def _ask(self, server: Server) -> None:
        # Its answer may stand behind large ones: those are answers too.
        if not self._probe(server) and server.is_silent():
            server.give_up()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
