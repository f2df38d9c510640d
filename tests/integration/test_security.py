"""What docs/security.md says of footholds: a stolen dump, a wire that is listened to, the bridge's key, a
node's role in the database."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import pathlib
import re
import selectors
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator

import pytest

import usher
from usher_testing import (
    SLOWER,
    SOURCE,
    Bridge,
    Node,
    Organisation,
    System,
    free_port,
    leaks,
    read_metrics,
    unverified_token,
    wait_until,
)
from usher_testing.process import run
from usher_testing.system import BINARIES
from usher_testing.tokens import SigningKey


def _person(http, secrets: dict[str, str], name: str) -> tuple[str, str]:
    """Signs up, verifies, logs in, refreshes twice; what only they should know goes to secrets."""
    email, password = f"{name}@example.com", f"pass phrase of {name} 7Q"
    signup = http.post("/v1/auth/signup", {"email": email, "password": password}).expect(201)
    secrets |= {"password": password, "code": signup["debugCode"]}
    code = {"signupId": signup["signupId"], "code": signup["debugCode"]}
    tokens = http.post("/v1/auth/verify", code).expect(200)
    for turn in range(3):
        secrets |= {
            f"access {turn}": tokens["accessToken"].rpartition(".")[2],
            f"refresh {turn}": tokens["refreshToken"].rpartition("_")[2],
        }
        again = {"refreshToken": tokens["refreshToken"]}
        tokens = http.post("/v1/auth/refresh", again).expect(200)
    http.post("/v1/auth/login", {"email": email, "password": "a wrong one 3Z"}).expect(401)
    secrets["wrong password"] = "a wrong one 3Z"
    login = http.post("/v1/auth/login", {"email": email, "password": password}).expect(200)
    # One that waits for its code.
    open_one = {"email": f"late-{email}", "password": "not verified yet 5K"}
    signup = http.post("/v1/auth/signup", open_one).expect(201)
    secrets |= {"open password": open_one["password"], "open code": signup["debugCode"]}
    return login["accessToken"], login["refreshToken"]


DATABASE_PASSWORD = "told to libpq alone 9W"


@pytest.fixture(scope="module")
def told(system: System, org_a: Organisation) -> Node:
    """A node that has a password for its database, says all that it can say, and whose mail waits."""
    database = system.database
    return system.node(
        "told",
        database__conninfo="",
        database__host=database.cluster.socket,
        database__name=database.name,
        database__user="usher_app",
        database__password=DATABASE_PASSWORD,
        log__level="debug",
        mail__dir=str(system.folder / "nowhere"),
        metrics__listen=f"127.0.0.1:{free_port()}",
    )


def _use_all(system: System, told: Node, org: Organisation) -> dict[str, str | bytes]:
    """Each kind of secret there is, given to servers that tell all that they do."""
    secrets: dict[str, str | bytes] = {
        "database's password": DATABASE_PASSWORD,
        "owner's password": org.password,
        "key": org.api_key.rpartition("_")[2],
        "bridge's key": system.bridge_key.read_text().strip().rpartition("_")[2],
        "master key": system.master_key,
        "master key's bytes": base64.b64decode(system.master_key),
        "idempotency key": usher.idempotency_key(),
        "idempotency key of HTTP": "create-key-2026-11-22",
    }
    # Soon guessed: so its plain digest must not stand there either, by which a guess would be known.
    secrets["digest of that key"] = bytes.fromhex(_digest(str(secrets["idempotency key of HTTP"])))
    bridge = system.bridge(told, "telling", log__level="debug")
    access, refresh = _person(bridge.http(), secrets, "somebody")
    secrets |= {
        "access at last": access.rpartition(".")[2],
        "refresh at last": refresh.rpartition("_")[2],
    }
    client = told.client()
    fields = {"chatbot_id": org.chatbot_id, "scopes": ["context.read"]}
    owner = org.owner(client).using(idempotency_key=secrets["idempotency key"])
    made = owner.context.create_api_key(**fields)
    assert owner.context.create_api_key(**fields) == made
    secrets["new key"] = made.api_key.rpartition("_")[2]
    org.keyed(client).context.resolve(message="Hello")
    org.owner(client).auth.introspect(token=access)
    http = bridge.http(bearer=org.tokens(client).access_token)
    headers = {"Idempotency-Key": str(secrets["idempotency key of HTTP"])}
    path = f"/v1/chatbots/{org.chatbot_id}/keys"
    secrets["new key of HTTP"] = (
        http.post(path, {"scopes": ["context.read"]}, headers=headers)
        .expect(201)["apiKey"]
        .rpartition("_")[2]
    )
    # What nobody accepts is a secret of somebody all the same: of another server, or mistyped.
    for name, credential in (
        ("key", "ush_live_" + "7" * 32 + "_" + "q3" * 24),
        ("token", access[:-6]),
    ):
        with pytest.raises(usher.Unauthenticated):
            client.using(credential=credential).user.get_me()
        bridge.http(bearer=credential).get("/v1/me").expect(401)
        secrets[f"refused {name}"] = credential[-40:]
    with pytest.raises(usher.Unauthenticated):
        client.auth.refresh(refresh_token="ush_refresh_" + "5" * 32 + "_" + "r4" * 24)
    secrets["refused refresh"] = "r4" * 20
    # Of the private key that signs: what a PEM's lines hold.
    pem = SigningKey.of(system).pem.decode().splitlines()
    return secrets | {
        f"signing key {i}": line for i, line in enumerate(pem[1:-1]) if len(line) > 20
    }


def _told_places(system: System, told: Node) -> dict[str, bytes]:
    places = leaks.places(system)
    port = re.search(
        r"^metrics.listen = \S+:(\d+)$", (system.folder / "told.conf").read_text(), re.M
    )
    assert port
    places["metrics"] = read_metrics(int(port[1])).encode()
    for words in (
        ("config",),
        ("config", "--json"),
        ("status", "--health", "--url", told.url),
    ):
        done = system.cli(*words, config="told")
        assert done.returncode == 0, done.stderr
        places[" ".join(words[:2])] = (done.stdout + done.stderr).encode()
    return places


def test_a_dump_of_the_whole_database_the_logs_and_the_files_hold_no_secret(
    system: System, told: Node, org_a: Organisation
):
    """What docs/security.md says of a dump, of a copy of the disk and of who reads the logs."""
    secrets = _use_all(system, told, org_a)
    # Mail with a code, an answer with a key and a session are there, sealed or hashed.
    for table in (
        "mail_outbox",
        "idempotency",
        "sessions",
        "refresh_tokens",
        "signups",
        "api_keys",
    ):
        assert system.database.count(table) > 0, table
    places = _told_places(system, told)
    assert b"event=rpc" in places["told.log"]
    there = {"email": org_a.email, "another email": "somebody@example.com"}
    leaks.check_that_none_is_found(system, secrets, there, places)


def test_six_digits_are_found_where_somebody_wrote_them_and_not_in_hex():
    id = "01a206eb-fddd-7400-8200-4f6dd58936f5"
    written = (
        "code 271828.", "code271828and", '{"code":"271828"}', "\t271828\n", f"{id}271828",
        f"271828{id}", "a" * 32 + "271828", "271828" + "a" * 32, b"271828".hex(),
    )  # fmt: skip
    for text in written:
        assert leaks.is_in("code", "271828", text.encode()), text
    long = "a" * 9 + "271828" + "a" * 9
    for text in ("0.271828", "1271828", "2718280", f"b271828a{id[8:]}", long):
        assert not leaks.is_in("code", "271828", text.encode()), text


def _rows(system: System, statement: str, role: str = "") -> list[list[str]]:
    done = run(["psql", "-XAtq", "-F", "|", "-d", role or system.database.owner, "-c", statement])
    assert done.returncode == 0, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def test_each_thing_stands_in_the_database_as_the_page_says(
    system: System, bridge: Bridge, client: usher.Client, org_a: Organisation
):
    """A row of the table "What is sealed with what" each. What is sealed opens with its key alone, which
    unit tests show."""
    secrets: dict[str, str] = {}
    _, refresh = _person(bridge.http(), secrets, "everything")
    owner = org_a.owner(client).using(idempotency_key=usher.idempotency_key())
    key = owner.context.create_api_key(
        chatbot_id=org_a.chatbot_id, scopes=["context.read"]
    ).api_key
    context = org_a.keyed(client).context
    context.put_profile(profile={"company": "A company in clear"})
    context.append_turns(
        conversation="all", turns=[{"role": "TURN_ROLE_USER", "text": "A turn in clear"}]
    )

    hashes = _rows(system, "SELECT DISTINCT split_part(hash, '$', 4) FROM usher.passwords")
    assert hashes == [["m=64,t=1,p=1"]]  # as the tests' settings have it
    assert _rows(system, "SELECT count(*) FROM usher.passwords WHERE hash !~ '^.argon2id.v=19'") == [
        ["0"]
    ]
    shipped = system.folder / "shipped.conf"
    shipped.write_text(f"database.conninfo = {system.database.app}\n")
    shipped.chmod(0o600)
    said = system.cli("config", config="shipped")
    assert said.returncode == 0, said.stderr
    costs = dict(re.findall(r"^password\.(memory_kib|passes)\s*=\s*(\d+)", said.stdout, re.M))
    assert costs == {"memory_kib": str(19 * 1024), "passes": "2"}

    for table, secret in (("api_keys", key), ("refresh_tokens", refresh)):
        assert _rows(
            system,
            f"SELECT count(*) FROM usher.{table} WHERE secret_hash = '\\x{_digest(secret)}'",
        ) == [["1"]], table
    # Not a plain digest of the code, which is soon found.
    codes = {row[0] for row in _rows(system, "SELECT encode(code_hash, 'hex') FROM usher.signups")}
    assert codes and all(len(code) == 64 for code in codes)
    assert not codes & {_digest(secrets[name]) for name in ("code", "open code")}
    for column in (
        "signing_keys.private_sealed",
        "mail_outbox.sealed",
        "refresh_tokens.successor_sealed",
        "idempotency.result_sealed",
    ):
        table, name = column.split(".")
        type_of = _rows(
            system, f"SELECT DISTINCT pg_typeof({name}) FROM usher.{table} WHERE {name} IS NOT NULL"
        )
        assert type_of in ([["bytea"]], []), column
        assert type_of or table == "mail_outbox", column
    # People's data is in clear, to whoever has a dump and to every node's role.
    for role in (system.database.owner, system.database.app):
        for column, text in (
            ("profiles.company", "A company in clear"),
            ("turns.body", "A turn in clear"),
            ("accounts.email", "everything@example.com"),
            ("audit.action", "usher.v1.ContextService/CreateApiKey"),
        ):
            table, name = column.split(".")
            assert [text] in _rows(system, f"SELECT {name} FROM usher.{table}", role), column
    _rows(system, "UPDATE usher.profiles SET company = 'Anything'", system.database.app)
    assert context.get_profile(user_id=org_a.user_id).profile.company == "Anything"


def test_an_access_token_is_over_after_15_minutes_and_a_refresh_token_after_7_days(
    system: System, client: usher.Client, org_a: Organisation
):
    tokens = org_a.login(client)
    _, claims, _ = unverified_token(tokens.access_token)
    assert claims["exp"] - claims["iat"] == 15 * 60
    left = _rows(
        system,
        "SELECT extract(epoch FROM expires_at - now()) FROM usher.refresh_tokens"
        f" WHERE secret_hash = '\\x{_digest(tokens.refresh_token)}'",
    )
    assert 0 < 7 * 86400 - float(left[0][0]) < 600


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_a_development_server_shows_its_figures_on_loopback_alone(listen: str, system: System):
    config = system.write_config("open", {"metrics.listen": listen})
    words = [BINARIES / "usherd", "--config", config, "--rpc.listen", "tcp://127.0.0.1:0"]
    done = run(words)
    assert done.returncode == 2, done.stderr
    assert f"metrics.listen: {listen}: a development server listens on loopback" in done.stderr


class Wire(threading.Thread):
    """Stands between two, passes on what they say and keeps it."""

    def __init__(self, to_port: int):
        super().__init__(daemon=True)
        self.port = free_port()
        self.heard = b""
        self._to_port = to_port
        self._ended = threading.Event()
        self._listeners = []
        for family, address in (
            (socket.AF_INET, "127.0.0.1"),
            (socket.AF_INET6, "::1"),
        ):
            try:
                self._listeners.append(
                    socket.create_server((address, self.port), family=family, backlog=8)
                )
            except OSError:
                pass  # no IPv6 here
        self.start()

    def stop(self) -> None:
        self._ended.set()
        self.join(10)

    def run(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            while not self._ended.is_set():
                for key, _ in selector.select(0.1):
                    self._serve(key.fileobj, other, selector)
        for end in [*self._listeners, *other]:
            end.close()

    def _serve(self, end, other, selector) -> None:
        if end in self._listeners:
            near, _ = end.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self._to_port), timeout=5)
            except OSError:
                near.close()
                return
            for here, there in ((near, far), (far, near)):
                other[here] = there
                selector.register(here, selectors.EVENT_READ)
            return
        if end not in other:
            return
        try:
            data = end.recv(65536)
            other[end].sendall(data)
        except OSError:
            data = b""
        self.heard += data
        if not data:
            for gone in (end, other[end]):
                selector.unregister(gone)
                other.pop(gone)
                gone.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "theirs"):
        done = run([SOURCE / "docs/deploy/compose/make-secrets", made / name])
        assert done.returncode == 0, done.stderr
    return made


def _tls_node(system: System, certificates: pathlib.Path, name: str, *hosts: str) -> tuple[Node, int]:
    """It begins; and the port where it speaks TLS, at those hosts."""
    port = free_port()
    urls = [*(f"tls+tcp://{host}:{port}" for host in hosts), f"tcp://127.0.0.1:{free_port()}"]
    node = system.node(
        name,
        rpc__listen=",".join(urls),
        rpc__tls_file=str(certificates / "ours/usherd.pem"),
        start=False,
    )
    node.start()
    return node, port


def test_who_listens_between_bridge_and_node_hears_nothing_under_tls(
    system: System, org_a: Organisation, certificates: pathlib.Path
):
    node, port = _tls_node(system, certificates, "sealed", "127.0.0.1")
    wire = Wire(port)
    login = {"email": org_a.email, "password": org_a.password}
    try:
        bridge = system.bridge(
            node,
            "over-tls",
            bridge__upstream=f"tls+tcp://localhost:{wire.port}",
            bridge__upstream_ca=str(certificates / "ours/ca.pem"),
        )
        http = bridge.http()
        wait_until(lambda: http.get("/ready").status == 200, "the bridge is ready", 30)
        tokens = http.post("/v1/auth/login", login).expect(200)
        assert len(wire.heard) > 1000
        for secret in (org_a.password, org_a.email, tokens["refreshToken"]):
            assert secret.encode() not in wire.heard
        # Somebody in the middle shows a certificate of their own: nobody talks to them.
        heard = len(wire.heard)
        stranger = system.bridge(
            node,
            "deceived",
            bridge__upstream=f"tls+tcp://localhost:{wire.port}",
            bridge__upstream_ca=str(certificates / "theirs/ca.pem"),
        )
        stranger.http().post("/v1/auth/login", login).expect(503, "NOT_CONNECTED")
        assert len(wire.heard) > heard  # it tried, and left
        # Nor to a certificate that we would trust, of somebody with another name.
        heard = len(wire.heard)
        mistaken = system.bridge(
            node,
            "mistaken",
            bridge__upstream=f"tls+tcp://127.0.0.1:{wire.port}",
            bridge__upstream_ca=str(certificates / "ours/ca.pem"),
        )
        mistaken.http().post("/v1/auth/login", login).expect(503, "NOT_CONNECTED")
        assert len(wire.heard) > heard
        assert org_a.password.encode() not in wire.heard
    finally:
        wire.stop()


def test_the_python_client_talks_under_tls_to_whom_it_trusts_alone(
    system: System, org_a: Organisation, certificates: pathlib.Path
):
    _, port = _tls_node(system, certificates, "sealed-too", "127.0.0.1")

    def resolve(authority: str, host: str, timeout: float) -> str:
        with usher.Client(
            f"tls+tcp://{host}:{port}",
            credential=org_a.api_key,
            tls_ca_file=str(certificates / authority / "ca.pem"),
            timeout=timeout,
        ) as client:
            return client.context.resolve(message="Hello").user.user_id

    assert resolve("ours", "localhost", 30.0) == org_a.user_id
    # Another authority's, and ours for another name.
    for authority, host in (("theirs", "localhost"), ("ours", "127.0.0.1")):
        with pytest.raises(usher.Unavailable) as refused:
            resolve(authority, host, 1.0)
        assert refused.value.reason == "NOT_CONNECTED"


KEY_EXCHANGE = b"\x10"  # RFC 5246, 7.4


def _shake_hands_and_leave(port: int, context: ssl.SSLContext, way: int) -> None:
    """The end goes with the client's last words, or right behind them; 1: as a reset. Of TLS 1.2,
    whose last words are the server's, the client's end goes with the last but one."""
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(heard, said)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                words = said.read()
                if way == 0 and words[5:6] == KEY_EXCHANGE:
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                    peer.sendall(words)
                    return
                peer.sendall(words)
                more = peer.recv(65536)
                assert more, "closed in the handshake"
                heard.write(more)
        peer.sendall(said.read())
        if way == 1:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection((host, port), timeout=30).close()
        return True
    return False


@pytest.fixture(scope="module")
def tls_port(
    system: System, org_a: Organisation, certificates: pathlib.Path
) -> Iterator[tuple[Node, int]]:
    """A node, and where it speaks TLS. What it opens by and by is open: the connections of its feed,
    its jobs and its calls."""
    node, port = _tls_node(system, certificates, "shaken", "127.0.0.1", "[::1]")
    for host in ("127.0.0.1", "::1"):
        wait_until(lambda host=host: _listens(host, port), f"{host} listens", 20)
    with usher.Client(
        f"tls+tcp://localhost:{port}",
        tls_ca_file=str(certificates / "ours/ca.pem"),
        timeout=30.0,
    ) as client:
        wait_until(lambda: client.ops.get_health().lease_held, "its feed is there", 20)
        ops = system.operator("shaken@example.com").owner(client).ops
        wait_until(lambda: all(job.runs for job in ops.list_jobs().jobs), "its jobs have run", 20)
        assert org_a.keyed(client).context.resolve(message="Hello").user.user_id == org_a.user_id
        yield node, port


@pytest.fixture
def anybodys_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_who_leaves_behind_a_tls_handshake_leaves_no_descriptor(
    tls_port: tuple[Node, int],
    org_a: Organisation,
    certificates: pathlib.Path,
    anybodys_context: ssl.SSLContext,
):
    node, port = tls_port
    before = node.files_open()
    for number in range(600):
        _shake_hands_and_leave(port, anybodys_context, number % 3)
    # Where they get lost one in fifteen does; a handshake has ten seconds.
    wait_until(lambda: node.files_open() <= before + 5, "their descriptors are closed", 40)
    with usher.Client(
        f"tls+tcp://localhost:{port}",
        credential=org_a.api_key,
        tls_ca_file=str(certificates / "ours/ca.pem"),
        timeout=30.0,
    ) as client:
        assert client.context.resolve(message="Hello").user.user_id == org_a.user_id


def _beginnings(context: ssl.SSLContext) -> list[bytes]:
    """Of handshakes: two bytes more than the least, a record that is announced, a whole ClientHello."""
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(heard, said).do_handshake()
    return [b"\x16\x03\x01\x02", b"\x16\x03\x01\x40\x00", said.read()]


def test_a_tls_handshake_that_goes_no_further_is_ended(
    tls_port: tuple[Node, int], anybodys_context: ssl.SSLContext
):
    node, port = tls_port
    standing = []
    for host in ("127.0.0.1", "::1"):
        good = anybodys_context.wrap_socket(socket.create_connection((host, port), timeout=40))
        good.sendall(b"\0SP\0\0\x30\0\0")
        assert good.recv(8) == b"\0SP\0\0\x31\0\0"
        standing.append(good)
    before = node.files_open()
    peers = []
    for beginning in 20 * _beginnings(anybodys_context):
        peers.append(socket.create_connection(("127.0.0.1", port), timeout=40))
        peers[-1].sendall(beginning)
    for peer in peers:
        with peer, contextlib.suppress(ConnectionResetError):
            while peer.recv(65536):
                pass
    wait_until(lambda: node.files_open() <= before + 5, "their descriptors are closed", 40)
    # Who got through with his, before them, is there still.
    for good in standing:
        with good:
            good.settimeout(0.5)
            with pytest.raises(TimeoutError):
                good.recv(8)


def test_a_tls_record_that_ends_behind_its_beginning_costs_next_to_nothing(
    tls_port: tuple[Node, int], anybodys_context: ssl.SSLContext
):
    node, port = tls_port
    before, files = node.cpu_s(), node.files_open()
    announced = _beginnings(anybodys_context)[1]
    # So many that the machine's own pauses do not count.
    for _ in range(900):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
            peer.sendall(announced)
    wait_until(lambda: node.files_open() <= files + 5, "their descriptors are closed", 40)
    took_s = node.cpu_s() - before
    print(f"{took_s:.2f} s of CPU time for 900 of them")
    # Some 0.3 ms each; told of its end six bytes at a time, 4 ms.
    assert took_s < 1.8 * SLOWER


def test_the_same_wire_without_tls_would_tell_all(
    system: System, node: Node, org_a: Organisation
):
    wire = Wire(node.port)
    try:
        bridge = system.bridge(node, "plain", bridge__upstream=f"tcp://127.0.0.1:{wire.port}")
        login = {"email": org_a.email, "password": org_a.password}
        bridge.http().post("/v1/auth/login", login).expect(200)
        assert org_a.password.encode() in wire.heard
    finally:
        wire.stop()


def test_the_bridges_key_alone_reads_and_writes_nobodys_data(
    system: System, bridge: Bridge, client: usher.Client, org_a: Organisation
):
    calls = client.using(credential=system.bridge_key.read_text().strip())
    assert calls.ops.get_status().node_id
    for attempt in (
        lambda: calls.user.get_user(user_id=org_a.user_id),
        lambda: calls.user.list_users(),
        lambda: calls.user.upsert_user(external_id="x"),
        lambda: calls.context.resolve(chatbot_id=org_a.chatbot_id, user_id=org_a.user_id),
        lambda: calls.context.get_profile(user_id=org_a.user_id),
        lambda: calls.context.create_api_key(chatbot_id=org_a.chatbot_id, scopes=["context.read"]),
        lambda: calls.org.list_members(org_id=org_a.org_id),
        lambda: calls.ops.run_job(job="sweep"),
    ):
        with pytest.raises((usher.PermissionDenied, usher.NotFound)):
            attempt()


def test_a_bridges_key_that_may_be_known_is_revoked_and_another_made(
    system: System, client: usher.Client, org_a: Organisation, tmp_path: pathlib.Path
):
    """As docs/operations.md has it: a service's key is no chatbot's."""
    operator = client.using(
        credential=system.operator("keys@example.com").tokens(client).access_token
    )
    file = tmp_path / "bridge.key"

    def make() -> dict[str, str]:
        done = system.cli("bootstrap", "--system-only", "--bridge-key", str(file), "--json")
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout), "text": file.read_text().strip()}

    known = make()
    assert make() == known
    works = client.using(credential=known["text"])
    assert works.ops.get_status().node_id
    platform = operator.using(org=known["systemOrgId"])
    assert known["bridgeKeyId"] in {key.key_id for key in platform.context.list_api_keys().keys}
    # Nobody reaches it from their own organisation, and an operator no chatbot's key that way.
    owner = org_a.owner(client)
    with pytest.raises(usher.NotFound):
        owner.context.revoke_api_key(key_id=known["bridgeKeyId"])
    assert not owner.context.list_api_keys().keys
    chatbots_key = owner.context.list_api_keys(chatbot_id=org_a.chatbot_id).keys[0].key_id
    with pytest.raises(usher.NotFound):
        operator.using(org=org_a.org_id).context.revoke_api_key(key_id=chatbots_key)
    platform.context.revoke_api_key(key_id=known["bridgeKeyId"])
    with pytest.raises(usher.Unauthenticated):
        works.ops.get_status()
    with pytest.raises(usher.Error) as refused:
        client.using(via=known["text"], client_ip="192.0.2.1").ops.get_health()
    assert refused.value.code in (
        usher.Code.UNAUTHENTICATED,
        usher.Code.PERMISSION_DENIED,
    )
    file.unlink()
    other = make()
    assert other["bridgeKeyId"] != known["bridgeKeyId"]
    assert client.using(credential=other["text"]).ops.get_status().node_id


def test_a_bridge_whose_key_was_revoked_blames_itself(
    system: System, node: Node, client: usher.Client, org_a: Organisation, tmp_path: pathlib.Path
):
    """Its callers are told neither that their password is wrong nor that they may not."""
    operator = client.using(
        credential=system.operator("bridges@example.com").tokens(client).access_token
    )
    file = tmp_path / "bridge.key"
    done = system.cli("bootstrap", "--system-only", "--bridge-key", str(file), "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    bridge = system.bridge(node, "revoked", bridge__key_file=str(file))
    http = bridge.http()
    right = {"email": org_a.email, "password": org_a.password}
    http.post("/v1/auth/login", right).expect(200)
    http.get("/ready").expect(200)
    operator.using(org=made["systemOrgId"]).context.revoke_api_key(key_id=made["bridgeKeyId"])
    for _ in range(3):
        http.post("/v1/auth/login", right).expect(503, "BRIDGE_KEY_REFUSED")
        http.get("/ready").expect(503, "BRIDGE_KEY_REFUSED")
    http.get("/health").expect(200)
    bridge.stop()
    told = [line for line in bridge.log.read_text().splitlines() if "bridge_key_refused" in line]
    assert len(told) == 1 and "level=error" in told[0], told


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM usher.audit",
        "UPDATE usher.audit SET reason = ''",
        "TRUNCATE usher.audit",
        "CREATE TABLE usher.mine (id int)",
        "CREATE SCHEMA mine",
        "DROP TABLE usher.changes",
        "ALTER ROLE usher_app SUPERUSER",
        "DELETE FROM usher.schema_migrations",
        "COPY usher.accounts TO PROGRAM 'cat'",
    ],
)
def test_a_nodes_role_rewrites_no_history_and_makes_nothing(statement: str, system: System):
    done = subprocess.run(
        [
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            system.database.app,
            "-c",
            statement,
        ],
        capture_output=True,
        text=True,
        timeout=30 * SLOWER,
    )
    assert done.returncode != 0
    assert re.search("permission denied|must be (owner|superuser)", done.stderr), done.stderr
