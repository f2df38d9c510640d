"""The main job from end to end: a person signs up in a browser and keeps a profile; a chatbot's
backend resolves them over nng with a foreign client; and every route of the bridge once."""

from __future__ import annotations

import json
import re
import resource
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import usher
from usher.v1 import auth_pb2, common_pb2, context_pb2
from usher_testing import (
    Bridge,
    Http,
    Node,
    Organisation,
    System,
    stay_off_midnight,
    unverified_token,
    wait_until,
)
from usher_testing.locks import TableLock

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Person:
    """Somebody at a browser."""

    def __init__(self, http: Http):
        self.anonymous = http
        self.email = f"{secrets.token_hex(6)}@example.com"
        self.password = secrets.token_urlsafe(16)
        self.signup: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {}

    @property
    def http(self) -> Http:
        return self.anonymous.by(bearer=self.tokens["accessToken"])

    @property
    def user_id(self) -> str:
        return self.tokens["userId"]

    def sign_up(self, **fields: str) -> dict[str, Any]:
        body = {"email": self.email, "password": self.password, "displayName": "Ada", **fields}
        self.signup = self.anonymous.post("/v1/auth/signup", body).expect(201)
        return self.signup

    def verify(self) -> dict[str, Any]:
        self.tokens = self.anonymous.post(
            "/v1/auth/verify",
            {"signupId": self.signup["signupId"], "code": self.signup["debugCode"]},
        ).expect(200)
        return self.tokens

    def log_in(self, password: str = ""):
        return self.anonymous.post(
            "/v1/auth/login", {"email": self.email, "password": password or self.password}
        )


@pytest.fixture(scope="module")
def http(bridge: Bridge) -> Http:
    return bridge.http()


@pytest.fixture(scope="module")
def person(http: Http) -> Person:
    made = Person(http)
    made.sign_up()
    made.verify()
    return made


@pytest.fixture(scope="module")
def owner(http: Http, org_a: Organisation, client: usher.Client) -> Http:
    return http.by(bearer=org_a.tokens(client).access_token)


def segment(reply: context_pb2.ResolveReply, name: str) -> context_pb2.ContextSegment:
    return next(s for s in reply.context.segments if s.name == name)


def test_a_person_who_signed_up_in_a_browser_is_resolved_by_the_chatbots_key(
    http: Http, client: usher.Client, org_a: Organisation
):
    person = Person(http)
    signup = person.sign_up()
    assert UUID.fullmatch(signup["signupId"])
    assert signup["requiresVerification"] is True
    assert signup["emailSent"] is True
    assert re.fullmatch(r"\d{6}", signup["debugCode"])

    tokens = person.verify()
    assert tokens["tokenType"] == "Bearer"
    assert tokens["expiresIn"] == 900
    assert tokens["orgId"] == org_a.org_id
    assert UUID.fullmatch(tokens["userId"])

    profile = person.http.put(
        "/v1/me/profile",
        {
            "profile": {
                "company": "Analytical Engines",
                "role": "Countess",
                "preferences": {"tone": "brief", "nested": {"deep": [1, 2.5, None]}},
                "profileData": {"languages": ["en", "fr"]},
                "about": "I like punched cards.",
            }
        },
    ).expect(200)
    assert profile["userId"] == person.user_id
    assert profile["profile"]["company"] == "Analytical Engines"
    assert profile["profile"]["preferences"]["nested"]["deep"] == [1, 2.5, None]
    assert profile["profile"]["version"] == "1"

    reply = org_a.keyed(client).context.resolve(user_id=person.user_id, message="Good morning")
    assert reply.caller.org_id == org_a.org_id
    assert UUID.fullmatch(reply.caller.key_id)
    assert sorted(reply.caller.scopes) == ["context.read", "context.write"]
    assert reply.chatbot.chatbot_id == org_a.chatbot_id
    assert reply.user.user_id == person.user_id
    assert reply.user.display_name == "Ada"
    assert reply.read_id
    text = "\n".join(s.text for s in reply.context.segments)
    for wanted in ("Analytical Engines", "Countess", "brief", "punched cards", "Good morning"):
        assert wanted in text
    assert person.password not in text
    assert reply.context.tokens > 0


