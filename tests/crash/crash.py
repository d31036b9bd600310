#!/usr/bin/python3
"""Nothing is lost and nothing is doubled when processes die: the daemon on a real broker and a real Redis.

  crash.py [--kills N] [--seed S] [--only NAME] [--binary build/faults/journeyd]

Rounds of at most ten kills; after each everything in rounds.py must hold. A round may be:
  labels      kill -9 at each point that the program names (`run --crash-points`); one never reached is a failure
  random      kill -9 at random moments under load, two instances
  zombie      an instance stands still past the session time-out, is taken over, and goes on
  lost        Redis killed, wiped, set back to an older image, also between two chunks of a flush
  broker      the broker killed and restarted
  safeguards  each safeguard of the protocol switched off must be found by the checks
Half of the rounds run with clock: wall, half with clock: record. Needs KAFKA, REDIS and JD_RUN, as
tests/broker/services.sh `with kafka redis` gives them. BUILD=faults.
"""
import argparse
import os
import random
import signal
import subprocess
import sys
import time
import traceback

import rounds
import safeguards
from rig import Failure, Rig, service, wait
from rounds import Round

HOUR = 3600000


def reap(world, instance, seconds):
    """Whether an instance with JD_CRASH_AT died of it."""
    deadline, shift_at = time.monotonic() + seconds, time.monotonic() + 0.7
    while time.monotonic() < deadline:
        if not instance.alive():
            if instance.process.returncode != -9:
                raise Failure("%s ended with %d\n%s" % (instance.name, instance.process.returncode, instance.tail()))
            world.shot(instance)
            return True
        if world.clock == "wall" and time.monotonic() > shift_at:
            # A jump moves the monotonic clock, too: every wait of a takeover under way is over at once.
            # So there is time for a takeover between two.
            world.shift_clock(16 * HOUR)
            shift_at = time.monotonic() + 0.5
        time.sleep(0.05)
    return False


def nudge(world):
    """Lets timers come due where time passes by the wall clock, so that there are transactions."""
    if world.clock == "wall":
        world.shift_clock(16 * HOUR)
        time.sleep(0.5)
    return False


def provoke(world, label):
    """Brings a, which waits for its death at `label`, to points that plain running does not reach."""
    group, a, b, redis = world.group, world.a, world.b, world.rig.redis
    if label.startswith(("revoke.", "takeover.resumed")):  # a rebalance
        if b.alive():
            world.kill(b)
            time.sleep(3.5)
        b.start()
    elif label.startswith("stop."):
        a.signal(signal.SIGTERM)
    elif label.startswith(("rewrite.", "compare.")):  # Redis loses what it was told last
        image = os.path.join(group.dir, "lost.rdb")
        redis.save(image)
        time.sleep(0.4)
        redis.restart_from(image)
    elif label.startswith(("txn.abort", "doubt.")):  # taken over while it stands still
        wait("a stop in a transaction", 15, lambda: a.stopped() or nudge(world))
        if not b.alive():
            b.start()
        time.sleep(5.5)
        a.go_on()
    elif label == "takeover.created":
        raise Failure("a new shard did not reach takeover.created")


def environment(label, n):
    """What an instance is started with to die at the n-th pass of a point."""
    env = {"JD_CRASH_AT": "%s:%d" % (label, n)}
    if label.startswith("txn.abort"):
        env["JD_STOP_AT"] = "txn.begun:3"
    elif label.startswith("doubt."):
        env["JD_STOP_AT"] = "txn.flushed:3"
    return env


ONCE = ("tick.", "takeover.", "revoke.", "stop.", "rewrite.", "compare.", "txn.abort", "doubt.")


