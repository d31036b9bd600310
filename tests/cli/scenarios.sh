#!/bin/bash
# journeyd test: scenarios of the policies pass; one that fails says where and how; a file with errors says so.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# Each scenario of the policies that come with the project is a test.
while IFS= read -r line; do
    case $line in
    "ok "*) pass "${line#*- }" ;;
    "not ok "*) fail "${line#*- }" ;;
    "#"*) echo "$line" ;;
    esac
done < <(timeout 120 "$JOURNEYD" test config/policies --tap)

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
ends "a wrong value: what and where" 65 'alerts\[0\] status: expected retracted, got "open"' "$JOURNEYD" test "$scratch/tests/wrong.yaml"
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
scenario time '  - advance: tomorrow'
ends "a time that is none" 65 'advance must be a time such as' "$JOURNEYD" test "$scratch/tests/time.yaml"
scenario type '  - event: { type: call.invented, hcp_id: h1, recorded_at: 2026-03-03T11:00:00Z }' '  - expect: { dead_letters: [{ reason: unknown_type }] }'
ends "a refused event is a dead letter" 0 "1 passed" "$JOURNEYD" test "$scratch/tests/type.yaml"
rm "$scratch"/tests/{typo,field,step,time}.yaml
ends "all run, whatever the others do" 65 "^5 scenarios: 2 passed, 3 failed" "$JOURNEYD" test "$scratch"
ends "TAP: a plan" 65 "^1\.\.5$" "$JOURNEYD" test "$scratch" --tap
ends "TAP: a failure" 65 "^not ok [0-9] - made$" "$JOURNEYD" test "$scratch" --tap
ends "a directory without scenarios" 65 "holds no scenario" "$JOURNEYD" test schemas
ends "nothing is named" 64 "a word is missing" "$JOURNEYD" test
finish