def test_the_person_sees_their_own_profile_and_context(person: Person):
    person.http.put("/v1/me/profile", {"profile": {"company": "Own Co."}}).expect(200)
    assert person.http.get("/v1/me/profile").expect(200)["profile"]["company"] == "Own Co."
    path = f"/v1/users/{person.user_id}"
    assert person.http.get(f"{path}/profile").expect(200)["profile"]["company"] == "Own Co."
    context = person.http.get(f"{path}/context").expect(200)
    assert "Own Co." in json.dumps(context)


def test_a_mail_brings_the_code(person: Person, system: System):
    other = Person(person.anonymous)
    code = other.sign_up()["debugCode"]
    mail = wait_until(
        lambda: [
            text
            for path in (system.folder / "mail").iterdir()
            if not path.name.startswith(".")
            and other.email in (text := path.read_text(errors="replace"))
        ],
        "the mail is in its folder",
    )
    assert any(code in text for text in mail)


def test_verify_by_address_works_while_one_signup_is_open(http: Http):
    person = Person(http)
    code = person.sign_up()["debugCode"]
    body = {"email": person.email.upper(), "code": code}
    assert http.post("/v1/auth/verify", body).expect(200)["accessToken"]
    http.post("/v1/auth/verify", body).expect(401)


def test_login_tells_wrong_from_unverified_and_nothing_else(http: Http):
    person = Person(http)
    person.sign_up()
    person.log_in().expect(403, "EMAIL_NOT_VERIFIED")
    wrong = person.log_in("not the password").expect(401)
    unknown = Person(http).log_in().expect(401)
    same = ("title", "status", "code", "reason", "detail")
    assert [wrong.get(k) for k in same] == [unknown.get(k) for k in same]
    person.verify()
    tokens = person.log_in().expect(200)
    assert set(tokens) == {
        "accessToken", "refreshToken", "tokenType", "expiresIn",
        "sessionId", "accountId", "userId", "orgId",
    }  # fmt: skip
    header, claims, _ = unverified_token(tokens["accessToken"])
    assert header["alg"] == "ES256" and header["kid"]
    assert {"iss", "sub", "aud", "exp", "iat", "jti", "sid", "org", "use"} <= set(claims)


def test_a_wrong_code_is_refused_and_a_right_one_works_once(http: Http):
    person = Person(http)
    signup = person.sign_up()
    wrong = "000000" if signup["debugCode"] != "000000" else "111111"
    body = {"signupId": signup["signupId"], "code": wrong}
    http.post("/v1/auth/verify", body).expect(401)
    person.verify()
    body["code"] = signup["debugCode"]
    http.post("/v1/auth/verify", body).expect(401)


def test_an_address_that_has_an_account_gets_the_same_answer(http: Http, person: Person):
    again = Person(http)
    again.email = person.email
    signup = again.sign_up()
    assert set(signup) >= {"signupId", "requiresVerification", "emailSent"}
    assert signup["requiresVerification"] is True
    # Its password says what that of any open sign-up says, and its code opens nothing.
    free = Person(http)
    free.sign_up()
    for signed_up in (again, free):
        assert signed_up.log_in().expect(403)["reason"] == "EMAIL_NOT_VERIFIED"
    code = {"signupId": signup["signupId"], "code": signup["debugCode"]}
    http.post("/v1/auth/verify", code).expect(401)
    again.log_in().expect(401)
    assert person.log_in().status == 200


def test_refresh_rotates_and_a_repeat_yields_the_same_successor(http: Http, person: Person):
    first = person.log_in().expect(200)
    body = {"refreshToken": first["refreshToken"]}
    second = http.post("/v1/auth/refresh", body).expect(200)
    assert second["refreshToken"] != first["refreshToken"]
    assert second["sessionId"] == first["sessionId"]
    repeat = http.post("/v1/auth/refresh", body).expect(200)
    assert repeat["refreshToken"] == second["refreshToken"]
    # The successor is used: from now on the first one is a sign of theft.
    http.post("/v1/auth/refresh", {"refreshToken": second["refreshToken"]}).expect(200)
    http.post("/v1/auth/refresh", body).expect(401)
    http.by(bearer=second["accessToken"]).get("/v1/me").expect(401)
    http.post("/v1/auth/refresh", {"refreshToken": "ush_rt_nonsense"}).expect(401)


