#!/usr/bin/python3
"""Other doors to the services, and worse ways to them: Redis by a Unix socket with a user of few rights, Kafka by
SASL and TLS with secrets from files, a broker behind a network that is slow, cuts connections, or is gone
for a while. What was decided is held against the inputs by `verify`.
"""
import json
import os
import re
import subprocess
import sys
import time

import confluent_kafka
import journeyd as jd

POLICY = {
    "policy.yaml": {"name": "doors", "allowed_lateness": "30d"},
    "conflicts.yaml": [{"id": "same-day", "version": 1, "kind": "proximity", "a": {"role": "sales_rep"},
                        "b": {"role": "msl"}, "within": "1d", "mode": "alert", "severity": "high"}],
}
PASSWORD = "only-for-tests"
RIGHTS = "~jd:* +watch +unwatch +multi +exec +hset +hdel +hget +hgetall +del +info +time +ping"


class Scene:
    def __init__(self, counts, name, **options):
        self.counts, self.name = counts, name
        self.cluster = jd.Cluster("door" + name, 2)
        self.directory = self.cluster.directory
        self.options = options
        self.config = self.cluster.config(**options)
        policy = self.directory / "policy"
        policy.mkdir()
        for file, content in POLICY.items():
            (policy / file).write_text(json.dumps(content))
        self.cluster.publish(self.config, policy)
        self.writer = jd.Writer(2)
        self.sent = 0
        self.daemon = jd.Daemon(self.cluster, self.config)

    def pairs(self, count):
        for i in range(self.sent, self.sent + count):
            for role in ("sales_rep", "msl"):
                heads = {"ce_specversion": "1.0", "ce_id": f"{role}{i}", "ce_source": "crm", "ce_type": "call.completed",
                         "ce_time": "2026-03-02T09:00:00Z", "content-type": "application/json"}
                body = {"hcp_id": f"h{i}", "channel": "in_person", "actor": {"id": role, "role": role, "team": "t"}}
                self.writer.send(self.cluster.topics["engagement.events"], f"h{i}".encode(), json.dumps(body).encode(),
                                 [(k, v.encode()) for k, v in heads.items()])
        self.writer.flush()
        self.sent += count

    def check(self, ok, what, detail=""):
        return self.counts.check(ok, f"{self.name}: {what}", detail)

    def redis_keys(self, path):
        return subprocess.run(["redis-cli", "-s", str(path), "--user", "journeyd", "--pass", PASSWORD, "--no-auth-warning",
                               "hgetall", f"jd:{{{self.cluster.group}/check}}:meta"], stdout=subprocess.PIPE,
                              check=True).stdout.strip()

    def end(self):
        """Everything sent is decided once, and all copies agree."""
        self.daemon.wait_consumed()
        code = self.daemon.stop(60)
        self.check(code == 0, "stops with 0", f"{code}: {jd.tail(self.daemon.log)}")
        alerts = [json.loads(r.value())["hcp_id"] for r in jd.read_all(self.cluster.topics["conflict.alerts"])]
        self.check(sorted(alerts) == sorted(f"h{i}" for i in range(self.sent)), "one alert for each pair",
                   f"{len(alerts)} of {self.sent}")
        done = subprocess.run([jd.BINARY, "verify", "--shard", "all", "--config", str(self.config)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.check(done.returncode == 0, "verify finds no difference", done.stdout.decode()[-500:])


def secret(directory, text):
    path = directory / "secret"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


class Suite:
    def __init__(self):
        self.counts = jd.Counts()
        self.files = jd.pathlib.Path(os.environ.get("JD_RUN", "/tmp"))

    def refused(self, what, config, codes, *words):
        done = subprocess.run([jd.BINARY, "run", "--config", str(config)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        said = done.stdout.decode(errors="replace")
        missing = [w for w in words if not re.search(w, said, re.I)]
        self.counts.check(done.returncode in codes and not missing and PASSWORD not in said, what,
                          f"{done.returncode}, missing {missing}: {said[-600:]}")

    def redis(self):
        path = self.files / "few-rights.sock"
        acl = self.files / "few-rights.acl"
        acl.write_text(f"user default off\nuser journeyd on >{PASSWORD} {RIGHTS}\n"
                       f"user reader on >{PASSWORD} ~jd:* +hget +hgetall +info +time\n")
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "",
                                   "--aclfile", str(acl)], stdout=subprocess.DEVNULL)
        try:
            jd.wait(path.exists, 20, lambda: "no Redis")
            redis = {"url": f"unix:{path}", "user": "journeyd", "password_file": secret(self.files, PASSWORD),
                     "flush_interval": "20ms"}
            s = Scene(self.counts, "redis", redis=redis)
            s.daemon.start().wait_ready()
            s.pairs(50)
            s.end()
            wrong = self.files / "wrong"
            wrong.write_text("wrong")
            self.refused("redis: a wrong password: 78", s.cluster.config("b", redis={**redis, "password_file": str(wrong)}),
                         (78,), "WRONGPASS", "password_file")
            self.refused("redis: a user who may not write: 78", s.cluster.config("b", redis={**redis, "user": "reader"}),
                         (78,), "NOPERM|no permissions", r"\+watch")
            self.counts.check(not s.redis_keys(path), "redis: the check of rights leaves nothing")
        finally:
            server.kill()
            server.wait()

    def kafka(self):
        if not os.environ.get("KAFKA_SASL"):
            self.counts.skipped += 1
            print("  skip  SASL and TLS: the broker is not ours")
            return
        login = {"bootstrap.servers": os.environ["KAFKA_SASL"], "security.protocol": "sasl_plaintext",
                 "sasl.username": "journeyd", "sasl.password_file": secret(self.files, PASSWORD)}
        ways = {"plain": {**login, "sasl.mechanism": "PLAIN"}}
        scram = {**login, "sasl.mechanism": "SCRAM-SHA-256"}
        if confluent_kafka.libversion()[1] >= 0x020601ff:
            ways["scram"] = scram
        if os.environ.get("KAFKA_SSL"):
            ways["tls"] = {"bootstrap.servers": os.environ["KAFKA_SSL"], "security.protocol": "ssl",
                           "ssl.ca.location": os.environ["KAFKA_CA"]}
        else:
            self.counts.skipped += 1
            print("  skip  TLS: no openssl to make a certificate with")
        for name, kafka in ways.items():
            s = Scene(self.counts, name, kafka=kafka)
            s.daemon.start().wait_ready()
            s.pairs(50)
            s.end()
        wrong = self.files / "wrong"
        wrong.write_text("wrong")
        self.refused("plain: a wrong password", s.cluster.config(
            "b", kafka={**ways["plain"], "sasl.password_file": str(wrong)}, start_timeout="3s"), (69, 78), "authenticat")
        if "scram" not in ways:
            self.refused("scram: this librdkafka cannot", s.cluster.config("b", kafka=scram, start_timeout="3s"), (69, 78),
                         "authenticat", "librdkafka before 2.6.1")
        if "tls" in ways:
            self.refused("tls: a certificate that nobody signed", s.cluster.config(
                "b", kafka={**ways["tls"], "ssl.ca.location": ""}, start_timeout="3s"), (69, 78), "certificate|ssl")

    def network(self):
        if not os.environ.get("KAFKA_BEHIND"):
            self.counts.skipped += 1
            print("  skip  a proxy before the broker: it is not ours")
            return
        host, port = os.environ["KAFKA_BEHIND"].split(":")
        gate = jd.Gate((host, int(port)), int(os.environ["KAFKA_DOOR"])).up()
        s = Scene(self.counts, "network", kafka={"bootstrap.servers": f"127.0.0.1:{gate.port}"})
        s.daemon.start().wait_ready()
        gate.delay = 0.05
        s.pairs(200)
        s.daemon.wait_consumed()
        s.check(True, "slow: everything is decided")
        gate.delay = 0
        for _ in range(8):
            s.pairs(50)
            time.sleep(0.1)
            gate.cut()
        s.daemon.wait_consumed()
        s.check(s.daemon.process.poll() is None, "cut again and again: everything is decided")
        for _ in range(2):
            gate.hold()
            s.pairs(100)
            time.sleep(6)  # longer than its session
            gate.release()
            s.daemon.wait_consumed()
        s.check(s.daemon.process.poll() is None, "silent for longer than a session: everything is decided")
        gate.down()
        s.pairs(100)
        time.sleep(1)
        gate.up()
        s.end()
        gate.down()

    def run(self, only=()):
        self.counts.run((self.redis, self.kafka, self.network), only)


if __name__ == "__main__":
    Suite().run(sys.argv[1:])
