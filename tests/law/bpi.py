#!/usr/bin/env python3
"""The law on real times: `replay` of a loan process (tests/data/bpi) gives, alert by alert, what an evaluation straight
from the definitions gives: in milliseconds, with equal times, over the end of summer time. Once as the log has the
events, where work is told when it is over and so comes late, and once shuffled.

  bpi.py [--binary build/release/journeyd] [--seed N]
"""
import argparse
import collections
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.path.join(ROOT, "tests", "data", "bpi")
sys.path.insert(0, DATA)
import brute  # noqa: E402


def replayed(binary, events, directory):
    """{(rule, case, *instance): (status, observed, ids of the evidence)} of what stands in the end."""
    subprocess.run([binary, "replay", "--policy", os.path.join(DATA, "policy"), "--events", events, "--out", directory,
                    "--drain"], check=True, stdout=subprocess.DEVNULL)
    last = {}
    with open(os.path.join(directory, "alerts.jsonl"), encoding="utf-8") as f:
        for row in (json.loads(line, parse_float=str) for line in f):
            last[row["alert_id"]] = row
    return {(r["rule"], r["hcp_id"], *r["instance"]):
            (r["status"], str(r["observed"]), [e["id"] for e in r["evidence"]])
            for r in last.values() if r["status"] != "retracted"}


def shuffle(path, other, seed):
    with open(path, encoding="utf-8") as f:
        lines = f.readlines()
    random.Random(seed).shuffle(lines)
    with open(other, "w", encoding="utf-8") as f:
        f.writelines(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.environ.get("JOURNEYD", os.path.join(ROOT, "build/release/journeyd")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "1")))
    args = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        log, shuffled = (os.path.join(directory, n) for n in ("log.jsonl", "shuffled.jsonl"))
        subprocess.run([sys.executable, os.path.join(DATA, "convert.py"), log], check=True)
        shuffle(log, shuffled, args.seed)
        want = brute.instances(log)
        for hours in (0, 1, 2):  # or the rules would not see the clock change
            ok = brute.instances(log, datetime.timezone(datetime.timedelta(hours=hours))) != want
            passed, failed = passed + ok, failed + (not ok)
            print("%s the zone matters: others by a clock of UTC+%d" % ("  ok  " if ok else "  FAIL", hours))
        for order, events in (("in order of the log", log), ("shuffled, seed %d" % args.seed, shuffled)):
            got = replayed(args.binary, events, os.path.join(directory, "out"))
            for rule in brute.RULES:
                own = {k for k in want.keys() | got.keys() if k[0] == rule}
                differ = sorted((k for k in own if want.get(k) != got.get(k)), key=str)
                expected = collections.Counter(want[k][0] for k in own if k in want)
                ok = not differ and expected
                passed, failed = passed + bool(ok), failed + (not ok)
                print("%s %-27s %4d alerts, %d resolved, %d differences, %s" % (
                    "  ok  " if ok else "  FAIL", rule, sum(expected.values()), expected["resolved"],
                    len(differ), order))
                for key in differ[:3]:
                    print("    ", key, "expected", want.get(key), "replay", got.get(key))
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
