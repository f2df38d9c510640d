"""One run: its options, the systems that rows share, and rounds in turn."""

import contextlib
import os

from usher_bench.load import Peer
from usher_bench.system import Group, System
from usher_bench.tools import Process, free_port, progress


class Bench:
    def __init__(self, options, folder, stack):
        self.options, self.folder, self.stack = options, folder, stack
        self.bin = options.build / "bin"
        self.cores = len(os.sched_getaffinity(0))
        self._main = None

    def main(self):
        """The system that all rows share but the one of a million users."""
        if self._main is None:
            options = self.options
            large = 100 if options.quick else 1000
            groups = [Group("small", options.users, options.context_kib)]
            groups += [Group("8kib", large, 8), Group("64kib", large, 64)]
            self._main = self.system("main", groups)
        return self._main

    def main_done(self):
        if self._main:
            self._main.done()
        self._main = None

    def system(self, name, groups):
        options = self.options
        system = System(self.folder / name, self.bin, groups, options.keys, options.every_key)
        self.stack.callback(system.done)
        system.make()
        return system

    def timing(self, seconds=None):
        seconds = seconds or self.options.seconds
        return ["--seconds", seconds, "--warm-up", min(0.5, seconds / 2)]

    def rounds(self, peers, what="", rounds=None):
        """The peers in turn, round by round, so that a slow minute of the machine meets each."""
        rounds = rounds or self.options.rounds
        for number in range(rounds):
            for peer in peers:
                progress(f"{what or peer.name}: round {number + 1} of {rounds}: {peer.name}")
                peer.round(self.timing())

    def short_rounds(self):
        """Of rows that say how something grows, and of those that are slow."""
        return min(3, self.options.rounds)

    def load_arguments(self, requests, connections=None):
        options = self.options
        return ["--requests", requests, "--connections", connections or options.connections] + [
            "--calls",
            options.calls,
        ]

    def resolve(self, system, requests, name="Resolve", connections=None):
        return Peer(
            name,
            self.bin / "bench_nng_load",
            system.url,
            system.watched(),
            [*self.load_arguments(requests, connections), "--mode", "resolve"],
            reads=1,
            system=system,
        )

    def c_client(self, system, requests, name, mode, calls):
        """By the C client's public functions: so many calls at once, in one process."""
        return Peer(
            name,
            self.bin / "bench_client_load",
            system.url,
            system.watched(),
            ["--requests", requests, "--mode", mode, "--calls", calls],
            reads=1,
            system=system,
        )

    @contextlib.contextmanager
    def nng_echo(self, reply_bytes, requests, connections=None):
        url = f"tcp://127.0.0.1:{free_port()}"
        log = self.folder / "peers.log"
        echo = Process([self.bin / "bench_nng_echo", url, round(reply_bytes)], log, says_ready=True)
        try:
            yield Peer(
                "nng echo",
                self.bin / "bench_nng_load",
                url,
                {"server": lambda: [echo.pid]},
                self.load_arguments(requests, connections),
            )
        finally:
            echo.stop()

    @contextlib.contextmanager
    def grpc_echo(self, reply_bytes, requests):
        address = f"127.0.0.1:{free_port()}"
        log = self.folder / "peers.log"
        echo = Process([self.bin / "bench_grpc_echo", address, round(reply_bytes)], log, says_ready=True)
        try:
            yield Peer(
                "gRPC C++ echo",
                self.bin / "bench_grpc_load",
                address,
                {"server": lambda: [echo.pid]},
                [*self.load_arguments(requests), "--threads", self.options.grpc_threads],
            )
        finally:
            echo.stop()
