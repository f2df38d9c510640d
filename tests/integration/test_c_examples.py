"""The programs of clients/c/examples do what they say: the main job, and going on without a node."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from usher_testing import BINARIES, SLOWER, SOURCE, Node, Organisation, System, wait_until
from usher_testing.process import SANITIZED, run

README = SOURCE / "clients/c/README.md"
TURNS = max(10, 50 // SLOWER)


@pytest.fixture(scope="module")
def nodes(system: System, org_a: Organisation) -> list[Node]:
    return [system.node("first"), system.node("second")]


def _urls(nodes: list[Node]) -> str:
    return ",".join(node.url for node in nodes)


def test_resolve_prints_the_context(nodes: list[Node], org_a: Organisation):
    org_a.keyed(nodes[0].client()).context.put_profile(profile={"company": "Example Inc."})
    done = run([BINARIES / "usher-example-resolve", _urls(nodes), org_a.api_key, "Hello"])
    assert done.returncode == 0, done.stderr
    assert "Example Inc." in done.stdout
    done = run([BINARIES / "usher-example-resolve", _urls(nodes), "ush_live_nothing", "Hello"])
    assert done.returncode == 1
    assert "sent 1 times" in done.stderr


def _is_guarded(program: pathlib.Path) -> bool:
    """Does what stands between nng and the kernel (src/client/guard.h) stand in it?"""
    done = run(["nm", program])
    assert done.returncode == 0, done.stderr
    defined = {line.split()[2] for line in done.stdout.splitlines() if line[17:19] == "T "}
    return {"sendmsg", "epoll_wait", "epoll_ctl"} <= defined


@pytest.mark.parametrize("example", ["resolve", "failover"])
def test_no_program_with_the_client_loses_nngs_one_thread(example: str):
    assert _is_guarded(BINARIES / f"usher-example-{example}")


@pytest.mark.skipif(SANITIZED, reason="it makes a build of its own, which is like any other's")
def test_the_readme_s_commands_build_and_run_programs_here_and_outside_of_the_tree(
    nodes: list[Node], org_a: Organisation, tmp_path: pathlib.Path
):
    """As they stand there. A program outside reaches nothing of the tree."""
    typed = "".join(re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL))
    for said, meant in (
        ("build/c", str(tmp_path / "build")),
        ("~", str(tmp_path)),
        ("tcp://127.0.0.1:7700", nodes[0].url),
        ("tcp://127.0.0.1:7701", nodes[1].url),
        ("ush_live_...", org_a.api_key),
    ):
        assert said in typed
        typed = typed.replace(said, meant)
    environment = {**os.environ, "CCACHE_NOHASHDIR": "1"}
    if shutil.which("ccache"):
        environment["CMAKE_C_COMPILER_LAUNCHER"] = "ccache"
    done = run(
        ["bash", "-euc", typed],
        cwd=SOURCE, env=environment, stdin=subprocess.DEVNULL, timeout_s=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ written, \d+ read, 0 failed", done.stdout, re.M), done.stdout
    assert "Hello" in done.stdout and "What now?" in done.stdout
    assert _is_guarded(tmp_path / "program")
    environment["PKG_CONFIG_PATH"] = str(tmp_path / "usher-client/lib/pkgconfig")
    for name in ("resolve", "failover"):
        source = SOURCE / "clients/c/examples" / f"{name}.c"
        done = run(
            ["sh", "-c", f'cc -Wall -Wextra -Werror "$0" -o {name}'
             " $(pkg-config --cflags --libs usher-client)", source],
            cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def fail_over(system: System, nodes: list[Node], org_a: Organisation) -> bool:
    """Whether all calls succeeded. What the dead node began at the database may keep its keys busy
    for as long as a call is repeated: calls that are told so may fail."""

    def stored() -> int:
        return system.database.count("turns")

    before = stored()
    example = subprocess.Popen(
        [BINARIES / "usher-example-failover", _urls(nodes), org_a.api_key, "example"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: stored() > before + TURNS, "turns are written", 60)
        nodes[0].kill()
        at_death = stored()
        wait_until(lambda: stored() > at_death + TURNS, "they are without one node", 60)
        nodes[0].start_and_wait()
        at_return = stored()
        wait_until(lambda: stored() > at_return + TURNS, "and with it again", 60)
        out, errors = example.communicate("", timeout=60 * SLOWER)
    finally:
        if example.poll() is None:
            example.kill()
            example.wait()
    print(out)
    busy = errors.splitlines()
    assert all("under this idempotency key" in line for line in busy), errors
    said = re.search(r"^(\d+) written, (\d+) read, (\d+) failed", out, re.M)
    assert said and int(said[3]) == len(busy) <= 4, out  # a call of each thread
    assert example.returncode == bool(busy), errors + out
    written = int(said[1])
    assert written <= stored() - before <= written + len(busy)
    return not busy


def test_failover_goes_on_without_a_node_and_writes_once(
    system: System, nodes: list[Node], org_a: Organisation
):
    assert any(fail_over(system, nodes, org_a) for _ in range(3))
