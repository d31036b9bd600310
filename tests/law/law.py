#!/usr/bin/env python3
"""The law: what `journeyd replay` says of random histories equals what model.py says.

  law.py --binary build/release/journeyd [--rebuild build/release/tests/rebuild] [--histories N] [--seed S]
  law.py --binary build/faults/journeyd --planted NAME…     each planted bug must be found
  law.py --binary … --seed S --only K --keep DIR            one world again, its files kept and differences printed
  law.py --reach                                            what the histories reach, by the model alone
  --kinds NAME…                                             only these kinds
  --shared                                                  rules of other keys than the physician
  --jobs N                                                  worlds at once; as many as there are processors

A *world* is one random policy and some physicians with random histories, in one order of arrival, on one clock or
on one a partition. Two thirds of the worlds have late, refused and conflicting records, compared with causes; the
others have records that are acceptable in any order, and are shuffled: every order must give the same final alerts.
"""
import argparse
import collections
import concurrent.futures
import datetime
import decimal
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import alerts
import civil
import events
import histories
import model

PHYSICIANS = 50
ATTENDEES = 8  # physicians of a world that have touches in common
SCOPES = ("account", "actor", "campaign", "engagement_id")
SHUFFLES = 3
ALL = tuple(histories.VARIANTS)
CAUSES = ("cancelled", "rescheduled", "corrected", "lapsed")
PHASES = ("preventable", "incident")
STATUSES = ("open", "retracted")
FACTS = ("consent", "access", "licence", "alignment", "content", "blackout")
COLUMNS = [("open", None, phase) for phase in PHASES] + [("retracted", c, phase) for c in CAUSES for phase in PHASES] \
    + [("resolved", None, "incident"), ("reopened", None, "incident")]


def possible(variant, column):
    """Whether a final row of an alert can be this: status, cause, phase."""
    status, cause, phase = column
    if variant in ("expiry", "contradiction"):  # of facts nothing is planned
        return phase == "incident" and status != "reopened" and status != "resolved" and cause in (None, "corrected")
    if variant == "coverage":  # too few: what goes cannot end it, and what is to come is seldom counted
        return phase == "incident" and column[1] in (None, "corrected") and status in ("open", "retracted")
    if variant == "absence":  # it opens when everything that it is about is over
        return phase == "incident"
    if status in ("resolved", "reopened"):
        return False
    # Of a single touch none is still to come when it lapses.
    return not (variant in ("requires", "frequency touch", "budget touch", "eligibility") and column[1:] == ("lapsed", "preventable"))


def millis(text):
    return int(round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000))


