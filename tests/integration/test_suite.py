"""The suite itself: what it leaves behind it tells and removes, and nothing passes for having looked
at nothing."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from usher_testing import SOURCE, Process, wait_until
from usher_testing.process import BUILD, run

CALLED = ("cmake", "ninja", "ctest")


class Clone:
    """A clone with ./test and nothing else of ours. What it calls is of the test's own making."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self._bin = folder / "bin"
        for part in (self._bin, folder / "tests/lib"):
            part.mkdir(parents=True)
        shutil.copy(SOURCE / "test", folder)
        for name in ("install", "python", "go"):
            self.lend(name, "")
        for name in CALLED:
            self.stand_in(name, "")

    def _write(self, path: pathlib.Path, script: str) -> None:
        path.write_text(f"#!/usr/bin/env bash\nset -eu\n{script}\n")
        path.chmod(0o755)

    def stand_in(self, name: str, script: str) -> None:
        """It runs in the clone's folder, and finds itself in one of ./test's as $TMPDIR."""
        self._write(self._bin / name, script)

    def lend(self, name: str, script: str) -> None:
        """What ./test calls of tests/lib."""
        self._write(self.folder / "tests/lib" / name, script)

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "PYTHONPATH": f"{SOURCE}/tests/lib:{SOURCE}/clients/python",
        }

    def test(self) -> subprocess.CompletedProcess[str]:
        return run(["./test", "quick"], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL)


@pytest.fixture()
def clone(tmp_path: pathlib.Path) -> Clone:
    return Clone(tmp_path / "clone")


