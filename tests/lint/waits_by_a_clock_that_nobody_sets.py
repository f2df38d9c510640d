#!/usr/bin/env python3
"""A timed wait on a condition goes by CLOCK_MONOTONIC: the time of day may be set while it lasts.

The time of day itself is read in src/base/clock.c alone."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def complaints(path: pathlib.Path) -> list[str]:
    text = path.read_text()
    found = []
    if path != TOP / "src/base/clock.c" and re.search(r"\bCLOCK_REALTIME|\bgettimeofday\(", text):
        found.append("reads the time of day itself")
    by_default = re.findall(r"pthread_cond_init\([^;]*?, NULL\)|PTHREAD_COND_INITIALIZER", text)
    if by_default and re.search(r"pthread_cond_timedwait\(", text):
        found.append(f"may wait by the time of day: {by_default[0]}")
    if path != TOP / "src/base/wait.c" and re.search(r"pthread_condattr_setclock\(", text):
        found.append("does what wait_cond_init() does")
    return [f"{path.relative_to(TOP)} {what}" for what in found]


def main() -> int:
    files = sorted([*TOP.glob("src/**/*.c"), *TOP.glob("clients/c/**/*.c")])
    assert files
    found = [line for path in files for line in complaints(path)]
    print(*found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
