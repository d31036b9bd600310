#!/bin/bash
# run.sh [SUITE…]: runs the suites of tests/suites (all without arguments), each with its time limit, shows
# progress, and ends with one line `N passed, N failed, N skipped`. Exit code 1 on any failure.
#
# Three run side by side, each taking the next of the list when it is done; ONE_LANE=1 runs everything in turn.
#
# A suite tells its counts by Criterion's synthesis lines, by TAP lines, or by lines
# `N passed, N failed, N skipped`. One that dies, overruns its time or tells nothing counts as one failure.
set -u
cd "$(dirname "$0")/.." || exit 70
export BUILD=${BUILD:-release}
export JOURNEYD=$PWD/build/$BUILD/journeyd
logs=build/logs-$BUILD
mkdir -p "$logs"
started=$SECONDS

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

suite() { # NAME LIMIT COMMAND: one line of result on standard output, its counts into $results
    local name=$1 limit=$2 command=$3 log=$logs/$1.log begin=$SECONDS status=0 p f s
    timeout --kill-after=20 "$limit" bash -c "$command" >"$log" 2>&1 </dev/null &
    local child=$!
    # shellcheck disable=SC2064
    trap "kill $child 2>/dev/null; wait $child; exit 143" TERM
    wait $child || status=$?
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
    echo "$p $f $s" >>"$results"
    { # in one write: lanes print side by side
        printf '%-12s %4d s  %6d passed %4d failed %4d skipped\n' "$name" $((SECONDS - begin)) "$p" "$f" "$s"
        if [ "$f" != 0 ]; then
            echo "  --- $log (exit code $status)"
            { grep -nE '^not ok|FAIL|\[----\]|ERROR: |Assertion' "$log" | head -30; tail -40 "$log"; } | sed 's/^/  /'
        fi
    } >"$log.result"
    cat "$log.result"
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; wait; exit 143' TERM INT
wanted=" $* "
exec 8<tests/suites 9<"$results"
lane() { # takes one suite after the other
    local name limit command
    while flock 9 && IFS='|' read -r name limit command <&8; do
        flock -u 9
        name=${name// /}
        case $name in '' | '#'*) continue ;; esac
        [ "$wanted" = "  " ] || [[ $wanted = *" $name "* ]] || continue
        suite "$name" "${limit// /}" "$command"
    done
    flock -u 9
}
lane &
if [ -z "${ONE_LANE:-}" ]; then
    lane &
    lane &
fi
wait
read -r passed failed skipped < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$results")
echo "in $((SECONDS - started)) s; logs in $logs"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
