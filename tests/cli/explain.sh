#!/bin/bash
# journeyd explain: one alert out of many, from a file or standard input, with the policy's own words.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
policy=config/policies/starter
cat >"$scratch/events.jsonl" <<'END'
{"specversion":"1.0","id":"m1","source":"crm","type":"msl_interaction.completed","time":"2026-03-02T11:00:00Z","data":{"hcp_id":"h1","engagement_id":"MSL-1","channel":"in_person","actor":{"id":"msl-7","role":"msl"},"start":"2026-03-02T10:00:00Z","recorded_at":"2026-03-02T11:00:00Z"}}
{"specversion":"1.0","id":"c1","source":"crm","type":"call.planned","time":"2026-03-02T12:00:00Z","data":{"hcp_id":"h1","engagement_id":"REP-1","channel":"in_person","actor":{"id":"rep-3","role":"sales_rep","team":"north"},"start":"2026-03-03T09:00:00Z","recorded_at":"2026-03-02T12:00:00Z"}}
{"specversion":"1.0","id":"c2","source":"crm","type":"call.planned","time":"2026-03-02T13:00:00Z","data":{"hcp_id":"h1","engagement_id":"REP-2","channel":"in_person","actor":{"id":"rep-4","role":"sales_rep"},"start":"2026-03-04T09:00:00Z","recorded_at":"2026-03-02T13:00:00Z"}}
{"specversion":"1.0","id":"c3","source":"crm","type":"call.cancelled","time":"2026-03-02T14:00:00Z","data":{"hcp_id":"h1","engagement_id":"REP-1","channel":"in_person","actor":{"id":"rep-3","role":"sales_rep","team":"north"},"start":"2026-03-03T09:00:00Z","recorded_at":"2026-03-02T14:00:00Z"}}
END
"$JOURNEYD" replay --policy $policy --events "$scratch/events.jsonl" --out "$scratch/out" >/dev/null || exit 70
alerts=$scratch/out/alerts.jsonl
id=$(python3 -c 'import json, sys
print(next(r["alert_id"] for r in map(json.loads, open(sys.argv[1])) if r["instance"] == ["MSL-1", "REP-1"]))' "$alerts")

ends "from a file: status and cause" 0 "status +retracted \(cancelled\)" "$JOURNEYD" explain --alert "$id" --file "$alerts"
ends "every revision" 0 "revision 2  retracted" "$JOURNEYD" explain --alert "$id" --file "$alerts"
ends "who and when" 0 "2026-03-02T10:00:00.000Z  in_person by msl msl-7" "$JOURNEYD" explain --alert "$id" --file "$alerts"
ends "the rule's own words" 0 "a: \{ role: sales_rep, channel: \[in_person, video\] \}" \
    "$JOURNEYD" explain --alert "$id" --file "$alerts" --policy $policy
ends "the citation" 0 "Coordination SOP 4.2" "$JOURNEYD" explain --alert "$id" --file "$alerts"
ends "another policy's words are marked" 0 "has no rule of this id" \
    "$JOURNEYD" explain --alert "$id" --file "$alerts" --policy config/policies/open-payments
ends "from standard input, one alert: no id needed" 0 "^Alert $id" \
    bash -c "grep $id '$alerts' | '$JOURNEYD' explain"
ends "many alerts and no id" 64 "more than one alert: say which by --alert" \
    bash -c "'$JOURNEYD' explain <'$alerts'"
ends "as JSON" 0 "" bash -c "'$JOURNEYD' explain --json --alert $id --file '$alerts' --policy $policy | python3 -c '
import json, sys
o = json.load(sys.stdin)
assert o[\"alert\"][\"status\"] == \"retracted\" and len(o[\"history\"]) == 2 and \"48h\" in o[\"rule_text\"]'"
ends "an alert that is not there" 65 "no record of alert f{32} among" \
    "$JOURNEYD" explain --alert ffffffffffffffffffffffffffffffff --file "$alerts"
ends "an id that is none" 64 "is no alert id: 32 hex digits" "$JOURNEYD" explain --alert x --file "$alerts"
ends "a file of something else" 65 "events.jsonl:1: no alert record" "$JOURNEYD" explain --file "$scratch/events.jsonl"
finish
