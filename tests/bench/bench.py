#!/usr/bin/python3
"""journeyd against a bare librdkafka loop, on the same records, broker and machine, in turns; and its budgets.

Environment: KAFKA, REDIS; RUNS (3) and COPIES (14: 994,504 events). Everything shares the machine's cores with the
broker and Redis. CPU is of all threads of the measured process. Numbers are the median of the runs and, in brackets,
the least and the greatest. Where a budget of CPU time is missed, a profile follows, if perf is installed.
"""
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "broker"))
import journeyd as jd  # noqa: E402
from hotspots import HOW_TO, Profile, print_profile  # noqa: E402

RUNS, COPIES = int(os.environ.get("RUNS", 3)), int(os.environ.get("COPIES", 14))
PARTITIONS, INTERVAL_MS, SESSION_S = 8, 50, 3
DATA = jd.ROOT / "tests/data/open_payments"
POLICY = jd.ROOT / "config/policies/open-payments"
BUILD = jd.ROOT / "build/release/tests"
FLOOR = BUILD / "floor"
TEMP = pathlib.Path(os.environ["JD_RUN"]) / "bench"
TICKS = os.sysconf("SC_CLK_TCK")
FILE_EVENTS = 71036
STARTED = time.monotonic()


def progress(text):
    print(f"[{time.monotonic() - STARTED:4.0f} s] {text}", file=sys.stderr, flush=True)


def tool(*words):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=True)
    return json.loads(done.stdout)


def cpu_seconds(pid):
    """Of the whole process, and of librdkafka's threads in it."""
    def spent(stat):
        name, fields = stat.split("(", 1)[1].rsplit(")", 1)
        fields = fields.split()
        return name, (int(fields[11]) + int(fields[12])) / TICKS
    process = pathlib.Path(f"/proc/{pid}")
    threads = [spent((task / "stat").read_text()) for task in (process / "task").iterdir()]
    return (spent((process / "stat").read_text())[1],
            sum(seconds for name, seconds in threads if name.startswith("rdk:")))


def redis_bytes():
    info = subprocess.run(["redis-cli", "-u", jd.REDIS, "info", "memory"], stdout=subprocess.PIPE, text=True).stdout
    return int(next(line.split(":")[1] for line in info.splitlines() if line.startswith("used_memory:")))


class Report:
    def __init__(self):
        self.rows, self.budgets = {}, []

    def add(self, what, value):
        self.rows.setdefault(what, []).append(value)

    def median(self, what):
        return statistics.median(self.rows[what])

    def budget(self, what, measured, most, unit="", least=False):
        """`most` is the budget; with `least` it is a floor."""
        self.budgets.append((what, measured, most, unit, measured >= most if least else measured <= most))

    def print(self):
        for what, values in self.rows.items():
            middle, low, high = statistics.median(values), min(values), max(values)
            digits = 0 if middle >= 1000 else 1 if middle >= 20 else 2
            print(f"  {what:62} {middle:>12,.{digits}f}   [{low:,.{digits}f} … {high:,.{digits}f}]")
        print(f"\n  {'budget':62} {'measured':>12}   {'budget':>12}")
        for what, measured, most, unit, met in self.budgets:
            digits = 0 if max(measured, most) >= 1000 else 2
            print(f"  {what:62} {measured:>12,.{digits}f}   {most:>12,.{digits}f} {unit:12} "
                  f"{'met' if met else 'MISSED'}")


def rules_policy(name, rules):
    """The policy's two rules of medical and commercial contacts, and as many more, each for a product, as make
    `rules` in all."""
    directory = TEMP / name
    shutil.copytree(POLICY, directory, dirs_exist_ok=True)
    file = directory / "conflicts.yaml"
    two = [rule for rule in re.split(r"(?m)^(?=- )", file.read_text()) if "id: medical-commercial-" in rule]
    with open(file, "w") as out:
        out.writelines(two)
        for i in range(rules - 2):
            out.write(f"- id: product-{i:03}\n  version: 1\n  kind: proximity\n"
                      f"  a: {{ role: sales_rep, product: P{i:03} }}\n  b: {{ role: [msl, speaker], product: P{i:03} }}\n"
                      f"  same: [team]\n  within: 7d\n  mode: alert\n  severity: medium\n")
    return directory


