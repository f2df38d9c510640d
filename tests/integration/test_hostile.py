"""What nobody polite sends, over nng and over HTTP: each gets its code and a sentence, and the server
goes on."""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

import usher
from usher import METHODS, Code, Method
from usher.v1 import common_pb2, context_pb2, envelope_pb2, options_pb2
from usher_testing import (
    SOURCE,
    Bridge,
    Http,
    Node,
    Organisation,
    System,
    unverified_token,
    wait_until,
)
from usher_testing.lacking import found_or_lacking
from usher_testing.locks import TableLock
from usher_testing.process import SANITIZED, SLOWER
from usher_testing.samples import sample
from usher_testing.tokens import SigningKey, unsigned_token

DATA = pathlib.Path(os.environ.get("USHER_SHARED_DATA", SOURCE.parent / "shared/data"))
RESOLVE = METHODS["usher.v1.ContextService/Resolve"]
GET_ME = METHODS["usher.v1.UserService/GetMe"]
MIB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def servers_stay_small(node: Node, bridge: Bridge, org_a: Organisation, client: usher.Client):
    """All of this file leaves no heap behind it."""
    org_a.keyed(client).context.resolve(message="warm")
    yield
    assert bridge.http().get("/health").status == 200
    assert node.health().ready
    if not SANITIZED:
        assert node.resident_bytes() < 160 * MIB
        assert bridge.resident_bytes() < 96 * MIB


@pytest.fixture(autouse=True)
def it_still_does_its_job(client: usher.Client, org_a: Organisation) -> Iterator[None]:
    yield
    assert org_a.keyed(client).context.resolve(message="still?").user.user_id == org_a.user_id


def respond(client: usher.Client, message: bytes, timeout: float = 5.0) -> envelope_pb2.Response:
    return envelope_pb2.Response.FromString(client.send_bytes(message, timeout))


def check_refused(response: envelope_pb2.Response, *codes: Code) -> None:
    assert response.code in codes, (Code(response.code), response.message)
    assert response.message
    assert any(d.error_info.reason or d.HasField("error_info") for d in response.details)
    assert not response.payload


def request(org: Organisation, method: Method = RESOLVE, **fields: Any) -> envelope_pb2.Request:
    return envelope_pb2.Request(
        **{"method_id": method.id, "credential": org.api_key.encode(), **fields}
    )


def tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def length_delimited(field: int, value: bytes) -> bytes:
    return tag(field, 2) + varint(len(value)) + value


# Envelopes


def test_every_truncation_of_a_good_call_is_answered(client: usher.Client, org_a: Organisation):
    whole = request(org_a, payload=context_pb2.ResolveRequest(message="Hi").SerializeToString())
    data = whole.SerializeToString()
    for length in range(len(data)):
        response = respond(client, data[:length])
        assert response.code in (
            Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.UNAUTHENTICATED, Code.OK,
        ), length  # fmt: skip


ENVELOPES = {
    "empty": b"",
    "not protobuf": b"GET / HTTP/1.1\r\n\r\n",
    "zeroes": bytes(1000),
    "ones": b"\xff" * 1000,
    "field 0": b"\x00\x01",
    "group": tag(2, 3) + tag(2, 4),
    "unclosed group": tag(2, 3) * 100,
    "wire type 7": b"\x0f",
    "length beyond the end": tag(14, 2) + varint(1 << 20) + b"x",
    "length of 2^63": tag(14, 2) + varint(1 << 63),
    "endless varint": tag(3, 0) + b"\x80" * 20,
    "method as number": tag(2, 0) + b"\x01",
    "method in latin-1": length_delimited(2, b"usher.v1.AuthService/\xe9"),
    "method with NUL": length_delimited(2, b"usher.v1.OpsService/GetHealth\0"),
    "method with a surrogate": length_delimited(2, b"\xed\xa0\x80"),
    "method of 1 MiB": length_delimited(2, b"x" * MIB),
}


@pytest.mark.parametrize("message", ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_that_is_none(message: bytes, client: usher.Client):
    check_refused(respond(client, message), Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED)


def test_random_messages_are_all_answered(client: usher.Client):
    for _ in range(300):
        response = respond(client, secrets.token_bytes(secrets.randbelow(200)))
        assert response.code in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED)