def labels(rig, seed, kills, clock, names):
    """Kills at the given points, one after the other, in one round; returns what was not reached."""
    world = Round(rig, "labels", clock, seed, seconds=6 * len(names))
    missed = []
    world.load.start()
    for label in sorted(names, key=lambda name: name != "takeover.created"):
        n = 1 if label.startswith(ONCE) or world.rng.random() < 0.4 else world.rng.randint(2, 4)
        world.a.start(**environment(label, n))
        reached = reap(world, world.a, 2.5)
        if not reached:
            provoke(world, label)
            reached = reap(world, world.a, 6)
        if not reached:
            missed.append(label)
            world.kill(world.a)
    world.finish()
    return world.kills, missed


def random_kills(rig, seed, kills, clock):
    world = Round(rig, "random", clock, seed, seconds=0.6 * kills + 1)
    rng = world.rng
    world.a.start()
    world.b.start()
    world.load.start()
    while world.kills < kills:
        time.sleep(rng.choice([rng.uniform(0.05, 0.5), rng.uniform(0.3, 1.2)]))
        if clock == "wall":
            world.shift_clock(rng.randint(0, 6) * HOUR)
        victim = rng.choice([world.a, world.b])
        if not victim.alive():
            victim.start()
            continue
        world.kill(victim)
        if rng.random() < 0.75:
            victim.start()
    world.finish()
    return world.kills


def zombie(rig, seed, kills, clock):
    """Stands still past the session time-out, twice; the heir may be killed too."""
    world = Round(rig, "zombie", clock, seed, seconds=10)
    world.a.start()
    world.b.start()
    world.load.start()
    for sleeper, heir in ((world.a, world.b), (world.b, world.a)):
        time.sleep(world.rng.uniform(0.3, 1.5))
        sleeper.pause()
        time.sleep(4.2)
        if clock == "wall":
            world.shift_clock(5 * HOUR)
        if world.rng.random() < 0.5:
            world.kill(heir)
            heir.start()
        sleeper.go_on()
    world.finish()
    return world.kills


def lost(rig, seed, kills, clock):
    """Redis: dead for a while, wiped, set back; the daemon lives, or is killed meanwhile."""
    world = Round(rig, "lost", clock, seed, seconds=12)
    rng, redis = world.rng, rig.redis
    image = os.path.join(world.group.dir, "old.rdb")
    world.a.start()
    world.load.start()
    time.sleep(1.5)
    world.b.start()
    for what in rng.sample(["older", "older, killed", "wiped", "wiped, killed", "older, away"], 5):
        redis.save(image)
        time.sleep(rng.uniform(0.3, 0.9))
        victim = rng.choice([world.a, world.b])
        redis.kill()
        if "killed" in what and victim.alive():
            world.kill(victim)
        if "away" in what:
            time.sleep(1)
        redis.start(image if "older" in what else None)
        if not victim.alive():
            victim.start()
        time.sleep(rng.uniform(0.3, 0.9))
    world.finish()
    return world.kills


def lost_between_chunks(rig, seed, kills, clock):
    """Redis is set back while an instance stands still between two chunks of a flush."""
    world = Round(rig, "chunks", clock, seed, seconds=5)
    redis, image = rig.redis, os.path.join(world.group.dir, "old.rdb")
    stopped = 0
    world.load.start()
    for n in (2, 5, 9):
        world.a.start(JD_STOP_AT="flush.chunk:%d" % n)
        time.sleep(0.5)
        redis.save(image)
        try:
            wait("a stop between chunks", 4, world.a.stopped)
            stopped += 1
            redis.restart_from(image)
            world.a.go_on()
            time.sleep(0.3)
        except Failure:
            pass
        world.kill(world.a)
    if not stopped:
        raise Failure("no flush had two chunks")
    world.finish()
    return world.kills


def broker(rig, seed, kills, clock):
    world = Round(rig, "broker", clock, seed, seconds=6)
    world.a.start()
    world.b.start()
    world.load.start()
    time.sleep(2)
    service("kill", "kafka")
    time.sleep(0.5)
    world.kill(world.b)
    service("start", "kafka")
    world.b.start()
    time.sleep(1)
    world.kill(world.a)
    world.a.start()
    world.finish()
    return world.kills