def cluster_of(name, topic, policy, **options):
    """An own group on a topic that is there."""
    cluster = jd.Cluster(name, PARTITIONS)
    cluster.topics["engagement.events"] = topic
    common = {"workers": 2, "topics": {**cluster.topics, "hcp.profiles": "none", "account.profiles": "none"},
              "commit_interval": f"{INTERVAL_MS}ms",
              "kafka": {"compression.type": "lz4", "session.timeout.ms": SESSION_S * 1000}, **options}
    cluster.publish(cluster.config(**common), policy)
    return cluster, lambda instance="a": cluster.config(instance, **common)


def decided(daemon):
    return daemon.metric("journeyd_records_applied_total") + daemon.metric("journeyd_records_dead_lettered_total")


def wait_first(daemon):
    """Until the daemon has decided something; its HTTP may not listen yet."""
    def some():
        try:
            return decided(daemon) > 0
        except OSError:
            return False
    deadline = time.monotonic() + 60
    while not some():
        if time.monotonic() > deadline or daemon.process.poll() is not None:
            sys.exit(f"bench: nothing was decided\n{jd.tail(daemon.log)}")
        time.sleep(0.005)


def consume(report, name, topic, count, policy, profile=None, **options):
    """The daemon over a backlog of `count` events, from the first decided to the last committed."""
    progress(name)
    empty = redis_bytes()
    cluster, config = cluster_of(name.split()[0], topic, policy, **options)
    daemon = jd.Daemon(cluster, config()).start()
    pid = daemon.process.pid
    wait_first(daemon)
    begin, cpu, first = time.monotonic(), cpu_seconds(pid), decided(daemon)
    recorder = Profile(pid, profile) if profile else None
    while decided(daemon) < count:
        if time.monotonic() > begin + 300 or daemon.process.poll() is not None:
            sys.exit(f"bench: {name} did not finish\n{jd.tail(daemon.log)}")
        time.sleep(0.05)
    spent, took, events = cpu_seconds(pid), time.monotonic() - begin, count - first
    if recorder:
        recorder.stop()
        daemon.stop(60)
        return
    report.add(f"{name}: CPU per event, all threads, µs", (spent[0] - cpu[0]) / events * 1e6)
    report.add(f"{name}: of it librdkafka's threads, µs", (spent[1] - cpu[1]) / events * 1e6)
    report.add(f"{name}: events per second", events / took)
    refused = daemon.metric("journeyd_records_dead_lettered_total")
    if refused:
        sys.exit(f"bench: {name}: {refused} events were refused\n{jd.tail(daemon.log)}")
    jd.wait(lambda: daemon.metric("journeyd_redis_dirty_states") == 0, 60, lambda: "Redis does not catch up")
    states = daemon.metric("journeyd_states")
    report.add(f"{name}: CPU per event with the write-behind done, µs", (cpu_seconds(pid)[0] - cpu[0]) / events * 1e6)
    report.add(f"{name}: journal bytes per event", daemon.metric("journeyd_journal_bytes_total") / count)
    report.add(f"{name}: state bytes in memory per event", daemon.metric("journeyd_state_bytes") / count)
    report.add(f"{name}: state bytes in Redis per event", (redis_bytes() - empty) / count)
    report.add(f"{name}: bytes per event that the budget allows", 96 + 512 * states / count)
    report.add(f"{name}: resident MB", daemon.rss() / 1e6)
    daemon.stop(60)


