"""Several usherd on one PostgreSQL, each of which can be killed, stopped for a while, parted from its
database, and given another time of day."""

from __future__ import annotations

import math
import pathlib
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import usher
from usher_testing.process import BINARIES, BUILD, SLOWER, wait_until
from usher_testing.system import Node, System

CLOCK_SHIFT = BUILD / "preload" / "clock_shift.so"
_PROXY = pathlib.Path(__file__).with_name("proxy.py")


class Link:
    """A node's way to its database: see proxy.py."""

    def __init__(self, folder: pathlib.Path, target: str, port: int = 0):
        """A Unix socket in folder that libpq finds there, or that port of 127.0.0.1."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        listen = str(port or folder / ".s.PGSQL.5432")
        self._process = subprocess.Popen(
            [sys.executable, str(_PROXY), listen, _socket_of(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self._process.stdout
        answer = self._process.stdout.readline()
        assert answer, "the proxy ended"
        return answer.rstrip()

    def _ask(self, command: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _tell(self, command: str) -> None:
        assert self._ask(command) == "done"

    def flow(self) -> None:
        """Pass everything on again."""
        self._tell("flow")

    def delay(self, seconds: float) -> None:
        """So much later, in each direction."""
        self._tell(f"delay {seconds}")

    def stall(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        self._tell("stall")

    def deafen(self) -> None:
        """What is asked arrives; what is answered does not."""
        self._tell("deafen")

    def mute(self) -> None:
        """What is asked does not arrive; what is answered does."""
        self._tell("mute")

    def holds(self, word: str) -> bool:
        """It was asked, and does not arrive."""
        return self._ask(f"holds {word}") == "yes"

    def cut(self) -> None:
        """All connections end, and no new one can be had."""
        self._tell("cut")

    def lead_to(self, socket_folder: str) -> None:
        """New connections go to another server."""
        self._tell(f"to {_socket_of(socket_folder)}")

    def done(self) -> None:
        self._process.kill()
        self._process.wait()


def _socket_of(folder: str) -> str:
    return f"{folder}/.s.PGSQL.5432"


class FleetNode(Node):
    """A usherd with a link to its database (link=True) and a clock of its own (clock=True), so many
    seconds ahead."""

    def __init__(
        self,
        system: System,
        name: str,
        settings: dict[str, str],
        *,
        link: bool,
        clock: bool,
        ahead_s: float,
        program: str,
    ):
        self.link: Link | None = None
        self._clock: pathlib.Path | None = None
        if link:
            database = system.database
            self.link = Link(system.folder / f"{name}.db", database.cluster.socket)
            settings = {
                "database.conninfo": f"host={self.link.folder} user=usher_app dbname={database.name}",
                **settings,
            }
        super().__init__(system, name, settings)
        self._words = [str(BINARIES / program)]
        if clock:
            assert CLOCK_SHIFT.exists(), "no clock can be moved in this build"
            self._clock = system.folder / f"{name}.clock"
            self.move_clock(ahead_s)
            self._env |= {"LD_PRELOAD": str(CLOCK_SHIFT), "USHER_CLOCK_SHIFT": str(self._clock)}

    def pause(self) -> None:
        """SIGSTOP."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.pause()
        try:
            yield
        finally:
            self.go_on()

    def move_clock(self, seconds: float) -> None:
        """The time of day as this node sees it; what it waits by goes on as it was."""
        assert self._clock
        with self._clock.open("r+b" if self._clock.exists() else "wb") as file:
            file.write(struct.pack("=q", round(seconds * 1_000_000)))

    def trusts_memory(self) -> bool:
        health = self.health_if_answered()
        return health is not None and health.ready and health.lease_held

    def done(self) -> None:
        try:
            if self.is_running():
                self.go_on()
            super().done()
        finally:
            if self.link:
                self.link.done()


class Fleet:
    """Nodes over a system's database. Calls of one name go to all of them in turn."""

    def __init__(self, system: System):
        self.system = system
        self.nodes: list[FleetNode] = []
        self._made = 0

    def add(
        self,
        name: str = "",
        *,
        link: bool = False,
        clock: bool = False,
        ahead_s: float = 0.0,
        program: str = "usherd",
        **settings: str,
    ) -> FleetNode:
        """Another node, started. Settings with their dots as __."""
        self._made += 1
        node = FleetNode(
            self.system,
            name or f"node{self._made}",
            {k.replace("__", "."): v for k, v in settings.items()},
            link=link,
            clock=clock,
            ahead_s=ahead_s,
            program=program,
        )
        self.system.processes().append(node)
        self.nodes.append(node)
        node.start_and_wait()
        return node

    def remove(self, node: FleetNode) -> None:
        """Stops it for good, or buries it."""
        self.nodes.remove(node)
        self.system.processes().remove(node)
        node.done()

    def settle(self, timeout_s: float = 20.0) -> None:
        """All serve from memory, and nobody waits for one that died before."""
        wait_until(
            lambda: all(node.trusts_memory() for node in self.nodes), "all hold a lease", timeout_s
        )

    def clients(self, **options: Any) -> list[usher.Client]:
        options.setdefault("timeout", 10.0 * SLOWER)
        return [node.client(**options) for node in self.nodes]


class Figures:
    """Times in milliseconds, printed as they are."""

    def __init__(self, what: str):
        self.what = what
        self.ms: list[float] = []

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.ms.append((time.perf_counter() - began) * 1000)

    def at(self, share: float) -> float:
        """The time that so many of them took at most."""
        ordered = sorted(self.ms)
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]

    def __str__(self) -> str:
        if not self.ms:
            return f"{self.what}: none"
        return (
            f"{self.what}: {len(self.ms)} runs, p50 {self.at(0.5):.1f} ms,"
            f" p99 {self.at(0.99):.1f} ms, most {max(self.ms):.1f} ms"
        )


def rounds(usual: int) -> int:
    """How often a test repeats itself: so often, or less under sanitizers."""
    return max(1, usual // SLOWER)
