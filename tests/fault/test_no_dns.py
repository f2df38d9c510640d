"""Names that cannot be looked up, because nobody answers or because it takes for ever: what is connected
serves on, what is not says so at once, everything stops in time, and goes on when names are back."""

from __future__ import annotations

import itertools
import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

import usher
from usher_testing import (
    BINARIES,
    Bridge,
    Figures,
    Link,
    Node,
    Organisation,
    System,
    free_port,
    wait_until,
)
from usher_testing.process import BUILD, SANITIZED, Process

pytestmark = pytest.mark.skipif(SANITIZED, reason="no library can be put before a sanitizer's")

PRELOAD = BUILD / "preload" / "no_dns.so"
STOP_S = 5.0
_NUMBERS = itertools.count()
# What is said at once takes no longer on a machine that does other things too; what is not takes as long
# as its caller has time.
AT_ONCE_S = 8.0
CALLER_S = 30.0
TROUBLES = {"dead": b"d", "slow": b"s"}


class Dns:
    """How names are looked up by those who are given its env."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self.env = {"LD_PRELOAD": str(PRELOAD), "USHER_DNS": str(path)}
        self.set(b"u")

    def set(self, mode: bytes) -> None:
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.write(mode)

    def up(self) -> None:
        self.set(b"u")


@pytest.fixture
def dns(system: System) -> Iterator[Dns]:
    assert PRELOAD.exists(), "no names can be taken away in this build"
    made = Dns(system.folder / "dns")
    yield made
    made.up()


@pytest.fixture(scope="module")
def link(system: System) -> Iterator[tuple[Link, int]]:
    """The database on a port."""
    port = free_port()
    made = Link(system.folder / "named.db", system.database.cluster.socket, port)
    yield made, port
    made.done()


@pytest.fixture
def remote(system: System, org_a: Organisation, dns: Dns, link: tuple[Link, int]) -> Iterator[Node]:
    """A node that knows its database by a name. Not started."""
    link[0].flow()
    made = system.node(
        f"remote{next(_NUMBERS)}",
        start=False,
        database__conninfo="",
        database__host="db.usher.test",
        database__port=str(link[1]),
        database__name=system.database.name,
        database__user="usher_app",
    )
    made._env |= dns.env
    yield made
    dns.up()
    system.processes().remove(made)
    made.done()


def _stop(process: Process, figures: Figures, most_s: float = STOP_S) -> None:
    process.stopped_on_purpose = True
    with figures.timed():
        process.signal(signal.SIGTERM)
        wait_until(lambda: not process.is_running(), f"{process.name} ends", most_s)
    process.stop()


def _refused_at_once(node: Node, org: Organisation) -> float:
    """The time of a call that needs the database, which is told that there is none."""
    began = time.monotonic()
    with pytest.raises(usher.Unavailable) as refused:
        org.keyed(node.client(timeout=CALLER_S)).context.put_profile(profile={"company": "x"})
    assert refused.value.reason == "DATABASE_AWAY"
    return time.monotonic() - began


def _says_why(node: Node) -> bool:
    health = node.health()
    return not health.ready and "away" in health.reason


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_node_that_starts_without_names_waits_for_them(
    trouble: str, dns: Dns, remote: Node, org_a: Organisation
):
    figures = Figures(f"a stop of usherd, names {trouble} since the start")
    dns.set(TROUBLES[trouble])
    remote.start()
    wait_until(lambda: _says_why(remote), "it knows that there is no database", 20)
    assert _refused_at_once(remote, org_a) < AT_ONCE_S
    _stop(remote, figures)
    # Before it has found out, too.
    remote.start()
    remote.health()
    _stop(remote, figures)
    remote.start()
    remote.health()
    dns.up()
    wait_until(remote.is_ready, "it serves once names are back", 20)
    assert org_a.keyed(remote.client()).context.resolve(message="x").read_id
    print(figures)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_node_that_loses_names_serves_on_while_it_is_connected(
    trouble: str, dns: Dns, remote: Node, link: tuple[Link, int], org_a: Organisation
):
    remote.start_and_wait()
    calls = org_a.keyed(remote.client())
    calls.context.resolve(message="x")
    dns.set(TROUBLES[trouble])
    for turn in range(20):
        assert calls.context.put_profile(profile={"company": f"Company {turn}"}).user_id
        assert calls.context.resolve(message="x").read_id
    # Its connections break as well.
    link[0].cut()
    wait_until(lambda: _says_why(remote), "it knows that the database is away", 20)
    link[0].flow()
    figures = Figures(f"a call without a database, names {trouble}")
    health = Figures(f"health meanwhile, names {trouble}")
    for _ in range(20):
        with figures.timed():
            _refused_at_once(remote, org_a)
        with health.timed():
            assert _says_why(remote)
    assert max(figures.ms + health.ms) < AT_ONCE_S * 1000
    dns.up()
    wait_until(remote.is_ready, "it serves again", 20)
    assert calls.context.resolve(message="x").read_id
    assert calls.context.put_profile(profile={"company": "Back"}).user_id
    stop = Figures(f"a stop of usherd that has just lost its database, names {trouble}")
    # It may wait for the lookup, its receipts, the feed and the quotas one after another, a second and
    # more each: one stop of two has to keep the bound.
    for turn in range(2):
        if turn:
            remote.start_and_wait()
            assert org_a.keyed(remote.client()).context.resolve(message="x").read_id
        dns.set(TROUBLES[trouble])
        link[0].cut()
        link[0].flow()
        _stop(remote, stop, 2 * STOP_S)
        dns.up()
        if stop.ms[-1] < STOP_S * 1000:
            break
    print(figures, health, stop, sep="\n")
    assert min(stop.ms) < STOP_S * 1000


def _bridge(system: System, dns: Dns, node: Node, name: str) -> Bridge:
    made = system.bridge(
        node,
        name,
        start=False,
        bridge__upstream=f"tcp://one.usher.test:{node.port},tcp://two.usher.test:{free_port()}",
    )
    made._env |= dns.env
    return made


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_bridge_that_starts_without_names_waits_for_them(
    trouble: str, dns: Dns, system: System, node: Node, org_a: Organisation
):
    bridge = _bridge(system, dns, node, f"early-{trouble}")
    figures = Figures(f"a stop of the bridge, names {trouble} since the start")
    dns.set(TROUBLES[trouble])
    for _ in range(2):
        bridge.start_and_wait()
        assert bridge.http().get("/ready").status == 503
        _stop(bridge, figures)
    bridge.start_and_wait()
    keyed = bridge.http(api_key=org_a.api_key)
    resolve = f"/v1/chatbots/{org_a.chatbot_id}:resolve"
    if trouble == "slow":
        keyed.post(resolve, {"message": "x"}).expect(503, "NOT_CONNECTED")
    # A caller that waits does not keep it from ending.
    waiting = threading.Thread(target=lambda: _try(bridge), daemon=True)
    waiting.start()
    _stop(bridge, figures)
    waiting.join(10)
    bridge.start_and_wait()
    dns.up()
    wait_until(lambda: bridge.http().get("/ready").status == 200, "it is ready with names", 30)
    keyed.post(resolve, {"message": "x"}).expect(200)
    bridge.stop()
    print(figures)


def _try(bridge: Bridge) -> None:
    try:
        bridge.http().get("/ready")
    except OSError:
        pass


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_bridge_that_loses_names_serves_on_and_finds_its_server_again(
    trouble: str, dns: Dns, system: System, node: Node, org_a: Organisation
):
    bridge = _bridge(system, dns, node, f"late-{trouble}")
    bridge.start_and_wait()
    wait_until(lambda: bridge.http().get("/ready").status == 200, "it is ready", 30)
    keyed = bridge.http(api_key=org_a.api_key)
    dns.set(TROUBLES[trouble])
    for _ in range(20):
        keyed.post(f"/v1/chatbots/{org_a.chatbot_id}:resolve", {"message": "x"}).expect(200)
    node.kill()
    node.start_and_wait()
    wait_until(lambda: bridge.http().get("/ready").status == 503, "it has lost its server", 20)
    figures = Figures(f"/health of a bridge without a server, names {trouble}")
    for _ in range(20):
        with figures.timed():
            assert bridge.http().get("/health").status == 200
    assert max(figures.ms) < AT_ONCE_S * 1000
    dns.up()
    wait_until(lambda: bridge.http().get("/ready").status == 200, "it is ready again", 30)
    keyed.post(f"/v1/chatbots/{org_a.chatbot_id}:resolve", {"message": "x"}).expect(200)
    dns.set(TROUBLES[trouble])
    stop = Figures(f"a stop of the bridge while it is connected, names {trouble}")
    _stop(bridge, stop)
    print(figures, stop, sep="\n")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_c_client_gives_up_at_its_deadline_and_ends(
    trouble: str, dns: Dns, system: System, node: Node, org_a: Organisation
):
    """`usher call` is made of it."""

    def call(timeout_ms: int) -> subprocess.CompletedProcess[str]:
        words = [
            str(BINARIES / "usher"), "call", "--url", f"tcp://one.usher.test:{node.port}",
            "--credential", org_a.api_key, "--timeout-ms", str(timeout_ms),
            "usher.v1.OpsService/GetHealth", "{}",
        ]  # fmt: skip
        return subprocess.run(words, env=env, capture_output=True, text=True, timeout=CALLER_S)

    system.write_config("caller", {})
    env = {**os.environ, **dns.env, "USHER_CONFIG": str(system.folder / "caller.conf")}
    figures = Figures(f"usher call with 1 s, names {trouble}")
    dns.set(TROUBLES[trouble])
    for _ in range(2):
        with figures.timed():
            done = call(1000)
        assert done.returncode != 0 and "there is no connection" in done.stderr, done.stderr
    dns.up()
    done = call(int(CALLER_S * 1000) // 2)
    assert done.returncode == 0, done.stderr
    print(figures)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("setting", ["http.listen", "metrics.listen", "rpc.listen"])
def test_a_name_to_listen_on_that_nobody_knows_is_said_in_time(
    setting: str, trouble: str, dns: Dns, system: System, node: Node
):
    """It would wait as long as the resolver does, and be told to stop meanwhile in vain."""
    port = free_port()
    address = (
        f"tcp://here.usher.test:{port}"
        if setting == "rpc.listen"
        else f"here.usher.test:{port}"
    )
    words = {"http.listen": "usher-bridge"}.get(setting, "usherd")
    ours = {"rpc.listen": f"tcp://127.0.0.1:{free_port()}", "mode": "production",
            "rpc.private_network": "on", setting: address}  # fmt: skip
    (system.folder / "named").mkdir(exist_ok=True)
    ours["spool.dir"] = str(system.folder / "named")
    if setting == "http.listen":
        ours |= {"bridge.upstream": node.url, "bridge.key": "x"}
    config = system.write_config(f"named-{setting}-{trouble}", ours)
    env = {**os.environ, **dns.env, "USHER_CONFIG": config}
    dns.set(TROUBLES[trouble])
    figures = Figures(f"a start of {words} at a name, names {trouble}")
    with figures.timed():
        done = subprocess.run(
            [str(BINARIES / words)], env=env, capture_output=True, text=True, timeout=CALLER_S
        )
    print(figures)
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith(f"{words}: ")]
    assert len(told) == 1 and address in told[0], done.stderr
    assert told[0].startswith(f"{words}: NAMES_AWAY: ") and "no name server answers" in told[0], done.stderr
