#!/bin/bash
# journeyd test: scenarios of the policies pass; one that fails says where and how; a file with errors says so.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# Each scenario of the policies that come with the project is a test, and each of those beside this file.
while IFS= read -r line; do
    case $line in
    "ok "*) pass "${line#*- }" ;;
    "not ok "*) fail "${line#*- }" ;;
    "#"*) echo "$line" ;;
    esac
done < <(
    timeout 120 "$JOURNEYD" test config/policies --format tap
    timeout 120 "$JOURNEYD" test tests/cli/modes --format tap # what a rule's mode is, and another policy
)

mkdir -p "$scratch/tests"
policy=$PWD/config/policies/starter
scenario() { # NAME LINE…: a file with the policy and these lines
    local file=$scratch/tests/$1.yaml
    shift
    printf 'name: made\npolicy: %s\nsteps:\n' "$policy" >"$file"
    printf '%s\n' "$@" >>"$file"
}
rep='  - event: { type: call.completed, id: c1, engagement_id: R, hcp_id: h1, channel: in_person, actor: { id: r, role: sales_rep }, start: 2026-03-03T10:00:00Z, recorded_at: 2026-03-03T11:00:00Z }'
msl='  - event: { type: msl_interaction.completed, id: m1, engagement_id: M, hcp_id: h1, channel: in_person, actor: { id: m, role: msl }, start: 2026-03-02T10:00:00Z, recorded_at: 2026-03-03T12:00:00Z }'

scenario good "$rep" "$msl" '  - expect: { alerts: [{ status: open, observed: 86400000, opened_at: 2026-03-03T13:00:00+01:00, account_id: null }] }'
ends "numbers, instants and absence compare by value" 0 "^1 scenarios: 1 passed, 0 failed" "$JOURNEYD" test "$scratch/tests/good.yaml"
scenario wrong "$rep" "$msl" '  - expect: { alerts: [{ status: retracted, evidence: [{ id: m1 }, { actor: { id: x } }] }] }'
ends "a wrong value: exit code" 65 "^1 scenarios: 0 passed, 1 failed" "$JOURNEYD" test "$scratch/tests/wrong.yaml"
ends "a wrong value: where" 65 'wrong.yaml:6: alerts differ' "$JOURNEYD" test "$scratch/tests/wrong.yaml"
ends "a wrong value: what" 65 '^ +status: expected retracted, got "open"$' "$JOURNEYD" test "$scratch/tests/wrong.yaml"
ends "a wrong value below" 65 'evidence\[1\].actor.id: expected x, got "r"' "$JOURNEYD" test "$scratch/tests/wrong.yaml"
scenario number "$rep" "$msl" '  - expect: { alerts: 2 }'
ends "a wrong number" 65 "number.yaml:6: alerts: expected 2, got 1" "$JOURNEYD" test "$scratch/tests/number.yaml"
scenario absent "$rep" "$msl" '  - expect: { alerts: [{ rule: null }] }'
ends "present where it must be absent" 65 'rule: expected nothing, got "medical' "$JOURNEYD" test "$scratch/tests/absent.yaml"
scenario typo "$rep" '  - expect: { alerts: [{ statsu: open }] }'
ends "a misspelt field of an expectation" 65 'typo.yaml:5:[0-9]+: .*"statsu"' "$JOURNEYD" test "$scratch/tests/typo.yaml"
ends "and its nearest name" 65 'did you mean "status"' "$JOURNEYD" test "$scratch/tests/typo.yaml"
scenario field '  - event: { type: call.completed, hpc_id: h1 }'
ends "a misspelt field of an event" 65 'did you mean "hcp_id"' "$JOURNEYD" test "$scratch/tests/field.yaml"
scenario step '  - evnt: { type: call.completed }'
ends "an unknown step" 65 'did you mean "event"' "$JOURNEYD" test "$scratch/tests/step.yaml"
scenario publish '  - publish: ../nowhere'
scenario time '  - advance: tomorrow'
ends "a policy that is not there, to be published" 65 'the policy .*nowhere has errors' "$JOURNEYD" test "$scratch/tests/publish.yaml"
ends "a time that is none" 65 'advance must be a time such as' "$JOURNEYD" test "$scratch/tests/time.yaml"
scenario type '  - event: { type: call.invented, hcp_id: h1, recorded_at: 2026-03-03T11:00:00Z }' '  - expect: { dead_letters: [{ reason: unknown_type }] }'
ends "a refused event is a dead letter" 0 "1 passed" "$JOURNEYD" test "$scratch/tests/type.yaml"
rm "$scratch"/tests/{typo,field,step,time,publish}.yaml
ends "all run, whatever the others do" 65 "^5 scenarios: 2 passed, 3 failed" "$JOURNEYD" test "$scratch"
# What would bring medical content to commercial readers is an error where it stands.
cp -r tests/cli/modes/audiences "$scratch/leak"
sed -i 's/commercial: .*/commercial: [subject]/' "$scratch/leak/policy.yaml"
ends "a key that commercial readers do not see of medical contacts" 78 \
    'conflicts.yaml:5:[0-9]+: error: scope: commercial readers may know the key "subject", and the rule may be about a medical contact, of which they do not see `topic`' \
    "$JOURNEYD" check --policy "$scratch/leak"
