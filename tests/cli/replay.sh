#!/bin/bash
# journeyd replay: the real events give the counts of the definitions, whatever the order, the file's form, the
# number of clocks; bad lines are named and stop nothing.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
policy=config/policies/open-payments
python3 tests/data/open_payments/convert.py "$scratch/events.jsonl" || exit 70

replay() { # OUT OPTION…
    timeout 300 "$JOURNEYD" replay --policy "$policy" --out "$scratch/$1" --json "${@:2}" >"$scratch/$1.json" \
        2>"$scratch/$1.err" || { echo "replay failed:"; cat "$scratch/$1.err"; }
}
value() { # OUT PATH: a value of the summary, keys separated by /
    python3 -c 'import json, sys
v = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("/"):
    v = v[key]
print(v)' "$scratch/$1.json" "$2"
}
# The alerts that are open or resolved in the end, without what the order of arrival may change: in another
# order more of them come and go on the way.
finals() { # OUT
    python3 -c 'import json, sys
last = {}
for line in open(sys.argv[1]):
    row = json.loads(line)
    last[row["alert_id"]] = row
for key in sorted(last):
    row = last[key]
    if row["status"] != "retracted":
        print(key, row["status"], row["phase"], row.get("severity"), row["observed"],
              [(e["source"], e["id"]) for e in row["evidence"]])' "$scratch/$1/alerts.jsonl" | sha256sum
}

# Counts of tests/data/open_payments/brute.py, which shares no code with the daemon.
replay plain --events "$scratch/events.jsonl" --drain
same "events" 71036 "$(value plain events)"
same "applied" 71036 "$(value plain applied)"
same "alerts of the same day" 1427 "$(value plain alerts/medical-commercial-same-day/alerts)"
same "alerts of the week" 4142 "$(value plain alerts/medical-commercial-week/alerts)"
same "still open" 4142 "$(value plain alerts/medical-commercial-week/open)"
same "no state is left when all timers have fired" 0 "$(value plain states)"
revisions=0
while read -r rule; do
    revisions=$((revisions + $(value plain "alerts/$rule/revisions")))
done < <(sed -n 's/^- id: //p' config/policies/open-payments/conflicts.yaml)
same "a line a revision" "$revisions" \
    "$(wc -l <"$scratch/plain/alerts.jsonl")"
# What is not final and shares an engagement, directly or over others; by sets of them, without any forest.
same "episodes are what is connected" "" "$(python3 -c 'import collections, hashlib, json, sys
held = collections.defaultdict(dict)
for row in map(json.loads, open(sys.argv[1] + "/alerts.jsonl")):
    alerts = held[row["scope"], row["key"]]
    alerts[row["alert_id"]] = {e["engagement_id"] for e in row["evidence"]}
    near, links, more = {row["alert_id"]}, set(alerts[row["alert_id"]]), True
    while more:
        more = {a for a in alerts.keys() - near if alerts[a] & links}
        near |= more
        links = links.union(*map(alerts.get, more))
    named = hashlib.sha256(b"7:episode32:" + min(near).encode()).hexdigest()[:32]
    if named != row["episode"]:
        print(row["alert_id"], row["revision"], named, "not", row["episode"])
    if row["final"]:
        del alerts[row["alert_id"]]' "$scratch/plain" | head -3)"
same "no dead letter" 0 "$(wc -c <"$scratch/plain/dead-letters.jsonl")"
same "summary.json is what --json prints" "" "$(diff "$scratch/plain/summary.json" "$scratch/plain.json")"

gzip -c "$scratch/events.jsonl" >"$scratch/events.gz"
replay gz --events "$scratch/events.gz" --drain
same "compressed: the same alerts" "$(finals plain)" "$(finals gz)"

replay eight --events "$scratch/events.jsonl" --drain --partitions 8
same "eight clocks: the same alerts" "$(finals plain)" "$(finals eight)"

