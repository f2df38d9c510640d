"""An allocation that fails: the 1st of each call, the 2nd, and so on until the call makes no more;
alone, and with all that come after it.

Meant are the allocations that our own code asks for, be it of the C library, of its arenas
(protobuf-c's too), or of nng, libsodium and libmicrohttpd, whose functions then say what they say
without memory. What these libraries allocate for themselves does not fail here: nng 1.5 ends the
program in some such places, and nothing can be done about that from outside. Without memory libpq
gives its connection up, which other tests do by cutting it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.message import Message

import usher
from usher import METHODS, Code
from usher.methods import BATCH
from usher.v1 import context_pb2, envelope_pb2, options_pb2
from usher_testing import HttpReply, Node, Organisation, Statements, System, unless, wait_until
from usher_testing.process import SANITIZED, SLOWER
from usher_testing.starved import BACKGROUND, StarvedBridge, StarvedNode, described

# What a call may make of it.
WITHOUT = {Code.OK, Code.RESOURCE_EXHAUSTED}
STEP = 3 if SANITIZED else 1

# Rows that a refused call may leave: attempts that count, slices of a quota, texts that blocks name by
# their hash, receipts; and what is being worked on, as mail is.
NOT_COMPARED = {
    "throttles", "quota_usage", "blocks", "reads", "read_batches", "changes", "nodes",
    "operations", "operation_results", "schema_migrations", "mail_outbox",
}  # fmt: skip


_NEWEST = "coalesce(max(xmin::text::bigint), 0)::text"
_KEYS = "md5(coalesce(string_agg((to_jsonb(t) - 'last_used_at')::text, '' ORDER BY t.id), ''))"


@pytest.fixture(scope="module")
def node(system: System, org_a: Organisation) -> StarvedNode:
    return StarvedNode(system, "starved", lanes__query__workers="2", lanes__bulk__workers="1")


@pytest.fixture(scope="module")
def peer(system: System, org_a: Organisation) -> Node:
    """Another node on the same database, which has all the memory it wants."""
    return system.node("peer")


class Rows:
    """What there is in the database, as far as calls may change it."""

    def __init__(self, system: System):
        self._statements = Statements(system.database)
        tables = self._statements.run(
            "SELECT relname FROM pg_class WHERE relnamespace = 'usher'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
        ).split()
        # A receipt notes when its key was used last, so of keys the content is compared; of others,
        # who wrote the newest row.
        self._sql = " UNION ALL ".join(
            f"SELECT '{table}', count(*), {_NEWEST if table != 'api_keys' else _KEYS}"
            f" FROM usher.{table} t"
            for table in tables
            if table not in NOT_COMPARED
        ) + (
            " UNION ALL SELECT 'operations', count(*),"
            " count(cancel_requested_at)::text FROM usher.operations"
        )

    def read(self) -> dict[str, tuple[str, str]]:
        rows = (line.split("|") for line in self._statements.run(self._sql).splitlines())
        return {table: (count, content) for table, count, content in rows}

    def ask(self, statement: str) -> str:
        return self._statements.run(statement)

    def forgive(self) -> None:
        """So many attempts as these tests make would have to wait."""
        self.ask("DELETE FROM usher.throttles")

    def close(self) -> None:
        self._statements.__exit__()


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """Tables whose rows differ, and by how many."""
    return {
        table: int(after[table][0]) - int(before[table][0])
        for table in before
        if before[table] != after[table]
    }


@pytest.fixture(scope="module")
def rows(system: System, node: StarvedNode) -> Iterator[Rows]:
    made = Rows(system)
    yield made
    made.close()


class World:
    """Whom the calls are by, and what they are about."""

    def __init__(self, system: System, node: Node, peer: Node, org: Organisation):
        self.org = org
        self.calls = peer.client()
        self.owner = org.owner(self.calls)
        self.operator = system.operator()
        self.operator_token = self.operator.tokens(self.calls).access_token
        self.ops = self.calls.using(credential=self.operator_token)
        self.token = org.tokens(self.calls).access_token
        self.key = org.new_key(
            self.calls, "context.read", "context.write", "tokens.introspect",
            default_user_id=org.user_id,
        ).api_key  # fmt: skip
        self.owner.user.update_me(display_name="Ada")
        self.owner.context.put_profile(user_id=org.user_id, profile={"company": "Engines"})
        self.keyed = self.calls.using(credential=self.key)
        self.turns(8)
        started = self.ops.ops.start_operation(kind="db_check")
        self.operation = started.operation_id
        wait_until(self.no_operation, "the check is over", 60)
        self.here = node.client(credential=self.key)

    def no_operation(self) -> bool:
        open_states = (1, 2)
        page = self.ops.ops.list_operations()
        return all(found.state not in open_states for found in page.operations)

    def turns(self, count: int) -> None:
        self.keyed.context.append_turns(
            conversation="there",
            turns=[{"role": "TURN_ROLE_USER", "text": f"turn {i}"} for i in range(count)],
        )

    def session(self) -> Any:
        return self.org.login(self.calls)

    def signup(self) -> dict[str, str]:
        made = self.calls.auth.sign_up(
            email=f"{uuid.uuid4().hex}@example.com", password="a long enough password"
        )
        return {"signup_id": made.signup_id, "code": made.debug_code}

    def new_key(self) -> Any:
        return self.org.new_key(self.calls, "context.read", default_user_id=self.org.user_id)

    def new_user(self) -> str:
        made = self.owner.user.upsert_user(external_id=uuid.uuid4().hex, display_name="Somebody")
        return str(made.user.user_id)


@pytest.fixture(scope="module")
def world(system: System, node: StarvedNode, peer: Node, org_a: Organisation) -> World:
    return World(system, node, peer, org_a)


@pytest.fixture(scope="module")
def totals() -> Iterator[dict[str, int]]:
    """Failures that were made, by kind; printed at the end."""
    made = {
        "one a call": 0,
        "from one on": 0,
        "in batches": 0,
        "connections": 0,
        "in threads": 0,
        "over HTTP": 0,
    }
    yield made
    print("failures:", made)


@dataclass
class Case:
    """A call: by whom, and what it says; made anew whenever it has been done."""

    method: str
    make: Callable[[World], tuple[str, dict[str, Any]]]
    about: str = ""
    on_behalf_of: bool = False
    always_new: bool = False  # each try is the first of its kind: nothing of it is in memory
    is_write: bool = False
    # Made to be repeated by its own rule: a refusal may come behind its commit. Then a repeat of the
    # request is a success and does nothing more.
    is_repeatable: bool = False

    def __str__(self) -> str:
        return self.method + (f", {self.about}" if self.about else "")


def by_owner(**fields: Any) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda world: (world.token, fields)


def by_operator(**fields: Any) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda world: (world.operator_token, fields)


def by_key(**fields: Any) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda world: (world.key, fields)


def unique() -> str:
    return uuid.uuid4().hex


A_TURN = [context_pb2.NewTurn(role=context_pb2.TURN_ROLE_USER, text="Hello")]

CASES = [
    Case("AuthService/SignUp", lambda w: ("", {
        "email": f"{unique()}@example.com", "password": "a long enough password"})),
    Case("AuthService/VerifyEmail", lambda w: ("", w.signup())),
    Case("AuthService/Login", lambda w: ("", {
        "email": w.org.email, "password": w.org.password})),
    Case("AuthService/Refresh", lambda w: ("", {"refresh_token": w.session().refresh_token}),
         is_repeatable=True),
    Case("AuthService/Logout", lambda w: (w.session().access_token, {})),
    Case("AuthService/Introspect", lambda w: (w.key, {"token": w.token})),
    Case("AuthService/Introspect", lambda w: (w.key, {"token": w.key}), "of a key"),
    Case("AuthService/GetJwks", lambda w: ("", {})),
    Case("UserService/GetMe", by_owner()),
    Case("UserService/GetMe", lambda w: (w.session().access_token, {}), "with a token never seen",
         always_new=True),
    Case("UserService/UpdateMe", lambda w: (w.token, {"display_name": f"Ada {unique()}"})),
    Case("UserService/GetUser", lambda w: (w.token, {"user_id": w.org.user_id})),
    Case("UserService/ListUsers", by_owner(page={"size": 2})),
    Case("UserService/UpsertUser", lambda w: (w.token, {
        "external_id": unique(), "display_name": "New"})),
    Case("ContextService/CreateChatbot", lambda w: (w.token, {
        "alias": unique(), "display_name": "Bot", "instructions": "Be brief."})),
    Case("ContextService/GetChatbot", lambda w: (w.token, {"chatbot_id": w.org.chatbot_id})),
    Case("ContextService/ListChatbots", by_owner(page={"size": 2})),
    Case("ContextService/CreateApiKey", lambda w: (w.token, {
        "chatbot_id": w.org.chatbot_id, "scopes": ["context.read"],
        "allowed_networks": ["127.0.0.0/8"]})),
    Case("ContextService/ListApiKeys", lambda w: (w.token, {
        "chatbot_id": w.org.chatbot_id, "page": {"size": 2}})),
    Case("ContextService/RevokeApiKey", lambda w: (w.token, {
        "chatbot_id": w.org.chatbot_id, "key_id": w.new_key().key.key_id})),
    Case("ContextService/GetProfile", lambda w: (w.token, {"user_id": w.org.user_id})),
    Case("ContextService/PutProfile", lambda w: (w.token, {
        "user_id": w.org.user_id, "profile": {"about": unique()},
        "update_mask": {"paths": ["about"]}})),
    Case("ContextService/AppendTurns", by_key(conversation="grows", turns=A_TURN)),
    Case("ContextService/ListTurns", by_key(conversation="there", page={"size": 2})),
    Case("ContextService/Resolve", by_key(message="Hello")),
    Case("ContextService/Resolve", by_key(message="Hello", token_budget=30, with_items=True),
         "to a budget"),
    Case("ContextService/Resolve", lambda w: (w.key, {"user_id": w.new_user()}),
         "of a user never seen", always_new=True),
    Case("ContextService/Resolve", lambda w: (w.new_key().api_key, {}), "with a key never seen",
         always_new=True),
    Case("ContextService/Resolve", by_key(message="Hello"), "on behalf of", on_behalf_of=True),
    Case("ContextService/Resolve", by_key(message="Hello", conversation="grows"),
         "into a conversation", is_write=True),
    Case("ContextService/Resolve", by_key(conversation="there"), "with a conversation"),
    Case("ContextService/GetContext", lambda w: (w.key, {"user_id": w.org.user_id})),
    Case("ContextService/BatchGetContext", lambda w: (w.key, {
        "user_ids": [w.org.user_id, f"ext:{unique()}"]})),
    Case("OrgService/CreateOrg", lambda w: (w.token, {
        "display_name": "Another", "slug": unique()})),
    Case("OrgService/GetOrg", lambda w: (w.token, {"org_id": w.org.org_id})),
    Case("OrgService/ListMembers", lambda w: (w.token, {
        "org_id": w.org.org_id, "page": {"size": 2}})),
    Case("OpsService/GetHealth", lambda w: ("", {})),
    Case("OpsService/GetDescriptors", lambda w: ("", {})),
    Case("OpsService/GetStatus", by_operator()),
    Case("OpsService/ListJobs", by_operator()),
    Case("OpsService/RunJob", by_operator(job="partitions")),
    Case("OpsService/StartOperation", by_operator(kind="db_check")),
    Case("OpsService/GetOperation", lambda w: (w.operator_token, {"operation_id": w.operation})),
    Case("OpsService/ListOperations", by_operator(page={"size": 2})),
    Case("OpsService/CancelOperation", lambda w: (w.operator_token, {"operation_id": w.operation})),
    Case("OpsService/ReadOperationResult", lambda w: (w.operator_token, {
        "operation_id": w.operation})),
]  # fmt: skip


def rules(case: Case) -> options_pb2.MethodRules:
    return METHODS[f"usher.v1.{case.method}"].rules


def is_write(case: Case) -> bool:
    return case.is_write or rules(case).effect != options_pb2.EFFECT_READ


def envelope(case: Case, world: World) -> envelope_pb2.Request:
    credential, fields = case.make(world)
    method = METHODS[f"usher.v1.{case.method}"]
    made = envelope_pb2.Request(
        method_id=method.id,
        call_id=7,
        credential=credential.encode(),
        payload=method.request(**fields).SerializeToString(),
    )
    if case.on_behalf_of:
        made.on_behalf_of = world.token.encode()
    if rules(case).idempotent_by_key:
        made.idempotency_key = usher.idempotency_key()
    return made


def reason(response: envelope_pb2.Response) -> str:
    return next((d.error_info.reason for d in response.details if d.HasField("error_info")), "")


class Series:
    """A call, tried with its 1st allocation failing, its 2nd, and so on."""

    def __init__(self, case: Case, world: World, node: StarvedNode, rows: Rows):
        self.case, self.world, self.node, self.rows = case, world, node, rows
        self.client = node.client()
        self.tries = self.failures = 0
        self.effect: dict[str, int] | None = None

    def call(self, request: envelope_pb2.Request) -> envelope_pb2.Response:
        return self.client.send(request, 10.0 * SLOWER)

    def learn(self) -> None:
        """What it does with enough memory."""
        for _ in range(2):
            request = envelope(self.case, self.world)
            before = self.rows.read()
            response = self.call(request)
            assert response.code == Code.OK, (response.message, reason(response))
            self.settle()
            self.effect = changed(before, self.rows.read())
        if is_write(self.case) and "CancelOperation" not in self.case.method:
            assert self.effect or "RunJob" in self.case.method

    def settle(self) -> None:
        if "Operation" in self.case.method:
            wait_until(self.world.no_operation, "no operation is left", 60)

    def starved(
        self, request: envelope_pb2.Request, number: int, for_good: bool
    ) -> envelope_pb2.Response:
        """The call's answer when that allocation fails."""
        memory = self.node.memory
        memory.fail_for_good(number) if for_good else memory.fail(number)
        try:
            response = self.call(request)
        except usher.Error as error:
            raise AssertionError(described(memory, f"allocation {number}: {error}")) from None
        finally:
            memory.feed()
        self.node.check_alive()
        return response

    def check(self, response: envelope_pb2.Response, before: dict[str, Any]) -> dict[str, Any]:
        """What there is now."""
        told = described(self.node.memory, f"{Code(response.code).name} {response.message}")
        is_done = response.code == Code.OK
        assert response.code in WITHOUT, told
        assert response.call_id == 7, told
        assert is_done or not response.payload, told
        if not is_write(self.case):
            return before
        after = self.rows.read()
        done = changed(before, after)
        if self.case.is_repeatable and not is_done:
            assert done in ({}, self.effect), told
            return before
        assert done == (self.effect if is_done else {}), told
        return after

    def repeated(
        self, request: envelope_pb2.Request, before: dict[str, Any]
    ) -> envelope_pb2.Response:
        """The answer to the same again, with memory: once done in all, whatever was said before."""
        response = self.call(request)
        assert response.code == Code.OK, response.message
        assert changed(before, self.rows.read()) == self.effect
        return response

    def run(self, *, for_good: bool) -> None:
        """Until it needs no more."""
        memory = self.node.memory
        request: envelope_pb2.Request | None = None
        before: dict[str, Any] = {}
        number = 0
        while True:
            number += (8 if for_good else STEP) if number > 8 else 1
            if request is None or self.case.always_new:
                request = envelope(self.case, self.world)
                before = self.rows.read() if is_write(self.case) else {}
            if self.case.method.startswith("Auth"):
                self.rows.forgive()
            response = self.starved(request, number, for_good)
            before = self.check(response, before)
            failed = memory.failed
            self.tries += 1
            self.failures += failed
            if response.code != Code.OK and self.case.is_repeatable:
                response = self.repeated(request, before)
            if response.code == Code.OK:
                request = None
                self.settle()
            if failed == 0:
                assert response.code == Code.OK
                return


