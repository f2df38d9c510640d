"""Memory follows the database wherever it goes: to another server with the same rows, back in time,
through a restart, past transactions that commit in any order and changes by the hundred thousand."""

from __future__ import annotations

import pathlib
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import usher
from usher_testing import Figures, Fleet, Organisation, Statements, System, unless, wait_until
from usher_testing.organisation import forged_secret
from usher_testing.process import run
from usher_testing.replica import BIN, Replica, allow_copies, as_server, copy_cluster, server_folder
from usher_testing.system import Cluster

SETTINGS = ("fsync=off", "max_connections=100", "wal_level=replica")
CHANGE_KEY = 1
BURN = "DO $$ BEGIN FOR i IN 1..{} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"


class Scene:
    """A cluster of its own, two nodes on it, and a key that both know."""

    def __init__(self, folder: pathlib.Path, settings: tuple[str, ...] = SETTINGS):
        folder.mkdir()
        folder.chmod(0o711)
        self.folder = folder
        self.clusters = [Cluster(folder / "first", settings)]
        self.system = System(folder / "system", self.clusters[0].database("usher"))
        self.org: Organisation = self.system.organisation("a")
        self.fleet = Fleet(self.system)
        for _ in range(2):
            self.fleet.add(link=True)
        self.fleet.settle()
        self.clients = self.fleet.clients()
        self.session = usher.Session()

    def stop(self) -> None:
        try:
            self.system.stop()
        finally:
            for cluster in self.clusters:
                cluster.stop()

    def settle(self) -> None:
        """All nodes hold a lease, and have found their database: their health may be from before."""
        self.fleet.settle(30)
        for node in range(len(self.clients)):
            self.await_database(node)

    def await_database(self, node: int) -> None:
        """By a key that no memory has."""

        def is_refused() -> bool:
            return not self.accepts(node, forged_secret("live"))

        wait_until(lambda: unless(usher.Unavailable, is_refused), "its database is found", 20)

    def write(self, company: str) -> None:
        calls = self.org.keyed(self.clients[0]).using(session=self.session)
        calls.context.put_profile(profile={"company": company})

    def read(self, node: int, session: usher.Session | None = None) -> tuple[str, bool]:
        """What that node says of the company, and whether from memory."""
        calls = self.org.keyed(self.clients[node]).using(session=session)
        reply = calls.context.resolve(message="x")
        return " ".join(s.text for s in reply.context.segments), reply.from_memory

    def remember(self, company: str) -> None:
        """All nodes have it, from memory."""
        for node in range(len(self.clients)):
            wait_until(
                lambda: unless(usher.Unavailable, lambda: self._has(node, company)),
                f"node {node} has {company}",
            )

    def _has(self, node: int, company: str) -> bool:
        text, from_memory = self.read(node)
        return company in text and from_memory

    def new_key(self) -> tuple[str, str]:
        """A key that every node remembers, and its id."""
        made = self.org.new_key(self.clients[0], "context.read", default_user_id=self.org.user_id)
        for node in range(len(self.clients)):
            assert self.accepts(node, made.api_key)
        return made.api_key, made.key.key_id

    def accepts(self, node: int, key: str) -> bool:
        try:
            self.clients[node].using(credential=key).context.resolve(message="x")
        except usher.Unauthenticated:
            return False
        return True

    def revoke(self, node: int, key_id: str) -> None:
        self.org.owner(self.clients[node]).context.revoke_api_key(
            chatbot_id=self.org.chatbot_id, key_id=key_id
        )

    def lead_to(self, cluster: Cluster) -> None:
        """All nodes find another server behind their connections."""
        for node in self.fleet.nodes:
            assert node.link
            node.link.lead_to(cluster.socket)
            node.link.cut()
            node.link.flow()
        self.system.database.cluster = cluster

    def emptied_each(self) -> list[int]:
        return [node.log.read_text().count("event=feed_emptied") for node in self.fleet.nodes]

    def emptied(self) -> int:
        return sum(self.emptied_each())

    def check_that_all_is_well(self) -> None:
        """Writes are read, revocations obeyed, memory used; on every node."""
        self.settle()
        company = f"Well {time.monotonic_ns()}"
        self.write(company)
        for node in range(len(self.clients)):
            assert company in self.read(node, self.session)[0]
        self.remember(company)
        for node in range(len(self.clients)):
            key, key_id = self.new_key()
            self.revoke(node, key_id)
            assert [n for n in range(len(self.clients)) if self.accepts(n, key)] == []


