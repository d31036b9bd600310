# Sourced by the scripts here: a binary, a scratch directory, counts. Each script ends with `finish`.
# shellcheck shell=bash
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 70
JOURNEYD=${JOURNEYD:-$PWD/build/${BUILD:-release}/journeyd}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0 skipped=0

pass() { passed=$((passed + 1)); echo "  ok: $1"; }
fail() {
    failed=$((failed + 1))
    echo "FAIL - $1"
    [ $# -lt 2 ] || printf '    %s\n' "${@:2}"
}
same() { # WHAT WANTED GOT
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted: $2" "got:    $3"; fi
}
# ends WHAT CODE PATTERN COMMAND…: the exit code, and an extended regular expression that the output (both
# streams) must match; the pattern may be empty.
ends() {
    local what=$1 code=$2 pattern=$3 got=0
    shift 3
    timeout 60 "$@" >"$scratch/said" 2>&1 </dev/null || got=$?
    if [ "$got" != "$code" ]; then
        fail "$what" "exit code $got, wanted $code" "$(head -5 "$scratch/said")"
    elif [ -n "$pattern" ] && ! grep -qE -- "$pattern" "$scratch/said"; then
        fail "$what" "wanted: $pattern" "said: $(head -5 "$scratch/said")"
    else
        pass "$what"
    fi
}
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}
