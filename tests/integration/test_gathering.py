"""Calls that wait for the database at the same time are read for together: each is answered as if it
had been alone."""

from __future__ import annotations

import itertools
import random
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import usher
from usher import Code
from usher.v1 import context_pb2, envelope_pb2
from usher_testing import SLOWER, Organisation, System, forged_secret

USERS = 12
CALLERS = 6
ROUNDS = max(2, 5 // SLOWER)
ITEMS = 60


@dataclass(frozen=True)
class Question:
    """A Resolve, and what it is to give."""

    credential: str
    request: context_pb2.ResolveRequest
    code: Code
    user_id: str = ""
    chatbot_id: str = ""
    text: str = ""


def _of_organisation(system: System, client: usher.Client, org: Organisation) -> list[Question]:
    owner = org.owner(client)
    questions = []
    users = []
    for number in range(USERS):
        text = f"User {number} of {org.org_id}"
        user = owner.user.upsert_user(external_id=f"ext-{number}", display_name=text).user
        users.append((user.user_id, f"ext:ext-{number}", text))
    disabled = owner.user.upsert_user(external_id="disabled", display_name="Nobody sees this").user
    system.database.sql(f"UPDATE usher.users SET status = 2 WHERE id = '{disabled.user_id}'")
    for number in range(3):
        bot = owner.context.create_chatbot(
            display_name=f"Bot {number}", alias=f"bot-{number}", instructions=f"I am {number}"
        )
        key = owner.context.create_api_key(chatbot_id=bot.chatbot_id, scopes=["context.read"])
        gone = owner.context.create_api_key(chatbot_id=bot.chatbot_id, scopes=["context.read"])
        owner.context.revoke_api_key(chatbot_id=bot.chatbot_id, key_id=gone.key.key_id)

        def ask(user: str, code: Code = Code.OK, credential: str = "", **fields: str) -> None:
            chatbot = random.choice(["", bot.chatbot_id, f"bot-{number}"])  # noqa: B023
            request = context_pb2.ResolveRequest(user_id=user, chatbot_id=chatbot, message="m")
            questions.append(Question(credential or key.api_key, request, code, **fields))  # noqa: B023

        for user_id, external, text in users:
            for name in (user_id, external):
                ask(name, user_id=user_id, chatbot_id=bot.chatbot_id, text=text)
        ask("ext:nobody", Code.NOT_FOUND)
        ask("not an id", Code.INVALID_ARGUMENT)
        ask(disabled.user_id, Code.FAILED_PRECONDITION)
        ask(users[0][0], Code.UNAUTHENTICATED, gone.api_key)
    return questions


@pytest.fixture(scope="module")
def questions(
    system: System, client: usher.Client, org_a: Organisation, org_b: Organisation
) -> list[Question]:
    of_a, of_b = (_of_organisation(system, client, org) for org in (org_a, org_b))
    keys_of_b = [q.credential for q in of_b if q.code == Code.OK]
    # The other organisation's users are not there, by id; nor are their names those of one's own.
    strangers = [
        Question(random.choice(keys_of_b), context_pb2.ResolveRequest(user_id=q.user_id), Code.NOT_FOUND)
        for q in of_a
        if q.code == Code.OK
    ]
    return of_a + of_b + strangers[:20]


@pytest.fixture(scope="module")
def far_ahead(client: usher.Client, org_a: Organisation) -> bytes:
    """A revision that no node has passed: all comes from the database."""
    session = usher.Session()
    owner = org_a.owner(client).using(session=session)
    owner.user.upsert_user(external_id="written", display_name="Written")
    return session.revision[:8] + (2**62).to_bytes(8, "big")


def _envelope(question: Question, at_least: bytes, timeout_ms: int = 0) -> envelope_pb2.Request:
    return envelope_pb2.Request(
        method="usher.v1.ContextService/Resolve",
        credential=question.credential.encode(),
        at_least=at_least,
        timeout_ms=timeout_ms,
        payload=question.request.SerializeToString(),
    )


def _check(question: Question, response: envelope_pb2.Response) -> None:
    assert Code(response.code) == question.code, (question, response.message)
    if question.code != Code.OK:
        return
    reply = context_pb2.ResolveReply.FromString(response.payload)
    assert reply.user.user_id == question.user_id
    assert reply.chatbot.chatbot_id == question.chatbot_id
    segments = "".join(segment.text for segment in reply.context.segments)
    assert question.text in segments
    assert reply.chatbot.instructions in segments


@pytest.mark.parametrize("from_memory", [False, True], ids=["database", "memory"])
def test_each_is_answered_as_if_it_were_alone(
    client: usher.Client, questions: list[Question], far_ahead: bytes, from_memory: bool
):
    at_least = b"" if from_memory else far_ahead

    def ask(caller: int) -> None:
        rng = random.Random(caller)
        for _ in range(ROUNDS):
            chosen = rng.choices(questions, k=ITEMS)
            responses = client.batch([_envelope(q, at_least) for q in chosen])
            for question, response in zip(chosen, responses, strict=True):
                _check(question, response)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(ask, range(CALLERS)))


