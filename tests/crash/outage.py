#!/usr/bin/python3
"""An hour's outage with clock: wall: what comes out afterwards equals what an undisturbed daemon said, but for
jd_origin, Kafka timestamps and offsets. No timer may fire before the backlog is read, for the backlog holds the
later versions and cancellations of what the timers are about.

The test shifts wall, monotonic and Redis' clock of the daemon together (JD_CLOCK_FILE) and sets the records' own
timestamps. Needs KAFKA, REDIS and JD_RUN, as tests/broker/services.sh gives them. BUILD=faults.
"""
import json
import os
import random
import sys
import time

import rounds
from rig import OUTPUTS, Failure, Group, Rig, wait
import histories

MINUTE = 60000
POLICY = {"policy.yaml": "name: outage\nallowed_lateness: 30d\nplanned_grace: 1h\nzone: UTC\n",
          "conflicts.yaml": "- { id: near, version: 1, kind: proximity, a: { role: sales_rep, channel: in_person }, b: { role: msl },"
                            " within: 1d, mode: block, severity: [ { when: { phase: preventable }, level: high },"
                            " { level: low } ] }\n",
          "channels.yaml": "channels:\n  - { channel: phone, consent: { default: opt_out } }\n"
                           "trigger: { valid_for: 14d }\n"}


class Differs(Failure):
    pass


def event(number, hcp, role, phase, start, at, engagement):
    prefix = "call." if role == "sales_rep" else "msl_interaction."
    data = {"hcp_id": hcp, "engagement_id": engagement, "start": histories.text(start), "channel": "in_person",
            "recorded_at": histories.text(at), "actor": {"id": role[:2], "role": role, "team": "T"}}
    return json.dumps({"specversion": "1.0", "id": str(number), "source": "crm", "type": prefix + phase,
                       "time": histories.text(start if phase == "completed" else at), "data": data})


def story(rng, base):
    """[(timestamp, hcp, line)]: plans before the outage; what became of them while it lasts."""
    before, during = [], []
    for i in range(60):
        hcp, number = "o%d" % i, i * 10
        plan = base + rng.randint(-50, 70) * MINUTE  # its time or its grace ends within the hour, often
        before.append((base - 3, hcp, event(number, hcp, "sales_rep", "planned", plan, base - 60 * MINUTE, "v%d" % i)))
        before.append((base - 2, hcp, event(number + 1, hcp, "msl", "completed", base - 90 * MINUTE,
                                            base - 89 * MINUTE, "m%d" % i)))
        at = base + rng.randint(1, 58) * MINUTE + rng.randint(0, 59999)
        fate = rng.choice(["completed", "cancelled", "moved", "silent"])
        if fate == "completed":
            during.append((at, hcp, event(number + 2, hcp, "sales_rep", "completed", min(plan, at), at, "v%d" % i)))
        elif fate == "cancelled":
            during.append((at, hcp, event(number + 2, hcp, "sales_rep", "cancelled", plan, at, "v%d" % i)))
        elif fate == "moved":
            during.append((at, hcp, event(number + 2, hcp, "sales_rep", "planned", plan + 120 * MINUTE, at,
                                          "v%d" % i)))
    return before, sorted(during)


class Scene:
    def __init__(self, rig, name, seed, inputs=None):
        self.group = Group(rig, name, "wall")
        self.clock = os.path.join(self.group.dir, "clock")
        self.group.env["JD_CLOCK_FILE"] = self.clock
        self.daemon = self.group.instance("a")
        self.shift = 0

    def set_clock(self, wanted):
        """The daemon's wall clock shows `wanted` now, and goes on from there."""
        self.shift = wanted - int(time.time() * 1000)
        with open(self.clock + ".new", "w") as f:
            f.write("%d\n" % self.shift)
        os.replace(self.clock + ".new", self.clock)

    def send(self, records):
        for at, hcp, line in records:
            self.group.kafka.send(self.group.topic("engagement.events"), hcp, line, rounds.CLOUD_EVENT, at)
        self.group.kafka.flush()

    def begin(self, base, before):
        self.set_clock(base - 1)
        self.daemon.start()
        self.send(before)
        self.group.catch_up()

    def end(self, base):
        self.group.catch_up()
        self.set_clock(base + 400 * MINUTE)
        time.sleep(1.5)
        self.group.end_all()
        return {role: rounds.by_key(self.group.kafka.read(self.group.topic(role))) for role in OUTPUTS}


def undisturbed(rig, name, base, before, during):
    scene = Scene(rig, name, 0)
    scene.begin(base, before)
    for record in during:
        scene.set_clock(record[0])
        scene.send([record])
        scene.group.catch_up()
    result = scene.end(base)
    scene.group.forget()
    return result


def compare(want, got):
    if not any(want.values()):
        raise Failure("the undisturbed run said nothing")
    for role in OUTPUTS:
        for key in sorted(want[role].keys() | got[role].keys()):
            if want[role].get(key) != got[role].get(key):
                raise Differs("%s of %s after the outage: %s; undisturbed: %s" % (
                    role, key, rounds.brief(got[role].get(key)), rounds.brief(want[role].get(key))))


def prepare(rig, seed):
    directory = os.path.join(rig.dir, "outage-policy")
    os.makedirs(directory, exist_ok=True)
    for name, text in POLICY.items():
        with open(os.path.join(directory, name), "w") as f:
            f.write(text)
    rig.policies = rig.tag + "-policies-outage"
    try:
        rig.kafka.create(1, rig.policies, **{"cleanup.policy": "compact"})
        rig.publish(directory)
    except Exception as failure:
        if "TOPIC_ALREADY_EXISTS" not in str(failure):
            raise
    base = int(time.time() * 1000) // MINUTE * MINUTE
    return base, *story(random.Random(seed), base)


def killed_over_backlog(rig, seed, off=None):
    """Down for an hour."""
    return outage(rig, seed, off, kill=True)


def stopped_over_backlog(rig, seed, off=None):
    """Stands still for an hour, without knowing, just before a tick."""
    return outage(rig, seed, off, kill=False)


def outage(rig, seed, off, kill):
    policies = rig.policies
    try:
        base, before, during = prepare(rig, seed)
        tag = "%d" % (time.monotonic() * 1000)
        want = undisturbed(rig, "calm" + tag, base, before, during)
        scene = Scene(rig, "outage" + tag, 0)
        if off:
            scene.group.env["JD_FAULT_OFF"] = off
        scene.begin(base, before)
        if kill:
            scene.daemon.kill()
        else:
            scene.daemon.end()
            scene.set_clock(base)
            scene.daemon.start(JD_STOP_AT="tick.before:3")
            wait("a tick", 10, scene.daemon.stopped)
        scene.set_clock(base + 60 * MINUTE)
        scene.send(during)
        if kill:
            scene.daemon.start()
        else:
            scene.daemon.go_on()
        got = scene.end(base)
        compare(want, got)
        scene.group.forget()
    finally:
        rig.policies = policies


def main():
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else random.SystemRandom().randrange(1 << 31)
    binary = sys.argv[sys.argv.index("--binary") + 1] if "--binary" in sys.argv else "build/faults/journeyd"
    print("outage: seed %d" % seed)
    rig = Rig(binary)
    failed = 0
    for scenario in (killed_over_backlog, stopped_over_backlog):
        try:
            scenario(rig, seed)
            print("  ok   %s" % scenario.__doc__)
        except Failure as failure:
            failed += 1
            print("  FAIL %s %s" % (scenario.__doc__, failure))
    print("%d passed, %d failed, 0 skipped" % (2 - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
