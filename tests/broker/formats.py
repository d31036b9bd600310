#!/usr/bin/python3
"""Every way in and out that is promised: CloudEvents binary and structured, JSON, Avro through a real Schema
Registry, Avro with a fixed schema, older and newer writers; a registry that is away pauses what needs it,
and nothing else.

A pair of visits of one physician raises one alert, so what was understood shows on conflict.alerts.
"""
import copy
import json
import sys
import time
import urllib.parse

import journeyd as jd

SCHEMA = json.loads((jd.ROOT / "schemas/EngagementEvent.avsc").read_text())
ALERT = json.loads((jd.ROOT / "schemas/ConflictAlert.avsc").read_text())
POLICY = {
    "policy.yaml": {"name": "encodings", "allowed_lateness": "30d"},
    "conflicts.yaml": [{"id": "same-day", "version": 1, "kind": "proximity", "a": {"role": "sales_rep"},
                        "b": {"role": "msl"}, "same": ["team"], "within": "1d", "mode": "alert",
                        "severity": "high"}],
}
TIME = "2026-03-02T09:00:00Z"
AVRO = "application/avro"


def older():
    """A writer of before: fewer fields, another order."""
    schema = copy.deepcopy(SCHEMA)
    keep = {"hcp_id", "actor", "channel", "product"}
    schema["fields"] = [f for f in reversed(schema["fields"]) if f["name"] in keep]
    return schema


def newer():
    """A writer of after: fields we do not know, between ours."""
    schema = copy.deepcopy(SCHEMA)
    extra = [{"name": "mood", "type": ["null", "string"], "default": None},
             {"name": "scores", "type": {"type": "array", "items": "double"}, "default": []},
             {"name": "device", "type": {"type": "record", "name": "Device", "fields": [
                 {"name": "kind", "type": {"type": "enum", "name": "DeviceKind", "symbols": ["phone", "tablet"]}},
                 {"name": "tags", "type": {"type": "map", "values": "string"}}]}}]
    for i, field in enumerate(extra):
        schema["fields"].insert(3 * i, field)
    return schema


def headers(event_id, kind, **more):
    return [(k, str(v).encode()) for k, v in {"ce_specversion": "1.0", "ce_id": event_id, "ce_source": "crm",
                                              "ce_type": "call.completed", "ce_time": TIME, "content-type": kind,
                                              **more}.items()]


def visit(hcp, role):
    return {"hcp_id": hcp, "actor": {"id": f"{role}-1", "role": role, "team": "t"}, "channel": "in_person",
            "product": "P"}


