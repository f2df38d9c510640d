"""Every method with organisation A's credentials on organisation B's ids: it is as if B were not
there, and nothing in B changes."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

import usher
from usher import METHODS, Code, Method
from usher.v1 import common_pb2, envelope_pb2
from usher_testing import Organisation, System
from usher_testing.samples import names_somebody, nobody, sample

MARK = "Only-B-knows-this"
# Ids that a caller may choose: in A they name something else, or nothing yet.
CHOSEN_BY_CALLER = {
    "usher.v1.OrgService/CreateOrg",
    "usher.v1.ContextService/CreateChatbot",
    "usher.v1.UserService/UpsertUser",
}
TENANT_SCOPES = [
    "context.read", "context.write", "org.read", "tokens.introspect", "users.read", "users.write",
    "chatbots.read",
]  # fmt: skip


def each_method(wanted=lambda method: True):
    chosen = [m for m in METHODS.values() if names_somebody(m) and wanted(m)]
    return pytest.mark.parametrize("method", chosen, ids=lambda m: m.name.removeprefix("usher.v1."))


@pytest.fixture()
def b_ids(client: usher.Client, org_b: Organisation, system: System) -> dict[str, Any]:
    """Something of each kind in B, marked. New for each test: A may give the same ids to things of
    its own, and then they are A's too."""
    owner = org_b.owner(client)
    name = f"b-{secrets.token_hex(4)}"
    user = owner.user.upsert_user(
        external_id=name, display_name=f"{MARK} user", email="b@example.com"
    ).user
    bot = owner.context.create_chatbot(display_name=f"{MARK} bot")
    owner.context.put_profile(user_id=user.user_id, profile={"company": f"{MARK} company"})
    key = owner.context.create_api_key(
        chatbot_id=bot.chatbot_id,
        scopes=["context.read", "context.write"],
        display_name=f"{MARK} key",
    )
    turns = client.using(credential=key.api_key).context.append_turns(
        conversation=name,
        user_id=user.user_id,
        turns=[{"role": "TURN_ROLE_USER", "text": f"{MARK} turn"}],
    )
    operation_id = system.database.sql(
        "INSERT INTO usher.operations (org_id, id, kind, started_by, state, finished_at, expires_at)"
        f" VALUES ('{org_b.org_id}', gen_random_uuid(), '{MARK} kind', gen_random_uuid(), 3, now(),"
        " now() + interval '1 day') RETURNING id"
    )
    return {
        "user_id": user.user_id,
        "operation_id": operation_id,
        "chatbot_id": bot.chatbot_id,
        "key_id": key.key.key_id,
        "org_id": org_b.org_id,
        "conversation": turns.conversation_id,
        "token": key.api_key,
        "external_id": name,
    }


@pytest.fixture(scope="module")
def callers(client: usher.Client, org_a: Organisation) -> dict[str, usher.Calls]:
    key = org_a.new_key(client, *TENANT_SCOPES, default_user_id=org_a.user_id)
    return {"owner": org_a.owner(client), "key": client.using(credential=key.api_key)}


def rows_of(system: System, org: Organisation) -> str:
    """A digest of every row that belongs to the organisation."""
    tables = system.database.sql(
        "SELECT c.table_name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema = 'usher' AND c.column_name = 'org_id' AND t.table_type = 'BASE TABLE'"
        " AND c.table_name NOT IN ('sessions', 'changes', 'audit') AND c.table_name NOT LIKE 'reads%'"
        " ORDER BY 1"
    ).split()
    assert {"users", "api_keys", "profiles", "turns"} <= set(tables)
    union = " UNION ALL ".join(
        f"SELECT '{t} ' || r::text AS line FROM usher.{t} r WHERE org_id = '{org.org_id}'"
        for t in tables
    )
    return system.database.sql(
        f"SELECT count(*) || ' ' || md5(string_agg(line, E'\\n' ORDER BY line)) FROM ({union}) s"
    )


def outcome(response: envelope_pb2.Response) -> tuple[int, str, str]:
    """What can be told from it: code, reason, message."""
    info = next((d.error_info for d in response.details if d.HasField("error_info")), None)
    return response.code, info.reason if info else "", response.message


def call(calls: usher.Calls, method: Method, ids: dict[str, Any]) -> envelope_pb2.Response:
    envelope = calls.envelope(method, sample(method, ids).SerializeToString())
    return calls.send(envelope)


def own_ids(org: Organisation) -> dict[str, Any]:
    return {**nobody(), "chatbot_id": org.chatbot_id, "user_id": org.user_id, "org_id": org.org_id}


