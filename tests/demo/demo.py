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


def expect(what, got, wanted, source="as counted independently"):
    if got != wanted:
        failures.append(f"{what}: {got}, expected {wanted}")
    return source if got == wanted else f"EXPECTED {wanted}"


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


def events_decided(daemon):
    """Records of the events topic; what shards tell each other of accounts is consumed too."""
    name = f'journeyd_records_consumed_total{{topic="{daemon.cluster.topics["engagement.events"]}"'
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in daemon.get("/metrics").splitlines()
               if line.startswith(name))


def watch(daemon, count):
    """Shows how far the daemon is, until it has decided `count` events or stands still."""
    decided, last, moved = 0, -1, time.monotonic()
    while decided < count and time.monotonic() - moved < 60:
        decided = events_decided(daemon)
        if decided != last:
            last, moved = decided, time.monotonic()
            print(f"\r  decided {decided:,} of {count:,} events", end="" if sys.stdout.isatty() else "\n", flush=True)
        time.sleep(0.5)
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


def state_of(cluster, config, hcp, most=100):
    """The first lines, each cut to a terminal's width."""
    lines = show([jd.BINARY, "inspect", "--config", config, "--hcp", hcp]).splitlines()
    for line in lines[:most]:
        say(line if len(line) <= 118 else line[:117] + "…")
    if len(lines) > most:
        say(f"  … and {len(lines) - most} more lines")
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
    with open(events, encoding="utf-8") as lines:
        sent = sum(1 for _ in lines)
    watch(daemon, sent)
    daemon.wait_consumed(120)
    seconds = time.monotonic() - begin
    applied = events_decided(daemon)
    # A contact that nobody answered is known when its deadline has passed: let record time go on.
    say(show([jd.BINARY, "produce", "--config", config, "--advance", "2015-06-01T00:00:00Z"]).rstrip())
    daemon.wait_consumed(60)
    wait_flushed(daemon)

    alerts = lines_of(cluster.topics["conflict.alerts"])
    triggers = lines_of(cluster.topics["channel.triggers.commercial"])
    refused = int(daemon.metric("journeyd_records_dead_lettered_total"))
    by_rule = collections.defaultdict(list)
    for alert in alerts.values():
        if alert["status"] != "retracted":
            by_rule[alert["rule"]].append(alert)

    say(f"\n  {'':36}{'count':>8}{'of':>6}")
    say(f"  {'events produced':36}{sent:>8}")
    say(f"  {'events decided':36}{applied:>8}{'':17}  {expect('events decided', applied, sent, 'all')}")
    say(f"  {'events refused':36}{refused:>8}{'':17}  {expect('events refused', refused, 0, '')}")
    for line in counting.communicate()[0].splitlines():
        rule, *wanted = line.split()
        own = by_rule.pop(rule, [])
        got = (len(own), len({a["key"] for a in own}))
        whose = "accounts" if own and own[0]["scope"] == "account" else "physicians"
        say(f"  {'alerts ' + rule:36}{got[0]:>8}{got[1]:>6} {whose:10}  {expect(rule, got, tuple(map(int, wanted)))}")
    for rule, own in by_rule.items():
        say(f"  {'alerts ' + rule:36}{len(own):>8}{len({a['key'] for a in own}):>6} {'':10}  "
            f"{expect(rule, len(own), 0)}")
    say(f"  {'triggers (nothing was planned)':36}{len(triggers):>8}{'':17}  {expect('triggers', len(triggers), 0, '')}")
    say(f"\n  from the first event produced to the last one decided: {seconds:.1f} s")

    head("A physician's state, in the daemon's words and in Redis")
    counts = collections.Counter(a["hcp_id"] for a in alerts.values() if a["scope"] == "hcp")
    state_of(cluster, config, min(counts, key=lambda hcp: (counts[hcp], hcp)), most=7)  # a short one
    daemon.stop()


def stamp(millis):
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(millis / 1000)) if isinstance(millis, int) else \
        millis.replace("T", " ")[:16]


