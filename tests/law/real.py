#!/usr/bin/env python3
"""The law on real records: `replay` of Open Payments gives, alert by alert, what an evaluation straight from the
definitions gives (tests/data/open_payments/brute.py), what the model says, and as many as were counted when the data
was prepared.

  real.py [--binary build/release/journeyd] [--policy config/policies/open-payments]
"""
import argparse
import collections
import decimal
import json
import os
import subprocess
import sys
import tempfile

import alerts
import civil
import events
import law

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.path.join(ROOT, "tests", "data", "open_payments")
CONVERT = os.path.join(DATA, "convert.py")
sys.path.insert(0, DATA)
import brute  # noqa: E402
EXPECTED = {"medical-commercial-same-day": (1427, 160), "medical-commercial-week": (4142, 219),
            "team-crowding-week": (15620, 573), "rep-overcontact-30d": (5759, 569), "meal-budget-year": (462, 360),
            "speaker-without-medical": (1625, 222), "medical-unanswered": (722, 272), "rep-after-speaker": (256, 68),
            "account-crowding-day": (3444, 97)}
REP, MSL, SPEAKER, MEDICAL = "sales_rep", "msl", "speaker", ["msl", "speaker"]


def days(n):
    return {"ms": n * civil.MS_DAY}


def rule(name, kind, **keys):
    selectors = {k: {"role": keys.pop(k)} for k in ("of", "a", "b", "without") if k in keys}
    same = {} if "distinct" in keys else {"same": ["team"]}
    return dict(id=name, kind=kind, severity="high", **selectors, **same, **keys)


POLICY = {"groups": {}, "joint_within": 0, "planned_grace": 0, "markets": {}, "zone": "UTC"}
RULES = [
    rule("medical-commercial-same-day", "proximity", a=REP, b=MEDICAL, within=days(0)),
    rule("medical-commercial-week", "proximity", a=REP, b=MEDICAL, within=days(7)),
    rule("team-crowding-week", "frequency", of=[REP, *MEDICAL], distinct="team", window=days(7), limit=2),
    rule("rep-overcontact-30d", "frequency", of=REP, window=days(30), limit=4),
    rule("meal-budget-year", "budget", of=REP, period="year", limit=500, currency="USD"),
    rule("speaker-without-medical", "requires", b=SPEAKER, a=MSL, within=days(90)),
    rule("medical-unanswered", "absence", a=MSL, b=REP, within=days(60)),
    rule("rep-after-speaker", "sequence", a=SPEAKER, b=REP, without=MSL, within=days(3)),
    dict(rule("account-crowding-day", "frequency", of=[REP, *MEDICAL], distinct="hcp", period="day", limit=2),
         scope="account", same=["team"])]


def events_of_model(lines):
    """Touches by scope, key and team, of all teams (None) too: most rules look at those of one team together."""
    found = collections.defaultdict(list)
    for line in lines:
        data = dict(line["data"], id=line["id"], source=line["source"], time=law.millis(line["time"]))
        if data["actor"]["role"] != "system":
            for team in (data["actor"]["team"], None):
                found["hcp", data["hcp_id"], team].append(data)
                if data.get("account_id"):
                    found["account", data["account_id"], team].append(data)
    return found


class Holder(alerts.Key):
    """A key with these touches, each of which counts."""

    def __init__(self, scope, key, policy, touches):
        super().__init__(scope, key, policy)
        self.touches_ = {(e["hcp_id"], events.engagement_of(e)): e for e in touches}

    def versions(self):
        return self.touches_


def expected(lines):
    rows = {}
    for (scope, key, team), touches in events_of_model(lines).items():
        rules = [r for r in RULES if ("same" in r) == (team is not None)]
        holder = Holder(scope, key, dict(POLICY, rules=rules), touches)
        for (rule_id, instance), row in holder.holding(1 << 50, holder.found(1 << 50)).items():
            rows[alerts.alert_id(rule_id, scope, key, instance)] = (
                rule_id, key, row["status"], decimal.Decimal(row["observed"]), row["unit"],
                tuple((e["source"], e["id"]) for e in row["evidence"]))
    return rows


def replayed(binary, policy, lines, directory):
    subprocess.run([binary, "replay", "--policy", policy, "--events", lines, "--out", directory, "--drain"],
                   check=True, stdout=subprocess.DEVNULL)
    last = {}
    with open(os.path.join(directory, "alerts.jsonl")) as f:
        for row in (json.loads(line, parse_float=str) for line in f):
            last[row["alert_id"]] = row
    return [r for r in last.values() if r["status"] in ("open", "resolved")]


def alerts_of(rows):
    """As the model has them: by alert id."""
    return {r["alert_id"]: (r["rule"], r["key"], r["status"], decimal.Decimal(r["observed"]), r["unit"],
                            tuple((e["source"], e["id"]) for e in r["evidence"])) for r in rows}


def instances_of(rows):
    """As the evaluation from the definitions has them: by what they are about."""
    return {(r["rule"], r["key"], *r["instance"]): (r["status"], str(r["observed"]),
                                                       [e["id"] for e in r["evidence"]]) for r in rows}


def differences(name, want, got):
    differ = [i for i in want.keys() | got.keys() if want.get(i) != got.get(i)]
    print("%s alert by alert against %s: %d alerts, %d differences" % (
        "  FAIL" if differ else "  ok  ", name, len(want), len(differ)))
    for i in differ[:3]:
        print("    ", i, "expected", want.get(i), "replay", got.get(i))
    return bool(differ)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/journeyd"))
    parser.add_argument("--policy", default=os.path.join(ROOT, "config/policies/open-payments"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        lines = os.path.join(directory, "events.jsonl")
        subprocess.run([sys.executable, CONVERT, lines], check=True)
        rows = replayed(args.binary, args.policy, lines, directory)
        plain = {(rule, key, *instance): (status, observed, evidence)
                 for rule, key, instance, status, observed, evidence in brute.instances(lines)}
        with open(lines) as f:
            modelled = expected(map(json.loads, f))
    failed = 0
    for rule, counts in EXPECTED.items():
        for name, found in (("definitions", [(k[0], k[1]) for k in plain]),
                            ("replay", [(r["rule"], r["key"]) for r in rows])):
            own = [key for r, key in found if r == rule]
            ok = (len(own), len(set(own))) == counts
            failed += not ok
            print("%s %-11s %s: %d alerts of %d keys, expected %d of %d" % (
                "  ok  " if ok else "  FAIL", name, rule, len(own), len(set(own)), *counts))
    failed += differences("the definitions (instance, status, observed, evidence)", plain, instances_of(rows))
    failed += differences("the model (id, status, observed, evidence)", modelled, alerts_of(rows))
    print("%d passed, %d failed, 0 skipped" % (2 * len(EXPECTED) + 2 - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
