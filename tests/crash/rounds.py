"""A round: load, faults, rest, and then everything that must hold.

At rest, after `produce --advance` with clock: record, and after SIGTERM:
  (a) `verify` in a fresh process finds what was published and what is in Redis;
  (b) clock: record: the final alerts equal those of `replay`;
  (c) clock: record: every record equals that of a run without faults, in order per physician, but for jd_origin,
      timestamps and offsets;
  (d) consumed = applied + duplicates + filtered + dead-lettered, by the journal's counts.
And by the test's own reading: the journal has no gap and no double, each alert's revisions are 1, 2, 3 …, every
effect that the journal counts is there once, and Redis has the journal's last seq.
"""
import collections
import json
import os
import random
import subprocess
import threading
import time

from rig import OUTPUTS, Failure, Group, as_key, headers_of, wait  # first: it finds tests/law
import histories
from civil import MS_DAY
from events import recorded, touch_time

CLOUD_EVENT = [("content-type", b"application/cloudevents+json")]
POLICY = {
    "policy.yaml": "name: crash\nallowed_lateness: 30d\nplanned_grace: 6h\nzones: %s\nzone: Europe/Berlin\n"
                   % json.dumps(list(histories.ZONES)),
    "conflicts.yaml": """
- { id: medical-commercial, version: 1, kind: proximity, a: { role: [sales_rep, marketing], channel: in_person },
    b: { role: [msl, speaker] },
    within: 3d, mode: block, severity: [ { when: { phase: preventable }, level: high }, { level: medium } ] }
- { id: same-day, version: 1, kind: proximity, a: {}, b: {}, different: [actor], within: { days: 0 }, unless: [joint],
    mode: alert, severity: low }
""",
    "channels.yaml": """
channels:
  - { channel: video, consent: { default: opt_out } }
  - { channel: phone, consent: { default: opt_out } }
  - { channel: mail, consent: { default: opt_out } }
trigger: { valid_for: 14d }
""",
}


def advanced(ms):
    """A moment as `--advance` takes it."""
    return histories.text(ms)


def write_shift(path, ms):
    """Sets the clocks of those who have JD_CLOCK_FILE=`path` ahead."""
    with open(path + ".new", "w") as f:
        f.write("%d\n" % ms)
    os.replace(path + ".new", path)


class Load(threading.Thread):
    """Random histories, produced at a pace while things break."""

    def __init__(self, group, seed, physicians=120, seconds=6.0, now=None):
        super().__init__(daemon=True)
        self.group, self.seconds, self.failure = group, seconds, None
        self.may_go_on, self.hurry, self.sent = threading.Event(), False, 0
        self.may_go_on.set()
        rng = self.rng = random.Random(seed)
        days = 20
        start = (now - days * MS_DAY) if now else 1700000000000
        hcps = ["hcp-%d" % i for i in range(physicians)]
        focus = now or start + days * MS_DAY
        self.records = histories.random_records(rng, hcps, start, days, focus, 30 * MS_DAY, False, True, False)
        self.records = [r for r in self.records if r[1] != "hcp.profile"]
        self.lines = [(hcp, histories.as_line(rng, kind, data)) for hcp, kind, data in self.records]
        self.last = max(max(recorded(d), touch_time(d)) for _, _, d in self.records)
        self.stamp = None

    def run(self):
        try:
            kafka, topic = self.group.kafka, self.group.topic("engagement.events")
            pause = self.seconds / max(1, len(self.lines))
            for hcp, line in self.lines:
                self.may_go_on.wait()
                kafka.send(topic, hcp, line, CLOUD_EVENT, self.stamp() if self.stamp else None)
                self.sent += 1
                if not self.hurry:
                    time.sleep(pause)
            kafka.flush()
        except Exception as failure:  # told by finish()
            self.failure = failure

    def hold_at(self, share):
        """Produces up to a share of everything without a pause, and no more until go_on."""
        self.hurry = True
        wait("the load", 60, lambda: self.failure or self.sent >= share * len(self.lines), 0.001)
        self.may_go_on.clear()
        self.hurry = False

    def go_on(self):
        self.may_go_on.set()

    def finish(self):
        """Produces the rest without a pause."""
        self.hurry = True
        self.go_on()
        self.join(120)
        if self.is_alive() or self.failure:
            raise Failure("the load could not be produced: %s" % self.failure)


