"""What the crash tests stand on: services, topics, instances of the daemon, and eyes on what they leave behind.

Nothing here uses the daemon's code: records are read with confluent_kafka, the journal with avro.py, Redis over a
socket.
"""
import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import avro

ROOT = avro.ROOT
SERVICES = os.path.join(ROOT, "tests", "broker", "services.sh")
sys.path.insert(0, os.path.join(ROOT, "tests", "law"))

OUTPUTS = ("conflict.alerts", "conflict.alerts.commercial", "conflict.alerts.medical", "conflict.alerts.shadow",
           "channel.triggers.commercial", "channel.triggers.medical", "decisions")
QUIET = {"log_level": 0, "reconnect.backoff.max.ms": 250, "socket.timeout.ms": 10000}
JOURNAL = avro.Schema("JournalRecord")


class Failure(Exception):
    """What a test found, said in one paragraph."""


def service(verb, *names):
    subprocess.run([SERVICES, verb, *names], check=True, stdout=subprocess.DEVNULL, timeout=120)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, seconds, ask, pause=0.05):
    """The first true answer of `ask`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure("%s did not happen within %g s" % (what, seconds))
        time.sleep(pause)


# ---------------------------------------------------------------------------------------------- Redis

class Redis:
    """A few commands of RESP, one connection a command: the server comes and goes under us."""

    def __init__(self, url):
        self.host, port = url.split("//")[1].split(":")
        self.port = int(port)
        self.dir = os.path.join(os.environ.get("JD_RUN", "/nonexistent"), "redis")

    def command(self, *args):
        with socket.create_connection((self.host, self.port), timeout=5) as s:
            args = [a.encode() if isinstance(a, str) else a for a in args]
            s.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))
            return self.reply(s.makefile("rb"))

    def reply(self, f):
        line = f.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else f.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply(f) for _ in range(int(rest))]
        raise Failure("Redis: %s" % line.decode(errors="replace"))

    def hash(self, key):
        flat = self.command("HGETALL", key)
        return {k.decode(): v for k, v in zip(flat[::2], flat[1::2])}

    def save(self, copy):
        self.command("SAVE")
        shutil.copy(os.path.join(self.dir, "dump.rdb"), copy)

    def kill(self):
        service("kill", "redis")

    def start(self, image=None):
        """With an RDB image, or with nothing."""
        dump = os.path.join(self.dir, "dump.rdb")
        if os.path.exists(dump):
            os.remove(dump)
        if image:
            shutil.copy(image, dump)
        service("start", "redis")

    def restart_from(self, image=None):
        self.kill()
        self.start(image)


# ---------------------------------------------------------------------------------------------- Kafka

class Kafka:
    def __init__(self, address):
        self.address = address
        self.config = dict(QUIET, **{"bootstrap.servers": address})
        self.admin = AdminClient(self.config)
        # In order by one request at a time: an idempotent producer may fail for good when the broker restarts. What
        # it sends twice is a duplicate, and in every run the same.
        self.producer = Producer(dict(self.config, **{
            "partitioner": "murmur2_random", "max.in.flight.requests.per.connection": 1, "linger.ms": 2,
            "message.max.bytes": 8 << 20}))
        reader = dict(self.config, **{
            "group.id": "eyes", "enable.auto.commit": False, "isolation.level": "read_committed",
            "enable.partition.eof": True, "fetch.wait.max.ms": 10, "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": 8 << 20})
        self.reader = Consumer(reader)
        self.uncommitted = Consumer(dict(reader, **{"isolation.level": "read_uncommitted"}))

    def create(self, partitions, *names, **config):
        futures = self.admin.create_topics([NewTopic(n, partitions, 1, config=config) for n in names],
                                           operation_timeout=20)
        for future in futures.values():
            future.result(30)
        wait("the topics", 30, lambda: all(self.partitions(n) == partitions for n in names))

    def send(self, topic, key, value, headers, timestamp=None, partition=None):
        while True:
            try:
                self.producer.produce(topic, value, key, headers=headers, **{
                    k: v for k, v in (("timestamp", timestamp), ("partition", partition)) if v is not None})
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def flush(self):
        if self.producer.flush(60):
            raise Failure("the load could not be produced")

    def partitions(self, topic):
        found = self.admin.list_topics(topic, timeout=30).topics[topic]
        return 0 if found.error else len(found.partitions)

    def ends(self, topic, reader=None):
        """The last stable offset of each partition."""
        return [(reader or self.reader).get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1]
                for p in range(self.partitions(topic))]

    def is_settled(self, topic):
        """Whether no transaction on it is open."""
        return self.ends(topic) == self.ends(topic, self.uncommitted)

    def read(self, topic):
        """All committed records, by partition."""
        count = self.partitions(topic)
        records = [[] for _ in range(count)]
        if not count:
            return records
        self.reader.assign([TopicPartition(topic, p, 0) for p in range(count)])
        open_partitions = set(range(count))
        deadline = time.monotonic() + 60
        while open_partitions:
            for message in self.reader.consume(10000, 0.2):
                error = message.error()
                if error is None:
                    records[message.partition()].append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
                else:
                    raise Failure("reading %s: %s" % (topic, error))
            if time.monotonic() > deadline:
                raise Failure("%s cannot be read to its end: a transaction hangs" % topic)
        self.reader.unassign()
        return records

    def remove_member(self, group, instance):
        """Takes a static member out of its group (LeaveGroup, version 3), as an administrator can: what it
        holds goes to others at once, and it does not know."""
        text = lambda s: struct.pack(">h", len(s)) + s.encode()
        body = (struct.pack(">hhi", 13, 3, 1) + text("eyes") + text(group) + struct.pack(">i", 1) + text("") +
                text(instance))
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as s:
            s.sendall(struct.pack(">i", len(body)) + body)
            f = s.makefile("rb")
            answer = f.read(struct.unpack(">i", f.read(4))[0])
        errors = struct.unpack(">hh", answer[8:10] + answer[-2:])  # of the request, of the member
        if any(errors):
            raise Failure("%s cannot be removed from %s: errors %d, %d" % (instance, group, *errors))

    def committed(self, group, topic):
        consumer = Consumer(dict(self.config, **{"group.id": group, "enable.auto.commit": False}))
        try:
            found = consumer.committed([TopicPartition(topic, p) for p in range(self.partitions(topic))], timeout=10)
        finally:
            consumer.close()
        return [max(0, t.offset) for t in found]


# ---------------------------------------------------------------------------------------------- the daemon

class Instance:
    """One process of the daemon, by name; the name outlives the process."""

    def __init__(self, group, name, **settings):
        self.group, self.name = group, name
        self.config = os.path.join(group.dir, name + ".yaml")
        self.log = os.path.join(group.dir, name + ".log")
        self.orders = os.path.join(group.dir, name + ".stop")
        self.http = "127.0.0.1:%d" % free_port()
        self.process = None
        self.said = 0  # bytes of the log when the process was started
        self.write(**settings)

    def write(self, **settings):
        group = self.group
        lines = {
            "group": group.name, "instance": self.name, "workers": 2, "clock": group.clock,
            "commit_interval": "20ms", "create_topics": "true", "on_state_loss": "rebuild",
            "topics": json.dumps({k: v for k, v in group.topics.items() if not k.startswith("<")}),
            "kafka": json.dumps({"bootstrap.servers": group.kafka.address, "session.timeout.ms": "3000",
                                 "heartbeat.interval.ms": "500"}),
            "redis": json.dumps({"url": group.redis_url, "flush_interval": "50ms"}),
            "encoding": "{ in: auto, out: json }", "http": self.http}
        lines.update(settings)
        with open(self.config, "w") as f:
            for key, value in lines.items():
                print("%s: %s" % (key, value), file=f)

    def start(self, **env):
        if self.alive():
            raise Failure("%s already runs" % self.name)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JD_", "JOURNEYD"))}
        environment.update(self.group.env)
        environment.update(env, JD_STOP_FILE=self.orders)
        self.stop_at()
        with open(self.log, "ab") as log:
            self.said = log.tell()
            self.process = subprocess.Popen([self.group.binary, "run", "--config", self.config], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, env=environment)
        return self

    def is_ready(self):
        """Whether it decides: it has its part of the shards, and they are live."""
        try:
            return urllib.request.urlopen("http://%s/readyz" % self.http, timeout=5).status == 200
        except OSError:  # also the answer 503
            return False

    def says(self, text):
        """Whether the process has logged it."""
        with open(self.log, "rb") as log:
            log.seek(self.said)
            return text.encode() in log.read()

    def stop_at(self, *labels):
        """From now on it stands still at these points, whenever it comes to one."""
        with open(self.orders + ".new", "w") as f:
            f.write(",".join(labels))
        os.replace(self.orders + ".new", self.orders)

    def stop_next(self, *labels, seconds=20, meanwhile=None):
        """Lets it go on to the next of these points, and waits until it stands there."""
        self.stop_at(*labels)
        self.go_on()
        wait("%s's stop at %s" % (self.name, " or ".join(labels)), seconds,
             lambda: self.stopped() or meanwhile and meanwhile(), 0.02)
        self.stop_at()

    def go_on(self):
        self.signal(signal.SIGCONT)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def pause(self):
        self.signal(signal.SIGSTOP)

    def stopped(self):
        """Whether it stands still (SIGSTOP, or JD_STOP_AT)."""
        try:
            with open("/proc/%d/stat" % self.process.pid) as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "T"
        except (OSError, AttributeError):
            return False

    def end(self, seconds=20):
        """SIGTERM; it must leave with 0."""
        if self.process is None:
            return
        self.ask_to_end()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure("%s did not end within %g s of SIGTERM\n%s" % (self.name, seconds, self.tail()))
        if code:
            raise Failure("%s ended with %d\n%s" % (self.name, code, self.tail()))

    def ask_to_end(self):
        """SIGTERM, once the process has come far enough to hear it."""
        wait("%s's first word" % self.name, 20, lambda: not self.alive() or self.says("event=started"))
        self.signal(signal.SIGTERM)

    def died_unasked(self):
        """Whether it ended in a way that nobody asked for."""
        return self.process is not None and self.process.poll() not in (None, 0, -signal.SIGKILL)

    def tail(self, lines=12):
        with open(self.log, errors="replace") as f:
            return "".join("      | " + line for line in f.readlines()[-lines:])


class Group:
    """A consumer group with topics of its own, and what it wrote."""

    def __init__(self, rig, name, clock, inputs=None, partitions=4, profiles=False):
        self.rig, self.name, self.clock, self.partitions = rig, "%s-%s" % (rig.tag, name), clock, partitions
        self.kafka, self.redis, self.redis_url, self.binary = rig.kafka, rig.redis, rig.redis_url, rig.binary
        self.dir = os.path.join(rig.dir, self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.env = {}
        self.instances = {}
        rig.groups.append(self)
        source = inputs or self
        self.topics = {"engagement.events": source.name + ".events" if inputs is None else
                       inputs.topics["engagement.events"],
                       "hcp.profiles": (source.name + ".profiles" if inputs is None else
                                        inputs.topics["hcp.profiles"]) if profiles else "none",
                       "account.profiles": "none", "journeyd.policies": rig.policies}
        for role in OUTPUTS:
            self.topics[role] = "%s.%s" % (self.name, role)
        self.topics["<group>.touches"] = self.name + ".touches"
        self.topics["<group>.journal"] = self.name + ".journal"
        if inputs is None:
            names = [self.topics["engagement.events"]] + ([self.topics["hcp.profiles"]] if profiles else [])
            self.kafka.create(partitions, *names)

    def topic(self, role):
        return self.topics[role]

    def instance(self, name, **settings):
        if name not in self.instances:
            self.instances[name] = Instance(self, name, **settings)
        return self.instances[name]

    def meta(self, partition):
        return self.redis.hash("jd:{%s/%d}:meta" % (self.name, partition))

    def number(self, partition, field):
        """A number of the shard's meta, or -1."""
        return int(self.meta(partition).get(field, b"-1"))

    def is_owned_by(self, instance):
        """Whether the images of all shards are claimed by this instance."""
        return all(self.meta(p).get("owner", b"").decode().rsplit("-", 1)[0] == instance.name
                   for p in range(self.partitions))

    def journal(self):
        """The committed records of the journal, decoded (Avro single-object encoding), by partition."""
        return [[JOURNAL.read(m.value()[10:] if m.value()[:2] == b"\xc3\x01" else m.value()) for m in part]
                for part in self.kafka.read(self.topic("<group>.journal"))]

    def forget(self):
        """Deletes what only this group has."""
        ours = [t for t in self.topics.values() if t.startswith(self.name + ".")]
        for future in self.kafka.admin.delete_topics(ours + [t + ".dlq" for t in ours], operation_timeout=20).values():
            try:
                future.result(30)
            except KafkaException:
                pass  # it was never made
        for partition in range(self.partitions):
            for bucket in ["meta"] + ["%02x" % b for b in range(256)]:
                self.redis.command("DEL", "jd:{%s/%d}:%s" % (self.name, partition, bucket))

    # -- at rest

    def behind(self):
        """What is not yet read, as text; empty when everything is."""
        for role in ("engagement.events", "hcp.profiles"):
            topic = self.topic(role)
            if topic == "none":
                continue
            try:
                ends, done = self.kafka.ends(topic), self.kafka.committed(self.name, topic)
            except KafkaException as failure:  # offsets of a transaction that is still open are not told
                if failure.args[0].code() != KafkaError._TIMED_OUT:
                    raise
                return "%s: %s" % (role, failure)
            if any(d < e for d, e in zip(done, ends)):
                return "%s: committed %s of %s" % (role, done, ends)
        return ""

    def check_alive(self):
        for instance in self.instances.values():
            if instance.died_unasked():
                raise Failure("%s ended with %d\n%s" % (instance.name, instance.process.returncode, instance.tail()))

    def catch_up(self, seconds=40):
        last = [""]

        def read_all():
            self.check_alive()
            last[0] = self.behind()
            return not last[0]
        try:
            wait("reading to the end", seconds, read_all, 0.1)
        except Failure as failure:
            raise Failure("%s (%s)\n%s" % (failure, last[0], "".join(
                i.tail() for i in self.instances.values())))

    def end_all(self):
        for instance in self.instances.values():
            if instance.alive():
                instance.ask_to_end()
        for instance in self.instances.values():
            if instance.alive():
                instance.end()

    def kill_all(self):
        for instance in self.instances.values():
            instance.go_on()
            instance.kill()

    def command(self, *args, name=None, check=True, seconds=60, env=None):
        """Runs a subcommand with the configuration of an instance."""
        instance = self.instance(name) if name else next(iter(self.instances.values()))
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JD_", "JOURNEYD"))}
        environment.update({k: v for k, v in self.env.items() if k.startswith("JD_CLOCK")})
        environment.update(env or {})
        done = subprocess.run([self.binary, *args, "--config", instance.config], capture_output=True,
                              text=True, timeout=seconds, env=environment)
        if check and done.returncode:
            raise Failure("journeyd %s: exit %d\n%s%s" % (" ".join(args), done.returncode, done.stdout[-1500:],
                                                          done.stderr[-3000:]))
        return done


