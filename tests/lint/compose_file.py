#!/usr/bin/python3
"""docker-compose.yml and the Dockerfile hold to what docs/operations.md says of them.

Debian's docker-compose reads the file (no container engine is asked); images are pinned; our
services are hardened and answer a health check; each service is in its networks, publishes what it
shall and nothing else; what they are told are settings that there are; nothing secret stands in the
file. $1 is the build folder."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import yaml  # docker-compose brings it

TOP = pathlib.Path(__file__).resolve().parents[2]
DOCKERFILE = (TOP / "Dockerfile").read_text()
OURS_TO_SETUP = {"USHER_OWNER_PASSWORD_FILE"}
# Who meets whom, and what the host sees of it: of all services, so that a new one is thought about.
NETWORKS = {
    "postgres": {"database"},
    "setup": {"database"},
    "usherd1": {"database", "nodes"},
    "usherd2": {"database", "nodes"},
    "bridge": {"nodes", "edge"},
    "mail": {"nodes", "edge"},
}
WITH_A_WAY_OUT = {"edge"}
PORTS = {"bridge": {"127.0.0.1:8080:8080/tcp"}, "mail": {"127.0.0.1:8025:8025/tcp"}}
PROFILES = {"mail": {"mail"}}
SECRETS = {
    "postgres": {"owner_password", "app_password"},
    "setup": {"owner_password", "app_password"},
    "usherd1": {"master_key", "app_password", "usherd_pem"},
    "usherd2": {"master_key", "app_password", "usherd_pem"},
    "bridge": {"ca_pem"},
}
problems: list[str] = []


def compose_config() -> dict[str, Any]:
    """The file as docker-compose understands it, all profiles, beside secrets that were made."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copy(TOP / "docker-compose.yml", copy)
        made = subprocess.run(
            [TOP / "docs/deploy/compose/make-secrets", copy / "docs/deploy/compose/secrets"],
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            sys.exit(f"make-secrets: {made.stderr}")
        words = ["docker-compose", "--profile", "mail", "-f", copy / "docker-compose.yml", "config"]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0 or done.stderr:
            sys.exit(f"docker-compose config: {done.stderr}")
        said = yaml.safe_load(done.stdout)
        for name, secret in said["secrets"].items():
            if not pathlib.Path(secret["file"]).stat().st_size:
                problems.append(f"make-secrets makes nothing for the secret {name}")
        return said


def check_settings(build: str, name: str, environment: dict[str, Any]) -> None:
    done = subprocess.run(
        [f"{build}/bin/usher", "config", "--json", "--config", "/dev/null"],
        capture_output=True,
        text=True,
        check=True,
    )
    known = set()
    for row in json.loads(done.stdout):
        known |= {f"USHER_{row.replace('.', '_').upper()}{end}" for end in ("", "_FILE")}
    for key in environment:
        if key.startswith("USHER_") and key not in known | OURS_TO_SETUP:
            problems.append(f"{name}: {key} is no setting")


def check_service(name: str, service: dict[str, Any]) -> None:
    if not re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", service["image"]):
        problems.append(f"{name}: the image {service['image']} is not pinned")
    if name == "postgres":
        return
    if not service.get("read_only") or service.get("cap_drop") != ["ALL"]:
        problems.append(f"{name} is not hardened")
    if service["image"].startswith("usher:") and name != "setup":
        if "test" not in service.get("healthcheck", {}):
            problems.append(f"{name} has no health check")


def of_each(services: dict[str, dict[str, Any]], what: str) -> dict[str, set[str]]:
    """{service: the names in that list, or dictionary, of it}, of those that have any."""

    def name(item: Any) -> str:
        return item["source"] if isinstance(item, dict) else str(item)

    return {n: set(map(name, s[what])) for n, s in services.items() if s.get(what)}


def check_reach(said: dict[str, Any]) -> None:
    services = said["services"]
    networks = said["networks"]
    found = {what: of_each(services, what) for what in ("networks", "ports", "profiles", "secrets")}
    found["with a way out"] = {n for n, network in networks.items() if not network.get("internal")}
    wanted = {
        "networks": NETWORKS,
        "ports": PORTS,
        "profiles": PROFILES,
        "secrets": SECRETS,
        "with a way out": WITH_A_WAY_OUT,
    }
    for what, value in wanted.items():
        if found[what] != value:
            problems.append(f"{what}: {found[what]}; wanted: {value}")
    for name in services:
        if services[name].get("network_mode") or services[name].get("privileged"):
            problems.append(f"{name} is in the host's own network, or is the host's root")


def check_mail(services: dict[str, dict[str, Any]]) -> None:
    """It leaves both nodes into one volume, whose folder the image makes as their user's."""
    sources = set()
    for name in ("usherd1", "usherd2"):
        folder = services[name]["environment"].get("USHER_MAIL_DIR", "")
        found = [v for v in map(str, services[name]["volumes"]) if v.split(":")[1] == folder]
        sources |= {volume.split(":")[0] for volume in found} or {f"{name} has none"}
        if not re.search(rf"install -d -o 10001 .* {folder}( |$)", DOCKERFILE, re.MULTILINE):
            problems.append(f"Dockerfile does not make USHER_MAIL_DIR of {name}: {folder!r}")
    if len(sources) != 1:
        problems.append(f"mail is written to {sources}, not to one volume")


def check_secrets(text: str) -> None:
    for key in re.findall(r"^\s+(\w*(?:PASSWORD|KEY|SECRET)\w*):", text, re.MULTILINE):
        if not key.endswith("_FILE"):
            problems.append(f"{key} stands in docker-compose.yml; it takes a file")


def check_dockerfile() -> None:
    text = DOCKERFILE
    for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        if not re.fullmatch(r"debian:12\.\d+-slim", image):
            problems.append(f"Dockerfile: {image} is not pinned")
    last = text.rpartition("\nFROM ")[2]
    for wanted in (r"^USER [1-9]\d*:[1-9]\d*$", r"^HEALTHCHECK ", r"^COPY --from=build "):
        if not re.search(wanted, last, re.MULTILINE):
            problems.append(f"Dockerfile: the last stage has no {wanted}")


def main() -> None:
    said = compose_config()
    for name, service in said["services"].items():
        check_service(name, service)
        check_settings(sys.argv[1], name, service.get("environment", {}))
    check_reach(said)
    check_mail(said["services"])
    check_secrets((TOP / "docker-compose.yml").read_text())
    check_dockerfile()
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(said['services'])} services read")


main()
