#!/usr/bin/env python3
"""A migration builds no index while it keeps others from writing a table that may be full.

What an older migration made has rows by now. CREATE INDEX and a constraint that makes one would keep writers
out for as long as it takes to read them all; CONCURRENTLY keeps out nobody, in a migration without a
transaction, of this one statement, which may be repeated. A partitioned table can't have that: an index ON ONLY
it, which reads nothing, one for each partition, and ATTACH. The first three migrations were before this rule,
and an applied migration is never edited."""

from __future__ import annotations

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
MIGRATIONS = TOP / "src/store/migrations"
BEFORE_THE_RULE = 3

NAME = r"(?:usher\.)?\"?(\w+)\"?"
MADE = re.compile(rf"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{NAME}", re.IGNORECASE)
INDEX = re.compile(
    r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(CONCURRENTLY\s+)?(IF\s+NOT\s+EXISTS\s+)?"
    rf"(?:\w+\s+)?ON\s+(ONLY\s+)?{NAME}",
    re.IGNORECASE,
)
ALTER = re.compile(rf"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{NAME}([^;]*)", re.IGNORECASE)
CONSTRAINT = re.compile(r"\b(?:UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b(?!\s+USING\s+INDEX)", re.IGNORECASE)
REBUILT = re.compile(r"\bREINDEX\b(?!\s*(?:\([^)]*\)\s*)?\w+\s+CONCURRENTLY)", re.IGNORECASE)

# A text, and what is wrong with it in a word; "" for nothing.
EXAMPLES = [
    ("CREATE INDEX a ON usher.turns (seq);", "CONCURRENTLY"),
    ("CREATE UNIQUE INDEX IF NOT EXISTS a ON turns (seq);", "CONCURRENTLY"),
    ("CREATE INDEX ON usher.turns USING brin (seq);", "CONCURRENTLY"),
    ("-- no transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON usher.turns (seq);", ""),
    ("-- no transaction\nCREATE INDEX CONCURRENTLY a ON usher.turns (seq);", "IF NOT EXISTS"),
    ("-- no transaction\nCREATE INDEX CONCURRENTLY ON usher.turns (seq);", "IF NOT EXISTS"),
    ("CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON usher.turns (seq);", "no transaction"),
    (
        "-- no transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON usher.turns (seq);\nSELECT 1;",
        "one statement",
    ),
    ("CREATE INDEX a ON ONLY usher.turns (seq);", ""),
    ("CREATE INDEX a ON ONLY usher.users (id);", "CONCURRENTLY"),
    ("CREATE TABLE usher.fresh (id uuid PRIMARY KEY);\nCREATE INDEX a ON usher.fresh (id);", ""),
    ("-- CREATE INDEX a ON usher.turns (seq);\nSELECT 1;", ""),
    ("/* CREATE INDEX a ON usher.turns (seq); */ SELECT 1;", ""),
    ("ALTER TABLE usher.turns ADD CONSTRAINT a UNIQUE (seq);", "constraint"),
    ("ALTER TABLE ONLY usher.turns ADD PRIMARY KEY (seq);", "constraint"),
    ("ALTER TABLE usher.turns ADD COLUMN b text UNIQUE;", "constraint"),
    ("ALTER TABLE usher.turns ADD CONSTRAINT a UNIQUE USING INDEX a;", ""),
    ("ALTER TABLE usher.turns ADD COLUMN b text;", ""),
    ("CREATE TABLE usher.fresh (id uuid);\nALTER TABLE usher.fresh ADD PRIMARY KEY (id);", ""),
    ("REINDEX TABLE usher.turns;", "REINDEX"),
    ("REINDEX TABLE CONCURRENTLY usher.turns;", ""),
    ("DO $$ BEGIN CREATE INDEX a ON usher.turns (seq); END $$;", "CONCURRENTLY"),
]


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)


def partitioned(text: str) -> set[str]:
    return {
        match[1].lower()
        for statement in without_comments(text).split(";")
        if re.search(r"\bPARTITION\s+BY\b", statement, re.IGNORECASE)
        for match in MADE.finditer(statement)
    }


def complaints(text: str, parents: set[str]) -> list[str]:
    """What is wrong with a migration, a line each; parents are partitioned."""
    alone = "\n-- no transaction\n" in f"\n{text}"
    code = without_comments(text)
    made = {match[1].lower() for match in MADE.finditer(code)}
    found = []
    if alone and len([statement for statement in code.split(";") if statement.strip()]) != 1:
        found.append("-- no transaction: it is more than one statement")
    for match in INDEX.finditer(code):
        concurrently, if_not_exists, only, table = match.groups()
        if table.lower() in made or (only and table.lower() in parents):
            continue
        if not concurrently:
            found.append(f"an index on {table}, which may be full: CONCURRENTLY, or ON ONLY")
        elif not if_not_exists:
            found.append(f"an index on {table} without IF NOT EXISTS: it can't be repeated")
        elif not alone:
            found.append(f"an index on {table}, CONCURRENTLY, without the line -- no transaction")
    found += [
        f"a constraint on {match[1]} that builds an index: build it CONCURRENTLY, then USING INDEX"
        for match in ALTER.finditer(code)
        if match[1].lower() not in made and CONSTRAINT.search(match[2])
    ]
    found += ["REINDEX without CONCURRENTLY" for _ in REBUILT.finditer(code)]
    return found


def main() -> int:
    for text, wrong in EXAMPLES:
        said = complaints(text, {"turns"})
        assert (len(said) == 1 and wrong in said[0]) if wrong else not said, (text, said)
    files = sorted(MIGRATIONS.glob("*.sql"))
    assert len(files) > BEFORE_THE_RULE
    parents = set().union(*(partitioned(path.read_text()) for path in files))
    assert parents == {"turns", "reads"}, parents
    found = [
        f"{path.relative_to(TOP)}: {line}"
        for path in files[BEFORE_THE_RULE:]
        for line in complaints(path.read_text(), parents)
    ]
    print(*found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