def as_key(record):
    return (record.key() or b"").decode()


def headers_of(record):
    return {k: (v or b"").decode(errors="replace") for k, v in record.headers() or ()}


class Rig:
    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self.groups = []
        self.kafka = Kafka(os.environ["KAFKA"])
        self.redis_url = os.environ["REDIS"]
        self.redis = Redis(self.redis_url)
        self.dir = os.path.join(os.environ.get("JD_RUN") or "/tmp", "crash-%d" % os.getpid())
        os.makedirs(self.dir, exist_ok=True)
        self.tag = "c%x" % (int(time.time() * 1000) & 0xFFFFFFF)  # a broker may be used again
        self.policies = self.tag + "-policies"
        self.kafka.create(1, self.policies, **{"cleanup.policy": "compact"})

    def kill_all(self):
        """Whatever a test that failed left behind."""
        for group in self.groups:
            group.kill_all()

    def publish(self, policy):
        """Makes a policy ({file name: text}) the live one for all groups of this run."""
        group = Group(self, "publisher", "record", partitions=1)
        group.instance("p")
        self.policy_dir = os.path.join(self.dir, "policy")
        os.makedirs(self.policy_dir)
        for name, text in policy.items():
            with open(os.path.join(self.policy_dir, name), "w") as f:
                f.write(text)
        group.command("policy", "publish", self.policy_dir, "--by", "crash", "--reason", "test")
        group.forget()


def digest(*parts):
    return hashlib.sha256(b"\0".join(p if isinstance(p, bytes) else str(p).encode() for p in parts)).hexdigest()[:16]
