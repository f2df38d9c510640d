"""The Go client: its own tests, against scripted servers and against two nodes of which one is killed."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import signal

from usher_testing import SOURCE, Organisation, System
from usher_testing.process import run


def test_the_go_client_does_the_main_job_fails_over_and_repeats(
    system: System, org_a: Organisation
):
    victim, other = system.node("victim"), system.node("other")
    done = run(
        [SOURCE / "tests/lib/go", "test", "-count=1", "-tags", "system", "./..."],
        env={
            **os.environ,
            "USHER_TEST_SERVERS": f"{victim.url},{other.url}",
            "USHER_TEST_KEY": org_a.api_key,
            "USHER_TEST_VICTIM": str(victim.pid),
        },
        timeout_s=220,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    victim.bury(signal.SIGKILL)
    print(done.stdout)


def test_the_readme_s_program_runs_as_the_readme_says(
    system: System, org_a: Organisation, tmp_path: pathlib.Path
):
    """In a module of its own, with nothing from the network but what the client's own tests have."""
    text = (SOURCE / "clients/go/README.md").read_text()
    setup, start = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    program = next(p for p in re.findall(r"```go\n(.*?)```", text, re.DOTALL) if "package" in p)
    node = system.node("readme")
    assert "tcp://127.0.0.1:7700" in program and "/path/to/usher" in setup
    (tmp_path / "main.go").write_text(program.replace("tcp://127.0.0.1:7700", node.url))
    # The go that is typed is the one that the tests use.
    (tmp_path / "go").write_text(
        f'#!/bin/sh\nPATH={shlex.quote(os.environ["PATH"])} USHER_GO_FOLDER=$PWD'
        f' exec {shlex.quote(str(SOURCE / "tests/lib/go"))} "$@"\n'
    )
    (tmp_path / "go").chmod(0o755)
    typed = "\n".join(
        (
            setup.replace("/path/to/usher", shlex.quote(str(SOURCE))),
            "mv ../main.go .",
            start.replace("ush_live_...", org_a.api_key),
        )
    )
    # Fetches the modules where that has not been done.
    run([SOURCE / "tests/lib/go", "mod", "download"], timeout_s=220)
    done = run(
        ["bash", "-euc", f"cd {shlex.quote(str(tmp_path))}\n{typed}"],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "GOPROXY": "off",
            "GOSUMDB": "off",
        },
        timeout_s=220,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hello" in done.stdout
