#!/usr/bin/env bash
# What the generator writes is OpenAPI 3.1, by the reading of another.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec tests/lib/python -m openapi_spec_validator gen/openapi.json \
	tests/component/plugin/golden/openapi.json
