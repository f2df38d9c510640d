"""A small disk of its own, that can be filled: a tmpfs in a mount namespace, gone with its last process.

Root makes the mount namespace alone. Anybody else needs a user namespace too, in which they keep their
own id: PostgreSQL refuses to be root, even there."""

from __future__ import annotations

import os
import pathlib
import subprocess

from usher_testing.lacking import lacking
from usher_testing.process import run


class SmallDisk:
    """Something mounted at folder, for whoever is started with the words of inside()."""

    def __init__(self, folder: pathlib.Path, bytes_max: int):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._ballast = folder / "ballast"
        root = os.geteuid() == 0
        ids = [f"--map-user={os.getuid()}", f"--map-group={os.getgid()}", "-U", "--keep-caps"]
        # It lives until its standard input ends: with us, at the latest.
        self._keeper = subprocess.Popen(
            [
                "unshare", "-m", *([] if root else ids), "sh", "-c",
                'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat',
                "sh", str(bytes_max), str(folder),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._keeper.stdout and self._keeper.stderr
        if self._keeper.stdout.readline() != "mounted\n":
            # As in containers that may make none.
            lacking(f"no small disk can be mounted here: {self._keeper.stderr.read().strip()}")
        self._prefix = ["nsenter", "-t", str(self._keeper.pid), "-m"]
        if not root:
            self._prefix += ["-U", "--preserve-credentials"]

    def inside(self, *words: str | pathlib.Path) -> list[str]:
        """A command that finds the disk where it is."""
        return [*self._prefix, *map(str, words)]

    def shell(self, script: str, *words: str | pathlib.Path) -> str:
        done = run(self.inside("sh", "-c", script, "sh", *words))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fill(self) -> None:
        """To the last block."""
        self.shell('cat /dev/zero >>"$1" 2>/dev/null || :', self._ballast)

    def free(self) -> None:
        self.shell('rm -f "$1"', self._ballast)

    def free_bytes(self) -> int:
        return int(self.shell('stat -f -c "%a" "$1"', self.folder)) * os.sysconf("SC_PAGE_SIZE")

    def done(self) -> None:
        """What was started inside has ended by now."""
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait(10)
        for pipe in (self._keeper.stdout, self._keeper.stderr):
            if pipe:
                pipe.close()
