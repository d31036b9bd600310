#!/usr/bin/python3
"""journeyd against a bare librdkafka loop, on the same records, broker and machine, in turns.

Environment: KAFKA, REDIS; RUNS (3) and COPIES (14: 994,504 events). Everything shares the machine's cores with the
broker and Redis. CPU is of all threads of the measured process. Numbers are the median of the runs and, in brackets,
the least and the greatest.
"""
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "broker"))
import journeyd as jd  # noqa: E402

RUNS, COPIES = int(os.environ.get("RUNS", 3)), int(os.environ.get("COPIES", 14))
PARTITIONS = 8
DATA = jd.ROOT / "tests/data/open_payments"
POLICY = jd.ROOT / "config/policies/open-payments"
FLOOR = jd.ROOT / "build/release/tests/floor"
TEMP = pathlib.Path(os.environ["JD_RUN"]) / "bench"
TICKS = os.sysconf("SC_CLK_TCK")


def floor(*words):
    done = subprocess.run([str(FLOOR), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=True)
    return json.loads(done.stdout)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Report:
    def __init__(self):
        self.rows = {}

    def add(self, what, value):
        self.rows.setdefault(what, []).append(value)

    def median(self, what):
        return statistics.median(self.rows[what])

    def print(self):
        for what, values in self.rows.items():
            middle, low, high = statistics.median(values), min(values), max(values)
            digits = 0 if middle >= 1000 else 1 if middle >= 20 else 2
            print(f"  {what:52} {middle:>12,.{digits}f}   [{low:,.{digits}f} … {high:,.{digits}f}]")


def cluster_of(name, topic, **options):
    """An own group on a topic that is there."""
    cluster = jd.Cluster(name, PARTITIONS)
    cluster.topics["engagement.events"] = topic
    config = cluster.config(workers=2, topics={**cluster.topics, "hcp.profiles": "none", "account.profiles": "none"},
                            kafka={"compression.type": "lz4"}, **options)
    cluster.publish(config, POLICY)
    return cluster, config


def consume(report, name, topic, count, **options):
    """The daemon over a backlog of `count` events, from the first decided to the last committed."""
    cluster, config = cluster_of(name, topic, **options)
    daemon = jd.Daemon(cluster, config).start()
    pid = daemon.process.pid
    decided = lambda: daemon.metric("journeyd_records_applied_total") + daemon.metric(
        "journeyd_records_dead_lettered_total")
    begin = None
    deadline = time.monotonic() + 300
    while True:
        try:
            now, cpu, done = time.monotonic(), cpu_seconds(pid), decided()
        except OSError:  # its HTTP does not listen yet
            done = 0
        if begin is None and done > 0:
            begin = now, cpu, done
        if begin and done >= count:
            break
        if time.monotonic() > deadline or daemon.process.poll() is not None:
            sys.exit(f"bench: {name} did not finish: {done} of {count}\n{jd.tail(daemon.log)}")
        time.sleep(0.05)
    events = done - begin[2]
    report.add(f"{name}: CPU per event, all threads, µs", (cpu - begin[1]) / events * 1e6)
    report.add(f"{name}: events per second", events / (now - begin[0]))
    refused = daemon.metric("journeyd_records_dead_lettered_total")
    if refused:
        sys.exit(f"bench: {name}: {refused} events were refused\n{jd.tail(daemon.log)}")
    jd.wait(lambda: daemon.metric("journeyd_redis_dirty_states") == 0, 60, lambda: "Redis does not catch up")
    report.add(f"{name}: CPU per event with the write-behind done, µs", (cpu_seconds(pid) - begin[1]) / events * 1e6)
    report.add(f"{name}: journal bytes per event", daemon.metric("journeyd_journal_bytes_total") / count)
    states = daemon.metric("journeyd_states")
    # 96 bytes a touch and 512 a physician are the budget.
    report.add(f"{name}: state bytes, share of the budget",
               daemon.metric("journeyd_state_bytes") / (96 * count + 512 * states))
    report.add(f"{name}: resident MB", daemon.rss() / 1e6)
    daemon.stop(60)


def latency(report, rate, events):
    topic = f"bench.latency.{int(time.time())}"
    jd.create_topics([topic], PARTITIONS)
    cluster, config = cluster_of("latency", topic, clock="wall")
    daemon = jd.Daemon(cluster, config).start().wait_ready()
    copies = max(1, int(rate * 20 / 71036))
    watch = subprocess.Popen([str(FLOOR), "watch", jd.KAFKA, cluster.topics["conflict.alerts"],
                              str(int(copies * 71036 / rate) + 5)], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    floor("load", jd.KAFKA, topic, events, copies, rate)
    seen = json.loads(watch.communicate()[0])
    report.add("latency at half load: rate, events per second", rate)
    report.add("latency at half load: p50, ms", seen["p50_ms"])
    report.add("latency at half load: p99, ms", seen["p99_ms"])
    daemon.stop(60)


def replay(report, events):
    out = TEMP / "replay"
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([jd.BINARY, "replay", "--policy", str(POLICY), "--events", str(events), "--out", str(out)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with open(events, "rb") as lines:
        count = sum(1 for _ in lines)
    report.add("replay: CPU per event, µs", cpu / count * 1e6)
    report.add("replay: events per second", count / (time.monotonic() - begin))


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / 2**20
    redis = subprocess.run(["redis-server", "--version"], stdout=subprocess.PIPE, text=True).stdout.split()[2]
    import confluent_kafka
    print(f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}")
    print(f"{subprocess.run([jd.BINARY, '--version'], stdout=subprocess.PIPE, text=True).stdout.strip()}, "
          f"librdkafka {confluent_kafka.libversion()[0]}, Kafka 4.3.1, Redis {redis}; "
          f"broker and Redis on the same cores\n")


def main():
    TEMP.mkdir(parents=True, exist_ok=True)
    events, parts = TEMP / "events.jsonl", TEMP / "events.parts"
    subprocess.run([DATA / "convert.py", events], check=True)
    subprocess.run([jd.ROOT / "tests/bench/parts.py", events, parts], check=True)
    stamp = int(time.time())
    json_topic, avro_topic, out = f"bench.json.{stamp}", f"bench.avro.{stamp}", f"bench.out.{stamp}"
    jd.create_topics([json_topic, avro_topic, out], PARTITIONS)
    machine()
    count = floor("load", jd.KAFKA, json_topic, events, COPIES)["events"]
    floor("load", jd.KAFKA, avro_topic, parts, COPIES)
    print(f"{count:,} events, JSON of {os.path.getsize(events) * COPIES // count} bytes and the same in Avro; "
          f"{PARTITIONS} partitions, 2 workers, two rules; {RUNS} runs", flush=True)
    report = Report()
    schema = {"events_schema": str(jd.ROOT / "schemas/EngagementEvent.avsc")}
    for _ in range(RUNS):
        for name, topic in (("floor on the JSON records", json_topic), ("floor on the Avro records", avro_topic)):
            bare = floor("run", jd.KAFKA, topic, out, count)
            report.add(f"{name}: CPU per event, µs", bare["cpu_us_per_event"])
            report.add(f"{name}: events per second", bare["rate"])
        consume(report, "json", json_topic, count)
        consume(report, "avro", avro_topic, count, encoding={"in": "avro", **schema})
        replay(report, events)
    for name in ("json", "avro"):
        bare = report.median(f"floor on the {name.upper() if name == 'json' else 'Avro'} records: CPU per event, µs")
        report.add(f"{name}: CPU as a ratio to the floor",
                   report.median(f"{name}: CPU per event, all threads, µs") / bare)
    for _ in range(RUNS):
        latency(report, report.median("json: events per second") / 2, events)
    report.print()


main()
