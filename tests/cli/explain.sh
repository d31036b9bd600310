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

# Each kind: how observed came about, and what would have avoided it.
mkdir "$scratch/kinds"
echo 'name: kinds' >"$scratch/kinds/policy.yaml"
cat >"$scratch/kinds/conflicts.yaml" <<'END'
- { id: apart, version: 1, kind: proximity, a: { role: sales_rep }, b: { role: msl }, same: [product], within: 48h, unless: [joint, { initiated_by: hcp }], severity: low }
- { id: dates, version: 1, kind: proximity, a: { role: sales_rep }, b: { role: speaker }, within: { days: 1 }, severity: low }
- { id: count, version: 1, kind: frequency, of: { role: sales_rep }, window: 7d, limit: 2, severity: low }
- { id: recorded, version: 1, kind: frequency, of: { role: heor }, axis: recorded_at, window: 1h, limit: 1, severity: low }
- { id: after-calls, version: 1, kind: frequency, over: { rule: after, of: b }, of: {}, window: 7d, limit: 0, severity: low }
- { id: values, version: 1, kind: frequency, of: { role: [sales_rep, msl, speaker] }, distinct: role, window: 7d, limit: 2, severity: low }
- { id: weights, version: 1, kind: frequency, of: { role: sales_rep }, weights: { by: channel, values: { in_person: 1, video: 0.5 }, default: 0.1 }, period: month, limit: 2, severity: low }
- { id: money, version: 1, kind: budget, of: { role: sales_rep }, sum: amount, currency: EUR, period: year, limit: 20, severity: low }
- { id: after, version: 1, kind: sequence, a: { role: speaker }, b: { role: sales_rep }, without: { role: msl }, within: 3d, severity: low }
- { id: unanswered, version: 1, kind: absence, a: { type: mi.requested }, b: { role: medical_information }, within: 48h, severity: low }
- { id: unprepared, version: 1, kind: requires, b: { role: speaker }, a: { role: heor }, within: 30d, severity: low }
- { id: while-open, version: 1, kind: until, a: { topic: trial_start }, b: { role: sales_rep }, until: { topic: trial_end }, plus: 10d, max_open: 1y, severity: low }
- { id: double-booked, version: 1, kind: overlap, a: { role: sales_rep }, b: { role: msl }, durations: { in_person: 1h, default: 30m }, severity: low }
- { id: later, version: 1, kind: proximity, a: { role: sales_rep }, b: { role: msl }, within: 1d, valid_from: 2027-01-01, severity: low }
END
python3 - >"$scratch/kinds.jsonl" <<'END'
import json
def event(id, type_, engagement, role, start, hcp="h1", recorded=None, channel="in_person", **more):
    data = {"hcp_id": hcp, "engagement_id": engagement, "channel": channel, "actor": {"id": role + "-1", "role": role, "team": "north"},
            "start": start, "recorded_at": recorded or start, **more}
    print(json.dumps({"specversion": "1.0", "id": id, "source": "crm", "type": type_, "time": data["recorded_at"], "data": data}))
