"""Every field against its rules, and every method against a deadline that passes: from the .proto."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

import usher
from usher import METHODS, Code, Method
from usher.v1 import common_pb2, envelope_pb2, options_pb2
from usher_testing import SLOWER, Organisation, System, wait_until
from usher_testing.locks import TableLock
from usher_testing.samples import sample


class Spot(NamedTuple):
    """A field of a request, however deep: the fields on the way to it, and its rules."""

    method: Method
    way: tuple[FieldDescriptor, ...]
    rules: options_pb2.FieldRules

    @property
    def field(self) -> FieldDescriptor:
        return self.way[-1]

    @property
    def path(self) -> str:
        """As a violation names it."""
        return ".".join(f.name + ("[0]" if is_repeated(f) else "") for f in self.way)

    @property
    def whole(self) -> str:
        """The field as a whole, without an index."""
        return self.path.removesuffix("[0]")

    def __str__(self) -> str:
        return f"{self.method.name.removeprefix('usher.v1.')} {self.whole}"


class Copies(NamedTuple):
    """So many of the item that a request has for a sample, or of one that is good there."""

    count: int


GOOD_ITEM = {"allowed_networks": "192.0.2.0/24", "have_etags": "x"}


def is_repeated(field: FieldDescriptor) -> bool:
    return field.label == FieldDescriptor.LABEL_REPEATED


def rules_of(field: FieldDescriptor) -> options_pb2.FieldRules:
    return field.GetOptions().Extensions[options_pb2.field]


def spots_of(
    method: Method, descriptor: Descriptor, way: tuple[FieldDescriptor, ...] = ()
) -> Iterator[Spot]:
    for field in descriptor.fields:
        here = (*way, field)
        if rules_of(field).ByteSize():
            yield Spot(method, here, rules_of(field))
        inner = field.message_type
        if inner is not None and inner.file.package.startswith("usher.") and field not in way:
            yield from spots_of(method, inner, here)


SPOTS = [spot for method in METHODS.values() for spot in spots_of(method, method.request.DESCRIPTOR)]


def text_of(rules: options_pb2.FieldRules, length: int, letter: str) -> str:
    if rules.json:
        return json.dumps({"k": letter * (length - len('{"k": ""}'))}, ensure_ascii=False)
    return letter * length


def values_of(spot: Spot, length: int) -> list[Any]:
    """Texts and bytes of that length; characters count, not bytes."""
    if spot.field.type == FieldDescriptor.TYPE_BYTES:
        return [b"x" * length]
    return [text_of(spot.rules, length, letter) for letter in ("x", "é")]


def beyond(spot: Spot) -> Iterator[tuple[Any, str]]:
    """Values that break a rule, each with the path that is to be named."""
    rules, field = spot.rules, spot.field
    if rules.required:
        yield None, spot.whole
    if rules.length_max:
        for value in values_of(spot, rules.length_max + 1):
            yield ([value], spot.path) if is_repeated(field) else (value, spot.path)
    if rules.length_min > 1:
        for value in values_of(spot, rules.length_min - 1):
            yield ([value], spot.path) if is_repeated(field) else (value, spot.path)
    if rules.HasField("range"):
        for number in (rules.range.min - 1, rules.range.max + 1, -(2**31)):
            if not (number < 0 and field.cpp_type == FieldDescriptor.CPPTYPE_UINT32):
                yield number, spot.path
    if rules.json:
        for text in ("no json", "[]", "7", '{"a":1,"a":2}', '{"a":', '{"a":1}x', "\u00a0{}"):
            yield text, spot.path
    if rules.items_max:
        yield Copies(rules.items_max + 1), spot.whole


UUID = "00000000-0000-7000-8000-000000000001"
USERS = {"user_id", "user_ids", "default_user_id", "bound_user_id"}
# Of so many characters, where not any text will do.
MADE_OF: dict[str, Callable[[int], str]] = {
    "email": lambda length: f"{'x' * 64}@{'.'.join(['x' * 63] * 4)}"[:length],
    "locale": lambda length: ("en" + "-abcdefgh" * length)[:length],
    "time_zone": lambda length: "x" * length,
    "slug": lambda length: "x" * length,
    "purpose": lambda length: "x" * length,
}
# Nothing that is good there has as many characters as there may be: that is said in these words.
NEVER_SO_LONG = {
    ("org_id", 64): "is not a UUID",
    ("signup_id", 64): "is not a UUID",
    ("code", 16): "is not six digits",
    ("token", 512): "was not given by this list",
    ("scopes", 64): "is no scope of keys",
    ("allowed_networks", 64): "is no network",
}


def good_values_of(spot: Spot, length: int) -> list[Any]:
    if length == len(UUID):
        return [UUID]
    if spot.field.name in MADE_OF:
        return [MADE_OF[spot.field.name](length)]
    if spot.field.name in USERS:
        return [f"ext:{name}" for name in values_of(spot, length - len("ext:"))]
    return values_of(spot, length)


def within(spot: Spot) -> Iterator[tuple[Any, str]]:
    """Values at the very limit, each with what may be said of it all the same."""
    rules, name = spot.rules, spot.field.name
    for length in {rules.length_max, 0 if rules.json else rules.length_min} - {0}:
        for value in good_values_of(spot, length):
            said = NEVER_SO_LONG.get((name, length), "")
            yield [value] if is_repeated(spot.field) else value, said
    if rules.HasField("range"):
        yield rules.range.max, ""
        yield rules.range.min, ""
    if rules.items_max:
        yield Copies(1), ""
        yield Copies(rules.items_max), ""


def put(request: Message, way: tuple[FieldDescriptor, ...], value: Any) -> None:
    """Set what the way leads to; None: nothing at all."""
    for field in way[:-1]:
        if is_repeated(field):
            items = getattr(request, field.name)
            request = items[0] if items else items.add()
        else:
            request = getattr(request, field.name)
            request.SetInParent()
    last = way[-1].name
    items = list(getattr(request, last)) if is_repeated(way[-1]) else []
    request.ClearField(last)
    if value is None:
        return
    if isinstance(value, Copies):
        value = (items[:1] or [GOOD_ITEM[last]]) * value.count
    if is_repeated(way[-1]):
        getattr(request, last).extend(value)
    else:
        setattr(request, last, value)


@pytest.fixture(scope="module")
def ids(org_a: Organisation) -> dict[str, Any]:
    return {
        "user_id": org_a.user_id, "chatbot_id": org_a.chatbot_id, "org_id": org_a.org_id,
        "conversation": "matrix", "token": "x", "key_id": "00000000-0000-7000-8000-000000000000",
    }  # fmt: skip


@pytest.fixture(scope="module")
def credential(client: usher.Client, org_a: Organisation) -> bytes:
    return org_a.login(client).access_token.encode()


def answer(
    client: usher.Client, spot: Spot, ids: dict[str, Any], credential: bytes, value: Any
) -> envelope_pb2.Response:
    request = sample(spot.method, ids)
    put(request, spot.way, value)
    return client.send(
        envelope_pb2.Request(
            method_id=spot.method.id, credential=credential, payload=request.SerializeToString()
        )
    )


def violations(response: envelope_pb2.Response) -> dict[str, str]:
    return {
        violation.field: violation.description
        for detail in response.details
        for violation in detail.bad_request.violations
    }


def test_there_are_rules_of_every_kind():
    """Else the matrix would be empty of them."""
    for kind in ("length_max", "items_max", "json", "required"):
        assert any(getattr(spot.rules, kind) for spot in SPOTS), kind
    assert any(spot.rules.HasField("range") for spot in SPOTS)
    assert any(len(spot.way) > 1 for spot in SPOTS)


@pytest.mark.parametrize("spot", [s for s in SPOTS if list(beyond(s))], ids=str)
def test_what_breaks_a_rule_is_refused_by_name(
    spot: Spot, client: usher.Client, ids: dict[str, Any], credential: bytes
):
    for value, path in beyond(spot):
        response = answer(client, spot, ids, credential, value)
        shown = repr(value)[:80]
        assert response.code == Code.INVALID_ARGUMENT, (shown, response.code, response.message)
        assert violations(response).get(path), (shown, violations(response), response.message)


def about(spot: Spot, response: envelope_pb2.Response) -> list[str]:
    """What is said of the field, of an item of it, or of what is in it."""
    return [
        f"{path} {text}"
        for path, text in violations(response).items()
        if path == spot.whole or path.startswith((f"{spot.whole}[", f"{spot.whole}."))
    ]


@pytest.mark.parametrize("spot", [s for s in SPOTS if list(within(s))], ids=str)
def test_what_is_at_its_limit_breaks_no_rule(
    spot: Spot, client: usher.Client, ids: dict[str, Any], credential: bytes
):
    for value, may_be_said in within(spot):
        response = answer(client, spot, ids, credential, value)
        found = about(spot, response)
        shown = (repr(value)[:80], found)
        assert all(may_be_said and may_be_said in text for text in found), shown
        assert response.code not in (Code.INTERNAL, Code.UNKNOWN), response.message
        # Nothing else is wrong with the request.
        if isinstance(value, Copies):
            assert response.code == Code.OK, (value, response.code, response.message)


# ---- deadlines

IN_TIME = 0.3
FROM_MEMORY_IN_TIME = 3.0  # it is to be seen that they need nobody, not how busy the machine is


def tables(system: System) -> list[str]:
    """All but what a node lives by: its feed would stop, and with it what it remembers."""
    return system.database.sql(
        "SELECT relid::regclass FROM pg_stat_user_tables WHERE schemaname = 'usher'"
        " AND relname NOT LIKE ALL (ARRAY['nodes', 'changes'])"
    ).split()


# What they say stands in the server's memory: the deadline passes before nobody.
FROM_MEMORY = {
    "AuthService/GetJwks",
    "OpsService/GetHealth",
    "OpsService/GetDescriptors",
    "OpsService/ListJobs",
}
# A job that finds nothing due, and an operation that has ended.
LEAVE_THINGS_AS_THEY_ARE = {"OpsService/RunJob", "OpsService/CancelOperation"}
RULES_OF_ORGANISATIONS = {"public", "account", "self", "org"}


@pytest.fixture(scope="module")
def operator(system: System) -> Organisation:
    return system.operator("deadlines@example.com")


@pytest.fixture(scope="module")
def operation_id(client: usher.Client, operator: Organisation) -> str:
    """Of one that has ended, so that nothing is at work on it."""
    calls = operator.owner(client).ops
    found = calls.start_operation(kind="db_check", parameters='{"quick":true}').operation_id
    wait_until(
        lambda: calls.get_operation(operation_id=found).HasField("finished_at"), "it has ended", 30
    )
    return found


def true_ids(
    method: Method, client: usher.Client, org: Organisation, ids: dict[str, Any]
) -> dict[str, Any]:
    """What the method can be done with, and changes something: only then its deadline is what ends
    it, and what it began would be seen."""
    new = secrets.token_hex(6)
    match method.name.removeprefix("usher.v1."):
        case "AuthService/VerifyEmail":
            signup = client.auth.sign_up(
                email=f"{new}@example.com", password=secrets.token_urlsafe(12)
            )
            return {"signup_id": signup.signup_id, "code": signup.debug_code}
        case "AuthService/Login":
            return {"email": org.email, "password": org.password}
        case "AuthService/Refresh":
            return {"refresh_token": org.login(client).refresh_token}
        case "AuthService/Introspect":
            key = org.new_key(client, "context.read", default_user_id=org.user_id)
            return {"token": key.api_key}
        case "OrgService/CreateOrg" | "ContextService/CreateChatbot":
            return {}
        case "ContextService/RevokeApiKey":
            key = org.new_key(client, "context.read", default_user_id=org.user_id).key
            return {**ids, "key_id": key.key_id}
        case "UserService/UpdateMe":
            return {"display_name": new}
        case "UserService/UpsertUser":
            return {"external_id": new}
        case "ContextService/PutProfile":
            return {**ids, "profile": common_pb2.Profile(company=new)}
        case "ContextService/AppendTurns" | "ContextService/Resolve":
            return {**ids, "conversation": new, "message": "Hello"}
        case "ContextService/ListTurns":
            org.keyed(client).context.append_turns(
                user_id=org.user_id,
                conversation=new,
                turns=[{"role": "TURN_ROLE_USER", "text": "Hello"}],
            )
            return {**ids, "conversation": new}
    return ids


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda m: m.name.removeprefix("usher.v1."))
def test_a_deadline_that_passes_ends_the_call_and_what_it_began(
    method: Method,
    client: usher.Client,
    org_a: Organisation,
    operator: Organisation,
    operation_id: str,
    system: System,
    ids: dict[str, Any],
):
    """The database answers nobody meanwhile; only what is in memory can be had. Whoever calls may, and
    what is asked can be done."""
    name = method.name.removeprefix("usher.v1.")
    is_organisations = any(
        rule.WhichOneof("rule") in RULES_OF_ORGANISATIONS for rule in method.rules.access
    )
    caller = org_a if is_organisations else operator
    credential = caller.login(client).access_token.encode()
    request = envelope_pb2.Request(
        method_id=method.id,
        credential=credential,
        timeout_ms=int((FROM_MEMORY_IN_TIME if name in FROM_MEMORY else IN_TIME) * 1000),
        idempotency_key=b"" if not method.rules.idempotent_by_key else secrets.token_bytes(16),
        payload=sample(
            method, true_ids(method, client, org_a, {**ids, "operation_id": operation_id})
        ).SerializeToString(),
    )
    # A node whose feed was kept waiting for too long does not trust its memory: it is asked again.
    for _ in range(2 if name in FROM_MEMORY else 1):
        wait_until(lambda: client.ops.get_health().lease_held, "memory is trusted")
        client.send(request_of_nothing(credential))  # who calls is in memory from here on
        before = writes(system)
        with TableLock(system, *tables(system)):
            began = time.monotonic()
            response = client.send(request)
            took = time.monotonic() - began
        # Sooner than the method's own deadline would have ended it.
        assert took < 4 * SLOWER, (took, response.code)
        if response.code == Code.OK:
            break
    if name in FROM_MEMORY:
        assert response.code == Code.OK, response.message
    else:
        assert response.code in (Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE), response.message
    assert writes(system) == before
    # And the server goes on.
    assert client.ops.get_health().ready
    # It was the deadline: without one the same is done.
    request.timeout_ms = 0
    response = client.send(request)
    assert response.code == Code.OK, (response.code, response.message)
    # And what it does would have been seen.
    is_write = method.rules.effect != options_pb2.EFFECT_READ or bool(method.rules.write_with)
    assert is_seen(before, writes(system)) == (is_write and name not in LEAVE_THINGS_AS_THEY_ARE)


def request_of_nothing(credential: bytes) -> envelope_pb2.Request:
    me = METHODS["usher.v1.UserService/GetMe"]
    return envelope_pb2.Request(
        method_id=me.id, credential=credential, payload=me.request().SerializeToString()
    )


COUNTED = [
    "count(*) FROM usher.orgs",
    "count(*) FROM usher.users",
    "sum(version) FROM usher.users",
    "count(*) FROM usher.accounts",
    "count(*) FROM usher.sessions",
    "count(*) FROM usher.sessions WHERE revoked_at IS NOT NULL",
    "count(*) FROM usher.refresh_tokens",
    "count(*) FROM usher.signups",
    "count(*) FROM usher.chatbots",
    "count(*) FROM usher.api_keys",
    "count(*) FROM usher.api_keys WHERE revoked_at IS NOT NULL",
    "count(*) FROM usher.profiles",
    "sum(version) FROM usher.profiles",
    "count(*) FROM usher.conversations",
    "count(*) FROM usher.turns",
    "count(*) FROM usher.operations",
    "count(*) FROM usher.operations WHERE cancel_requested_at IS NOT NULL",
    "count(*) FROM usher.idempotency",
]


def writes(system: System) -> dict[str, str]:
    """What a method could have written."""
    found = system.database.sql(f"SELECT {', '.join(f'(SELECT {what})' for what in COUNTED)}")
    return dict(zip(COUNTED, found.split("|"), strict=True))


def is_seen(before: dict[str, str], after: dict[str, str]) -> bool:
    """Is there more to see than that a reply was kept?"""
    return any(before[what] != after[what] for what in COUNTED if "idempotency" not in what)
