#!/usr/bin/env python3
"""The law on real times: `replay` of two companies' logs gives, alert by alert, what an evaluation straight from the
definitions gives: a loan process (tests/data/bpi), in milliseconds, with equal times, over the end of summer time; a
help desk (tests/data/helpdesk), by customer and by agent. Once as the log has the events (the loan process tells work
when it is over, so it comes late), and once shuffled.

  logs.py [--binary build/release/journeyd] [--seed N]
"""
import argparse
import collections
import datetime
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.path.join(ROOT, "tests", "data")
LOGS = {"bpi": True, "helpdesk": False}  # whether some of it is at night, where a zone decides the date


def replayed(binary, policy, events, directory):
    """{(rule, key, *instance): (status, observed, ids of the evidence)} of what stands in the end."""
    subprocess.run([binary, "replay", "--policy", policy, "--events", events, "--out", directory, "--drain"],
                   check=True, stdout=subprocess.DEVNULL)
    last = {}
    with open(os.path.join(directory, "alerts.jsonl"), encoding="utf-8") as f:
        for row in (json.loads(line, parse_float=str) for line in f):
            last[row["alert_id"]] = row
    return {(r["rule"], r["key"], *r["instance"]): (r["status"], str(r["observed"]), [e["id"] for e in r["evidence"]])
            for r in last.values() if r["status"] != "retracted"}


def shuffle(path, other, seed):
    with open(path, encoding="utf-8") as f:
        lines = f.readlines()
    random.Random(seed).shuffle(lines)
    with open(other, "w", encoding="utf-8") as f:
        f.writelines(lines)


def module(log):
    spec = importlib.util.spec_from_file_location("brute_of_" + log, os.path.join(DATA, log, "brute.py"))
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def checks(binary, log, seed, directory):
    """Whether each check of a log holds, printed as it goes."""
    brute = module(log)
    straight, shuffled, out = (os.path.join(directory, n) for n in ("log.jsonl", "shuffled.jsonl", "out"))
    subprocess.run([sys.executable, os.path.join(DATA, log, "convert.py"), straight], check=True)
    shuffle(straight, shuffled, seed)
    want = brute.instances(straight)
    for hours in (0, 1, 2) if LOGS[log] else ():  # or the rules would not see the zone and its clock change
        ok = brute.instances(straight, datetime.timezone(datetime.timedelta(hours=hours))) != want
        print("%s %s: other alerts by a clock of UTC+%d" % ("  ok  " if ok else "  FAIL", log, hours))
        yield ok
    for order, events in (("in order of the log", straight), ("shuffled, seed %d" % seed, shuffled)):
        got = replayed(binary, os.path.join(DATA, log, "policy"), events, out)
        for rule in brute.RULES:
            own = {k for k in want.keys() | got.keys() if k[0] == rule}
            differ = sorted((k for k in own if want.get(k) != got.get(k)), key=str)
            expected = collections.Counter(want[k][0] for k in own if k in want)
            ok = not differ and bool(expected)
            print("%s %s: %-27s %4d alerts, %3d resolved, %d differences, %s" % (
                "  ok  " if ok else "  FAIL", log, rule, sum(expected.values()), expected["resolved"], len(differ),
                order))
            for key in differ[:3]:
                print("    ", key, "expected", want.get(key), "replay", got.get(key))
            yield ok


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.environ.get("JOURNEYD", os.path.join(ROOT, "build/release/journeyd")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "1")))
    args = parser.parse_args()
    results = []
    for log in LOGS:
        with tempfile.TemporaryDirectory() as directory:
            results += checks(args.binary, log, args.seed, directory)
    print("%d passed, %d failed, 0 skipped" % (sum(results), len(results) - sum(results)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