def test_flipped_bits_never_make_an_internal_error(client: usher.Client, org_a: Organisation):
    data = request(
        org_a, payload=context_pb2.ResolveRequest(message="Hello there").SerializeToString()
    ).SerializeToString()
    for _ in range(1000):
        changed = bytearray(data)
        for _ in range(1 + secrets.randbelow(3)):
            at = secrets.randbelow(len(changed))
            changed[at] ^= 1 << secrets.randbelow(8)
        response = respond(client, bytes(changed))
        assert response.code not in (Code.INTERNAL, Code.UNKNOWN), bytes(changed).hex()


def test_an_unknown_method(client: usher.Client):
    for envelope in (
        envelope_pb2.Request(method="usher.v1.AuthService/Nothing"),
        envelope_pb2.Request(method="nothing"),
        envelope_pb2.Request(method_id=12345),
    ):
        check_refused(client.send(envelope), Code.UNIMPLEMENTED)


def test_method_and_id_that_differ(client: usher.Client):
    envelope = envelope_pb2.Request(method=GET_ME.name, method_id=RESOLVE.id)
    check_refused(client.send(envelope), Code.INVALID_ARGUMENT)


def test_unknown_fields_are_skipped(client: usher.Client, org_a: Organisation):
    payload = context_pb2.ResolveRequest(message="Hi").SerializeToString()
    payload += length_delimited(999, b"new") + tag(1000, 0) + b"\x01" + tag(1001, 5) + b"1234"
    data = request(org_a, payload=payload).SerializeToString() + length_delimited(500, b"newer")
    assert respond(client, data).code == Code.OK


def test_stuffed_with_fields(client: usher.Client, org_a: Organisation):
    many = (tag(999, 0) + b"\x01") * 30000
    check_refused(
        respond(client, request(org_a, payload=many).SerializeToString()),
        Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED,
    )  # fmt: skip
    check_refused(
        respond(client, request(org_a).SerializeToString() + many),
        Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED,
    )  # fmt: skip


def test_nested_too_deep(client: usher.Client, org_a: Organisation):
    """A Batch in a Batch in a Batch."""
    payload = b""
    for _ in range(200):
        item = envelope_pb2.Request(method="usher.v1.Batch", payload=payload)
        payload = envelope_pb2.BatchRequest(items=[item]).SerializeToString()
    response = client.send(envelope_pb2.Request(method="usher.v1.Batch", payload=payload))
    if response.code == Code.OK:  # the outer one; what is inside is refused
        (inner,) = envelope_pb2.BatchReply.FromString(response.payload).items
        check_refused(inner, Code.INVALID_ARGUMENT)
    else:
        check_refused(response, Code.INVALID_ARGUMENT)


