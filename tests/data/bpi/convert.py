#!/usr/bin/env python3
"""Rows of the loan process as engagement events: one structured CloudEvent a line, in the order of the log.

  convert.py [OUT.jsonl]        standard output without OUT

A piece of work on a case (W_, from its START to the next COMPLETE of the same case, activity and agent) is a call of
that agent, told when it is over; an offer's step (O_) is an e-mail of marketing, an application's (A_) an answer of the
service. Scheduled work, and work whose end the sample lacks, is left out.
"""
import csv
import gzip
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DIRECT = {"O": ("marketing", "email", "email.sent"), "A": ("service", "portal", "mi.responded")}


def rows():
    with gzip.open(os.path.join(HERE, "bpic2012_clock_change.csv.gz"), "rt", encoding="utf-8", newline="") as f:
        yield from csv.DictReader(f)


def event(row, time, role, channel, type_, end=None):
    data = {"hcp_id": "case-" + row["case"], "engagement_id": "work-" + row["seq"], "channel": channel, "end": end,
            "actor": {"id": "agent-" + (row["resource"] or "none"), "role": role}, "topic": row["activity"]}
    return {"specversion": "1.0", "id": row["seq"], "source": "bpic2012", "type": type_, "time": time,
            "datacontenttype": "application/json", "data": {k: v for k, v in data.items() if v is not None}}


def events():
    begun = {}
    for row in rows():
        kind, key = row["activity"][0], (row["case"], row["activity"], row["resource"])
        if kind in DIRECT:
            yield event(row, row["time"], *DIRECT[kind])
        elif row["transition"] == "START":
            begun[key] = row["time"]
        elif row["transition"] == "COMPLETE" and key in begun:
            start = begun.pop(key)
            yield event(row, start, "sales_rep", "phone", "call.completed",
                        row["time"] if row["time"] != start else None)


def main():
    out = open(sys.argv[1], "w", encoding="utf-8") if len(sys.argv) > 1 else sys.stdout
    for one in events():
        out.write(json.dumps(one, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
