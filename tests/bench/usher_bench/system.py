"""A private PostgreSQL with data in it, usherd on it, and the bridge: all in one folder."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

from usher_bench.load import Load
from usher_bench.tools import TOP, Failure, Process, children_of, free_port, must, progress

START_WAIT_S = 30
DRAIN_WAIT_S = 300
SOCKETS_WAIT_S = 30
# Connections to PostgreSQL that it had not made before.
SOCKETS_MORE = 16
# The text about a user is so much of the first KiB of a block.
ABOUT_BYTES = 270
SIZES_SAMPLE = 1000


class Group:
    """Users with about so much text each."""

    def __init__(self, name, users, context_kib):
        self.name, self.users, self.context_kib = name, users, context_kib
        self.about_times = 1 + round((context_kib - 1) * 1024 / ABOUT_BYTES)


def sockets_of(process):
    """How many files it has open; what changes of them while it runs is connections."""
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def sockets_gone(process, count):
    """Wait until it has no more of them than that."""
    until = time.monotonic() + SOCKETS_WAIT_S
    while (now := sockets_of(process)) > count + SOCKETS_MORE:
        if time.monotonic() > until:
            raise Failure(f"usherd has {now - count} connections more than before")
        time.sleep(0.05)


class System:
    def __init__(self, folder, binaries, groups, keys, every_key=False):
        self.folder, self.bin = folder, binaries
        self.groups, self.keys, self.every_key = groups, keys, every_key
        self.url = f"tcp://127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.resolved = 0
        self.socket = None
        self.usherd = None
        self.usherd_flags = None
        self.filled = {}
        self.sizes = {}
        self.has_pgbench = self.has_sessions = False

    # ---- the database

    def cluster(self, command):
        return must([TOP / "tests/lib/cluster", command, self.folder]).strip()

    def conninfo(self, user, database="usher"):
        return f"host={self.socket} user={user} dbname={database}"

    def sql(self, text):
        return must(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.conninfo("usher_owner")], input=text)

    def usher(self, *arguments):
        return must([self.bin / "usher", *arguments], env=self.environment())

    def environment(self):
        return {**os.environ, "USHER_CONFIG": str(self.folder / "usher.conf")}

    def requests(self, name):
        return self.folder / name

    def make(self):
        progress("database: starting")
        self.folder.mkdir(exist_ok=True)
        # PostgreSQL runs as a user of its own, who must pass through.
        self.folder.chmod(0o711)
        self.socket = self.cluster("start")
        (self.folder / "spool").mkdir()
        key = base64.b64encode(os.urandom(32)).decode("ascii")
        (self.folder / "master.key").write_text(key, encoding="ascii")
        # 9 KB a user and KiB, and as much again: what is measured is memory, not its shortage.
        cache_mib = max(256, sum(g.users * (12 + 7 * (g.context_kib - 1)) for g in self.groups) // 1024)
        (self.folder / "usher.conf").write_text(
            f"""mode = production
