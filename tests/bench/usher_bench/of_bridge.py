"""The row of the HTTP bridge."""

from usher_bench.load import Peer
from usher_bench.result import Result, ratio
from usher_bench.tools import Process, free_port

CONNECTIONS = 64
LOOPS_MAX = 8


def bridge(bench):
    """GetContext with an API key, answered from usherd's memory, over connections that stay."""
    system = bench.main()
    system.ready("small")
    load = ["--requests", system.requests("http"), "--connections", CONNECTIONS, "--threads", 2]
    # As src/app/usher_bridge.c has it.
    loops = min(bench.cores, LOOPS_MAX)
    with system.bridge() as process:
        watched = {**system.watched(), "bridge": lambda: [process.pid]}
        ours = Peer(
            "bridge, GET context",
            bench.bin / "bench_http_load",
            system.http,
            watched,
            load,
            reads=1,
            system=system,
        )
        # For the size of its replies, which the other's are made of.
        ours.round(bench.timing(0.5))
        reply_bytes = round(ours.rounds.pop()["reply_bytes"])
        port = free_port()
        bare = Process(
            [bench.bin / "bench_http_bare", port, loops, reply_bytes],
            bench.folder / "peers.log",
            says_ready=True,
        )
        try:
            theirs = Peer(
                "bare libmicrohttpd",
                bench.bin / "bench_http_load",
                f"127.0.0.1:{port}",
                {"server": lambda: [bare.pid]},
                load,
            )
            bench.rounds([ours, theirs], "bridge", bench.short_rounds())
        finally:
            bare.stop()
    return Result(
        [ratio("bridge, GET / bare handler", ours, theirs, 0.25, 0.45)],
        [ours, theirs],
        [f"{CONNECTIONS} connections; {loops} event loops each; bodies of {reply_bytes} bytes"],
    )
