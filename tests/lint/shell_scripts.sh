#!/usr/bin/env bash
# Shell scripts hold to shellcheck.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t scripts < <(git -c safe.directory="$PWD" \
	grep -lE '^#!.*\b(ba)?sh$' -- . | grep -v '^gen/pb')
if [ "${#scripts[@]}" -eq 0 ]; then
	echo "git grep names no scripts of this clone"
	exit 1
fi
shellcheck -S warning "${scripts[@]}"
printf '%s scripts read\n' "${#scripts[@]}"
