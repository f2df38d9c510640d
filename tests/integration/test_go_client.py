"""The Go client: its own tests, against scripted servers and against two nodes of which one is killed."""

from __future__ import annotations

import os

from usher_testing import SOURCE, Organisation, System
from usher_testing.process import run


def test_the_go_client_does_the_main_job_fails_over_and_repeats(
    system: System, org_a: Organisation
):
    victim, other = system.node("victim"), system.node("other")
    done = run(
        [SOURCE / "tests/lib/go", "test", "-count=1", "-tags", "system", "./..."],
        env={
            **os.environ,
            "USHER_TEST_SERVERS": f"{victim.url},{other.url}",
            "USHER_TEST_KEY": org_a.api_key,
            "USHER_TEST_VICTIM": str(victim.pid),
        },
        timeout_s=220,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    victim.kill()
    print(done.stdout)
