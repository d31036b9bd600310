#!/usr/bin/env python3
"""The law on real records: `replay` of Open Payments gives, alert by alert, what the model says, and as many as a
count straight from the definitions gave (tests/data/open_payments).

  real.py [--binary build/release/journeyd] [--policy config/policies/open-payments]
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

import law
import model

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CONVERT = os.path.join(ROOT, "tests", "data", "open_payments", "convert.py")
EXPECTED = {"medical-commercial-same-day": (1427, 160), "medical-commercial-week": (4142, 219)}
VISITS = {"a": {"role": "sales_rep"}, "b": {"role": ["msl", "speaker"]}, "same": ["team"], "severity": "high"}
POLICY = {"groups": {}, "joint_within": 0, "planned_grace": 0, "markets": {}, "zone": "UTC", "rules": [
    dict(VISITS, id="medical-commercial-same-day", within={"ms": 0}),
    dict(VISITS, id="medical-commercial-week", within={"ms": 7 * model.MS_DAY})]}


def events_of_model(lines):
    """Completed touches by physician and team: no rule here looks at others together."""
    found = collections.defaultdict(list)
    for line in lines:
        data = dict(line["data"], id=line["id"], source=line["source"], time=law.millis(line["time"]))
        if data["actor"]["role"] != "system":
            found[data["hcp_id"], data["actor"]["team"]].append(data)
    return found


def expected(lines):
    rows = {}
    for (hcp, _), events in events_of_model(lines).items():
        physician = model.Physician(hcp, POLICY)
        physician.winners = {model.engagement_of(e): e for e in events}
        for (rule, instance), row in physician.holding(1 << 50).items():
            rows[model.alert_id(rule, hcp, instance)] = (rule, hcp, row["observed"], row["unit"], tuple(
                (e["source"], e["id"]) for e in row["evidence"]))
    return rows


def replayed(binary, policy, events, directory):
    subprocess.run([binary, "replay", "--policy", policy, "--events", events, "--out", directory, "--drain"],
                   check=True, stdout=subprocess.DEVNULL)
    last = {}
    with open(os.path.join(directory, "alerts.jsonl")) as f:
        for row in map(json.loads, f):
            last[row["alert_id"]] = row
    return {i: (r["rule"], r["hcp_id"], int(r["observed"]), r["unit"], tuple(
        (e["source"], e["id"]) for e in r["evidence"])) for i, r in last.items()
        if r["status"] == "open" and r["rule"] in EXPECTED}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/journeyd"))
    parser.add_argument("--policy", default=os.path.join(ROOT, "config/policies/open-payments"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        events = os.path.join(directory, "events.jsonl")
        subprocess.run([sys.executable, CONVERT, events], check=True)
        got = replayed(args.binary, args.policy, events, directory)
        with open(events) as f:
            want = expected(map(json.loads, f))
    failed = 0
    for rule, counts in EXPECTED.items():
        for name, rows in (("model", want), ("replay", got)):
            found = [r for r in rows.values() if r[0] == rule]
            ok = (len(found), len({r[1] for r in found})) == counts
            failed += not ok
            print("%s %-6s %s: %d alerts of %d physicians, expected %d of %d" % (
                "  ok  " if ok else "  FAIL", name, rule, len(found), len({r[1] for r in found}), *counts))
    differ = [i for i in want.keys() | got.keys() if want.get(i) != got.get(i)]
    print("%s alert by alert (id, observed, evidence): %d differences" % ("  FAIL" if differ else "  ok  ", len(differ)))
    for i in differ[:3]:
        print("    ", i, "model", want.get(i), "replay", got.get(i))
    failed += bool(differ)
    print("%d passed, %d failed, 0 skipped" % (5 - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
