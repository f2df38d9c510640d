"""What the generated services are made of."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from usher import methods

_Reply = TypeVar("_Reply", bound=Message)


class Caller(Protocol):
    def exchange(self, method: methods.Method, request: Message) -> Any: ...


class BlockingService:
    """A service whose methods wait for their reply."""

    def __init__(self, caller: Caller):
        self._caller = caller

    def _call(
        self, reply: type[_Reply], name: str, request: Message | None, fields: dict[str, Any]
    ) -> _Reply:
        method = methods.METHODS[name]
        got = self._caller.exchange(method, methods.build(method, request, fields))[0]
        assert isinstance(got, reply)
        return got


class AsyncService:
    """A service whose methods are awaited."""

    def __init__(self, caller: Caller):
        self._caller = caller

    async def _call(
        self, reply: type[_Reply], name: str, request: Message | None, fields: dict[str, Any]
    ) -> _Reply:
        method = methods.METHODS[name]
        got = (await self._caller.exchange(method, methods.build(method, request, fields)))[0]
        assert isinstance(got, reply)
        return got
