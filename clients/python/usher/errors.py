"""Refusals and failures as exceptions: one class a code of google/rpc/code.proto."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from usher.v1 import envelope_pb2


class Code(enum.IntEnum):
    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclass(frozen=True)
class Violation:
    """A field that was refused, and why."""

    field: str
    description: str


class Error(Exception):
    """A call that did not succeed.

    code         what happened, for programs
    reason       why, for programs ("VERSION_MISMATCH"); "" when the code says it all
    message      for people
    metadata     what else the reason carries
    violations   the fields that were refused
    retry_after  seconds until a repeat makes sense; None: the server named no time
    response     the envelope; None when the server did not answer
    attempts     how often the call was sent
    """

    code = Code.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
        response: envelope_pb2.Response | None = None,
    ):
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = metadata or {}
        self.violations = violations
        self.retry_after = retry_after
        self.response = response
        self.attempts = 1

    def __str__(self) -> str:
        words = [self.code.name, self.reason, self.message]
        text = ": ".join(word for word in words if word)
        fields = "; ".join(f"{v.field}: {v.description}" for v in self.violations)
        return f"{text} ({fields})" if fields else text


class Cancelled(Error):
    code = Code.CANCELLED


class Unknown(Error):
    code = Code.UNKNOWN


class InvalidArgument(Error):
    code = Code.INVALID_ARGUMENT


class DeadlineExceeded(Error):
    code = Code.DEADLINE_EXCEEDED


class NotFound(Error):
    code = Code.NOT_FOUND


class AlreadyExists(Error):
    code = Code.ALREADY_EXISTS


class PermissionDenied(Error):
    code = Code.PERMISSION_DENIED


class ResourceExhausted(Error):
    code = Code.RESOURCE_EXHAUSTED


class FailedPrecondition(Error):
    code = Code.FAILED_PRECONDITION


class Aborted(Error):
    code = Code.ABORTED


class OutOfRange(Error):
    code = Code.OUT_OF_RANGE


class Unimplemented(Error):
    code = Code.UNIMPLEMENTED


class Internal(Error):
    code = Code.INTERNAL


class Unavailable(Error):
    code = Code.UNAVAILABLE


class DataLoss(Error):
    code = Code.DATA_LOSS


class Unauthenticated(Error):
    code = Code.UNAUTHENTICATED


_CLASSES: dict[int, type[Error]] = {kind.code: kind for kind in Error.__subclasses__()}


def from_response(response: envelope_pb2.Response) -> Error:
    """The exception that a failed Response stands for."""
    reason = ""
    metadata: dict[str, str] = {}
    violations: list[Violation] = []
    for detail in response.details:
        match detail.WhichOneof("detail"):
            case "error_info":
                reason = detail.error_info.reason
                metadata = {pair.key: pair.value for pair in detail.error_info.metadata}
            case "bad_request":
                violations += [
                    Violation(v.field, v.description) for v in detail.bad_request.violations
                ]
    return _CLASSES.get(response.code, Unknown)(
        response.message,
        reason=reason,
        metadata=metadata,
        violations=tuple(violations),
        retry_after=response.retry_after_ms / 1000 if response.retry_after_ms else None,
        response=response,
    )
