"""Every method by every kind of caller: who gets in is what the .proto's access rules say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest
from google.protobuf import descriptor_pb2, timestamp_pb2

import usher
from usher import METHODS, Code, Method
from usher.v1 import envelope_pb2
from usher_testing import SOURCE, Bridge, Organisation, System, unverified_token, wait_until
from usher_testing.disabling import disable
from usher_testing.process import SLOWER
from usher_testing.samples import sample
from usher_testing.tokens import SigningKey

SYSTEM_SCOPES = {"ops.status", "jobs.run", "operations.read", "operations.write"}
ALL_SCOPES = {
    access.key
    for method in METHODS.values()
    for access in method.rules.access
    if access.key and access.key not in SYSTEM_SCOPES
}
MEMBER = {"chatbots.read", "org.read"}
ADMIN = MEMBER | {
    "chatbots.write", "context.read", "conversations.read", "conversations.write", "keys.read",
    "keys.write", "members.read", "profiles.read", "profiles.write", "tokens.introspect",
    "users.read", "users.write",
}  # fmt: skip
REFUSED = {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED}
# These answer UNAUTHENTICATED about what is in the request, not about who calls.
ABOUT_THE_REQUEST = {"Login", "VerifyEmail", "Refresh"}


def each_method(wanted=lambda method: True):
    chosen = [m for m in METHODS.values() if wanted(m)]
    return pytest.mark.parametrize("method", chosen, ids=lambda m: m.name.removeprefix("usher.v1."))


def is_public(method: Method) -> bool:
    return any(access.public for access in method.rules.access)


def sign_up(client: usher.Client, org: Organisation, name: str) -> Organisation:
    """Somebody with the role member, in the organisation that takes sign-ups in."""
    email, password = f"{name}@example.com", f"the password of {name}"
    signup = client.auth.sign_up(email=email, password=password)
    tokens = client.auth.verify_email(signup_id=signup.signup_id, code=signup.debug_code)
    return Organisation(
        orgId=org.org_id, email=email, password=password, chatbotId=org.chatbot_id,
        userId=tokens.user_id,
    )  # fmt: skip


@pytest.fixture(scope="module")
def member(client: usher.Client, org_a: Organisation) -> Organisation:
    return sign_up(client, org_a, "member")


@pytest.fixture(scope="module")
def admin(client: usher.Client, org_a: Organisation, system: System) -> Organisation:
    """No method gives roles yet."""
    made = sign_up(client, org_a, "admin")
    system.database.sql(
        f"UPDATE usher.user_roles SET role = 'admin' WHERE user_id = '{made.user_id}'"
    )
    return made


@pytest.fixture(scope="module")
def homeless(client: usher.Client, org_a: Organisation, system: System) -> Organisation:
    """Somebody whose account belongs to no organisation any more."""
    made = sign_up(client, org_a, "homeless")
    system.database.sql(f"DELETE FROM usher.users WHERE id = '{made.user_id}'")
    return made


def homeless_token(client: usher.Client, homeless: Organisation) -> str:
    tokens = homeless.login(client)
    assert (tokens.org_id, tokens.user_id) == ("", "")
    return tokens.access_token


def ids_of(org: Organisation) -> dict[str, Any]:
    return {
        "user_id": org.user_id, "chatbot_id": org.chatbot_id, "org_id": org.org_id,
        "conversation": "matrix", "token": org.api_key or "x",
        "key_id": "00000000-0000-7000-8000-000000000000",
        "operation_id": "00000000-0000-7000-8000-000000000000",
    }  # fmt: skip


def answer(
    client: usher.Calls, method: Method, about: Organisation, credential: str | bytes, **fields: Any
) -> envelope_pb2.Response:
    return client.send(
        envelope_pb2.Request(
            method_id=method.id,
            credential=credential.encode() if isinstance(credential, str) else credential,
            payload=sample(method, ids_of(about)).SerializeToString(),
            **fields,
        )
    )


def reason(response: envelope_pb2.Response) -> str:
    return next((d.error_info.reason for d in response.details if d.HasField("error_info")), "")


def check_admitted(method: Method, response: envelope_pb2.Response) -> None:
    if method.name.rsplit("/")[1] in ABOUT_THE_REQUEST:
        assert response.code != Code.PERMISSION_DENIED, response.message
    else:
        assert response.code not in REFUSED, (response.code, response.message)
    assert response.code not in (Code.INTERNAL, Code.UNKNOWN, Code.UNIMPLEMENTED), response.message


def test_the_clients_methods_are_those_of_the_server(client: usher.Client):
    reply = client.ops.get_descriptors()
    files = descriptor_pb2.FileDescriptorSet.FromString(reply.file_descriptor_set)
    served = {
        f"{file.package}.{service.name}/{method.name}"
        for file in files.file
        for service in file.service
        for method in service.method
    }
    assert served == set(METHODS)
    committed = (SOURCE / "gen/descriptors.pb").read_bytes()
    assert {f.name for f in descriptor_pb2.FileDescriptorSet.FromString(committed).file} == {
        f.name for f in files.file
    }
    names = {m.name.split("/")[0] for m in METHODS.values()}
    assert set(reply.services) in (names, {n.split(".")[-1] for n in names}, {
        m.service for m in METHODS.values()
    })  # fmt: skip


@each_method()
def test_without_a_credential_only_public_methods_answer(
    method: Method, client: usher.Client, org_a: Organisation
):
    response = answer(client, method, org_a, "")
    if is_public(method):
        check_admitted(method, response)
    else:
        assert response.code == Code.UNAUTHENTICATED
        assert reason(response) == "CREDENTIAL_MISSING"
        assert not response.payload


GARBAGE = {
    "text": b"garbage",
    "bytes": bytes(range(256)),
    "NUL": b"ush_live_\0",
    "half a token": b"eyJhbGciOiJFUzI1NiJ9.",
    "a key of nobody": b"ush_live_0000000000000000000000_0000000000000000000000000000000000000",
    "long": b"x" * 4096,
}


def check_no_good(
    method: Method, client: usher.Client, org: Organisation, credential: str | bytes, why: str
) -> None:
    response = answer(client, method, org, credential)
    if is_public(method):
        # It does not keep anybody from logging in: the answer is what it is without one.
        without = answer(client, method, org, "")
        check_admitted(method, response)
        assert (response.code, reason(response)) == (without.code, reason(without))
    else:
        assert response.code == Code.UNAUTHENTICATED, (credential[:40], response.message)
        assert reason(response) == why, credential[:40]
        assert not response.payload


@each_method()
def test_garbage_is_no_credential(method: Method, client: usher.Client, org_a: Organisation):
    for credential in GARBAGE.values():
        check_no_good(method, client, org_a, credential, "CREDENTIAL_INVALID")


@each_method()
def test_more_than_a_credential_can_be_is_no_envelope(
    method: Method, client: usher.Client, org_a: Organisation
):
    response = answer(client, method, org_a, b"x" * 5000)
    assert response.code == Code.INVALID_ARGUMENT
    assert reason(response) == "MALFORMED_ENVELOPE"


class Scene(NamedTuple):
    """Where credentials go bad."""

    client: usher.Client
    system: System
    org: Organisation

    def knows(self, credential: str) -> bool:
        """Is it let in, as whoever it is?"""
        get_me = METHODS["usher.v1.UserService/GetMe"]
        return answer(self.client, get_me, self.org, credential).code != Code.UNAUTHENTICATED

    def spoil(self, credential: str, how: Callable[[], Any]) -> str:
        """It is good, and in memory, until that happens and the server hears of it."""
        assert self.knows(credential)
        how()
        self.await_end(credential)
        return credential

    def await_end(self, credential: str, life_s: float = 0.0) -> None:
        wait_until(
            lambda: not self.knows(credential),
            "it is refused, in memory too",
            5 + 2 * SLOWER + life_s,
        )

    def key(self, org: Organisation, **fields: Any) -> Any:
        """CreateApiKeyReply of a key that may do whatever one of an organisation's may."""
        return org.new_key(self.client, *sorted(ALL_SCOPES), default_user_id=org.user_id, **fields)


