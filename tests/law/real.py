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
import kinds
import law
import model

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.path.join(ROOT, "tests", "data", "open_payments")
CONVERT = os.path.join(DATA, "convert.py")
sys.path.insert(0, DATA)
import brute  # noqa: E402
EXPECTED = {"medical-commercial-same-day": (1427, 160), "medical-commercial-week": (4142, 219),
            "team-crowding-week": (15620, 573), "rep-overcontact-30d": (5759, 569), "meal-budget-year": (462, 360),
            "speaker-without-medical": (1625, 222), "medical-unanswered": (722, 272), "rep-after-speaker": (256, 68)}
ACCOUNTS = (3444, 97)  # account-crowding-day, which the engine does not have yet
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
    rule("rep-after-speaker", "sequence", a=SPEAKER, b=REP, without=MSL, within=days(3))]


def events_of_model(lines):
    """Touches by physician, of all teams (None) and of each: most rules look at those of one team together."""
    found = collections.defaultdict(list)
    for line in lines:
        data = dict(line["data"], id=line["id"], source=line["source"], time=law.millis(line["time"]))
        if data["actor"]["role"] != "system":
            found[data["hcp_id"], data["actor"]["team"]].append(data)
            found[data["hcp_id"], None].append(data)
    return found


def expected(lines):
    rows = {}
    for (hcp, team), touches in events_of_model(lines).items():
        rules = [r for r in RULES if ("same" in r) == (team is not None)]
        physician = model.Physician(hcp, dict(POLICY, rules=rules))
        physician.winners = {events.engagement_of(e): e for e in touches}
        for (rule_id, instance), row in physician.holding(1 << 50).items():
            rows[alerts.alert_id(rule_id, "hcp", hcp, instance)] = (
                rule_id, hcp, row["status"], decimal.Decimal(row["observed"]), row["unit"],
                tuple((e["source"], e["id"]) for e in row["evidence"]))
    return rows


def account_crowding(lines):
    """Alerts and accounts with more than two physicians touched by one team in a day."""
    crowding = dict(rule("account-crowding-day", "frequency", of=[REP, *MEDICAL], distinct="hcp", period="day",
                         limit=2), scope="account", same=["team"])
    touches = collections.defaultdict(list)
    for line in lines:
        data = dict(line["data"], id=line["id"], source=line["source"], time=law.millis(line["time"]))
        if data["actor"]["role"] != "system" and data.get("account_id"):
            touches[data["account_id"]].append(data)
    view = kinds.View(POLICY, lambda event: civil.Zone("UTC"))
    found = [len(kinds.instances(crowding, own, view)) for own in touches.values()]
    return sum(found), sum(n > 0 for n in found)


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
    return {r["alert_id"]: (r["rule"], r["hcp_id"], r["status"], decimal.Decimal(r["observed"]), r["unit"],
                            tuple((e["source"], e["id"]) for e in r["evidence"])) for r in rows}


def instances_of(rows):
    """As the evaluation from the definitions has them: by what they are about."""
    return {(r["rule"], r["hcp_id"], *r["instance"]): (r["status"], str(r["observed"]),
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
        plain = {(rule, hcp, *instance): (status, observed, evidence)
                 for rule, hcp, instance, status, observed, evidence in brute.instances(lines)}
        with open(lines) as f:
            modelled = expected(map(json.loads, f))
        with open(lines) as f:
            accounts = account_crowding(map(json.loads, f))
    failed = int(accounts != ACCOUNTS)
    print("%s model       account-crowding-day: %d alerts of %d accounts, expected %d of %d" % (
        "  FAIL" if failed else "  ok  ", *accounts, *ACCOUNTS))
    for rule, counts in EXPECTED.items():
        for name, found in (("definitions", [(k[0], k[1]) for k in plain]),
                            ("replay", [(r["rule"], r["hcp_id"]) for r in rows])):
            own = [hcp for r, hcp in found if r == rule]
            ok = (len(own), len(set(own))) == counts
            failed += not ok
            print("%s %-11s %s: %d alerts of %d physicians, expected %d of %d" % (
                "  ok  " if ok else "  FAIL", name, rule, len(own), len(set(own)), *counts))
    failed += differences("the definitions (instance, status, observed, evidence)", plain, instances_of(rows))
    failed += differences("the model (id, status, observed, evidence)", modelled, alerts_of(rows))
    print("%d passed, %d failed, 0 skipped" % (2 * len(EXPECTED) + 3 - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