@pytest.fixture()
def under_way(clone: Clone) -> Iterator[subprocess.Popen[str]]:
    """A ./test in the clone that goes on until its input ends."""
    clone.stand_in("ctest", ": >begun; cat")
    first = subprocess.Popen(
        ["./test", "quick"],
        cwd=clone.folder,
        env=clone.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until((clone.folder / "begun").exists, "it is under way")
    yield first
    first.communicate(timeout=30)


def test_what_does_not_come_over_the_network_at_once_is_asked_for_again(clone: Clone):
    clone.lend("python", 'echo again >>asked; [ "$(wc -l <asked)" -eq 2 ]')
    done = clone.test()
    assert done.returncode == 0, done.stdout
    assert (clone.folder / "asked").read_text() == "again\n" * 2


def test_two_in_one_clone_do_not_meet(clone: Clone, under_way: subprocess.Popen[str]):
    done = clone.test()
    assert done.returncode == 1 and not done.stdout, done
    assert len(done.stderr.splitlines()) == 1 and str(clone.folder) in done.stderr
    assert under_way.poll() is None
    under_way.communicate(timeout=30)
    assert under_way.returncode == 0
    assert clone.test().returncode == 0


# In a folder that its user may not enter, where root starts it.
LEAVE_A_CLUSTER = f"""exec {shlex.quote(sys.executable)} - <<'END'
import os, pathlib, shutil
from usher_testing.system import Cluster

closed = pathlib.Path(os.environ["TMPDIR"], "closed")
closed.mkdir(0o700)
made = Cluster(closed / "data", ("fsync=off",))
shutil.copy(os.environ["TMPDIR"] + "/.memory", "noted")
made.kill()
shutil.rmtree(closed)
END"""


def test_what_a_killed_database_leaves_is_told_and_removed(clone: Clone):
    clone.stand_in("ctest", LEAVE_A_CLUSTER)
    done = clone.test()
    noted = (clone.folder / "noted").read_text().split()
    pid = next(line for line in noted if line.isdigit())
    files = [line for line in noted if line.startswith("/")]
    assert done.returncode == 1, done.stdout + done.stderr
    told = done.stdout.partition("left elsewhere:\n")[2]
    assert f" of {pid}\n" in told, done.stdout
    assert any(file.startswith("/dev/shm/") and file in told for file in files), told
    if os.geteuid() == 0:
        assert any(file.startswith("/var/lib/") and file in told for file in files), told
    assert [file for file in files if os.path.exists(file)] == []
    segments = pathlib.Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    assert [line for line in segments if line.split()[4] == pid] == []


LEAVE_A_FOLDER = """
mkdir -p shared/left
printf '%s\\n' "$PWD/shared/left" >>"$TMPDIR/.memory"
"""


def test_a_folder_in_which_something_was_left_stays(clone: Clone):
    clone.stand_in("ctest", LEAVE_A_FOLDER)
    done = clone.test()
    assert done.returncode == 1 and "/shared/left\n" in done.stdout, done.stdout + done.stderr
    assert list((clone.folder / "shared").iterdir()) == []


# It is asked to end while ./test waits, and asks ./test for the same.
LEAVE_A_PROCESS = """
printf '%s' "$TMPDIR" >folder
setsid bash -c 'trap "kill -TERM $1; exit" TERM; exec 7<> <(:); : >ready
	while :; do read -rt 1 -u 7 || :; done' - $PPID &
until [ -e ready ]; do read -rt 0.02 <> <(:) || :; done
exit 1
"""


def test_who_asks_twice_does_not_keep_it_from_clearing_up(clone: Clone):
    clone.stand_in("ninja", LEAVE_A_PROCESS)
    done = clone.test()
    assert not pathlib.Path((clone.folder / "folder").read_text()).exists()
    assert done.returncode == 1, done.stdout + done.stderr


def lint(
    script: str, clone: pathlib.Path, *words: str | pathlib.Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """A script of tests/lint in another clone."""
    (clone / "tests/lint").mkdir(parents=True, exist_ok=True)
    copy = shutil.copy(SOURCE / "tests/lint" / script, clone / "tests/lint")
    return run([copy, *words], env={**os.environ, **env}, stdin=subprocess.DEVNULL)


def test_formatting_of_no_files_is_a_fault(tmp_path: pathlib.Path):
    done = lint("formatting.sh", tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.returncode == 1 and "no C sources" in done.stdout, done


def test_clang_tidy_reads_a_clone_of_any_name_and_of_no_files_it_is_a_fault(tmp_path: pathlib.Path):
    clone = tmp_path / "a+b [c] (1)"
    (clone / "src").mkdir(parents=True)
    (clone / "src/one.c").write_text("int one = 1;\n")
    (clone / ".clang-tidy").write_text("Checks: 'bugprone-*'\n")
    commands = clone / "compile_commands.json"
    file = str(clone / "src/one.c")
    words = ["cc", "-c", file]
    commands.write_text(json.dumps([{"directory": str(clone), "arguments": words, "file": file}]))
    done = lint("clang_tidy.sh", clone, clone)
    assert done.returncode == 0 and done.stdout == "1 files read\n", done
    commands.write_text("[]")
    done = lint("clang_tidy.sh", clone, clone)
    assert done.returncode == 1 and "no source" in done.stdout, done


@pytest.mark.parametrize("may_lack", [True, False])
def test_generated_code_that_is_not_looked_at_is_told(may_lack: bool, tmp_path: pathlib.Path):
    old = tmp_path / "protoc-c"
    old.write_text("#!/bin/sh\necho protobuf-c 1.5.0\n")
    old.chmod(0o755)
    done = run(
        [SOURCE / "tests/lint/generated_code_is_current.sh", BUILD],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "USHER_TEST_ALL": "" if may_lack else "1",
        },
    )
    assert done.returncode == (0 if may_lack else 1), done
    assert done.stdout.startswith("SKIPPED [1] ") == may_lack and "protobuf-c 1.4" in done.stdout


def test_a_server_that_ended_by_itself_is_not_taken_for_a_killed_one(tmp_path: pathlib.Path):
    ended = Process("ended", ["true"], tmp_path / "ended.log", {})
    ended.start()
    wait_until(lambda: not ended.is_running(), "it ends")
    with pytest.raises(AssertionError, match="ended with 0"):
        ended.kill()

    text = "x.c:1:1: runtime error: index out of bounds"
    words = ["sh", "-c", f"echo '{text}'; exec sleep 60"]
    complains = Process("complains", words, tmp_path / "complains.log", {})
    complains.start()
    wait_until(lambda: text in complains.log.read_text(), "it complains")
    with pytest.raises(AssertionError, match="runtime error"):
        complains.kill()

    for number, is_right in ((signal.SIGKILL, True), (signal.SIGTERM, False)):
        killed = Process("killed", ["sleep", "60"], tmp_path / "killed.log", {})
        killed.start()
        os.kill(killed.pid, number)
        if is_right:
            killed.bury(signal.SIGKILL)
        else:
            with pytest.raises(AssertionError, match=f"ended with -{number.value}"):
                killed.bury(signal.SIGKILL)
