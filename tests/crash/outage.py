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


def event(number, hcp, role, phase, start, at, engagement):
    prefix = "call." if role == "sales_rep" else "msl_interaction."
    data = {"hcp_id": hcp, "engagement_id": engagement, "start": histories.text(start), "channel": "in_person",
            "recorded_at": histories.text(at), "actor": {"id": role[:2], "role": role, "team": "T"}}
    return json.dumps({"specversion": "1.0", "id": str(number), "source": "crm", "type": prefix + phase,
                       "time": histories.text(start if phase == "completed" else at), "data": data})


class Story:
    """Plans before the outage; what became of them while it lasts; a last word an hour or more later.

    Timers are due at whole minutes, records come within the first 20 s of one: so nothing depends on how long a
    record takes. The outage begins EARLY before `base`; one timer alone is due between."""
    EARLY = 5 * MINUTE

    def __init__(self, seed):
        rng = random.Random(seed)
        base = self.base = int(time.time() * 1000) // MINUTE * MINUTE
        begin = self.begin = base - self.EARLY
        self.before, self.during, self.last = [], [], []
        self.before.append((begin - 3, "x", event(1, "x", "sales_rep", "planned", base - 64 * MINUTE,
                                                  base - 90 * MINUTE, "x")))
        self.first_due = base - 4 * MINUTE  # it lapses
        for i in range(60):
            hcp, number = "o%d" % i, 10 + i * 10
            plan = base + rng.randint(-50, 70) * MINUTE  # its time or its grace ends within the hour, often
            self.before.append((begin - 3, hcp, event(number, hcp, "sales_rep", "planned", plan, base - 60 * MINUTE,
                                                      "v%d" % i)))
            self.before.append((begin - 2, hcp, event(number + 1, hcp, "msl", "completed", base - 90 * MINUTE,
                                                      base - 89 * MINUTE, "m%d" % i)))
            self.last.append((base + 400 * MINUTE, hcp, event(number + 3, hcp, "msl", "completed",
                                                              base + 399 * MINUTE, base + 399 * MINUTE, "l%d" % i)))
            at = base + rng.randint(1, 58) * MINUTE + rng.randint(0, 20000)
            fate = rng.choice(["completed", "cancelled", "moved", "silent"])
            if fate == "completed":
                line = event(number + 2, hcp, "sales_rep", "completed", min(plan, at), at, "v%d" % i)
            elif fate == "cancelled":
                line = event(number + 2, hcp, "sales_rep", "cancelled", plan, at, "v%d" % i)
            elif fate == "moved":
                line = event(number + 2, hcp, "sales_rep", "planned", plan + 120 * MINUTE, at, "v%d" % i)
            else:
                continue
            self.during.append((at, hcp, line))
        self.during.sort()


class Scene:
    """A daemon whose clock the test sets, up to where the outage begins."""

    def __init__(self, rig, name, story, off=None):
        self.story = story
        self.group = Group(rig, name, "wall")
        self.clock = os.path.join(self.group.dir, "clock")
        self.group.env["JD_CLOCK_FILE"] = self.clock
        if off:
            self.group.env["JD_FAULT_OFF"] = off
        self.daemon = self.group.instance("a")
        self.set_clock(story.begin)
        self.send(story.before)
        self.daemon.start()
        self.group.catch_up()

    def set_clock(self, wanted):
        """The daemon's wall clock shows `wanted` now, and goes on from there."""
        rounds.write_shift(self.clock, wanted - int(time.time() * 1000))
        time.sleep(0.1)  # the daemon looks at the file a hundred times a second: now it knows

    def send(self, records):
        for at, hcp, line in records:
            self.group.kafka.send(self.group.topic("engagement.events"), hcp, line, rounds.CLOUD_EVENT, at)
        self.group.kafka.flush()

    def end(self):
        """The last word moves every clock past everything that is due; what was published, by role and key."""
        self.group.catch_up()
        self.set_clock(self.story.base + 400 * MINUTE)
        self.send(self.story.last)
        self.group.catch_up()
        self.group.end_all()
        result = {role: rounds.by_key(self.group.kafka.read(self.group.topic(role))) for role in OUTPUTS}
        self.group.forget()
        return result


def undisturbed(rig, story):
    scene = Scene(rig, "calm", story)
    for record in story.during:
        scene.set_clock(record[0])
        scene.send([record])
        scene.group.catch_up()
    return scene.end()


def killed_over_backlog(rig, story):
    """Down for an hour."""
    scene = Scene(rig, "killed", story)
    scene.daemon.kill()
    scene.set_clock(story.base + 60 * MINUTE)
    scene.send(story.during)
    scene.daemon.start()
    return scene.end()


def stopped_over_backlog(rig, story, off=None):
    """Stands still for an hour, without knowing, just before a tick."""
    scene = Scene(rig, "stopped%s" % (time.monotonic() if off else ""), story, off)
    scene.daemon.stop_at("tick.before")
    scene.set_clock(story.first_due + 2000)
    wait("a tick", 30, scene.daemon.stopped)
    scene.daemon.stop_at()
    scene.set_clock(story.base + 60 * MINUTE)
    scene.send(story.during)
    scene.daemon.go_on()
    return scene.end()


def difference(want, got):
    """The first, as text; or nothing."""
    for role in OUTPUTS:
        for key in sorted(want[role].keys() | got[role].keys()):
            if want[role].get(key) != got[role].get(key):
                return "%s of %s after the outage: %s; undisturbed: %s" % (
                    role, key, rounds.brief(got[role].get(key)), rounds.brief(want[role].get(key)))
    return ""


def same(rig, story, want, scenario):
    differs = difference(want, scenario(rig, story))
    if differs:
        raise Failure(differs)


def unconfirmed(rig, story, want, attempts=5):
    """With unconfirmed ends a timer fires over the backlog."""
    for _ in range(attempts):
        if difference(want, stopped_over_backlog(rig, story, "confirmed-ends")):
            return
    raise Failure("the ends before a tick, not confirmed, are not found")


def main():
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else random.SystemRandom().randrange(1 << 31)
    binary = sys.argv[sys.argv.index("--binary") + 1] if "--binary" in sys.argv else "build/faults/journeyd"
    print("outage: seed %d" % seed, flush=True)
    rig = Rig(binary)
    rig.publish(POLICY)
    story = Story(seed)
    want = undisturbed(rig, story)
    if not all(want[role] for role in ("conflict.alerts", "channel.triggers.commercial")):
        raise Failure("the undisturbed run said nothing")
    failed = 0
    for scenario, play in ((killed_over_backlog, same), (stopped_over_backlog, same), (None, unconfirmed)):
        name = (scenario or play).__doc__
        try:
            play(rig, story, want, *([scenario] if scenario else []))
            print("  ok   %s" % name, flush=True)
        except Failure as failure:
            failed += 1
            print("  FAIL %s %s" % (name, failure), flush=True)
            rig.kill_all()
    print("%d passed, %d failed, 0 skipped" % (3 - failed, failed), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
