"""What runs by itself, as operators see it: methods, command line, metrics."""

from __future__ import annotations

import json
import re

import pytest

import usher
from usher_testing import Node, Organisation, System, free_port, read_metrics, wait_until

OK, FAILED, USAGE = 0, 1, 2
JOBS = {"keyring", "receipts", "partitions", "changes", "sweep", "retention", "mail", "operations"}


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def node(system: System, org_a: Organisation, metrics_port: int) -> Node:
    return system.node(metrics__listen=f"127.0.0.1:{metrics_port}")


@pytest.fixture(scope="module")
def operator(system: System, client: usher.Client) -> usher.Calls:
    return client.using(credential=system.operator().tokens(client).access_token)


def test_every_job_says_what_it_is_and_how_it_went(operator: usher.Calls):
    def all_ran():
        jobs = operator.ops.list_jobs().jobs
        return jobs if all(job.runs for job in jobs) else None

    jobs = {job.name: job for job in wait_until(all_ran, "every job ran once", 30)}
    assert JOBS <= set(jobs)
    for job in jobs.values():
        assert job.about and job.period_ms >= 100
        assert job.HasField("last_run_at") and job.last_run_at.seconds > 0
        assert not job.errors and not job.last_error, job
    assert {name for name in JOBS if jobs[name].of_cluster} == {"partitions", "sweep", "retention"}
    assert {job.name for job in operator.ops.get_status().jobs} == set(jobs)


def test_a_job_runs_when_it_is_told_to_and_audit_knows(operator: usher.Calls, system: System):
    system.database.sql(
        "INSERT INTO usher.throttles VALUES (1, 'old', 1, now() - interval '3 days', now())"
    )
    before = {job.name: job.runs for job in operator.ops.list_jobs().jobs}
    job = operator.ops.run_job(job="sweep").job
    assert job.name == "sweep" and job.runs > before["sweep"] and job.done >= 1
    assert system.database.count("throttles", "subject = 'old'") == 0
    assert system.database.count("audit", "action = 'usher.v1.OpsService/RunJob'") == 1
    with pytest.raises(usher.NotFound):
        operator.ops.run_job(job="nothing")


def test_a_job_that_fails_says_why(operator: usher.Calls, system: System):
    system.database.sql("ALTER TABLE usher.throttles RENAME TO away")
    try:
        job = operator.ops.run_job(job="sweep").job
        assert job.errors >= 1 and job.last_error
    finally:
        system.database.sql("ALTER TABLE usher.away RENAME TO throttles")
    assert not operator.ops.run_job(job="sweep").job.last_error


def test_metrics_have_each_job(operator: usher.Calls, metrics_port: int):
    operator.ops.run_job(job="partitions")
    lines = dict(
        line.rsplit(" ", 1) for line in read_metrics(metrics_port).splitlines() if line[0] != "#"
    )
    for name in JOBS:
        for figure in ("runs_total", "errors_total", "done_total", "backlog",
                       "last_run_timestamp_seconds", "last_duration_seconds"):  # fmt: skip
            assert f'usher_job_{figure}{{job="{name}"}}' in lines
    assert float(lines['usher_job_last_run_timestamp_seconds{job="partitions"}']) > 1.7e9
    assert float(lines['usher_job_last_duration_seconds{job="partitions"}']) > 0


def test_the_command_line_lists_and_runs(system: System, node: Node, operator: usher.Calls):
    token = system.operator("jobs@example.com").tokens(node.client()).access_token

    def jobs(*words: str):
        return system.cli("jobs", "--url", node.url, "--credential", token, *words)

    done = jobs("list")
    assert done.returncode == OK, done.stderr
    assert all(f"{name} " in done.stdout for name in JOBS)
    # A whole time, as everywhere else.
    assert re.search(r"^sweep +last run \d{4}-\d\d-\d\dT[\d:]{8}(\.\d+)?Z ", done.stdout, re.M)
    done = jobs("list", "--json")
    assert {job["name"] for job in json.loads(done.stdout)["jobs"]} >= JOBS
    done = jobs("run", "retention")
    assert done.returncode == OK and done.stdout.startswith("retention "), done.stderr
    done = jobs("run", "retention", "--json")
    assert json.loads(done.stdout)["job"]["name"] == "retention"
    done = jobs("run", "nothing")
    assert done.returncode == FAILED and "no such job" in done.stderr
    for words in (["run"], ["list", "sweep"], ["walk"]):
        assert jobs(*words).returncode == USAGE, words
    done = system.cli("jobs", "list", "--url", node.url, "--credential", "x")
    assert done.returncode == FAILED and "UNAUTHENTICATED" in done.stderr
    system.database.sql("ALTER TABLE usher.throttles RENAME TO away")
    try:
        done = jobs("run", "sweep")
        assert done.returncode == FAILED and "sweep" in done.stdout
    finally:
        system.database.sql("ALTER TABLE usher.away RENAME TO throttles")
