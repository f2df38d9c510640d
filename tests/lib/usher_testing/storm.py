"""Load from a compiled client (tests/lib/storm), so that what is measured is the server and not Python."""

from __future__ import annotations

import json
import pathlib
import statistics
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import usher
from usher.v1 import envelope_pb2
from usher_testing.process import BINARIES, SLOWER
from usher_testing.system import Node

PROGRAM = BINARIES / "storm"


def envelope(method: str, credential: str | bytes = b"", **fields: Any) -> envelope_pb2.Request:
    """A call of a method named like UserService/GetMe, as it is sent."""
    row = usher.METHODS[f"usher.v1.{method}"]
    return envelope_pb2.Request(
        method_id=row.id,
        credential=credential.encode() if isinstance(credential, str) else credential,
        payload=row.request(**fields).SerializeToString(),
    )


@dataclass
class Wave:
    """What became of a storm's calls."""

    asked: int
    answered: int
    lost: int  # connections
    p50_ms: float
    p99_ms: float
    most_ms: float
    codes: dict[usher.Code, int]

    def __str__(self) -> str:
        codes = ", ".join(f"{count} {code.name}" for code, count in sorted(self.codes.items()))
        return f"{self.answered} answered ({codes}), {self.lost} connections lost"


class Storm:
    """Sends envelopes until it is stopped: on so many connections, so many at once on each."""

    def __init__(
        self,
        node: Node,
        envelopes: Iterable[envelope_pb2.Request],
        *,
        connections: int = 1,
        calls: int = 1,
        every_us: int = 0,
        source: str = "",
        deaf: bool = False,
        nice: int = 0,
    ):
        """every_us: each of the calls is made when its turn comes, not when the last is answered.
        source: the address that it calls from. deaf: it never reads an answer."""
        self._file = tempfile.NamedTemporaryFile(prefix="usher-storm.", suffix=".requests")
        for envelope in envelopes:
            data = envelope.SerializeToString()
            self._file.write(struct.pack("<I", len(data)) + data)
        self._file.flush()
        words = [
            *(["nice", "-n", str(nice)] if nice else []), str(PROGRAM), "--port", str(node.port),
            "--requests", self._file.name, "--connections", str(connections), "--calls", str(calls),
        ]  # fmt: skip
        words += ["--every-us", str(every_us)] if every_us else []
        words += ["--from", source] if source else []
        words += ["--deaf"] if deaf else []
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n", "the storm did not begin"

    def stop(self) -> Wave:
        out, _ = self._process.communicate(timeout=10 * SLOWER)
        self._file.close()
        assert self._process.returncode == 0
        figures: dict[str, Any] = json.loads(out)
        return Wave(
            figures["asked"],
            figures["answered"],
            figures["lost"],
            *(figures[f"{name}_us"] / 1000 for name in ("p50", "p99", "most")),
            {usher.Code(int(code)): count for code, count in figures["codes"].items()},
        )

    def __enter__(self) -> Storm:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        self._file.close()


@dataclass
class Comparison:
    """The waits of a light client, calm and beside something, in turn: medians of the rounds."""

    what: str
    calm: list[Wave]
    beside: list[Wave]

    def _p99(self, waves: list[Wave]) -> float:
        return statistics.median(wave.p99_ms for wave in waves)

    @property
    def calm_p99_ms(self) -> float:
        return self._p99(self.calm)

    @property
    def p99_ms(self) -> float:
        return self._p99(self.beside)

    @property
    def p50_ms(self) -> float:
        return statistics.median(wave.p50_ms for wave in self.beside)

    def __str__(self) -> str:
        calm = statistics.median(wave.p50_ms for wave in self.calm)
        calls = sum(wave.answered for wave in self.beside)
        return (
            f"{self.what}: Resolve of others p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms"
            f" (calm {calm:.2f} and {self.calm_p99_ms:.2f}); {len(self.beside)} rounds,"
            f" {calls} calls, {sum(calls_lost(wave) for wave in self.beside)} lost"
        )


def calls_lost(wave: Wave) -> int:
    """Those that had no good answer. The last ones are under way when it ends."""
    return wave.answered - wave.codes.get(usher.Code.OK, 0) + wave.lost


class LightClient:
    """Asks 4,000 times a second for what is in memory, and never waits for its own answers."""

    SECONDS = 0.5

    def __init__(self, node: Node, envelopes: list[envelope_pb2.Request]):
        self._node = node
        self._envelopes = envelopes

    def wave(self, seconds: float = SECONDS) -> Wave:
        with Storm(self._node, self._envelopes, connections=2, calls=2, every_us=1000) as storm:
            threading.Event().wait(seconds)
            return storm.stop()

    def compare(
        self,
        what: str,
        beside: Callable[[], AbstractContextManager[Any]],
        rounds: int = 3,
        seconds: float = SECONDS,
    ) -> Comparison:
        found = Comparison(what, [], [])
        for _ in range(rounds):
            found.calm.append(self.wave(seconds))
            with beside():
                found.beside.append(self.wave(seconds))
        print(found)
        return found