def tell_alert(alert):
    cause = f", {alert['cause']}" if alert.get("cause") else ""
    say(f"\n  ALERT    {alert['rule']} v{alert['rule_version']}, revision {alert['revision']}: "
        f"{BOLD}{alert['status']}{cause}{OFF}, {alert['phase']}, severity {alert['severity']}")
    for touch in alert["evidence"]:
        actor = touch["actor"]
        say(f"           {stamp(touch.get('start') or touch['time'])} UTC  {touch['phase']}  {actor['role']} {actor['id']}  "
            f"{touch['channel']}  ({touch['engagement_id']})")
    if alert.get("citation"):
        say(f"           {alert['citation']}")


def tell_trigger(trigger):
    content = f" with {trigger['content_id']}" if trigger.get("content_id") else ""
    say(f"\n  TRIGGER  revision {trigger['revision']}: {BOLD}{trigger['status']}{OFF}, for {trigger['role']} "
        f"{trigger['assignee']}: {trigger['channel']}{content}")
    say(f"           not before {stamp(trigger['not_before'])}, until {stamp(trigger['expires_at'])} UTC")
    for reason in trigger["reasons"]:
        say(f"           because  {reason['sentence']}")
    for rejection in trigger["rejected"]:
        say(f"           not {rejection['channel']}: {rejection['reason']}")


def planned_visit():
    head("2. A planned visit: a representative is about to meet a physician five hours after a medical colleague")
    cluster = jd.Cluster("scene", partitions=2)
    config = cluster.config()
    policy = jd.ROOT / "config/policies/starter"
    say(show([jd.BINARY, "policy", "publish", policy, "--config", config, "--by", "demo",
              "--reason", "the planned-visit scene"]).rstrip())
    daemon = jd.Daemon(cluster, config).start()
    daemon.wait_ready(60)
    inputs = ("engagement.events", "hcp.profiles")

    def outputs():
        daemon.wait_consumed(60, inputs)
        return (list(lines_of(cluster.topics["conflict.alerts"]).values()),
                list(lines_of(cluster.topics["channel.triggers.commercial"]).values()))

    produce(config, HERE / "profile.jsonl")
    daemon.wait_consumed(60, inputs)
    produce(config, HERE / "planned.jsonl")
    alerts, triggers = outputs()
    for alert in alerts:
        tell_alert(alert)
    for trigger in triggers:
        tell_trigger(trigger)
    expect("alerts of the planned visits",
           [(a["rule"], a["status"], a["phase"]) for a in alerts], [("medical-commercial-48h", "open", "preventable")])
    expect("triggers", [(t["status"], t["channel"], t["assignee"]) for t in triggers], [("issued", "email", "rep-ben")])
    expect("channels rejected", {r["channel"]: r["reason"] for t in triggers for r in t["rejected"]},
           {"video": "consent_denied", "phone": "no_consent", "mail": "lower_ranked"})

    say("\nThe medical visit moves by two weeks:")
    produce(config, HERE / "rescheduled.jsonl")
    alerts, triggers = outputs()
    for alert in alerts:
        tell_alert(alert)
    for trigger in triggers:
        tell_trigger(trigger)
    expect("alerts after it", [(a["status"], a.get("cause")) for a in alerts], [("retracted", "rescheduled")])
    expect("triggers after it", [t["status"] for t in triggers], ["withdrawn"])

    head("Why, from the record alone")
    say(show([jd.BINARY, "explain", "--alert", alerts[0]["alert_id"], "--config", config]).rstrip())

    head("The physician's state, in the daemon's words and in Redis")
    wait_flushed(daemon)
    state_of(cluster, config, "HCP-DE-4711")
    daemon.stop()


def main():
    history()
    planned_visit()
    if failures:
        say("\ndemo: NOT as expected:")
        for failure in failures:
            say(f"  {failure}")
        sys.exit(1)
    say("\ndemo: every number is as expected")


main()
