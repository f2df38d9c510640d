#!/usr/bin/env bash
# The Go client is formatted, and go vet finds nothing in it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
go=$here/../lib/go
# gofmt comes with the Go that is used.
gofmt=$("$go" env GOROOT)/bin/gofmt
unformatted=$("$gofmt" -l "$here/../../clients/go")
if [ -n "$unformatted" ]; then
	printf 'not as gofmt writes it: %s\n' "$unformatted"
	exit 1
fi
"$go" vet -tags system ./...
"$go" mod verify