@pytest.mark.parametrize("who", ["owner", "key"])
@each_method()
def test_another_organisations_ids_are_nobodys(
    method: Method,
    who: str,
    callers: dict[str, usher.Calls],
    b_ids: dict[str, Any],
    org_a: Organisation,
    org_b: Organisation,
    system: System,
):
    before = rows_of(system, org_b)
    fields = [f.name for f in method.request.DESCRIPTOR.fields if f.name in b_ids]
    fields += ["user_id"] * any(
        f.name in ("user_ids", "default_user_id", "bound_user_id")
        for f in method.request.DESCRIPTOR.fields
    )
    # All of B's ids at once, and each alone among A's own.
    cases = [b_ids, *({**own_ids(org_a), name: b_ids[name]} for name in fields)]
    for ids in cases:
        theirs = call(callers[who], method, ids)
        unknown = call(
            callers[who], method, {k: nobody()[k] if v == b_ids.get(k) else v for k, v in ids.items()}
        )
        assert MARK.encode() not in theirs.payload
        assert MARK not in theirs.message
        assert theirs.code not in (Code.INTERNAL, Code.UNKNOWN), theirs.message
        if method.name not in CHOSEN_BY_CALLER:
            assert outcome(theirs)[:2] == outcome(unknown)[:2], theirs.message
        if theirs.code == Code.OK:
            reply = method.reply.FromString(theirs.payload)
            check_says_nothing(method, reply, org_b)
    assert rows_of(system, org_b) == before


def check_says_nothing(method: Method, reply: Any, org_b: Organisation) -> None:
    match method.name.rsplit("/")[1]:
        case "Introspect":
            assert reply == type(reply)(active=False)
        case "BatchGetContext":
            assert not any(c.found for c in reply.contexts)
        case "UpsertUser":
            assert reply.user.org_id != org_b.org_id
        case "CreateChatbot":
            assert reply.org_id != org_b.org_id
        case "AppendTurns" | "Resolve" | "GetContext" | "CreateOrg" | "CreateApiKey" | "GetProfile":
            assert org_b.org_id.encode() not in reply.SerializeToString()
        case name:
            # Whatever else says OK said it about A.
            assert org_b.org_id.encode() not in reply.SerializeToString(), name


def answers_about_anybody(method: Method) -> bool:
    """By a rule of its own, tested above; Login knows nobody until the password is right."""
    return method.name in CHOSEN_BY_CALLER or method.name.endswith(
        ("/Introspect", "/BatchGetContext", "/Login")
    )


@each_method(lambda method: not answers_about_anybody(method))
def test_ids_that_name_one_thing_alone_are_not_found(
    method: Method,
    callers: dict[str, usher.Calls],
    b_ids: dict[str, Any],
    org_a: Organisation,
):
    """By name, so that "equally wrong" cannot hide a method that ignores what it is asked."""
    response = call(callers["owner"], method, b_ids)
    assert response.code in (Code.NOT_FOUND, Code.PERMISSION_DENIED), response.message


LISTS = [
    m for m in METHODS.values()
    if "page" in m.request.DESCRIPTOR.fields_by_name and any(a.org for a in m.rules.access)
]  # fmt: skip


@pytest.mark.parametrize("method", LISTS, ids=lambda m: m.name.removeprefix("usher.v1."))
def test_a_cursor_of_another_organisation_is_refused_or_shows_the_own_rows(
    method: Method,
    client: usher.Client,
    callers: dict[str, usher.Calls],
    b_ids: dict[str, Any],
    org_a: Organisation,
    org_b: Organisation,
):
    b_owner = org_b.owner(client)
    b_owner.context.create_api_key(chatbot_id=b_ids["chatbot_id"], scopes=["context.read"])
    b_owner.context.append_turns(
        chatbot_id=b_ids["chatbot_id"],
        conversation=b_ids["conversation"],
        turns=[{"role": "TURN_ROLE_USER", "text": f"{MARK} again"}],
    )
    ask = sample(method, b_ids)
    ask.page.CopyFrom(common_pb2.PageRequest(size=1))
    page, _ = b_owner.exchange(method, ask)
    if not page.page.next_token:
        assert method.name.endswith("/ListMembers"), "B has two of everything but members"
        return
    own = sample(method, own_ids(org_a))
    own.page.CopyFrom(common_pb2.PageRequest(size=100, token=page.page.next_token))
    envelope = callers["owner"].envelope(method, own.SerializeToString())
    response = client.send(envelope)
    assert MARK.encode() not in response.payload
    assert response.code in (Code.OK, Code.INVALID_ARGUMENT, Code.NOT_FOUND)


def test_batch_items_are_each_held_to_the_same(
    client: usher.Client,
    callers: dict[str, usher.Calls],
    b_ids: dict[str, Any],
    org_b: Organisation,
    system: System,
):
    before = rows_of(system, org_b)
    chosen = [
        m for m in METHODS.values()
        if m.rules.batchable and names_somebody(m) and m.name not in CHOSEN_BY_CALLER
    ]  # fmt: skip
    items = [
        envelope_pb2.Request(method_id=m.id, payload=sample(m, b_ids).SerializeToString())
        for m in chosen
    ]
    for calls in callers.values():
        for method, response in zip(chosen, calls.batch(items), strict=True):
            assert MARK.encode() not in response.payload, method.name
            if not method.name.endswith("/Introspect"):
                assert response.code in (Code.NOT_FOUND, Code.PERMISSION_DENIED), method.name
    assert rows_of(system, org_b) == before


def test_a_users_token_of_another_organisation_narrows_nothing(
    client: usher.Client, org_a: Organisation, org_b: Organisation
):
    calls = client.using(
        credential=org_a.api_key, on_behalf_of=org_b.tokens(client).access_token
    )
    with pytest.raises(usher.PermissionDenied):
        calls.context.resolve(message="x")
