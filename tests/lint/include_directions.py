#!/usr/bin/env python3
"""Who may include whom, strictly downwards, and which folder is home to which library.

Reads every #include line under src/, gen/ and clients/c. There is no list of exceptions: a folder
that needs more is given it here, for all of its files.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]

# A folder may use those of the layers above it in this list, and itself; nothing of its own layer.
LAYERS = [
    ["src/base"],
    ["src/json", "src/crypt", "src/net", "src/http", "src/cache", "gen/pb", "gen/meta"],
    ["src/store"],
    ["src/wire", "src/pbjson"],
    ["src/client", "src/access"],
    ["gen/client", "src/rpc", "src/jobs"],
    ["gen/svc", "src/svc/common"],
    ["src/svc/auth", "src/svc/user", "src/svc/context", "src/svc/org", "src/svc/ops", "src/bridge"],
    ["src/app"],
]

# What stands outside the plain order, each for its own reason.
NARROWER = {
    # The generator knows options, not servers: it is built before all that is generated.
    "src/plugin": ["src/base", "gen/pb"],
    # Programs of people who use the client: what it offers, and what that is made of.
    "clients/c": ["src/base", "src/client", "gen/client", "gen/pb"],
}
NEVER = {
    # What browsers and foreign programs reach stays away from the database and its secrets.
    "src/client": ["src/store", "src/crypt"],
    "gen/client": ["src/store", "src/crypt", "src/access", "src/rpc"],
    "src/bridge": ["src/store", "src/crypt", "src/access", "src/rpc", "src/jobs", "gen/svc"],
}

# Header -> the folders that may include it. nng has two homes, a server's and a client's.
HOMES = {
    r"nng/": ["src/rpc", "src/client"],
    r"(libpq-fe|postgres_ext)\.h": ["src/store"],
    r"sodium(\.h|/)": ["src/crypt"],
    r"jwt\.h": ["src/crypt"],
    r"openssl/": ["src/crypt"],
    r"crypt\.h": ["src/crypt"],
    r"microhttpd\.h": ["src/http"],
    r"curl/": ["src/net"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def folder_of(path):
    """The row of LAYERS or NARROWER that a path relative to the top belongs to."""
    known = [folder for layer in LAYERS for folder in layer] + list(NARROWER)
    fits = [folder for folder in known if str(path).startswith(folder + "/")]
    return max(fits, key=len) if fits else None


def allowed_for(folder):
    if folder in NARROWER:
        return set(NARROWER[folder]) | {folder}
    allowed = {folder}
    for layer in LAYERS:
        if folder in layer:
            break
        allowed |= set(layer)
    return allowed - set(NEVER.get(folder, []))


def target_of(name, source):
    """The file that an include names, relative to the top; None when it is not ours."""
    for root in (TOP / "src", TOP, TOP / "gen/pb", source.parent):
        if (root / name).is_file():
            return (root / name).resolve().relative_to(TOP)
    # Made at build time.
    return pathlib.Path("src") / name if name.startswith("store/") else None


def check_file(source, complaints):
    relative = source.relative_to(TOP)
    folder = folder_of(relative)
    if folder is None:
        complaints.append(f"{relative}: stands in no folder that the layers know")
        return
    allowed = allowed_for(folder)
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(2)
        if match.group(1) == "<":
            for pattern, homes in HOMES.items():
                if re.match(pattern, name) and folder not in homes:
                    complaints.append(f"{relative}:{number}: <{name}> belongs to {' and '.join(homes)}")
            continue
        target = target_of(name, source)
        if target is None:
            complaints.append(f"{relative}:{number}: {name} is no file of ours")
            continue
        if folder_of(target) not in allowed:
            complaints.append(f"{relative}:{number}: {folder} may not include {folder_of(target) or target}")


def main():
    complaints = []
    sources = [path for folder in ("src", "gen", "clients/c") for path in sorted((TOP / folder).rglob("*.[ch]"))]
    for source in sources:
        check_file(source, complaints)
    for complaint in complaints:
        print(complaint)
    print(f"{len(sources)} files read, {len(complaints)} complaints")
    return 1 if complaints or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
