"""Statements that would read a whole table, or all of an organisation's, have an index that spares them that."""

from __future__ import annotations

import re

import pytest

from usher_testing import SOURCE, System

ID = "'00000000-0000-7000-8000-0000000000a1'"


def twice(wanted: str) -> str:
    return rf"(?s:{wanted}.*{wanted})"


def removed(name: str, index: str, parameters: str = "int8, int8", values: str = "1000, 10000"):
    """What is due is found by it, and what is left is counted by it."""
    return (f"jobs/{name}", parameters, values, twice(rf"Index (Only )?Scan \w+ {index}"))


@pytest.mark.parametrize(
    ("name", "parameters", "values", "wanted"),
    [
        (
            "jobs/retain_reads",
            "int8, int8, int8, timestamptz",
            "1000, 10000, 2592000, '1970-01-01'",
            twice(r"Bitmap Index Scan on reads_\w*read_at_idx\n.*Index Cond: .*read_at >= .*read_at <"),
        ),
        removed("retain_blocks", "blocks_by_use", "int8, int8, int8", "1000, 10000, 2592000"),
        removed(
            "retain_addresses", "audit_addresses_by_age", "int8, int8, int8", "1000, 10000, 2592000"
        ),
        removed("sweep_signups", "signups_by_expiry"),
        removed("sweep_refresh_tokens", "refresh_tokens_by_expiry"),
        removed("sweep_sessions", "sessions_by_expiry"),
        removed("sweep_throttles", "throttles_by_window"),
        removed("sweep_idempotency", "idempotency_by_expiry"),
        removed("sweep_quota_usage", "quota_usage_by_window"),
        removed("sweep_read_batches", "read_batches_by_age"),
        removed("sweep_mail_outbox", "mail_outbox_by_expiry"),
        removed("sweep_operations", "operations_by_expiry"),
        ("bootstrap/remove_account", "uuid", ID, r"Index Scan \w+ users_by_account"),
        # In its order, so that a page ends where it is full.
        (
            "context/chatbots",
            "uuid, timestamptz, uuid, int8, int8",
            f"{ID}, '1970-01-01', {ID}, 100, 1000000",
            r"WindowAgg\n +-> +Index Scan using chatbots_by_age .*\n +Index Cond: .*ROW",
        ),
    ],
)
def test_what_is_wanted_is_found_by_an_index(
    system: System, name: str, parameters: str, values: str, wanted: str
):
    """That the planner wants the index as the table grows is its own affair: here it has no other way but to
    read all, or to sort."""
    statement = (SOURCE / f"src/store/sql/{name}.sql").read_text()
    plan = system.database.sql(
        "SET enable_seqscan = off; SET enable_sort = off;"
        f"PREPARE wanted ({parameters}) AS {statement};"
        f"EXPLAIN (COSTS OFF) EXECUTE wanted({values})"
    )
    assert re.search(wanted, plan), plan
