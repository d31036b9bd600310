#!/usr/bin/env python3
"""Other engines' test vectors, run as rules and events through `journeyd replay`: Siddhi (complex event processing),
Kafka Streams (windows), Dittofeed (segments of an engagement engine). README.md says what is translated how.

  vectors.py [--binary build/release/journeyd] [--sample N --seed S] [--only TEXT] [--list]

Each vector is expressed and passes, or has one of the closed list of reasons why no rule says it. Expected results are
those of the vectors alone. --sample: only so many of all of them, drawn with the seed; --only: those whose name has the
text; --list: each with what became of it.
"""
import argparse
import collections
import concurrent.futures
import gzip
import json
import os
import random
import sys

import dittofeed
import kafka_streams
import siddhi
import siddhi_rules
from case import Unexpressed

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.path.join(ROOT, "tests", "data", "vectors")

# Engine: module, file, reasons, how many must pass (a converter that gives up more must not go unseen).
ENGINES = {"siddhi": (siddhi.Vector, "siddhi_vectors", siddhi_rules.REASONS, 212),
           "kafka streams": (kafka_streams.Vector, "kafka_streams_vectors", kafka_streams.REASONS, 9),
           "dittofeed": (dittofeed.Vector, "dittofeed_segment_vectors", dittofeed.REASONS, 21)}


def vectors():
    """(engine, name, vector) of all files."""
    for engine, (_, name, _, _) in ENGINES.items():
        with gzip.open(os.path.join(DATA, name + ".jsonl.gz"), "rt", encoding="utf-8") as f:
            for vector in map(json.loads, f):
                yield engine, vector.get("id") or vector["description"], vector


def outcome(binary, engine, vector):
    """(kind, text): unexpressed and the reason; failed and how; passed."""
    try:
        problem = ENGINES[engine][0](vector).problem(binary)
    except Unexpressed as reason:
        return "unexpressed", str(reason)
    except (RuntimeError, ValueError, KeyError) as error:
        return "failed", repr(error)
    return ("failed", problem) if problem else ("passed", "")


def report(engine, found, complete):
    """Prints one engine; how many failures it adds."""
    kinds = collections.Counter(kind for _, kind, _ in found)
    expressed = kinds["passed"] + kinds["failed"]
    print("%s: %d vectors, %d expressed, %d passed, %d failed" % (
        engine, len(found), expressed, kinds["passed"], kinds["failed"]))
    _, _, reasons, least = ENGINES[engine]
    said = collections.Counter(text for _, kind, text in found if kind == "unexpressed")
    for reason in reasons:
        if said[reason]:
            print("  %4d  %s" % (said.pop(reason), reason))
    failures = kinds["failed"]
    for name, kind, text in found:
        if kind == "failed":
            print("  FAIL %s: %s" % (name, text))
    for reason in +said:
        print("  FAIL a reason that is not on the list: %s" % reason)
        failures += 1
    if complete and kinds["passed"] + kinds["failed"] < least:
        print("  FAIL %d were expressed before" % least)
        failures += 1
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.environ.get("JOURNEYD", os.path.join(ROOT, "build/release/journeyd")))
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    chosen = [v for v in vectors() if args.only in v[1]]
    if args.sample:
        chosen = random.Random(args.seed).sample(chosen, args.sample)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda v: outcome(args.binary, v[0], v[2]), chosen))
    failures = 0
    for engine in ENGINES:
        found = [(name, *o) for (e, name, _), o in zip(chosen, outcomes) if e == engine]
        if found:
            failures += report(engine, found, not args.sample and not args.only)
    if args.list:
        for (engine, name, _), (kind, text) in zip(chosen, outcomes):
            print("%-13s %-11s %s%s" % (engine, kind, name, ": " + text if text else ""))
    passed = sum(kind == "passed" for kind, _ in outcomes)
    print("%d passed, %d failed, 0 skipped" % (passed, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
