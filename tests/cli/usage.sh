#!/bin/bash
# How the program is called: help, versions, exit codes, and what each refusal says.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

ends "no command: usage" 64 "^usage: journeyd COMMAND" "$JOURNEYD"
ends "--help" 0 "Exit codes: 0 ok, 64 usage, 65 data" "$JOURNEYD" --help
ends "--version" 0 "^journeyd [0-9]+\.[0-9]+\.[0-9]+$" "$JOURNEYD" --version
ends "an unknown command names the nearest" 64 'unknown command "rpelay"; did you mean "replay"\?' "$JOURNEYD" rpelay
ends "an unknown command that is near none" 64 'unknown command "frobnicate"$' "$JOURNEYD" frobnicate

commands=$("$JOURNEYD" --help | awk '/^  [a-z]/ {print $1}')
for command in $commands; do
    ends "$command --help" 0 "^usage: journeyd $command " "$JOURNEYD" "$command" --help
    ends "$command with an unknown option" 64 "journeyd $command: unknown option --frobnicate" \
        "$JOURNEYD" "$command" --frobnicate
done
same "commands are listed" yes "$([ "$(wc -w <<<"$commands")" -ge 3 ] && echo yes)"

ends "a missing option is named" 64 "journeyd replay: --policy DIR is missing" "$JOURNEYD" replay
ends "an option's nearest name" 64 "unknown option --polcy; did you mean --policy\?" "$JOURNEYD" replay --polcy x
ends "a value out of range" 64 "--partitions: \"0\" is not a whole number from 1" \
    "$JOURNEYD" replay --policy x --events y --out z --partitions 0
ends "a word too many" 64 "\"surplus\" is one word too many" \
    "$JOURNEYD" replay surplus --policy x --events y --out z
ends "a policy that is not there" 78 "nowhere" "$JOURNEYD" replay --policy "$scratch/nowhere" --events y --out z
ends "a full disk is an error" 65 "could not be written" bash -c "'$JOURNEYD' --help >/dev/full"
finish
