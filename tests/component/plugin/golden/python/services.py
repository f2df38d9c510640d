"""Made by protoc-gen-usher from the .proto files: change those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import empty_pb2
from google.protobuf import field_mask_pb2
from google.protobuf import timestamp_pb2
import echo_pb2
from usher.calling import AsyncService, BlockingService


class EchoService(BlockingService):
    """usher.test.EchoService"""

    def say(
        self,
        request: echo_pb2.SayRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        text: str | None = None,
        password: str | None = None,
        email: str | None = None,
        extra: str | Mapping[str, Any] | None = None,
        loudness: echo_pb2.Loudness | str | None = None,
        pitch: int | None = None,
        beats: Iterable[int] | None = None,
        loose: Iterable[int] | None = None,
        shapes: Mapping[str, echo_pb2.Shape | Mapping[str, Any]] | None = None,
        room: str | None = None,
        location: bytes | None = None,
        big: int | None = None,
        mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        shape: echo_pb2.Shape | Mapping[str, Any] | None = None,
    ) -> echo_pb2.SayReply:
        """Say the text again.
        Errors: INVALID_ARGUMENT (empty text)."""
        return self._call(
            echo_pb2.SayReply,
            "usher.test.EchoService/Say",
            request,
            {
                "user_id": user_id,
                "text": text,
                "password": password,
                "email": email,
                "extra": extra,
                "loudness": loudness,
                "pitch": pitch,
                "beats": beats,
                "loose": loose,
                "shapes": shapes,
                "room": room,
                "location": location,
                "big": big,
                "mask": mask,
                "shape": shape,
            },
        )

    def get_last(
        self,
        request: echo_pb2.GetLastRequest | None = None,
        /,
        *,
        area: str | None = None,
        loudness: echo_pb2.Loudness | str | None = None,
        words: Iterable[str] | None = None,
        since: timestamp_pb2.Timestamp | Mapping[str, Any] | None = None,
        window: echo_pb2.GetLastRequest.Window | Mapping[str, Any] | None = None,
    ) -> echo_pb2.SayReply:
        """The last echo, from memory."""
        return self._call(
            echo_pb2.SayReply,
            "usher.test.EchoService/GetLast",
            request,
            {
                "area": area,
                "loudness": loudness,
                "words": words,
                "since": since,
                "window": window,
            },
        )

    def draw(
        self,
        request: echo_pb2.DrawRequest | None = None,
        /,
        *,
        dry: bool | None = None,
        frame: echo_pb2.Frame | Mapping[str, Any] | None = None,
    ) -> echo_pb2.Shape:
        """usher.test.EchoService/Draw"""
        return self._call(
            echo_pb2.Shape,
            "usher.test.EchoService/Draw",
            request,
            {
                "dry": dry,
                "frame": frame,
            },
        )

    def forget(
        self,
        request: empty_pb2.Empty | None = None,
        /,
    ) -> empty_pb2.Empty:
        """Public, and slow."""
        return self._call(
            empty_pb2.Empty,
            "usher.test.EchoService/Forget",
            request,
            {},
        )


class AsyncEchoService(AsyncService):
    """usher.test.EchoService"""

    async def say(
        self,
        request: echo_pb2.SayRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        text: str | None = None,
        password: str | None = None,
        email: str | None = None,
        extra: str | Mapping[str, Any] | None = None,
        loudness: echo_pb2.Loudness | str | None = None,
        pitch: int | None = None,
        beats: Iterable[int] | None = None,
        loose: Iterable[int] | None = None,
        shapes: Mapping[str, echo_pb2.Shape | Mapping[str, Any]] | None = None,
        room: str | None = None,
        location: bytes | None = None,
        big: int | None = None,
        mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        shape: echo_pb2.Shape | Mapping[str, Any] | None = None,
    ) -> echo_pb2.SayReply:
        """Say the text again.
        Errors: INVALID_ARGUMENT (empty text)."""
        return await self._call(
            echo_pb2.SayReply,
            "usher.test.EchoService/Say",
            request,
            {
                "user_id": user_id,
                "text": text,
                "password": password,
                "email": email,
                "extra": extra,
                "loudness": loudness,
                "pitch": pitch,
                "beats": beats,
                "loose": loose,
                "shapes": shapes,
                "room": room,
                "location": location,
                "big": big,
                "mask": mask,
                "shape": shape,
            },
        )

    async def get_last(
        self,
        request: echo_pb2.GetLastRequest | None = None,
        /,
        *,
        area: str | None = None,
        loudness: echo_pb2.Loudness | str | None = None,
        words: Iterable[str] | None = None,
        since: timestamp_pb2.Timestamp | Mapping[str, Any] | None = None,
        window: echo_pb2.GetLastRequest.Window | Mapping[str, Any] | None = None,
    ) -> echo_pb2.SayReply:
        """The last echo, from memory."""
        return await self._call(
            echo_pb2.SayReply,
            "usher.test.EchoService/GetLast",
            request,
            {
                "area": area,
                "loudness": loudness,
                "words": words,
                "since": since,
                "window": window,
            },
        )

    async def draw(
        self,
        request: echo_pb2.DrawRequest | None = None,
        /,
        *,
        dry: bool | None = None,
        frame: echo_pb2.Frame | Mapping[str, Any] | None = None,
    ) -> echo_pb2.Shape:
        """usher.test.EchoService/Draw"""
        return await self._call(
            echo_pb2.Shape,
            "usher.test.EchoService/Draw",
            request,
            {
                "dry": dry,
                "frame": frame,
            },
        )

    async def forget(
        self,
        request: empty_pb2.Empty | None = None,
        /,
    ) -> empty_pb2.Empty:
        """Public, and slow."""
        return await self._call(
            empty_pb2.Empty,
            "usher.test.EchoService/Forget",
            request,
            {},
        )


class Services:
    """Each service as an attribute."""

    @property
    def echo(self: Any) -> EchoService:
        return EchoService(self)


class AsyncServices:
    """Each service as an attribute."""

    @property
    def echo(self: Any) -> AsyncEchoService:
        return AsyncEchoService(self)