def run_well(*words: str | pathlib.Path) -> None:
    done = run(list(words))
    assert done.returncode == 0, done.stderr


@contextmanager
def _scene(folder: pathlib.Path, settings: tuple[str, ...] = SETTINGS) -> Iterator[Scene]:
    scene = Scene(folder, settings)
    try:
        yield scene
    finally:
        scene.stop()


@pytest.fixture
def scene(workspace: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    name = request.node.name.removeprefix("test_")[:24]
    with _scene(workspace / name) as made:
        yield made


def test_a_dump_restored_into_a_fresh_cluster(scene: Scene):
    first = scene.clusters[0]
    # Its transactions have higher numbers than the fresh one's, and their changes are in the dump.
    for statement in (
        BURN.format(20000),
        "INSERT INTO usher.changes (kind, id, restricts)"
        " SELECT 1, gen_random_uuid(), true FROM generate_series(1, 500)",
    ):
        scene.system.database.sql(statement)
    scene.write("Before the dump")
    key, key_id = scene.new_key()
    dump = as_server([BIN / "pg_dump", "-d", first.conninfo("usher_owner", "usher")])
    scene.write("After the dump")
    scene.revoke(0, key_id)
    scene.remember("After the dump")

    fresh = Cluster(scene.folder / "fresh", SETTINGS)
    scene.clusters.append(fresh)
    fresh.database("for_its_roles")
    fresh.empty_database("usher")
    fresh.sql("usher", dump)
    scene.lead_to(fresh)
    scene.settle()
    scene.remember("Before the dump")
    for node in range(2):
        # A revision of the other server: the database answers.
        assert "Before the dump" in scene.read(node, scene.session)[0]
        assert scene.accepts(node, key)
    scene.check_that_all_is_well()
    # What numbers from the other server are in the table of changes is no news for ever.
    emptied = scene.emptied()
    shown = "SELECT sum(n_tup_upd) FROM pg_stat_user_tables WHERE relname = 'nodes'"
    before, began = int(scene.system.database.sql(shown)), time.monotonic()
    wait_until(lambda: time.monotonic() - began > 2, "time passes")
    updates = int(scene.system.database.sql(shown)) - before
    a_second = updates / (time.monotonic() - began)
    assert scene.emptied() == emptied
    # Two nodes renew their leases five times a second; each read of the feed would be 80.
    assert a_second < 30, f"{a_second:.0f} updates of usher.nodes a second"
    for node in range(2):
        wait_until(lambda: scene.read(node)[1], f"node {node} reads from memory")


def test_a_restart_of_the_database(scene: Scene):
    scene.write("Before the restart")
    scene.remember("Before the restart")
    figures = Figures("the database's restart, until all trust memory again")
    for number in range(3):
        with figures.timed():
            scene.clusters[0].stop()
            scene.clusters[0].start()
            scene.settle()
        assert "Before the restart" in scene.read(number % 2, scene.session)[0]
    scene.check_that_all_is_well()
    print(figures)


def test_a_copy_of_its_files_put_back(scene: Scene):
    """The same server, the same timeline, and transaction numbers that are given a second time."""
    cluster = scene.clusters[0]
    data = (cluster.folder / "postgres").resolve()
    scene.write("Early")
    key, key_id = scene.new_key()
    cluster.stop()
    copy = scene.folder / "copy"
    run_well("cp", "-a", data, copy)
    cluster.start()
    scene.settle()
    scene.system.database.sql(BURN.format(500))
    scene.write("Late")
    scene.revoke(0, key_id)
    scene.remember("Late")
    assert not scene.accepts(0, key)

    before = scene.emptied_each()
    cluster.stop()
    shutil.rmtree(data)
    run_well("cp", "-a", copy, data)
    cluster.start()
    # What they were told by the server that was stopped holds for a lease, and all this may be faster.
    wait_until(
        lambda: all(now > then for now, then in zip(scene.emptied_each(), before, strict=True)),
        "each node has met the server that was put back",
        30,
    )
    scene.settle()
    for node in range(2):
        assert "Early" in scene.read(node)[0], f"node {node} remembers what is not there"
        assert scene.accepts(node, key), f"node {node} refuses what the database does not"
    # Numbers from before the restore come again: what they say now is heard.
    for number in range(20):
        company = f"Again {number}"
        scene.write(company)
        wait_until(lambda: company in scene.read(1)[0], f"node 1 has {company}", 2)
    scene.check_that_all_is_well()


def test_a_restore_to_an_earlier_point(workspace: pathlib.Path):
    archive = server_folder(workspace / "earlier-archive")
    settings = (*SETTINGS, "archive_mode=on", f"archive_command='cp %p {archive}/%f'")
    with _scene(workspace / "earlier", settings) as scene:
        first = scene.clusters[0]
        allow_copies(first)
        copy_cluster(first, scene.folder / "restored", name="restored", follows=False)
        scene.write("Early")
        key, key_id = scene.new_key()
        first.sql("postgres", "SELECT pg_create_restore_point('here'), pg_switch_wal()")
        scene.write("Late")
        scene.revoke(0, key_id)
        scene.remember("Late")
        first.sql("postgres", "SELECT pg_switch_wal()")
        first.stop()

        data = scene.folder / "restored" / "postgres"
        with (data / "postgresql.auto.conf").open("a") as conf:
            conf.write(
                f"restore_command = 'cp {archive}/%f %p'\n"
                "recovery_target_name = 'here'\nrecovery_target_action = 'promote'\n"
            )
        (data / "recovery.signal").touch()
        shutil.chown(data / "recovery.signal", data.stat().st_uid, data.stat().st_gid)
        restored = Cluster(scene.folder / "restored", SETTINGS)
        scene.clusters.append(restored)
        wait_until(
            lambda: restored.sql("postgres", "SELECT pg_is_in_recovery()") == "f", "restored", 30
        )
        scene.lead_to(restored)
        scene.settle()
        scene.remember("Early")
        for node in range(2):
            assert "Early" in scene.read(node, scene.session)[0]
            assert scene.accepts(node, key)
        scene.check_that_all_is_well()
        scene.clusters.remove(first)


def test_a_replica_is_promoted(scene: Scene):
    first = scene.clusters[0]
    allow_copies(first)
    replica = Replica(scene.folder / "replica", first, SETTINGS)
    scene.clusters.append(replica)
    scene.write("On the first")
    key, key_id = scene.new_key()
    scene.revoke(1, key_id)
    scene.remember("On the first")
    wait_until(lambda: replica.has_all_of(first), "the replica follows", 20)
    first.kill()
    replica.promote()
    scene.lead_to(replica)
    for node in range(2):
        wait_until(scene.fleet.nodes[node].is_ready, "it serves", 20)
        scene.await_database(node)
        assert "On the first" in scene.read(node, scene.session)[0]
        assert not scene.accepts(node, key)
    scene.check_that_all_is_well()


def test_the_old_primary_lives_on(scene: Scene):
    """Nobody fenced it, and it answers whoever is still connected: who has left it believes it nothing."""
    first = scene.clusters[0]
    allow_copies(first)
    replica = Replica(scene.folder / "replica", first, SETTINGS)
    scene.clusters.append(replica)
    scene.write("On the first")
    key, key_id = scene.new_key()
    scene.remember("On the first")
    wait_until(lambda: replica.has_all_of(first), "the replica follows", 20)
    replica.promote()
    # Connections that stand go on standing, but for those of the feeds.
    for node in scene.fleet.nodes:
        assert node.link
        node.link.lead_to(replica.socket)
    before = scene.emptied_each()
    feeds = "query LIKE '%usher.nodes%' AND pid <> pg_backend_pid()"

    def each_feed_has_left() -> bool:
        # Known by its last statement, which now and then is another one.
        first.sql("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {feeds}")
        return all(now > then for now, then in zip(scene.emptied_each(), before, strict=True))

    wait_until(each_feed_has_left, "each feed reads the new one", 20)
    scene.system.database.cluster = replica
    scene.settle()
    scene.write("On the second")
    scene.revoke(0, key_id)
    for node in range(2):
        assert not scene.accepts(node, key)
        assert "On the second" in scene.read(node)[0]
    count = f"SELECT count(*) FROM usher.api_keys WHERE id = '{key_id}' AND revoked_at IS NOT NULL"
    assert first.sql("usher", count) == "0"
    assert replica.sql("usher", count) == "1"
    scene.check_that_all_is_well()


def test_commits_out_of_order(scene: Scene):
    """Transactions that began in one order end in another; each is heard as it ends."""
    figures = Figures("from a late commit until every node obeys")
    database = scene.system.database
    for _ in range(3):
        keys = [scene.new_key() for _ in range(6)]
        open_ones = []
        for key, key_id in keys:
            session = Statements(database)
            session.run(
                "BEGIN;"
                f"UPDATE usher.api_keys SET revoked_at = now() WHERE id = '{key_id}';"
                "INSERT INTO usher.changes (kind, id, org_id)"
                f" VALUES ({CHANGE_KEY}, '{key_id}', '{scene.org.org_id}')"
            )
            open_ones.append((session, key))
            scene.write(f"Between {len(open_ones)}")  # later ones commit before
        random.shuffle(open_ones)
        for number, (session, key) in enumerate(open_ones):
            assert scene.accepts(0, key) and scene.accepts(1, key)
            ends = "ROLLBACK" if number == 3 else "COMMIT"
            session.run(ends)
            if ends == "COMMIT":
                with figures.timed():
                    for node in range(2):
                        wait_until(lambda: not scene.accepts(node, key), "it is heard", 2, 0.002)
            else:
                assert scene.accepts(0, key) and scene.accepts(1, key)
            session.__exit__()
    scene.check_that_all_is_well()
    print(figures)


def test_an_open_transaction_holds_up_nobody(scene: Scene):
    figures = Figures("revocations under an open write transaction")
    ends = time.monotonic() + 60
    with Statements(scene.system.database) as old:
        old.run("BEGIN; INSERT INTO usher.changes (kind) VALUES (0)")
        number = 0
        while time.monotonic() < ends:
            number += 1
            key, key_id = scene.new_key()
            with figures.timed():
                scene.revoke(number % 2, key_id)
            assert not scene.accepts(0, key) and not scene.accepts(1, key)
            scene.write(f"Under it {number}")
            assert f"Under it {number}" in scene.read(1, scene.session)[0]
        scene.remember(f"Under it {number}")
        old.run("COMMIT")
    scene.check_that_all_is_well()
    print(figures)


def test_a_hundred_thousand_changes_at_once(scene: Scene):
    figures = Figures("100,000 changes at once, until every node obeys them")
    for number in range(3):
        scene.write(f"Many {number}")
        scene.remember(f"Many {number}")
        key, key_id = scene.new_key()
        scene.system.database.sql(
            "BEGIN;"
            f"UPDATE usher.api_keys SET revoked_at = now() WHERE id = '{key_id}';"
            "INSERT INTO usher.changes (kind, id, org_id)"
            f" SELECT {CHANGE_KEY}, gen_random_uuid(), '{scene.org.org_id}'"
            " FROM generate_series(1, 100000);"
            "INSERT INTO usher.changes (kind, id, org_id)"
            f" VALUES ({CHANGE_KEY}, '{key_id}', '{scene.org.org_id}');"
            "COMMIT"
        )
        with figures.timed():
            for node in range(2):
                wait_until(lambda: not scene.accepts(node, key), "it is heard", 2, 0.002)
        scene.fleet.settle()
    scene.check_that_all_is_well()
    print(figures)
