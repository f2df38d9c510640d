#!/usr/bin/env bash
# The Python client is formatted, free of what ruff finds, and typed throughout.
set -euo pipefail
cd "$(dirname "$0")/../../clients/python"
python=../../tests/lib/python
$python -m ruff format --check --no-cache .
$python -m ruff check --no-cache .
$python -m mypy --cache-dir="${1:?the build folder}/mypy"
