#!/usr/bin/env bash
# C sources look as .clang-format says. Generated ones are not looked at.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t sources < <(git -c safe.directory="$PWD" ls-files 'src/*.[ch]' 'tests/*.[ch]' 'clients/c/*.[ch]')
if [ "${#sources[@]}" -eq 0 ]; then
	echo "git ls-files names no C sources of this clone"
	exit 1
fi
clang-format --dry-run -Werror --ferror-limit=3 "${sources[@]}"
printf '%s files read\n' "${#sources[@]}"