def test_logout_ends_that_session_alone(http: Http, person: Person):
    here, there = (person.log_in().expect(200) for _ in range(2))
    http.by(bearer=here["accessToken"]).post("/v1/auth/logout", {}).expect(200)
    http.by(bearer=here["accessToken"]).get("/v1/me").expect(401)
    http.post("/v1/auth/refresh", {"refreshToken": here["refreshToken"]}).expect(401)
    http.by(bearer=there["accessToken"]).get("/v1/me").expect(200)
    http.post("/v1/auth/logout", {}).expect(401)


def test_introspect_tells_about_tokens_and_keys_of_the_own_organisation(
    owner: Http, person: Person, org_a: Organisation, org_b: Organisation
):
    tokens = person.log_in().expect(200)
    about = owner.post("/v1/auth/introspect", {"token": tokens["accessToken"]}).expect(200)
    assert about["active"] is True
    assert about["kind"] == "CREDENTIAL_KIND_ACCESS_TOKEN"
    assert about["userId"] == person.user_id
    assert about["sessionId"] == tokens["sessionId"]
    assert about["expiresAt"].endswith("Z")

    about = owner.post("/v1/auth/introspect", {"token": org_a.api_key}).expect(200)
    assert about["active"] is True and about["kind"] == "CREDENTIAL_KIND_API_KEY"
    assert about["chatbotId"] == org_a.chatbot_id
    assert sorted(about["scopes"]) == ["context.read", "context.write"]

    token = tokens["accessToken"]
    forged = token[:-2] + ("QA" if token.endswith("AA") else "AA")
    for foreign in (org_b.api_key, "nonsense", forged):
        about = owner.post("/v1/auth/introspect", {"token": foreign}).expect(200)
        assert about["active"] is False
        assert about["orgId"] == "" and about["scopes"] == []
    person.http.post("/v1/auth/introspect", {"token": org_a.api_key}).expect(403)


def test_me_is_read_and_patched(person: Person):
    me = person.http.get("/v1/me").expect(200)
    assert me["userId"] == person.user_id
    assert me["email"] == person.email
    assert me["status"] == "USER_STATUS_ACTIVE"
    assert me["roles"] == ["member"]
    assert me["hasAccount"] is True
    assert isinstance(me["version"], str)

    patched = person.http.patch("/v1/me", {"displayName": "Ada L.", "locale": "en-GB"}).expect(200)
    assert (patched["displayName"], patched["locale"]) == ("Ada L.", "en-GB")
    patched = person.http.patch(
        "/v1/me", {"displayName": "Ignored", "timeZone": "Europe/London", "updateMask": "timeZone"}
    ).expect(200)
    assert (patched["displayName"], patched["timeZone"]) == ("Ada L.", "Europe/London")
    person.http.patch("/v1/me", {"updateMask": "status"}).expect(400)
    stale = {"displayName": "x", "expectVersion": me["version"]}
    person.http.patch("/v1/me", stale).expect(409, "VERSION_MISMATCH")


def test_users_of_an_organisation_by_its_owner(owner: Http, person: Person):
    name = f"u/{secrets.token_hex(4)}"
    quoted = name.replace("/", "%2F")
    made = owner.put(f"/v1/users/ext:{quoted}", {"displayName": "Bob", "email": "b@example.com"})
    made = made.expect(200)
    assert made["created"] is True
    assert made["user"]["externalId"] == name
    assert made["user"]["hasAccount"] is False
    again = owner.put(f"/v1/users/ext:{quoted}", {"displayName": "Bobby"}).expect(200)
    assert again["created"] is False
    assert again["user"]["userId"] == made["user"]["userId"]
    assert again["user"]["email"] == "b@example.com"
    user = owner.get(f"/v1/users/ext:{quoted}").expect(200)
    assert user["displayName"] == "Bobby"
    by_id = owner.get(f"/v1/users/{user['userId']}").expect(200)
    assert by_id == user

    ids: list[str] = []
    token = ""
    while True:
        query = f"page.size=2&page.token={token}" if token else "page.size=2"
        page = owner.get(f"/v1/users?{query}").expect(200)
        assert len(page["users"]) <= 2
        ids += [u["userId"] for u in page["users"]]
        token = page.get("page", {}).get("nextToken")
        if not token:
            break
    assert len(ids) == len(set(ids))
    assert {user["userId"], person.user_id} <= set(ids)

    owner.put(f"/v1/users/{user['userId']}/profile", {"profile": {"company": "Admin Co."}}).expect(200)
    profile = owner.get(f"/v1/users/{user['userId']}/profile").expect(200)
    assert profile["profile"]["company"] == "Admin Co."
    owner.get("/v1/users/ext:nobody").expect(404)
    person.http.get(f"/v1/users/{user['userId']}").expect(403)
    person.http.get("/v1/users").expect(403)