def expired_token(scene: Scene) -> str:
    """It was good an hour ago."""
    _, claims, _ = unverified_token(scene.org.login(scene.client).access_token)
    signing = SigningKey.of(scene.system)
    assert scene.knows(signing.token(claims))
    for name in ("iat", "nbf", "exp"):
        claims[name] -= 3600
    return signing.token(claims)


def expired_key(scene: Scene) -> str:
    """It was good until just now."""
    # On a machine that does other things two seconds may be over before the first use.
    for life_s in (2, 4, 8, 16, 32):
        soon = timestamp_pb2.Timestamp()
        soon.FromMilliseconds(int((time.time() + life_s * SLOWER) * 1000))
        key = scene.key(scene.org, expires_at=soon).api_key
        if scene.knows(key):
            scene.await_end(key, life_s)
            return key
    raise AssertionError("no key is good for as long as it should be")


def revoked_key(scene: Scene) -> str:
    made = scene.key(scene.org)
    context = scene.org.owner(scene.client).context
    return scene.spoil(
        made.api_key,
        lambda: context.revoke_api_key(chatbot_id=made.key.chatbot_id, key_id=made.key.key_id),
    )


def token_of_an_ended_session(scene: Scene) -> str:
    token = scene.org.login(scene.client).access_token
    return scene.spoil(token, scene.client.using(credential=token).auth.logout)