seed=${SEED:-$RANDOM}
echo "seed $seed"
shuf --random-source=<(openssl enc -aes-128-ctr -pass "pass:$seed" -nosalt </dev/zero 2>/dev/null) \
    "$scratch/events.jsonl" >"$scratch/shuffled.jsonl"
replay shuffled --events "$scratch/shuffled.jsonl" --drain
same "shuffled: the same final alerts" "$(finals plain)" "$(finals shuffled)"
# Of what came and went on the way no state is left, and no last revision says so.
same "the summary counts alerts by their last revision" "" "$(python3 -c 'import collections, json, sys
last, counts = {}, collections.Counter()
for row in map(json.loads, open(sys.argv[1] + "/alerts.jsonl")):
    last[row["alert_id"]] = row["rule"], row["status"]
counts.update(last.values())
for rule, said in json.load(open(sys.argv[1] + "/summary.json"))["alerts"].items():
    for status in ("open", "resolved", "retracted"):
        if counts[rule, status] != said[status]:
            print(rule, status, counts[rule, status], "not", said[status])' "$scratch/shuffled")"

split -n l/3 "$scratch/events.jsonl" "$scratch/part."
replay parts --events "$scratch"/part.?? --drain
same "three files: the same alerts" "$(finals plain)" "$(finals parts)"
timeout 300 "$JOURNEYD" replay --policy "$policy" --out "$scratch/stdin" --json --drain --events - \
    <"$scratch/events.jsonl" >"$scratch/stdin.json"
same "standard input: the same alerts" "$(finals plain)" "$(finals stdin)"

# The clock stands at T: nothing of later timers.
replay still --events "$scratch/events.jsonl" --advance 2015-01-01T00:00:00Z
same "advanced: alerts" 4142 "$(value still alerts/medical-commercial-week/alerts)"
same "advanced: states are left" yes "$([ "$(value still states)" -gt 1000 ] && echo yes)"

# Bad lines: named, counted, and nothing else changes.
{
    sed -n 1,20000p "$scratch/events.jsonl"
    echo '{"specversion":"1.0","id":"x"'
    echo 'not JSON at all'
    echo '[]'
    printf '\n   \n'
    head -c 2000000 /dev/zero | tr '\0' x
    echo
    printf '{"specversion":"1.0","id":"\xff"}\n'
    sed -n '20001,$p' "$scratch/events.jsonl"
} >"$scratch/bad.jsonl"
replay bad --events "$scratch/bad.jsonl" --drain
same "bad lines: dead letters" 5 "$(value bad dead_lettered)"
same "bad lines: events without the blank ones" 71041 "$(value bad events)"
same "bad lines: too large is one of them" 1 "$(value bad reasons/too_large)"
same "bad lines: their numbers" "20001 20002 20003 20006 20007" \
    "$(python3 -c 'import json, sys; print(*[json.loads(l)["line"] for l in open(sys.argv[1])])' "$scratch/bad/dead-letters.jsonl")"
same "bad lines: the same alerts" "$(finals plain)" "$(finals bad)"

ends "an Avro container that is broken" 65 "c.avro: header, byte 6: the file ends early" \
    bash -c "printf 'Obj\001xx' >'$scratch/c.avro'; '$JOURNEYD' replay --policy $policy --out '$scratch/o' --events '$scratch/c.avro'"
ends "a file that is not there" 65 "nowhere.jsonl: cannot be opened" \
    "$JOURNEYD" replay --policy $policy --out "$scratch/o" --events "$scratch/nowhere.jsonl"
ends "an out that is a file" 65 "cannot be" \
    "$JOURNEYD" replay --policy $policy --out "$scratch/c.avro" --events "$scratch/events.gz"
ends "a time that is none" 64 "--advance: \"tomorrow\" is not a time" \
    "$JOURNEYD" replay --policy $policy --out "$scratch/o" --events "$scratch/events.gz" --advance tomorrow
finish