sed -i '/id: subject/s/role: msl/role: [sales_rep, speaker]/' "$scratch/leak/conflicts.yaml"
sed -i 's/medical: .*/medical: []/' "$scratch/leak/policy.yaml"
ends "of a rule about their own contacts alone they may" 0 "" "$JOURNEYD" check --policy "$scratch/leak"
rm -r "$scratch/leak"
# Which of what came is meant: by what agrees, not by its place.
msl2=${msl//h1/h2} rep2=${rep//h1/h2}
msl2=${msl2/id: m1/id: m2} rep2=${rep2/id: c1/id: c2}
two="$rep
$msl
$rep2
$msl2"
scenario order "$two" '  - expect: { alerts: [{ key: h2 }, { key: h1 }] }'
ends "in another order" 65 'alerts\[1\] came as number 1: in another order' "$JOURNEYD" test "$scratch/tests/order.yaml"
scenario nearest "$two" '  - expect: { alerts: [{ key: h2, status: open, severity: critical }, { key: h1 }] }'
ends "the nearest of what came" 65 'alerts\[0\] differs from number 2 of what came:$' "$JOURNEYD" test "$scratch/tests/nearest.yaml"
ends "only what differs of it" 65 '^ +severity: expected critical, got "low"$' "$JOURNEYD" test "$scratch/tests/nearest.yaml"
same "nothing else" 0 "$(grep -c 'status: expected' "$scratch/said")"
scenario missing "$two" '  - expect: { alerts: [{ key: h1 }, { key: h2 }, { rule: no-such, key: h3 }] }'
ends "what did not come" 65 'alerts\[2\] did not come: \{ rule: no-such, key: h3 \}$' "$JOURNEYD" test "$scratch/tests/missing.yaml"
scenario besides "$two" '  - expect: { alerts: [{ key: h2 }] }'
ends "what was not expected, as it could be" 65 \
    'number 1 of what came was not expected: \{ rule: medical-commercial-48h, revision: 1, status: open, .*evidence: \[\{ engagement_id: M \}, \{ engagement_id: R \}\] \}$' \
    "$JOURNEYD" test "$scratch/tests/besides.yaml"
sed -n 's/.*was not expected: \(.*\)/  - expect: { alerts: [\1] }/p' "$scratch/said" >"$scratch/expectation"
scenario pasted "$rep" "$msl" "$(cat "$scratch/expectation")"
ends "and it is an expectation that holds" 0 "1 passed" "$JOURNEYD" test "$scratch/tests/pasted.yaml"
rm "$scratch"/tests/{order,nearest,missing,besides,pasted}.yaml

sed 's/^name: made/name: "#1 \& <two> \\\\ \\"three\\""/' "$scratch/tests/wrong.yaml" >"$scratch/tests/name.yaml"
printf 'name: odd\nsteps: [ { evnt: { } } ]\n' >"$scratch/tests/odd.yaml"
printf 'name: no policy\npolicy: %s\nsteps: [ { advance: 2026-03-05T00:00:00Z } ]\n' "$scratch/nowhere" >"$scratch/tests/lost.yaml"
ends "an unknown format" 64 'none of text, tap, junit' "$JOURNEYD" test "$scratch" --format xml
ends "TAP: version 14, a plan" 65 "^1\.\.8$" "$JOURNEYD" test "$scratch" --format tap
ends "TAP: what begins a directive is escaped" 65 '^not ok [0-9] - \\#1 & <two> \\\\ "three"$' "$JOURNEYD" test "$scratch" --format tap
ends "TAP: why, in YAML" 65 '^    file: .*/wrong.yaml' "$JOURNEYD" test "$scratch" --format tap
"$JOURNEYD" test "$scratch" --format junit >"$scratch/junit.xml"
same "JUnit: exit code" 65 $?
same "JUnit: counts, names, texts" "8 4 2 | #1 & <two> \\ \"three\" | odd.yaml | True True" "$(python3 -c '
import sys, xml.etree.ElementTree as ET
root = ET.parse(sys.argv[1]).getroot()
cases = list(root.iter("testcase"))
counts = [sum(int(s.get(k)) for s in root) for k in ("tests", "failures", "errors")]
assert counts == [int(root.get(k)) for k in ("tests", "failures", "errors")], counts
assert counts == [len(cases), sum(c.find("failure") is not None for c in cases), sum(c.find("error") is not None for c in cases)]
named = [c for c in cases if c.get("file").endswith("name.yaml")][0]
odd = [c for c in cases if c.get("file").endswith("odd.yaml")][0]
lost = [c for c in cases if c.get("file").endswith("lost.yaml")][0]
print(*counts, "|", named.get("name"), "|", odd.get("name").split("/")[-1], "|",
      "expected retracted, got \"open\"" in named.find("failure").text, "nowhere" in lost.find("error").text)' "$scratch/junit.xml")"
rm "$scratch"/tests/*.yaml
ends "a directory without scenarios" 65 "holds no scenario" "$JOURNEYD" test schemas
ends "nothing is named" 64 "a word is missing" "$JOURNEYD" test
finish