def token_of_a_disabled(what: str) -> Callable[[Scene], str]:
    """Of a person or, with its owner, an organisation of their own."""

    def make(scene: Scene) -> str:
        if what == "organisation":
            of = scene.system.organisation()
        else:
            of = sign_up(scene.client, scene.org, f"disabled-{what}")
        tokens = of.login(scene.client)
        ids = {"user": of.user_id, "account": tokens.account_id, "org": of.org_id}
        return scene.spoil(
            tokens.access_token, lambda: disable(scene.system.database, what, **ids)
        )

    return make


def key_of_a_disabled(what: str) -> Callable[[Scene], str]:
    def make(scene: Scene) -> str:
        of = scene.system.organisation()
        ids = {"chatbot": of.chatbot_id, "org": of.org_id}
        return scene.spoil(
            scene.key(of).api_key, lambda: disable(scene.system.database, what, **ids)
        )

    return make


def refresh_token(scene: Scene) -> str:
    """It is good for Refresh alone, and there as a field."""
    return scene.org.login(scene.client).refresh_token


class NoGood(NamedTuple):
    """A credential of which nothing is left, or that never was one."""

    name: str
    make: Callable[[Scene], str]
    why: str = "CREDENTIAL_INVALID"


NO_GOOD = [
    NoGood("expired token", expired_token, "CREDENTIAL_EXPIRED"),
    NoGood("expired key", expired_key),
    NoGood("revoked key", revoked_key),
    NoGood("token of an ended session", token_of_an_ended_session),
    NoGood("token of a disabled user", token_of_a_disabled("user")),
    NoGood("token of a disabled account", token_of_a_disabled("account")),
    NoGood("token of a disabled organisation", token_of_a_disabled("organisation")),
    NoGood("key of a disabled organisation", key_of_a_disabled("organisation")),
    NoGood("key of a disabled chatbot", key_of_a_disabled("chatbot")),
    NoGood("refresh token", refresh_token),
]


