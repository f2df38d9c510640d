"""Processes, their time and memory, and what is said to people meanwhile."""

import contextlib
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[3]
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


class Failure(Exception):
    """One sentence for people: what did not work."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        say(text)


def progress_over():
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def must(command, **options):
    """Run a command and answer what it printed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    if done.returncode != 0:
        name = pathlib.Path(str(command[0])).name
        raise Failure(f"{name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build(folder):
    """usherd and all that this needs, compiled as ./run and the Dockerfile do it."""
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    progress(f"building in {folder}")
    must(
        ["cmake", "-S", TOP, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
        + ["-DUSHER_TESTS=OFF", "-DUSHER_BENCH=ON"]
        + launcher
    )
    must(["ninja", "-C", folder])


def stat_fields(pid):
    """What stands behind the name in /proc/PID/stat; field 3 of proc(5) is the first."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    return text.rpartition(")")[2].split()


def cpu_ticks(pid):
    """User and system time of a process, all its threads, and of its children that have ended."""
    try:
        return sum(int(field) for field in stat_fields(pid)[11:15])
    except OSError:
        return 0


def children_of(pid):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(stat_fields(path.parent.name)[1]) == pid:
                found.append(int(path.parent.name))
    return found


def resident_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024


class Process:
    """A server of ours. It says "ready" on standard output, or is waited for otherwise."""

    def __init__(self, command, log, says_ready=False, environment=None):
        self.command = [str(part) for part in command]
        self.log = log
        with open(log, "ab") as errors:
            self.began = time.monotonic_ns()
            self.popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if says_ready else errors,
                stderr=errors,
                env=environment,
            )
        self.pid = self.popen.pid
        if says_ready and self.popen.stdout.readline().strip() != b"ready":
            self.stop()
            raise Failure(f"{self.command[0]} did not start; see {log}")

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        if self.popen.stdout:
            self.popen.stdout.close()

    def must_run(self):
        if self.popen.poll() is not None:
            tail = pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace")[-1500:]
            raise Failure(f"{pathlib.Path(self.command[0]).name} ended: {tail}")


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="ascii"))
    release = pathlib.Path("/etc/os-release")
    system = (
        re.search(r'PRETTY_NAME="(.+)"', release.read_text(encoding="utf-8")) if release.exists() else None
    )
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model.group(1) if model else platform.machine(),
        "memory_gib": round(int(memory.group(1)) / MIB, 1),
        "system": system.group(1) if system else platform.system(),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }
