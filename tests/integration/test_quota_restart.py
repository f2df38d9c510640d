"""What a restart costs a key of its quota: nothing when it is clean, a slice when it is not."""

from __future__ import annotations

from usher_testing import Node, Organisation, System


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


def test_a_rolling_restart_costs_nothing_and_a_kill_a_slice(system: System, org_a: Organisation):
    nodes = [system.node("first"), system.node("second")]
    made = org_a.new_key(
        nodes[0].client(),
        "context.read",
        default_user_id=org_a.user_id,
        quota={"requests_per_day": 100_000},
    )
    asked = 0
    for _ in range(2):
        for node in nodes:
            ask(node, made.api_key, 20)
            asked += 20
        for node in nodes:
            assert used(system, made.key.key_id)[0] > asked
            node.stop()
            assert "quotas_given_back" in node.log.read_text()
            node.start_and_wait()
        assert used(system, made.key.key_id)[0] == asked
    ask(nodes[0], made.api_key, 20)
    asked += 20
    counted, granted = used(system, made.key.key_id)
    nodes[0].kill()
    nodes[0].start_and_wait()
    assert used(system, made.key.key_id)[0] == counted
    assert asked < counted <= asked + granted
