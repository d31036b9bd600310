#!/usr/bin/env python3
"""Rows of the help desk as engagement events: one structured CloudEvent a line, in the order of the log.

  convert.py [OUT.jsonl]        standard output without OUT

Each step of a ticket is a completed touch: the ticket is the physician, its customer the account.
"""
import csv
import gzip
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def rows():
    with gzip.open(os.path.join(HERE, "helpdesk_2011.csv.gz"), "rt", encoding="utf-8", newline="") as f:
        yield from csv.DictReader(f)


def events():
    for row in rows():
        data = {"hcp_id": row["ticket"], "account_id": row["customer"], "engagement_id": "step-" + row["seq"],
                "channel": "phone", "actor": {"id": row["resource"], "role": "service"}, "topic": row["activity"],
                "product": row["product"]}
        yield {"specversion": "1.0", "id": row["seq"], "source": "helpdesk", "type": "call.completed",
               "time": row["time"], "datacontenttype": "application/json", "data": data}


def main():
    out = open(sys.argv[1], "w", encoding="utf-8") if len(sys.argv) > 1 else sys.stdout
    for one in events():
        out.write(json.dumps(one, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
