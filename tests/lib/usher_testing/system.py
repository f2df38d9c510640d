"""A private database, servers on free ports, and the command line, in a folder of their own."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import secrets
import signal
import subprocess
from typing import Any

import usher
from usher_testing.disk import SmallDisk
from usher_testing.http import Http
from usher_testing.organisation import Organisation
from usher_testing.process import BINARIES, SOURCE, Process, free_port, run, wait_until

CLI = BINARIES / "usher"


class Cluster:
    """A PostgreSQL of our own, started by tests/lib/cluster."""

    def __init__(
        self,
        folder: pathlib.Path,
        settings: tuple[str, ...] = (),
        disk: SmallDisk | None = None,
    ):
        """disk: mounted at folder/postgres."""
        self.folder = folder
        self._disk = disk
        self._settings = settings
        self._has_template = False
        self._was_killed = False
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # PostgreSQL runs as another user when root starts us
        self.socket = ""
        self.start()

    def _run(self, *words: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
        script = [SOURCE / "tests/lib/cluster", *words]
        return run(self._disk.inside(*script) if self._disk else script)

    def start(self) -> None:
        done = self._run("start", self.folder, *self._settings)
        assert done.returncode == 0, done.stderr
        self.socket = done.stdout.strip()
        self._was_killed = False

    def pid(self) -> int:
        """The server's, whose children all of its processes are."""
        return int((self.folder / "postgres/postmaster.pid").read_text().split()[0])

    def stop(self, how: str = "fast") -> None:
        """Of one that was killed, too: what it shared lies in memory until it is started again, which
        gives that back to the kernel."""
        if self._was_killed:
            self.start()
        done = self._run("stop", self.folder, how)
        assert done.returncode == 0, done.stderr

    def kill(self) -> None:
        """As the kernel does when memory runs out: the postmaster and all its children."""
        pid = self.pid()
        # It makes no more of them: one that we don't know of could wait for ever for a lock that
        # a dead one has.
        os.kill(pid, signal.SIGSTOP)
        status = pathlib.Path(f"/proc/{pid}/status")
        wait_until(lambda: "State:\tT" in status.read_text(), "the postmaster stands still")
        children = run(["ps", "--ppid", str(pid), "-o", "pid="]).stdout.split()
        for victim in [pid, *map(int, children)]:
            try:
                os.kill(victim, 9)
            except ProcessLookupError:
                pass
        wait_until(
            lambda: not any(pathlib.Path(f"/proc/{p}").exists() for p in [pid, *children]),
            "PostgreSQL is dead",
        )
        self._was_killed = True

    def conninfo(self, role: str, database: str) -> str:
        return f"host={self.socket} user={role} dbname={database}"

    def sql(self, database: str, statement: str, role: str = "usher_owner") -> str:
        done = run(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(role, database)],
            input=statement,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def database(self, name: str) -> Database:
        """A database with the schema in it, copied from one that was migrated once."""
        if not self._has_template:
            admin = self.conninfo("usher_owner", "postgres")
            for words in (
                ["create-database", "--database.conninfo", admin, "--name", "usher_template"],
                ["up", "--database.conninfo", self.conninfo("usher_owner", "usher_template")],
            ):
                done = run([CLI, "migrate", *words])
                assert done.returncode == 0, done.stderr
            self._has_template = True
        self.sql("postgres", f'CREATE DATABASE "{name}" TEMPLATE usher_template')
        return Database(self, name)

    def empty_database(self, name: str) -> Database:
        self.sql("postgres", f'CREATE DATABASE "{name}"')
        return Database(self, name)


class Database:
    def __init__(self, cluster: Cluster, name: str):
        self.cluster = cluster
        self.name = name

    @property
    def owner(self) -> str:
        return self.cluster.conninfo("usher_owner", self.name)

    @property
    def app(self) -> str:
        return self.cluster.conninfo("usher_app", self.name)

    def sql(self, statement: str) -> str:
        """Rows as psql prints them unaligned, by the owner."""
        return self.cluster.sql(self.name, statement)

    def count(self, table: str, where: str = "true") -> int:
        return int(self.sql(f"SELECT count(*) FROM usher.{table} WHERE {where}"))


class Statements:
    """A session of the owner's that stays open, so that a transaction can."""

    def __init__(self, database: Database):
        self._process = subprocess.Popen(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database.owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, statements: str) -> str:
        """Rows as psql prints them."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(statements + ";\n\\echo done\n")
        self._process.stdin.flush()
        rows = []
        while (row := self._process.stdout.readline()) != "done\n":
            assert row, "psql ended"
            rows.append(row)
        return "".join(rows).strip()

    def __enter__(self) -> Statements:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


class Node(Process):
    """An usherd."""

    def __init__(self, system: System, name: str, settings: dict[str, str]):
        self.port = free_port()
        self.url = f"tcp://127.0.0.1:{self.port}"
        spool = system.folder / f"{name}.spool"
        spool.mkdir()
        config = system.write_config(
            name, {"rpc.listen": self.url, "spool.dir": str(spool), **settings}
        )
        super().__init__(
            name, [str(BINARIES / "usherd")], system.folder / f"{name}.log", {"USHER_CONFIG": config}
        )
        self._clients: list[usher.Client] = []

    def client(self, **options: Any) -> usher.Client:
        """Calls are made once, so that tests see what this node says."""
        made = usher.Client(self.url, **{"attempts": 1, **options})
        self._clients.append(made)
        return made

    def health(self) -> Any:
        """GetHealth's reply, waited for: a machine that does other things may be late with it."""

        def answer() -> Any:
            self.check_alive()
            return self.health_if_answered()

        return wait_until(answer, f"{self.name} answers health", 20)

    def health_if_answered(self) -> Any:
        """GetHealth's reply; None where nobody answers soon."""
        with usher.Client(self.url, timeout=1.0) as client:
            try:
                return client.ops.get_health()
            except (usher.Unavailable, usher.DeadlineExceeded):
                return None

    def is_ready(self) -> bool:
        self.check_alive()
        health = self.health_if_answered()
        return health is not None and health.ready

    def start_and_wait(self) -> Node:
        self.start()
        wait_until(self.is_ready, f"{self.name} is ready", 20)
        return self

    def done(self) -> None:
        for client in self._clients:
            client.close()
        self.stop()