def replay(binary, policy_dir, lines, out, partitions, advance, env):
    command = [binary, "replay", "--policy", policy_dir, "--events", lines, "--out", out]
    if partitions > 1:
        command += ["--partitions", str(partitions)]
    if advance is not None:
        command += ["--advance", histories.text(advance)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    if done.returncode:
        raise RuntimeError("%s\nexit %d\n%s%s" % (" ".join(command), done.returncode, done.stdout, done.stderr))
    told, shadow = (rows_of(os.path.join(out, name)) for name in ("alerts.jsonl", "shadow.jsonl"))
    misplaced = [row["alert_id"] for rows, is_shadow in ((told, False), (shadow, True)) for row in rows
                 if (row["mode"] == "shadow") != is_shadow]
    if misplaced:
        raise RuntimeError("told where they do not belong: %s" % misplaced[:3])
    return last_rows(sorted(told + shadow, key=lambda row: row["revision"]))


def rows_of(path):
    with open(path) as f:
        return [json.loads(line, parse_float=decimal.Decimal) for line in f]


def last_rows(rows):
    """The last of each alert, where it is told; revisions follow each other over both places."""
    last, revisions = {}, {}
    for row in rows:
        scope = row["scope"] if row["scope"] != "declared" else "campaign" if row["key"][0] == "C" else "engagement_id"
        alert = scope, row["key"], row["rule"], tuple(row["instance"])
        row["follows"] = row["revision"] == revisions.get(alert, 0) + 1
        revisions[alert] = row["revision"] if row["follows"] else -1
        last[(*alert, "shadow") if row["mode"] == "shadow" else alert] = row
    return last


def member_of_model(event):
    actor = event.get("actor") or {}
    return (event["source"], event["id"], events.engagement_of(event), events.touch_time(event), actor.get("role"),
            actor.get("id"), event.get("channel"), event.get("product"), event["phase"], event["hcp_id"])


def member_of_engine(event):
    actor = event.get("actor") or {}
    when = event.get("start") or event["time"]
    engagement = event.get("engagement_id") or '["%s","%s"]' % (event["source"], event["id"])
    return (event["source"], event["id"], engagement, millis(when), actor.get("role"), actor.get("id"),
            event.get("channel"), event.get("product"), event.get("phase"), event["hcp_id"])


def number(value):
    return None if value is None else decimal.Decimal(value)


FACT_FIELDS = ("name", "value", "channel", "product", "about", "from", "until", "confirmed_at", "source", "id", "proof")


def fact_of_engine(fact):
    return tuple(millis(fact[k]) if k in ("from", "until", "confirmed_at") and fact.get(k) else fact.get(k)
                 for k in FACT_FIELDS)


def says_model(key, row, causes):
    if row["status"] == "retracted":
        return ("retracted", row["cause"]) if causes else ("retracted",)
    scope, bare, rule, instance, *_ = key
    scope = "declared" if scope in histories.DECLARED else scope
    return (row["status"], alerts.alert_id(rule, scope, bare, instance), row["phase"], row["severity"], row["unit"],
            number(row["observed"]), number(row["limit"]), row["other_currency"],
            tuple(member_of_model(e) for e in row["evidence"]), row["facts"], row["flags"])


def says_engine(row, causes):
    if row["status"] == "retracted":
        return ("retracted", row.get("cause")) if causes else ("retracted",)
    return (row["status"], row["alert_id"], row["phase"], row["severity"], row.get("unit"),
            number(row.get("observed")), number(row.get("limit")), row.get("other_currency", 0),
            tuple(member_of_engine(e) for e in row.get("evidence", ())), tuple(map(fact_of_engine, row.get("facts", ()))),
            tuple(note and (note["actor_id"], note.get("reason"), millis(note["from"]), millis(note["until"]), note["source"], note["id"])
                  for note in map(row.get, ("acknowledged", "overridden"))))


def counts_alerts(row):
    return any(e["type"].startswith("alert:") for e in row.get("evidence", ()))


def compare(keys, rows, coverage, every=True):
    """Differences as text. `every`: retracted alerts and their causes too, else only those that stand. Where several
    alerts that are counted go at once, the cause of the one that counts them may be that of each."""
    expected = {}
    for key, holder in keys.items():
        for place, row in holder.alerts.items():
            expected[*key, *place] = row
            again = row["status"] == "open" and place in holder.reopened
            coverage["in shadow"] += len(place) == 3
            coverage["noted"] += any(row["flags"]) and row["status"] != "retracted"
            coverage["moved to another topic"] += row["status"] == "retracted" and alerts.elsewhere(place) in holder.open
            variant, status = histories.variant_of(row["rule"]), "reopened" if again else row["status"]
            coverage[key[0], variant, status, row["cause"], row["phase"]] += 1
            for name in {fact[0] for fact in row["facts"]} & set(FACTS):
                coverage["fact", name, variant, row["status"]] += 1
    for place, row in list(rows.items()):
        holder, known, instance = keys[place[:2]], expected.get(place), place[2:]
        moved = holder.crowded and alerts.elsewhere(instance) in holder.alerts  # it was open elsewhere before that moment
        if row["status"] == "retracted" and (
                millis(row["opened_at"]) in holder.crowded or moved if known is None else
                instance in holder.maybe and row["cause"] != known["cause"]):
            del rows[place]
            expected.pop(place, None)
            coverage["between timers of one moment"] += 1
        elif known is None and row["status"] == "retracted" and place[0] != "hcp" and counts_alerts(row):
            del rows[place]  # several of those that it counts changed in one step, and were told one after the other
            coverage["came and went with what it counts"] += 1
    counting = {k for k, row in expected.items() if any("counted" in t for t in row["evidence"])}
    got = {k: says_engine(row, every and k not in counting) for k, row in rows.items() if every or row["status"] != "retracted"}
    want = {k: says_model(k, row, every and k not in counting) for k, row in expected.items() if every or row["status"] != "retracted"}
    gaps = {k: "revisions do not follow each other" for k, row in rows.items() if not row["follows"]}
    outside = {key for key, holder in keys.items() if holder.outside}
    coverage["outside"] += len(outside)
    return ["%s: model %s, engine %s %s" % (k, want.get(k), got.get(k), gaps.get(k, ""))
            for k in sorted(want.keys() | got.keys())
            if k[:2] not in outside and (want.get(k) != got.get(k) or k in gaps)]


def compare_refused(physicians, records, out):
    """Which records were dead-lettered, and why."""
    with open(os.path.join(out, "dead-letters.jsonl")) as f:
        got = {row["line"]: row["reason"] for row in map(json.loads, f)}
    differences = []
    for hcp, physician in physicians.items():
        for line, verdict in zip(physician.lines, physician.verdicts):
            want = None if verdict in ("applied", "duplicate") else verdict
            if not physician.outside and records[line - 1][1] in ("touch", "fact") and want != got.get(line):
                differences.append("%s line %d: model %s, engine %s" % (hcp, line, want, got.get(line)))
    return differences


class World:
    next = None  # (line, policy) that comes over what is held then
    rebuild = None  # path of the program that cuts into batches and rebuilds
    variants = ALL  # kinds that policies are made of
    shared = False  # rules have other keys than the physician

    def __init__(self, seed, number):
        rng = self.rng = random.Random("%s/%s" % (seed, number))
        self.number = number
        self.settled = number % 3 == 2
        self.days = days = rng.choice([8, 20, 40])
        self.start = start = millis(rng.choice(histories.ANCHORS) + "T00:00:00Z")
        self.policy = histories.random_policy(rng, self.variants, start, days,
                                              400 * civil.MS_DAY if self.settled else None,
                                              SCOPES if self.shared else ())
        if self.settled:
            self.policy["max_ahead"] = 400 * civil.MS_DAY
        lateness = min(self.policy["allowed_lateness"], 30 * civil.MS_DAY)
        hcps = ["H%d" % i for i in range(ATTENDEES if self.shared else PHYSICIANS)]
        focus = start + rng.randint(days // 2, days + 15) * civil.MS_DAY
        self.records = histories.random_records(rng, hcps, start, days, focus, lateness, self.settled,
                                                not self.settled,
                                                self.policy["allowed_lateness"] >= 30 * civil.MS_DAY, self.shared)
        self.partitions = 1 if self.shared else rng.choice([1, 1, 3])
        self.advance = None
        if self.settled and rng.random() < 0.7:
            self.records = histories.random_notes(rng, model.world(self.records, self.policy, self.partitions), self.records)
        if number % 6 == 5 and self.rebuild and len(self.records) > 20 and not self.shared:  # settled: nothing is final or gone
            at = rng.randrange(10, len(self.records) - 5)
            self.next = at, histories.next_policy(rng, self.variants, self.policy, start, days)
            self.partitions = 1
        if self.shared and self.settled:  # when all clocks are at one time, whatever the partitions
            self.advance = max(focus, max(events.recorded(r[2]) for r in self.records)) \
                + rng.choice([0, 1, self.policy["planned_grace"], 5 * civil.MS_DAY])
        elif rng.random() < 0.5:
            touch = events.touch_time(rng.choice([r for r in self.records if r[1] == "touch"])[2])
            self.advance = touch + rng.choice([0, 0, 1, -1, self.policy["planned_grace"],
                                               self.policy["planned_grace"] + 1, 5 * civil.MS_DAY])

    def spread(self, binary, directory, lines, rows, env):
        """Over several partitions, each with its own clock, what stands in the end is the same."""
        out = os.path.join(directory, "spread")
        spread = replay(binary, os.path.join(directory, "policy"), lines, out, 3, self.advance, env)
        want, got = ({k: says_engine(r, False) for k, r in found.items() if r["status"] != "retracted"}
                     for found in (rows, spread))
        return ["%s: one partition %s, three %s" % (k, want.get(k), got.get(k))
                for k in sorted(want.keys() | got.keys()) if want.get(k) != got.get(k)]

    def write(self, directory, records):
        histories.write_policy(self.policy, os.path.join(directory, "policy"))
        lines = os.path.join(directory, "events.jsonl")
        with open(lines, "w") as f:
            for _, kind, data in records:
                print(histories.as_line(self.rng, kind, data), file=f)
        return lines

    def rebuilt(self, program, directory, lines, coverage, *next_policy):
        """The same in random batches, with undone ones and states rebuilt from image and journal."""
        done = subprocess.run([program, os.path.join(directory, "policy"), lines, str(self.rng.randrange(1 << 31)),
                               *next_policy], capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError("rebuild: exit %d %s%s" % (done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
        coverage["cut into random batches, undone, rebuilt"] += 1

    def published(self, directory, coverage):
        """Differences where another policy comes."""
        shutil.rmtree(directory, ignore_errors=True)
        lines = self.write(directory, self.records)
        at, policy = self.next
        histories.write_policy(policy, os.path.join(directory, "next"))
        alerts = os.path.join(directory, "alerts.jsonl")
        self.rebuilt(self.rebuild, directory, lines, coverage, os.path.join(directory, "next"), str(at), alerts)
        keys = model.world(self.records, self.policy, publish=self.next)
        coverage["histories"] += len(keys)
        coverage["records"] += len(self.records)
        coverage["ended by another policy"] += sum(
            row["cause"] == "policy" for holder in keys.values() for row in holder.alerts.values())
        return compare(keys, last_rows(rows_of(alerts)), coverage)

    def run(self, binary, directory, coverage, env):
        """Differences of all its orders."""
        if self.next:
            return self.published(directory, coverage) if binary else []
        orders = [self.records]
        for _ in range(SHUFFLES - 1 if self.settled else 0):
            orders.append(self.rng.sample(self.records, len(self.records)))
        differences, first = [], None
        for order in orders:
            keys = model.world(order, self.policy, self.partitions, self.advance)
            physicians = {key: holder for (scope, key), holder in keys.items() if scope == "hcp"}
            rows = {}
            if binary is None:
                compare(keys, rows, coverage)
            else:
                shutil.rmtree(directory, ignore_errors=True)
                lines = self.write(directory, order)
                out = os.path.join(directory, "out")
                if self.rebuild and order is self.records and self.number % 2:
                    self.rebuilt(self.rebuild, directory, lines, coverage)
                rows = replay(binary, os.path.join(directory, "policy"), lines, out, self.partitions, self.advance, env)
                differences += compare(keys, rows, coverage) + compare_refused(physicians, order, out)
                if self.shared and self.settled:
                    differences += self.spread(binary, directory, lines, rows, env)
            coverage["histories"] += len(physicians)
            coverage["records"] += len(order)
            for physician in physicians.values():
                coverage["logged_only"] += len(physician.kept)
                for verdict in physician.verdicts:
                    coverage["records", verdict] += 1
            final = {k: says_engine(r, False) for k, r in rows.items() if r["status"] != "retracted"}
            if first is not None and final != first:
                differences.append("another order gives other final alerts")
            first = final
        return differences


def hunt(binary, name, seed, worlds):
    """Whether a planted bug shows in the first worlds; with --rebuild in those in which another policy comes."""
    os.environ["JD_BUG"] = name
    env = dict(os.environ)
    coverage = collections.Counter()
    with tempfile.TemporaryDirectory() as directory:
        for number in range(5, 6 * worlds, 6) if World.rebuild else range(worlds):
            try:
                found = World(seed, number).run(binary, os.path.join(directory, "w"), coverage, env)
            except (RuntimeError, subprocess.TimeoutExpired):
                found = True  # it broke: also found
            if found:
                return number + 1
    return 0


def worlds(binary, seed, scratch, keep, jobs, only):
    """(number, differences, coverage) of one world after the other, several of them at once."""
    if only is not None:
        yield run_world(binary, seed, scratch, keep, only)
        return
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        number, running = 0, collections.deque()
        try:
            while True:
                while len(running) < 4 * jobs:
                    running.append(pool.submit(run_world, binary, seed, scratch, keep, number))
                    number += 1
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def run_world(binary, seed, scratch, keep, number):
    coverage, directory = collections.Counter(), os.path.join(scratch, "w%d" % number)
    try:
        differences = World(seed, number).run(binary, directory, coverage, dict(os.environ))
    except (RuntimeError, subprocess.TimeoutExpired) as failure:
        differences = [str(failure)]
    if not keep:
        shutil.rmtree(directory, ignore_errors=True)
    return number, differences, coverage


FACTS_SHARE = 10  # there are so many facts that each is asked for a tenth as often as a kind


def reached(coverage, least):
    """Prints how often each kind came to each end. Gives how many ends were reached less often than they should."""
    few = 0

    def cell(name, count, wanted):
        nonlocal few
        if wanted and count < least:
            few += 1
            print("    %s: %d, fewer than %d" % (name, count, least))

    for scope in SCOPES if World.shared else ("hcp",):
        print("  final rows:            open      cancelled     rescheduled       corrected          lapsed  resolved reopened"
              "   scope " + scope)
        print("  %-20s" % "" + " ".join("%7s" % phase[:7] for _, _, phase in COLUMNS))
        for variant in World.variants:
            if World.shared and scope not in histories.SCOPES_OF.get(variant, SCOPES[:-1]):
                continue
            counts = [coverage[(scope, variant, *column)] for column in COLUMNS]
            print("  %-20s" % variant + " ".join(
                "%7s" % (n if n or possible(variant, column) else "-") for n, column in zip(counts, COLUMNS)))
            ends = collections.defaultdict(list)  # whatever the phase
            for n, column in zip(counts, COLUMNS):
                if possible(variant, column):
                    ends[column[:2]].append(n)
            for end, found in ends.items():
                cell(" ".join(filter(None, (scope, variant, *end))), sum(found), True)
    print("  all kinds together:")
    for place, name in ((2, "phase"), (0, "status"), (1, "cause")):
        for value in dict.fromkeys(column[place] for column in COLUMNS if column[place]):
            print("    %-7s %-12s %d" % (name, value, sum(
                n for key, n in coverage.items() if len(key) == 5 and isinstance(key, tuple) and key[2 + place] == value)))
    if not World.shared:
        kinds = [variant for variant in ("expiry", "contradiction", "eligibility") if variant in World.variants]
        print("  facts:       " + " ".join("%25s" % kind for kind in kinds))
        print("             " + " ".join("%12s" % status for _ in kinds for status in STATUSES))
        for fact in FACTS:
            ends = [(kind, status) for kind in kinds for status in STATUSES]
            print("  %-11s" % fact + " ".join("%12d" % coverage["fact", fact, *end] for end in ends))
            for kind, status in ends:
                cell("%s %s %s" % (fact, kind, status), coverage["fact", fact, kind, status] * FACTS_SHARE,
                     kind == "eligibility" or fact in histories.SUBJECTS)
    return few


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="build/release/journeyd")
    parser.add_argument("--histories", type=int, default=30000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep")
    parser.add_argument("--planted", nargs="*")
    parser.add_argument("--rebuild")
    parser.add_argument("--reach", action="store_true")
    parser.add_argument("--kinds", nargs="*", choices=ALL)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    World.rebuild = args.rebuild
    World.variants = tuple(args.kinds or ALL)
    World.shared = args.shared
    if args.reach:
        args.binary = None
    print("law: seed %d" % args.seed)
    if args.planted is not None:
        missed = 0
        with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
            hunts = [pool.submit(hunt, args.binary, name, args.seed, 60) for name in args.planted]
        for name, found in zip(args.planted, (one.result() for one in hunts)):
            print("  planted %-28s %s" % (name, "found in world %d" % found if found else "NOT FOUND"))
            missed += not found
        print("%d passed, %d failed, 0 skipped" % (len(args.planted) - missed, missed))
        return 1 if missed else 0

    coverage, failed, done, began = collections.Counter(), 0, 0, time.monotonic()
    scratch = args.keep or tempfile.mkdtemp()
    results = worlds(args.binary, args.seed, scratch, args.keep, args.jobs, args.only)
    for number, differences, found in results:
        coverage.update(found)
        done += 1
        if differences:
            failed += 1
            print("world %d (law.py --seed %d --only %d --keep DIR): %d differences"
                  % (number, args.seed, number, len(differences)), flush=True)
            for line in differences[:3 if args.only is None else 50]:
                print("   ", line)
        if failed >= 10 or coverage["histories"] >= args.histories:
            break
    results.close()
    print("law: %d histories, %d records in %.0f s" % (coverage["histories"], coverage["records"],
                                                      time.monotonic() - began))
    for what, count in sorted(coverage.items(), key=str):
        if what[0] == "records":
            print("  records %-16s %d" % (what[1], count))
    print("  orders cut into random batches, with undone ones and states rebuilt: %d"
          % coverage["cut into random batches, undone, rebuilt"])
    print("  histories outside the law (a version of what is no longer held, a zone for what is final): %d"
          % coverage["outside"])
    print("  touches too late by their own time, for rules over the time of recording: %d" % coverage["logged_only"])
    print("  alerts that stand acknowledged or overridden in the end: %d" % coverage["noted"])
    print("  alerts of rules in mode shadow: %d, that went to another topic: %d"
          % (coverage["in shadow"], coverage["moved to another topic"]))
    print("  alerts that another policy ended: %d" % coverage["ended by another policy"])
    print("  alerts that came and went between timers of one moment: %d" % coverage["between timers of one moment"])
    print("  alerts that came and went with those that they count: %d" % coverage["came and went with what it counts"])
    least = 1000 if args.histories >= 100000 else args.histories // 200 if args.histories >= 10000 else 0
    missing = reached(coverage, least)
    if args.only is not None or failed:
        missing = 0
    print("%d passed, %d failed, 0 skipped" % (done - failed, failed + missing))
    if not args.keep:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