def test_organisations(owner: Http, person: Person, org_a: Organisation):
    org = owner.get(f"/v1/orgs/{org_a.org_id}").expect(200)
    assert org["orgId"] == org_a.org_id
    members = owner.get(f"/v1/orgs/{org_a.org_id}/members").expect(200)["members"]
    assert {m["user"]["userId"] for m in members} >= {org_a.user_id, person.user_id}
    slug = f"new-{secrets.token_hex(4)}"
    made = person.http.post("/v1/orgs", {"displayName": "New", "slug": slug}).expect(201)
    assert made["slug"] == slug
    # The one who made it is its owner, in a session of that organisation.
    there = person.anonymous.post(
        "/v1/auth/login",
        {"email": person.email, "password": person.password, "orgId": made["orgId"]},
    ).expect(200)
    assert there["orgId"] == made["orgId"]
    http = person.anonymous.by(bearer=there["accessToken"])
    members = http.get(f"/v1/orgs/{made['orgId']}/members").expect(200)["members"]
    assert [m["user"]["roles"] for m in members] == [["owner"]]
    http.get(f"/v1/orgs/{org_a.org_id}").expect(404)


def test_chatbots_and_keys(owner: Http, http: Http, person: Person):
    alias = f"bot-{secrets.token_hex(4)}"
    bot = owner.post(
        "/v1/chatbots", {"displayName": "Helper", "alias": alias, "instructions": "Be kind."}
    ).expect(201)
    assert owner.get(f"/v1/chatbots/{alias}").expect(200) == bot
    listed = owner.get("/v1/chatbots").expect(200)["chatbots"]
    assert bot["chatbotId"] in {b["chatbotId"] for b in listed}
    person.http.post("/v1/chatbots", {"displayName": "No"}).expect(403)

    keys = f"/v1/chatbots/{bot['chatbotId']}/keys"
    made = owner.post(
        keys, {"displayName": "first", "scopes": ["context.read"], "defaultUserId": person.user_id}
    ).expect(201)
    assert re.fullmatch(r"ush_live_\w+_\w+", made["apiKey"])
    assert made["apiKey"].startswith(made["key"]["prefix"])
    listed = owner.get(keys).expect(200)["keys"]
    assert [k["keyId"] for k in listed] == [made["key"]["keyId"]]
    assert made["apiKey"] not in json.dumps(listed)

    keyed = http.by(api_key=made["apiKey"])
    resolve = f"/v1/chatbots/{bot['chatbotId']}:resolve"
    reply = keyed.post(resolve, {"message": "Hi"}).expect(200)
    assert reply["user"]["userId"] == person.user_id
    assert reply["context"]["segments"][0]["name"] == "instructions"
    assert "Be kind." in reply["context"]["segments"][0]["text"]
    keyed.put(f"/v1/users/{person.user_id}/profile", {"profile": {}}).expect(403)

    revoked = owner.delete(f"{keys}/{made['key']['keyId']}").expect(200)
    assert revoked["revokedAt"].endswith("Z")
    keyed.post(resolve, {"message": "Hi"}).expect(401)
    owner.delete(f"{keys}/{made['key']['keyId']}").expect(200)
    owner.post(keys, {"scopes": []}).expect(400)
    assert owner.post(keys, {"scopes": ["client_ip.assert"]}).status in (400, 403)


