"""docs/operations.md says what there is: each figure of /metrics, and what watches them asks for no other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

import usher
from usher_testing import SOURCE, Node, Organisation, System, free_port, read_metrics, wait_until
from usher_testing.disabling import DISABLING, RECIPE, disable, enable

DOC = (SOURCE / "docs/operations.md").read_text()
WATCHERS = [
    SOURCE / "docs/deploy/prometheus/usher.rules.yml",
    SOURCE / "docs/deploy/grafana/usher.json",
]
FIGURE = re.compile(r"\b(?:usher|process)_[a-z_]+\b")


@pytest.fixture(scope="module")
def figures(system: System, org_a: Organisation) -> set[str]:
    """The names of all figures of a node and a bridge that have worked."""
    port = free_port()
    node: Node = system.node("figures", metrics__listen=f"127.0.0.1:{port}")
    bridge = system.bridge(node)
    assert bridge.http(api_key=org_a.api_key).post(
        f"/v1/chatbots/{org_a.chatbot_id}:resolve", {"message": "Hello"}
    ).status == 200  # fmt: skip
    text = read_metrics(port)
    text += bridge.http().get("/metrics").body.decode()
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def test_every_figure_is_explained_and_every_one_explained_is_there(figures: set[str]):
    explained = set(re.findall(r"^\| `(\w+)` \|", DOC, re.MULTILINE))
    assert explained == figures


@pytest.mark.parametrize("what", [row.what for row in DISABLING])
def test_what_is_disabled_by_hand_is_refused_and_given_back(what: str, system: System, node: Node):
    """By a node that has it all in memory."""
    org = system.organisation(f"disabled-{what}")
    client = node.client()
    keyed, owner = org.keyed(client), org.owner(client)
    ids = {
        "user": org.user_id, "account": org.tokens(client).account_id, "chatbot": org.chatbot_id,
        "org": org.org_id,
    }  # fmt: skip

    def outcome(call: Callable[[], Any]) -> str:
        try:
            call()
        except usher.Error as error:
            return error.reason
        return "OK"

    def outcomes() -> tuple[str, str, str]:
        return (
            outcome(lambda: keyed.context.resolve(user_id=org.user_id)),
            outcome(owner.user.get_me),
            outcome(lambda: owner.context.resolve(chatbot_id=org.chatbot_id)),
        )

    wait_until(
        lambda: keyed.context.resolve(user_id=org.user_id).from_memory, "it is in memory", 10
    )
    assert outcomes() == ("OK", "OK", "OK")
    disable(system.database, what, **ids)
    refused = {
        "user": ("USER_DISABLED", "CREDENTIAL_INVALID", "CREDENTIAL_INVALID"),
        "account": ("OK", "CREDENTIAL_INVALID", "CREDENTIAL_INVALID"),
        "chatbot": ("CREDENTIAL_INVALID", "OK", "CHATBOT_DISABLED"),
        "organisation": ("CREDENTIAL_INVALID", "CREDENTIAL_INVALID", "CREDENTIAL_INVALID"),
    }[what]
    wait_until(lambda: outcomes() == refused, "it is refused", 10)
    enable(system.database, what, **ids)
    wait_until(lambda: outcomes() == ("OK", "OK", "OK"), "it is given back", 10)


def test_four_things_can_be_disabled_by_hand():
    assert [row.what for row in DISABLING] == ["user", "account", "chatbot", "organisation"]
    assert DISABLING[0].update in RECIPE and DISABLING[0].values in RECIPE


def test_each_cache_says_how_much_of_the_setting_is_its_own(system: System):
    port = free_port()
    system.node("caches", metrics__listen=f"127.0.0.1:{port}", cache__bytes="64MiB")
    found = re.findall(
        r'^usher_cache_bytes_max{cache="(\w+)"} (\d+)$', read_metrics(port), re.M
    )
    assert {name: int(value) >> 20 for name, value in found} == {
        "contexts": 32, "keys": 16, "tokens": 8, "sessions": 8,
    }  # fmt: skip


def test_connections_are_counted_as_the_database_counts_them(system: System):
    port = free_port()
    node = system.node(
        "counted",
        metrics__listen=f"127.0.0.1:{port}",
        database__conninfo=f"{system.database.app} application_name=counted",
        database__pool_connections="20",
    )
    operator = system.operator("counted@example.com").tokens(node.client())
    ops = node.client().using(credential=operator.access_token).ops

    def said() -> dict[str, int]:
        found = re.findall(r"^usher_database_connections(\w*) (\d+)$", read_metrics(port), re.M)
        return {name: int(value) for name, value in found}

    def as_counted() -> dict[str, int] | None:
        counted = system.database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'"
        )
        figures = said()
        return figures if figures[""] == int(counted) else None

    # It opens them as they are needed.
    figures = wait_until(as_counted, "they agree", 30)
    assert figures["_max"] == 21
    # The feed's, and one at least of those that have worked.
    assert figures[""] >= 2 and figures[""] >= figures["_busy"] >= 1

    def status_agrees() -> bool:
        database = ops.get_status().database
        assert database.connections_max == 21
        return database.connections_used == said()[""]

    wait_until(status_agrees, "they agree", 30)


@pytest.mark.parametrize("path", WATCHERS, ids=lambda path: path.name)
def test_alerts_and_dashboard_ask_for_figures_that_there_are(path, figures: set[str]):
    asked = set(FIGURE.findall(path.read_text()))
    of_histograms = {f"{name}{end}" for name in figures for end in ("_bucket", "_sum", "_count")}
    assert asked
    assert asked <= figures | of_histograms


def test_the_settings_that_the_doc_names_are_settings(system: System):
    known = set(json.loads(system.cli("config", "--json").stdout))
    groups = "|".join({name.split(".")[0] for name in known if "." in name})
    named = set(re.findall(rf"`((?:{groups})\.[a-z_.]+)", DOC))
    named |= set(re.findall(rf"^\s+((?:{groups})\.[a-z_.]+) = ", DOC, re.MULTILINE))
    named = {name.rstrip(".") for name in named} - {"bridge.conf"}
    secret_files = {f"{name}_file" for name in known}
    assert len(named) > 10
    assert named - known - secret_files == set()
