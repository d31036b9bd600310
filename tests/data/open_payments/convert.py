#!/usr/bin/env python3
"""Rows of Open Payments as engagement events: one structured CloudEvent a line, in the order of the file.

  convert.py [OUT.jsonl]        standard output without OUT

One row is one completed touch. The source has dates only, so `time` is 12:00 UTC of the date. The nature of
the payment decides role, channel and type; `amount` stays the decimal text of the source.
"""
import csv
import gzip
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

REP = ("sales_rep", "in_person", "call.completed")
MSL = ("msl", "in_person", "msl_interaction.completed")
SPEAKER = ("speaker", "event", "event.speaker")
OTHER = ("system", "other", "spend.recorded")
NATURES = {
    "Food and Beverage": REP,
    "Gift": REP,
    "Education": REP,
    "Entertainment": REP,
    "Consulting Fee": MSL,
    "Honoraria": MSL,
    "Grant": MSL,
    "Compensation for serving as faculty or as a speaker for an accredited or certified continuing education program": MSL,
    "Compensation for serving as faculty or as a speaker for a non-accredited and noncertified continuing education program": MSL,
    "Compensation for services other than consulting, including serving as faculty or as a speaker at a venue other than a continuing education program": SPEAKER,
    "Travel and Lodging": OTHER,
    "Royalty or License": OTHER,
    "Current or prospective ownership or investment interest": OTHER,
    "Charitable Contribution": OTHER,
}


def rows(name):
    with gzip.open(os.path.join(HERE, name), "rt", encoding="utf-8", newline="") as f:
        yield from csv.DictReader(f)


def events():
    account = {row["hcp_id"]: row["account_id"] for row in rows("hcp.csv.gz")}
    for row in rows("general_2013_2014.csv.gz"):
        role, channel, type_ = NATURES[row["nature"]]
        team = row["company_id"]
        data = {
            "hcp_id": row["hcp_id"],
            "account_id": account.get(row["hcp_id"]),
            "actor": {"id": f"{team}:{role}", "role": role, "team": team},
            "channel": channel,
            "phase": "completed",
            "product": row["product1"] or None,
            "amount": row["amount_usd"],
            "currency": "USD",
            "country": "US",
            "initiated_by": "company",
        }
        yield {
            "specversion": "1.0",
            "id": row["event_id"],
            "source": "open-payments",
            "type": type_,
            "time": row["date"] + "T12:00:00Z",
            "datacontenttype": "application/json",
            "data": {name: value for name, value in data.items() if value is not None},
        }


def main():
    out = sys.stdout if len(sys.argv) < 2 else open(sys.argv[1] + ".new", "w", encoding="utf-8")
    for event in events():
        out.write(json.dumps(event, separators=(",", ":")) + "\n")
    if out is not sys.stdout:
        out.close()
        os.replace(sys.argv[1] + ".new", sys.argv[1])


main()
