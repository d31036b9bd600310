#!/bin/bash
# reference.sh write|check PROGRAM: the generated parts of README.md, config/journeyd.yaml and the catalogue. A part stands
# between the lines `<!-- NAME: make reference -->` and `<!-- end -->`.
set -u
cd "$(dirname "$0")/../.." || exit 70
mode=$1 program=$2
new=$(mktemp)
trap 'rm -f "$new"' EXIT

readme() {
    local line skip=
    while IFS= read -r line; do
        if [[ $line =~ ^'<!-- '([a-z.-]+)': make reference -->'$ ]]; then
            printf '%s\n' "$line"
            "$program" "${BASH_REMATCH[1]}" || return 1
            skip=1
        elif [ "$line" = '<!-- end -->' ]; then
            skip=
            printf '%s\n' "$line"
        elif [ -z "$skip" ]; then
            printf '%s\n' "$line"
        fi
    done <README.md
}
put() { # FILE
    cmp -s "$new" "$1" && return 0
    [ "$mode" = write ] && { cat "$new" >"$1"; return; }
    echo "$1 is not what the daemon's tables say: make reference"
    diff "$1" "$new" | head -20
    return 1
}
status=0
readme >"$new" && put README.md || status=1
"$program" journeyd.yaml >"$new" && put config/journeyd.yaml || status=1
python3 -B tests/lint/catalogue.py "$mode" "$program" || status=1
exit $status