event("s1", "event.speaker", "SP-1", "speaker", "2026-03-02T09:00:00Z", product="p")
event("c1", "call.completed", "REP-1", "sales_rep", "2026-03-03T10:00:00Z", product="p", amount="12.50", currency="EUR", end="2026-03-03T11:30:00Z")
event("m1", "msl_interaction.completed", "MSL-1", "msl", "2026-03-03T11:00:00Z", product="p", topic="trial_start")
event("c2", "call.completed", "REP-2", "sales_rep", "2026-03-04T10:00:00Z", product="p", amount="8", currency="EUR")
event("c3", "call.completed", "REP-3", "sales_rep", "2026-03-05T10:00:00Z", product="q", amount="1.25", currency="EUR", channel="video")
event("q1", "mi.requested", "Q-1", "system", "2026-03-05T12:00:00Z", channel="portal")
event("q2", "mi.requested", "Q-2", "system", "2026-03-06T12:00:00Z", channel="portal", hcp="h2")
event("a2", "call.completed", "A-2", "medical_information", "2026-03-07T12:00:00Z", channel="phone", hcp="h2")
event("q3", "mi.requested", "Q-3", "system", "2026-03-06T12:00:00Z", channel="portal", hcp="h3", recorded="2026-03-07T12:00:00Z")
event("a3", "call.completed", "A-3", "medical_information", "2026-03-09T12:00:00Z", channel="phone", hcp="h3")
event("l1", "call.completed", "L-1", "heor", "2026-03-02T10:00:00Z", hcp="h4", recorded="2026-03-08T10:30:00Z")
event("l2", "call.completed", "L-2", "heor", "2026-03-03T10:00:00Z", hcp="h4", recorded="2026-03-08T11:00:00Z")
event("w1", "call.completed", "W1", "sales_rep", "2026-05-01T10:00:00Z", hcp="w", product="p")
event("w2", "msl_interaction.completed", "W2", "msl", "2026-05-03T11:00:00Z", hcp="w", product="p")
event("w3", "msl_interaction.completed", "W3", "msl", "2026-05-02T11:00:00Z", hcp="w", product="q")
event("w4", "event.speaker", "W4", "speaker", "2026-05-02T12:00:00Z", hcp="w", product="p")
event("w5", "msl_interaction.completed", "W5", "msl", "2026-05-01T12:00:00Z", hcp="w", product="p", joint_with=[{"id": "sales_rep-1", "role": "sales_rep"}])
event("w6", "msl_interaction.completed", "W6", "msl", "2026-05-01T13:00:00Z", hcp="w", product="p", initiated_by="hcp")
event("w7", "msl_interaction.cancelled", "W7", "msl", "2026-05-01T13:00:00Z", hcp="w", product="p", phase="cancelled")
event("w8", "msl_interaction.completed", "W8", "msl", "2026-03-01T13:00:00Z", hcp="w", product="p", recorded="2026-05-04T00:00:00Z")
event("w9", "call.invented", "W9", "msl", "2026-05-04T13:00:00Z", hcp="w")
END
"$JOURNEYD" replay --policy "$scratch/kinds" --events "$scratch/kinds.jsonl" --out "$scratch/kinds.out" >/dev/null || exit 70
of_rule() { # RULE [HCP]: its explanation
    local id
    id=$(python3 -c 'import json, sys
print([r["alert_id"] for r in map(json.loads, open(sys.argv[1])) if r["rule"] == sys.argv[2] and r["key"] == sys.argv[3]][-1])' \
        "$scratch/kinds.out/alerts.jsonl" "$1" "${2:-h1}")
    "$JOURNEYD" explain --alert "$id" --file "$scratch/kinds.out/alerts.jsonl" --policy "$scratch/kinds" >"$scratch/explained" 2>&1
}
says() { # WHAT PATTERN…: the last explanation has each
    local what=$1 pattern
    shift
    for pattern; do
        grep -qE -- "$pattern" "$scratch/explained" || { fail "$what" "wanted: $pattern" "$(grep -A12 -E '^(Computation|What comes)' "$scratch/explained")"; return; }
    done
    pass "$what"
}
of_rule apart; says "proximity" ': 23 h apart$' 'the second not before 2026-03-05T11:00:00.001Z,$' '  more than 1 d 1 h later,$'
of_rule dates; says "proximity by dates" 'observed 1 days, limit 1 days' 'the second at least 1 date later'
of_rule count; says "frequency: each contact" '  3\. 2026-03-05T10:00:00.000Z  \+ 1 = 3$' 'limit 2 touches \(window 7d\): over the limit' \
    'One contact less in the window \(7d\), or the last one not before 2026-03-10T10:00:00.000Z,$' '^  which is 5 d later'
of_rule recorded h4; says "frequency: by when they were recorded" 'reckoned by when they were recorded$' '  2\. 2026-03-08T11:00:00.000Z  \+ 1 = 2$'
of_rule after-calls; says "frequency: over alerts" 'each is an alert of after, with the fields of its b$' '  1\. 2026-03-03T10:00:00.000Z  \+ 1 = 1$' 'engagement [0-9a-f]{32}/b'
of_rule values; says "frequency: each value" '  2\. .*  sales_rep = 2$' '  3\. .*  msl = 3$'
of_rule weights; says "frequency: each weight" '  3\. .*  \+ 0.5 = 2.5$' '0.5 touches less in the window \(month\)'
of_rule money; says "budget: each amount" '  2\. .*  \+ 8 = 20.5$' 'observed 21.75 EUR, limit 20 EUR' '1.75 EUR less' \
    'observed 21.75 EUR instead of 20.5 EUR' 'with REP-3 \(2026-03-05'
of_rule after; says "sequence" '1 d 1 h apart' 'none of .without. lies between' 'let a contact of .without. come between'
of_rule unanswered; says "absence" 'due within 48h of 2026-03-05T12:00:00.000Z: by 2026-03-07T12:00:00.000Z' 'A contact of .b. by 2026-03-07T12'
of_rule unanswered h3; says "absence, answered late" 'answered 2026-03-09T12:00:00.000Z: 1 d late' 'The same answer 1 d earlier'
of_rule unprepared; says "requires" 'in the 30d before 2026-03-02T09:00:00.000Z, from 2026-01-31T09:00:00.000Z on: there was none'
of_rule while-open; says "until" 'came 1 d 23 h after it' 'closes it and 10d more have passed' 'until 2027-03-03T11:00:00.001Z'
of_rule double-booked; says "overlap" 'from 2026-03-03T11:00:00.000Z to 2026-03-03T12:00:00.000Z, as .durations. says of in_person' 'they share 30 min' 'Begin the second 30 min later'

# Why there is none: the engine's own reasons.
why_not() { # HCP RULE
    "$JOURNEYD" explain --why-not --hcp "$1" --rule "$2" --events "$scratch/kinds.jsonl" --policy "$scratch/kinds" >"$scratch/explained" 2>&1
}
why_not w apart
says "why not: conditions of each contact" 'not b: role is speaker, the rule wants msl$' 'left out by unless: initiated_by is hcp$' 'cancelled: it is no contact$'
says "why not: what stood between" 'W1 and W5: left out by unless: joint' 'W1 and W3: product is p and q, the rule wants the same$' 'W1 and W2: 2 d 1 h apart, within 48h$'
says "why not: what was refused" 'event w8 of engagement W8 \(.*kinds.jsonl:20\): too_late$' 'kinds.jsonl:21\): unknown_type'
same "why not: the nearest" "  W1 and W5: left out by unless: joint, one names the other's actor in joint_with" "$(sed -n '/^Nearest/{n;p}' "$scratch/explained")"
why_not w later; says "why not: not valid yet" 'W1: it lies outside valid_from' 'It is valid from 2027-01-01'
why_not w count; says "why not: the total" 'W1: what counts comes to 1 touches, the limit is 2 touches'
why_not w double-booked; says "why not: not at the same time" 'W5 and W1: not at the same time: 1 h lie between them'
why_not h2 unanswered; says "why not: answered" 'Q-2: right, because A-2 is what the rule asks for, in time'
why_not h1 dates; says "there is one" 'it holds for SP-1, REP-1: open, severity low'
why_not nobody apart; says "nothing is held" 'nothing is held of this physician'
ends "why not: an unknown rule" 65 'has no rule "apar"; did you mean "apart"' "$JOURNEYD" explain --why-not --hcp w --rule apar --events "$scratch/kinds.jsonl" --policy "$scratch/kinds"
ends "why not: nowhere to look" 64 'either --events with --policy, or --config' "$JOURNEYD" explain --why-not --hcp w --rule apart
ends "options of the other question" 64 'go with --why-not' "$JOURNEYD" explain --hcp w
finish
