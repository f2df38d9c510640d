"""Tables that nobody can read for a while."""

from __future__ import annotations

import subprocess

from usher_testing.system import System


class TableLock:
    """Held until release(), or as a context. Whoever is at work there ends first; a deadlock with
    that work is tried again."""

    def __init__(self, system: System, *tables: str):
        self._psql = subprocess.Popen(
            ["psql", "-XAtq", "-d", system.database.owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        lock = f"BEGIN; LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE; SELECT 'held';"
        for _ in range(20):
            if self._ask(lock) == ["held"]:
                return
            self._ask("ROLLBACK;")
        self.release()
        raise AssertionError("these tables could not be locked: " + ", ".join(tables))

    def _ask(self, statement: str) -> list[str]:
        """The lines that it printed; none after an error."""
        assert self._psql.stdin and self._psql.stdout
        self._psql.stdin.write(f"{statement}\n\\echo asked\n")
        self._psql.stdin.flush()
        lines = []
        for line in self._psql.stdout:
            if line.strip() == "asked":
                break
            lines.append(line.strip())
        return lines

    def release(self) -> None:
        if self._psql.poll() is None:
            self._psql.communicate("ROLLBACK;\n")

    def __enter__(self) -> TableLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
