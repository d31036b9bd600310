#!/bin/bash
# run.sh [SUITE…]: runs the suites of tests/suites (all without arguments), each with its time limit, shows
# progress, and ends with one line `N passed, N failed, N skipped`. Exit code 1 on any failure.
#
# A suite tells its counts by Criterion's synthesis lines, by TAP lines, or by lines
# `N passed, N failed, N skipped`. One that dies, overruns its time or tells nothing counts as one failure.
set -u
cd "$(dirname "$0")/.." || exit 70
export BUILD=${BUILD:-release}
export JOURNEYD=$PWD/build/$BUILD/journeyd
logs=build/logs-$BUILD
mkdir -p "$logs"
passed=0 failed=0 skipped=0 started=$SECONDS

counts() { # LOG: passed failed skipped
    awk '
        { gsub(/\033\[[0-9;]*m/, "") }
        /Synthesis: Tested:/ {
            gsub(/[^0-9 ]/, " "); split($0, n, " ")
            p += n[2]; f += n[3] + n[4]; next
        }
        /^not ok / { f++; next }
        /^ok .*# SKIP/ { s++; next }
        /^ok / { p++; next }
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/ { p += $1; f += $3; s += $5 }
        END { print p + 0, f + 0, s + 0 }' "$1"
}

suite() { # NAME LIMIT COMMAND
    local name=$1 limit=$2 command=$3 log=$logs/$1.log begin=$SECONDS status=0 p f s
    printf '%-12s ' "$name"
    timeout --kill-after=20 "$limit" bash -c "$command" >"$log" 2>&1 </dev/null || status=$?
    read -r p f s < <(counts "$log")
    if [ $status = 124 ]; then
        echo "over its limit of $limit s" >>"$log"
        f=$((f + 1))
    elif [ $status != 0 ] && [ "$f" = 0 ]; then
        f=1
    elif [ $((p + f + s)) = 0 ]; then
        echo "the suite reported no test" >>"$log"
        f=1
    fi
    printf '%4d s  %6d passed %4d failed %4d skipped\n' $((SECONDS - begin)) "$p" "$f" "$s"
    if [ "$f" != 0 ]; then
        echo "  --- $log (last 60 lines, exit code $status)"
        { grep -nE '^not ok|FAILED|\[FAIL\]|\[----\]|ERROR: |Assertion' "$log" | head -20; tail -60 "$log"; } | sed 's/^/  /'
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

wanted=" $* "
while IFS='|' read -r name limit command; do
    name=${name// /}
    case $name in '' | '#'*) continue ;; esac
    [ $# = 0 ] || [[ $wanted = *" $name "* ]] || continue
    suite "$name" "${limit// /}" "$command"
done <tests/suites
echo "in $((SECONDS - started)) s; logs in $logs"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
