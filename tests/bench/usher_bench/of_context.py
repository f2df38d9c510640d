"""Rows of Resolve and the context block."""

import statistics
import time

from usher_bench.load import Peer, Pgbench
from usher_bench.result import Line, Result, ratio
from usher_bench.system import Group
from usher_bench.tools import MIB, TICKS, cpu_ticks, progress, resident_bytes

SETTLE_S = 1.5
# As many connections to PostgreSQL as usherd's QUERY lane has, for pgbench too.
DATABASE_CONNECTIONS = 8
BATCH_ITEMS = 100
THREADS_FEW = 16
MILLION = 1_000_000


def start(bench):
    system = bench.main()
    times = []
    for number in range(bench.options.starts):
        progress(f"start {number + 1} of {bench.options.starts}")
        times.append(system.start() / 1e6)
    line = Line("start to first answer, ms", times, 200, 50, "{:.0f}", more_is_better=False, unit="ms")
    return Result([line])


def memory(bench):
    """What they hold after one answer each, and the time that an idle second costs."""
    system = bench.main()
    system.stop()
    system.ready()
    with system.bridge() as bridge:
        progress("idle")
        time.sleep(SETTLE_S)
        watched = {
            "usherd": lambda: [system.usherd.pid],
            "the bridge": lambda: [bridge.pid],
            "PostgreSQL": system.postgres_pids,
        }
        spent = {name: -sum(cpu_ticks(pid) for pid in pids()) for name, pids in watched.items()}
        time.sleep(2)
        for name, pids in watched.items():
            spent[name] += sum(cpu_ticks(pid) for pid in pids())
        held = (("usherd", system.usherd, 48, 24), ("bridge", bridge, 24, 12))
        lines = [
            Line(
                f"{name} resident, idle, MiB",
                [resident_bytes(process.pid) / MIB],
                least,
                aim,
                "{:.1f}",
                more_is_better=False,
                unit="MiB",
            )
            for name, process, least, aim in held
        ]
    idle = ", ".join(f"{name} {ticks / TICKS / 2:.1%}" for name, ticks in spent.items())
    return Result(lines, notes=[f"idle, of a core: {idle}"])


def resolve(bench):
    system = bench.main()
    system.ready("small")
    sizes, requests = system.sizes["small"], system.requests("small.resolve")
    ours = bench.resolve(system, requests, "Resolve, cached")
    with (
        bench.nng_echo(sizes["reply_bytes"], requests) as nng,
        bench.grpc_echo(sizes["reply_bytes"], requests) as grpc,
    ):
        bench.rounds([ours, nng, grpc], "resolve")
    looked_at, from_memory = (sum(ours.each(name)) for name in ("looked_at", "from_memory"))
    count = bench.options.users * (bench.options.keys if bench.options.every_key else 1)
    request_bytes = requests.stat().st_size / count - 4
    return Result(
        [
            ratio("Resolve / nng echo", ours, nng, 0.70, 0.90),
            ratio("Resolve / gRPC C++ echo", ours, grpc, 1.5, 2.5),
        ],
        [ours, nng, grpc],
        [
            f"request {request_bytes:.0f} bytes, reply {sizes['reply_bytes']:.0f}, "
            f"context text {sizes['context_bytes']}",
            f"the last receipts are in the database {ours.median('drain_s'):.1f} s after a round",
            f"answered from memory: {from_memory:,} of {looked_at:,} looked at; usherd holds "
            f"{resident_bytes(system.usherd.pid) / MIB:.0f} MiB with all users in memory",
        ],
    )


def client(bench):
    """What a service has of it that uses the C client: reads that come while others are out travel
    together. The main row sends each by itself, as the echo does."""
    system = bench.main()
    system.ready("small")
    sizes, requests = system.sizes["small"], system.requests("small.resolve")
    calls = bench.options.connections * bench.options.calls
    ours = [
        bench.c_client(system, requests, f"C client, {calls} calls", "async", calls),
        bench.c_client(system, requests, f"C client, {calls} threads", "threads", calls),
        bench.c_client(system, requests, f"C client, {THREADS_FEW} threads", "threads", THREADS_FEW),
    ]
    with bench.grpc_echo(sizes["reply_bytes"], requests) as grpc:
        grpc.name = "C client: gRPC C++ echo"
        bench.rounds([*ours, grpc], "client", bench.short_rounds())
    lines = [ratio("Resolve, by the C client / gRPC C++ echo", ours[0], grpc, 1.5, 2.5)]
    lines += [ratio(f"{peer.name} / gRPC C++ echo", peer, grpc, None, None) for peer in ours[1:]]
    notes = []
    for peer in ours:
        looked_at = sum(peer.each("looked_at"))
        notes.append(
            f"{peer.name}: {sum(peer.each('together')) / max(sum(peer.each('answered')), 1):.0%} travelled "
            f"with others; {sum(peer.each('from_memory')):,} of {looked_at:,} answered from memory"
        )
    notes.append("C client: one connection, requests and replies as structures; gRPC as in the main row")
    return Result(lines, [*ours, grpc], notes)


