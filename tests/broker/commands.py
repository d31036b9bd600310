#!/usr/bin/python3
"""The commands against a real broker, Redis and registry: what they say, what they leave behind, and how they end.

Exit codes: 0 ok, 64 the command line, 65 the data, 69 a service that does not answer, 78 configuration or a
refusal. What is expected is read with confluent_kafka, redis-cli and the Avro reader of journeyd.py.
"""
import gzip
import hashlib
import datetime
import json
import re
import subprocess
import sys
import zlib

import journeyd as jd
from confluent_kafka.admin import AdminClient

OK, USAGE, DATA, UNAVAILABLE, CONFIG = 0, 64, 65, 69, 78
STARTER = jd.ROOT / "config/policies/starter"
OTHER = jd.ROOT / "config/policies/open-payments"
DEMO = jd.ROOT / "tests/demo"
MODES = jd.ROOT / "tests/cli/modes"
HCP = "HCP-DE-4711"
STATE = json.loads((jd.ROOT / "schemas/JourneyState.avsc").read_text())
PARTITIONS = 4
NOBODY = "127.0.0.1:1"  # a port where nothing listens


def event(number, hcp, role, day, phase="completed", **data):
    kind = ("call." if role == "sales_rep" else "msl_interaction.") + phase
    at = f"2026-03-{day:02}T10:00:00Z"
    return {"specversion": "1.0", "id": str(number), "source": "crm", "type": kind, "time": at,
            "data": {"hcp_id": hcp, "channel": "in_person", "engagement_id": f"e{number}", "start": at,
                     "recorded_at": at, "actor": {"id": role, "role": role, "team": "t"}, **data}}


def pair(number, hcp, day=2):
    """Two visits that collide under the starter policy: one alert."""
    return [event(number, hcp, "msl", day), event(number + 1, hcp, "sales_rep", day + 1)]


def redis_cli(*words):
    host, port = jd.REDIS.removeprefix("redis://").split(":")
    return subprocess.run(["redis-cli", "-h", host, "-p", port, *words], check=True,
                          stdout=subprocess.PIPE).stdout.removesuffix(b"\n")


def in_shard(prefix, shard):
    return next(f"{prefix}{i}" for i in range(1000)
                if jd.partition_of(f"{prefix}{i}".encode(), PARTITIONS) == shard)