class Bridge(Process):
    """A usher-bridge."""

    def __init__(self, system: System, name: str, upstream: str, settings: dict[str, str]):
        self.port = free_port()
        config = system.write_config(
            name,
            {
                "http.listen": f"127.0.0.1:{self.port}",
                "bridge.upstream": upstream,
                "bridge.key_file": str(system.bridge_key),
                **settings,
            },
        )
        super().__init__(
            name,
            [str(BINARIES / "usher-bridge")],
            system.folder / f"{name}.log",
            {"USHER_CONFIG": config},
        )

    def http(self, **credentials: str) -> Http:
        return Http(self.port, **credentials)

    def is_up(self) -> bool:
        self.check_alive()
        try:
            return self.http().get("/health").status == 200
        except OSError:
            return False

    def start_and_wait(self) -> Bridge:
        self.start()
        wait_until(self.is_up, f"{self.name} answers", 20)
        return self


class System:
    """Servers over one database, in a folder of their own."""

    def __init__(self, folder: pathlib.Path, database: Database):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database = database
        self.master_key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.bridge_key = folder / "bridge.key"
        self.signup_org = ""
        self._processes: list[Process] = []
        self._organisations = 0

    def settings(self) -> dict[str, str]:
        (self.folder / "mail").mkdir(exist_ok=True)
        return {
            "mode": "development",
            "database.conninfo": self.database.app,
            "master_key": self.master_key,
            "metrics.listen": "",
            "signup.org": self.signup_org,
            "mail.mode": "files",
            "mail.dir": str(self.folder / "mail"),
            # Tests log in often, from one address.
            "password.memory_kib": "64",
            "password.passes": "1",
            "auth.network_burst": "1000000",
            "auth.failure_time": "20ms",
        }

    def write_config(self, name: str, settings: dict[str, str]) -> str:
        path = self.folder / f"{name}.conf"
        lines = [f"{key} = {value}\n" for key, value in {**self.settings(), **settings}.items()]
        path.write_text("".join(lines))
        path.chmod(0o600)
        return str(path)

    def cli(self, *words: str, config: str = "cli", **options: Any) -> subprocess.CompletedProcess:
        """The command line, with the system's settings."""
        path = self.folder / f"{config}.conf"
        if not path.exists():
            self.write_config(config, {})
        return run([CLI, *words], env={**os.environ, "USHER_CONFIG": str(path)}, **options)

    def bootstrap(self, *words: str, **options: Any) -> str:
        # It makes rows; it takes the role of the servers.
        done = self.cli("bootstrap", *words, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def organisation(self, name: str = "") -> Organisation:
        """An organisation with an owner, a chatbot and a key of read and write."""
        self._organisations += 1
        path = self.folder / f"{name or self._organisations}.demo.json"
        self.bootstrap("--demo", str(path), "--bridge-key", str(self.bridge_key))
        return Organisation(**{
            key: value
            for key, value in json.loads(path.read_text()).items()
            if key not in ("http", "rpc")
        })

    def operator(self, email: str = "operator@example.com") -> Organisation:
        """An operator of the platform, owner of an organisation too."""
        password = secrets.token_urlsafe(12)
        out = self.bootstrap(
            "--email", email, "--org", f"Of {email}", "--json", input=password + "\n"
        )
        return Organisation(orgId=json.loads(out)["orgId"], email=email, password=password)

    def node(self, name: str = "usherd", start: bool = True, **settings: str) -> Node:
        """Settings with their dots as __: lanes__query__workers="1"."""
        node = Node(self, name, {k.replace("__", "."): v for k, v in settings.items()})
        self._processes.append(node)
        return node.start_and_wait() if start else node

    def bridge(
        self, node: Node, name: str = "bridge", start: bool = True, **settings: str
    ) -> Bridge:
        if not self.bridge_key.exists():
            self.bootstrap("--system-only", "--bridge-key", str(self.bridge_key))
        bridge = Bridge(
            self, name, node.url, {k.replace("__", "."): v for k, v in settings.items()}
        )
        self._processes.append(bridge)
        return bridge.start_and_wait() if start else bridge

    def processes(self) -> list[Process]:
        return self._processes

    def stop(self) -> None:
        """Everything, callers first; all of it even if something did not end well."""
        failures = []
        for process in reversed(self._processes):
            try:
                process.done() if isinstance(process, Node) else process.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        self._processes = []
        assert not failures, "\n".join(failures)
