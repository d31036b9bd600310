#!/bin/bash
# lint.sh [CHECK…]: every static check, one TAP line each. Wants the generated files and the engine's objects
# of the debug build (make lint builds them).
set -u
cd "$(dirname "$0")/../.." || exit 70
out=$(mktemp)
trap 'rm -f "$out"' EXIT
failed=0 number=0
sources() { git ls-files --cached --others --exclude-standard "$@" | while read -r f; do [ -e "$f" ] && echo "$f"; done; }

check() { # NAME COMMAND…
    local name=$1
    shift
    [ ${#only[@]} = 0 ] || [[ " ${only[*]} " = *" $name "* ]] || return 0
    number=$((number + 1))
    if "$@" >"$out" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/  /' "$out" | head -60
        failed=$((failed + 1))
    fi
}
skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}
have() { command -v "$1" >/dev/null; }

# Names each file with its first difference. clang-format 14 reaches its fixed point on long chains of macro
# calls only after several runs: make format repeats.
format_check() {
    sources '*.[ch]' | xargs clang-format --dry-run 2>&1 | awk -F: '/warning:/ && !seen[$1]++; END { exit NR > 0 }'
}
purity() { find build/debug/daemon/engine -name "*.o" -print0 | xargs -0 tests/lint/purity.sh tests/lint/engine.symbols; }
cpp_check() {
    mkdir -p build/cppcheck
    cppcheck -q --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr -j2 \
        --cppcheck-build-dir=build/cppcheck --suppressions-list=tests/lint/cppcheck.suppress \
        -Iinclude -Idaemon -DJD_VERSION='"x"' daemon
}
tidy() { # only what changed since it last passed: a file, or a header that it includes
    local config
    export TIDY_PASSED=${JD_CACHE:-.cache}/tidy
    mkdir -p "$TIDY_PASSED"
    config=$(cat .clang-tidy; clang-tidy --version)
    # shellcheck disable=SC2016
    sources 'daemon/*.c' | CONFIG=$config FLAGS=$flags xargs -P2 -n1 bash -c '
        file=$0
        stamp=$TIDY_PASSED/$( (echo "$CONFIG$FLAGS"; cat "$file"; gcc -std=c17 -E -P $FLAGS "$file") | sha256sum | cut -c1-32)
        [ -e "$stamp" ] && exit 0
        clang-tidy --quiet "$file" -- -std=c17 $FLAGS 2>/dev/null && touch "$stamp"'
}
headers_alone() { # each header compiles by itself
    local header status=0
    while read -r header; do
        # shellcheck disable=SC2086
        gcc -std=c17 -fsyntax-only -Wall -Werror -Wno-unused-function $flags -x c "$header" || status=1
    done < <(sources 'include/*.h' 'daemon/*.h')
    return $status
}
shell_check() { sources '*.sh' .ci/run | xargs shellcheck -S warning; }
python_check() {
    # shellcheck disable=SC2016
    sources '*.py' | xargs -r python3 -c 'import ast, sys
for name in sys.argv[1:]: ast.parse(open(name, encoding="utf-8").read(), name)'
}
schemas() {
    sources 'schemas/*.avsc' | xargs -r python3 -c 'import json, sys
for name in sys.argv[1:]: json.load(open(name, encoding="utf-8"))'
}
leftovers() { # no marker of unfinished work, no dead code
    ! sources '*.c' '*.h' '*.sh' '*.py' Makefile '*.awk' | grep -vx 'tests/lint/lint.sh' |
        xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b|^#if 0'
}

flags='-D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DJD_VERSION="0" -Iinclude -Idaemon -Ibuild/debug/gen'
only=("$@")
check layers tests/lint/layers.sh
if [ -e tests/lint/engine.symbols ]; then check purity purity; fi
check headers-alone headers_alone
check leftovers leftovers
check schemas schemas
check reference tests/lint/reference.sh check build/debug/tests/reference
check python python_check
if have clang-format; then check format format_check; else skip format "clang-format is not installed"; fi
if have shellcheck; then check shell shell_check; else skip shell "shellcheck is not installed"; fi
if have cppcheck; then check cppcheck cpp_check; else skip cppcheck "cppcheck is not installed"; fi
if have clang-tidy; then check clang-tidy tidy; else skip clang-tidy "clang-tidy is not installed"; fi
[ $failed = 0 ]
