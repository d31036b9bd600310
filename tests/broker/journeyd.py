"""The daemon under test and its topics, for tests that run on a real broker and a real Redis.

Environment: KAFKA, REDIS (and REGISTRY) as tests/broker/services.sh exports them; JOURNEYD names the binary
(default build/release/journeyd). Nothing here shares code with the daemon: the partitioner and the Avro writer
are written from their specifications.
"""
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("JOURNEYD", str(ROOT / "build/release/journeyd"))
KAFKA = os.environ.get("KAFKA", "")
REDIS = os.environ.get("REDIS", "")
REGISTRY = os.environ.get("REGISTRY", "")


def murmur2(key):
    """Kafka's murmur2 of bytes (org.apache.kafka.common.utils.Utils)."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(key)) & mask
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = key[whole:]
    if tail:
        for i in reversed(range(len(tail))):
            h ^= tail[i] << 8 * i
        h = h * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def create_topics(names, partitions, **config):
    admin = AdminClient({"bootstrap.servers": KAFKA})
    made = admin.create_topics([NewTopic(n, partitions, 1, config={k.replace("_", "."): v for k, v in
                                                                  config.items()}) for n in names])
    for future in made.values():
        future.result(30)
    end = time.monotonic() + 30
    while any(n not in admin.list_topics(timeout=10).topics for n in names):
        if time.monotonic() > end:
            raise TimeoutError("topics did not appear")
        time.sleep(0.1)


def partitions_of(topic):
    return len(AdminClient({"bootstrap.servers": KAFKA}).list_topics(topic, timeout=10).topics[topic].partitions)


def read_all(topic, committed=True):
    """Every record of a topic, in order per partition, up to its end now."""
    consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": "reader", "enable.auto.commit": False,
                         "enable.partition.eof": True, "fetch.wait.max.ms": 20,
                         "isolation.level": "read_committed" if committed else "read_uncommitted"})
    count = partitions_of(topic)
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(count)])
    records, ended = [], set()
    deadline = time.monotonic() + 60
    while len(ended) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic}: no end of partition")
        for message in consumer.consume(10000, 0.2):
            error = message.error()
            if error is None:
                records.append(message)
                ended.discard(message.partition())
            elif error.name() == "_PARTITION_EOF":
                ended.add(message.partition())
    consumer.close()
    return records


class Cluster:
    """The topics of one test: an own prefix, an own group."""

    INPUTS = ("engagement.events", "hcp.profiles", "account.profiles")
    OUTPUTS = ("conflict.alerts", "conflict.alerts.commercial", "conflict.alerts.medical", "conflict.alerts.shadow",
               "channel.triggers.commercial", "channel.triggers.medical", "decisions")

    def __init__(self, name, partitions=4, **topic_config):
        self.group = f"{name}-{os.getpid()}-{int(time.time() * 1000) % 1000000}"
        self.partitions = partitions
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"jd-{name}-"))
        self.topics = {role: f"{self.group}.{role}" for role in self.INPUTS + self.OUTPUTS}
        self.topics["journeyd.policies"] = f"{self.group}.policies"
        create_topics([self.topics[r] for r in self.INPUTS], partitions, **topic_config)

    def dlq(self, role="engagement.events"):
        return self.topics[role] + ".dlq"

    def config(self, instance="a", **options):
        """A configuration file; nested options as dicts, e.g. redis={"flush_interval": "50ms"}."""
        settings = {"group": self.group, "instance": instance, "workers": 1, "clock": "record",
                    "kafka": {"bootstrap.servers": KAFKA, "session.timeout.ms": 3000},
                    "topics": dict(self.topics), "create_topics": True, "redis": {"url": REDIS},
                    "http": f"127.0.0.1:{free_port()}"}
        if REGISTRY:
            settings["registry"] = {"url": REGISTRY}
        for name, value in options.items():
            if isinstance(value, dict):
                settings.setdefault(name, {}).update(value)
            else:
                settings[name] = value
        path = self.directory / f"{instance}.yaml"
        path.write_text(json.dumps(settings, indent=1))  # JSON is YAML
        return path

    def publish(self, config, policy):
        subprocess.run([BINARY, "policy", "publish", str(policy), "--config", str(config), "--by", "test",
                        "--reason", "test"], check=True, stdout=subprocess.DEVNULL)


class Daemon:
    """One `journeyd run`."""

    def __init__(self, cluster, config, **environment):
        self.cluster, self.config = cluster, config
        self.settings = json.loads(pathlib.Path(config).read_text())
        self.log = cluster.directory / f"{self.settings['instance']}.log"
        self.environment = {**os.environ, **environment}
        self.process = None

    def start(self, **environment):
        self.process = subprocess.Popen([BINARY, "run", "--config", str(self.config)],
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT,
                                        env={**self.environment, **environment})
        return self

    def stop(self, timeout=30):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.settings['http']}{path}", timeout=5) as answer:
            return answer.read().decode()

    def metric(self, name):
        """Sum over all labels of one metric."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            if line.split("{")[0].split(" ")[0] == name:
                total += float(line.rsplit(" ", 1)[1])
        return total

    def is_ready(self):
        try:
            self.get("/readyz")
            return True
        except OSError:
            return False

    def wait_ready(self, timeout=30):
        wait(self.is_ready, timeout, lambda: f"not ready; log:\n{tail(self.log)}")
        return self

    def rss(self):
        """Resident bytes."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGESIZE")

    def wait_consumed(self, timeout=120, roles=("engagement.events",)):
        """Until the journal has passed the end of the inputs (group offsets move in the same transaction)."""
        wait(lambda: not any(self.lag(role) for role in roles), timeout,
             lambda: f"lag remains; log:\n{tail(self.log)}")

    def lag(self, role="engagement.events"):
        """Records of an input that are not decided yet."""
        consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": self.cluster.group,
                             "enable.auto.commit": False})
        try:
            places = [TopicPartition(self.cluster.topics[role], p) for p in range(self.cluster.partitions)]
            ends = [consumer.get_watermark_offsets(p, timeout=10, cached=False)[1] for p in places]
            return sum(end - max(c.offset, 0) for c, end in zip(consumer.committed(places, timeout=10), ends))
        finally:
            consumer.close()

    def why_not_ready(self):
        """What /readyz says; empty: ready."""
        try:
            self.get("/readyz")
            return ""
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return "nobody listens"


def tail(path, lines=15):
    return "\n".join(pathlib.Path(path).read_text(errors="replace").splitlines()[-lines:])


def wait(done, timeout, explain):
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(explain())
        time.sleep(0.1)


class Writer:
    """Produces test records, each to the partition that its key belongs to unless told otherwise."""

    def __init__(self, partitions):
        self.partitions = partitions
        self.producer = Producer({"bootstrap.servers": KAFKA, "linger.ms": 5, "message.max.bytes": 8 << 20,
                                  "queue.buffering.max.messages": 1000000})

    def send(self, topic, key, value, headers=(), partition=None, timestamp=None):
        if partition is None:
            partition = partition_of(key, self.partitions) if key is not None else 0
        options = {} if timestamp is None else {"timestamp": timestamp}
        while True:
            try:
                self.producer.produce(topic, key=key, value=value, headers=list(headers), partition=partition,
                                      **options)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def flush(self):
        left = self.producer.flush(60)
        assert left == 0, f"{left} records were not taken"


# ---- Avro, from the specification -------------------------------------------------------------------

def zigzag(n):
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while n & ~0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def avro(schema, value, names=None):
    """One datum. Unions: null, or the first other branch."""
    names = {} if names is None else names
    if isinstance(schema, str):
        schema = names.get(schema, schema)
    if isinstance(schema, list):
        branch = schema.index("null") if value is None else next(i for i, s in enumerate(schema) if s != "null")
        return zigzag(branch) + avro(schema[branch], value, names)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return avro(kind, value, names)
    if kind == "null":
        return b""
    if kind == "boolean":
        return b"\1" if value else b"\0"
    if kind in ("int", "long"):
        return zigzag(value)
    if kind == "string":
        return zigzag(len(value.encode())) + value.encode()
    if kind == "enum":
        names[schema["name"]] = schema
        return zigzag(schema["symbols"].index(value))
    if kind == "array":
        items = b"".join(avro(schema["items"], v, names) for v in value)
        return (zigzag(len(value)) + items if value else b"") + b"\0"
    if kind == "map":
        items = b"".join(avro("string", k) + avro(schema["values"], v, names) for k, v in value.items())
        return (zigzag(len(value)) + items if value else b"") + b"\0"
    if kind == "record":
        names[schema["name"]] = schema
        out = b""
        for field in schema["fields"]:
            missing = {"array": [], "map": {}}.get(field["type"].get("type") if isinstance(field["type"], dict)
                                                   else None)
            out += avro(field["type"], (value or {}).get(field["name"], missing), names)
        return out
    raise ValueError(f"no writer for {schema}")


def named(schema, names):
    """Every named type of a schema; one may be defined in a branch that a datum does not take."""
    if isinstance(schema, list):
        for branch in schema:
            named(branch, names)
    elif isinstance(schema, dict):
        if "name" in schema and "type" in schema and schema["type"] in ("record", "enum"):
            names[schema["name"]] = schema
        for field in schema.get("fields", ()):
            named(field["type"], names)
        for inner in ("items", "values", "type"):
            named(schema.get(inner), names)
    return names


def read_avro(schema, data, at=0, names=None):
    """One datum and where it ends."""
    names = named(schema, {}) if names is None else names
    if isinstance(schema, str):
        schema = names.get(schema, schema)

    def varint(at):
        n, shift = 0, 0
        while True:
            n |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80:
                return (n >> 1) ^ -(n & 1), at

    if isinstance(schema, list):
        branch, at = varint(at)
        return read_avro(schema[branch], data, at, names)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return read_avro(kind, data, at, names)
    if kind == "null":
        return None, at
    if kind == "boolean":
        return data[at] == 1, at + 1
    if kind in ("int", "long"):
        return varint(at)
    if kind == "double":
        return struct.unpack_from("<d", data, at)[0], at + 8
    if kind == "string":
        size, at = varint(at)
        return data[at:at + size].decode(), at + size
    if kind == "enum":
        n, at = varint(at)
        return schema["symbols"][n], at
    if kind in ("array", "map"):
        items = []
        while True:
            count, at = varint(at)
            if count == 0:
                return (items if kind == "array" else dict(items)), at
            for _ in range(count):
                if kind == "map":
                    key, at = read_avro("string", data, at)
                    value, at = read_avro(schema["values"], data, at, names)
                    items.append((key, value))
                else:
                    value, at = read_avro(schema["items"], data, at, names)
                    items.append(value)
    if kind == "record":
        out = {}
        for field in schema["fields"]:
            out[field["name"]], at = read_avro(field["type"], data, at, names)
        return out, at
    raise ValueError(f"no reader for {schema}")


def register(subject, schema):
    """Registers a schema (as a dict) and returns its id."""
    request = urllib.request.Request(f"{REGISTRY}/subjects/{subject}/versions",
                                     json.dumps({"schema": json.dumps(schema)}).encode(),
                                     {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["id"]


def framed(schema_id, datum):
    return b"\0" + struct.pack(">I", schema_id) + datum


def delete_records(topic, partition, before):
    """Removes the records of a partition below an offset, as retention does. (Request 21 of Kafka's protocol,
    version 1; confluent_kafka has no call for it.)"""
    host, port = KAFKA.split(":")
    name = topic.encode()
    body = struct.pack(">i h", 1, len(name)) + name + struct.pack(">i i q i", 1, partition, before, 10000)
    request = struct.pack(">h h i h", 21, 1, 7, 4) + b"test" + body
    with socket.create_connection((host, int(port)), timeout=20) as s:
        s.sendall(struct.pack(">i", len(request)) + request)
        reader = s.makefile("rb")
        answer = reader.read(struct.unpack(">i", reader.read(4))[0])
    assert answer[:4] == struct.pack(">i", 7) and answer[-2:] == b"\0\0", answer


class Gate:
    """A TCP door in front of a server, one line wide in each direction. It can be shut (connections are cut, new
    ones refused), held (nothing passes, nothing is cut) and made slow (`delay` seconds before each chunk)."""

    def __init__(self, target, port=None):
        self.target, self.port, self.open, self.pairs = target, port or free_port(), False, []
        self.delay, self.passing = 0.0, threading.Event()
        self.passing.set()
        self.shut_lock = threading.Lock()

    def up(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.open = True
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    def hold(self):
        self.passing.clear()

    def release(self):
        self.passing.set()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                return
            with self.shut_lock:
                self.pairs.append((client, server))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, a, b):
        try:
            while chunk := a.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                self.passing.wait()
                b.sendall(chunk)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Cuts what is connected; whoever comes again is let in."""
        with self.shut_lock:
            for pair in self.pairs:
                for s in pair:
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            self.pairs = []

    def down(self):
        self.open = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


class Counts:
    """Checks of one suite; ends with the line that the runner reads."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def check(self, ok, what, detail=""):
        if ok:
            self.passed += 1
            print(f"  ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"  FAIL  {what}{': ' if detail else ''}{detail}", flush=True)
        return ok

    def run(self, cases, only=()):
        """Those that are named, else all; the end."""
        for case in cases:
            if not only or case.__name__ in only:
                began = time.monotonic()
                case()
                print(f"  {case.__name__}: {time.monotonic() - began:.0f} s", flush=True)
        self.end()

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.exit(1 if self.failed else 0)
