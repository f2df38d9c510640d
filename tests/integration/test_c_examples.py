"""The programs of clients/c/examples do what they say: the main job, and going on without a node."""

from __future__ import annotations

import re
import subprocess

import pytest

from usher_testing import BINARIES, SLOWER, Node, Organisation, System, wait_until
from usher_testing.process import run

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
