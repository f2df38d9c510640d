"""More of PostgreSQL: copies of a cluster that follow it, stand still, or go back in time; and a pooler."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
from typing import Any

from usher_testing.process import Process, free_port, run, wait_until
from usher_testing.system import Cluster, Database

BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
# PostgreSQL refuses root.
USER = "postgres" if os.geteuid() == 0 else None


def as_server(words: list[str | pathlib.Path], **options: Any) -> str:
    """A program of PostgreSQL's, by the user that the clusters belong to."""
    if USER:
        options |= {"user": USER, "group": USER, "extra_groups": [], "cwd": "/"}
    done = run(words, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def server_folder(path: pathlib.Path) -> pathlib.Path:
    """An empty folder for as_server()."""
    path.mkdir(parents=True)
    path.chmod(0o700)
    if USER:
        shutil.chown(path, USER, USER)
    return path


def allow_copies(cluster: Cluster) -> None:
    """Let other clusters follow this one."""
    with (cluster.folder / "postgres/pg_hba.conf").open("a") as rules:
        rules.write("local replication all peer map=usher\n")
    cluster.sql("postgres", "SELECT pg_reload_conf()")


def copy_cluster(primary: Cluster, folder: pathlib.Path, *, name: str, follows: bool) -> None:
    """A base backup of the primary in a folder for a Cluster of its own."""
    folder.mkdir(parents=True)
    folder.chmod(0o711)
    source = f"host={primary.socket} user=usher_owner application_name={name}"
    words = [BIN / "pg_basebackup", "-D", server_folder(folder / "postgres"), "-d", source]
    as_server([*words, "-c", "fast", "-X", "stream", *(["-R"] if follows else [])])


class Replica(Cluster):
    """A cluster that follows another one."""

    def __init__(self, folder: pathlib.Path, primary: Cluster, settings: tuple[str, ...] = ()):
        self.name = folder.name.replace("-", "_")
        copy_cluster(primary, folder, name=self.name, follows=True)
        super().__init__(folder, settings)

    def has_all_of(self, primary: Cluster) -> bool:
        at = primary.sql("postgres", "SELECT pg_current_wal_lsn()")
        query = f"SELECT coalesce(pg_last_wal_replay_lsn() >= '{at}', false)"
        return self.sql("postgres", query) == "t"

    def promote(self) -> None:
        assert self.sql("postgres", "SELECT pg_promote(true, 30)") == "t"


class Pooler(Process):
    """pgbouncer in transaction mode before a database."""

    def __init__(self, folder: pathlib.Path, database: Database, size: int):
        server_folder(folder)
        self.socket = str(folder)
        self._config = folder / "pgbouncer.ini"
        self._port = free_port()
        self._size = size
        self.lead_to(database)
        words = [shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", str(self._config)]
        if USER:
            words = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", *words]
        super().__init__("pgbouncer", words, folder.parent / "pgbouncer.log", {})

    def lead_to(self, database: Database) -> None:
        """Where new connections to the server go; reload() for one that runs."""
        users = self._config.with_name("users.txt")
        users.write_text('"usher_app" ""\n"usher_owner" ""\n')
        users.chmod(0o644)
        self._config.write_text(
            "[databases]\n"
            f"{database.name} = host={database.cluster.socket} dbname={database.name}\n"
            "[pgbouncer]\n"
            "listen_addr =\n"
            f"listen_port = {self._port}\n"
            f"unix_socket_dir = {self.socket}\n"
            "unix_socket_mode = 0777\n"
            "auth_type = trust\n"
            f"auth_file = {users}\n"
            "pool_mode = transaction\n"
            f"default_pool_size = {self._size}\n"
            "max_client_conn = 500\n"
            "server_lifetime = 3600\n"
            "server_login_retry = 0.2\n"
        )

    def conninfo(self, database: Database, role: str = "usher_app") -> str:
        return f"host={self.socket} port={self._port} user={role} dbname={database.name}"

    def reload(self) -> None:
        """HUP: connections to another server than the one in the file go when their work is done."""
        self.signal(signal.SIGHUP)

    def end(self) -> None:
        """At once: TERM is for later versions."""
        self.kill()

    def is_up(self) -> bool:
        self.check_alive()
        return pathlib.Path(self.socket, f".s.PGSQL.{self._port}").exists()

    def start_and_wait(self) -> Pooler:
        self.start()
        wait_until(self.is_up, "pgbouncer listens")
        return self
