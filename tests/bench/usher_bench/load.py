"""Load generators, and what is measured in turn."""

import json
import pathlib
import re
import resource
import statistics
import subprocess
import tempfile

from usher_bench.tools import TICKS, Failure, cpu_ticks


class Load:
    """A run of a load generator. It says when the time that counts begins and ends; the time that
    the watched processes (name -> function that lists them) spend in it is added to its figures."""

    def __init__(self, program, target, watched, arguments, refusals=False):
        command = [program, "--target", target, *arguments, *["--refusals"] * refusals]
        self.name = pathlib.Path(str(program)).name
        self.watched, self.refusals = watched, refusals
        self.ticks = dict.fromkeys(watched, 0)
        self.popen = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _line(self):
        """The next one; a sign adds or subtracts what has been spent."""
        line = self.popen.stdout.readline()
        sign = {"measuring": -1, "measured": 1}.get(line.strip(), 0)
        if sign:
            for name, pids in self.watched.items():
                self.ticks[name] += sign * sum(cpu_ticks(pid) for pid in pids())
        return line

    def until_measuring(self):
        line = self._line()
        if line.strip() != "measuring":
            self.finish()

    def finish(self):
        """Its figures, when it has ended."""
        text = ""
        while line := self._line():
            text = line if line.startswith("{") else text
        complaints = self.popen.stderr.read().strip()
        failed = self.popen.wait() != 0 or not text or (complaints and not self.refusals)
        self.popen.stdout.close()
        self.popen.stderr.close()
        if failed:
            raise Failure(f"{self.name}: {complaints or 'no figures'} {text}")
        figures = json.loads(text)
        calls = max(figures["measured"], 1)
        figures["cpu_us"] = {"client": figures["client_cpu_s"] * 1e6 / calls}
        for name, spent in self.ticks.items():
            figures["cpu_us"][name] = spent / TICKS * 1e6 / calls
        return figures

    def end(self):
        """Whatever it is doing."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()
        self.popen.stderr.close()


class Measured:
    """The rounds of one thing that is measured."""

    def __init__(self, name):
        self.name = name
        self.rounds = []

    def each(self, *path):
        values = []
        for figures in self.rounds:
            value = figures
            for step in path:
                value = value.get(step) if value is not None else None
            if value is not None:
                values.append(value)
        return values

    def median(self, *path):
        values = self.each(*path)
        return statistics.median(values) if values else None


class Peer(Measured):
    """Something under a load generator. items: what one call counts as. reads: the receipts that one
    call leaves, which are waited for after each round."""

    def __init__(self, name, program, target, watched, arguments, *, items=1, reads=0, system=None):
        super().__init__(name)
        self.program, self.target, self.watched = program, target, watched
        self.arguments, self.items, self.reads, self.system = arguments, items, reads, system

    def round(self, timing):
        run = Load(self.program, self.target, self.watched, [*self.arguments, *timing])
        try:
            figures = run.finish()
        finally:
            run.end()
        if self.items != 1:
            figures["per_second"] *= self.items
            figures["cpu_us"] = {name: spent / self.items for name, spent in figures["cpu_us"].items()}
        if self.reads:
            self.system.resolved += figures["answered"] * self.reads
            # What is left of it must not burden the next one.
            figures["drain_s"] = self.system.drain()
        self.rounds.append(figures)
        return figures


class Pgbench(Measured):
    """pgbench, prepared statements, as many clients as it is told; a twentieth of its calls give the
    quantiles, in a round of a second all."""

    def __init__(self, name, system, clients, arguments):
        super().__init__(name)
        self.system, self.clients, self.arguments = system, clients, arguments

    def round(self, timing):
        seconds = max(1, round(float(timing[timing.index("--seconds") + 1])))
        with tempfile.TemporaryDirectory(prefix="usher-bench-") as folder:
            command = [self.system.pgbench_program(), "-n", "-M", "prepared", "-c", self.clients, "-j", 2]
            sampled = 1 if seconds == 1 else 0.05
            command += ["-T", seconds, "-l", "--sampling-rate", sampled, "--log-prefix", f"{folder}/log"]
            command += [*self.arguments, self.system.conninfo("usher_owner", "pgbench")]
            before = self._spent()
            done = subprocess.run(
                [str(part) for part in command], capture_output=True, text=True, check=False
            )
            spent = [after - first for after, first in zip(self._spent(), before)]
            rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
            count = re.search(r"actually processed: (\d+)", done.stdout)
            if done.returncode != 0 or not rate or not count:
                raise Failure(f"pgbench failed: {done.stderr.strip()[-1000:]}")
            times = sorted(
                int(line.split()[2])
                for path in pathlib.Path(folder).iterdir()
                for line in path.read_text(encoding="ascii").splitlines()
            )
        calls = max(int(count.group(1)), 1)
        figures = {
            "per_second": float(rate.group(1)),
            "measured": calls,
            "cpu_us": {"client": spent[0] * 1e6 / calls, "postgres": spent[1] * 1e6 / calls},
        }
        for name, part in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)):
            figures[name] = times[min(int(part * len(times)), len(times) - 1)] if times else None
        self.rounds.append(figures)
        return figures

    def _spent(self):
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        postgres = sum(cpu_ticks(pid) for pid in self.system.postgres_pids()) / TICKS
        return usage.ru_utime + usage.ru_stime, postgres
