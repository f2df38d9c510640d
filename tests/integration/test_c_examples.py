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


@pytest.mark.skipif(SANITIZED, reason="its libraries are linked with the sanitizers' own flags")
def test_a_program_outside_of_the_tree_is_built_with_what_is_installed(
    nodes: list[Node], org_a: Organisation, tmp_path: pathlib.Path
):
    """As clients/c/README.md has it, and nothing of the tree is reached."""
    done = run(["cmake", "--install", BINARIES.parent, "--component", "client",
                "--prefix", tmp_path / "there"])  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = (tmp_path / "there").rglob("usher-client.pc")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(found.parent)}
    for name in ("resolve", "failover"):
        source = tmp_path / f"{name}.c"
        shutil.copy(SOURCE / "clients/c/examples" / source.name, source)
        done = run(
            ["sh", "-c", f"cc -Wall -Wextra -Werror {name}.c"
             f" $(pkg-config --cflags --libs usher-client) -o {name}"],
            cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert _is_guarded(tmp_path / name)
    done = run([tmp_path / "resolve", _urls(nodes), org_a.api_key, "Hello from afar"])
    assert done.returncode == 0 and "Hello from afar" in done.stdout, done.stderr


def test_failover_goes_on_without_a_node_and_writes_once(
    system: System, nodes: list[Node], org_a: Organisation
):
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
    assert example.returncode == 0, errors + out
    said = re.search(r"^(\d+) written, (\d+) read, 0 failed", out, re.M)
    assert said, out
    assert stored() - before == int(said[1])
