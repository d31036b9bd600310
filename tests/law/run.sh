#!/bin/bash
# The law: random histories against the model, the real records, and planted bugs. run.sh [HISTORIES]
set -u
cd "$(dirname "$0")/../.." || exit 70
daemon=${JOURNEYD:-build/release/journeyd}
status=0
python=$(command -v /usr/bin/python3 || command -v python3)
"$python" tests/law/law.py --binary "$daemon" --rebuild "$(dirname "$daemon")/tests/rebuild" --histories "${1:-34000}" || status=1
"$python" tests/law/real.py --binary "$daemon" || status=1
if [ -x build/faults/journeyd ]; then
    bugs="tie_order late_wins duplicate_counted cancel_ignored lapse_ignored revive_ignored boundary_excluded joint_ignored"
    bugs="$bugs same_ignored move_forgets_old phase_flip_missing severity_first_case"
    # shellcheck disable=SC2086
    "$python" tests/law/law.py --binary build/faults/journeyd --planted $bugs || status=1
fi
exit $status
