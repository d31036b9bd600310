#!/usr/bin/python3
"""JSON lines of convert.py as Avro values in parts, for `floor load`: parts.py EVENTS.jsonl OUT.parts

Six parts a record, each with its length before it (u32, machine order): the value's bytes before hcp_id, hcp_id, the
bytes after it, and the envelope's id, type and time. So a copy with other ids needs no second encoding.
"""
import decimal
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "broker"))
import journeyd as jd  # noqa: E402

SCHEMA = json.loads((jd.ROOT / "schemas/EngagementEvent.avsc").read_text())
PLACE = [field["name"] for field in SCHEMA["fields"]].index("hcp_id")


def main():
    names = {}
    jd.avro(SCHEMA, {"hcp_id": ""}, names)  # learns the named types
    before = {**SCHEMA, "fields": SCHEMA["fields"][:PLACE]}
    after = {**SCHEMA, "fields": SCHEMA["fields"][PLACE + 1:]}
    with open(sys.argv[1], encoding="utf-8") as lines, open(sys.argv[2], "wb") as out:
        for line in lines:
            event = json.loads(line, parse_float=decimal.Decimal)
            data = event["data"]
            for part in (jd.avro(before, data, names), data["hcp_id"].encode(), jd.avro(after, data, names),
                         event["id"].encode(), event["type"].encode(), event["time"].encode()):
                out.write(struct.pack("=I", len(part)) + part)


main()
