"""Every method by callers who are for one user alone, about another user of the same organisation:
it is refused in every way to name somebody, alone and in a batch, and nothing of theirs is told or
changes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import usher
from usher import METHODS, Code, Method
from usher.v1 import envelope_pb2
from usher_testing import Organisation, System
from usher_testing.samples import nobody, sample

MARK = "Only-Ben-knows-this"
SCOPES = [
    "context.read", "context.write", "org.read", "tokens.introspect", "users.read", "users.write",
    "chatbots.read",
]  # fmt: skip
CALLERS = ["bound key", "key on behalf", "owner on behalf"]
USER = frozenset({"user_id", "user_ids", "default_user_id", "bound_user_id"})
EXTERNAL = frozenset({"external_id"})
CONVERSATION = frozenset({"conversation"})
TOKEN = frozenset({"token"})
BOUND = frozenset({"bound_user_id"})


@dataclass(frozen=True)
class Someone:
    user_id: str
    external_id: str
    token: str
    conversation: str  # its name
    conversation_id: str


def someone(client: usher.Client, org: Organisation, name: str, company: str) -> Someone:
    """With an account, a name of the organisation's, a profile and a conversation."""
    unique = f"{name}-{secrets.token_hex(4)}"
    email, password = f"{unique}@example.com", "a good password"
    signup = client.auth.sign_up(email=email, password=password)
    tokens = client.auth.verify_email(signup_id=signup.signup_id, code=signup.debug_code)
    owner = org.owner(client)
    owner.user.upsert_user(user_id=tokens.user_id, external_id=unique, display_name=company)
    owner.context.put_profile(user_id=tokens.user_id, profile={"company": company})
    # By a key for anybody; from here on memory knows them under both names.
    keyed = org.keyed(client)
    talk = keyed.context.append_turns(
        user_id=tokens.user_id,
        conversation=unique,
        turns=[{"role": "TURN_ROLE_USER", "text": company}],
    )
    for named in (tokens.user_id, f"ext:{unique}"):
        assert company in keyed.context.resolve(user_id=named).user.display_name
    return Someone(tokens.user_id, unique, tokens.access_token, unique, talk.conversation_id)


@pytest.fixture(scope="module")
def ann(client: usher.Client, org_a: Organisation) -> Someone:
    return someone(client, org_a, "ann", "Ann")


@pytest.fixture(scope="module")
def ben(client: usher.Client, org_a: Organisation) -> Someone:
    return someone(client, org_a, "ben", MARK)


@pytest.fixture(scope="module")
def callers(client: usher.Client, org_a: Organisation, ann: Someone) -> dict[str, usher.Calls]:
    """All for Ann."""
    bound = org_a.new_key(client, *SCOPES, bound_user_id=ann.user_id).api_key
    key = org_a.new_key(client, *SCOPES).api_key
    made = [
        client.using(credential=bound),
        client.using(credential=key, on_behalf_of=ann.token),
        org_a.owner(client).using(on_behalf_of=ann.token),
    ]
    return dict(zip(CALLERS, made, strict=True))


def fields_of(method: Method) -> set[str]:
    return {field.name for field in method.request.DESCRIPTOR.fields}


def names_a_user(method: Method) -> bool:
    return bool(fields_of(method) & (USER | EXTERNAL | CONVERSATION | TOKEN))


def is_public(method: Method) -> bool:
    return any(access.public for access in method.rules.access)


def is_open_to(method: Method, who: str) -> bool:
    """The rule "self" is about the login's own user: narrowed to another it admits nobody."""
    if who == "owner on behalf":
        return any(access.org for access in method.rules.access)
    return any(access.key in SCOPES for access in method.rules.access)


def each_pair(wanted: Any) -> Any:
    pairs = [
        pytest.param(m, who, id=f"{m.name.removeprefix('usher.v1.')}-{who.replace(' ', '_')}")
        for m in METHODS.values()
        for who in CALLERS
        if not is_public(m) and wanted(m, who)
    ]
    return pytest.mark.parametrize(("method", "who"), pairs)


def own_ids(org: Organisation, ann: Someone) -> dict[str, Any]:
    ids = nobody()
    del ids["external_id"]
    return ids | {
        "user_id": ann.user_id, "chatbot_id": org.chatbot_id, "org_id": org.org_id,
        "conversation": ann.conversation_id, "token": ann.token,
    }  # fmt: skip