def latency(report, title, rate, events, policy):
    """At a steady rate; then killed, and taken over with a backlog: by itself, and by another instance."""
    progress(f"{title}, {rate:,.0f} events per second")
    topic = f"bench.latency.{time.time_ns()}"
    jd.create_topics([topic], PARTITIONS)
    cluster, config = cluster_of("latency", topic, policy, clock="wall")
    daemon = jd.Daemon(cluster, config()).start().wait_ready()
    copies = max(1, round(rate * 15 / FILE_EVENTS))
    tool(FLOOR, "load", jd.KAFKA, topic, events, 1, rate)  # warm: caches, connections, the broker's own code
    watch = subprocess.Popen([str(FLOOR), "watch", jd.KAFKA, cluster.topics["conflict.alerts"],
                              str(int(copies * FILE_EVENTS / rate) + 5)], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    tool(FLOOR, "load", jd.KAFKA, topic, events, copies, rate, 1)
    seen = json.loads(watch.communicate()[0])
    report.add(f"{title}: events per second", rate)
    for what in ("p50", "p99"):
        report.add(f"{title}: {what}, ms", seen[f"{what}_ms"])
    for more, (what, instance) in enumerate((("the same instance", "a"), ("another instance", "b")), 1):
        daemon.kill()
        tool(FLOOR, "load", jd.KAFKA, topic, events, 1, 0, copies + more)
        begin = time.monotonic()
        daemon = jd.Daemon(cluster, config(instance)).start()
        wait_first(daemon)
        report.add(f"after kill -9, {what}: seconds to the first new decision", time.monotonic() - begin)
    daemon.stop(60)


def replay(report, what, events, policy):
    progress(what)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([jd.BINARY, "replay", "--policy", str(policy), "--events", str(events), "--out", str(TEMP / "out")],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with open(events, "rb") as lines:
        count = sum(1 for _ in lines)
    if count == 0:
        report.add(f"{what}: ms", took * 1e3)
        return
    report.add(f"{what}: CPU per event, µs", cpu / count * 1e6)
    report.add(f"{what}: events per second", count / took)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / 2**20
    redis = subprocess.run(["redis-server", "--version"], stdout=subprocess.PIPE, text=True).stdout.split()[2]
    import confluent_kafka
    print(f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
          f"load {os.getloadavg()[0]:.1f}")
    print(f"{subprocess.run([jd.BINARY, '--version'], stdout=subprocess.PIPE, text=True).stdout.strip()}, "
          f"librdkafka {confluent_kafka.libversion()[0]}, Kafka 4.3.1, Redis {redis}; "
          f"broker and Redis on the same cores\n")


def judge(report):
    """Each budget beside its figure."""
    median = report.median
    report.budget("engine alone, 50 rules, 1 M physicians: events per second", median("engine alone: events per second"),
                  1e6, "or more", least=True)
    for name, most in (("json", 2.5), ("avro", 2)):
        report.budget(f"{name}: CPU per event, against the floor", median(f"{name}: CPU as a ratio to the floor"), most,
                      "times")
    report.budget("50 rules: more CPU per event than with two", median("json 50 rules: CPU per event, all threads, µs") -
                  median("json: CPU per event, all threads, µs"), 1, "µs")
    report.budget("latency at half load, p99", median("latency at half load: p99, ms"), 2 * INTERVAL_MS, "ms")
    for where in ("memory", "Redis"):
        report.budget(f"state in {where}, of what the budget allows", median(f"json: state bytes in {where} per event") /
                      median("json: bytes per event that the budget allows"), 1, "times")
    events = COPIES * FILE_EVENTS
    report.budget("resident memory", median("json: resident MB"),
                  median("json: bytes per event that the budget allows") * events / 1e6 + 100, "MB")
    report.budget("journal bytes per event, before compression", median("json: journal bytes per event"), 200)
    report.budget("replay: events per second", median("replay: events per second"), 1e6, "or more", least=True)
    for what, most in (("the same instance", 2), ("another instance", SESSION_S + 2)):
        report.budget(f"after kill -9, {what}: first new decision",
                      median(f"after kill -9, {what}: seconds to the first new decision"), most, "s")
    report.budget("start of a policy of 200 rules", median("start with 200 rules: ms"), 100, "ms")


def main():
    TEMP.mkdir(parents=True, exist_ok=True)
    events, parts, nothing = TEMP / "events.jsonl", TEMP / "events.parts", TEMP / "nothing.jsonl"
    subprocess.run([DATA / "convert.py", events], check=True, stderr=subprocess.DEVNULL)
    subprocess.run([jd.ROOT / "tests/bench/parts.py", events, parts], check=True)
    nothing.write_text("")
    stamp = int(time.time())
    json_topic, avro_topic, out = f"bench.json.{stamp}", f"bench.avro.{stamp}", f"bench.out.{stamp}"
    jd.create_topics([json_topic, avro_topic, out], PARTITIONS)
    machine()
    progress("loading")
    count = tool(FLOOR, "load", jd.KAFKA, json_topic, events, COPIES)["events"]
    tool(FLOOR, "load", jd.KAFKA, avro_topic, parts, COPIES)
    print(f"{count:,} events, JSON of {os.path.getsize(events) * COPIES // count} bytes and the same in Avro; "
          f"{PARTITIONS} partitions, 2 workers, two rules; {RUNS} runs\n", flush=True)
    report = Report()
    avro = {"encoding": {"in": "avro", "events_schema": str(jd.ROOT / "schemas/EngagementEvent.avsc")}}
    two, many = rules_policy("rules-2", 2), rules_policy("rules-50", 50)
    for run in range(RUNS):
        progress(f"run {run + 1} of {RUNS}")
        for name, topic in (("floor on the JSON records", json_topic), ("floor on the Avro records", avro_topic)):
            bare = tool(FLOOR, "run", jd.KAFKA, topic, out, count)
            report.add(f"{name}: CPU per event, µs", bare["cpu_us_per_event"])
            report.add(f"{name}: events per second", bare["rate"])
        consume(report, "json", json_topic, count, two)
        consume(report, "avro", avro_topic, count, two, **avro)
        consume(report, "json 50 rules", json_topic, count, many)
        replay(report, "replay", events, two)
        replay(report, "start with 200 rules", nothing, rules_policy(f"rules-200-{run}", 200))
    for name in ("json", "avro"):
        bare = report.median(f"floor on the {name.upper() if name == 'json' else 'Avro'} records: CPU per event, µs")
        for spent in report.rows[f"{name}: CPU per event, all threads, µs"]:
            report.add(f"{name}: CPU as a ratio to the floor", spent / bare)
    for _ in range(RUNS):
        latency(report, "latency at half load", report.median("json: events per second") / 2, events, two)
    latency(report, "latency at a moderate rate", 5000, events, two)
    progress("engine alone")
    (TEMP / "engine").mkdir(exist_ok=True)
    engine = tool(BUILD / "engine", TEMP / "engine")
    report.add("engine alone: CPU per event, µs", engine["cpu_us_per_event"])
    report.add("engine alone: events per second", engine["rate"])
    for rules in (10, 50, 200):  # an event costs the rules that can match it, not those that there are
        few = tool(BUILD / "engine", TEMP / "engine", 200_000, 1_000_000, rules)
        report.add(f"engine alone, {rules} rules, 200,000 physicians: CPU per event, µs", few["cpu_us_per_event"])
    judge(report)
    report.print()
    print(f"\n  decoders alone\n{subprocess.run([BUILD / 'wire'], stdout=subprocess.PIPE, text=True).stdout}")
    if any("CPU" in what and not met for what, _, _, _, met in report.budgets):
        print("  where the CPU time goes: json, shares of the process")
        if Profile.possible():
            consume(report, "json profile", json_topic, count, two, profile=TEMP / "perf.data")
            print_profile(TEMP / "perf.data", pathlib.Path(jd.BINARY))
        else:
            print(f"  {HOW_TO}")
    print(f"\nin {time.monotonic() - STARTED:.0f} s, load {os.getloadavg()[0]:.1f}")


main()
