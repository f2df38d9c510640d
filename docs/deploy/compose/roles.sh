#!/bin/bash
# Run once by PostgreSQL's image, in a new cluster: the servers' role, with its password. The schema
# says what it may do; what it may do is no DDL, and nothing that it owns.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set password `cat /run/secrets/app_password`
CREATE ROLE usher_app LOGIN PASSWORD :'password';
SQL
