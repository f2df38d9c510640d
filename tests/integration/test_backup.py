"""docs/operations.md's backup and restore, as it says it: into a fresh cluster, under a node that runs."""

from __future__ import annotations

import base64
import os
import pathlib
import re
import secrets
import subprocess
from collections.abc import Iterator

import pytest

import usher
from usher_testing import SLOWER, SOURCE, Node, Organisation, System, wait_until
from usher_testing.system import Cluster

SECTION = (SOURCE / "docs/operations.md").read_text().partition("\n## Back up and restore\n")[2]
SECTION = SECTION.partition("\n## ")[0]
COMMANDS = re.findall(r"^    (\S.*)$", SECTION, re.MULTILINE)


def _company(calls: usher.Calls) -> str:
    reply = calls.context.resolve(message="Hello")
    found = re.search(r"Company-\w+", " ".join(s.text for s in reply.context.segments))
    return found[0] if found else ""


@pytest.fixture(scope="module")
def cluster(workspace: pathlib.Path) -> Iterator[Cluster]:
    made = Cluster(workspace / "backup-cluster", ("fsync=off",))
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def system(workspace: pathlib.Path, cluster: Cluster) -> Iterator[System]:
    """Its database is called usher, as in the doc."""
    made = System(workspace / "backup", cluster.database("usher"))
    yield made
    made.stop()


def _run(cluster: Cluster, folder: pathlib.Path, command: str, system: System) -> str:
    """A command of the doc, as the schema's owner, with what a shell there would have."""
    env = {
        **os.environ,
        "PGHOST": cluster.socket,
        "PGUSER": "usher_owner",
        "PATH": f"{os.environ['USHER_BINARY_DIR']}/bin:{os.environ['PATH']}",
        "USHER_DATABASE_CONNINFO": system.database.owner,
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60 * SLOWER,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


class _Held:
    """A table that nobody else can touch."""

    def __init__(self, system: System, table: str):
        self._psql = subprocess.Popen(
            ["psql", "-XAtq", "-d", system.database.owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._psql.stdin and self._psql.stdout
        self._psql.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'held';\n")
        self._psql.stdin.flush()
        assert self._psql.stdout.readline().strip() == "held"

    def release(self) -> None:
        self._psql.communicate("ROLLBACK;\n")


def test_a_dump_restored_into_a_fresh_cluster(
    system: System, cluster: Cluster, node: Node, org_a: Organisation, tmp_path: pathlib.Path
):
    dump, restore = COMMANDS[0], COMMANDS[1:]
    assert dump.startswith("pg_dump ") and restore[-1] == "usher db check"
    client = node.client(timeout=10.0 * SLOWER)
    session = usher.Session()
    calls = client.using(credential=org_a.api_key, session=session)
    owner = org_a.owner(client)
    calls.context.put_profile(profile={"company": "Company-before"})
    # There are rows of this cluster's transactions, which mean nothing in another.
    assert system.database.count("changes") > 0 and system.database.count("nodes") == 1

    _run(cluster, tmp_path, dump, system)

    calls.context.put_profile(profile={"company": "Company-after"})
    assert _company(calls) == "Company-after"
    # Receipts that can't be stored before the old database is gone.
    held = _Held(system, "usher.reads")
    for _ in range(10):
        calls.context.resolve(message="Hello", purpose="in-the-spool")
    cluster.stop("immediate")
    held.release()
    (cluster.folder / "postgres").rename(cluster.folder / "postgres.old")
    cluster.start()
    said = {command: _run(cluster, tmp_path, command, system) for command in restore}
    assert "to be applied" not in said["usher migrate status"]

    # The node is the same process. It saw another cluster, and remembers nothing of the old one.
    wait_until(node.is_ready, "the node serves the restored database", 30)
    wait_until(
        lambda: system.database.count("nodes") == 1 and node.health().lease_held,
        "the node has a lease there",
        30,
    )
    anew = client.using(credential=org_a.api_key)
    assert _company(anew) == "Company-before"
    # A revision of the old cluster is no reason to refuse, nor to wait for ever.
    assert _company(calls) == "Company-before"
    # Tokens from before are good: the signing keys came along, sealed with the same master key.
    assert owner.user.get_me().user_id == org_a.user_id
    calls.context.put_profile(profile={"company": "Company-anew"})
    assert _company(calls) == "Company-anew"
    key = org_a.new_key(client, "context.read", default_user_id=org_a.user_id)
    assert _company(client.using(credential=key.api_key)) == "Company-anew"
    owner.context.revoke_api_key(chatbot_id=org_a.chatbot_id, key_id=key.key.key_id)
    with pytest.raises(usher.Unauthenticated):
        client.using(credential=key.api_key).context.resolve(message="Hello")
    wait_until(
        lambda: system.database.count("reads", "purpose = 'in-the-spool'") > 0,
        "receipts of the spool are in the restored database",
        30,
    )


def test_deleted_signing_keys_end_tokens_at_the_restart(
    system: System, node: Node, org_a: Organisation
):
    """A node that runs has them in memory, and goes on with them until it asks for a session."""
    client = node.client()
    seen, unseen = org_a.login(client), org_a.login(client)
    remembered, unknown = (client.using(credential=t.access_token) for t in (seen, unseen))
    wait_until(lambda: node.health().lease_held, "memory is trusted")
    assert remembered.user.get_me().user_id == org_a.user_id
    wait_until(lambda: node.health().lease_held, "memory is trusted")
    system.database.sql("DELETE FROM usher.signing_keys")
    for _ in range(10):
        assert remembered.user.get_me().user_id == org_a.user_id
    for calls in (unknown, remembered):
        with pytest.raises(usher.Unauthenticated):
            calls.user.get_me()
    # A new key is the job's, which looks once an hour, and the start's.
    with pytest.raises(usher.Unavailable) as refused:
        org_a.login(client)
    assert refused.value.reason == "SIGNING_KEY_MISSING"
    node.stop()
    node.start_and_wait()
    client = node.client()
    for tokens in (seen, unseen):
        with pytest.raises(usher.Unauthenticated):
            client.using(credential=tokens.access_token).user.get_me()
    refreshed = client.auth.refresh(refresh_token=seen.refresh_token)
    assert client.using(credential=refreshed.access_token).user.get_me().user_id == org_a.user_id


def test_another_master_key_opens_nothing_and_costs_what_the_doc_says(
    system: System, node: Node, org_a: Organisation
):
    client = node.client()
    tokens = org_a.login(client)
    node.stop()
    system.master_key = base64.b64encode(secrets.token_bytes(32)).decode()
    other = system.node("other", start=False)
    other.start()
    stranger = other.client(timeout=5.0 * SLOWER)

    def refusal() -> str:
        try:
            org_a.login(stranger)
        except usher.Error as error:
            return error.reason
        return ""

    wait_until(lambda: refusal() == "SIGNING_KEY_SEALED", "nobody can log in", 30)
    assert "master_key" in stranger.ops.get_health().reason
    # Sealed they stay: what the old key sealed is not replaced by itself.
    assert system.database.count("signing_keys") == 1
    system.database.sql("DELETE FROM usher.signing_keys")
    other.stop()
    other.start_and_wait()
    with pytest.raises(usher.Unauthenticated):
        stranger.using(credential=tokens.access_token).user.get_me()
    refreshed = stranger.auth.refresh(refresh_token=tokens.refresh_token)
    assert stranger.using(credential=refreshed.access_token).user.get_me()
    assert org_a.login(stranger).access_token
    assert _company(stranger.using(credential=org_a.api_key))