def ways(method: Method, ann: Someone, ben: Someone) -> Iterator[tuple[frozenset[str], dict]]:
    """Each way in which a request of the method can speak of Ben, or make somebody else: the fields
    that do, and what differs from a request about Ann."""
    implied = {"user_id": ""}
    for fields, ids in (
        (USER, {"user_id": ben.user_id}),
        (USER, {"user_id": f"ext:{ben.external_id}"}),
        (EXTERNAL, implied | {"external_id": ben.external_id}),
        (EXTERNAL, implied | {"external_id": f"new-{secrets.token_hex(4)}"}),
        (CONVERSATION, implied | {"conversation": ben.conversation_id}),
        (CONVERSATION, implied | {"conversation": ben.conversation}),
        (CONVERSATION, implied | {"conversation": ben.conversation, "message": "Hello"}),
        (CONVERSATION, {"user_id": ann.user_id, "conversation": ben.conversation_id}),
        (CONVERSATION, {"user_id": ben.user_id, "conversation": ben.conversation_id}),
        (CONVERSATION, {"user_id": f"ext:{ben.external_id}", "conversation": ben.conversation}),
        (TOKEN, {"token": ben.token}),
        # A key for anybody.
        (BOUND, {"default_user_id": "", "bound_user_id": ""}),
    ):
        if fields & fields_of(method):
            yield fields, ids


def reason(response: envelope_pb2.Response) -> str:
    return next((d.error_info.reason for d in response.details if d.HasField("error_info")), "")


def check_says_nothing(response: envelope_pb2.Response, ben: Someone) -> None:
    for secret in (MARK, ben.user_id, ben.conversation_id):
        assert secret.encode() not in response.payload
        assert secret not in response.message


def check_refused(
    method: Method, fields: frozenset[str], response: envelope_pb2.Response, ben: Someone
) -> None:
    check_says_nothing(response, ben)
    if fields == TOKEN:
        # Of a token that one may not ask about: as if it were none.
        assert response.code == Code.OK
        assert method.reply.FromString(response.payload) == method.reply(active=False)
        return
    allowed = {"USER_NOT_ALLOWED"}
    if fields == CONVERSATION:
        allowed |= {"CONVERSATION_OF_ANOTHER_USER", "ON_BEHALF_OF_REFUSED"}
    assert reason(response) in allowed, (response.code, response.message)


def send(calls: usher.Calls, method: Method, ids: dict[str, Any]) -> envelope_pb2.Response:
    return calls.send(calls.envelope(method, sample(method, ids).SerializeToString()))


def rows_of(system: System, org: Organisation) -> str:
    """A digest of what there is of the organisation's people."""
    union = " UNION ALL ".join(
        f"SELECT '{table} ' || r::text AS line FROM usher.{table} r WHERE org_id = '{org.org_id}'"
        for table in ("users", "account_users", "user_roles", "profiles", "conversations", "turns")
    )
    return system.database.sql(
        f"SELECT count(*) || ' ' || md5(string_agg(line, E'\\n' ORDER BY line)) FROM ({union}) s"
    )


@each_pair(lambda method, who: names_a_user(method) and is_open_to(method, who))
def test_another_user_is_refused_however_named(
    method: Method,
    who: str,
    callers: dict[str, usher.Calls],
    ann: Someone,
    ben: Someone,
    org_a: Organisation,
    system: System,
):
    own = own_ids(org_a, ann)
    allowed = send(callers[who], method, own)
    assert allowed.code == Code.OK, allowed.message
    before = rows_of(system, org_a)
    for fields, ids in ways(method, ann, ben):
        check_refused(method, fields, send(callers[who], method, own | ids), ben)
    assert rows_of(system, org_a) == before


@pytest.mark.parametrize("who", CALLERS)
def test_batch_items_are_each_held_to_the_same(
    who: str,
    callers: dict[str, usher.Calls],
    ann: Someone,
    ben: Someone,
    org_a: Organisation,
    system: System,
):
    own = own_ids(org_a, ann)
    cases = [
        (method, fields, sample(method, own | ids))
        for method in METHODS.values()
        if method.rules.batchable and not is_public(method) and is_open_to(method, who)
        for fields, ids in ways(method, ann, ben)
    ]
    before = rows_of(system, org_a)
    responses = callers[who].batch(
        [
            envelope_pb2.Request(method_id=method.id, payload=request.SerializeToString())
            for method, _, request in cases
        ]
    )
    for (method, fields, _), response in zip(cases, responses, strict=True):
        check_refused(method, fields, response, ben)
    assert rows_of(system, org_a) == before


@each_pair(lambda method, who: not names_a_user(method))
def test_what_names_nobody_tells_of_nobody_else(
    method: Method,
    who: str,
    callers: dict[str, usher.Calls],
    ann: Someone,
    ben: Someone,
    org_a: Organisation,
):
    """Lists, above all."""
    response = send(callers[who], method, own_ids(org_a, ann))
    assert response.code not in (Code.INTERNAL, Code.UNKNOWN), response.message
    check_says_nothing(response, ben)