database.conninfo = {self.conninfo("usher_app")}
master_key_file = {self.folder}/master.key
rpc.listen = {self.url}
http.listen = {self.http}
bridge.upstream = {self.url}
spool.dir = {self.folder}/spool
metrics.listen =
cache.bytes = {cache_mib}MiB
auth.account_burst = 1000000
auth.network_burst = 1000000
""",
            encoding="ascii",
        )
        owner = self.conninfo("usher_owner", "postgres")
        self.usher("migrate", "create-database", "--database.conninfo", owner, "--name", "usher")
        self.usher("migrate", "up", "--database.conninfo", self.conninfo("usher_owner"))
        progress(f"database: {sum(group.users for group in self.groups):,} users, {self.keys} keys")
        groups = [f"{group.name}:{group.users}:{group.about_times}" for group in self.groups]
        mode = "every" if self.every_key else "one"
        must([self.bin / "bench_seed", self.folder, self.keys, mode, *groups])
        seed = self.folder / "seed.sql"
        must(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-1", "-f", seed, self.conninfo("usher_owner")])
        self.sql("VACUUM ANALYZE; CHECKPOINT")
        seed.unlink()
        key = self.folder / "bridge.key"
        self.usher("bootstrap", "--system-only", "--bridge-key", key)
        with open(self.folder / "usher.conf", "a", encoding="ascii") as settings:
            settings.write(f"bridge.key_file = {key}\n")

    def postgres_pids(self):
        pid = int((self.folder / "postgres/postmaster.pid").read_text(encoding="ascii").split()[0])
        return [pid, *children_of(pid)]

    def pgbench_program(self):
        programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
        program = programs[-1] if programs else shutil.which("pgbench")
        if not program:
            raise Failure("pgbench is not installed")
        return program

    def pgbench_ready(self):
        """A database of its own beside usher's, 100,000 accounts."""
        if self.has_pgbench:
            return
        progress("database: pgbench's")
        self.sql("CREATE DATABASE pgbench")
        must([self.pgbench_program(), "-i", "-q", self.conninfo("usher_owner", "pgbench")])
        self.has_pgbench = True

    def sessions_ready(self, count):
        """That many sessions of the accounts that there are, and PostgreSQL knows of them: of tables
        that were empty a moment ago it keeps plans that read all of them, until they are analysed."""
        if self.has_sessions:
            return
        progress(f"database: {count:,} sessions")
        self.sql(
            f"""
            INSERT INTO usher.sessions (id, account_id, org_id, user_id, expires_at)
            SELECT gen_random_uuid(), whose.account_id, whose.org_id, whose.user_id, now() + interval '30 days'
            FROM (SELECT *, row_number() OVER () - 1 AS place, count(*) OVER () AS accounts
                FROM usher.account_users) whose
            JOIN generate_series(1, {count}) AS session (number)
                ON session.number % whose.accounts = whose.place;
            INSERT INTO usher.refresh_tokens (id, session_id, secret_hash, expires_at)
            SELECT gen_random_uuid(), id, sha256(id::text::bytea), now() + interval '7 days'
            FROM usher.sessions;
            """
        )
        self.sql("VACUUM ANALYZE; CHECKPOINT")
        self.has_sessions = True

    # ---- usherd

    def start(self, flags=()):
        """Start usherd; answers the nanoseconds until it has answered a Resolve well."""
        self.stop()
        first = self.requests(f"{self.groups[0].name}.resolve")
        waiting = subprocess.Popen(
            [str(self.bin / "bench_nng_load"), "--first", "--target", self.url, "--requests", str(first)],
            stdout=subprocess.PIPE,
            text=True,
        )
        waiting.stdout.readline()
        self.usherd = Process(
            [self.bin / "usherd", *flags], self.folder / "usherd.log", environment=self.environment()
        )
        self.usherd_flags = tuple(flags)
        answer, _ = waiting.communicate(timeout=START_WAIT_S + 10)
        if waiting.returncode != 0:
            self.usherd.must_run()
            raise Failure(f"usherd gave no good answer; see {self.folder}/usherd.log")
        self.resolved += 1
        return json.loads(answer)["answered_ns"] - self.usherd.began

    def stop(self):
        if self.usherd:
            self.usherd.stop()
        self.usherd = None
        self.filled = {}

    def ready(self, *filled, flags=()):
        """usherd runs with these flags, and these groups' contexts are in its memory."""
        if not self.usherd or self.usherd_flags != tuple(flags):
            self.start(flags)
        for name in filled:
            if name not in self.filled:
                self.filled[name] = self._fill(name)
                self.sizes[name] = self.filled[name]
        return self.usherd

    def _fill(self, name):
        """Each request once: fills memory. Then some again, for the sizes."""
        self.ask_all(name, self.requests(f"{name}.resolve"), "filling memory")
        figures = self.ask_all(name, self.requests_first(name, SIZES_SAMPLE), "looking at sizes")
        self.drain()
        return figures

    def ask_all(self, name, requests, text, url=None):
        """Each of the requests once."""
        progress(f"{name}: {text}")
        run = Load(
            self.bin / "bench_nng_load",
            url or self.url,
            {},
            ["--requests", requests, "--mode", "resolve", "--pass"],
        )
        try:
            figures = run.finish()
        finally:
            run.end()
        self.resolved += figures["answered"]
        return figures

    def requests_first(self, name, count):
        """A file with that many of the requests, or as many as there are."""
        path = self.requests(f"{name}.first.{count}")
        with open(self.requests(f"{name}.resolve"), "rb") as whole, open(path, "wb") as part:
            for _ in range(count):
                head = whole.read(4)
                part.write(head + whole.read(int.from_bytes(head, "little")))
        return path

    @contextlib.contextmanager
    def hurried(self):
        """PostgreSQL waits for no disk meanwhile: for what only prepares."""
        for setting in ("SET synchronous_commit = off", "RESET synchronous_commit"):
            self.sql(f"ALTER SYSTEM {setting}")
            self.sql("SELECT pg_reload_conf()")
            if "off" in setting:
                yield

    @contextlib.contextmanager
    def second_node(self, flags=()):
        """Another usherd on the same database: its process and its URL."""
        url = f"tcp://127.0.0.1:{free_port()}"
        spool = self.folder / "spool2"
        spool.mkdir(exist_ok=True)
        node = Process(
            [self.bin / "usherd", "--rpc.listen", url, "--spool.dir", spool, *flags],
            self.folder / "usherd2.log",
            environment=self.environment(),
        )
        try:
            must(
                [self.bin / "bench_nng_load", "--first", "--target", url]
                + ["--requests", self.requests(f"{self.groups[0].name}.resolve")]
            )
            self.resolved += 1
            yield node, url
        finally:
            node.stop()

    @contextlib.contextmanager
    def bridge(self):
        """The bridge, once it has answered."""
        bridge = Process(
            [self.bin / "usher-bridge"], self.folder / "bridge.log", environment=self.environment()
        )
        try:
            until = time.monotonic() + START_WAIT_S
            address, port = self.http.rsplit(":", 1)
            while time.monotonic() < until:
                bridge.must_run()
                with contextlib.suppress(OSError), socket.create_connection((address, int(port)), 1) as http:
                    http.sendall(b"GET /ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                    if http.recv(4096).startswith(b"HTTP/1.1 200"):
                        break
                time.sleep(0.01)
            else:
                raise Failure("the bridge does not answer")
            yield bridge
        finally:
            bridge.stop()

    def stored(self):
        """What hostile clients read is not counted: they don't say how many answers they had."""
        return int(
            self.sql(
                "SELECT coalesce(sum(reads), 0)::bigint FROM usher.reads WHERE org_id NOT IN "
                "(SELECT id FROM usher.orgs WHERE slug = 'bench-hostile')"
            )
        )

    def drain(self):
        """Wait until each read that was answered has its receipt in the database; answers the
        seconds."""
        began = time.monotonic()
        while (stored := self.stored()) < self.resolved:
            if time.monotonic() - began > DRAIN_WAIT_S:
                raise Failure(f"{stored} receipts in the database, of {self.resolved} reads")
            if self.usherd:
                self.usherd.must_run()
            time.sleep(0.05)
        return time.monotonic() - began

    def watched(self, *others):
        """For a load on usherd: whose time counts."""
        return {
            "server": lambda: [self.usherd.pid, *others],
            "postgres": self.postgres_pids,
        }

    def done(self):
        self.stop()
        if self.socket:
            self.cluster("stop")
        self.socket = None