def test_blocks_that_nobody_has_stored_yet_are_stored_together(
    system: System, client: usher.Client, org_a: Organisation
):
    """And each receipt names a block that is there."""
    key = org_a.new_key(client, "context.read")
    system.database.sql(
        "INSERT INTO usher.users (org_id, id, external_id, display_name)"
        f" SELECT '{org_a.org_id}', gen_random_uuid(), 'cold-' || n, 'Cold ' || n"
        f" FROM generate_series(1, {ROUNDS * ITEMS}) n"
    )
    users = [f"ext:cold-{number}" for number in range(1, ROUNDS * ITEMS + 1)]
    asked = [Question(key.api_key, context_pb2.ResolveRequest(user_id=user), Code.OK) for user in users]
    for at in range(0, len(asked), ITEMS):
        for response in client.batch([_envelope(q, b"") for q in asked[at : at + ITEMS]]):
            assert Code(response.code) == Code.OK
    cold = "FROM usher.blocks b JOIN usher.users u ON u.id = b.user_id WHERE u.external_id LIKE 'cold-%'"
    assert int(system.database.sql(f"SELECT count(*) {cold}")) == len(users)
    assert int(system.database.sql(f"SELECT count(DISTINCT b.xmin::text) {cold}")) < len(users) / 2


def test_calls_that_run_out_of_time_take_nobody_with_them(
    client: usher.Client, questions: list[Question], far_ahead: bytes
):
    """Some have next to no time; beside them the others have theirs."""
    codes: Counter[Code] = Counter()

    def ask(caller: int) -> None:
        rng = random.Random(caller)
        for _ in range(ROUNDS):
            chosen = rng.choices(questions, k=ITEMS)
            hurried = [rng.random() < 0.3 for _ in chosen]
            responses = client.batch(
                [
                    _envelope(q, far_ahead, rng.choice([1, 2, 5, 250]) if h else 0)
                    for q, h in zip(chosen, hurried, strict=True)
                ]
            )
            for question, response, h in zip(chosen, responses, hurried, strict=True):
                codes[Code(response.code)] += 1
                if not h or response.code != Code.DEADLINE_EXCEEDED:
                    _check(question, response)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(ask, range(CALLERS)))
    assert codes[Code.OK] > 0


