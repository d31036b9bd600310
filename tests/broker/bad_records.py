#!/usr/bin/python3
"""Whatever comes in: it is decided, or it is in <input>.dlq with its reason and its original bytes, key and
headers, in the transaction that consumed it; the good records between are decided; memory stays flat.

  bad_records.py [--mass N]      N: how many bad records the memory check sends at once, eight times (default 30000)
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import tarfile

import journeyd as jd

SEED = 20130801
SCHEMA = json.loads((jd.ROOT / "schemas/EngagementEvent.avsc").read_text())
CONFORMANCE = jd.ROOT / "tests/data/conformance"

POLICY = {
    "policy.yaml": {"name": "bad-records", "allowed_lateness": "30d"},
    "conflicts.yaml": [{"id": "same-day", "version": 1, "kind": "proximity", "a": {"role": "sales_rep"},
                        "b": {"role": "msl"}, "within": "1d", "mode": "alert", "severity": "high"}],
}


def envelope(event_id, kind="call.completed", time="2026-03-02T09:00:00Z", **more):
    headers = {"ce_specversion": "1.0", "ce_id": event_id, "ce_source": "crm", "ce_type": kind, "ce_time": time,
               "content-type": "application/json"}
    headers.update(more)
    return [(k, v.encode() if isinstance(v, str) else v) for k, v in headers.items() if v is not None]


def body(hcp="h1", role="sales_rep", **more):
    return {"hcp_id": hcp, "channel": "in_person", "actor": {"id": f"{role}-1", "role": role, "team": "t"}, **more}


class Suite:
    def __init__(self, mass):
        self.counts, self.mass = jd.Counts(), mass
        self.cluster = jd.Cluster("bad", partitions=4)
        self.topic = self.cluster.topics["engagement.events"]
        self.writer = jd.Writer(4)
        self.expected = {}  # label: (reasons or None for "either", key, value, headers)
        self.pairs = 0

    # -- sending -----------------------------------------------------------------------------------

    def good(self):
        """Two visits that raise one alert."""
        hcp = f"good-{self.pairs}"
        for role in ("sales_rep", "msl"):
            self.writer.send(self.topic, hcp.encode(), json.dumps(body(hcp, role)).encode(),
                             envelope(f"{hcp}-{role}"))
        self.pairs += 1

    def bad(self, label, reasons, key=b"h1", value=None, headers=None, topic=None, partition=None):
        label = f"{len(self.expected)}:{label}"
        headers = (envelope(label) if headers is None else headers) + [("test-label", label.encode())]
        reasons = {reasons} if isinstance(reasons, str) else reasons
        self.expected[label] = (reasons, key, value, headers)
        self.writer.send(topic or self.topic, key, value, headers, partition)
        if len(self.expected) % 200 == 0:
            self.good()

    def send_each_kind(self):
        ok = json.dumps(body()).encode()
        wrong = (jd.partition_of(b"h1", 4) + 1) % 4
        self.bad("null value", "null_value")
        self.bad("null key", "null_key", key=None, value=ok)
        self.bad("key against hcp_id", "key_mismatch", key=b"h2", value=ok)
        self.bad("wrong partition", "wrong_partition", value=ok, partition=wrong)
        self.bad("over max_record_bytes", "too_large", value=b"x" * (300 * 1024))
        self.bad("unknown type", "unknown_type", value=ok, headers=envelope("t1", "call.dreamt"))
        self.bad("envelope against value", "envelope_mismatch", value=json.dumps({**body(), "id": "other"}).encode())
        self.bad("future version of CloudEvents", "bad_envelope", value=ok,
                 headers=envelope("t2", ce_specversion="2.0"))
        self.bad("no time", "missing_field", value=ok, headers=envelope("t3", ce_time=None))
        self.bad("planned without start", "missing_field", value=ok, headers=envelope("t4", "call.planned"))
        self.bad("end before start", "bad_interval", value=json.dumps(
            {**body(), "start": "2026-03-02T10:00:00Z", "end": "2026-03-02T09:00:00Z"}).encode())
        self.bad("too late", "too_late", value=ok, headers=envelope("t5", time="2025-03-02T09:00:00Z"))
        self.bad("too far ahead", "too_far_ahead", value=json.dumps(
            {**body(), "start": "2036-03-02T10:00:00Z", "recorded_at": "2026-03-02T09:00:00Z"}).encode(),
            headers=envelope("t6", "call.planned"))
        self.bad("from the future", "from_the_future", value=json.dumps(
            {**body(), "recorded_at": "2026-03-02T09:00:00Z"}).encode(),
            headers=envelope("t7", time="2026-03-03T09:00:00Z"))
        self.bad("unknown channel", "unknown_symbol", value=json.dumps(body(channel="carrier_pigeon")).encode())
        self.bad("amount as text", "bad_decimal", value=json.dumps(body(amount="ten")).encode())
        self.bad("time as text", "bad_time", value=json.dumps(body(start="tomorrow")).encode())
        self.bad("field twice", "duplicate_field", value=ok[:-1] + b', "hcp_id": "h1"}')
        self.bad("not UTF-8", {"bad_utf8", "bad_json"}, value=ok.replace(b"in_person", b"in_\xffperson"))
        self.bad("lone surrogate", {"bad_utf8", "bad_json"}, value=ok.replace(b'"t"', b'"\\ud800"'))
        self.bad("trailing text", {"trailing_bytes", "bad_json"}, value=ok + b" x")
        self.bad("medical data of a representative", "classified_medical", value=json.dumps(
            {**body(), "actor": {"id": "r", "role": "sales_rep"}, "attributes": {"classification": "medical"}}).encode())
        self.bad("deep", {"too_deep", "wrong_type"}, value=b'{"x":' + b"[" * 100000 + b"]" * 100000 + b"}")
        self.bad("content type", "bad_content_type", value=ok,
                 headers=envelope("t8", **{"content-type": "application/xml"}))
        self.bad("clock.advanced while others rule", {"missing_field", "null_value", "bad_time"}, value=ok,
                 headers=envelope("t9", "clock.advanced", time="soon"))
        # One id, two contents: the first counts.
        first = json.dumps(body("conflict", product="A")).encode()
        self.writer.send(self.topic, b"conflict", first, envelope("twice"))
        self.bad("id conflict", "id_conflict", key=b"conflict", value=first.replace(b'"A"', b'"B"'),
                 headers=envelope("twice"))

    def send_profiles(self):
        topic = self.cluster.topics["hcp.profiles"]
        good = {"hcp_id": "p1", "recorded_at": "2026-03-01T00:00:00Z"}
        self.writer.send(topic, b"p1", json.dumps(good).encode(), [("content-type", b"application/json")])
        kind = [("content-type", b"application/json")]
        self.bad("profile without recorded_at", "missing_field", key=b"p1", value=b'{"hcp_id":"p1"}', headers=kind,
                 topic=topic)
        self.bad("profile under another key", "key_mismatch", key=b"p2", value=json.dumps(good).encode(),
                 headers=kind, topic=topic)
        self.bad("profile with a wrong NPI", "npi_invalid", key=b"p1",
                 value=json.dumps({**good, "attributes": {"npi": "1234567898"}}).encode(), headers=kind, topic=topic)

    def send_truncated(self):
        ok = json.dumps(body(product="P", amount="12.50")).encode()
        datum = jd.avro(SCHEMA, body(product="P", amount="12.50"))
        for size in range(len(ok)):
            self.bad(f"JSON cut at {size}", {"truncated", "bad_json", "null_value"}, value=ok[:size])
        for size in range(len(datum)):
            self.bad(f"Avro cut at {size}", {"truncated", "bad_avro", "missing_field", "bad_framing"},
                     value=self.framed(datum[:size]),
                     headers=envelope(f"a{size}", **{"content-type": "application/avro"}))
        self.bad("half a frame", {"bad_framing", "truncated"}, value=b"\0\0\0",
                 headers=envelope("frame", **{"content-type": "application/avro"}))
        self.bad("unknown schema id", "unknown_schema", value=jd.framed(999999999, datum),
                 headers=envelope("schema", **{"content-type": "application/avro"}))
        self.bad("trailing Avro", "trailing_bytes", value=self.framed(datum + b"\0"),
                 headers=envelope("trail", **{"content-type": "application/avro"}))
        # A flipped bit may still be an event: decided or dead-lettered, never lost, never worse.
        rng = random.Random(SEED)
        for i in range(300):
            for name, whole, kind in (("JSON", ok, "application/json"), ("Avro", datum, "application/avro")):
                at, bit = rng.randrange(len(whole)), rng.randrange(8)
                flipped = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1:]
                self.bad(f"{name} byte {at} bit {bit}", None,
                         value=self.framed(flipped) if name == "Avro" else flipped,
                         headers=envelope(f"flip-{name}-{i}", **{"content-type": kind}))

    def send_hostile(self):
        """What broke other readers: sizes, counts and indexes that lie."""
        avro = {"content-type": "application/avro"}
        head = jd.zigzag(0) * 3  # id, source, type: absent (first branch null) or not: refused either way
        lies = {"string of 1 GiB": jd.zigzag(1) + jd.zigzag(1 << 30), "negative size": jd.zigzag(1) + jd.zigzag(-5),
                "branch out of range": jd.zigzag(99), "negative branch": jd.zigzag(-1),
                "varint without end": b"\xff" * 12, "zeros": b"\0" * 40, "2^40 items": head + jd.zigzag(1 << 40)}
        for name, lie in lies.items():
            self.bad(name, {"bad_avro", "truncated", "too_long", "missing_field", "trailing_bytes", "out_of_range",
                            "unknown_symbol", "wrong_type"},
                     value=self.framed(lie), headers=envelope(f"lie {name}", **avro))

    def send_conformance(self):
        """JSONTestSuite: what must be refused, and what is JSON but no event."""
        archives = sorted(CONFORMANCE.glob("*JSONTestSuite*.tar.*"))
        self.counts.check(bool(archives), "the JSON test suite is in tests/data/conformance")
        for archive in archives:
            with tarfile.open(archive) as tar:
                for member in tar:
                    name = pathlib.PurePosixPath(member.name).name
                    if member.isfile() and name.endswith(".json") and name[:2] in ("n_", "y_", "i_"):
                        value = tar.extractfile(member).read()
                        if len(value) < 200000:
                            self.bad(f"suite {name}", set(), value=value)

    def framed(self, datum):
        return jd.framed(self.schema_id, datum)

    # -- looking -----------------------------------------------------------------------------------

    def check_dead_letters(self):
        found = {}
        for topic in (self.topic, self.cluster.topics["hcp.profiles"]):
            for record in jd.read_all(topic + ".dlq"):
                headers = record.headers() or []
                named = {k: v for k, v in headers}
                label = named.get("test-label", b"").decode()
                if label == "":  # a stub keeps no original header: found by its position
                    label = next((l for l, e in self.expected.items() if e[2] is not None and
                                  hashlib.sha256(e[2]).hexdigest().encode() == named.get("jd.dlq.sha256")), "?")
                self.counts.failed += label in found  # never twice
                found[label] = (record, named, headers)
        wrong = []
        for label, (reasons, key, value, headers) in self.expected.items():
            if label not in found:
                if reasons is not None:
                    wrong.append(f"{label}: not in the dead-letter topic")
                continue
            record, named, got = found[label]
            reason = named.get("jd.dlq.reason", b"?").decode()
            if reasons and reason not in reasons:
                wrong.append(f"{label}: {reason}, expected {sorted(reasons)} ({named.get('jd.dlq.message')})")
            if record.key() != key or (record.value() != value and "jd.dlq.sha256" not in named):
                wrong.append(f"{label}: other key or value than the original")
            if "jd.dlq.sha256" not in named and [h for h in got if not h[0].startswith("jd.dlq.")] != headers:
                wrong.append(f"{label}: other headers than the original")
            for name in ("jd.dlq.topic", "jd.dlq.partition", "jd.dlq.offset", "jd.dlq.stage"):
                if name not in named:
                    wrong.append(f"{label}: no {name}")
        for line in wrong[:20]:
            print("      " + line)
        self.counts.check(not wrong, f"{len(self.expected)} bad records: {len(found)} dead letters with their reasons",
                          f"{len(wrong)} wrong")
        self.counts.check(set(found) <= set(self.expected), "nothing else was dead-lettered",
                          str(sorted(set(found) - set(self.expected))[:5]))
        return len(found)

    def check_good(self):
        alerts = {json.loads(r.value())["alert_id"] for r in jd.read_all(self.cluster.topics["conflict.alerts"])
                  if json.loads(r.value())["key"].startswith("good-")}
        self.counts.check(len(alerts) == self.pairs, f"{self.pairs} good pairs between them raised their alerts",
                          f"{len(alerts)} alerts")

    def check_memory(self, daemon):
        value = json.dumps(body()).encode()[:-3]

        def wave():
            for i in range(self.mass):
                self.writer.send(self.topic, b"h1", value, envelope(f"mass-{i}"))
            self.writer.flush()
            daemon.wait_consumed()

        if os.environ.get("BUILD") in ("asan", "tsan"):
            print("  skip  memory is flat: the sanitizer's shadow and quarantine grow with what is touched")
            self.counts.skipped += 1
            wave()
            return

        def peak():
            """Queues fill and empty by more than a leak would show in one wave: the highest of four."""
            highest = 0
            for _ in range(4):
                wave()
                highest = max(highest, daemon.rss())
            return highest

        growth = -peak() + peak()
        self.counts.check(growth < 4 << 20, f"memory is flat over {8 * self.mass} bad records",
                          f"the peak of the second half is {growth} bytes over that of the first")

    def run(self):
        print(f"seed {SEED}")
        policy = self.cluster.directory / "policy"
        policy.mkdir()
        for name, content in POLICY.items():
            (policy / name).write_text(json.dumps(content))
        config = self.cluster.config(max_record_bytes="256KiB")
        self.schema_id = jd.register(f"{self.topic}-value", SCHEMA)
        self.cluster.publish(config, policy)
        daemon = jd.Daemon(self.cluster, config).start().wait_ready()
        # A good record first: it sets the clock.
        self.good()
        self.writer.flush()
        daemon.wait_consumed()
        for send in (self.send_each_kind, self.send_profiles, self.send_truncated, self.send_hostile,
                     self.send_conformance, self.good):
            send()
        self.writer.flush()
        daemon.wait_consumed(roles=("engagement.events", "hcp.profiles"))
        dead = self.check_dead_letters()
        self.check_good()
        consumed = daemon.metric("journeyd_records_consumed_total")
        sent = sum(len(jd.read_all(self.cluster.topics[t])) for t in jd.Cluster.INPUTS)
        self.counts.check(consumed == sent, f"{sent} records consumed", f"metric says {consumed}")
        self.counts.check(daemon.metric("journeyd_records_dead_lettered_total") == dead, "the metric counts the dead letters")
        self.check_memory(daemon)
        self.counts.check(daemon.stop() == 0, "it stops cleanly")
        log = daemon.log.read_text(errors="replace")
        self.counts.check(not any(mark in log for mark in ("Sanitizer: ", "runtime error")), "sanitizers are silent",
                          jd.tail(daemon.log, 40))
        self.counts.end()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--mass", type=int, default=30000)
    Suite(arguments.parse_args().mass).run()
