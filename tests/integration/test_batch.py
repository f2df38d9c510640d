"""Batch: many calls in one message, answered in order, each with its own code."""

from __future__ import annotations

import pytest

import usher
from usher import METHODS, Code
from usher.v1 import context_pb2, envelope_pb2, ops_pb2, options_pb2, user_pb2
from usher_testing import Organisation, System

RESOLVE = METHODS["usher.v1.ContextService/Resolve"]
HEALTH = METHODS["usher.v1.OpsService/GetHealth"]


def item(name: str, message=None, **fields) -> envelope_pb2.Request:
    return envelope_pb2.Request(
        method=f"usher.v1.{name}",
        payload=message.SerializeToString() if message else b"",
        **fields,
    )


def test_items_are_answered_in_order(client: usher.Client, org_a: Organisation):
    items = [
        item("ContextService/Resolve", context_pb2.ResolveRequest(message=f"m{i}"), call_id=i)
        for i in range(1, 201)
    ]
    responses = org_a.keyed(client).batch(items)
    assert [r.call_id for r in responses] == list(range(1, 201))
    for i, response in enumerate(responses, 1):
        assert response.code == Code.OK, response.message
        reply = context_pb2.ResolveReply.FromString(response.payload)
        assert any(f"m{i}" in s.text for s in reply.context.segments)


def test_each_item_has_a_code_of_its_own(client: usher.Client, org_a: Organisation):
    responses = org_a.keyed(client).batch(
        [
            item("OpsService/GetHealth"),
            item("UserService/GetUser", context_pb2.GetProfileRequest(user_id="ext:demo")),
            item("AuthService/Nothing"),
            item("ContextService/Resolve", context_pb2.ResolveRequest(user_id="ext:nobody")),
            envelope_pb2.Request(method=RESOLVE.name, payload=b"\xff"),
            item("ContextService/Resolve", context_pb2.ResolveRequest(message="fine")),
        ]
    )
    assert [Code(r.code) for r in responses] == [
        Code.OK, Code.PERMISSION_DENIED, Code.UNIMPLEMENTED, Code.NOT_FOUND, Code.INVALID_ARGUMENT,
        Code.OK,
    ]  # fmt: skip
    assert ops_pb2.GetHealthReply.FromString(responses[0].payload).ready
    assert all(r.message for r in responses if r.code)


def test_items_may_have_credentials_of_their_own(
    client: usher.Client, org_a: Organisation, org_b: Organisation
):
    resolve = context_pb2.ResolveRequest(message="x")
    responses = org_a.keyed(client).batch(
        [
            item("ContextService/Resolve", resolve),
            item("ContextService/Resolve", resolve, credential=org_b.api_key.encode()),
            item("ContextService/Resolve", resolve, credential=b"garbage"),
        ]
    )
    replies = [context_pb2.ResolveReply.FromString(r.payload) for r in responses]
    assert [r.caller.org_id for r in replies[:2]] == [org_a.org_id, org_b.org_id]
    assert responses[2].code == Code.UNAUTHENTICATED


def test_an_operators_items_are_in_the_organisation_that_the_message_names(
    system: System, client: usher.Client, org_a: Organisation, org_b: Organisation
):
    operator = system.operator("of-batches@example.com")
    upsert = user_pb2.UpsertUserRequest(external_id="batched", display_name="B")
    calls = operator.owner(client).session()
    responses = calls.using(org=org_b.org_id).batch(
        [
            item("UserService/UpsertUser", upsert),
            item("UserService/UpsertUser", upsert, org=org_a.org_id),
        ]
    )
    assert [Code(r.code) for r in responses] == [Code.OK, Code.OK], [r.message for r in responses]
    made = [user_pb2.UpsertUserReply.FromString(r.payload).user for r in responses]
    for user, org in zip(made, (org_b, org_a), strict=True):
        at = calls.using(org=org.org_id).user
        assert at.get_user(user_id="ext:batched").user_id == user.user_id
    with pytest.raises(usher.NotFound):
        calls.user.get_user(user_id="ext:batched")


def test_writes_in_a_batch_are_each_done(client: usher.Client, org_a: Organisation):
    session = usher.Session()
    responses = org_a.keyed(client).using(session=session).batch(
        [
            item(
                "ContextService/AppendTurns",
                context_pb2.AppendTurnsRequest(
                    conversation="batched",
                    turns=[context_pb2.NewTurn(role=context_pb2.TURN_ROLE_USER, text=str(i))],
                ),
            )
            for i in range(20)
        ]
    )
    assert all(r.code == Code.OK and r.revision for r in responses), [r.message for r in responses]
    # What the session reads next has all of them in it.
    assert session.revision == max(r.revision for r in responses)
    reader = org_a.keyed(client).using(session=session)
    turns = reader.context.list_turns(conversation="batched").turns
    assert sorted(t.seq for t in turns) == list(range(1, 21))
    assert sorted(int(t.text) for t in turns) == list(range(20))


@pytest.mark.parametrize(
    "method",
    [m for m in METHODS.values() if not m.rules.batchable],
    ids=lambda m: m.name.removeprefix("usher.v1."),
)
def test_what_may_not_stand_in_a_batch_is_refused_there(
    method: usher.Method, client: usher.Client, org_a: Organisation
):
    (response,) = org_a.keyed(client).batch([envelope_pb2.Request(method_id=method.id)])
    assert response.code in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED), response.message


def test_no_hash_and_no_wait_method_is_batchable():
    for method in METHODS.values():
        if method.rules.lane in (options_pb2.LANE_HASH, options_pb2.LANE_WAIT):
            assert not method.rules.batchable, method.name


def test_a_batch_in_a_batch_is_refused(client: usher.Client):
    inner = envelope_pb2.BatchRequest(items=[envelope_pb2.Request(method=HEALTH.name)])
    (response,) = client.batch([item("Batch", inner)])
    assert response.code in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED)


def test_an_empty_batch_and_one_item_too_many(client: usher.Client):
    assert client.batch([]) == []
    health = envelope_pb2.Request(method_id=HEALTH.id)
    assert len(client.batch([health] * 1000)) == 1000
    with pytest.raises((usher.InvalidArgument, usher.ResourceExhausted)) as refused:
        client.batch([health] * 1001)
    assert not refused.value.retry_after


def test_a_reply_that_would_be_too_large_is_cut_by_item_not_by_connection(
    client: usher.Client, org_a: Organisation
):
    keyed = org_a.keyed(client).session()
    keyed.context.put_profile(profile={"about": "words " * 600, "company": "Large"})
    resolve = context_pb2.ResolveRequest(message="x" * 2000, with_items=True)
    try:
        responses = keyed.using(timeout=20.0).batch(
            [item("ContextService/Resolve", resolve)] * 1000
        )
    except usher.ResourceExhausted as refused:
        assert not refused.retry_after
        return
    assert len(responses) == 1000
    assert {r.code for r in responses} <= {Code.OK, Code.RESOURCE_EXHAUSTED}