def test_what_is_revoked_or_changed_meanwhile_is_never_seen_afterwards(
    client: usher.Client, org_a: Organisation, questions: list[Question], far_ahead: bytes
):
    """While others keep the lane busy: a write that was acknowledged is what the next call sees, with
    memory and without."""
    owner = org_a.owner(client)
    user = owner.user.upsert_user(external_id="changing", display_name="Before").user
    done = False

    def keep_busy(caller: int) -> None:
        rng = random.Random(caller)
        while not done:
            client.batch([_envelope(q, far_ahead) for q in rng.choices(questions, k=ITEMS)])

    with ThreadPoolExecutor(CALLERS) as pool:
        busy = [pool.submit(keep_busy, caller) for caller in range(3)]
        try:
            for number, at_least in zip(range(2 * ROUNDS), itertools.cycle([b"", far_ahead])):
                key = org_a.new_key(client, "context.read")
                session = usher.Session()
                name = f"Name {number}."
                owner.using(session=session).user.upsert_user(
                    user_id=user.user_id, display_name=name
                )
                request = context_pb2.ResolveRequest(user_id=user.user_id)
                seen = Question(
                    key.api_key, request, Code.OK, user.user_id, org_a.chatbot_id, name
                )
                for response in client.batch([_envelope(seen, at_least or session.revision)] * 20):
                    _check(seen, response)
                owner.context.revoke_api_key(chatbot_id=org_a.chatbot_id, key_id=key.key.key_id)
                refused = Question(key.api_key, request, Code.UNAUTHENTICATED)
                for response in client.batch([_envelope(refused, at_least)] * 20):
                    _check(refused, response)
        finally:
            done = True
        for caller in busy:
            caller.result()


def _refresh(client: usher.Client, token: str) -> tuple[str, str]:
    """The session and the successor; nothing when it is refused."""
    try:
        reply = client.auth.refresh(refresh_token=token)
    except usher.Unauthenticated:
        return "", ""
    return reply.session_id, reply.refresh_token


def test_refreshes_are_committed_together_and_each_token_has_its_own_successor(
    system: System, client: usher.Client, org_a: Organisation
):
    """One that comes twice at once has one successor; one that is no good takes nobody with it."""
    logins = [org_a.login(client) for _ in range(USERS)]
    tokens = {login.session_id: login.refresh_token for login in logins}
    over = org_a.login(client)
    system.database.sql(
        "UPDATE usher.refresh_tokens SET expires_at = now() - interval '1 second'"
        f" WHERE session_id = '{over.session_id}'"
    )
    rng = random.Random(1)
    with ThreadPoolExecutor(2 * USERS) as pool:

        def ask(presented: list[str]) -> list[tuple[str, str]]:
            return list(pool.map(lambda token: _refresh(client, token), presented))

        for _ in range(2 * ROUNDS):
            asked = [(s, token) for s, token in tokens.items() for _ in range(rng.choice([1, 1, 2]))]
            some, another, third = rng.sample(list(tokens.values()), 3)
            # One whose time is over; no token; one that there is not; one with another's secret.
            asked += [("", over.refresh_token), ("", some[:-7] + "0000000"), ("", forged_secret("refresh"))]
            asked += [("", forged_secret("refresh", uuid.UUID(another.split("_")[2]))), ("", third[:-1])]
            rng.shuffle(asked)
            found = ask([token for _, token in asked])
            assert [session_id for session_id, _ in found] == [session_id for session_id, _ in asked]
            successors = set(found) - {("", "")}
            assert len(successors) == len(tokens)
            before, tokens = tokens, dict(successors)
            # Not used yet: the predecessor gives the same one again.
            repeated = ask(list(before.values()))
            assert dict(repeated) == tokens
        # Once the successor is used its predecessor is a sign of theft, of its own session alone.
        stolen = next(iter(tokens))
        used = dict(ask(list(tokens.values())))
        after = ask([before[stolen] if s == stolen else token for s, token in used.items()])
        assert [session_id for session_id, _ in after] == [s if s != stolen else "" for s in used]
        assert _refresh(client, used[stolen]) == ("", "")
    together = system.database.sql(
        "SELECT count(*) FROM (SELECT FROM usher.refresh_tokens GROUP BY xmin::text"
        " HAVING count(DISTINCT session_id) > 1) AS transactions"
    )
    assert int(together) > 0