def batch(bench):
    """Both ways to many contexts at once; a hundred a message."""
    system = bench.main()
    system.ready("small")
    items = min(BATCH_ITEMS, bench.options.users // bench.options.keys)
    peers = []
    for name, file in (("Batch of GetContext", "batch"), ("BatchGetContext", "contexts")):
        peers.append(
            Peer(
                name,
                bench.bin / "bench_nng_load",
                system.url,
                system.watched(),
                ["--requests", system.requests(file), "--connections", 2, "--calls", 4, "--mode", file],
                items=items,
                reads=items,
                system=system,
            )
        )
    bench.rounds(peers, "batch", bench.short_rounds())
    best = max(peers, key=lambda peer: peer.median("per_second"))
    rates = best.each("per_second")
    line = Line(f"contexts a second, {best.name}", rates, 300_000, 1_000_000, "{:,.0f}", unit="1/s")
    return Result([line], peers, [f"batches of {items}; calls/s and CPU are of contexts, times of messages"])


def uncached(bench):
    system = bench.main()
    # What each context is made of is stored by now, as it is in every later read of it.
    system.ready("small")
    system.pgbench_ready()
    ours = bench.resolve(system, system.requests("uncached"), "Resolve, nothing from memory")
    together = Peer(
        f"the same, {BATCH_ITEMS} in a Batch",
        bench.bin / "bench_nng_load",
        system.url,
        system.watched(),
        ["--requests", system.requests("together"), "--connections", 2, "--calls", 2, "--mode", "together"],
        items=BATCH_ITEMS,
        reads=BATCH_ITEMS,
        system=system,
    )
    theirs = Pgbench("pgbench -S -M prepared", system, DATABASE_CONNECTIONS, ["-S"])
    with system.second_node(("--cache.bytes", "1MiB")) as (node, url):
        requests = system.requests("small.resolve")
        # A node keeps in mind which contexts are stored, though not what is in them.
        system.ask_all("small", requests, "asking the second node", url)
        small = bench.resolve(system, requests, "Resolve, no room for contexts")
        small.target = url
        small.watched = {"server": lambda: [node.pid], "postgres": system.postgres_pids}
        bench.rounds([ours, together, small, theirs], "uncached", bench.short_rounds())
    return Result(
        [
            ratio("Resolve, cache off / pgbench -S", ours, theirs, 0.35, 0.6),
            ratio("Resolve, cache off, by Batch / pgbench -S", together, theirs, 0.35, 0.6),
            ratio("Resolve, cache of 1 MiB / pgbench -S", small, theirs, None, None),
        ],
        [ours, together, small, theirs],
        [
            f"{DATABASE_CONNECTIONS} connections to PostgreSQL each; cache off: key and context are read for "
            "each call; 1 MiB: the context is",
            f"by Batch: {BATCH_ITEMS} calls in a message, four messages under way; calls/s and CPU are of "
            "calls, times of messages",
        ],
    )


def against_echo(bench, system, what, requests, reply_bytes, connections=None):
    """Resolve and the nng echo in turn, for the rows that vary one thing."""
    ours = bench.resolve(system, requests, what, connections)
    with bench.nng_echo(reply_bytes, requests, connections) as echo:
        echo.name = f"{what}: nng echo"
        bench.rounds([ours, echo], what, bench.short_rounds())
    return ours, echo


def connections(bench):
    system = bench.main()
    system.ready("small")
    lines, loads = [], []
    for count in (1, 2, 4):
        what = f"{count} connection{'s' * (count > 1)}"
        ours, echo = against_echo(
            bench,
            system,
            what,
            system.requests("small.resolve"),
            system.sizes["small"]["reply_bytes"],
            count,
        )
        lines.append(ratio(f"{what}: Resolve / nng echo", ours, echo, None, None))
        loads += [ours, echo]
    return Result(lines, loads)


def users(bench):
    system = bench.main()
    system.ready("small")
    lines, loads = [], []
    for count in (10, 1000):
        if count >= bench.options.users:
            continue
        what = f"{count:,} users"
        requests = system.requests_first("small", count)
        ours, echo = against_echo(bench, system, what, requests, system.sizes["small"]["reply_bytes"])
        lines.append(ratio(f"{what}: Resolve / nng echo", ours, echo, None, None))
        loads += [ours, echo]
    return Result(lines, loads)


def blocks(bench):
    """The larger ones; 1 KiB is the main row's."""
    system = bench.main()
    lines, loads, notes = [], [], []
    for group in system.groups[1:]:
        name, kib = group.name, group.context_kib
        system.ready(name)
        sizes = system.sizes[name]
        what = f"{kib} KiB"
        ours, echo = against_echo(
            bench, system, what, system.requests(f"{name}.resolve"), sizes["reply_bytes"]
        )
        lines.append(ratio(f"{what}: Resolve / nng echo", ours, echo, None, None))
        loads += [ours, echo]
        notes.append(f"{what}: reply {sizes['reply_bytes']:.0f} bytes, {group.users} users")
    return Result(lines, loads, notes)


def million(bench):
    """A system of its own, when the others are gone: it takes the memory of all of them."""
    bench.main_done()
    count = bench.options.million or MILLION
    system = bench.system("million", [Group("all", count, bench.options.context_kib)])
    began = time.monotonic()
    with system.hurried():
        system.ready("all")
    filled_s = time.monotonic() - began
    sizes = system.sizes["all"]
    what = f"{count:,} users"
    ours, echo = against_echo(bench, system, what, system.requests("all.resolve"), sizes["reply_bytes"])
    held = resident_bytes(system.usherd.pid) / MIB
    notes = [
        f"{what}: usherd holds {held:,.0f} MiB, {held * MIB / count:,.0f} bytes a user; "
        f"all had been asked for {filled_s:.0f} s after the start",
        f"the last receipts are in the database {statistics.median(ours.each('drain_s')):.1f} s "
        "after a round",
    ]
    result = Result([ratio(f"{what}: Resolve / nng echo", ours, echo, None, None)], [ours, echo], notes)
    system.done()
    return result
