#!/usr/bin/env bash
# Shell scripts hold to shellcheck.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t scripts < <(git grep -lE '^#!.*\b(ba)?sh$' -- . | grep -v '^gen/pb')
shellcheck -S warning "${scripts[@]}"
printf '%s scripts read\n' "${#scripts[@]}"
