#!/bin/sh
# What is generated is what proto/ makes, by the generator that stands in the build folder, $1.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# Another release of protoc-c words its output differently; what is committed is Debian 12's.
case $(protoc-c --version) in
*"protobuf-c 1.4."*) ;;
*)
	missing="protobuf-c 1.4, which writes gen/pb,"
	if [ -n "${USHER_TEST_ALL:-}" ]; then
		echo "$missing is not here, and here nothing may be left out"
		exit 1
	fi
	echo "SKIPPED [1] tests/lint/generated_code_is_current.sh: $missing is not here"
	exit 0
	;;
esac

mkdir -p "$copy/clients/python" "$copy/clients/go"
cp -r "$top/gen" "$copy"
cp -r "$top/clients/python/usher" "$copy/clients/python"
cp -r "$top/clients/go/methods.go" "$top/clients/go/usherv1" "$copy/clients/go"
changed=$("$top/gen/regenerate" "$1/bin/protoc-gen-usher" "$copy")
[ -z "$changed" ] && exit 0
echo "$changed"
diff -ru "$top/gen" "$copy/gen" || :
diff -ru -x __pycache__ "$top/clients/python/usher" "$copy/clients/python/usher" || :
echo "not what proto/ makes: cmake --build build --target regenerate"
exit 1
