"""Load from a compiled client (tests/lib/storm), so that what is measured is the server and not Python."""

from __future__ import annotations

import json
import math
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
from usher_testing.organisation import Organisation
from usher_testing.process import BINARIES, SLOWER
from usher_testing.system import Node

PROGRAM = BINARIES / "storm"
ROUNDS_KEPT = 3
ROUNDS_MAX = 24
# What a machine that does much else adds is more for a node at work than for one at rest.
TIMES_THE_NEIGHBOURS = 3
ANSWERED_LEAST = 0.5 / SLOWER
# The light client and its node alone have less than a quarter of two cores.
BUSY_MAX = 0.5
STANDSTILL_MS = 1000.0 * SLOWER


def _machine_times() -> tuple[int, int]:
    """What all its cores did, and were idle, in ticks."""
    with open("/proc/stat") as stat:
        ticks = [int(word) for word in stat.readline().split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


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
    waiting: int  # calls that were out at the end; of a light client: that were never answered
    p50_ms: float
    p99_ms: float
    most_ms: float
    codes: dict[usher.Code, int]

    def __str__(self) -> str:
        codes = ", ".join(f"{count} {code.name}" for code, count in sorted(self.codes.items()))
        return (
            f"{self.answered} answered ({codes}), {self.lost} connections lost,"
            f" {self.waiting} calls out"
        )


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
        out, _ = self._process.communicate(timeout=20 * SLOWER)
        self._file.close()
        assert self._process.returncode == 0
        figures: dict[str, Any] = json.loads(out)
        return Wave(
            figures["asked"],
            figures["answered"],
            figures["lost"],
            figures["waiting"],
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
class Round:
    """The waits of a light client: calm, beside something, and at the same time those that it has of
    a neighbour, whom nobody does anything: they are the machine's."""

    calm: Wave
    beside: Wave
    neighbour: Wave
    least: int  # calls that have to be answered
    busy: float  # how much of the machine something else had in the calm

    def is_kept(self, floor_ms: float) -> bool:
        """The promise was."""
        machine_ms = max(2 * self.calm.p99_ms, TIMES_THE_NEIGHBOURS * self.neighbour.p99_ms)
        return self.beside.answered >= self.least and self.beside.p99_ms <= max(
            floor_ms, machine_ms
        )


def _p99s(waves: Iterable[Wave]) -> str:
    figures = [wave.p99_ms for wave in waves]
    return f"{statistics.median(figures):.2f} ms (least {min(figures):.2f})"


@dataclass
class Comparison:
    what: str
    rounds: list[Round]
    kept: int

    def is_noise(self) -> bool:
        """Something else has the machine: nobody stands still, and more can't be told."""
        return (
            statistics.median(one.busy for one in self.rounds) > BUSY_MAX
            and statistics.median(
                one.beside.p99_ms if one.beside.answered else math.inf for one in self.rounds
            )
            < STANDSTILL_MS
        )

    def __str__(self) -> str:
        beside = [one.beside for one in self.rounds]
        p50 = statistics.median(wave.p50_ms for wave in beside)
        return (
            f"{self.what}: Resolve of others p50 {p50:.2f} ms, p99 {_p99s(beside)},"
            f" calm {_p99s(one.calm for one in self.rounds)},"
            f" of a neighbour {_p99s(one.neighbour for one in self.rounds)};"
            f" {self.kept} of {len(self.rounds)} rounds as promised, the machine"
            f" {statistics.median(one.busy for one in self.rounds):.0%} busy without it;"
            f" {sum(wave.answered for wave in beside)} calls,"
            f" {sum(calls_lost(wave) for wave in beside)} lost"
        )


def calls_lost(wave: Wave) -> int:
    """Those of a light client that had no good answer."""
    return wave.answered - wave.codes.get(usher.Code.OK, 0) + wave.lost + wave.waiting


class LightClient:
    """Asks 4,000 times a second for what is in memory, and never waits for its own answers."""

    SECONDS = 0.3

    def __init__(self, node: Node, neighbour: Node, org: Organisation):
        self._node = node
        self._neighbour = neighbour
        self._envelopes = [envelope("ContextService/Resolve", org.api_key, message="x")]
        for one in (node, neighbour):
            org.keyed(one.client()).context.resolve(message="x")

    def _storm(self, node: Node) -> Storm:
        return Storm(node, self._envelopes, connections=2, calls=2, every_us=1000)

    def _round(self, beside: Callable[[], AbstractContextManager[Any]], seconds: float) -> Round:
        before = _machine_times()
        with self._storm(self._node) as storm:
            threading.Event().wait(seconds)
            calm = storm.stop()
        ticks, idle = (now - then for now, then in zip(_machine_times(), before, strict=True))
        # The others are there already when it begins.
        with self._storm(self._node) as here, self._storm(self._neighbour) as there, beside():
            threading.Event().wait(seconds)
            return Round(
                calm=calm,
                beside=here.stop(),
                neighbour=there.stop(),
                least=int(4000 * seconds * ANSWERED_LEAST),
                busy=1 - idle / max(1, ticks),
            )

    def compare(
        self,
        what: str,
        beside: Callable[[], AbstractContextManager[Any]],
        floor_ms: float,
        seconds: float = SECONDS,
    ) -> None:
        """Nobody is lost in any round, and the promise is kept in some of them: what does much else
        on the machine comes and goes, what the server does wrong is there each time."""
        found = Comparison(what, [], 0)
        while found.kept < ROUNDS_KEPT and len(found.rounds) < ROUNDS_MAX:
            found.rounds.append(self._round(beside, seconds))
            found.kept += found.rounds[-1].is_kept(floor_ms)
        print(found)
        assert all(calls_lost(one.beside) == 0 for one in found.rounds), found.rounds
        assert found.kept >= ROUNDS_KEPT or found.is_noise(), found.rounds
