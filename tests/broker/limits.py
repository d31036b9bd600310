#!/usr/bin/python3
"""What makes a daemon stand still, and that it does nothing else then: clocks that stray, too much that is not in
Redis, too much memory, profiles that come first, topics that are too small. Nothing is dead-lettered for it, nothing
is lost, and when the reason is gone it goes on. JOURNEYD is a build with JD_FAULTS (BUILD=faults).
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import journeyd as jd

JOURNAL = json.loads((jd.ROOT / "schemas/JournalRecord.avsc").read_text())
POLICY = {
    "policy.yaml": {"name": "limits", "allowed_lateness": "30d", "planned_grace": "30m", "zone": "UTC"},
    "conflicts.yaml": [{"id": "near", "version": 1, "kind": "proximity", "a": {"role": "sales_rep"},
                        "b": {"role": "msl"}, "within": "1d", "mode": "alert", "severity": "high"}],
    "channels.yaml": {"channels": [{"channel": "email", "consent": {"default": "opt_in"}}],
                      "trigger": {"valid_for": "14d"}},
}
HOUR = 3600000


def now():
    return int(time.time() * 1000)


def text(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{ms % 1000:03}Z"


class Scene:
    def __init__(self, counts, name, partitions=2, **options):
        self.counts = counts
        self.cluster = jd.Cluster("lim" + name, partitions)
        self.clock = self.cluster.directory / "clock"
        self.options = {"clock": "wall", "tick_lag": "0ms", "redis": {"flush_interval": "50ms"}, **options}
        self.config = self.cluster.config(**self.options)
        policy = self.cluster.directory / "policy"
        policy.mkdir()
        for file, content in POLICY.items():
            (policy / file).write_text(json.dumps(content))
        self.cluster.publish(self.config, policy)
        self.writer = jd.Writer(partitions)
        self.number = 0
        self.daemon = jd.Daemon(self.cluster, self.config, JD_CLOCK_FILE=str(self.clock))
        self.set_clock(0, 0)

    def check(self, ok, what, detail=""):
        return self.counts.check(ok, f"{self.cluster.group.split('-')[0][3:]}: {what}", detail)

    def set_clock(self, together, wall_alone):
        new = self.clock.with_suffix(".new")
        new.write_text(f"{together} {wall_alone}\n")
        os.replace(new, self.clock)

    def send(self, hcp, role, at, phase="completed", **data):
        self.number += 1
        kind = ("call." if role == "sales_rep" else "msl_interaction.") + phase
        recorded = now()
        heads = {"ce_specversion": "1.0", "ce_id": str(self.number), "ce_source": "crm", "ce_type": kind,
                 "ce_time": text(at if phase == "completed" else recorded), "content-type": "application/json"}
        body = {"hcp_id": hcp, "channel": "in_person", "engagement_id": f"e{self.number}", "start": text(at),
                "recorded_at": text(recorded), "actor": {"id": role, "role": role, "team": "t"}, **data}
        self.writer.send(self.cluster.topics["engagement.events"], hcp.encode(), json.dumps(body).encode(),
                         [(k, v.encode()) for k, v in heads.items()])

    def pair(self, hcp):
        for role in ("sales_rep", "msl"):
            self.send(hcp, role, now() - HOUR)
        self.writer.flush()

    def singles(self, prefix, count):
        for i in range(count):
            self.send(f"{prefix}{i}", "msl", now() - HOUR)
        self.writer.flush()

    def alerts(self):
        return [json.loads(r.value()) for r in jd.read_all(self.cluster.topics["conflict.alerts"])]

    def alerted(self):
        return {a["hcp_id"] for a in self.alerts()}

    def dead(self):
        return [dict(r.headers())["jd.dlq.reason"] for r in jd.read_all(self.cluster.dlq())]

    def pauses(self, reason):
        jd.wait(lambda: f"is paused: {reason}" in self.daemon.why_not_ready(), 60,
                lambda: f"no pause for {reason}: {self.daemon.why_not_ready()}\n{jd.tail(self.daemon.log)}")

    def stands(self):
        """Whether nothing is decided while a second and a half go by."""
        before = self.daemon.metric("journeyd_batches_total")
        time.sleep(1.5)
        return self.daemon.metric("journeyd_batches_total") == before

    def resumes(self):
        jd.wait(self.daemon.is_ready, 60, lambda: f"{self.daemon.why_not_ready()}\n{jd.tail(self.daemon.log)}")
        self.daemon.wait_consumed()

    def log(self):
        return pathlib.Path(self.daemon.log).read_text()

    def end(self, expected=None):
        """Stops; nothing dead-lettered; the journal, the outputs and Redis agree."""
        code = self.daemon.stop(60)
        self.check(code == 0, "stops with 0", f"{code}: {jd.tail(self.daemon.log)}")
        self.check(self.dead() == [], "nothing is dead-lettered", str(self.dead()[:5]))
        done = subprocess.run([jd.BINARY, "verify", "--shard", "all", "--config", str(self.config)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.check(done.returncode == 0, "verify finds no difference", done.stdout.decode()[-500:])


class Suite:
    def __init__(self):
        self.counts = jd.Counts()

    def clock(self):
        """Wall against monotonic; and from the start, wall against Redis' TIME."""
        s = Scene(self.counts, "clock")
        s.daemon.start().wait_ready()
        s.pair("before")
        s.daemon.wait_consumed()
        for strays in (120000, -120000):
            s.set_clock(0, strays)
            s.pauses("clock")
            s.pair(f"while{strays}")
            s.check(s.stands() and s.alerted() == {"before"} if strays > 0 else s.stands(),
                    f"a wall clock {strays / 1000:.0f} s off: nothing is decided", str(s.alerted()))
            s.check("code=JD-0703" in s.log(), "it says why")
            s.set_clock(0, 0)
            s.resumes()
        s.check(s.alerted() == {"before", "while120000", "while-120000"}, "it goes on", str(s.alerted()))
        s.end()
        s.set_clock(0, 120000)
        s.daemon.start()
        s.pauses("clock")
        s.pair("redis")
        s.check(s.stands() and "redis" not in s.alerted(), "a wall clock that Redis' does not agree with")
        s.set_clock(0, 0)
        s.pauses("clock")  # now the wall has jumped against the monotonic clock
        s.check(s.daemon.stop() == 0, "stops while it is paused")
        s.daemon.start().wait_ready()
        s.resumes()
        s.end()

    def unflushed(self):
        """Redis away: decisions go on to the limit, then neither reading nor ticking; never a dead letter."""
        host, port = jd.REDIS.removeprefix("redis://").split(":")
        gate = jd.Gate((host, int(port))).up()
        s = Scene(self.counts, "unflushed", redis={"url": f"redis://127.0.0.1:{gate.port}", "flush_interval": "50ms"},
                  limits={"unflushed_states": 1000, "batch_changes": 1000, "batch_records": 300})
        s.daemon.start().wait_ready()
        plan = now() + 20 * 60000
        s.send("timer", "msl", now() - HOUR)
        s.send("timer", "sales_rep", plan, "planned")
        s.writer.flush()
        s.daemon.wait_consumed()
        gate.down()
        s.pair("away")
        s.singles("a", 500)
        s.daemon.wait_consumed()
        s.check("away" in s.alerted() and s.daemon.is_ready(), "Redis away: decisions go on")
        s.singles("b", 3000)
        s.pauses("unflushed")
        lag = s.daemon.lag()
        s.check(lag > 1000, "it stops reading at the limit", f"lag {lag}")
        before = len(s.alerts())
        s.set_clock(2 * HOUR, 0)
        s.check(s.stands() and s.daemon.lag() == lag and len(s.alerts()) == before, "and ticks no more")
        s.check("code=JD-0506" in s.log() and "code=JD-0501" in s.log(), "it says why")
        gate.up()
        s.resumes()
        jd.wait(lambda: len(s.alerts()) > before, 30, lambda: "no tick after Redis came back")
        s.check("code=JD-0502" in s.log(), "Redis back: reading and ticking go on")
        s.end()

    def silent_redis(self):
        """A Redis that takes connections and says nothing, then one that is slow, delays images, not decisions."""
        host, port = jd.REDIS.removeprefix("redis://").split(":")
        gate = jd.Gate((host, int(port))).up()
        s = Scene(self.counts, "silent", redis={"url": f"redis://127.0.0.1:{gate.port}", "flush_interval": "50ms",
                                                "timeout": "1s"})
        s.daemon.start().wait_ready()
        gate.hold()
        batches = s.daemon.metric("journeyd_batches_total")
        for i in range(20):
            s.pair(f"held{i}")
            s.daemon.wait_consumed()
        s.check(s.daemon.metric("journeyd_batches_total") >= batches + 20 and len(s.alerted()) == 20,
                "a silent Redis: twenty rounds are decided")
        gate.release()
        gate.delay = 0.1
        flushed = s.daemon.metric("journeyd_redis_states_written_total")
        for i in range(20):
            s.pair(f"slow{i}")
            s.daemon.wait_consumed()
        jd.wait(lambda: s.daemon.metric("journeyd_redis_states_written_total") >= flushed + 20, 60,
                lambda: "a slow Redis gets nothing: " + jd.tail(s.daemon.log))
        s.check(len(s.alerted()) == 40, "a slow Redis: decisions go on, images follow")
        gate.delay = 0
        s.end()
        gate.down()

    def wiped_at_the_end(self):
        """Redis loses everything just before SIGTERM: the last flush finds that, and writes the image anew."""
        s = Scene(self.counts, "wiped", redis={"flush_interval": "60s"})
        s.daemon.start().wait_ready()
        s.pair("h1")
        s.singles("w", 20)
        s.daemon.wait_consumed()
        cli = ["redis-cli", "-u", jd.REDIS]
        keys = subprocess.run([*cli, "--scan", "--pattern", f"jd:{{{s.cluster.group}/*"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()
        subprocess.run([*cli, "del", *keys], check=True, stdout=subprocess.DEVNULL)
        s.check(s.daemon.stop(60) == 0, "stops with 0")
        s.check("event=stopped unflushed=0" in s.log(), "nothing is left to redo", jd.tail(s.daemon.log))
        s.daemon.start().wait_ready()
        s.check("state_lost" not in s.log() and "row=redo" in s.log(), "the next start finds its state",
                jd.tail(s.daemon.log))
        s.end({"h1"})

    def memory(self):
        s = Scene(self.counts, "memory", max_record_bytes="32KiB", limits={"memory": "256KiB", "batch_records": 200, "queue_bytes": "64KiB"})
        s.daemon.start().wait_ready()
        s.pair("first")
        s.singles("m", 4000)
        s.pauses("memory")
        s.check(s.stands() and s.daemon.lag() > 500, "it stops reading at the limit", f"lag {s.daemon.lag()}")
        used = s.daemon.metric("journeyd_state_bytes")
        s.check(used < 512 * 1024, "near the limit", f"{used}")
        log = s.log()
        s.check(0 < log.find("code=JD-0507") < log.find("reason=memory"), "it was said before")
        s.check(s.daemon.stop() == 0, "stops while it is paused")
        s.options["limits"]["memory"] = "64MiB"
        s.config = s.daemon.config = s.cluster.config(**s.options)
        s.daemon.settings = json.loads(s.config.read_text())
        s.daemon.start().wait_ready()
        s.resumes()
        jd.wait(lambda: s.daemon.metric("journeyd_states") >= 4001, 30, lambda: "states are missing")
        s.check(s.daemon.lag() == 0, "with more memory it goes on")
        s.end()

    def catch_up(self):
        """A new shard reads the profiles that are there before anything else, and goes on so after a kill."""
        s = Scene(self.counts, "catchup", partitions=1, limits={"batch_records": 100})
        plan = now() + 20 * 60000
        s.send("h7", "msl", now() - HOUR)
        s.send("h7", "sales_rep", plan, "planned")
        s.writer.flush()
        profiles = 1000
        for i in range(profiles):
            consent = [{"channel": "email", "state": "granted", "from": "2020-01-01T00:00:00Z"}]
            body = {"hcp_id": f"h{i}", "recorded_at": text(now()), "consents": consent}
            heads = [("ce_specversion", b"1.0"), ("ce_id", f"p{i}".encode()), ("ce_source", b"mdm"),
                     ("ce_type", b"hcp.profile"), ("ce_time", text(now()).encode()),
                     ("content-type", b"application/json")]
            s.writer.send(s.cluster.topics["hcp.profiles"], f"h{i}".encode(), json.dumps(body).encode(), heads)
        s.writer.flush()
        s.daemon.start(JD_CRASH_AT="txn.kept:4")
        s.daemon.process.wait(60)
        s.check(s.daemon.process.returncode == -signal.SIGKILL, "killed within it")
        topic = f"{s.cluster.group}.journal"
        halfway = self.ranges(topic)[-1]
        s.check(0 < halfway["hcp.profiles"] < profiles and halfway["engagement.events"] == 0,
                "killed when only profiles had been read", str(halfway))
        s.daemon.start().wait_ready()
        s.daemon.wait_consumed(roles=("engagement.events", "hcp.profiles"))
        s.end()
        ranges = self.ranges(topic)
        done = next(i for i, r in enumerate(ranges) if r["hcp.profiles"] == profiles)
        first = next(i for i, r in enumerate(ranges) if r["engagement.events"] > 0)
        s.check(done < first, "events only after the last profile", str(ranges))
        s.check(all(r["now"] == ranges[0]["now"] and r["timers"] == 0 for r in ranges[:first]),
                "profiles move no clock and fire no timer", str(ranges[:first]))
        triggers = [json.loads(r.value()) for r in jd.read_all(s.cluster.topics["channel.triggers.commercial"])]
        s.check([t["channel"] for t in triggers] == ["email"], "the consent of a profile counts for the first event",
                str(triggers))

    @staticmethod
    def ranges(topic):
        found = []
        for record in jd.read_all(topic):
            journal, _ = jd.read_avro(JOURNAL, record.value(), 10)
            found.append({**{r["topic"]: r["next_offset"] for r in journal["ranges"]}, "now": journal["now_after"],
                          "timers": journal["timers"]})
        return found

    def small_topics(self):
        s = Scene(self.counts, "small")
        journal, alerts = f"{s.cluster.group}.narrow", f"{s.cluster.group}.tiny"
        jd.create_topics([journal], 2, max_message_bytes="500000")
        jd.create_topics([alerts], 2, max_message_bytes="20000")
        for role, topic in (("journal", journal), ("conflict.alerts", alerts)):
            config = s.cluster.config("small", **{**s.options, "topics": {**s.cluster.topics, role: topic}})
            for words in (["run"], ["check", "--connect"]):
                done = subprocess.run([jd.BINARY, *words, "--config", str(config)], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, timeout=60)
                said = done.stdout.decode()
                s.check(done.returncode == 78 and topic in said and "max.message.bytes" in said,
                        f"{role} too small for our records: {words[0]} says so, 78", f"{done.returncode}: {said[-300:]}")

    def warming(self):
        """Another policy: rules that changed are warming until all shards are through; of tables only the states count
        for which a line differs."""
        s = Scene(self.counts, "warming")
        crowd = {"id": "crowd", "version": 1, "scope": "account", "kind": "frequency", "of": {}, "distinct": "hcp",
                 "period": "day", "limit": 2, "severity": "low"}
        capped = {"id": "cap", "version": 1, "kind": "frequency", "of": {}, "window": "7d", "severity": "low", "valid_from": "2020-01-01",
                  "limit": {"table": "limits", "by": ["team"]}}

        def publish(lines):
            policy = s.cluster.directory / "policy"
            (policy / "conflicts.yaml").write_text(json.dumps(POLICY["conflicts.yaml"] + [crowd, capped]))
            (policy / "limits.csv").write_text("rule,team,limit,from,until\n" + "".join(
                f"cap,{team},{limit},2020-01-01,\n" for team, limit in lines))
            s.cluster.publish(s.config, policy)

        def status():
            done = subprocess.run([jd.BINARY, "policy", "status", "--json", "--config", str(s.config)],
                                  stdout=subprocess.PIPE, timeout=60, check=True)
            return json.loads(done.stdout)["shards"]

        def reviewed():
            """(evaluated, unaffected) of each shard, in the order in which they were through."""
            return [tuple(map(int, m)) for m in re.findall(
                r"event=policy_reviewed .*evaluated=(\d+) unaffected=(\d+)", s.log())]

        def through(rounds):
            jd.wait(lambda: len(reviewed()) == 2 * rounds, 60, lambda: s.log()[-2000:])
            return [sum(n) for n in zip(*reviewed()[-2:])]

        s.daemon.start(JD_REVIEW_STATES="1").wait_ready()
        for i in range(60):
            s.send(f"h{i}", "msl", now() - HOUR, account_id="clinic", actor={"id": "m", "role": "msl", "team": "tu"[i < 3]})
        s.writer.flush()
        s.daemon.wait_consumed()
        publish([("t", 5), ("u", 5)])
        jd.wait(lambda: set(status()["warming"]) == {"crowd", "cap"}, 30, lambda: str(status()))
        s.check(s.daemon.metric("journeyd_shards_reviewing") > 0, "and the metric says so")
        s.check(through(1) == [60, 0], "all physicians have touches of the new rules", str(reviewed()))
        jd.wait(lambda: status() == {"count": 2, "following": 2, "reviewing": 0, "other": 0, "absent": 0, "warming": {}},
                30, lambda: str(status()))
        jd.wait(lambda: any(a["rule"] == "crowd" and a["observed"] == 60 for a in s.alerts()), 30,
                lambda: str(s.alerts()))
        s.check(s.daemon.metric("journeyd_shards_reviewing") == 0, "then none is warming")
        publish([("t", 5), ("u", 0)])
        s.check(through(2) == [3, 58], "another line for team u: its three physicians", str(reviewed()))
        jd.wait(lambda: {a["hcp_id"] for a in s.alerts() if a["rule"] == "cap"} == {"h0", "h1", "h2"}, 30,
                lambda: str([a for a in s.alerts() if a["rule"] == "cap"]))
        s.end()

    def run(self, only=()):
        self.counts.run((self.clock, self.unflushed, self.silent_redis, self.wiped_at_the_end, self.memory,
                         self.catch_up, self.small_topics, self.warming), only)


if __name__ == "__main__":
    Suite().run(sys.argv[1:])
