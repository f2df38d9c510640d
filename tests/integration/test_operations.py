"""docs/operations.md says what there is: each figure of /metrics, and what watches them asks for no other."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest

from usher_testing import SOURCE, Node, Organisation, System, free_port

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
    node: Node = system.node(metrics__listen=f"127.0.0.1:{port}")
    bridge = system.bridge(node)
    assert bridge.http(api_key=org_a.api_key).post(
        f"/v1/chatbots/{org_a.chatbot_id}:resolve", {"message": "Hello"}
    ).status == 200  # fmt: skip
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        text = reply.read().decode()
    text += bridge.http().get("/metrics").body.decode()
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def test_every_figure_is_explained_and_every_one_explained_is_there(figures: set[str]):
    explained = set(re.findall(r"^\| `(\w+)` \|", DOC, re.MULTILINE))
    assert explained == figures


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