def crash_points(binary):
    done = subprocess.run([binary, "run", "--crash-points"], capture_output=True, text=True, timeout=10)
    names = sorted(set(done.stdout.split()))
    if done.returncode or not names:
        raise Failure("%s names no crash points: it must be BUILD=faults\n%s" % (binary, done.stderr))
    return names


class Runner:
    def __init__(self, rig, seed):
        self.rig, self.seed = rig, seed
        self.passed = self.failed = self.kills = 0
        self.began = time.monotonic()

    def round(self, name, clock, scenario, *args):
        began = time.monotonic()
        number = self.passed + self.failed
        try:
            result = scenario(self.rig, "%s.%d" % (self.seed, number), *args)
            kills, note = result if isinstance(result, tuple) else (result, "")
            self.kills += kills
            self.passed += 1
            print("  ok   %-22s clock %-6s %2d kills %5.1f s %s" % (name, clock, kills, time.monotonic() - began, note or ""),
                  flush=True)
            return result
        except Failure as failure:
            self.failed += 1
            print("  FAIL %-22s clock %-6s (seed %s.%d) %s" % (name, clock, self.seed, number, failure), flush=True)
        except Exception:
            self.failed += 1
            print("  FAIL %-22s clock %-6s (seed %s.%d)" % (name, clock, self.seed, number), flush=True)
            traceback.print_exc(file=sys.stdout)
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.path.join(rounds.model.__file__, "../../../build/faults/journeyd"))
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only")
    parser.add_argument("--label")
    args = parser.parse_args()
    print("crash: seed %d" % args.seed, flush=True)
    rig = Rig(os.path.normpath(args.binary))
    rig.policy_dir = os.path.join(rig.dir, "policy")
    rounds.write_policy(rig.policy_dir)
    rig.publish(rig.policy_dir)
    run = Runner(rig, args.seed)
    want = lambda name: args.only in (None, name)

    if want("labels"):
        names = [args.label] if args.label else crash_points(rig.binary)
        random.Random(args.seed).shuffle(names)
        names = [n for n in names if n != "txn.offsets-first"]  # only with a safeguard off: reached there
        wall = [n for n in names if n.startswith("tick.")]
        rest = [n for n in names if n not in wall]
        half = (len(names) + 1) // 2
        plan = [("wall", wall + rest[half:]), ("record", rest[:half])]
        missed = []
        for clock, chosen in plan:
            for i in range(0, len(chosen), 8):
                result = run.round("labels", clock, labels, 8, clock, chosen[i:i + 8])
                missed += result[1] if result else chosen[i:i + 8]
        if missed:
            result = run.round("labels, again", "wall", labels, 8, "wall", missed[:10])
            missed = (result[1] if result else missed[:10]) + missed[10:]
        if missed:
            run.failed += 1
            print("  FAIL points never reached: %s" % ", ".join(sorted(missed)))
        else:
            run.passed += 1
            print("  ok   each of %d points was reached" % len(names))
    fixed = (("zombie", zombie), ("lost", lost), ("chunks", lost_between_chunks), ("broker", broker))
    for name, scenario in fixed:
        for clock in ("record", "wall"):
            if want(name):
                run.round(name, clock, scenario, 10, clock)
    if want("safeguards"):
        for name, scenario in safeguards.ALL:
            run.round(name, scenario.clock, scenario, 0)
    clock = "record"
    while want("random") and (run.kills < args.kills or clock == "wall" or args.only):
        run.round("random", clock, random_kills, min(10, max(4, args.kills - run.kills)), clock)
        clock = "wall" if clock == "record" else "record"
        if run.failed > 5 or args.only and clock == "record" and run.kills >= args.kills:
            break
    print("%d kills in %.0f s" % (run.kills, time.monotonic() - run.began))
    print("%d passed, %d failed, 0 skipped" % (run.passed, run.failed))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
