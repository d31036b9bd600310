#!/bin/bash
# journeyd replay reads Avro container files as it reads JSON lines: any codec, block size, writer's version; profiles;
# a file that is broken is named with its block and byte, and never more than refused.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
policy=config/policies/open-payments
event=schemas/EngagementEvent.avsc
python3 tests/data/open_payments/convert.py 2>/dev/null | head -3000 >"$scratch/events.jsonl"
write() { # OUT SCHEMA OPTION…
    python3 tests/cli/container.py "$scratch/$1" "$2" "${@:3}" || exit 70
}
replay() { # OUT OPTION…
    timeout 120 "$JOURNEYD" replay --out "$scratch/$1" "${@:2}" >/dev/null 2>"$scratch/$1.err" || fail "replay of $1" "$(cat "$scratch/$1.err")"
}
alike() { # WHAT A B: the same alerts
    same "$1" "" "$(cmp "$scratch/$2/alerts.jsonl" "$scratch/$3/alerts.jsonl" 2>&1)"
}
replay lines --policy $policy --drain --events "$scratch/events.jsonl"
same "there are alerts" yes "$([ "$(wc -l <"$scratch/lines/alerts.jsonl")" -gt 500 ] && echo yes)"
write null.avro $event codec=null block=1000 <"$scratch/events.jsonl"
write deflate.avro $event codec=deflate block=7 <"$scratch/events.jsonl"
write older.avro $event codec=deflate drop=indication,topic,attributes,joint_with,outcome reverse <"$scratch/events.jsonl"
gzip -k "$scratch/null.avro"
for file in null.avro deflate.avro older.avro null.avro.gz; do
    replay "of.$file" --policy $policy --drain --events "$scratch/$file"
    alike "$file: the same alerts as of lines" lines "of.$file"
done
timeout 60 "$JOURNEYD" replay --out "$scratch/stdin" --policy $policy --drain --events - <"$scratch/deflate.avro" >/dev/null
alike "standard input" lines stdin
# Two files whose schemas are as long, and not the same: each is read by its own.
sed -n 1,1500p "$scratch/events.jsonl" | write one.avro $event drop=indication
sed -n '1501,$p' "$scratch/events.jsonl" | write two.avro $event drop=campaign_id
replay parts --policy $policy --drain --events "$scratch/one.avro" "$scratch/two.avro"
alike "two files" lines parts

# Profiles; an event that is refused is named by its number in the file.
grep -h '' tests/demo/profile.jsonl tests/demo/planned.jsonl >"$scratch/demo.jsonl"
write profile.avro schemas/HcpProfile.avsc <tests/demo/profile.jsonl
{ cat tests/demo/planned.jsonl; head -1 tests/demo/planned.jsonl | sed 's/"id" *: *"[^"]*"/"id":"odd"/; s/"type" *: *"[^"]*"/"type":"call.invented"/'; } |
    write planned.avro $event codec=deflate
replay demo.lines --policy config/policies/starter --events "$scratch/demo.jsonl"
replay demo --policy config/policies/starter --events "$scratch/profile.avro" "$scratch/planned.avro"
same "a profile: the same alert and suggestion" "" "$(cmp "$scratch/demo.lines/triggers.jsonl" "$scratch/demo/triggers.jsonl" 2>&1)"
same "there is a suggestion" 1 "$(wc -l <"$scratch/demo/triggers.jsonl")"
same "a refused event is named" "3 unknown_type" "$(python3 -c 'import json, sys
r = json.loads(open(sys.argv[1]).readline())
print(r["line"], r["reason"])' "$scratch/demo/dead-letters.jsonl")"

broken() { # WHAT PATTERN: broken.avro is refused so
    ends "$1" 65 "$2" "$JOURNEYD" replay --policy $policy --events "$scratch/broken.avro" --out "$scratch/o"
}
head -c 20000 "$scratch/null.avro" >"$scratch/broken.avro"
broken "a file that ends early" 'broken.avro: block 1, which begins at byte [0-9]+: the file ends early'
head -c 100 "$scratch/null.avro" >"$scratch/broken.avro"
broken "a header that ends early" 'broken.avro: header, byte 100: the file ends early'
python3 - "$scratch" <<'END'
import sys
sys.path.insert(0, "tests/cli")
from container import SYNC, long, text
where = sys.argv[1]
good = open(where + "/deflate.avro", "rb").read()
at = good.index(SYNC) + 16
second = good.index(SYNC, at)
open(where + "/sync.avro", "wb").write(good[:second] + b"\xff" + good[second + 1:])
open(where + "/count.avro", "wb").write(good[:at] + long(2**40) + good[at + 1:])
open(where + "/negative.avro", "wb").write(good[:at] + long(-1) + good[at + 1:])
open(where + "/size.avro", "wb").write(good[:at] + long(1) + long(2**50))
open(where + "/flood.avro", "wb").write(b"Obj\x01" + long(2**40) + text("a") * 9)
open(where + "/codec.avro", "wb").write(good.replace(b"deflate", b"snappy!", 1))
open(where + "/foreign.avro", "wb").write(b"Obj\x01" + long(1) + text("avro.schema") + text('{"type":"record","name":"Other","fields":[{"name":"a","type":"string"}]}') + long(0) + SYNC)
END
for case in "sync|does not end with the file's sync marker" "count|more records than its bytes can hold" \
    "negative|a negative number of records" "size|a size that is negative or more than 64 MiB" \
    "flood|more than 256 entries of metadata" "codec|a codec other than null and deflate" \
    "foreign|none of EngagementEvent, HcpProfile and AccountProfile"; do
    mv "$scratch/${case%%|*}.avro" "$scratch/broken.avro"
    broken "broken: ${case%%|*}" "${case#*|}"
done
finish