def seen_by(calls: usher.Calls, world: World) -> list[Message]:
    """What a node says of what the calls changed, from its memory and from the database."""
    owner, keyed = (calls.using(credential=c) for c in (world.token, world.key))
    resolved = keyed.context.resolve(message="Hello")
    return [
        resolved.caller, resolved.chatbot, resolved.user, resolved.context,
        owner.user.get_me(), owner.context.get_profile(user_id=world.org.user_id),
        keyed.auth.introspect(token=world.key), keyed.context.get_context(),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def nodes_agree(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the starved node knows what the other one knows."""
    yield
    if "world" not in request.fixturenames:
        return
    world, node = request.getfixturevalue("world"), request.getfixturevalue("node")
    here = node.client(timeout=10.0 * SLOWER)

    def agree() -> bool:
        found = [seen_by(calls, world) for calls in (here, world.calls)]
        for reply in (found[0][7], found[1][7]):
            reply.ClearField("read_id")
        return found[0] == found[1]

    wait_until(agree, "both nodes say the same", 10)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_without_memory_a_call_is_refused_or_done(
    case: Case, world: World, node: StarvedNode, rows: Rows, totals: dict[str, int]
):
    series = Series(case, world, node, rows)
    series.learn()
    series.run(for_good=False)
    print(f"{case}: {series.failures} allocations failed, one a call", end="")
    totals["one a call"] += series.failures
    alone = series.tries
    series.run(for_good=True)
    print(f"; {series.tries - alone} calls without any memory from one on")
    totals["from one on"] += series.tries - alone


def test_every_method_is_among_them():
    assert {f"usher.v1.{case.method}" for case in CASES} == set(METHODS)


# Batches


def items_of(world: World) -> list[envelope_pb2.Request]:
    """Reads out of memory, reads from the database, writes."""
    names = [
        ("ContextService/Resolve", world.key, {"message": "Hello"}),
        ("OpsService/GetHealth", "", {}),
        ("UserService/GetMe", world.token, {}),
        (
            "UserService/UpsertUser",
            world.token,
            {"external_id": unique(), "display_name": "One"},
        ),
        (
            "ContextService/AppendTurns",
            world.key,
            {"conversation": "batch", "turns": A_TURN},
        ),
    ]
    made = []
    for number, (name, credential, fields) in enumerate(names, 1):
        method = METHODS[f"usher.v1.{name}"]
        made.append(
            envelope_pb2.Request(
                method_id=method.id,
                call_id=number,
                credential=credential.encode(),
                payload=method.request(**fields).SerializeToString(),
            )
        )
    return made


def written_by(rows: Rows, items: list[envelope_pb2.Request]) -> list[int]:
    """Users and turns."""
    external = METHODS["usher.v1.UserService/UpsertUser"].request.FromString(items[3].payload)
    return [
        int(rows.ask(f"SELECT coalesce({what}), 0) FROM usher.{table} WHERE {where}"))
        for what, table, where in (
            ("count(*", "users", f"external_id = '{external.external_id}'"),
            ("sum(last_seq", "conversations", "external_key = 'batch'"),
        )
    ]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
def test_items_of_a_batch_are_refused_or_done_each_for_itself(
    for_good: bool, world: World, node: StarvedNode, rows: Rows, totals: dict[str, int]
):
    client = node.client()
    client.ops.get_health()  # its connection has come: that takes memory of its own
    number = 0
    while True:
        number += 1 if number < 12 else 4
        items = items_of(world)
        before = written_by(rows, items)
        payload = envelope_pb2.BatchRequest(items=items).SerializeToString()
        whole = envelope_pb2.Request(method=BATCH, call_id=7, payload=payload)
        node.memory.fail_for_good(number) if for_good else node.memory.fail(number)
        try:
            response = client.send(whole, 10.0 * SLOWER)
        except usher.Error as error:
            raise AssertionError(described(node.memory, error)) from None
        finally:
            node.memory.feed()
        node.check_alive()
        totals["in batches"] += node.memory.failed > 0
        told = described(node.memory, response)
        done = [b - a for a, b in zip(before, written_by(rows, items), strict=True)]
        if response.code != Code.OK:
            assert response.code in (Code.RESOURCE_EXHAUSTED, Code.UNKNOWN), told
            assert response.code == Code.UNKNOWN or done == [0, 0], told
            continue
        replies = envelope_pb2.BatchReply.FromString(response.payload).items
        assert [reply.call_id for reply in replies] == [1, 2, 3, 4, 5], told
        for reply in replies:
            assert reply.code in WITHOUT, told
        for reply, count in zip(replies[3:], done, strict=True):
            assert count == (reply.code == Code.OK), told
        if node.memory.failed == 0:
            break


# Connections


def test_who_comes_without_memory_is_sent_away(
    node: StarvedNode, world: World, totals: dict[str, int]
):
    """Dialling again it is let in once there is some; who was there before is there still."""
    world.here.ops.get_health()
    node.memory.fail_for_good(1)
    try:
        newcomer = node.client(timeout=30.0)
        wait_until(lambda: node.memory.failed >= 2, "it has come twice", 20)
    finally:
        node.memory.feed()
    node.check_alive()
    assert "newcomer_add" in node.memory.where()
    totals["connections"] += node.memory.failed
    assert newcomer.ops.get_health().ready
    world.here.ops.get_health()


# Over HTTP


@pytest.fixture(scope="module")
def bridge(system: System, peer: Node) -> StarvedBridge:
    """In front of the node that has enough. The tests come through a proxy."""
    return StarvedBridge(
        system, "starved-bridge", peer.url, http__trusted_proxies="127.0.0.1/32",
        http__metrics_from="127.0.0.0/8, 192.0.2.0/24",
    )  # fmt: skip


def http_cases(world: World) -> list[tuple[str, str, Any, str, str, str]]:
    """Verb, path, body, token, key, and what its effect is counted by."""
    org = world.org
    users, turns = "count(*) FROM usher.users", "count(*) FROM usher.turns"
    return [
        ("GET", "/", None, "", "", ""),
        ("GET", "/health", None, "", "", ""),
        ("GET", "/ready", None, "", "", ""),
        ("GET", "/metrics", None, "", "", ""),
        ("GET", "/openapi.json", None, "", "", ""),
        ("GET", "/.well-known/jwks.json", None, "", "", ""),
        ("GET", "/nothing", None, "", "", ""),
        ("DELETE", "/health", None, "", "", ""),
        ("GET", f"/v1/users/{org.user_id}", None, world.token, "", ""),
        ("GET", "/v1/users?page.size=2", None, world.token, "", ""),
        ("GET", f"/v1/users/{org.user_id}/context", None, "", world.key, ""),
        ("POST", f"/v1/chatbots/{org.chatbot_id}:resolve", {"message": "Hello"}, world.token, world.key, ""),
        ("POST", f"/v1/chatbots/{org.chatbot_id}:resolve", {"message": 1}, "", world.key, ""),
        ("PUT", "/v1/users/ext:NEW", {"displayName": "New"}, world.token, "", users),
        ("POST", f"/v1/chatbots/{org.chatbot_id}/conversations/http/turns",
            {"turns": [{"role": "TURN_ROLE_USER", "text": "x"}]}, "", world.key, turns),
    ]  # fmt: skip


def check_http(reply: HttpReply, enough: HttpReply, told: str) -> None:
    """As with enough memory, or a refusal that says why."""
    if reply.status == enough.status:
        assert reply.headers["Content-Type"] == enough.headers["Content-Type"], told
        assert bool(reply.headers["Usher-Revision"]) == bool(enough.headers["Usher-Revision"]), told
        return
    assert reply.status in (413, 429, 500, 503), told
    problem = reply.expect(reply.status)
    assert reply.status != 503 or reply.headers["Retry-After"], told
    found = (reply.status, problem["code"], problem["reason"])
    assert problem["code"] == "RESOURCE_EXHAUSTED" or found in {
        (500, "UNKNOWN", "REPLY_LOST"),
        (503, "UNAVAILABLE", "UNAVAILABLE"),  # /ready
    }, told


@pytest.mark.parametrize("index", range(15))
def test_without_memory_the_bridge_answers(
    index: int, world: World, bridge: StarvedBridge, rows: Rows, totals: dict[str, int]
):
    verb, path, body, token, key, effect = http_cases(world)[index]
    headers = {"X-Forwarded-For": "192.0.2.7"}
    http = bridge.http(bearer=token, api_key=key)
    memory, failed = bridge.memory, 0
    enough = http.request(verb, path.replace("NEW", unique()), body, headers)
    for number in range(1, 1000):
        before = int(rows.ask(f"SELECT {effect}")) if effect else 0
        memory.fail(number)
        try:
            reply = http.request(verb, path.replace("NEW", unique()), body, headers)
        except OSError as error:
            raise AssertionError(described(memory, f"allocation {number}: {error!r}")) from None
        finally:
            memory.feed()
        bridge.check_alive()
        told = described(memory, f"allocation {number}: {reply.status} {reply.body!r}")
        check_http(reply, enough, told)
        done = int(rows.ask(f"SELECT {effect}")) - before if effect else 0
        if reply.status != 500:
            assert done == (reply.status < 400 and bool(effect)), told
        failed += memory.failed
        if memory.failed == 0:
            break
    print(f"{verb} {path}: {failed} allocations failed")
    totals["over HTTP"] += failed


# Threads that work by themselves


@pytest.mark.parametrize(
    ("thread", "most"), [("feed", 6), ("jobs", 6), ("jobs-long", 4), ("database", 8)]
)
def test_a_thread_that_finds_no_memory_goes_on(
    thread: str,
    most: int,
    world: World,
    node: StarvedNode,
    rows: Rows,
    totals: dict[str, int],
):
    """What others change meanwhile is seen all the same, and each read has its receipt."""
    owner = world.calls.using(credential=world.token)
    here = node.client(credential=world.key, timeout=10.0 * SLOWER)

    def put(about: str) -> Any:
        return owner.context.put_profile(
            user_id=world.org.user_id,
            profile={"about": about},
            update_mask={"paths": ["about"]},
        )

    for number in range(1, most + 1):
        node.memory.only(thread)
        node.memory.fail(number)
        if thread == "database":
            # It opens the connections. The old ones are gone behind this, so no call meets one that
            # is about to go.
            rows.ask(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE usename = 'usher_app'"
            )
        wait_until(lambda: node.memory.failed, f"{thread} has allocated so often", 30)
        node.memory.feed()
        totals["in threads"] += 1
        node.check_alive()
        about = unique()
        wait_until(node.is_ready, "it serves", 20)
        # The other node's connections were ended, too.
        wait_until(lambda: unless(usher.Unavailable, lambda: put(about)), "it is written", 20)
        wait_until(
            lambda: unless(usher.Unavailable, lambda: about in str(here.context.get_context())),
            "the change is seen",
            20,
        )
    node.memory.spare(*BACKGROUND)
    found = "SELECT coalesce(sum(reads), 0) FROM usher.reads WHERE purpose = 'threads'"
    before = int(rows.ask(found))
    for _ in range(5):
        here.context.get_context(purpose="threads")
    wait_until(lambda: int(rows.ask(found)) == before + 5, "the receipts are stored", 30)
