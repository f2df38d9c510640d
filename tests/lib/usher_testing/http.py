"""HTTP as a browser's scripts see it, and as an attacker writes it."""

from __future__ import annotations

import http.client
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


def raw_exchange(port: int, data: bytes, timeout_s: float = 15.0) -> bytes:
    """Send bytes, read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s * SLOWER) as peer:
        try:
            peer.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may have heard enough
        answer = b""
        try:
            while part := peer.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer
