#!/usr/bin/env bash
# clang-tidy over our C sources, by .clang-tidy. The argument is the build folder, for its
# compile_commands.json; generated sources are not looked at.
set -euo pipefail
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# It takes expressions, and a clone may stand in "usher (1)".
here=$(printf '%s' "$PWD" | sed 's/[][\.*^$+?(){}|]/\\&/g')
# What runs beside it may be held to a time.
nice -n 19 run-clang-tidy -p "${1:?the build folder}" -quiet -j "$(nproc)" \
	-extra-arg=-Wno-unknown-warning-option "^$here/src/.*\.c\$" >"$log" 2>/dev/null || {
	grep -vE '^clang-tidy|^[0-9]+ warnings' "$log"
	exit 1
}
files=$(grep -c '^clang-tidy' "$log") || {
	printf 'no source of %s/src is in %s/compile_commands.json\n' "$PWD" "$1"
	exit 1
}
printf '%s files read\n' "$files"
