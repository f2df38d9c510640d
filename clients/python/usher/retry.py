"""Which calls are repeated, and when: "Several servers, and calling again" in docs/protocol.md."""

from __future__ import annotations

import random
import threading
import time

from google.protobuf.message import DecodeError, Message

from usher import methods
from usher.errors import Aborted, Error, ResourceExhausted, Unavailable, Unknown
from usher.v1 import envelope_pb2, options_pb2

ATTEMPTS_MAX = 4
_BACKOFF_FIRST = 0.05
_BACKOFF_MAX = 1.0
_BACKOFF_FACTOR = 2.0
_JITTER = 0.2
# What the client says itself, of calls that no server was given.
_UNSENT = ("NOT_CONNECTED", "NOT_SENT", "REQUEST_TOO_LARGE")


class Budget:
    """What a client spends on repeats, all its calls together: when too much fails, it stops."""

    # In tenths of a token.
    _MAX = 1000
    _FAILURE = 10
    _SUCCESS = 1

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tenths = self._MAX

    def succeeded(self) -> None:
        with self._lock:
            self._tenths = min(self._MAX, self._tenths + self._SUCCESS)

    def failed(self) -> None:
        with self._lock:
            self._tenths = max(0, self._tenths - self._FAILURE)

    def suffices(self) -> bool:
        """Is there enough left for a repeat?"""
        return self._tenths > self._MAX // 2


def is_repeatable(method: methods.Method, request: Message, has_key: bool) -> bool:
    """May the call be made twice, for all that a client knows?"""
    rules = method.rules
    if rules.effect == options_pb2.EFFECT_READ and not _is_filled(request, rules.write_with):
        return True
    return rules.idempotent_by_key and has_key


def _is_filled(request: Message, name: str) -> bool:
    return any(field.name == name for field, _ in request.ListFields())


def is_repeatable_item(item: envelope_pb2.Request) -> bool:
    """The same for one request of a batch."""
    for method in methods.METHODS.values():
        if item.method_id == method.id or item.method == method.name:
            try:
                request = method.request.FromString(item.payload)
            except DecodeError:
                return False
            return is_repeatable(method, request, bool(item.idempotency_key))
    return False


def is_passing(error: Error) -> bool:
    """Might the same call succeed later, or on another server?"""
    if isinstance(error, Unavailable):
        return error.reason not in ("NOT_CONNECTED", "MAIL_NOT_CONFIGURED")
    if isinstance(error, ResourceExhausted):
        return error.retry_after is not None
    if isinstance(error, Unknown):
        # It is either there, and replayed, or was not done, and is now.
        return error.reason == "COMMIT_UNKNOWN"
    return isinstance(error, Aborted) and error.reason == "IDEMPOTENCY_KEY_BUSY"


def tells_of_trouble(error: Error) -> bool:
    """Of one that is passing: is it the system that is in trouble, or this one caller? Of its
    quota, throttle or key nothing follows for the others."""
    if isinstance(error, ResourceExhausted):
        return error.reason in ("OVERLOADED", "TOO_MANY_CALLS", "TOO_MANY_REFUSALS")
    return not isinstance(error, Aborted)


class Attempts:
    """One call's: how many there were, and whether there is another."""

    def __init__(self, timeout: float, repeatable: bool, attempts_max: int, budget: Budget):
        self.ends = time.monotonic() + timeout
        self.made = 0
        self._repeatable = repeatable
        self._attempts_max = attempts_max
        self._budget = budget
        self._backoffs = 0
        self._last: Error | None = None

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.ends - time.monotonic()

    def succeeded(self) -> None:
        self._budget.succeeded()

    def pause_after(self, error: Error, is_new: bool) -> float:
        """Seconds to wait before the next attempt. Raises error if there is to be none.
        is_new: it has not been paid for as part of the same trouble."""
        if error.reason == "NOT_SENT" and self.left() > 0:
            return 0.0
        was_sent = error.response is not None or error.reason not in _UNSENT
        if not was_sent and self._last is not None:
            # Not this time; but what was sent before is not undone.
            raise self._last
        self.made += was_sent
        error.attempts = self.made
        self._last = error
        passing = is_passing(error)
        if passing and tells_of_trouble(error):
            if is_new:
                self._budget.failed()
        elif error.response is not None:
            # The server is well and has said its word.
            self._budget.succeeded()
        if not (passing and self._repeatable and self.made < self._attempts_max):
            raise error
        if not self._budget.suffices():
            raise error
        pause = self._pause(error.retry_after)
        if pause >= self.left():
            raise error
        return pause

    def _pause(self, retry_after: float | None) -> float:
        if retry_after is not None:
            self._backoffs = 0
            return retry_after
        pause = min(_BACKOFF_FIRST * _BACKOFF_FACTOR**self._backoffs, _BACKOFF_MAX)
        self._backoffs += 1
        return pause * random.uniform(1 - _JITTER, 1 + _JITTER)
