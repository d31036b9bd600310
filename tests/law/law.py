#!/usr/bin/env python3
"""The law: what `journeyd replay` says of random histories equals what model.py says.

  law.py --binary build/release/journeyd [--rebuild build/release/tests/rebuild] [--histories N] [--seed S]
  law.py --binary build/faults/journeyd --planted NAME…     each planted bug must be found
  law.py --binary … --seed S --only K --keep DIR            one world again, its files kept and differences printed

A *world* is one random policy and some physicians with random histories, in one order of arrival, on one clock or
on one a partition. Two thirds of the worlds have late, refused and conflicting records, compared with causes; the
others have records that are acceptable in any order, and are shuffled: every order must give the same final alerts.
"""
import argparse
import collections
import datetime
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import histories
import model

PHYSICIANS = 50
SHUFFLES = 3
WANTED = (("phase", "preventable"), ("phase", "incident"), ("status", "open"), ("status", "retracted"),
          ("cause", "cancelled"), ("cause", "rescheduled"), ("cause", "corrected"), ("cause", "lapsed"))


def millis(text):
    return int(round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000))


def replay(binary, policy_dir, events, out, partitions, advance, env):
    command = [binary, "replay", "--policy", policy_dir, "--events", events, "--out", out]
    if partitions > 1:
        command += ["--partitions", str(partitions)]
    if advance is not None:
        command += ["--advance", histories.text(advance)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    if done.returncode:
        raise RuntimeError("%s\nexit %d\n%s%s" % (" ".join(command), done.returncode, done.stdout, done.stderr))
    rows, revisions = {}, {}
    with open(os.path.join(out, "alerts.jsonl")) as lines:
        for line in lines:
            row = json.loads(line)
            last = revisions.get(row["alert_id"], 0)
            if row["revision"] != last + 1:
                raise RuntimeError("revision %d of %s follows %d" % (row["revision"], row["alert_id"], last))
            revisions[row["alert_id"]] = row["revision"]
            rows[row["key"], row["rule"], tuple(row["instance"])] = row
    return rows


def member_of_model(event):
    actor = event.get("actor") or {}
    return (event["source"], event["id"], model.engagement_of(event), model.touch_time(event), actor.get("role"),
            actor.get("id"), event.get("channel"), event.get("product"), event["phase"])


def member_of_engine(event):
    actor = event.get("actor") or {}
    when = event.get("start") or event["time"]
    engagement = event.get("engagement_id") or '["%s","%s"]' % (event["source"], event["id"])
    return (event["source"], event["id"], engagement, millis(when), actor.get("role"), actor.get("id"),
            event.get("channel"), event.get("product"), event.get("phase"))


def says_model(key, row, causes):
    if row["status"] == "retracted":
        return ("retracted", row["cause"]) if causes else ("retracted",)
    hcp, rule, instance = key
    return ("open", model.alert_id(rule, hcp, instance), row["phase"], row["severity"], row["unit"],
            int(row["observed"]), tuple(member_of_model(e) for e in row["evidence"]))


def says_engine(row, causes):
    if row["status"] == "retracted":
        return ("retracted", row.get("cause")) if causes else ("retracted",)
    return (row["status"], row["alert_id"], row["phase"], row["severity"], row["unit"], int(row["observed"]),
            tuple(member_of_engine(e) for e in row["evidence"]))


def compare(physicians, rows, coverage, every=True):
    """Differences as text. `every`: retracted alerts and their causes too, else only those that are open."""
    expected = {}
    for hcp, physician in physicians.items():
        for (rule, instance), row in physician.alerts.items():
            expected[hcp, rule, instance] = row
    got = {k: says_engine(row, every) for k, row in rows.items() if every or row["status"] != "retracted"}
    want = {k: says_model(k, row, every) for k, row in expected.items() if every or row["status"] != "retracted"}
    for row in expected.values():
        coverage["status", row["status"]] += 1
        if row["status"] == "open":
            coverage["phase", row["phase"]] += 1
        else:
            coverage["cause", row["cause"]] += 1
    outside = {hcp for hcp, p in physicians.items() if p.outside}
    coverage["histories outside the law"] += len(outside)
    return ["%s: model %s, engine %s" % (k, want.get(k), got.get(k))
            for k in sorted(want.keys() | got.keys()) if k[0] not in outside and want.get(k) != got.get(k)]


def compare_refused(physicians, records, out):
    """Which records were dead-lettered, and why."""
    with open(os.path.join(out, "dead-letters.jsonl")) as f:
        got = {row["line"]: row["reason"] for row in map(json.loads, f)}
    differences = []
    for hcp, physician in physicians.items():
        for line, verdict in zip(physician.lines, physician.verdicts):
            want = None if verdict in ("applied", "duplicate") else verdict
            if not physician.outside and records[line - 1][1] == "touch" and want != got.get(line):
                differences.append("%s line %d: model %s, engine %s" % (hcp, line, want, got.get(line)))
    return differences


class World:
    rebuild = None  # path of the program that cuts into batches and rebuilds

    def __init__(self, seed, number):
        rng = self.rng = random.Random("%s/%s" % (seed, number))
        self.settled = number % 3 == 2
        self.days = days = rng.choice([8, 20, 40])
        self.start = start = millis(rng.choice(histories.ANCHORS) + "T00:00:00Z")
        self.policy = histories.random_policy(rng, start, days, 400 * model.MS_DAY if self.settled else None)
        if self.settled:
            self.policy["max_ahead"] = 400 * model.MS_DAY
        lateness = min(self.policy["allowed_lateness"], 30 * model.MS_DAY)
        hcps = ["H%d" % i for i in range(PHYSICIANS)]
        focus = start + rng.randint(days // 2, days + 15) * model.MS_DAY
        self.records = histories.random_records(rng, hcps, start, days, focus, lateness, self.settled,
                                                not self.settled,
                                                self.policy["allowed_lateness"] >= 30 * model.MS_DAY)
        self.partitions = rng.choice([1, 1, 3])
        self.advance = None
        if rng.random() < 0.5:
            touch = model.touch_time(rng.choice([r for r in self.records if r[1] == "touch"])[2])
            self.advance = touch + rng.choice([0, 0, 1, -1, self.policy["planned_grace"],
                                               self.policy["planned_grace"] + 1, 5 * model.MS_DAY])

    def write(self, directory, records):
        histories.write_policy(self.policy, os.path.join(directory, "policy"))
        events = os.path.join(directory, "events.jsonl")
        with open(events, "w") as f:
            for _, kind, data in records:
                print(histories.as_line(self.rng, kind, data), file=f)
        return events

    def rebuilt(self, program, directory, events, coverage):
        """The same in random batches, with undone ones and states rebuilt from image and journal."""
        done = subprocess.run([program, os.path.join(directory, "policy"), events, str(self.rng.randrange(1 << 31))],
                              capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError("rebuild: exit %d %s%s" % (done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
        coverage["cut into random batches, undone, rebuilt"] += 1

    def run(self, binary, directory, coverage, env):
        """Differences of all its orders."""
        orders = [self.records]
        for _ in range(SHUFFLES - 1 if self.settled else 0):
            orders.append(self.rng.sample(self.records, len(self.records)))
        differences, first = [], None
        for order in orders:
            shutil.rmtree(directory, ignore_errors=True)
            events = self.write(directory, order)
            out = os.path.join(directory, "out")
            if self.rebuild:
                self.rebuilt(self.rebuild, directory, events, coverage)
            rows = replay(binary, os.path.join(directory, "policy"), events, out, self.partitions, self.advance, env)
            physicians = model.world(order, self.policy, self.partitions, self.advance)
            differences += compare(physicians, rows, coverage) + compare_refused(physicians, order, out)
            coverage["histories"] += len(physicians)
            coverage["records"] += len(order)
            for physician in physicians.values():
                for verdict in physician.verdicts:
                    coverage["records", verdict] += 1
            final = {k: says_engine(r, False) for k, r in rows.items() if r["status"] != "retracted"}
            if first is not None and final != first:
                differences.append("another order gives other final alerts")
            first = final
        return differences


def hunt(binary, name, seed, worlds):
    """Whether a planted bug shows in the first worlds."""
    env = dict(os.environ, JD_BUG=name)
    coverage = collections.Counter()
    with tempfile.TemporaryDirectory() as directory:
        for number in range(worlds):
            try:
                found = World(seed, number).run(binary, os.path.join(directory, "w"), coverage, env)
            except (RuntimeError, subprocess.TimeoutExpired):
                found = True  # it broke: also found
            if found:
                return number + 1
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="build/release/journeyd")
    parser.add_argument("--histories", type=int, default=30000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep")
    parser.add_argument("--planted", nargs="*")
    parser.add_argument("--rebuild")
    args = parser.parse_args()
    World.rebuild = args.rebuild
    print("law: seed %d" % args.seed)
    if args.planted is not None:
        missed = 0
        for name in args.planted:
            found = hunt(args.binary, name, args.seed, 60)
            print("  planted %-28s %s" % (name, "found in world %d" % found if found else "NOT FOUND"))
            missed += not found
        print("%d passed, %d failed, 0 skipped" % (len(args.planted) - missed, missed))
        return 1 if missed else 0

    coverage, failed, began, number = collections.Counter(), 0, time.monotonic(), args.only or 0
    scratch = args.keep or tempfile.mkdtemp()
    while args.only is not None and number == args.only or args.only is None and coverage["histories"] < args.histories:
        try:
            differences = World(args.seed, number).run(args.binary, os.path.join(scratch, "w%d" % number), coverage,
                                                       dict(os.environ))
        except (RuntimeError, subprocess.TimeoutExpired) as failure:
            differences = [str(failure)]
        if differences:
            failed += 1
            print("world %d (law.py --seed %d --only %d --keep DIR): %d differences"
                  % (number, args.seed, number, len(differences)))
            for line in differences[:3 if args.only is None else 50]:
                print("   ", line)
        if not args.keep:
            shutil.rmtree(os.path.join(scratch, "w%d" % number), ignore_errors=True)
        number += 1
        if failed >= 10:
            break
    print("law: %d histories, %d records in %.0f s" % (coverage["histories"], coverage["records"],
                                                      time.monotonic() - began))
    for what, count in sorted(coverage.items(), key=str):
        if isinstance(what, tuple):
            print("  %-10s %-16s %d" % (*what, count))
    print("  orders cut into random batches, with undone ones and states rebuilt: %d"
          % coverage["cut into random batches, undone, rebuilt"])
    print("  histories outside the law (a version of an engagement no longer held): %d"
          % coverage["histories outside the law"])
    missing = [w for w in WANTED if coverage[w] < 1000] if args.only is None and not failed else []
    for what in missing:
        print("  %s %s was reached fewer than 1000 times" % what)
    print("%d passed, %d failed, 0 skipped" % (number - (args.only or 0) - failed, failed + len(missing)))
    if not args.keep:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