@pytest.fixture(scope="module", params=NO_GOOD, ids=lambda row: row.name.replace(" ", "_"))
def no_good(
    request: pytest.FixtureRequest, client: usher.Client, system: System, org_a: Organisation
) -> tuple[str, str]:
    """The credential, and why it is refused."""
    row: NoGood = request.param
    return row.make(Scene(client, system, org_a)), row.why


@each_method()
def test_what_is_no_good_leads_nowhere_and_keeps_nobody_out(
    method: Method, client: usher.Client, org_a: Organisation, no_good: tuple[str, str]
):
    credential, why = no_good
    check_no_good(method, client, org_a, credential, why)


@each_method()
def test_a_key_gets_where_its_scope_leads(
    method: Method, client: usher.Client, org_a: Organisation
):
    wanted = {access.key for access in method.rules.access if access.key} & ALL_SCOPES
    others = sorted(ALL_SCOPES - wanted)
    without = org_a.new_key(client, *others, default_user_id=org_a.user_id).api_key
    response = answer(client, method, org_a, without)
    if is_public(method):
        check_admitted(method, response)
    else:
        assert response.code == Code.PERMISSION_DENIED, response.message
        assert not response.payload
    for scope in wanted:
        key = org_a.new_key(client, scope, default_user_id=org_a.user_id).api_key
        check_admitted(method, answer(client, method, org_a, key))


@pytest.fixture(scope="module")
def platform_key(
    client: usher.Client, system: System, operator: Organisation, tmp_path_factory: Any
) -> Callable[[Iterable[str]], str]:
    """Keys of the platform's own organisation: no other may give the scopes of the system."""
    file = tmp_path_factory.mktemp("platform") / "bridge.key"
    made = system.cli("bootstrap", "--system-only", "--bridge-key", str(file), "--json")
    assert made.returncode == 0, made.stderr
    context = operator.owner(client).using(org=json.loads(made.stdout)["systemOrgId"]).context
    chatbot_id = context.create_chatbot(display_name="Of the platform").chatbot_id

    def make(scopes: Iterable[str]) -> str:
        return context.create_api_key(chatbot_id=chatbot_id, scopes=sorted(scopes)).api_key

    return make


@each_method(lambda m: any(access.key in SYSTEM_SCOPES for access in m.rules.access))
def test_a_key_of_the_platform_gets_where_its_scope_leads(
    method: Method,
    client: usher.Client,
    org_a: Organisation,
    platform_key: Callable[[Iterable[str]], str],
):
    wanted = {access.key for access in method.rules.access} & SYSTEM_SCOPES
    response = answer(client, method, org_a, platform_key(SYSTEM_SCOPES - wanted))
    assert response.code == Code.PERMISSION_DENIED, response.message
    assert not response.payload
    for scope in wanted:
        check_admitted(method, answer(client, method, org_a, platform_key([scope])))


def test_the_scopes_of_the_system_are_all_led_somewhere():
    """Each is the scope of a method, so that the test above looks at each."""
    assert SYSTEM_SCOPES <= {a.key for method in METHODS.values() for a in method.rules.access}


def check_role(
    method: Method,
    client: usher.Client,
    org: Organisation,
    person: Organisation,
    permissions: set[str],
) -> None:
    """org: where the person has a role with these permissions."""
    token = person.login(client).access_token
    rules = method.rules.access
    admitted = any(
        rule.public or rule.account or rule.org in permissions or rule.WhichOneof("rule") == "self"
        for rule in rules
    )
    own = answer(client, method, person, token)
    if admitted:
        check_admitted(method, own)
    else:
        assert own.code == Code.PERMISSION_DENIED, own.message
    # Of another user the rule "self" says nothing.
    if not any(rule.public or rule.account or rule.org in permissions for rule in rules) and any(
        getattr(rule, "self") for rule in rules
    ):
        token = person.login(client).access_token
        assert answer(client, method, org, token).code == Code.PERMISSION_DENIED