def test_a_conversation_grows_and_is_listed_newest_first(http: Http, org_a: Organisation):
    keyed = http.by(api_key=org_a.api_key)
    bot = f"/v1/chatbots/{org_a.chatbot_id}"
    reply = keyed.post(f"{bot}:resolve", {"message": "One", "conversation": "talk"}).expect(200)
    assert reply["seq"] == "1" and UUID.fullmatch(reply["conversationId"])
    turns = f"{bot}/conversations/talk/turns"
    appended = keyed.post(
        turns,
        {
            "turns": [
                {"role": "TURN_ROLE_ASSISTANT", "text": "Two", "attributes": {"model": "m"}},
                {"role": "TURN_ROLE_USER", "text": "Three"},
            ],
            "expectSeq": "2",
        },
    ).expect(201)
    assert (appended["firstSeq"], appended["lastSeq"]) == ("2", "3")
    assert appended["conversationId"] == reply["conversationId"]
    late = {"turns": [{"role": "TURN_ROLE_USER", "text": "x"}], "expectSeq": 2}
    keyed.post(turns, late).expect(409, "SEQUENCE_MISMATCH")
    listed = keyed.get(turns).expect(200)["turns"]
    assert [(t["seq"], t["text"]) for t in listed] == [("3", "Three"), ("2", "Two"), ("1", "One")]
    assert listed[1]["attributes"] == {"model": "m"}
    after = keyed.post(f"{bot}:resolve", {"message": "Four", "conversation": "talk"}).expect(200)
    history = next(s for s in after["context"]["segments"] if s["name"] == "history")
    assert all(word in history["text"] for word in ("One", "Two", "Three"))


def test_a_key_with_a_users_token_speaks_of_that_user_alone(
    http: Http, person: Person, org_a: Organisation, client: usher.Client
):
    both = Http(http.port, bearer=person.tokens["accessToken"], api_key=org_a.api_key)
    resolve = f"/v1/chatbots/{org_a.chatbot_id}:resolve"
    reply = both.post(resolve, {"message": "Hi"}).expect(200)
    assert reply["user"]["userId"] == person.user_id
    assert both.post(resolve, {"userId": org_a.user_id}).status in (403, 404)
    narrowed = client.using(
        credential=org_a.api_key, on_behalf_of=person.tokens["accessToken"]
    )
    assert narrowed.context.resolve(message="Hi").user.user_id == person.user_id
    with pytest.raises((usher.PermissionDenied, usher.NotFound)):
        narrowed.context.resolve(user_id=org_a.user_id)


def test_the_stable_prefix_is_byte_identical_until_something_changes(
    client: usher.Client, org_a: Organisation
):
    keyed = org_a.keyed(client).session()

    def stable() -> list[tuple[str, str, str]]:
        reply = keyed.context.resolve(message=secrets.token_hex(8))
        return [
            (s.name, s.etag, s.text)
            for s in reply.context.segments
            if s.stability == context_pb2.STABILITY_STABLE
        ]

    keyed.context.put_profile(profile={"company": "Before"})
    before = stable()
    assert before and all(stable() == before for _ in range(5))
    keyed.context.put_profile(profile={"company": "After"})
    assert "After" in str(stable())

    reply = keyed.context.resolve(message="x", have_etags=[e for _, e, _ in stable()])
    for s in reply.context.segments:
        if s.stability == context_pb2.STABILITY_STABLE:
            assert s.unchanged and not s.text


def test_the_budget_is_kept_and_what_is_left_out_is_told(client: usher.Client, org_a: Organisation):
    keyed = org_a.keyed(client).session()
    keyed.context.put_profile(profile={"company": "C", "about": "word " * 700})
    whole = keyed.context.resolve(message="Hello")
    short = keyed.context.resolve(message="Hello", token_budget=100)
    assert whole.context.tokens > 100 >= short.context.tokens
    assert short.context.omitted


def test_quota_is_strict_and_says_when(client: usher.Client, org_a: Organisation):
    stay_off_midnight()
    key = org_a.new_key(client, "context.read", default_user_id=org_a.user_id,
                        quota={"requests_per_day": 5})  # fmt: skip
    calls = client.using(credential=key.api_key)
    remaining = [calls.context.resolve(message="x").quota.remaining for _ in range(5)]
    assert remaining == [4, 3, 2, 1, 0]
    with pytest.raises(usher.ResourceExhausted) as refused:
        calls.context.resolve(message="x")
    assert refused.value.reason == "QUOTA_EXCEEDED"
    assert refused.value.retry_after