PAYLOADS = {
    "not protobuf": b"\xff\xff\xff",
    "message in latin-1": length_delimited(3, b"caf\xe9"),
    "message with NUL": length_delimited(3, b"a\0b"),
    "message overlong": length_delimited(3, b"\xc0\x80"),
    "message as number": tag(3, 0) + b"\x01",
    "too long a message": length_delimited(3, b"x" * 200001),
    "too many etags": length_delimited(6, b"e") * 33,
    "a budget below zero": tag(5, 0) + varint((1 << 64) - 1),
    "too long a purpose": length_delimited(7, b"p" * 65),
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_out_of_its_limits(payload: bytes, client: usher.Client, org_a: Organisation):
    response = client.send(request(org_a, payload=payload))
    check_refused(response, Code.INVALID_ARGUMENT)


def test_the_largest_pages_fit_their_replies(
    client: usher.Client, bridge: Bridge, system: System, org_b: Organisation
):
    """A thousand keys and users, each of which is about as long as it may be, in one page."""
    widest = "\U0001f511"  # four bytes; in JSON, too
    owner = org_b.owner(client)
    user = owner.user.upsert_user(
        external_id=widest * 255, display_name=widest * 200, email="e" * 60 + "@" + "e.xample." * 20 + "com"
    ).user
    key = org_b.new_key(
        client,
        "context.read", "context.write", "users.read", "users.write",
        display_name=widest * 200,
        default_user_id=user.user_id,
        bound_user_id=user.user_id,
        allowed_networks=[f"2001:db8:ffff:ffff:ffff:ffff:ffff:ff{i:02x}/128" for i in range(32)],
    ).key  # fmt: skip
    for table, row, change in (
        ("api_keys", key.key_id, "'id', md5(n::text)"),
        (
            "users",
            user.user_id,
            f"'id', md5(n::text), 'external_id', repeat('{widest}', 250) || n + 10000",
        ),
    ):
        system.database.sql(
            f"INSERT INTO usher.{table} SELECT made.*"
            f" FROM usher.{table} t, generate_series(1, 1000) n,"
            f" jsonb_populate_record(t, jsonb_build_object({change})) made WHERE t.id = '{row}'"
        )
    calls = owner.using(timeout=30.0 * SLOWER)
    keys = calls.context.list_api_keys(chatbot_id=org_b.chatbot_id, page={"size": 1000})
    users = calls.user.list_users(page={"size": 1000})
    print(f"{keys.ByteSize()} bytes of keys, {users.ByteSize()} of users")
    assert len(keys.keys) == len(users.users) == 1000
    assert keys.ByteSize() > MIB and users.ByteSize() > MIB
    http = bridge.http().by(bearer=org_b.tokens(client).access_token)
    for path, name in (
        (f"/v1/chatbots/{org_b.chatbot_id}/keys?page.size=1000", "keys"),
        ("/v1/users?page.size=1000", "users"),
    ):
        assert len(http.get(path).expect(200)[name]) == 1000


def test_a_payload_above_the_methods_size(client: usher.Client, org_a: Organisation):
    response = client.send(request(org_a, payload=length_delimited(999, b"x" * (MIB + 1))))
    check_refused(response, Code.RESOURCE_EXHAUSTED)
    assert response.retry_after_ms == 0


def test_a_message_above_4_mib_costs_its_own_connection_alone(
    client: usher.Client, node: Node, org_a: Organisation
):
    with usher.Client(node.url) as other, pytest.raises((usher.Unavailable, usher.DeadlineExceeded)):
        other.send_bytes(b"x" * (5 * MIB), 1.0)
    assert org_a.keyed(client).context.resolve(message="x").read_id


def test_raw_connections_that_speak_no_sp_are_shown_the_door(node: Node):
    header = b"\x00SP\x00\x00\x30\x00\x00"
    huge = header + (1 << 62).to_bytes(8)
    for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"\xff" * 64, huge):
        with socket.create_connection(("127.0.0.1", node.port), timeout=10) as peer:
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass
            except TimeoutError:
                raise
            except OSError:
                pass  # closed on us, which is the point


def test_connections_that_say_nothing_hold_nobody_up(
    node: Node, client: usher.Client, org_a: Organisation
):
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(200)]
    try:
        assert org_a.keyed(client).context.resolve(message="x").read_id
    finally:
        for peer in silent:
            peer.close()


def test_work_that_is_expired_is_not_done(client: usher.Client, org_a: Organisation, system: System):
    """Neither what can't be done in time, nor what just misses it."""
    put = METHODS["usher.v1.OrgService/CreateOrg"]
    token = org_a.tokens(client).access_token.encode()

    def create(slug: str, timeout_ms: int) -> envelope_pb2.Response:
        payload = put.request(display_name=slug, slug=slug).SerializeToString()
        return client.send(
            envelope_pb2.Request(
                method_id=put.id, credential=token, timeout_ms=timeout_ms, payload=payload
            )
        )

    # Who calls is in memory from here on.
    assert create("in-time", 5000).code == Code.OK
    with TableLock(system, "usher.orgs"):
        for turn in range(20):
            held = create(f"held-{turn}", 1 + 5 * turn)
            assert held.code == Code.DEADLINE_EXCEEDED, held.message
    # Whatever waited for the table is through.
    assert create("behind-them", 5000).code == Code.OK
    assert system.database.count("orgs", "slug LIKE 'held-%'") == 0
    # 1 ms ends anywhere: before, in the middle, at the commit.
    for turn in range(50):
        slug = f"late-{turn}"
        response = create(slug, 1)
        stored = system.database.count("orgs", f"slug = '{slug}'")
        if any(d.error_info.reason == "COMMIT_UNKNOWN" for d in response.details):
            continue
        assert response.code in (Code.OK, Code.DEADLINE_EXCEEDED), response.message
        assert stored == (response.code == Code.OK)


def test_sql_in_every_text_is_text(client: usher.Client, org_a: Organisation, system: System):
    before = system.database.count("users")
    for text in ("'; DROP TABLE usher.users; --", "ext:' OR '1'='1", "$1", "%s", "\\"):
        with pytest.raises((usher.NotFound, usher.InvalidArgument)):
            org_a.owner(client).user.get_user(user_id=text)
    assert system.database.count("users") == before


