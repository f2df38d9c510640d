"""Programs whose allocations fail when a test says so: see tests/lib/starved."""

from __future__ import annotations

import mmap
import pathlib
import struct
from typing import Any

from usher_testing.process import BINARIES, run
from usher_testing.system import Bridge, Node, System

_NAMES, _NAME_BYTES = 16, 16
_WORDS = struct.Struct("=6q")  # struct starve, without the threads
_FOR_EVER = 1 << 62

# Threads that work by themselves, whoever calls.
BACKGROUND = ("feed", "jobs", "jobs-long", "database", "log", "http-sweeper")


class Starvation:
    """A program's allocations, counted from the moment that one is told to fail."""

    def __init__(self, path: pathlib.Path, program: pathlib.Path):
        self.path = path
        self._program = program
        path.write_bytes(bytes(_WORDS.size + _NAMES * _NAME_BYTES))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.spare(*BACKGROUND)

    def _put(self, index: int, value: int) -> None:
        struct.pack_into("=q", self._map, 8 * index, value)

    def _get(self, index: int) -> int:
        return int(_WORDS.unpack_from(self._map)[index])

    def _name(self, is_only: bool, threads: tuple[str, ...]) -> None:
        self.feed()
        self._put(5, is_only)
        names = b"".join(name.encode().ljust(_NAME_BYTES, b"\0") for name in threads)
        self._map[_WORDS.size :] = names.ljust(_NAMES * _NAME_BYTES, b"\0")

    def spare(self, *threads: str) -> None:
        """All threads but these are meant."""
        self._name(False, threads)

    def only(self, *threads: str) -> None:
        """These threads alone are meant."""
        self._name(True, threads)

    def fail(self, number: int, more: int = 0) -> None:
        """The allocation of that number from now on, from 1, and as many more behind it."""
        self.feed()
        for index, value in ((1, more), (2, 0), (3, 0), (4, 0), (0, number)):
            self._put(index, value)

    def fail_for_good(self, number: int) -> None:
        """From that number on there is no memory, until feed()."""
        self.fail(number, _FOR_EVER)

    def feed(self) -> None:
        """There is memory again."""
        self._put(0, 0)

    @property
    def seen(self) -> int:
        return self._get(2)

    @property
    def failed(self) -> int:
        return self._get(3)

    def where(self) -> str:
        """The function and line of the first that failed."""
        offset = self._get(4)
        if not offset:
            return "nowhere"
        done = run(["addr2line", "-pfie", self._program, hex(offset - 1)])
        return done.stdout.strip().replace("\n", " ")


def _starve(program: Node | Bridge, system: System) -> Starvation:
    words = [f"{program._words[0]}-starved", *program._words[1:]]
    made = Starvation(system.folder / f"{program.name}.starve", pathlib.Path(words[0]))
    program._words = words
    program._env |= {"USHER_STARVE": str(made.path)}
    return made


class StarvedNode(Node):
    """A usherd."""

    def __init__(self, system: System, name: str, **settings: str):
        super().__init__(system, name, {k.replace("__", "."): v for k, v in settings.items()})
        self.memory = _starve(self, system)
        system.processes().append(self)
        self.start_and_wait()


class StarvedBridge(Bridge):
    """A usher-bridge."""

    def __init__(self, system: System, name: str, upstream: str, **settings: str):
        super().__init__(
            system,
            name,
            upstream,
            {k.replace("__", "."): v for k, v in settings.items()},
        )
        self.memory = _starve(self, system)
        system.processes().append(self)
        self.start_and_wait()


def is_built() -> bool:
    return (BINARIES / "usherd-starved").exists()


def described(memory: Starvation, answer: Any) -> str:
    """For a failure's message."""
    return f"the {memory.failed} failures began at {memory.where()}; {answer}"