class Round:
    number = 0

    def __init__(self, rig, name, clock, seed, partitions=4, **load):
        Round.number += 1
        self.number = Round.number
        self.rig, self.clock, self.seed, self.name = rig, clock, seed, name
        self.rng = random.Random("%s/%s" % (seed, name))
        self.policy_dir = rig.policy_dir
        self.group = Group(rig, "r%d-%s" % (Round.number, name), clock, partitions=partitions)
        self.killed = set()
        self.group.env["JD_CHUNK_KEYS"] = "10"
        self.shift = 0
        now = int(time.time() * 1000) if clock == "wall" else None
        self.load = Load(self.group, "%s/%s" % (seed, name), now=now, **load)
        if clock == "wall":
            self.clock_file = os.path.join(self.group.dir, "clock")
            self.group.env["JD_CLOCK_FILE"] = self.clock_file
            self.shift_clock(0)
            self.load.stamp = lambda: int(time.time() * 1000) + self.shift
        self.a = self.group.instance("a")
        self.b = self.group.instance("b")

    def shift_clock(self, by):
        """Time jumps ahead for wall, monotonic and Redis' clock together."""
        self.shift += by
        write_shift(self.clock_file, self.shift)

    def shot(self, instance):
        """An instance was killed, by us or by JD_CRASH_AT."""
        self.killed.add(instance.process.pid)

    @property
    def kills(self):
        return len(self.killed)

    def kill(self, instance):
        instance.go_on()
        instance.kill()
        self.shot(instance)

    # -- rest

    def rest(self):
        """Everything read, everything due fired, everything flushed, all instances ended."""
        group = self.group
        self.load.finish()
        for instance in group.instances.values():
            instance.go_on()
            if not instance.alive():
                instance.start()
        group.catch_up()
        # A shard that is between two owners when both leave is redone at the next start.
        wait("the end of rebalances", 60, lambda: all(i.is_ready() or not i.alive() for i in group.instances.values()))
        if self.clock == "wall":
            self.shift_clock(3 * MS_DAY)
            time.sleep(0.5)
        group.end_all()

    def check(self):
        group = self.group
        self.verify()
        if self.clock == "record":
            self.advance_to = self.load.last + 800 * MS_DAY
            group.command("produce", "--advance", advanced(self.advance_to))
            self.a.start()
            group.catch_up()
            group.end_all()
        journal = group.journal()
        outputs = {role: group.kafka.read(group.topic(role)) for role in OUTPUTS}
        counts = check_journal(group, journal)
        check_outputs(journal, outputs)
        check_redis(group, journal)
        if self.clock == "record":
            self.check_replay(outputs)
            self.check_calm(outputs)
        return counts

    def verify(self):
        """(a), with states still there to be compared."""
        check_redis(self.group, self.group.journal())
        for partition in range(self.group.partitions):
            self.group.command("verify", "--shard", str(partition))

    def check_replay(self, outputs, what=lambda row: True):
        """(b): the last revision of each alert, against history through the same policy."""
        group = self.group
        events = os.path.join(group.dir, "events.jsonl")
        with open(events, "w") as f:
            for part in group.kafka.read(group.topic("engagement.events")):
                for message in part:
                    if message.value() is not None:
                        f.write(message.value().decode() + "\n")
        out = os.path.join(group.dir, "replay")
        done = subprocess.run(
            [group.binary, "replay", "--policy", self.policy_dir, "--events", events, "--out", out, "--partitions",
             str(group.partitions), "--advance", advanced(self.advance_to)], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Failure("replay: exit %d\n%s" % (done.returncode, done.stderr[-2000:]))
        with open(os.path.join(out, "alerts.jsonl")) as f:
            want = final_alerts(json.loads(line) for line in f)
        got = final_alerts(json.loads(m.value()) for part in outputs["conflict.alerts"] for m in part)
        want, got = ({k: row for k, row in rows.items() if what(row)} for rows in (want, got))
        if want != got:
            keys = sorted(k for k in want.keys() | got.keys() if want.get(k) != got.get(k))
            raise Failure("%d final alerts differ from replay; %s: replay %s, published %s"
                          % (len(keys), keys[0], want.get(keys[0]), got.get(keys[0])))
        if not got:
            raise Failure("there was no alert to compare")

    def check_calm(self, outputs):
        """(c): the same records through one undisturbed instance."""
        calm = Group(self.rig, self.name + "%d-calm" % self.number, "record", inputs=self.group, partitions=self.group.partitions)
        calm.instance("calm").start()
        calm.catch_up()
        calm.end_all()
        for role in OUTPUTS:
            want = by_key(calm.kafka.read(calm.topic(role)))
            got = by_key(outputs[role])
            if want != got:
                key = min(k for k in want.keys() | got.keys() if want.get(k) != got.get(k))
                mine, other = got.get(key, []), want.get(key, [])
                at = next((i for i, (x, y) in enumerate(zip(mine, other)) if x != y), min(len(mine), len(other)))
                raise Failure("%s of %s differs from an undisturbed run at record %d (%d, undisturbed %d): %s" % (
                    role, key, at, len(mine), len(other), difference(mine[at:at + 1], other[at:at + 1])))
        calm.forget()

    def finish(self):
        """Rest, check, and leave nothing behind."""
        try:
            self.rest()
            counts = self.check()
        finally:
            self.group.kill_all()
        self.group.forget()
        return counts


# Policies that follow each other: rules that go and come back, change, and stay as they are.
SAME_DAY = POLICY["conflicts.yaml"].strip().split("\n- ")[1]
POLICIES = [
    POLICY,
    dict(POLICY, **{"conflicts.yaml": POLICY["conflicts.yaml"].replace("within: 3d", "within: 2d")}),
    dict(POLICY, **{"conflicts.yaml": "- " + SAME_DAY + """
- { id: crowded-week, version: 1, kind: frequency, of: {}, window: 7d, limit: 2, severity: low }
"""}),
    dict(POLICY, **{"conflicts.yaml": POLICY["conflicts.yaml"] + """
- { id: crowded-week, version: 2, kind: frequency, of: {}, window: 5d, limit: 2, severity: low }
""", "channels.yaml": POLICY["channels.yaml"].replace("  - { channel: video, consent: { default: opt_out } }\n", "")}),
]


class PublishRound(Round):
    """Several policies, one after the other, on a topic of its own."""

    def __init__(self, rig, clock, seed):
        super().__init__(rig, "publish", clock, seed, physicians=150, seconds=20)
        self.hashes = []
        self.group.env["JD_REVIEW_STATES"] = "5"
        topic = self.group.topics["journeyd.policies"] = self.group.name + ".policies"
        rig.kafka.create(1, topic, **{"cleanup.policy": "compact"})
        for instance in self.group.instances.values():
            instance.write()

    def publish(self, number):
        self.policy_dir = os.path.join(self.group.dir, "policy-%d" % number)
        os.makedirs(self.policy_dir)
        for name, text in POLICIES[number % len(POLICIES)].items():
            with open(os.path.join(self.policy_dir, name), "w") as f:
                f.write(text)
        said = self.group.command("policy", "publish", self.policy_dir, "--by", "crash", "--reason", "%d" % number)
        self.hashes.append(said.stdout.split()[1])

    def rest(self):
        self.load.finish()
        for instance in self.group.instances.values():
            if not instance.alive():
                instance.start()
        wait("the last policy in all states", 40, self.is_followed, 0.3)
        super().rest()

    def is_followed(self):
        """Whether every shard decides under the last policy, and has evaluated all its states under it."""
        for part in self.group.journal():
            said = [c["body"] for r in part for c in r["changes"] if c["kind"] == "ProgramEntry"]
            if not said or said[-1]["reviewing"] or part[-1]["policy"] != self.hashes[-1]:
                return False
        return True

    def check(self):
        group = self.group
        self.verify()
        journal = group.journal()
        last = {part[-1]["policy"] for part in journal if part}
        if last != {self.hashes[-1]}:
            raise Failure("shards decide under %s, published was %s" % (last, self.hashes[-1]))
        outputs = {role: group.kafka.read(group.topic(role)) for role in OUTPUTS}
        counts = check_journal(group, journal)
        check_outputs(journal, outputs)
        check_stamps(journal, outputs)
        check_redis(group, journal)
        if self.clock == "record":
            self.advance_to = max(recorded(data) for _, _, data in self.load.records)
            self.check_replay(outputs, lambda row: row[0] != "retracted")
        return counts


def check_stamps(journal, outputs):
    """Each effect names the policy that its batch was decided under."""
    policies = {(r["lineage"], str(p), str(r["seq"])): r["policy"] for p, part in enumerate(journal) for r in part}
    for role, parts in outputs.items():
        for m in (m for part in parts for m in part):
            origin = headers_of(m)["jd_origin"].split("/")
            if json.loads(m.value())["policy"] != policies[tuple(origin[:3])]:
                raise Failure("a record of %s names another policy than its batch %s" % (role, "/".join(origin)))


def final_alerts(rows):
    last = {}
    for row in rows:
        old = last.get(row["alert_id"])
        if old is None or row["revision"] > old["revision"]:
            last[row["alert_id"]] = row
    return {i: (r["status"], r.get("cause"), r["phase"], r["severity"], r["observed"],
                [(e["source"], e["id"]) for e in r["evidence"]]) for i, r in last.items()}


def by_key(partitions):
    """Records of each key in order: value and headers, but what may differ."""
    found = collections.defaultdict(list)
    for part in partitions:
        for m in part:
            # ce_source names the group, and the undisturbed run is another one.
            headers = {k: v for k, v in headers_of(m).items() if k not in ("jd_origin", "ce_source")}
            found[as_key(m)].append((json.loads(m.value()), headers))
    return dict(found)


def difference(mine, other):
    """What two records differ in, short."""
    if not mine or not other:
        return "one more: %s" % brief(mine or other)
    parts = {}
    for a, b in zip(mine[0], other[0]):
        parts.update({k: (a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k)})
    return str(parts)[:600]


def brief(records):
    return [(v.get("revision"), v.get("status"), v.get("cause"), v.get("phase"), h.get("ce_time"))
            for v, h in records or ()]


def check_journal(group, journal):
    """No gap, no double; (d)."""
    total = collections.Counter()
    for partition, records in enumerate(journal):
        seq, part, of, lineage, ranges = 0, 1, 1, None, {}
        sums = collections.Counter()
        for record in records:
            expected = (seq, part + 1) if part < of else (seq + 1, 1)
            if (record["seq"], record["part"]) != expected:
                raise Failure("journal/%d: seq %d part %d stands where %d part %d should (by %s)"
                              % (partition, record["seq"], record["part"], *expected, record["transactional_id"]))
            seq, part, of = record["seq"], record["part"], record["of"]
            if lineage not in (None, record["lineage"]):
                raise Failure("journal/%d changes its lineage at seq %d" % (partition, seq))
            lineage = record["lineage"]
            ranges = {r["topic"]: r["next_offset"] for r in record["ranges"]}
            if record["part"] == 1:
                for what in ("applied", "duplicates", "filtered", "dead_lettered", "effects"):
                    sums[what] += record[what]
        if part != of:
            raise Failure("journal/%d ends inside seq %d" % (partition, seq))
        consumed = sum(ranges.values())  # the test's topics start at 0
        counted = sum(sums[w] for w in ("applied", "duplicates", "filtered", "dead_lettered"))
        if consumed != counted:
            raise Failure("journal/%d: %d records consumed, %d counted (%s)" % (partition, consumed, counted, dict(sums)))
        for role, done in ranges.items():
            topic = group.topics.get(role if role in group.topics else "<group>." + role, "none")
            end = group.kafka.ends(topic)[partition] if topic != "none" else 0
            if role == "engagement.events" and done != end:
                raise Failure("%s/%d: read to %d of %d" % (role, partition, done, end))
        total += sums
    dead = sum(len(p) for p in group.kafka.read(group.topic("engagement.events") + ".dlq"))
    if dead != total["dead_lettered"]:
        raise Failure("%d dead letters are published, the journal counts %d" % (dead, total["dead_lettered"]))
    return total


def check_outputs(journal, outputs):
    """Each effect once, in order."""
    count = sum(r["effects"] for part in journal for r in part if r["part"] == 1)
    records = [m for parts in outputs.values() for part in parts for m in part]
    origins = collections.Counter(headers_of(m).get("jd_origin") for m in records)
    doubles = [o for o, n in origins.items() if n > 1]
    if doubles:
        raise Failure("%d effects are published twice, the first %s" % (len(doubles), doubles[0]))
    if len(records) != count:
        raise Failure("%d effects are published, the journal counts %d" % (len(records), count))
    for role, parts in outputs.items():
        revisions = collections.defaultdict(int)
        for part in parts:
            for m in part:
                row = json.loads(m.value())
                if role == "decisions":
                    continue
                name = row["alert_id"] if role.startswith("conflict.alerts") else row["trigger_id"]
                has_gaps = role.startswith("conflict.alerts.")  # the revisions between went to another topic
                if row["revision"] <= revisions[name] if has_gaps else row["revision"] != revisions[name] + 1:
                    raise Failure("%s %s: revision %d follows %d" % (role, name, row["revision"], revisions[name]))
                revisions[name] = row["revision"]


def check_redis(group, journal):
    for partition, records in enumerate(journal):
        if not records:
            continue
        meta = group.meta(partition)
        if meta.get("seq") != str(records[-1]["seq"]).encode():
            raise Failure("shard %d: Redis has seq %s after SIGTERM, the journal ends with %d"
                          % (partition, meta.get("seq"), records[-1]["seq"]))
