"""Processes that tests start, and conditions that they wait for."""

from __future__ import annotations

import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("USHER_BINARY_DIR", SOURCE / "build"))
BINARIES = BUILD / "bin"
SANITIZED = bool(os.environ.get("USHER_SANITIZE"))
# Sanitizers make everything slower: bounds grow with it.
SLOWER = 4 if SANITIZED else 1

_SANITIZER_REPORT = re.compile(
    r"(ERROR|WARNING): \w*Sanitizer|runtime error:|Assertion .* failed", re.ASCII
)


def wait_until(
    condition: Callable[[], Any], what: str, timeout_s: float = 10.0, every_s: float = 0.01
) -> Any:
    """The condition's first true value. Fails after timeout_s (more under sanitizers)."""
    pause = threading.Event()
    ends = time.monotonic() + timeout_s * SLOWER
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > ends:
            raise AssertionError(f"waited {timeout_s * SLOWER:g} s in vain until {what}")
        pause.wait(every_s)


def stay_off_midnight(test_s: float = 60.0) -> None:
    """Near midnight (UTC), where daily counts begin anew, waits until a test of so many seconds (more
    under sanitizers) fits into one day, clocks a second off included."""
    day_s = 24 * 60 * 60
    test_s *= SLOWER
    wait_until(
        lambda: (time.time() + test_s) % day_s > test_s + 1,
        "the day is a new one",
        test_s + 10,
        every_s=0.1,
    )


def unless(refusal: type[Exception], call: Callable[[], Any]) -> Any:
    """What the call gives, or nothing where it is refused so. For wait_until(): a node may find only
    now that its database was away."""
    try:
        return call()
    except refusal:
        return None


_claims: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, below those that outgoing connections get. It is
    this process's until that ends, while nobody listens too: tests run beside each other."""
    for _ in range(1000):
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        # A name in memory, of the same network namespace as the port, that one process can have.
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0usher-port-{port}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise AssertionError("no port is free")


class Process:
    """A server that a test started. Its log is a file."""

    def __init__(self, name: str, words: list[str], log: pathlib.Path, env: dict[str, str]):
        self.name = name
        self.log = log
        self._words = words
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._log_checked = 0
        self.stopped_on_purpose = False

    @property
    def pid(self) -> int:
        assert self._process, f"{self.name} was not started"
        return self._process.pid

    def start(self) -> None:
        assert not self.is_running(), f"{self.name} runs already"
        self.stopped_on_purpose = False
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words,
                env={**os.environ, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout_s: float = 10.0) -> None:
        """TERM, and its end; it must be a good one."""
        if not self._process:
            return
        self.stopped_on_purpose = True
        self._process.terminate()
        try:
            code = self._process.wait(timeout_s * SLOWER)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self.name} did not end within {timeout_s} s") from None
        self._process = None
        self.check_log()
        assert code == 0, f"{self.name} ended with {code}; {self.tail()}"

    def kill(self) -> None:
        """What ended by itself before that is told from what is killed."""
        self.stopped_on_purpose = True
        if not self._process:
            return
        code = self._process.poll()
        self._process.kill()
        self._process.wait()
        self._process = None
        self.check_log()
        assert code is None, f"{self.name} had ended with {code} before; {self.tail()}"

    def bury(self, number: signal.Signals) -> None:
        """It was to end by that signal of somebody else's."""
        assert self._process, f"{self.name} was not started"
        self.stopped_on_purpose = True
        code = self._process.wait(10.0 * SLOWER)
        self._process = None
        self.check_log()
        assert code == -number, f"{self.name} ended with {code}; {self.tail()}"

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"{self.log}:\n" + "\n".join(text.splitlines()[-lines:])

    def check_log(self) -> None:
        """No sanitizer and no assertion had anything to say."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        found = _SANITIZER_REPORT.search(text, self._log_checked)
        self._log_checked = len(text)
        if found:
            raise AssertionError(f"{self.name}: {text[found.start() : found.start() + 4000]}")

    def check_alive(self) -> None:
        assert self.is_running(), f"{self.name} has ended; {self.tail()}"
        self.check_log()

    def resident_bytes(self) -> int:
        return self._status_kib("VmRSS") * 1024

    def peak_bytes(self) -> int:
        """The most that was resident at once."""
        return self._status_kib("VmHWM") * 1024

    def files_open(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self) -> float:
        """What it has used until now, in the kernel too."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status_kib(self, name: str) -> int:
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        assert found
        return int(found[1])


def run(
    words: list[str | pathlib.Path], *, timeout_s: float = 60.0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """A program to its end, its output as text."""
    return subprocess.run(
        words, capture_output=True, text=True, timeout=timeout_s * SLOWER, **options
    )
