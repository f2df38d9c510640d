"""Fixtures for pytest: a cluster for the run, a database and servers for each file.

What a file's servers wrote (settings, logs) is kept in BUILD/test-logs when a test of it fails."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

import usher
from usher_testing.organisation import Organisation
from usher_testing.process import BUILD
from usher_testing.system import Bridge, Cluster, Database, Node, System

_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """pytest keeps the folders of its last runs; ours go with the run."""
    if not config.option.basetemp:
        config.option.basetemp = tempfile.mkdtemp(prefix="usher-pytest.")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


@pytest.fixture(scope="session")
def workspace() -> Iterator[pathlib.Path]:
    """A folder for this run, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="usher-test.") as folder:
        path = pathlib.Path(folder)
        path.chmod(0o711)
        yield path


@pytest.fixture(scope="session")
def cluster(workspace: pathlib.Path) -> Iterator[Cluster]:
    made = Cluster(workspace / "cluster", _FAST)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def database(cluster: Cluster, request: pytest.FixtureRequest) -> Database:
    return cluster.database(request.path.stem)


@pytest.fixture(scope="module")
def system(
    workspace: pathlib.Path, database: Database, request: pytest.FixtureRequest
) -> Iterator[System]:
    """Empty: a test file's own fixtures say which servers it wants."""
    made = System(workspace / request.path.stem, database)
    failed_before = request.session.testsfailed
    try:
        yield made
        made.stop()
    except BaseException:
        _keep_logs(made)
        raise
    if request.session.testsfailed > failed_before:
        _keep_logs(made)


def _keep_logs(system: System) -> None:
    kept = BUILD / "test-logs" / system.folder.name
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(system.folder, kept, ignore=shutil.ignore_patterns("*.spool", "*.key", "*.db", ".s.*"))
    print(f"logs are kept in {kept}")


@pytest.fixture(scope="module")
def org_a(system: System) -> Organisation:
    made = system.organisation("a")
    system.signup_org = system.signup_org or made.org_id
    return made


@pytest.fixture(scope="module")
def org_b(system: System) -> Organisation:
    return system.organisation("b")


@pytest.fixture(scope="module")
def node(system: System, org_a: Organisation) -> Node:
    """An usherd whose sign-ups go to org_a."""
    return system.node()


@pytest.fixture(scope="module")
def bridge(system: System, node: Node) -> Bridge:
    return system.bridge(node)


@pytest.fixture(scope="module")
def client(node: Node) -> usher.Client:
    return node.client()


@pytest.fixture(autouse=True)
def servers_go_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the servers that it found running still run."""
    system = request.getfixturevalue("system") if "system" in request.fixturenames else None
    before = [p for p in system.processes() if p.is_running()] if system else []
    yield
    for process in before:
        if process in system.processes() and not process.stopped_on_purpose:
            process.check_alive()