class Suite:
    def __init__(self):
        self.counts = jd.Counts()

    def start(self, name, **options):
        self.cluster = jd.Cluster(name, partitions=4)
        self.topic = self.cluster.topics["engagement.events"]
        self.writer = jd.Writer(4)
        policy = self.cluster.directory / "policy"
        policy.mkdir()
        for file, content in POLICY.items():
            (policy / file).write_text(json.dumps(content))
        config = self.cluster.config(**options)
        self.cluster.publish(config, policy)
        self.daemon = jd.Daemon(self.cluster, config).start().wait_ready()

    def pair(self, hcp, encode):
        """`encode(body, event id)` gives value and headers."""
        for role in ("sales_rep", "msl"):
            value, heads = encode(visit(hcp, role), f"{hcp}-{role}")
            self.writer.send(self.topic, hcp.encode(), value, heads)
        self.writer.flush()

    def alerted(self, decode=json.loads):
        return {decode(r.value())["hcp_id"] for r in jd.read_all(self.cluster.topics["conflict.alerts"])}

    def expect(self, hcps, what):
        try:
            jd.wait(lambda: hcps <= self.alerted(), 20, lambda: "")
            self.counts.check(True, what)
        except TimeoutError:
            dead = [dict(r.headers()).get("jd.dlq.reason") for r in jd.read_all(self.cluster.dlq())]
            self.counts.check(False, what, f"missing {hcps - self.alerted()}, dead letters {dead}")

    def avro(self, schema):
        number = jd.register(f"{self.topic}-{len(json.dumps(schema))}", schema)

        def encode(body, event_id):
            more = {"device": {"kind": "tablet", "tags": {"a": "b"}}, "mood": "fine", "scores": [],
                    "quantity": None}
            return jd.framed(number, jd.avro(schema, {**more, **body})), headers(event_id, AVRO)

        return encode

    def in_and_out_json(self):
        self.start("enc")
        structured = lambda body, event_id: (json.dumps(
            {"specversion": "1.0", "id": event_id, "source": "crm", "type": "call.completed", "time": TIME,
             "datacontenttype": "application/json", "data": body}).encode(),
            [("content-type", b"application/cloudevents+json; charset=UTF-8")])
        cases = {"binary-json": lambda b, i: (json.dumps(b).encode(), headers(i, "application/json")),
                 "structured": structured, "avro": self.avro(SCHEMA), "avro-older": self.avro(older()),
                 "avro-newer": self.avro(newer())}
        for name, encode in cases.items():
            self.pair(name, encode)
            self.expect({name}, f"{name} is understood")
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        self.pair("traced", lambda b, i: (json.dumps(b).encode(),
                                          headers(i, "application/json", traceparent=trace)))
        self.expect({"traced"}, "an event with a traceparent is understood")
        record = next(r for r in jd.read_all(self.cluster.topics["conflict.alerts"])
                      if json.loads(r.value())["hcp_id"] == "traced")
        heads = {k: v.decode() for k, v in record.headers()}
        self.counts.check(heads.get("traceparent") == trace, "the alert carries the cause's traceparent")
        self.counts.check({"ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "jd_origin",
                           "content-type"} <= heads.keys(), "the alert has its CloudEvents headers", str(heads))
        self.counts.check(record.key() == b"hcp:traced", "the alert's key is hcp:<id>", str(record.key()))
        self.counts.check(self.daemon.stop() == 0, "it stops cleanly")

    def registry_away(self):
        address = urllib.parse.urlparse(jd.REGISTRY)
        gate = jd.Gate((address.hostname, address.port)).up()
        self.start("reg", registry={"url": f"http://127.0.0.1:{gate.port}{address.path}"})
        late = self.avro(newer())
        gate.down()
        waits = next(f"wait-{i}" for i in range(100) if jd.partition_of(f"wait-{i}".encode(), 4) == 0)
        others = {f"go-{p}": next(f"go-{p}-{i}" for i in range(100)
                                  if jd.partition_of(f"go-{p}-{i}".encode(), 4) == p) for p in (1, 2, 3)}
        self.pair(waits, late)
        for hcp in others.values():
            self.pair(hcp, lambda b, i: (json.dumps(b).encode(), headers(i, "application/json")))
        self.expect(set(others.values()), "registry away: other partitions go on")
        time.sleep(1)
        self.counts.check(waits not in self.alerted() and not jd.read_all(self.cluster.dlq()),
                          "registry away: what needs it waits and is not dead-lettered")
        gate.up()
        self.expect({waits}, "registry back: it goes on")
        self.counts.check(not jd.read_all(self.cluster.dlq()), "nothing was dead-lettered")
        self.counts.check(self.daemon.stop() == 0, "it stops cleanly")
        gate.down()

    def avro_out(self):
        self.start("out", encoding={"out": "avro"})
        self.pair("h1", lambda b, i: (json.dumps(b).encode(), headers(i, "application/json")))

        def decode(value):
            alert, end = jd.read_avro(ALERT, value, 5)
            assert value[0] == 0 and end == len(value), "framing"
            return alert

        try:
            jd.wait(lambda: self.alerted(decode) == {"h1"}, 20, lambda: "")
        except TimeoutError:
            pass
        records = jd.read_all(self.cluster.topics["conflict.alerts"])
        self.counts.check(len(records) == 1 and decode(records[0].value())["rule"] == "same-day",
                          "an alert in Avro, read with schemas/ConflictAlert.avsc", f"{len(records)} records")
        self.counts.check(self.daemon.stop() == 0, "it stops cleanly")

    def fixed_schema(self):
        path = jd.ROOT / "schemas/EngagementEvent.avsc"
        self.start("fix", encoding={"in": "avro", "events_schema": str(path)})
        self.pair("h1", lambda b, i: (jd.avro(SCHEMA, b), headers(i, AVRO)))
        self.expect({"h1"}, "Avro with a fixed schema, without framing")
        self.counts.check(self.daemon.stop() == 0, "it stops cleanly")

    def run(self, only=()):
        self.counts.run((self.in_and_out_json, self.registry_away, self.avro_out, self.fixed_schema), only)


if __name__ == "__main__":
    Suite().run(sys.argv[1:])