# Credentials


@pytest.fixture(scope="module")
def claims(client: usher.Client, org_a: Organisation) -> dict[str, Any]:
    return unverified_token(org_a.tokens(client).access_token)[1]


@pytest.fixture(scope="module")
def signing(system: System, claims: dict[str, Any]) -> SigningKey:
    return SigningKey.of(system)


def check_token(client: usher.Client, token: str) -> str:
    with pytest.raises(usher.Unauthenticated) as refused:
        client.using(credential=token).user.get_me()
    assert refused.value.reason and refused.value.message
    return refused.value.reason


def test_a_token_signed_by_the_right_key_works(
    client: usher.Client, signing: SigningKey, claims: dict[str, Any]
):
    """So that the refusals below are for the one thing that differs."""
    assert client.using(credential=signing.token(claims)).user.get_me().user_id


CLAIMS = {
    "expired": {"exp": -3600, "iat": -7200, "nbf": -7200},
    "not yet valid": {"nbf": 3600, "exp": 7200},
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "somebody else"},
    "audiences in a list": {"aud": ["usher", "x"]},
    "another use": {"use": "refresh"},
    "no session": {"sid": None},
    "another session": {"sid": "00000000-0000-7000-8000-000000000000"},
    "a session that is no id": {"sid": "' OR 1=1"},
    "no subject": {"sub": None},
    "another subject": {"sub": "00000000-0000-7000-8000-000000000000"},
    "no expiry": {"exp": None},
    "expiry as text": {"exp": "tomorrow"},
    "expiry without end": {"exp": 1e300},
    "expiry below zero": {"exp": -(1 << 62)},
    "another organisation": {"org": "00000000-0000-7000-8000-000000000000"},
    "a use that is no text": {"use": 1},
}


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS)
def test_claims_that_do_not_hold(
    changes: dict[str, Any], client: usher.Client, signing: SigningKey, claims: dict[str, Any]
):
    changed = dict(claims)
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        elif name in ("exp", "iat", "nbf") and isinstance(value, int) and abs(value) < 1 << 40:
            changed[name] = int(time.time()) + value
        else:
            changed[name] = value
    check_token(client, signing.token(changed))


def test_tokens_that_were_not_signed_by_us(
    client: usher.Client, signing: SigningKey, claims: dict[str, Any], org_a: Organisation
):
    good = org_a.tokens(client).access_token
    head, body, signature = good.split(".")
    kid = {"kid": signing.kid}
    raw = unverified_token(good)[2]
    forged = {
        "alg none": unsigned_token(claims, {"alg": "none", "typ": "JWT"}),
        "alg None": unsigned_token(claims, {"alg": "None", "typ": "JWT", **kid}),
        "alg none with kid": unsigned_token(claims, {"alg": "none", **kid}),
        "alg none with a signature": unsigned_token(claims, {"alg": "none", **kid}, raw),
        "no alg": unsigned_token(claims, kid, raw),
        "HS256 under the public key": signing.hmac_token(claims),
        "another's key under our kid": SigningKey.new(signing.kid).token(claims),
        "another's key under its own kid": SigningKey.new("theirs").token(claims),
        "a key in the header": SigningKey.new(signing.kid).token(
            claims, {"alg": "ES256", **kid, "jwk": {"kty": "EC"}, "jku": "http://127.0.0.1:1/"}
        ),
        "right key, other alg": signing.token(claims, {"alg": "ES384", **kid}),
        "kid as a path": signing.token(claims, {"alg": "ES256", "kid": "../../dev/null"}),
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{signature}",
        "five parts": f"{good}.x.y",
        "zeroes for a signature": f"{head}.{body}.{'A' * 86}",
        "a short signature": f"{head}.{body}.{signature[:-4]}",
        "a long signature": good + "AAAA",
        "white space": f" {good}",
        "a line end": f"{good}\n",
        "padding": f"{good}==",
        "claims of another": f"{head}.{body[:-4]}AAAA.{signature}",
        "no claims": signing.token({}),
        "Bearer": f"Bearer {good}",
    }
    for name, token in forged.items():
        assert check_token(client, token), name


