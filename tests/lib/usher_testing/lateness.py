"""How late this machine wakes who only sleeps. A program of its own: a thread of the test's would
wait for its other threads too, and take their work for the machine's.

Sleeps again and again from "ready" on until standard input ends, and says then by how many
milliseconds too long it was each time, as one line of JSON."""

from __future__ import annotations

import json
import select
import sys
import time

SLEEP_S = 0.025  # as the change feed does


def watch() -> list[float]:
    late_ms: list[float] = []
    while True:
        began = time.monotonic()
        if select.select([sys.stdin], [], [], SLEEP_S)[0]:
            return late_ms
        late_ms.append((time.monotonic() - began - SLEEP_S) * 1000)


if __name__ == "__main__":
    print("ready", flush=True)
    print(json.dumps(watch()))
