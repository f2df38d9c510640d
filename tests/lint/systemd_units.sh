#!/usr/bin/env bash
# What cmake --install lays down is whole, and systemd has nothing to say against the units: they read
# well, and stay below the exposure that they promise. Offline; $1 is the build folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
exposure_max=16 # tenths, of 100

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
prefix=$root/usr
mkdir "$root/etc"
DESTDIR=$root cmake --install "$1" --prefix /usr >"$root/log" 2>&1 || {
	cat "$root/log"
	exit 1
}

failed=0
complain() {
	printf '%s\n' "$*"
	failed=1
}
for file in bin/{usherd,usher-bridge,usher} share/doc/usher/{usher.conf,bridge.conf,operations.md,security.md} \
	lib/systemd/system/{usherd.service,usher-bridge.service,usher.target} \
	lib/{sysusers,tmpfiles}.d/usher.conf; do
	[ -s "$prefix/$file" ] || complain "cmake --install does not bring $file"
done
! grep -rn '@USHER' "$prefix/lib" || complain "a path was not filled in"

# It looks for the programs, where they were put here; what it minds it says, and ends with 0 all the same.
mkdir "$root/units"
cp "$prefix"/lib/systemd/system/* "$root/units"
sed -i "s|=/usr/bin/usher|=$prefix/bin/usher|" "$root"/units/*.service
said=$(systemd-analyze verify --man=no "$root"/units/* 2>&1) || complain "systemd-analyze verify failed"
[ -z "$said" ] || complain "$said"

for unit in usherd usher-bridge; do
	# Five failures in 10 s would end it for good; an address may take longer to come.
	sed '/^\[Service\]/q' "$prefix/lib/systemd/system/$unit.service" | grep -qx StartLimitIntervalSec=0 ||
		complain "$unit gives up when it can't start at once"
	systemd-analyze security --offline=true --no-pager --threshold=$exposure_max \
		"$prefix/lib/systemd/system/$unit.service" >"$root/log" ||
		complain "$(cat "$root/log")"
	tail -n 1 "$root/log"
done

# Users and folders: the tools read them, and change nothing outside $root.
systemd-sysusers --root="$root" >"$root/log" 2>&1 || complain "sysusers.d: $(cat "$root/log")"
for user in usher usher-bridge; do
	grep -qs "^$user:" "$root/etc/passwd" || complain "no user $user is made"
done
# Only root can give files away.
if [ "$(id -u)" -eq 0 ]; then
	systemd-tmpfiles --root="$root" --create >"$root/log" 2>&1 ||
		complain "tmpfiles.d: $(cat "$root/log")"
	for file in usher.conf bridge.conf; do
		[ "$(stat -c %a "$root/etc/usher/$file")" = 640 ] ||
			complain "/etc/usher/$file is not of mode 640"
	done
fi

# The bridge gets nothing of usherd's and of the database's.
bridge=$prefix/lib/systemd/system/usher-bridge.service
grep -qx 'InaccessiblePaths=-/var/lib/usher -/run/postgresql' "$bridge" ||
	complain "the bridge sees usherd's folder, or the database's socket"
[ "$(sed -n 's/^LoadCredential=//p' "$bridge")" = bridge.key:/etc/usher/bridge.key ] ||
	complain "the bridge is handed other keys than its own"
for key in master bridge; do
	grep -Eqx "z /etc/usher/$key.key +0400 root root +-" "$prefix/lib/tmpfiles.d/usher.conf" ||
		complain "/etc/usher/$key.key is not root's alone"
done

# Where the samples have mail go, systemd makes a folder of the server's own.
folder=$(sed -n 's|^# mail\.dir = /var/lib/||p' "$prefix/share/doc/usher/usher.conf")
grep -Eq "^StateDirectory=(.* )?${folder:-none}( |\$)" "$prefix/lib/systemd/system/usherd.service" ||
	complain "the unit does not make the mail.dir of usher.conf"
sed -i 's/^# \(mail\.[a-z]* = \)/\1/' "$prefix/share/doc/usher/usher.conf"

# The sample settings are settings, with what a unit says besides: it goes over files that are root's.
mkdir "$root/credentials"
for server in usherd:usher.conf usher-bridge:bridge.conf; do
	unit=$prefix/lib/systemd/system/${server%:*}.service
	for name in $(sed -n 's/^LoadCredential=\(.*\):.*/\1/p' "$unit"); do
		openssl rand -base64 32 >"$root/credentials/$name"
	done
	mapfile -t environment < <(sed -n "s|%d|$root/credentials|; s/^Environment=//p" "$unit")
	env "${environment[@]}" "$prefix/bin/usher" config \
		--config "$prefix/share/doc/usher/${server#*:}" >"$root/log" 2>&1 ||
		complain "${server#*:}: $(cat "$root/log")"
	[ "$(grep -c "# USHER_.*_FILE$" "$root/log")" -eq 1 ] ||
		complain "${server#*:}: the unit's key does not go over the file's"
done
exit $failed