def test_receipts_reach_the_database(client: usher.Client, org_a: Organisation, system: System):
    read_id = org_a.keyed(client).context.resolve(message="x", purpose="receipt").read_id
    row = wait_until(
        lambda: system.database.sql(
            f"SELECT user_id, sum(reads) FROM usher.reads WHERE read_id = '{read_id}' GROUP BY 1"
        ),
        "the receipt is stored",
        30,
    )
    user_id, reads = row.split("|")
    assert user_id == org_a.user_id and int(reads) >= 1


def test_batch_get_context_answers_in_order(client: usher.Client, org_a: Organisation):
    reply = org_a.keyed(client).context.batch_get_context(
        user_ids=["ext:demo", "ext:nobody", org_a.user_id]
    )
    assert [c.user_id for c in reply.contexts] == ["ext:demo", "ext:nobody", org_a.user_id]
    assert [c.found for c in reply.contexts] == [True, False, True]


def test_batch_get_context_leaves_out_what_a_message_can_not_hold(
    client: usher.Client, http: Http, org_a: Organisation, system: System
):
    """20 blocks of 250 KB are more than 4 MiB. What is left out was not read, and is had by asking again."""
    owner, keyed = org_a.owner(client), org_a.keyed(client)
    made = [
        owner.user.upsert_user(external_id=f"large{i}", display_name=f"L {i}").user.user_id
        for i in range(20)
    ]
    for user_id in made:
        owner.context.put_profile(
            user_id=user_id, profile={"profile_data": json.dumps({"x": "y" * 250_000})}
        )
    asked = [*made, "ext:demo", "ext:nobody"]
    reply = keyed.context.batch_get_context(user_ids=asked, purpose="large")
    assert [c.user_id for c in reply.contexts] == asked
    found = [c for c in reply.contexts if c.found]
    left_out = [c.user_id for c in reply.contexts if c.left_out]
    assert 10 <= len(found) < 21 and left_out
    # None stands behind one that is left out; and one that is not there is not left out.
    assert [c.user_id for c in found] + left_out == [*made, "ext:demo"]
    assert all(bool(c.read_id) == c.found == c.HasField("context") for c in reply.contexts)
    again = keyed.context.batch_get_context(user_ids=left_out, purpose="large")
    assert all(c.found and c.context.segments for c in again.contexts)
    wait_until(
        lambda: (
            system.database.sql("SELECT sum(reads) FROM usher.reads WHERE purpose = 'large'") == "21"
        ),
        "each has one receipt",
        30,
    )
    over_http = http.by(api_key=org_a.api_key).post("/v1/users:batchGetContext", {"userIds": made})
    assert any(c.get("leftOut") for c in over_http.expect(200)["contexts"])


def test_batch_get_context_over_http(http: Http, org_a: Organisation):
    keyed = http.by(api_key=org_a.api_key)
    reply = keyed.post("/v1/users:batchGetContext", {"userIds": [org_a.user_id]}).expect(200)
    assert reply["contexts"][0]["found"] is True


def test_the_bridges_own_pages(http: Http, bridge: Bridge):
    assert http.get("/").status == 200
    assert http.get("/health").status == 200
    assert http.get("/ready").status == 200
    metrics = http.get("/metrics")
    assert metrics.status == 200
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert re.search(rb"^usher_\w+(\{.*\})? [0-9.e+-]+$", metrics.body, re.MULTILINE)
    document = http.get("/openapi.json").expect(200)
    assert document["openapi"].startswith("3.1")
    keys = http.get("/.well-known/jwks.json").expect(200)["keys"]
    assert keys and all(k["kty"] == "EC" and k["crv"] == "P-256" and k["kid"] for k in keys)
    assert "d" not in keys[0]
    http.get("/nowhere").expect(404)
    reply = http.delete("/v1/auth/login")
    reply.expect(405)
    assert "POST" in reply.headers["Allow"]


def test_a_problems_request_and_its_trace_lead_to_the_nodes_line(owner: Http, node: Node):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reply = owner.get("/v1/users/ext:nobody", headers={"traceparent": trace})
    call = reply.expect(404)["requestId"][:16]
    line = re.compile(f" code=NOT_FOUND .* call={call} trace={trace} ")
    wait_until(lambda: line.search(node.log.read_text()), "the node's line")


