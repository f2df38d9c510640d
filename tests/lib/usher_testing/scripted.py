"""A server that says what a test told it to."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pynng

from usher.v1 import envelope_pb2
from usher_testing.process import free_port

Answer = envelope_pb2.Response | None


class ScriptedServer:
    """Answers each request by the function; None leaves it unanswered. Keeps what it was asked."""

    def __init__(self, answer: Callable[[envelope_pb2.Request], Answer], url: str = ""):
        self.url = url or f"tcp://127.0.0.1:{free_port()}"
        self.requests: list[envelope_pb2.Request] = []
        self._answer = answer
        self._socket = pynng.Rep0(listen=self.url)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                request = envelope_pb2.Request.FromString(self._socket.recv())
                self.requests.append(request)
                answer = self._answer(request)
                if answer is not None:
                    self._socket.send(answer.SerializeToString())
            except pynng.Closed:
                return

    def close(self) -> None:
        self._socket.close()
        self._thread.join()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def in_turn(*answers: Answer) -> Callable[[envelope_pb2.Request], Answer]:
    """These, one after another; then the last one for ever."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def refusal(code: int, reason: str = "", retry_after_ms: int = 0) -> envelope_pb2.Response:
    info = envelope_pb2.ErrorInfo(reason=reason, domain="usher")
    return envelope_pb2.Response(
        code=code,
        message="as the test wants it",
        details=[envelope_pb2.Detail(error_info=info)],
        retry_after_ms=retry_after_ms,
    )
