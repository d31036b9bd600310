#!/usr/bin/python3
"""The real data again and again, each time two years later, through `journeyd replay`: does memory stay as it is?

    repeat.py [--repetitions 1408] [--rules ID…] [--binary build/release/journeyd]

1408 times 71,036 events are 100 million. Ids of events and engagements get the number of the repetition behind them;
allowed_lateness is 30 d. Resident memory, CPU time and events are printed as it goes on; exit code 1 where memory in the
last quarter is more than a tenth above that of the second. Alerts are written to nothing.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data/open_payments"
POLICY = ROOT / "config/policies/open-payments"
YEARS = 2


def templates(lines):
    """Each line cut at its years and ids: what stands between, and what comes next."""
    pattern = re.compile(r'"(?:time|start|recorded_at)": ?"(\d{4})-|"id": ?"([^"]*)"|"engagement_id": ?"([^"]*)"')
    for line in lines:
        parts, at = [], 0
        for found in pattern.finditer(line):
            year = found.group(1) is not None
            end = found.end(1) if year else found.end() - 1
            parts.append((line[at:found.start(1)] if year else line[at:end], int(found.group(1)) if year else None))
            at = end
        yield parts, line[at:]


def write_policy(directory, rules):
    os.makedirs(directory)
    for name in ("policy.yaml", "conflicts.yaml"):
        text = (POLICY / name).read_text()
        if name == "policy.yaml":
            text = re.sub(r"allowed_lateness:.*", "allowed_lateness: 30d", text)
        elif rules:
            text = "".join(part for part in re.split(r"(?m)^(?=- id: )", text)
                           if not part.startswith("- id: ") or part.split()[2] in rules)
        (pathlib.Path(directory) / name).write_text(text)


def status(pid):
    """Resident bytes, and seconds of CPU."""
    with open(f"/proc/{pid}/statm") as f:
        resident = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return resident, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=1408)
    parser.add_argument("--rules", nargs="*", default=["medical-commercial-same-day", "medical-commercial-week"])
    parser.add_argument("--binary", default=str(ROOT / "build/release/journeyd"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        events = os.path.join(scratch, "events.jsonl")
        subprocess.run([sys.executable, DATA / "convert.py", events], check=True)
        with open(events) as f:
            lines = list(templates(f))
        write_policy(os.path.join(scratch, "policy"), args.rules)
        out = os.path.join(scratch, "out")
        os.mkdir(out)
        for name in ("alerts", "shadow", "triggers", "decisions", "dead-letters"):
            os.symlink("/dev/null", os.path.join(out, name + ".jsonl"))
        replay = subprocess.Popen([args.binary, "replay", "--policy", os.path.join(scratch, "policy"), "--events", "-",
                                   "--out", out, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        seen, began = [], time.monotonic()
        print("%12s %8s %12s %10s" % ("events", "MiB", "CPU us/event", "s"))
        for n in range(args.repetitions):
            replay.stdin.write("".join(
                "".join(text + (f"~{n}" if year is None else str(year + YEARS * n)) for text, year in parts) + rest
                for parts, rest in lines))
            replay.stdin.flush()
            resident, cpu = status(replay.pid)
            seen.append(resident)
            if args.repetitions <= 20 or n % (args.repetitions // 20) == 0 or n == args.repetitions - 1:
                done = (n + 1) * len(lines)
                print("%12d %8.1f %12.2f %10.0f" % (done, resident / 2**20, cpu / done * 1e6, time.monotonic() - began),
                      flush=True)
        summary = json.loads(replay.communicate()[0])
    quarter = max(len(seen) // 4, 1)
    before, after = max(seen[quarter:2 * quarter] or seen), max(seen[-quarter:])
    counts = {rule: row["alerts"] for rule, row in summary["alerts"].items()}
    print("applied %d of %d; alerts %s" % (summary["applied"], len(lines) * args.repetitions, counts))
    grown = after > before * 1.1 or summary["applied"] != len(lines) * args.repetitions
    print("%d passed, %d failed, 0 skipped" % (not grown, grown))
    return grown


if __name__ == "__main__":
    sys.exit(main())
