#!/bin/bash
# What `make install` puts where, that systemd accepts the unit, and that uninstall takes it all back. TAP.
set -u
cd "$(dirname "$0")/.." || exit 70
# Not under /tmp: the unit hides /tmp from the daemon, and systemd would rightly complain about the path.
mkdir -p build
root=$(mktemp -d "$PWD/build/install.XXXXXX")
trap 'rm -rf "$root"' EXIT
number=0 failed=0
check() { # NAME COMMAND…
    local name=$1
    shift
    number=$((number + 1))
    if "$@" >"$root/out" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/  /' "$root/out"
        failed=1
    fi
}
places=(PREFIX="$root/usr" SYSCONFDIR="$root/etc")
quiet() { [ -z "$("$@" 2>&1 | tee /dev/stderr)" ]; }

check 'install' make -s --no-print-directory "${places[@]}" install
check 'the binary runs' "$root/usr/bin/journeyd" --version
check 'the schemas are there' test -s "$root/usr/share/journeyd/schemas/EngagementEvent.avsc"
check 'the policies are there' test -s "$root/usr/share/journeyd/policies/starter/policy.yaml"
check 'the unit of an instance passes systemd-analyze verify, without a word' \
    quiet systemd-analyze verify "$root/usr/lib/systemd/system/journeyd@.service"
check 'the sandbox: at most 2.0 (of 10: exposed)' systemd-analyze security --offline=true --threshold=20 \
    --no-pager "$root/usr/lib/systemd/system/journeyd@.service"
check 'a configuration that is there is kept' bash -c "echo mine >'$root/etc/journeyd/1.yaml' &&
    make -s --no-print-directory ${places[*]@Q} install && grep -qx mine '$root/etc/journeyd/1.yaml'"
check 'DESTDIR goes in front' bash -c "make -s --no-print-directory DESTDIR='$root/stage' PREFIX=/usr install &&
    test -x '$root/stage/usr/bin/journeyd' && test -e '$root/stage/etc/journeyd/1.yaml' &&
    grep -q 'ExecStart=/usr/bin/journeyd run --config /etc/journeyd/%i.yaml' \
        '$root/stage/usr/lib/systemd/system/journeyd@.service'"
check 'uninstall leaves nothing but the configuration' bash -c "make -s --no-print-directory ${places[*]@Q} uninstall &&
    test \"\$(find '$root/usr' '$root/etc' -type f)\" = '$root/etc/journeyd/1.yaml'"
[ $failed = 0 ]
