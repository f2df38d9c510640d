"""HTTP as a browser's scripts see it, and as an attacker writes it."""

from __future__ import annotations

import http.client
import io
import json
import socket
from dataclasses import dataclass
from typing import Any

from usher_testing.process import SLOWER


@dataclass
class HttpReply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def expect(self, status: int, reason: str | None = None) -> Any:
        """The body's JSON, if that is how the call went."""
        assert self.status == status, f"{self.status} instead of {status}: {self.body[:2000]!r}"
        if status >= 400:
            assert self.headers["Content-Type"] == "application/problem+json", self.headers
            assert "no-store" in self.headers["Cache-Control"]
            problem = self.json
            assert problem["status"] == status
            assert problem["code"] and problem["requestId"]
            if reason is not None:
                assert problem["reason"] == reason, problem
            return problem
        return self.json


class Http:
    """Calls of one caller: a bearer token, an API key, or nobody."""

    def __init__(self, port: int, *, bearer: str = "", api_key: str = ""):
        self.port = port
        self._headers = {}
        if bearer:
            self._headers["Authorization"] = f"Bearer {bearer}"
        if api_key:
            self._headers["X-API-Key"] = api_key

    def by(self, *, bearer: str = "", api_key: str = "") -> Http:
        return Http(self.port, bearer=bearer, api_key=api_key)

    def request(
        self,
        verb: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> HttpReply:
        """body: bytes as they are, anything else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15 * SLOWER)
        sent = dict(self._headers)
        if body is not None:
            sent["Content-Type"] = "application/json"
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
        try:
            connection.request(verb, path, body=body, headers=sent | (headers or {}))
            reply = connection.getresponse()
            return HttpReply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> HttpReply:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> HttpReply:
        return self.request("POST", path, {} if body is None else body, **options)

    def put(self, path: str, body: Any, **options: Any) -> HttpReply:
        return self.request("PUT", path, body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> HttpReply:
        return self.request("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> HttpReply:
        return self.request("DELETE", path, **options)


class RawConnection:
    """A connection to write bytes on as they are, and to read replies from one by one."""

    def __init__(self, port: int, source: str = "127.0.0.1", timeout_s: float = 15.0):
        self._peer = socket.create_connection(
            ("127.0.0.1", port), timeout=timeout_s * SLOWER, source_address=(source, 0)
        )
        self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = b""

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._peer.close()

    def send(self, data: bytes, piece_bytes: int = 0) -> None:
        """The server may have heard enough before the end."""
        try:
            for at in range(0, len(data), piece_bytes or max(len(data), 1)):
                self._peer.sendall(data[at : at + piece_bytes] if piece_bytes else data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def say_no_more(self) -> None:
        self._peer.shutdown(socket.SHUT_WR)

    def reply(self, head: bool = False) -> HttpReply | None:
        """The next reply, 100 Continue included; None when the server has closed instead."""
        while b"\r\n\r\n" not in self._heard:
            if not self._hear():
                assert not self._heard, f"closed within a reply: {self._heard!r}"
                return None
        head_text, self._heard = self._heard.split(b"\r\n\r\n", 1)
        line, _, lines = head_text.partition(b"\r\n")
        version, _, rest = line.partition(b" ")
        assert version in (b"HTTP/1.1", b"HTTP/1.0"), head_text
        status = int(rest[:3])
        headers = http.client.parse_headers(io.BytesIO(lines + b"\r\n\r\n"))
        assert "Transfer-Encoding" not in headers
        has_body = not head and status >= 200 and status not in (204, 304)
        size = int(headers["Content-Length"]) if has_body else 0
        while len(self._heard) < size:
            assert self._hear(), f"closed within a body: {self._heard!r}"
        body, self._heard = self._heard[:size], self._heard[size:]
        return HttpReply(status, headers, body)

    def _hear(self) -> bool:
        try:
            part = self._peer.recv(65536)
        except ConnectionResetError:
            return False
        self._heard += part
        return bool(part)

    def rest(self) -> bytes:
        """All that still comes until the server closes."""
        while self._hear():
            pass
        return self._heard
