#!/usr/bin/python3
"""What cannot work is refused: with the documented exit code and a message that says what to do."""
import os
import pathlib
import re
import subprocess
import sys
import time

from confluent_kafka import Consumer

import journeyd as jd

UNAVAILABLE, CONFIG = 69, 78
POLICY = jd.ROOT / "config/policies/open-payments"


class Suite:
    def __init__(self):
        self.counts = jd.Counts()
        self.number = 0

    def cluster(self, partitions=2):
        self.number += 1
        return jd.Cluster(f"refuse{self.number}", partitions)

    def expect(self, what, config, code, *words, timeout=30, **environment):
        """`journeyd run` must end by itself with `code`, and its last words must contain all of `words`."""
        try:
            done = subprocess.run([jd.BINARY, "run", "--config", str(config)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                                  env={**os.environ, **environment})
            text, got = done.stdout.decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as still:
            text, got = (still.stdout or b"").decode(errors="replace"), "no exit"
        missing = [w for w in words if not re.search(w, text, re.I)]
        self.counts.check(got == code and not missing, f"{what}: exit {code}",
                          f"got {got}, missing {missing}, said:\n{text[-800:]}")

    def missing_services(self):
        c = self.cluster()
        dead = f"127.0.0.1:{jd.free_port()}"
        self.expect("no broker", c.config(kafka={"bootstrap.servers": dead}, start_timeout="2s"), UNAVAILABLE,
                    re.escape(dead), "kafka|broker")
        self.expect("no Redis", c.config(redis={"url": f"redis://{dead}"}, start_timeout="2s"), UNAVAILABLE,
                    re.escape(dead), "redis")
        self.expect("no registry", c.config(registry={"url": f"http://{dead}/path"}, start_timeout="2s"),
                    UNAVAILABLE, re.escape(dead), "registry")

    def wrong_partitions(self):
        c = self.cluster()
        c.config()
        jd.create_topics([f"{c.group}.other"], 3)
        c.topics["conflict.alerts"] = f"{c.group}.alerts"
        self.expect("profiles with another partition count",
                    c.config(topics={**c.topics, "hcp.profiles": f"{c.group}.other"}), CONFIG,
                    re.escape(f"{c.group}.other"), "partition", r"\b3\b", r"\b2\b")
        c.topics["hcp.profiles"] = f"{c.group}.absent"
        self.expect("an input that is not there", c.config(), CONFIG, re.escape(f"{c.group}.absent"), "none|create")

    def evicting_redis(self):
        port = jd.free_port()
        server = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                   "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"],
                                  stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            self.expect("a Redis that evicts", self.cluster().config(redis={"url": f"redis://127.0.0.1:{port}"}),
                        CONFIG, "allkeys-lru", "noeviction")
        finally:
            server.kill()

    def two_of_one_name(self):
        c = self.cluster()
        config = c.config()
        c.publish(config, POLICY)
        first = jd.Daemon(c, config).start().wait_ready()
        (c.directory / "second").mkdir()
        second = pathlib.Path(c.directory / "second" / "a.yaml")
        second.write_text(config.read_text().replace(first.settings["http"], f"127.0.0.1:{jd.free_port()}"))
        other = jd.Daemon(c, second)
        other.log = c.directory / "second.log"
        other.start()
        ended = []

        def one_ended():
            for daemon in (first, other):
                if daemon.process.poll() is not None and daemon not in ended:
                    ended.append(daemon)
            return bool(ended)

        jd.wait(one_ended, 60, lambda: "both go on: " + jd.tail(first.log) + jd.tail(other.log))
        text = ended[0].log.read_text()
        self.counts.check(ended[0].process.returncode == CONFIG and re.search("instance", text) is not None,
                          "two instances of one name: one ends with 78 and names the instance",
                          f"exit {ended[0].process.returncode}: {text[-500:]}")
        survivor = other if ended[0] is first else first
        time.sleep(2)
        self.counts.check(survivor.process.poll() is None, "the other instance goes on")
        for daemon in (first, other):
            if daemon.process.poll() is None:
                daemon.stop()

    def unseated_once(self):
        """Its seat is taken once, as by a join of its own that the network held back: it takes the seat again."""
        c = self.cluster()
        config = c.config()
        c.publish(config, POLICY)
        daemon = jd.Daemon(c, config).start().wait_ready()
        other = Consumer({"bootstrap.servers": jd.KAFKA, "group.id": c.group, "group.instance.id": "a-0",
                          "partition.assignment.strategy": "range", "session.timeout.ms": 3000})
        other.subscribe([c.topics[role] for role in c.INPUTS] + [f"{c.group}.touches"])
        deadline = time.monotonic() + 30
        while "JD-0303" not in daemon.log.read_text() and time.monotonic() < deadline:
            other.poll(0.1)
        jd.wait(lambda: daemon.log.read_text().count("event=shard_live") == 2 * c.partitions, 30,
                lambda: jd.tail(daemon.log))
        other.close()
        self.counts.check("JD-0303" in daemon.log.read_text() and daemon.stop() == 0,
                          "its seat is taken once: it takes it again and goes on", jd.tail(daemon.log))

    def foreign_journal(self):
        """The journal of one history, the image of another."""
        a, b = self.cluster(), self.cluster()
        for c in (a, b):
            config = c.config()
            c.publish(config, POLICY)
            daemon = jd.Daemon(c, config).start().wait_ready()
            time.sleep(1)
            assert daemon.stop() == 0
        b.topics["journal"] = f"{b.group}.journal"
        mixed = {**b.topics, "journal": f"{a.group}.journal"}
        self.expect("the journal of another history", b.config(topics=mixed), CONFIG, "another history|lineage")

    def lost_state(self):
        c = self.cluster()
        config = c.config()
        c.publish(config, POLICY)
        assert jd.Daemon(c, config).start().wait_ready().stop() == 0
        redis = jd.REDIS.removeprefix("redis://").split(":")
        for p in range(c.partitions):
            subprocess.run(["redis-cli", "-h", redis[0], "-p", redis[1], "del", f"jd:{{{c.group}/{p}}}:meta"],
                           check=True, stdout=subprocess.DEVNULL)
        self.expect("an image that was wiped", config, CONFIG, "on_state_loss", "rebuild")
        rebuilt = jd.Daemon(c, c.config(on_state_loss="rebuild")).start().wait_ready()
        self.counts.check(rebuilt.stop() == 0, "on_state_loss: rebuild recovers it from the journal")

    def bad_configuration(self):
        path = self.cluster().directory / "bad.yaml"
        path.write_text("group: g\nworkers: many\nreddis: { url: x }\n")
        self.expect("bad configuration", path, CONFIG, r"bad\.yaml:2:", r"bad\.yaml:3:", "redis")

    def called_while_starting(self):
        """SIGTERM ends a start that waits, long before the wait would."""
        c = self.cluster()
        dead = f"127.0.0.1:{jd.free_port()}"
        for what, config, said in (
                ("Kafka", c.config(kafka={"bootstrap.servers": dead}, start_timeout="1h"), "JD-0101"),
                ("Redis", c.config(redis={"url": f"redis://{dead}"}, start_timeout="1h"), "JD-0101"),
                ("a policy", c.config(), "JD-0103")):
            daemon = jd.Daemon(c, config)
            daemon.log.write_text("")
            daemon.start()
            jd.wait(lambda: said in daemon.log.read_text(), 30, lambda: jd.tail(daemon.log))
            try:
                code = daemon.stop(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                code = "still there after 20 s"
            self.counts.check(code == 0, f"SIGTERM while it waits for {what}: 0", str(code))

    def run(self, only=()):
        self.counts.run((self.called_while_starting, self.missing_services, self.wrong_partitions,
                         self.evicting_redis, self.two_of_one_name, self.unseated_once, self.foreign_journal,
                         self.lost_state, self.bad_configuration), only)


if __name__ == "__main__":
    Suite().run(sys.argv[1:])
