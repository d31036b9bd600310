#!/bin/bash
# journeyd replay --compare: what differs between two policies on one history, held against their alerts by
# compare.py; both sides are as without the other; names from records stay text in the page.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

compared() { # WHAT OUT
    local counts
    tests/cli/compare.py "$2" >"$scratch/checked" 2>&1
    grep -v '^  ok' "$scratch/checked" | grep -v ' passed, '
    counts=$(grep -E '^[0-9]+ passed' "$scratch/checked") || { fail "$1" "$(tail -3 "$scratch/checked")"; return; }
    passed=$((passed + ${counts%% *}))
    counts=${counts#* passed, }
    failed=$((failed + ${counts%% *}))
    echo "  $1: $(tail -1 "$scratch/checked")"
}

# A history in which every kind of difference occurs, with names that would be markup.
python3 - >"$scratch/events.jsonl" <<'END'
import datetime
import json
import random
random.seed(7)
TEAMS = ["<b>north</b>", "south & \"west\"", "o'east", None]
start = datetime.datetime(2026, 1, 5, 8, tzinfo=datetime.timezone.utc)
for n in range(900):
    at = start + datetime.timedelta(hours=n * 3 + random.randrange(6))
    role = random.choice(["sales_rep", "sales_rep", "msl", "speaker"])
    phase = random.choice(["planned", "completed", "completed", "cancelled"])
    recorded = at - datetime.timedelta(days=2) if phase != "completed" else at + datetime.timedelta(hours=1)
    kind = {"sales_rep": "call", "msl": "msl_interaction"}.get(role)
    if kind is None:
        phase, kind, recorded = "completed", "event.speaker", at + datetime.timedelta(hours=1)
    data = {"hcp_id": f"h{random.randrange(40)}", "engagement_id": f"E{n - random.choice([0, 0, 1])}", "channel": "in_person",
            "actor": {"id": f"{role}-{random.randrange(5)}", "role": role}, "start": at.isoformat().replace("+00:00", "Z"),
            "recorded_at": recorded.isoformat().replace("+00:00", "Z"), "phase": phase, "product": "a<i>b"}
    team, country = random.choice(TEAMS), random.choice(["DE", "FR", "<script>alert(1)</script>", None])
    if team:
        data["actor"]["team"] = team
    if country:
        data["country"] = country
    type_ = kind if "." in kind else f"{kind}.{phase}"
    print(json.dumps({"specversion": "1.0", "id": f"e{n}", "source": "crm", "type": type_,
                      "time": data["recorded_at"], "data": data}))
END
cp -r config/policies/starter "$scratch/next"
sed -i 's/^name: .*/name: next/' "$scratch/next/policy.yaml"
python3 - "$scratch/next/conflicts.yaml" <<'END'
import sys
text = open(sys.argv[1]).read()
text = text.replace("within: 48h", "within: 30h").replace("    - { level: low }\n  citation", "    - { level: info }\n  citation")
text = text.replace('"Code of conduct 7.1:', "'</p><script>alert(1)</script> &amp; \"Code\" 7.1:").replace("engagements\"", "engagements'")
text = text.replace("id: rep-pile-up-24h", "id: reps-a-day").replace("  severity: high", "  severity: critical")
open(sys.argv[1], "w").write(text)
END
replay() { # OUT POLICY OPTION…
    timeout 300 "$JOURNEYD" replay --out "$scratch/$1" --policy "$2" "${@:3}" >"$scratch/$1.out" 2>"$scratch/$1.err" ||
        { fail "replay of $1" "$(head -3 "$scratch/$1.err")"; }
}
replay both config/policies/starter --compare "$scratch/next" --events "$scratch/events.jsonl"
replay first config/policies/starter --events "$scratch/events.jsonl"
replay second "$scratch/next" --events "$scratch/events.jsonl"
for file in alerts triggers decisions dead-letters; do
    same "$file of the first policy are as without the other" "" "$(cmp "$scratch/first/$file.jsonl" "$scratch/both/$file.jsonl" 2>&1)"
    same "$file of the other are as without the first" "" "$(cmp "$scratch/second/$file.jsonl" "$scratch/both/after/$file.jsonl" 2>&1)"
done
compared "names that would be markup" "$scratch/both"
same "every fate occurs" "4" "$(python3 -c 'import json, sys
t = json.load(open(sys.argv[1]))["total"]
print(sum(t[k] > 0 for k in ("same", "appear", "vanish", "change")))' "$scratch/both/compare.json")"
same "the terminal says the headline" "1" "$(grep -cF "$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["headline"])' "$scratch/both/compare.json")" "$scratch/both.out")"

replay alike config/policies/starter --compare config/policies/starter --events "$scratch/events.jsonl" --json
compared "twice the same policy" "$scratch/alike"
same "nothing differs" "0 0 0" "$(python3 -c 'import json, sys
t = json.load(open(sys.argv[1]))["total"]
print(t["appear"], t["vanish"], t["change"])' "$scratch/alike.out")"
replay nothing config/policies/starter --compare "$scratch/next" --events /dev/null
ends "no history" 0 "Neither policy raises an alert" cat "$scratch/nothing.out"
compared "no history" "$scratch/nothing"

# The real history, a limit lower and a window shorter.
python3 tests/data/open_payments/convert.py "$scratch/real.jsonl" || exit 70
cp -r config/policies/open-payments "$scratch/stricter"
sed -i 's/limit: 500.00/limit: 400.00/; s/within: 7d/within: 3d/' "$scratch/stricter/conflicts.yaml"
replay real config/policies/open-payments --compare "$scratch/stricter" --events "$scratch/real.jsonl" --drain
compared "the real history" "$scratch/real"

ends "another policy with errors" 78 'conflicts.yaml:1:1: error' bash -c "mkdir '$scratch/bad' && cp '$scratch/next/policy.yaml' '$scratch/bad/' &&
    echo nonsense >'$scratch/bad/conflicts.yaml' && '$JOURNEYD' replay --policy config/policies/starter --compare '$scratch/bad' \
    --events /dev/null --out '$scratch/o'"
finish