@each_method()
def test_a_member_gets_where_the_role_leads(
    method: Method, client: usher.Client, org_a: Organisation, member: Organisation
):
    check_role(method, client, org_a, member, MEMBER)


@each_method()
def test_an_admin_gets_where_the_role_leads(
    method: Method, client: usher.Client, org_a: Organisation, admin: Organisation
):
    check_role(method, client, org_a, admin, ADMIN)


@each_method()
def test_without_an_organisation_an_account_gets_where_it_needs_none(
    method: Method, client: usher.Client, org_a: Organisation, homeless: Organisation
):
    response = answer(client, method, org_a, homeless_token(client, homeless))
    if any(rule.public or rule.account for rule in method.rules.access):
        check_admitted(method, response)
    else:
        assert response.code == Code.PERMISSION_DENIED, response.message
        assert reason(response) == "PERMISSION_MISSING"
        assert not response.payload


@each_method()
def test_the_owner_gets_everywhere_in_the_organisation(
    method: Method, client: usher.Client, org_a: Organisation
):
    token = org_a.login(client).access_token
    response = answer(client, method, org_a, token)
    rules = method.rules.access
    if any(rule.WhichOneof("rule") in ("public", "account", "self", "org") for rule in rules):
        check_admitted(method, response)
    else:
        assert response.code == Code.PERMISSION_DENIED


@each_method(lambda m: not is_public(m))
def test_naming_an_organisation_is_for_operators_alone(
    method: Method,
    client: usher.Client,
    org_a: Organisation,
    org_b: Organisation,
    homeless: Organisation,
):
    token = org_a.tokens(client).access_token
    for credential in (token, org_a.api_key, homeless_token(client, homeless)):
        response = answer(client, method, org_b, credential, org=org_b.org_id)
        assert response.code == Code.PERMISSION_DENIED
        assert reason(response) == "ORG_NOT_ALLOWED"


@pytest.fixture(scope="module")
def operator(system: System) -> Organisation:
    return system.operator()


@each_method(lambda m: any(a.platform for a in m.rules.access))
def test_an_operator_acts_in_the_organisation_that_it_names(
    method: Method, client: usher.Client, org_b: Organisation, operator: Organisation
):
    token = operator.tokens(client).access_token
    check_admitted(method, answer(client, method, org_b, token, org=org_b.org_id))


def test_over_http_an_operator_names_it_and_nobody_else_may(
    bridge: Bridge, client: usher.Client, org_a: Organisation, org_b: Organisation,
    operator: Organisation,
):  # fmt: skip
    path, named = f"/v1/orgs/{org_b.org_id}", {"Usher-Org": org_b.org_id}
    by_operator = bridge.http(bearer=operator.tokens(client).access_token)
    assert by_operator.get(path, headers=named).expect(200)["orgId"] == org_b.org_id
    users = by_operator.get("/v1/users", headers=named).expect(200)["users"]
    assert {user["orgId"] for user in users} == {org_b.org_id}
    # Without it the call is about their own.
    by_operator.get(path).expect(404)
    for caller in (
        bridge.http(bearer=org_a.tokens(client).access_token),
        bridge.http(api_key=org_a.api_key),
        bridge.http(),
    ):
        caller.get(path, headers=named).expect(403, "ORG_NOT_ALLOWED")
    own = {"Usher-Org": org_a.org_id}
    by_owner = bridge.http(bearer=org_a.tokens(client).access_token)
    assert by_owner.get(f"/v1/orgs/{org_a.org_id}", headers=own).expect(200)


@each_method(
    lambda m: not is_public(m)
    and not any(a.platform or a.account for a in m.rules.access)
)
def test_an_operator_is_nobody_elsewhere_in_it(
    method: Method, client: usher.Client, org_b: Organisation, operator: Organisation
):
    token = operator.tokens(client).access_token
    response = answer(client, method, org_b, token, org=org_b.org_id)
    assert response.code == Code.PERMISSION_DENIED
