#!/usr/bin/env python3
"""Each claim of docs/security.md names its tests, and each test that it names is there.

A claim is an item of a list. [FOLDER/FILE::NAME] names a test in a file below tests/, [FOLDER/FILE] a
script that is one test."""

from __future__ import annotations

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
DOC = TOP / "docs/security.md"


def is_there(path: str, name: str) -> bool:
    file = TOP / "tests" / path
    if not file.is_file():
        return False
    if not name:
        return file.stat().st_mode & 0o100 != 0
    text = file.read_text()
    if file.suffix == ".py":
        return re.search(rf"^def {name}\(", text, re.MULTILINE) is not None
    # In C it is defined, and handed to cmocka in a list.
    defined = re.search(rf"^{name}\(void \*\*", text, re.MULTILINE)
    return defined is not None and len(re.findall(rf"\b{name}\b", text)) > 1


def main() -> None:
    text = DOC.read_text()
    claims = re.findall(r"^- .*(?:\n  .*)*", text, re.MULTILINE)
    problems, tests = [], set()
    for claim in claims:
        named = re.findall(r"\[([a-z_]+/[\w.]+)(?:::(\w+))?\](?!\()", claim)
        if not named:
            problems.append(f"no test is named for: {claim}")
        tests |= set(named)
    problems += [
        f"there is no test {'::'.join(filter(None, test))}" for test in sorted(tests) if not is_there(*test)
    ]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(claims)} claims, {len(tests)} tests")


main()
