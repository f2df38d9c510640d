"""Secrets, looked for wherever a server or its database may have left them."""

from __future__ import annotations

import base64
import os
import pathlib
import re
import subprocess
from collections.abc import Mapping

from usher_testing.process import SLOWER, run
from usher_testing.system import System

Secret = str | bytes
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONG_HEX = re.compile(rb"[0-9a-f]{16,}")


def forms_of(secret: Secret) -> list[bytes]:
    """How it might stand in a dump, a log or a page: as it is, in hex, in base64 of both kinds at each of
    three places."""
    data = secret.encode() if isinstance(secret, str) else secret
    forms = [data, data.hex().encode(), data.hex().upper().encode()]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = [encode(b"\0" * skip + data)[4 if skip else 0 : -4] for skip in range(3)]
        forms += [e for e in encoded if len(e) >= 12]
    return list(dict.fromkeys(forms))


def places(system: System) -> dict[str, bytes]:
    """The whole database as a dump, and what its servers wrote: logs and spools."""
    found = {"dump": run(["pg_dump", "-d", system.database.owner]).stdout.encode()}
    for log in system.folder.glob("*.log"):
        found[log.name] = log.read_bytes()
    for spool in system.folder.glob("*.spool/*"):
        found[f"{spool.parent.name}/{spool.name}"] = spool.read_bytes()
    return found


def is_in(name: str, secret: Secret, content: bytes) -> bool:
    as_it_is, *others = forms_of(secret)
    if any(form in content for form in others):
        return True
    if "code" not in name:
        return as_it_is in content
    # Six digits: not a part of another number, nor the fraction of a second.
    return re.search(rf"(?<![\d.]){secret}(?!\d)".encode(), _without_hex(content)) is not None


def _without_hex(content: bytes) -> bytes:
    """Any six digits stand in hex sooner or later. What was put before or behind it is left."""
    content = _UUID.sub(b"-", content)
    return _LONG_HEX.sub(lambda found: found[0][:7] + b"-" + found[0][-7:], content)


def _grep(texts: list[bytes], files: list[pathlib.Path]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["grep", "-aohF", "-f", "-", *map(str, files)],
        input=b"\n".join(texts),
        capture_output=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        timeout=60 * SLOWER,
    )


def _content_of(file: pathlib.Path) -> bytes:
    """Of one that is gone by now: none."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _in_files(files: list[pathlib.Path], secrets: Mapping[str, Secret]) -> list[str]:
    """Those that stand in a file of PostgreSQL's: its pages, its log of transactions, its log."""
    forms = {
        form: name
        for name, secret in secrets.items()
        for form in (
            # Of six digits alone any page is full.
            [f"{before}{secret}".encode() for before in ("code is ", "code: ", '"code":"')]
            if "code" in name
            else forms_of(secret)
        )
    }
    # What grep takes; the rest is looked for here.
    texts = [form for form in forms if b"\n" not in form and b"\0" not in form]
    done = _grep(texts, files)
    while done.returncode not in (0, 1):
        # PostgreSQL takes files away whenever it likes.
        left = [file for file in files if file.exists()]
        assert len(left) < len(files), done.stderr
        files = left
        done = _grep(texts, files)
    found = [forms[form] for form in set(done.stdout.splitlines()) if form in forms]
    rest = forms.keys() - set(texts)
    for file in files if rest else []:
        content = _content_of(file)
        found += [forms[form] for form in rest if form in content]
    return found


def _files_of_the_database(system: System) -> list[pathlib.Path]:
    system.database.sql("CHECKPOINT")
    data = (system.database.cluster.folder / "postgres").resolve()
    oid = system.database.sql("SELECT oid FROM pg_database WHERE datname = current_database()")
    return [
        file
        for part in (f"base/{oid}", "global", "pg_wal", "server.log")
        for file in ([data / part] if (data / part).is_file() else (data / part).rglob("*"))
        if file.is_file()
    ]


def check_that_none_is_found(
    system: System,
    secrets: Mapping[str, Secret],
    there: Mapping[str, str],
    places: Mapping[str, bytes],
) -> None:
    """None of the secrets, by name, in any of the places nor in PostgreSQL's files. there: what is no
    secret and stands in the database, so that the search is known to find something."""
    for name, text in there.items():
        assert is_in(name, text, places["dump"]), name
    found = [
        f"{name} in {place}"
        for name, secret in secrets.items()
        for place, content in places.items()
        if is_in(name, secret, content)
    ]
    assert found == []
    files = _files_of_the_database(system)
    assert set(_in_files(files, there)) == set(there)
    assert _in_files(files, secrets) == []
    print(
        f"{len(secrets)} secrets in {sum(len(forms_of(s)) for s in secrets.values())} forms:"
        f" 0 found in {len(places)} places and"
        f" {sum(len(_content_of(f)) for f in files) >> 20} MiB of PostgreSQL's files"
    )