def test_every_flipped_bit_of_a_token_spoils_it(client: usher.Client, org_a: Organisation):
    good = org_a.tokens(client).access_token
    for at in range(0, len(good), 7):
        other = "A" if good[at] != "A" else "B"
        check_token(client, good[:at] + other + good[at + 1 :])


def test_keys_that_are_not_right(client: usher.Client, org_a: Organisation):
    good = org_a.api_key
    head, secret = good.rsplit("_", 1)
    revoked = org_a.new_key(client, "context.read")
    org_a.owner(client).context.revoke_api_key(
        chatbot_id=org_a.chatbot_id, key_id=revoked.key.key_id
    )
    wrong = [
        revoked.api_key,
        good[:-1],
        good + "x",
        good.upper(),
        head + "_" + secret[::-1],
        head,
        "ush_live_",
        "ush_live__",
        "ush_test_" + good.removeprefix("ush_live_"),
        "ush_live_" + "0" * 1000,
        good + "\0",
        good.replace("_", "-"),
    ]
    for at in range(len(good)):
        wrong.append(good[:at] + ("x" if good[at] != "x" else "y") + good[at + 1 :])
    for key in wrong:
        with pytest.raises(usher.Unauthenticated) as refused:
            client.using(credential=key).context.resolve(message="x")
        assert refused.value.reason
        assert good not in str(refused.value)


def test_a_key_of_another_organisation_reaches_only_its_own(
    client: usher.Client, org_a: Organisation, org_b: Organisation
):
    theirs = client.using(credential=org_b.api_key)
    with pytest.raises((usher.NotFound, usher.PermissionDenied)):
        theirs.context.resolve(user_id=org_a.user_id, message="x")
    with pytest.raises((usher.NotFound, usher.PermissionDenied)):
        theirs.context.resolve(chatbot_id=org_a.chatbot_id, message="x")


def test_a_key_is_good_only_from_its_networks(client: usher.Client, org_a: Organisation):
    far = org_a.new_key(client, "context.read", default_user_id=org_a.user_id,
                        allowed_networks=["192.0.2.0/24"]).api_key  # fmt: skip
    near = org_a.new_key(client, "context.read", default_user_id=org_a.user_id,
                         allowed_networks=["192.0.2.0/24", "127.0.0.0/8"]).api_key  # fmt: skip
    with pytest.raises((usher.Unauthenticated, usher.PermissionDenied)):
        client.using(credential=far).context.resolve(message="x")
    # What the caller says of itself counts for nothing.
    with pytest.raises((usher.Unauthenticated, usher.PermissionDenied, usher.InvalidArgument)):
        client.using(credential=far, client_ip="192.0.2.7").context.resolve(message="x")
    assert client.using(credential=near).context.resolve(message="x").read_id


# HTTP


@pytest.fixture(scope="module")
def http(bridge: Bridge) -> Http:
    return bridge.http()


@pytest.fixture(scope="module")
def keyed(http: Http, org_a: Organisation) -> Http:
    return http.by(api_key=org_a.api_key)


@pytest.fixture(scope="module")
def owner(http: Http, org_a: Organisation, client: usher.Client) -> Http:
    return http.by(bearer=org_a.tokens(client).access_token)


