"""What a restart costs a key of its quota: nothing when it is clean, a slice when it is not."""

from __future__ import annotations

from typing import Any

from usher_testing import Node, Organisation, System, stay_off_midnight


def used(system: System, key_id: str) -> tuple[int, int]:
    """Of the day: what is counted, and the last slice of it."""
    row = system.database.sql(
        "SELECT used, granted FROM usher.quota_usage "
        f"WHERE key_id = '{key_id}' AND bucket = 2 ORDER BY window_start DESC LIMIT 1"
    )
    counted, granted = row.split("|")
    return int(counted), int(granted)


def ask(node: Node, api_key: str, times: int) -> None:
    calls = node.client().using(credential=api_key)
    for _ in range(times):
        calls.context.resolve(message="x")


def restart(node: Node) -> bool:
    """Whether it could give back: a stop waits a second for the database to take it."""
    before = len(node.log.read_text())
    node.stop()
    said = node.log.read_text()[before:]
    node.start_and_wait()
    if "quotas_not_given_back" in said:
        return False
    assert "quotas_given_back" in said
    return True


def asked_over_rolling_restarts(system: System, nodes: list[Node], made: Any) -> int:
    """How much, and so much is counted; 0: a node could not give back."""
    asked = 0
    for _ in range(2):
        for node in nodes:
            ask(node, made.api_key, 20)
            asked += 20
        for node in nodes:
            assert used(system, made.key.key_id)[0] > asked
            if not restart(node):
                return 0
        assert used(system, made.key.key_id)[0] == asked
    return asked


def test_a_rolling_restart_costs_nothing_and_a_kill_a_slice(system: System, org_a: Organisation):
    nodes = [system.node("first"), system.node("second")]
    for _ in range(3):
        stay_off_midnight()
        made = org_a.new_key(
            nodes[0].client(),
            "context.read",
            default_user_id=org_a.user_id,
            quota={"requests_per_day": 100_000},
        )
        if asked := asked_over_rolling_restarts(system, nodes, made):
            break
    assert asked, "the database was never there in time"
    ask(nodes[0], made.api_key, 20)
    asked += 20
    counted, granted = used(system, made.key.key_id)
    nodes[0].kill()
    nodes[0].start_and_wait()
    assert used(system, made.key.key_id)[0] == counted
    assert asked < counted <= asked + granted