def ms(text):
    """A time as texts have it, in milliseconds since 1970; 0 for none."""
    if text is None:
        return 0
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Scene:
    """A group with its topics, and the commands on it."""

    def __init__(self, counts, name, **options):
        self.counts, self.options = counts, options
        self.cluster = jd.Cluster("cmd" + name, PARTITIONS)
        self.cluster.topics["journal"] = f"{self.cluster.group}.journal"
        self.config = self.write("a")
        self.daemon = None

    def write(self, instance, **options):
        return self.cluster.config(instance, **{"clock": "record", "start_timeout": "20s",
                                                "redis": {"flush_interval": "20ms"},
                                                "kafka": {"session.timeout.ms": 1000,
                                                          "heartbeat.interval.ms": 300},
                                                **self.options, **options})

    def run(self, *words, config=None, stdin=None, timeout=60):
        words = [str(w) for w in words]
        if config is not False:
            words += ["--config", str(config or self.config)]
        return subprocess.run([jd.BINARY, *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout)

    def ends(self, what, code, *words, says=(), **options):
        """A command must end with `code`, and say each of the patterns on one of its outputs."""
        done = self.run(*words, **options)
        text = (done.stdout + done.stderr).decode(errors="replace")
        missing = [p for p in ([says] if isinstance(says, str) else says) if not re.search(p, text)]
        self.counts.check(done.returncode == code and not missing, f"{what}: exit {code}",
                          f"got {done.returncode}, missing {missing}: {text[-600:]}")
        return done.stdout

    def publish(self, policy=STARTER):
        self.cluster.publish(self.config, policy)

    def start(self):
        self.daemon = jd.Daemon(self.cluster, self.config).start().wait_ready()
        return self.daemon

    def stop(self):
        code = self.daemon.stop()
        self.counts.check(code == 0, "the daemon stops with 0", f"{code}: {jd.tail(self.daemon.log)}")

    def produce(self, events, **options):
        """With the command itself."""
        lines = "".join(json.dumps(e) + "\n" for e in events).encode()
        done = self.run("produce", "--file", "-", stdin=lines, **options)
        assert done.returncode == 0, done.stderr

    def decided(self):
        self.daemon.wait_consumed()

    def records(self, role):
        return jd.read_all(self.cluster.topics[role])

    def alerts(self):
        """(hcp, revision, status) of every record, sorted."""
        found = [json.loads(r.value()) for r in self.records("conflict.alerts")]
        return sorted((a["hcp_id"], a["revision"], a["status"]) for a in found)

    def verify(self, what, code=OK, says=(), shard="all"):
        report = self.ends(what, code, "verify", "--shard", shard, "--json", says=says)
        return json.loads(report) if report else {}

    def topic(self, role):
        return self.cluster.topics[role]

    def bucket(self, shard, field):
        return f"jd:{{{self.cluster.group}/{shard}}}:{zlib.crc32(field.encode()) & 0xff:02x}"

    def journal_is_gone(self):
        admin, topic = AdminClient({"bootstrap.servers": jd.KAFKA}), self.topic("journal")
        admin.delete_topics([topic], operation_timeout=20)[topic].result(30)
        jd.wait(lambda: topic not in admin.list_topics(timeout=10).topics, 30, lambda: "the journal stays")
        jd.create_topics([topic], PARTITIONS)


class Suite:
    def __init__(self):
        self.counts = jd.Counts()

    def scene(self, name, **options):
        return Scene(self.counts, name, **options)

    # ---- policy --------------------------------------------------------------------------------------

    def policy(self):
        s = self.scene("policy")
        s.ends("policy status before any", OK, "policy", "status", says="no policy is published")
        empty = json.loads(s.ends("the same as JSON", OK, "policy", "status", "--json"))
        self.counts.check(empty == {"current": None, "bundles": {}, "shards": None}, "nothing in it", str(empty))
        s.ends("publish by nobody", USAGE, "policy", "publish", STARTER, "--reason", "r", says="--by")
        s.ends("publish what", USAGE, "policy", "publish", "--by", "b", "--reason", "r", says="directory")
        s.ends("an action that is none", USAGE, "policy", "burn", says="publish, status or show")
        bad = s.cluster.directory / "bad"
        bad.mkdir()
        (bad / "policy.yaml").write_text("name: bad\nallowed_lateness: 3 fortnights\n")
        s.ends("publish a policy with an error", CONFIG, "policy", "publish", bad, "--by", "b", "--reason", "r",
               says=r"policy\.yaml:2:")
        self.counts.check(not s.records("journeyd.policies"), "nothing of it was published")
        s.ends("publish", OK, "policy", "publish", STARTER, "--by", "Ann", "--reason", "first", says="is in force")
        s.ends("publish it again", OK, "policy", "publish", STARTER, "--by", "Bob", "--reason", "again",
               says="in force already")
        records = s.records("journeyd.policies")
        self.counts.check([r.key() for r in records] == [hashlib.sha256(records[0].value()).hexdigest().encode(),
                                                         b"current"],
                          "the bundle, under its SHA-256, then `current`", str([r.key() for r in records]))
        name = records[0].key().decode()
        status = json.loads(s.ends("status", OK, "policy", "status", "--json"))
        now = status["current"]
        self.counts.check((now["hash"], now["by"], now["reason"], now["name"]) == (name, "Ann", "first", "starter")
                          and set(status["bundles"]) == {name} and "medical-commercial-48h" in now["rules"],
                          "who, why, what", str(status))
        s.ends("status for people", OK, "policy", "status", says=("by +Ann", "medical-commercial-48h"))
        shown = s.ends("show", OK, "policy", "show", name[:10])
        self.counts.check(shown.removesuffix(b"\n") == records[0].value().removesuffix(b"\n"),
                          "the bundle is shown byte by byte")
        s.ends("show a hash that is none", USAGE, "policy", "show", "xyz", says="hex digits")
        s.ends("show a hash that is not there", DATA, "policy", "show", "0123456789", says="no published policy")
        s.ends("another, before anything was decided", OK, "policy", "publish", OTHER, "--by", "b", "--reason", "r")
        s.ends("and back", OK, "policy", "publish", STARTER, "--by", "b", "--reason", "r")
        s.start()
        s.produce(pair(1, "h1"))
        s.decided()
        other = s.ends("another over live state", OK, "policy", "publish", OTHER, "--by", "b", "--reason", "r",
                       says="is in force").decode().split()[1]
        jd.wait(lambda: any(a["status"] == "retracted" and a["cause"] == "policy" and a["policy"] == other
                            for a in (json.loads(r.value()) for r in s.records("conflict.alerts"))),
                30, lambda: "the alert of the policy before did not end")
        jd.wait(lambda: json.loads(s.run("policy", "status", "--json").stdout)["shards"]["following"] == PARTITIONS, 30,
                lambda: s.run("policy", "status").stdout.decode())
        s.ends("status says how far the shards are", OK, "policy", "status", says=f"shards +{PARTITIONS}: {PARTITIONS} through")
        s.ends("status without Redis", OK, "policy", "status", says="shards +not known: ",
               config=s.write("noredis", redis={"url": f"redis://{NOBODY}"}))
        s.stop()
        s.ends("status without a broker", UNAVAILABLE, "policy", "status", says=re.escape(NOBODY),
               config=s.write("lost", kafka={"bootstrap.servers": NOBODY}, start_timeout="1s"))

    # ---- modes, audiences, notes ---------------------------------------------------------------------

    def modes(self):
        s = self.scene("modes")

        def told(role):
            return [json.loads(r.value()) for r in s.records(role)]

        def revisions(role):
            return [(a["revision"], a["status"]) for a in told(role)]

        s.publish(MODES / "shadow")
        s.start()
        s.produce(pair(1, "h1"))
        s.decided()
        self.counts.check(revisions("conflict.alerts.shadow") == [(1, "open")] and not told("conflict.alerts")
                          and not told("conflict.alerts.commercial"), "in shadow it is told there alone")
        s.publish(MODES / "alert")
        jd.wait(lambda: revisions("conflict.alerts") == [(3, "open")], 30, lambda: "the rule did not leave the shadow")
        self.counts.check(revisions("conflict.alerts.shadow")[1:] == [(2, "retracted")], "and it ends there")
        alert = told("conflict.alerts")[0]
        seen, other = (told("conflict.alerts." + side)[0] for side in ("commercial", "medical"))
        self.counts.check(["actor" in e for e in seen["evidence"]] == [False, True] and
                          ["actor" in e for e in other["evidence"]] == [True, True] and
                          alert["audience"] == "both" and alert["episode"] == seen["episode"],
                          "each side sees what it may", f"{seen} {other}")
        batches = {dict(s.records(role)[0].headers())["jd_origin"].rsplit(b"/", 1)[0]
                   for role in ("conflict.alerts", "conflict.alerts.commercial", "conflict.alerts.medical")}
        self.counts.check(len(batches) == 1, "of one batch, so in one transaction", str(batches))
        note = event(9, "h1", "msl", 4)
        note.update(type="alert.acknowledged", data={
            "hcp_id": "h1", "responds_to": alert["alert_id"], "actor": {"id": "eva"}, "recorded_at": note["time"],
            "end": "2026-03-09T00:00:00Z"})
        s.produce([note])
        s.decided()
        last = told("conflict.alerts")[-1]
        self.counts.check(last["revision"] == 4 and last["acknowledged"]["actor_id"] == "eva", "acknowledged", str(last))
        s.stop()
        s.ends("explain reads both topics", OK, "explain", "--alert", alert["alert_id"],
               says=("revision 1 ", "revision 2 .*cause policy", "in shadow", "revision 3 ", "revision 4 .*acknowledged", "by eva, until"))
        s.verify("verify, over both policies")

    def late_note(self):
        """Whether an account's alert is final its own shard knows, not that of the physician who is named."""
        s = self.scene("latenote")
        s.publish(MODES / "notes")
        s.start()
        s.produce([event(1, "h1", "msl", 2, account_id="A"), event(2, "h2", "sales_rep", 2, account_id="A")])
        s.decided()
        jd.wait(lambda: [a["key"] for a in map(json.loads, (r.value() for r in s.records("conflict.alerts")))] == ["A"],
                30, lambda: "no alert of the account")
        alert = json.loads(s.records("conflict.alerts")[0].value())
        s.ends("a month later", OK, "produce", "--advance", "2026-04-05T00:00:00Z")
        jd.wait(lambda: json.loads(s.records("conflict.alerts")[-1].value())["final"], 30, lambda: "it is not final")
        note = event(9, "h1", "msl", 4)
        note.update(type="alert.acknowledged", data={
            "hcp_id": "h1", "responds_to": alert["alert_id"], "attributes": {"alert_key": "account:A"},
            "actor": {"id": "eva"}, "recorded_at": "2026-04-05T00:00:00Z", "end": "2026-05-09T00:00:00Z"})
        s.produce([note])
        dead = s.cluster.group + ".touches.dlq"
        jd.wait(lambda: [dict(r.headers())["jd.dlq.reason"] for r in jd.read_all(dead)] == [b"alert_final"], 30,
                lambda: "the note was not refused")
        s.counts.check(not jd.read_all(s.cluster.dlq()), "the event itself was applied")
        s.stop()
        s.verify("verify, with a touch that was refused")

    # ---- check ---------------------------------------------------------------------------------------

    def check(self):
        s = self.scene("check")
        s.ends("check", OK, "check", "--connect", "--policy", STARTER, says="no problems")
        none = json.loads(s.ends("check as JSON", OK, "check", "--connect", "--json"))
        self.counts.check(none == {"errors": 0, "warnings": 0, "problems": []}, "no problems in it", str(none))
        s.ends("check without anything", USAGE, "check", config=False, says="--config")
        s.ends("no Redis", UNAVAILABLE, "check", "--connect", says=re.escape(NOBODY),
               config=s.write("noredis", redis={"url": f"redis://{NOBODY}"}))
        s.ends("no Kafka", UNAVAILABLE, "check", "--connect", says=re.escape(NOBODY),
               config=s.write("nokafka", kafka={"bootstrap.servers": NOBODY}, start_timeout="1s"))
        s.ends("no registry", UNAVAILABLE, "check", "--connect", says=re.escape(NOBODY),
               config=s.write("noregistry", registry={"url": f"http://{NOBODY}"}, start_timeout="1s"))
        short = f"{s.cluster.group}.short"
        jd.create_topics([short], PARTITIONS + 1)
        jd.create_topics([s.cluster.topics["journal"]], PARTITIONS, retention_ms="3600000")
        wrong = s.write("wrong", kafka={"no.such.property": "1"}, colour="red")
        s.ends("errors of the file, each with its place", CONFIG, "check", says=(r"wrong\.yaml:\d+:\d+: .*colour",),
               config=wrong)
        s.ends("a property that librdkafka does not know", CONFIG, "check", says="no.such.property",
               config=s.write("property", kafka={"no.such.property": "1"}))
        topics = {**s.cluster.topics, "hcp.profiles": short, "account.profiles": "not.there"}
        problems = json.loads(s.ends("errors of topics and policy in one run", CONFIG, "check", "--connect",
                                     "--policy", DEMO, "--json", config=s.write("topics", topics=topics)))
        text = json.dumps(problems)
        self.counts.check(all(w in text for w in (short, "not.there", "policy.yaml", "retention.ms=-1")),
                          "all four are told", text)

    # ---- produce -------------------------------------------------------------------------------------

    def produce(self):
        s = self.scene("produce")
        directory = s.cluster.directory
        lines = [event(i, f"h{i % 7}", "sales_rep", 2) for i in range(40)]
        (directory / "a.jsonl").write_text("".join(json.dumps(e) + "\n" for e in lines[:20]))
        with gzip.open(directory / "b.jsonl.gz", "wt") as f:
            f.write("".join(json.dumps(e) + "\n" for e in lines[20:]))
        s.ends("produce: plain and gzip", OK, "produce", "--file", directory / "a.jsonl", directory / "b.jsonl.gz",
               says="40 records .* all acknowledged")
        found = s.records("engagement.events")
        self.counts.check(sorted(r.value() for r in found) == sorted(json.dumps(e).encode() for e in lines),
                          "each line as it is, in structured mode")
        self.counts.check(all(r.partition() == jd.partition_of(r.key(), PARTITIONS) and
                              r.key() == json.loads(r.value())["data"]["hcp_id"].encode() for r in found),
                          "its key is the bare id, its partition murmur2's")
        per_key = [json.loads(r.value())["id"] for r in found if r.key() == b"h3"]
        self.counts.check(per_key == [e["id"] for e in lines if e["data"]["hcp_id"] == "h3"],
                          "a physician's lines stay in order", str(per_key))
        bad = b'{"specversion":"1.0"}\n' + json.dumps(event(50, "h1", "msl", 2)).encode() + b"\nnonsense\n"
        s.ends("produce: lines that the daemon would refuse", DATA, "produce", "--file", "-", stdin=bad,
               says=("1 records", "2 lines refused", "standard input:1: null_value", "standard input:3: "))
        self.counts.check(len(s.records("engagement.events")) == 41, "the good line between went out")
        for encoding in ("json", "avro"):
            s.ends(f"produce: binary mode, {encoding}", OK, "produce", "--encoding", encoding, "--file",
                   DEMO / "profile.jsonl", DEMO / "planned.jsonl", says="3 records")
        profiles = s.records("hcp.profiles")
        self.counts.check([r.value()[:1] for r in profiles] == [b"{", b"\0"], "JSON, and Avro with framing")
        binary = [dict(r.headers()) for r in s.records("engagement.events") if r.key() == HCP.encode()]
        self.counts.check(len(binary) == 4 and
                          all({"ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion"} <= set(h) for h in binary),
                          "the envelope in headers", str(binary))
        before = len(s.records("engagement.events"))
        s.ends("produce --advance", OK, "produce", "--advance", "2026-05-01T00:00:00Z", says="4 records")
        clocks = [r for r in s.records("engagement.events") if dict(r.headers() or ()).get("ce_type") == b"clock.advanced"]
        self.counts.check(len(s.records("engagement.events")) == before + 4 and
                          sorted(r.partition() for r in clocks) == [0, 1, 2, 3] and
                          all(r.key() is None and r.value() is None for r in clocks), "one a partition, key and value null")
        s.ends("produce what", USAGE, "produce", says="--file or --advance")
        s.ends("produce --advance to no time", USAGE, "produce", "--advance", "soon", says="is not a time")
        s.ends("produce a file that is not there", DATA, "produce", "--file", directory / "none", says="none")
        s.ends("produce without a broker", UNAVAILABLE, "produce", "--file", directory / "a.jsonl",
               config=s.write("lost", kafka={"bootstrap.servers": NOBODY}, start_timeout="1s"))

    # ---- inspect, explain, verify ----------------------------------------------------------------------

    def inspect(self):
        s = self.scene("inspect")
        s.publish()
        s.start()
        for file in ("profile", "planned"):
            s.produce(map(json.loads, (DEMO / f"{file}.jsonl").read_text().splitlines()))
        s.decided()
        s.daemon.wait_consumed(roles=("hcp.profiles",))
        shard = jd.partition_of(HCP.encode(), PARTITIONS)
        field = f"hcp:{HCP}"
        bucket = s.bucket(shard, field)
        jd.wait(lambda: redis_cli("hexists", bucket, field) == b"1", 20, lambda: "no state in Redis")
        s.stop()
        blob = redis_cli("--raw", "hget", bucket, field)
        state, _ = jd.read_avro(STATE, blob, 10)
        want = sorted((e["id"] or "", e["due"] or 0) for e in state["entries"])
        as_json = json.loads(s.ends("inspect --hcp as JSON", OK, "inspect", "--hcp", HCP, "--json"))
        shown = sorted((e.get("id") or "", ms(e.get("due"))) for e in as_json["entries"])
        self.counts.check(shown == want and len(want) >= 4 and any(due for _, due in want),
                          "the entries that Redis holds", f"{want} {as_json}")
        s.ends("inspect for people", OK, "inspect", "--hcp", HCP, says=("msl-visit-77", "rep-call-12", "plan-301"))
        meta = json.loads(s.ends("inspect --meta", OK, "inspect", "--shard", shard, "--meta", "--json"))
        self.counts.check(meta["seq"] == redis_cli("hget", bucket[:-2] + "meta", "seq").decode() and
                          {"token", "rev", "lineage", "offset"} <= set(meta), "meta as it is", str(meta))
        s.ends("inspect a shard", OK, "inspect", "--shard", shard, says=("2 states", field))
        s.ends("inspect by the key itself", OK, "inspect", "--key", field, says="msl-visit-77")
        s.ends("inspect an actor of no rule", DATA, "inspect", "--actor", "rep-ben", says="no state of actor:rep-ben")
        s.ends("inspect no key", USAGE, "inspect", "--key", "h1", says="not <name>:<value>")
        s.ends("inspect somebody unknown", DATA, "inspect", "--hcp", "nobody", says="no state of hcp:nobody")
        s.ends("inspect a shard that is not there", USAGE, "inspect", "--shard", 99, says="0 to 3")
        s.ends("inspect two things", USAGE, "inspect", "--hcp", HCP, "--shard", 1, says="one of")
        s.ends("inspect without Redis", UNAVAILABLE, "inspect", "--hcp", HCP, says=re.escape(NOBODY),
               config=s.write("noredis", redis={"url": f"redis://{NOBODY}"}))
        self.explain(s)
        self.verify(s)

    def explain(self, s):
        record = s.records("conflict.alerts")[0]
        alert = json.loads(record.value())
        s.ends("explain --alert from the topic", OK, "explain", "--alert", alert["alert_id"],
               says=("medical-commercial-48h", "msl-visit-77", "rep-call-12", "5 h apart", "revision 1",
                     "as written in the published policy/conflicts.yaml", "more than 1 d 19 h later"))
        why_not = ("explain", "--why-not", "--hcp", HCP, "--rule")
        s.ends("why not, of one that holds", OK, *why_not, "medical-commercial-48h",
               says="it holds for msl-visit-77, rep-call-12: open")
        s.ends("why not, from Redis", OK, *why_not, "speaker-commercial-same-day",
               says=("is a\n", "not b: role is msl, the rule wants speaker", "Nearest"))
        s.ends("why not, of a rule that is not there", DATA, *why_not, "medical-commercial-84h",
               says='did you mean "medical-commercial-48h"')
        told = json.loads(s.ends("the same as JSON", OK, "explain", "--alert", alert["alert_id"], "--json"))
        self.counts.check(told["alert"]["alert_id"] == alert["alert_id"] and len(told["history"]) == 1,
                          "the record of the topic", str(told))
        path = s.cluster.directory / "alert.json"
        path.write_bytes(record.value() + b"\n")
        s.ends("explain from a file", OK, "explain", "--file", path, says="msl-visit-77", config=False)
        s.ends("explain from standard input", OK, "explain", says="msl-visit-77", config=False, stdin=record.value() + b"\n")
        s.ends("an alert that is not there", DATA, "explain", "--alert", "f" * 32, says="no record")
        s.ends("an id that is none", USAGE, "explain", "--alert", "x", says="32 hex digits")
        s.ends("explain without a broker", UNAVAILABLE, "explain", "--alert", alert["alert_id"],
               config=s.write("lost", kafka={"bootstrap.servers": NOBODY}, start_timeout="1s"))

    def verify(self, s):
        report = s.verify("verify at rest")
        outputs = sum(len(s.records(role)) for role in s.cluster.OUTPUTS)
        self.counts.check(report["effects"] == report["published"] == outputs >= 3 and report["applied"] == 3 and
                          report["differences"] == 0, "as many effects as a reader sees", f"{report} {outputs}")
        shard = jd.partition_of(HCP.encode(), PARTITIONS)
        part = json.loads(s.ends("verify a range", OK, "verify", "--shard", shard, "--from", 2, "--to", 2, "--json"))
        self.counts.check(part["batches"] == 1, "one batch of it", str(part))
        s.ends("verify a shard that is not there", USAGE, "verify", "--shard", "7", says="0 to 3")
        s.ends("verify needs a shard", USAGE, "verify", says="--shard")
        original = s.records("conflict.alerts")[0]
        heads = original.headers()
        writer = jd.Writer(PARTITIONS)
        writer.send(s.cluster.topics["conflict.alerts"], original.key(), original.value(), heads, original.partition())
        writer.flush()
        s.verify("a record that is there twice", DATA, says="is there twice")
        forged = [(k, re.sub(rb"/\d+/(\d+)$", rb"/9/\1", v) if k == "jd_origin" else v) for k, v in heads]
        writer.send(s.cluster.topics["conflict.alerts"], original.key(), original.value(), forged, original.partition())
        writer.flush()
        s.verify("a record that nobody made", DATA, says="was made by no batch")
        redis_cli("hdel", s.bucket(shard, f"hcp:{HCP}"), f"hcp:{HCP}")
        s.verify("a state that is missing in Redis", DATA, says="Redis holds 1 states, the journal 2")
        s.ends("verify without a broker", UNAVAILABLE, "verify", "--shard", "all",
               config=s.write("lost", kafka={"bootstrap.servers": NOBODY}, start_timeout="1s"))

    # ---- reset ---------------------------------------------------------------------------------------

    def reset_now(self):
        """A time stamp of the far future moved the clock; afterwards everything is too late."""
        s = self.scene("now")
        hcp, other = in_shard("p", 1), in_shard("q", 1)
        s.ends("reset what", USAGE, "reset", "--shard", "all", says="one of --now")
        s.ends("reset two things", USAGE, "reset", "--shard", "all", "--skip-lost", "--adopt-image")
        s.ends("reset to no time", USAGE, "reset", "--shard", 1, "--now", "then", says="is not a time")
        s.publish()
        s.ends("reset what has no journal", CONFIG, "reset", "--shard", 1, "--now", "2026-03-04T00:00:00Z",
               says="no journal")
        s.start()
        s.produce(pair(1, hcp) + [event(3, other, "msl", 4, start="2031-01-01T00:00:00Z",
                                        recorded_at="2031-01-01T00:00:00Z")] + pair(5, other))
        s.decided()
        dead = [dict(r.headers())["jd.dlq.reason"] for r in jd.read_all(s.cluster.dlq())]
        self.counts.check(dead.count(b"too_late") == 2, "a poisoned clock: what is right is too late", str(dead))
        s.ends("reset while a daemon lives", CONFIG, "reset", "--shard", 1, "--now", "2026-03-04T00:00:00Z",
               says="stop every daemon")
        s.daemon.wait_ready()
        s.stop()
        s.ends("reset --now", OK, "reset", "--shard", 1, "--now", "2026-03-04T00:00:00Z",
               says="now is 2026-03-04T00:00:00")
        s.start()
        s.produce(pair(7, other))
        s.decided()
        s.stop()
        self.counts.check([a for a in s.alerts() if a[0] == other] == [(other, 1, "open")], "it decides again",
                          str(s.alerts()))
        report = s.verify("verify after reset --now", says="a person reset the shard")
        self.counts.check(report["effects"] == report["published"] and report["dead_letters"] == len(dead),
                          "nothing is missing or doubled", str(report))
        s.ends("reset without a broker", UNAVAILABLE, "reset", "--shard", 1, "--skip-lost",
               config=s.write("lost", kafka={"bootstrap.servers": NOBODY}, start_timeout="1s"))

    def reset_skip_lost(self):
        s = self.scene("skip")
        hcp, lost, later = (in_shard(p, 2) for p in "abc")
        s.publish()
        s.start()
        s.produce(pair(1, hcp))
        s.decided()
        s.stop()
        s.produce(pair(10, lost))
        s.produce(pair(20, later))
        jd.delete_records(s.topic("engagement.events"), 2, 4)
        s.ends("inputs removed unread", CONFIG, "run", says=("reset --skip-lost", "offsets 2 to 3"))
        s.ends("reset --skip-lost", OK, "reset", "--shard", "all", "--skip-lost",
               says=("offsets 2 to 3 are skipped", "shard 0: nothing is lost", "journals the gap"))
        s.start()
        s.decided()
        s.stop()
        self.counts.check(s.alerts() == sorted([(hcp, 1, "open"), (later, 1, "open")]), "what was left is decided",
                          str(s.alerts()))
        report = s.verify("verify after reset --skip-lost", says=("inputs were removed by retention",
                                                                  "a person reset the shard"))
        self.counts.check(report["effects"] == report["published"] and report["only_redone"] > 0,
                          "what can only be redone is there by count and digest", str(report))
        # Retention takes an effect of a batch that was only redone; then another stands in its place; then one more.
        topic = s.topic("conflict.alerts")
        other = next(r for r in s.records("conflict.alerts") if json.loads(r.value())["hcp_id"] == hcp)
        jd.delete_records(topic, other.partition(), -1)
        s.verify("effects that retention removed", says="effects are published, the journal counts")
        forged = json.dumps({**json.loads(other.value()), "citation": "another"}).encode()
        writer = jd.Writer(PARTITIONS)
        for value, what in ((forged, "the effects published are not those that it made"),
                            (other.value(), "effects are published, the journal counts")):
            writer.send(topic, other.key(), value, other.headers(), other.partition())
            writer.flush()
            s.verify("an effect that a redone batch did not make", DATA, says=what)

    def reset_adopt_image(self):
        s = self.scene("adopt")
        hcp = in_shard("a", 0)
        s.publish()
        s.start()
        planned = [event(1, hcp, "msl", 2), event(2, hcp, "sales_rep", 3, "planned")]
        s.produce(planned)
        s.decided()
        s.stop()
        s.ends("adopt an image while the journal is there", CONFIG, "reset", "--shard", "all", "--adopt-image",
               says="the journal is not gone")
        s.journal_is_gone()
        s.ends("the journal is gone", CONFIG, "run", says="reset --adopt-image")
        s.ends("reset --adopt-image", OK, "reset", "--shard", "all", "--adopt-image", says="begins anew at seq")
        s.start()
        s.produce([{**event(3, hcp, "sales_rep", 3, "cancelled"),
                    "data": {**event(2, hcp, "sales_rep", 3)["data"], "recorded_at": "2026-03-04T10:00:00Z"}}])
        s.decided()
        s.stop()
        self.counts.check(s.alerts() == [(hcp, 1, "open"), (hcp, 2, "retracted")],
                          "it goes on from the image: the old alert is retracted", str(s.alerts()))
        s.verify("verify after reset --adopt-image", says=("a person reset the shard", "first records are gone"))

    def run(self, only=()):
        self.counts.run((self.policy, self.modes, self.late_note, self.check, self.produce, self.inspect, self.reset_now, self.reset_skip_lost,
                         self.reset_adopt_image), only)


if __name__ == "__main__":
    Suite().run(sys.argv[1:])
