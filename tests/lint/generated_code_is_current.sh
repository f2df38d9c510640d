#!/bin/sh
# gen/ holds what proto/ makes, by the generator that stands in the build folder, $1.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

# Another release of protoc-c words its output differently; what is committed is Debian 12's.
case $(protoc-c --version) in
*"protobuf-c 1.4."*) ;;
*)
	echo "not looked at: gen/pb is written by protobuf-c 1.4"
	exit 0
	;;
esac

"$top/gen/regenerate" "$1/bin/protoc-gen-usher" "$fresh" >/dev/null
diff -r -u -x CMakeLists.txt -x regenerate -x .clang-format "$top/gen" "$fresh" || {
	echo "gen/ is not what proto/ makes: cmake --build build --target regenerate"
	exit 1
}