BODIES = {
    "not JSON": b"hello",
    "empty": b"",
    "an array": b"[]",
    "null": b"null",
    "a number": b"1",
    "cut short": b'{"email":',
    "two values": b"{} {}",
    "a comment": b"{} // x",
    "NaN": b'{"email": NaN}',
    "not UTF-8": b'{"email":"\xff\xfe","password":"xxxxxxxx"}',
    "a lone surrogate": b'{"email":"\\ud800","password":"xxxxxxxx"}',
    "NUL": b'{"email":"a\\u0000b@example.com","password":"xxxxxxxx"}',
    "BOM": b"\xef\xbb\xbf{}",
    "an unknown field": b'{"email":"a@example.com","password":"xxxxxxxx","admin":true}',
    "a field twice": b'{"email":"a@example.com","email":"b@example.com","password":"xxxxxxxx"}',
    "a field by both names": b'{"displayName":"a","display_name":"b"}',
    "a number for a text": b'{"email":5,"password":"xxxxxxxx"}',
    "an object for a text": b'{"email":{},"password":"xxxxxxxx"}',
    "a list for a text": b'{"email":["a"],"password":"xxxxxxxx"}',
    "true for a text": b'{"email":true,"password":"xxxxxxxx"}',
    "deep": b'{"email":' * 5000 + b"1" + b"}" * 5000,
    "missing": b"{}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_does_not_fit_is_400(body: bytes, http: Http):
    for path in ("/v1/auth/login", "/v1/auth/signup"):
        problem = http.post(path, body).expect(400)
        assert problem["detail"]


WRONG_TYPES = {
    "expectVersion": ["1.5", "x", 1.5, "9223372036854775808", True, [], {}],
    "updateMask": [5, "no_such", "displayName,,x", "..", [], {}],
    "displayName": [1, [], {}, True, "x" * 201],
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_types_are_400(name: str, owner: Http):
    for value in WRONG_TYPES[name]:
        reply = owner.patch("/v1/me", {"displayName": "x", name: value})
        reply.expect(400)


def test_queries_that_do_not_fit_are_400(owner: Http):
    for query in (
        "page.size=-1", "page.size=1001", "page=1", "page.token=x", "status=5x",
    ):  # fmt: skip
        owner.get(f"/v1/users?{query}").expect(400)


# Files and strings that others gathered to break things


def test_jsontestsuite_makes_no_5xx(keyed: Http, owner: Http, http: Http, org_a: Organisation):
    resolve = f"/v1/chatbots/{org_a.chatbot_id}:resolve"
    suite = sorted((DATA / "json-test-suite").glob("*.json"))
    for path in found_or_lacking(suite, "../shared/data/json-test-suite"):
        data = path.read_bytes()
        if not data:
            continue  # no body at all stands for {}
        for reply in (
            http.post("/v1/auth/login", data),
            keyed.post(resolve, data),
            owner.put("/v1/me/profile", b'{"profile":{"preferences":{"x":' + data + b"}}}"),
        ):
            assert reply.status < 500, (path.name, reply.status, reply.body)
            if path.name.startswith("n_"):
                assert reply.status == 400 or _closes_itself(data), (path.name, reply.body)


def _closes_itself(data: bytes) -> bool:
    """Refused alone, but part of something good between our brackets."""
    try:
        json.loads(b'{"profile":{"preferences":{"x":' + data + b"}}}")
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module")
def naughty() -> list[str]:
    path = DATA / "naughty-strings/blns.json"
    found_or_lacking(path.exists(), "../shared/data/naughty-strings")
    return list(dict.fromkeys(filter(None, json.loads(path.read_text()))))


def text_fields(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Those whose text comes back as it was."""
    for field in message.fields:
        rules = field.GetOptions().Extensions[options_pb2.field]
        if field.type == FieldDescriptor.TYPE_STRING and not rules.json and not rules.secret:
            if field.label != FieldDescriptor.LABEL_REPEATED:
                yield field


def same_or_refused(change, read, text: str) -> bool:
    """True: came back byte for byte; False: refused."""
    try:
        change(text)
    except usher.InvalidArgument as refused:
        assert refused.message
        return False
    assert read() == text
    return True


def test_naughty_strings_come_back_from_profiles(
    naughty: list[str], client: usher.Client, org_a: Organisation
):
    keyed = org_a.keyed(client).session()
    fields = [f.name for f in text_fields(common_pb2.Profile.DESCRIPTOR)]
    assert {"company", "role", "about"} <= set(fields)
    kept = 0
    for text in naughty:
        for field in fields:
            kept += same_or_refused(
                lambda t: keyed.context.put_profile(profile={field: t}),
                lambda: getattr(keyed.context.get_profile().profile, field),
                text,
            )
        value = {text: [text]}
        keyed.context.put_profile(profile={"preferences": value, "profile_data": value})
        profile = keyed.context.get_profile().profile
        assert json.loads(profile.preferences) == value
        assert json.loads(profile.profile_data) == value
        block = keyed.context.resolve(message=text)
        assert block.read_id
    assert kept > len(naughty) * len(fields) * 0.9


def test_naughty_strings_come_back_over_http(naughty: list[str], owner: Http):
    for text in naughty:
        reply = owner.patch("/v1/me", {"displayName": text})
        if reply.status == 200:
            assert reply.json["displayName"] == text
            assert owner.get("/v1/me").json["displayName"] == text
        else:
            reply.expect(400)


def test_naughty_strings_as_turns_and_names(
    naughty: list[str], client: usher.Client, org_a: Organisation
):
    keyed = org_a.keyed(client).session()
    owner = org_a.owner(client).session()
    for text in naughty:
        try:
            keyed.context.append_turns(
                conversation=text, turns=[{"role": "TURN_ROLE_USER", "text": text}]
            )
            (turn,) = keyed.context.list_turns(conversation=text).turns
            assert turn.text == text
        except usher.InvalidArgument as refused:
            assert refused.message
        try:
            user = owner.user.upsert_user(external_id=text, display_name=text).user
            assert (user.external_id, user.display_name) == (text, text)
            assert owner.user.get_user(user_id=f"ext:{text}").user_id == user.user_id
        except usher.InvalidArgument as refused:
            assert refused.message
        try:
            bot = owner.context.create_chatbot(display_name=text, alias=text, instructions=text)
            assert (bot.display_name, bot.alias, bot.instructions) == (text, text, text)
        except usher.InvalidArgument as refused:
            assert refused.message


@pytest.mark.parametrize(
    "method", METHODS.values(), ids=lambda m: m.name.removeprefix("usher.v1.")
)
def test_naughty_strings_in_every_text_field_of_every_method(
    method: Method, naughty: list[str], client: usher.Client, org_a: Organisation
):
    """Whatever is made of them, it is no fault of the server's."""
    fields = [
        f.name for f in method.request.DESCRIPTOR.fields
        if f.type == FieldDescriptor.TYPE_STRING and f.label != FieldDescriptor.LABEL_REPEATED
    ]  # fmt: skip
    ids = {
        "user_id": org_a.user_id, "chatbot_id": org_a.chatbot_id, "org_id": org_a.org_id,
        "conversation": "naughty", "token": "x", "key_id": org_a.org_id,
    }  # fmt: skip
    credential = org_a.login(client).access_token.encode()
    # Those that hash a password, or end the session, get a few.
    texts = naughty[:: 25 if method.rules.lane == options_pb2.LANE_HASH else 3]
    items = []
    for field in fields:
        for text in texts:
            ask = sample(method, ids)
            setattr(ask, field, text)
            items.append(
                envelope_pb2.Request(
                    method_id=method.id, credential=credential, payload=ask.SerializeToString()
                )
            )
    if method.rules.batchable:
        responses = []
        for at in range(0, len(items), 500):
            responses += client.using(timeout=30.0).batch(items[at : at + 500])
    else:
        responses = [client.send(item) for item in items]
    for item, response in zip(items, responses, strict=True):
        assert response.code not in (Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS), (
            item.payload, response.message,
        )  # fmt: skip


REUSES = 300


def test_a_refresh_token_that_comes_again_and_again_is_written_down_once(
    system: System, node: Node, client: usher.Client, org_a: Organisation
):
    """Whoever has a superseded one can send it for ever: that is one row of audit and one line, and it
    is told at the pace of refused credentials."""
    first = org_a.login(client)
    second = client.auth.refresh(refresh_token=first.refresh_token)
    client.auth.refresh(refresh_token=second.refresh_token)

    def reuse(_: int) -> str:
        with pytest.raises(usher.Unauthenticated) as refused:
            client.auth.refresh(refresh_token=first.refresh_token)
        return refused.value.reason

    began = time.monotonic()
    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(reuse, range(REUSES))) == {"REFRESH_TOKEN_REUSED"}
    # All but the first keep it: 100 at once, then 200 a second.
    assert time.monotonic() - began > (REUSES - 1 - 100) / 200 - 0.01
    assert system.database.count("audit", f"subject_id = '{first.session_id}'") == 1
    lines = node.log.read_text().splitlines()
    told = [line for line in lines if "event=refresh_reuse" in line and first.session_id in line]
    assert len(told) == 1


def test_memory_does_not_grow_with_refusals(node: Node, client: usher.Client, org_a: Organisation):
    if SANITIZED:
        pytest.skip("sanitizers keep freed memory")

    def flood() -> int:
        for _ in range(300):
            client.send(request(org_a, payload=length_delimited(3, b"x" * 150000)))
            client.send(request(org_a, payload=b"\xff" * 1000))
            client.using(credential=secrets.token_hex(20)).send(
                envelope_pb2.Request(method_id=GET_ME.id, credential=secrets.token_bytes(40))
            )
        return node.resident_bytes()

    flood()
    before = flood()
    wait_until(lambda: flood() < before + 4 * MIB, "memory has stopped growing", 60)