def test_every_documented_route_is_served(http: Http):
    """Each answers as itself: not 404 for the path, not 405, never 5xx."""
    paths = http.get("/openapi.json").expect(200)["paths"]
    nowhere = http.get("/nowhere").expect(404)
    for path, item in paths.items():
        for verb in item.keys() & {"get", "put", "post", "delete", "patch"}:
            concrete = re.sub(r"\{\w+\}", "00000000-0000-7000-8000-000000000000", path)
            reply = http.request(verb.upper(), concrete, {} if verb != "get" else None)
            assert reply.status < 500 and reply.status != 405, (verb, path, reply.body)
            if reply.status == 404:
                assert reply.json.get("reason") != nowhere.get("reason"), (verb, path)


def test_operators_see_the_status(system: System, node: Node, client: usher.Client, http: Http):
    operator = system.operator()
    status = operator.owner(client).ops.get_status(exact_counts=True)
    assert status.database.schema_version >= 1
    assert status.database.role == "usher_app"
    assert {"orgs", "users"} <= {t.name.removeprefix("usher.") for t in status.tables}
    assert status.lanes and status.caches and status.jobs
    found = node.files_open()
    assert abs(status.descriptors_open - found) < 20 and status.descriptors_open > 10
    hard = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)[0]
    assert status.descriptors_max == min(hard, 2**31 - 1)
    # It and its database are on one machine.
    assert abs(status.clock_ahead_ms) < 5000
    http.by(bearer=operator.tokens(client).access_token).get("/v1/ops/status").expect(200)
    http.get("/v1/ops/status").expect(401)


def test_exact_counts_may_take_longer_than_calls_do_by_themselves(
    system: System, client: usher.Client
):
    ops = system.operator("counts@example.com").owner(client).ops
    late = (
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'usher_app' AND"
        " wait_event_type = 'Lock' AND now() - query_start > interval '5.5 s'"
    )
    with ThreadPoolExecutor() as threads:
        with TableLock(system, "usher.conversations"):
            asked = threads.submit(ops.get_status, exact_counts=True)
            wait_until(lambda: system.database.sql(late) == "1", "it has waited that long", 20)
        tables = {table.name.removeprefix("usher."): table for table in asked.result().tables}
    assert not tables["conversations"].estimated


def test_audit_keeps_what_a_caller_calls_itself(
    system: System, client: usher.Client, http: Http, org_a: Organisation
):
    def agents() -> set[str]:
        return set(
            system.database.sql(
                "SELECT user_agent FROM usher.audit_addresses"
            ).splitlines()
        )

    login = {"email": org_a.email, "password": org_a.password}
    http.post(
        "/v1/auth/login", login, headers={"User-Agent": "Browser/1 (of a test)"}
    ).expect(200)
    assert "Browser/1 (of a test)" in agents()
    # By nng, as whoever passes on calls says it: so long, and no character of it in two.
    client.using(metadata={"user-agent": "é" * 300}).auth.login(**login)
    client.using(metadata={"user-agent": "x" + "é" * 300}).auth.login(**login)
    assert {"é" * 128, "x" + "é" * 127} <= agents()


def test_fields_without_presence_are_always_printed(http: Http, person: Person):
    me = person.http.get("/v1/me").expect(200)
    names = {f.json_name for f in common_pb2.User.DESCRIPTOR.fields}
    assert names - {"createdAt", "updatedAt"} <= set(me)
    signup = Person(http).sign_up()
    assert set(signup) == {f.json_name for f in auth_pb2.SignUpReply.DESCRIPTOR.fields}


async def _many(client: usher.Client, org: Organisation) -> list[Any]:
    import asyncio

    calls = client.aio.using(credential=org.api_key)
    return await asyncio.gather(*(calls.context.resolve(message=str(i)) for i in range(100)))


def test_asyncio_calls_run_side_by_side(client: usher.Client, org_a: Organisation):
    import asyncio

    replies = asyncio.run(_many(client, org_a))
    assert {r.user.user_id for r in replies} == {org_a.user_id}
    messages = [segment(r, "message").text for r in replies]
    assert all(str(i) in text for i, text in enumerate(messages))
