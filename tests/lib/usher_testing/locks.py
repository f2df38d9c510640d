"""Tables that nobody can read for a while."""

from __future__ import annotations

import subprocess

from usher_testing.system import System


class TableLock:
    """Held until release(), or as a context."""

    def __init__(self, system: System, *tables: str):
        self._psql = subprocess.Popen(
            ["psql", "-XAtq", "-d", system.database.owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._psql.stdin and self._psql.stdout
        self._psql.stdin.write(
            f"BEGIN; LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n"
        )
        self._psql.stdin.flush()
        assert self._psql.stdout.readline().strip() == "held"

    def release(self) -> None:
        if self._psql.poll() is None:
            self._psql.communicate("ROLLBACK;\n")

    def __enter__(self) -> TableLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
