"""A write that is repeated under its idempotency key is done once and answered the same."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

import usher
from usher import METHODS
from usher.v1 import envelope_pb2
from usher_testing import Bridge, Organisation, System, stay_off_midnight

TAKES_A_KEY = [m for m in METHODS.values() if m.rules.idempotent_by_key]


def test_a_repeat_gets_the_first_answer(
    client: usher.Client, org_a: Organisation, system: System
):
    before = system.database.count("chatbots")
    calls = org_a.owner(client).using(idempotency_key=usher.idempotency_key())
    method = METHODS["usher.v1.ContextService/CreateChatbot"]
    ask = method.request(display_name="Once")
    first, envelope = calls.exchange(method, ask)
    assert not envelope.replayed and envelope.revision
    for _ in range(3):
        again, envelope = calls.exchange(method, ask)
        assert again == first
        assert envelope.replayed and envelope.revision
    assert system.database.count("chatbots") == before + 1


def test_a_secret_in_the_answer_is_given_again_and_kept_sealed(
    client: usher.Client, org_a: Organisation, system: System
):
    key = usher.idempotency_key()
    calls = org_a.owner(client).using(idempotency_key=key)
    fields = {"chatbot_id": org_a.chatbot_id, "scopes": ["context.read"]}
    first = calls.context.create_api_key(**fields)
    assert calls.context.create_api_key(**fields) == first
    secret = first.api_key.rsplit("_", 1)[1].encode().hex()
    rows = system.database.sql("SELECT row_to_json(i)::text FROM usher.idempotency i")
    assert rows
    assert secret not in rows and first.api_key not in rows and key.hex() not in rows


def test_another_request_under_the_same_key_is_refused(client: usher.Client, org_a: Organisation):
    calls = org_a.owner(client).using(idempotency_key=usher.idempotency_key())
    calls.context.create_chatbot(display_name="One")
    with pytest.raises(usher.InvalidArgument) as refused:
        calls.context.create_chatbot(display_name="Another")
    assert refused.value.reason


def test_the_same_key_is_another_one_for_another_caller_or_method(
    client: usher.Client, org_a: Organisation, org_b: Organisation
):
    key = usher.idempotency_key()
    a = org_a.owner(client).using(idempotency_key=key)
    b = org_b.owner(client).using(idempotency_key=key)
    first = a.context.create_chatbot(display_name="Same")
    second = b.context.create_chatbot(display_name="Same")
    assert first.org_id != second.org_id
    user = a.user.upsert_user(external_id="other method", display_name="x")
    assert user.created


def test_a_failure_is_not_kept(client: usher.Client, org_a: Organisation):
    key = usher.idempotency_key()
    calls = org_a.owner(client).using(idempotency_key=key)
    with pytest.raises(usher.NotFound):
        calls.context.put_profile(user_id="ext:comes later", profile={"company": "x"})
    org_a.owner(client).user.upsert_user(external_id="comes later")
    assert calls.context.put_profile(user_id="ext:comes later", profile={"company": "x"}).user_id


@pytest.mark.parametrize("key", [b"short", b"x" * 15, b"x" * 129])
def test_a_key_of_the_wrong_size_is_refused(key: bytes, client: usher.Client, org_a: Organisation):
    with pytest.raises(usher.InvalidArgument):
        org_a.owner(client).using(idempotency_key=key).context.create_chatbot(display_name="x")


def test_many_at_once_do_it_once(client: usher.Client, org_a: Organisation, system: System):
    for turn in range(10):
        external_id = f"race {turn}"
        calls = org_a.keyed(client).using(idempotency_key=usher.idempotency_key())
        conversation = f"race {turn}"

        def append() -> str:
            try:
                reply = calls.context.append_turns(
                    conversation=conversation,
                    turns=[{"role": "TURN_ROLE_USER", "text": external_id}],
                )
                return str(reply.last_seq)
            except usher.Aborted as refused:
                assert refused.retry_after or refused.reason
                return "aborted"

        with ThreadPoolExecutor(8) as pool:
            outcomes = [f.result() for f in [pool.submit(append) for _ in range(8)]]
        assert set(outcomes) <= {"1", "aborted"} and "1" in outcomes
        assert append() == "1"
        turns = org_a.keyed(client).session().context.list_turns(conversation=conversation).turns
        assert len(turns) == 1


def test_a_repeat_after_a_restart_is_known(
    client: usher.Client, org_a: Organisation, system: System
):
    calls = org_a.owner(client).using(idempotency_key=usher.idempotency_key())
    first = calls.context.create_chatbot(display_name="Across nodes")
    second_node = system.node("second").client()
    there = second_node.using(**{
        name: getattr(calls._options, name) for name in ("credential", "idempotency_key")
    })
    assert there.context.create_chatbot(display_name="Across nodes") == first


def test_a_resolve_that_appends_appends_once(client: usher.Client, org_a: Organisation):
    calls = org_a.keyed(client).using(idempotency_key=usher.idempotency_key())
    first = calls.context.resolve(message="Hello", conversation="resolved once")
    again = calls.context.resolve(message="Hello", conversation="resolved once")
    assert first.seq == again.seq == 1
    assert first.conversation_id == again.conversation_id


def test_a_repeat_is_answered_though_the_first_took_the_last_of_the_quota(
    client: usher.Client, org_a: Organisation
):
    stay_off_midnight()
    made = org_a.new_key(
        client,
        "context.read",
        "context.write",
        default_user_id=org_a.user_id,
        quota={"requests_per_day": 2},
    )
    method = METHODS["usher.v1.ContextService/Resolve"]
    calls = client.using(credential=made.api_key, idempotency_key=usher.idempotency_key())
    ask = method.request(message="Hello", conversation=f"the last {secrets.token_hex(4)}")
    first, envelope = calls.exchange(method, ask)
    assert not envelope.replayed
    # Repeats take nothing of it either.
    for _ in range(3):
        again, envelope = calls.exchange(method, ask)
        assert envelope.replayed and again == first
    assert client.using(credential=made.api_key).context.resolve(message="x").quota.remaining == 0
    again, envelope = calls.exchange(method, ask)
    assert envelope.replayed and again == first
    with pytest.raises(usher.ResourceExhausted) as refused:
        client.using(credential=made.api_key).context.resolve(message="x", conversation="another")
    assert refused.value.reason == "QUOTA_EXCEEDED"


def test_over_http(bridge: Bridge, client: usher.Client, org_a: Organisation):
    owner = bridge.http(bearer=org_a.tokens(client).access_token)
    headers = {"Idempotency-Key": "0123456789abcdef0123456789abcdef"}
    body = {"displayName": "By HTTP"}
    first = owner.post("/v1/chatbots", body, headers=headers)
    again = owner.post("/v1/chatbots", body, headers=headers)
    assert first.expect(201) == again.expect(201)
    assert first.headers["Usher-Revision"]
    owner.post("/v1/chatbots", {"displayName": "Other"}, headers=headers).expect(400)


@pytest.mark.parametrize(
    "method",
    [m for m in METHODS.values() if not m.rules.idempotent_by_key],
    ids=lambda m: m.name.removeprefix("usher.v1."),
)
def test_methods_that_take_none_say_so_or_ignore_it(
    method: usher.Method, client: usher.Client, org_a: Organisation, system: System
):
    before = system.database.count("idempotency")
    response = client.send(
        envelope_pb2.Request(
            method_id=method.id,
            credential=org_a.api_key.encode(),
            idempotency_key=usher.idempotency_key(),
        )
    )
    assert not response.replayed
    assert system.database.count("idempotency") == before


def test_the_items_of_a_batch_have_keys_of_their_own(client: usher.Client, org_a: Organisation):
    """As envelope() makes them; the message has none, and one that is for it alone is refused."""
    method = usher.METHODS["usher.v1.ContextService/AppendTurns"]
    turns = [{"role": "TURN_ROLE_USER", "text": "once"}]
    request = method.request(conversation=f"keyed {secrets.token_hex(4)}", turns=turns)
    plain = org_a.keyed(client)
    calls = plain.using(idempotency_key=usher.idempotency_key())
    payload = request.SerializeToString()
    (first,) = calls.batch([calls.envelope(method, payload)])
    (again,) = calls.batch([calls.envelope(method, payload)])
    assert first.code == again.code == usher.Code.OK, (first.message, again.message)
    assert again.replayed and not first.replayed and again.payload == first.payload
    with pytest.raises(usher.InvalidArgument) as refused:
        calls.batch([plain.envelope(method, payload)])
    assert refused.value.reason == "IDEMPOTENCY_KEY_NOT_TAKEN"
