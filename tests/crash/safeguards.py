"""Each safeguard of the protocol, switched off, must be found by the checks; switched on, the same play must pass.

A play brings about, step by step, the one course of events against which the safeguard stands: processes stop
themselves at named points (JD_STOP_AT) and go on when the rest of the world has moved.
"""
import os
import time

import outage
from rig import Failure, wait
from rounds import Round

HOUR = 3600000
SESSION = 4.2  # seconds after which a silent instance has lost its shards


def play_rev(world):
    """Redis loses one flush between two others of one owner: the image would claim a seq and lack its middle."""
    image = lose_next_flush(world)
    world.rig.redis.restart_from(image)
    world.a.go_on()
    time.sleep(1.5)
    world.a.kill()


def lose_next_flush(world):
    """Stops a between two flushes, copies Redis, and stops it again before the flush after the next."""
    image = os.path.join(world.group.dir, "old.rdb")
    world.a.start(JD_STOP_AT="flush.last:4,flush.begun:6")
    world.load.start()
    wait("the first stop", 15, world.a.stopped)
    world.rig.redis.save(image)
    world.a.go_on()
    wait("the first stop to end", 5, lambda: not world.a.stopped())
    wait("the second stop", 15, world.a.stopped)
    return image


def play_token(world):
    """As before, and an heir's takeover brings rev to where the old owner remembers it."""
    image = lose_next_flush(world)
    world.rig.redis.restart_from(image)
    world.b.start(JD_CRASH_AT="takeover.claimed")
    wait("the heir's death", 20, lambda: not world.b.alive())
    world.shot(world.b)
    world.a.go_on()
    time.sleep(0.4)
    world.a.kill()


def play_proof(world):
    """A stopped owner goes on after it was taken over, and dies while it rewrites what is not its any more."""
    world.a.start(JD_STOP_AT="flush.begun:4", JD_CRASH_AT="rewrite.chunk:2")
    world.load.start()
    wait("the stop", 15, world.a.stopped)
    world.b.start()
    time.sleep(SESSION + 1)
    world.load.finish()
    world.group.catch_up()
    time.sleep(0.5)
    world.b.pause()
    world.a.go_on()
    time.sleep(1)
    world.a.kill()
    world.b.go_on()
    world.b.kill()


def play_committed(world):
    """An owner whose offsets were accepted stands still before its journal record; the heir must not go past it."""
    world.a.start(JD_STOP_AT="txn.offsets-first:6")
    world.load.start()
    wait("the stop", 15, world.a.stopped)
    world.b.start()
    time.sleep(SESSION + 1.5)
    world.a.go_on()
    time.sleep(1)


def play_negative_offset(world):
    """A batch of timers alone, committed by an owner that has been replaced."""
    world.a.start()
    world.load.start()
    world.load.finish()
    world.group.catch_up()
    time.sleep(0.5)
    world.a.end()
    world.a.start(JD_STOP_AT="txn.begun")
    time.sleep(1)
    world.shift_clock(2 * 24 * HOUR)
    wait("the stop", 15, world.a.stopped)
    world.b.start()
    time.sleep(SESSION + 1)
    world.a.go_on()
    time.sleep(1)


class Safeguard:
    def __init__(self, names, clock, play):
        self.names, self.clock, self.play = names, clock, play

    def run(self, rig, seed, off):
        world = Round(rig, "guard-" + self.names.split(",")[0] + ("-off" if off else ""), self.clock, seed,
                      partitions=1, seconds=6)
        for instance in (world.a, world.b):
            instance.write(workers=1)
        if off:
            world.group.env["JD_FAULT_OFF"] = self.names
        try:
            self.play(world)
        except BaseException:
            world.group.kill_all()
            raise
        try:
            world.group.env.pop("JD_FAULT_OFF", None)
            world.finish()
        except Failure as failure:
            return str(failure)
        return None

    def __call__(self, rig, seed, kills):
        found = None
        for attempt in range(3):
            found = self.run(rig, "%s/%d" % (seed, attempt), True)
            if found:
                break
        if not found:
            raise Failure("switched off, it is not found")
        wrong = self.run(rig, seed, False)
        if wrong:
            raise Failure("switched on, the play fails: %s" % wrong)
        return 0, "found: " + found.splitlines()[0][:90]


class TickEnds(Safeguard):
    """The confirmed ends before a tick: found by the outage that outage.py plays."""

    def run(self, rig, seed, off):
        try:
            outage.stopped_over_backlog(rig, seed, "confirmed-ends" if off else None)
        except outage.Differs as difference:
            return str(difference)
        return None


ALL = (("without rev", Safeguard("rev", "record", play_rev)),
       ("without token", Safeguard("token", "record", play_token)),
       ("without proof", Safeguard("ownership", "record", play_proof)),
       ("without committed", Safeguard("committed,journal-first,watermark", "record", play_committed)),
       ("negative offsets", Safeguard("negative-offsets", "wall", play_negative_offset)),
       ("without ends", TickEnds("confirmed-ends", "wall", None)))
