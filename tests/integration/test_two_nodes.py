"""Two nodes over one database: what one took away the other refuses, what one wrote the other reads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import usher
from usher_testing import SLOWER, Node, Organisation, System, wait_until

REVOCATIONS = 100 // SLOWER
READS = 1000 // SLOWER


@pytest.fixture(scope="module")
def nodes(system: System, org_a: Organisation) -> tuple[usher.Client, usher.Client]:
    first, second = system.node("first"), system.node("second")
    wait_until(
        lambda: system.database.count("nodes") == 2 and first.health().lease_held
        and second.health().lease_held,
        "both nodes hold leases",
    )  # fmt: skip
    return first.client(timeout=10.0), second.client(timeout=10.0)


def _refused(call) -> bool:
    try:
        call()
    except usher.Unauthenticated:
        return True
    return False


def test_a_key_revoked_on_one_node_is_refused_on_the_other_from_then_on(
    nodes: tuple[usher.Client, usher.Client], org_a: Organisation
):
    for turn in range(REVOCATIONS):
        here, there = nodes if turn % 2 else nodes[::-1]
        key = org_a.new_key(here, "context.read", default_user_id=org_a.user_id)
        users = [node.using(credential=key.api_key) for node in (here, there)]
        for user in users:  # in both memories
            user.context.resolve(message="Hello")
        org_a.owner(here).context.revoke_api_key(
            chatbot_id=org_a.chatbot_id, key_id=key.key.key_id
        )
        for user in users[::-1]:
            assert _refused(lambda: user.context.resolve(message="Hello")), f"round {turn}"


def test_a_key_is_refused_while_others_keep_asking_with_it(
    nodes: tuple[usher.Client, usher.Client], org_a: Organisation
):
    """The other node is kept filling its memory while the key goes away."""
    here, there = nodes
    for turn in range(max(1, 10 // SLOWER)):
        key = org_a.new_key(here, "context.read", default_user_id=org_a.user_id)
        user = there.using(credential=key.api_key)
        user.context.resolve(message="Hello")
        with ThreadPoolExecutor(8) as pool:
            going = True

            def ask() -> None:
                while going and not _refused(lambda: user.context.resolve(message="Hello")):
                    pass

            askers = [pool.submit(ask) for _ in range(8)]
            org_a.owner(here).context.revoke_api_key(
                chatbot_id=org_a.chatbot_id, key_id=key.key.key_id
            )
            refused = [_refused(lambda: user.context.resolve(message="Hello")) for _ in range(20)]
            going = False
            for asker in askers:
                asker.result()
        assert all(refused), f"round {turn}: {refused}"


def test_a_session_that_logged_out_on_one_node_is_refused_on_the_other(
    nodes: tuple[usher.Client, usher.Client], org_a: Organisation
):
    for turn in range(REVOCATIONS):
        here, there = nodes if turn % 2 else nodes[::-1]
        tokens = org_a.login(here)
        for node in nodes:
            node.using(credential=tokens.access_token).user.get_me()
        here.using(credential=tokens.access_token).auth.logout()
        for node in (there, here):
            user = node.using(credential=tokens.access_token)
            assert _refused(user.user.get_me), f"round {turn}"
        with pytest.raises(usher.Unauthenticated):
            there.auth.refresh(refresh_token=tokens.refresh_token)


def test_own_writes_are_read_on_the_other_node(
    nodes: tuple[usher.Client, usher.Client], org_a: Organisation
):
    session = usher.Session()
    sides = [node.using(credential=org_a.api_key, session=session) for node in nodes]
    for turn in range(READS):
        here, there = sides if turn % 2 else sides[::-1]
        company = f"Company {turn}"
        here.context.put_profile(profile={"company": company})
        reply = there.context.resolve(message="Hello")
        text = " ".join(s.text for s in reply.context.segments)
        assert company in text, f"round {turn}: {text}"


def test_a_read_without_a_session_is_soon_right(
    nodes: tuple[usher.Client, usher.Client], org_a: Organisation
):
    here, there = (org_a.keyed(node) for node in nodes)
    here.context.resolve(message="Hello")
    there.context.resolve(message="Hello")
    here.context.put_profile(profile={"company": "Seen by and by"})
    wait_until(
        lambda: any(
            "Seen by and by" in s.text for s in there.context.resolve(message="x").context.segments
        ),
        "the other node's memory follows",
        2,
    )
    assert wait_until(lambda: there.context.resolve(message="x").from_memory, "memory answers")


def test_a_revocation_waits_for_a_dead_node_no_longer_than_its_lease(
    nodes: tuple[usher.Client, usher.Client], org_a: Organisation, system: System
):
    third: Node = system.node("third")
    third.kill()
    key = org_a.new_key(nodes[0], "context.read")
    org_a.owner(nodes[0]).context.revoke_api_key(chatbot_id=org_a.chatbot_id, key_id=key.key.key_id)
    with pytest.raises(usher.Unauthenticated):
        nodes[1].using(credential=key.api_key).context.resolve(message="x")


def test_a_node_that_was_stopped_and_continued_trusts_nothing_it_remembered(
    system: System, nodes: tuple[usher.Client, usher.Client], org_a: Organisation
):
    import signal

    third: Node = system.node("stopped")
    client = third.client(timeout=10.0)
    key = org_a.new_key(nodes[0], "context.read", default_user_id=org_a.user_id)
    client.using(credential=key.api_key).context.resolve(message="x")
    third.signal(signal.SIGSTOP)
    try:
        org_a.owner(nodes[0]).context.revoke_api_key(
            chatbot_id=org_a.chatbot_id, key_id=key.key.key_id
        )
    finally:
        third.signal(signal.SIGCONT)
    assert _refused(lambda: client.using(credential=key.api_key).context.resolve(message="x"))
