"""Rows of logins, sessions and keys, and of those who flood them."""

from usher_bench.load import Load, Peer, Pgbench
from usher_bench.of_context import DATABASE_CONNECTIONS
from usher_bench.result import Line, Result, ratio
from usher_bench.tools import progress
from usher_bench.victims import NOTE, Victims

MEMORY_KIB, PASSES = 19456, 2
# For rows in which a login only makes a session ready.
CHEAP_PASSWORDS = ("--password.memory_kib", 8, "--password.passes", 1)
FORGED = 20000
SESSIONS = 100000
RESTRICT_CALLERS = 4


def login_peer(bench, system, name="logins"):
    return Peer(
        name,
        bench.bin / "bench_nng_load",
        system.url,
        system.watched(),
        ["--requests", system.requests("logins"), "--connections", 8, "--calls", 2],
    )


def logins(bench):
    """As many threads hash in the loops as usherd lets hash at once: one a core. The first loop is
    libsodium as it comes, which maps its memory for each hash; the second keeps it, as usherd does."""
    system = bench.main()
    system.ready()
    ours = login_peer(bench, system)
    bare, kept = (
        Peer(
            name,
            bench.bin / "bench_argon",
            f"{MEMORY_KIB},{PASSES}{how}",
            {},
            ["--connections", bench.cores],
        )
        for name, how in (("Argon2id loop", ""), ("Argon2id loop, memory kept", ",kept"))
    )
    bench.rounds([ours, bare, kept], "logins", bench.short_rounds())
    lines = [
        ratio("logins / Argon2id loop", ours, bare, 0.85, 0.93),
        ratio("logins / Argon2id loop, memory kept", ours, kept, None, None),
    ]
    return Result(lines, [ours, bare, kept])


def forged_requests(bench, system):
    path = system.requests("forged")
    if not path.exists():
        run = Load(
            bench.bin / "bench_session_load",
            system.url,
            {},
            ["--mode", "forge", "--count", FORGED, "--out", path],
        )
        run.popen.communicate()
        if run.popen.returncode != 0:
            run.finish()
    return path


def floods(bench):
    """The floods are one tenant's or nobody's; the victims are another's. ListUsers fills the part of
    its lane that one organisation may fill."""
    system = bench.main()
    system.ready("small")
    plans = [
        ("Resolve, login flood", system.requests("logins"), 8),
        ("Resolve, wrong passwords", system.requests("wrong"), 8),
        ("Resolve, forged tokens", forged_requests(bench, system), 8),
        ("Resolve, forged keys", system.requests("forged_keys"), 8),
        ("Resolve, ListUsers", system.requests("lists"), 6),
        ("Resolve, Batch", system.requests("hostile_batch"), 6),
    ]
    peers = [Victims("Resolve, nobody else", bench, system)]
    for name, requests, calls in plans:
        flood = ["--requests", requests, "--connections", 8, "--calls", calls]
        peers.append(Victims(name, bench, system, ("bench_nng_load", flood, system.url)))
    bench.rounds(peers, "floods", bench.short_rounds())
    lines, notes = [], []
    for peer in peers:
        times = [us / 1000 for us in peer.each("p99_us")]
        least, aim = (5, 1) if peer.beside else (None, None)
        lines.append(Line(f"p99, ms: {peer.name}", times, least, aim, more_is_better=False, unit="ms"))
        if peer.beside:
            refused = peer.other_sum("failed") / max(peer.other_sum("answered"), 1)
            notes.append(
                f"{peer.name}: the flood had {peer.other_rate():,.0f} answers a second, "
                f"{refused:.0%} of them refusals"
            )
    return Result(lines, peers, [*notes, NOTE])


def refresh(bench):
    """As many sessions at once as calls in the main row; then one a connection, as each of pgbench's
    clients has one statement under way."""
    system = bench.main()
    system.ready(flags=CHEAP_PASSWORDS)
    system.sessions_ready(SESSIONS)
    system.pgbench_ready()
    script = system.folder / "update.sql"
    script.write_text(
        "\\set id random(1, 100000)\nUPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :id;\n",
        encoding="ascii",
    )
    calls = bench.options.connections * bench.options.calls
    ours, few = (
        Peer(
            name,
            bench.bin / "bench_refresh_load",
            system.url,
            system.watched(),
            ["--connections", connections, "--calls", count],
        )
        for name, connections, count in (
            ("Refresh", bench.options.connections, bench.options.calls),
            (f"Refresh, {DATABASE_CONNECTIONS} sessions", DATABASE_CONNECTIONS, 1),
        )
    )
    theirs, many = (
        Pgbench(name, system, clients, ["-f", script])
        for name, clients in (
            ("pgbench, update of one row", DATABASE_CONNECTIONS),
            (f"pgbench, {calls} clients", calls),
        )
    )
    bench.rounds([ours, theirs, few, many], "refresh", bench.short_rounds())
    return Result(
        [
            ratio("refreshes / pgbench's update", ours, theirs, 0.4, 0.7),
            ratio(f"refreshes, {DATABASE_CONNECTIONS} sessions / pgbench's update", few, theirs, None, None),
            ratio(f"refreshes / pgbench's update, {calls} clients", ours, many, None, None),
        ],
        [ours, theirs, few, many],
        [
            f"{DATABASE_CONNECTIONS} connections to PostgreSQL each, and {calls} of pgbench's with "
            f"{calls} clients; fsync on"
        ],
    )


class Restrict(Peer):
    """A number of calls, made ready before; not a time."""

    def round(self, timing):
        return super().round([])


def restrict(bench):
    system = bench.main()
    system.ready(flags=CHEAP_PASSWORDS)
    count = 40 if bench.options.quick else 400
    lines, peers = [], []
    modes = (("Logout", "logout"), ("Refresh, reused", "reuse"), ("RevokeApiKey", "revoke"))

    def measure(nodes, urls, others):
        here = [
            Restrict(
                f"{name}, {nodes}",
                bench.bin / "bench_session_load",
                ",".join(urls),
                system.watched(*others),
                ["--mode", mode, "--count", count, "--connections", RESTRICT_CALLERS],
            )
            for name, mode in modes
        ]
        bench.rounds(here, "restrict", bench.short_rounds())
        peers.extend(here)

    measure("one node", [system.url], [])
    progress("second node")
    with system.second_node(CHEAP_PASSWORDS) as (node, url):
        measure("two nodes", [system.url, url], [node.pid])
    for peer in peers:
        times = [us / 1000 for us in peer.each("p99_us")]
        least, aim = (150, 60) if "two nodes" in peer.name else (None, None)
        what = f"p99, ms: {peer.name}"
        lines.append(Line(what, times, least, aim, "{:.0f}", more_is_better=False, unit="ms"))
    return Result(lines, peers, [f"{RESTRICT_CALLERS} callers, one call at a time, {count} calls a round"])
