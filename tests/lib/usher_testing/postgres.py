"""A private PostgreSQL for tests in Python: the twin of postgres.h.

One cluster, on a Unix socket in a folder of its own, made and stopped by tests/lib/cluster; a fresh
migrated database for each test, as a copy of a template. Uses psql, so it needs no driver.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
CLUSTER = ROOT / "tests" / "lib" / "cluster"
TEMPLATE = "usher_template"
SETTINGS = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60"]


class Postgres:
    """Use it as a context; usher is the path of the command line, which migrates."""

    def __init__(self, usher):
        self.usher = str(usher)
        self.dir = None
        self.socket = None
        self._databases = 0

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="usher-test-")
        os.chmod(self.dir, 0o711)  # the cluster's user passes through
        try:
            self.resume()
            self.query("postgres", f"CREATE DATABASE {TEMPLATE}")
            owner = self.conninfo(TEMPLATE, "usher_owner")
            subprocess.run(
                [self.usher, "migrate", "up", "--config", "/dev/null", "--database.conninfo", owner],
                check=True, capture_output=True, text=True, timeout=60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.halt("immediate")
        shutil.rmtree(self.dir)

    def resume(self):
        started = subprocess.run(
            [CLUSTER, "start", self.dir, *SETTINGS], check=True, stdout=subprocess.PIPE, text=True,
            timeout=60)
        self.socket = started.stdout.strip()

    def halt(self, how="fast"):
        subprocess.run([CLUSTER, "stop", self.dir, how], check=True, timeout=60)

    def database(self):
        """The name of a fresh database with the current schema."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.query("postgres", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        return name

    def conninfo(self, database, role="usher_app"):
        return f"host={self.socket} dbname={database} user={role}"

    def query(self, database, sql):
        """SQL as the owner: rows as lists of texts."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
             self.conninfo(database, "usher_owner"), "-c", sql],
            check=True, capture_output=True, text=True, timeout=60)
        return [line.split("\t") for line in done.stdout.splitlines()]
