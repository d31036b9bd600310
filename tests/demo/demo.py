#!/usr/bin/python3
"""What `make demo` shows: real history through Kafka and the daemon, then a planned visit that collides.

Wants KAFKA and REDIS (tests/broker/services.sh) and a built daemon. Exit code 0 only if every number is what an
independent count of the same records says.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "broker"))
import journeyd as jd  # noqa: E402

DATA = jd.ROOT / "tests/data/open_payments"
HERE = pathlib.Path(__file__).resolve().parent
BOLD, DIM, OFF = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
failures = []


def say(text=""):
    print(text, flush=True)


def head(text):
    say(f"\n{BOLD}{text}{OFF}")


def show(arguments):
    """Prints a command the way a user would type it, runs it, and returns what it printed."""
    words = [a.replace(str(jd.ROOT) + "/", "") for a in map(str, arguments)]
    say(f"{DIM}$ {' '.join(w if ' ' not in w else repr(w) for w in words)}{OFF}")
    done = subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"demo: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(what, got, wanted):
    if got != wanted:
        failures.append(f"{what}: {got}, expected {wanted}")
    return "as counted independently" if got == wanted else f"EXPECTED {wanted}"


def lines_of(topic):
    """Latest revision of each record of a topic, by id, as a read_committed reader sees it."""
    latest = {}
    for message in jd.read_all(topic):
        record = json.loads(message.value())
        identity = record.get("alert_id") if "status" in record and "rule" in record else record.get("trigger_id")
        if identity not in latest or record["revision"] > latest[identity]["revision"]:
            latest[identity] = record
    return latest


def redis_key(cluster, hcp):
    """The hash that holds a physician's state, and the field in it (README, `A physician's state`)."""
    shard = jd.partition_of(hcp.encode(), cluster.partitions)
    field = f"hcp:{hcp}"
    return f"jd:{{{cluster.group}/{shard}}}:{zlib.crc32(field.encode()) & 0xff:02x}", field


def redis_cli(*words):
    return show(["redis-cli", "-u", jd.REDIS, *words])


def produce(config, path):
    """With its own progress on the terminal."""
    say(f"{DIM}$ journeyd produce --config {config.name} --file {path.name}{OFF}")
    subprocess.run([jd.BINARY, "produce", "--config", str(config), "--file", str(path)], check=True)


def wait_flushed(daemon):
    jd.wait(lambda: daemon.metric("journeyd_redis_dirty_states") == 0, 30, lambda: "Redis does not catch up")


def state_of(cluster, config, hcp):
    say(show([jd.BINARY, "inspect", "--config", config, "--hcp", hcp]).rstrip())
    key, field = redis_key(cluster, hcp)
    size = redis_cli("HSTRLEN", key, field).strip()
    say(f"{size} bytes: Avro single-object encoding of schemas/JourneyState.avsc")


def history():
    head("1. History: what companies did with physicians in Iowa, August 2013 to December 2014")
    events = pathlib.Path(os.environ.get("JD_RUN", "build")) / "open_payments.jsonl"
    subprocess.run([DATA / "convert.py", events], check=True)
    counting = subprocess.Popen([DATA / "brute.py", events], stdout=subprocess.PIPE, text=True)

    cluster = jd.Cluster("demo", partitions=8)
    config = cluster.config(workers=2, topics={"hcp.profiles": "none", "account.profiles": "none"})
    say(f"8 partitions, 2 workers, clock: record; configuration {config}")
    policy = jd.ROOT / "config/policies/open-payments"
    say(show([jd.BINARY, "check", "--config", config, "--policy", policy]).rstrip())
    say(show([jd.BINARY, "policy", "publish", policy, "--config", config, "--by", "demo",
              "--reason", "first policy"]).rstrip())
    daemon = jd.Daemon(cluster, config).start()
    daemon.wait_ready(60)

    begin = time.monotonic()
    produce(config, events)
    daemon.wait_consumed(120)
    seconds = time.monotonic() - begin
    wait_flushed(daemon)

    alerts = lines_of(cluster.topics["conflict.alerts"])
    triggers = lines_of(cluster.topics["channel.triggers.commercial"])
    applied = int(daemon.metric("journeyd_records_applied_total"))
    refused = int(daemon.metric("journeyd_records_dead_lettered_total"))
    with open(events, encoding="utf-8") as lines:
        sent = sum(1 for _ in lines)
    by_rule = collections.defaultdict(list)
    for alert in alerts.values():
        if alert["status"] == "open":
            by_rule[alert["rule"]].append(alert)

    say(f"\n  {'':36}{'count':>8}{'physicians':>12}")
    say(f"  {'events produced':36}{sent:>8}")
    say(f"  {'events decided':36}{applied:>8}{'':12}  {expect('events decided', applied, sent)}")
    say(f"  {'events refused':36}{refused:>8}{'':12}  {expect('events refused', refused, 0)}")
    for line in counting.communicate()[0].splitlines():
        rule, count, physicians = line.split()
        own = by_rule.pop(rule, [])
        got = (len(own), len({a["hcp_id"] for a in own}))
        say(f"  {'alerts ' + rule:36}{got[0]:>8}{got[1]:>12}  {expect(rule, got, (int(count), int(physicians)))}")
    for rule, own in by_rule.items():
        say(f"  {'alerts ' + rule:36}{len(own):>8}{len({a['hcp_id'] for a in own}):>12}  "
            f"{expect(rule, len(own), 0)}")
    say(f"  {'triggers (nothing was planned)':36}{len(triggers):>8}{'':12}  {expect('triggers', len(triggers), 0)}")
    say(f"\n  from the first event produced to the last alert committed: {seconds:.1f} s")

    head("A physician's state, in the daemon's words and in Redis")
    counts = collections.Counter(a["hcp_id"] for a in alerts.values())
    state_of(cluster, config, min(counts, key=lambda hcp: (counts[hcp], hcp)))  # a short one
    daemon.stop()


def main():
    history()
    if failures:
        say("\ndemo: NOT as expected:")
        for failure in failures:
            say(f"  {failure}")
        sys.exit(1)
    say("\ndemo: every number is as expected")


main()
