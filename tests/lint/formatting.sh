#!/usr/bin/env bash
# C sources look as .clang-format says. Generated ones are not looked at.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t sources < <(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'clients/c/*.[ch]')
clang-format --dry-run -Werror --ferror-limit=3 "${sources[@]}"
printf '%s files read\n' "${#sources[@]}"
