#!/usr/bin/env python3
"""Every reason that an error of ours can carry is explained in docs/operations.md, and nothing else is.

A reason is an upper-case word in a literal of src/: what stands behind a status code, or has an
underscore. The codes' own names are reasons too: what has none of its own gets its code's."""

from __future__ import annotations

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# The generator, and programs that only the build runs, answer nobody; what usher db check finds is a
# result (src/jobs/check*), and has a table of its own.
NOT_SERVED = {"plugin", "main"}
# Said between a handler and its dispatcher, and never to a caller.
WITHIN = {"NOT_CACHED", "MUST_WAIT"}
LITERAL = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"')
BEHIND_CODE = re.compile(r'ST_[A-Z_]+,\s*"([A-Z][A-Z0-9_]+)"')
TERNARY = re.compile(r'ST_[A-Z_]+,[^;"]*\?\s*"([A-Z][A-Z0-9_]+)"\s*:\s*"([A-Z][A-Z0-9_]+)"')
CODE_NAME = re.compile(r'\[ST_[A-Z_]+\] = "([A-Z_]+)"')


def reasons_of_sources() -> dict[str, str]:
    """Each with where it is said."""
    found: dict[str, str] = {}
    for path in sorted((TOP / "src").rglob("*.[ch]")):
        if NOT_SERVED & set(path.relative_to(TOP).parts) or path.match("jobs/check*"):
            continue
        text = path.read_text()
        for pattern in (LITERAL, BEHIND_CODE, TERNARY, CODE_NAME):
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                for name in match.groups():
                    if not name.startswith("USHER_"):
                        found.setdefault(name, f"{path.relative_to(TOP)}:{line}")
    return {name: at for name, at in found.items() if name not in WITHIN | {"OK"}}


def reasons_of_doc() -> set[str]:
    """The first column of the tables below "Errors and what they mean"."""
    text = (TOP / "docs/operations.md").read_text()
    section = text.partition("\n## Errors and what they mean\n")[2].partition("\n## ")[0]
    found = set()
    for cell in re.findall(r"^\| ([A-Z][A-Z0-9_, ]*) \|", section, re.MULTILINE):
        found |= set(cell.split(", "))
    return found


def main() -> None:
    said, explained = reasons_of_sources(), reasons_of_doc()
    problems = [
        f"{said[name]}: docs/operations.md does not explain the reason {name}"
        for name in sorted(said.keys() - explained)
    ]
    problems += [
        f"docs/operations.md: no error has the reason {name}"
        for name in sorted(explained - said.keys())
    ]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(said)} reasons")


main()
