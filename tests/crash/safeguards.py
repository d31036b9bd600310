"""Each safeguard of the protocol, switched off, must be found by the checks; switched on, the same play must pass.

A play brings about, step by step, the one course of events against which the safeguard stands: a process stands
still at a named point (Instance.stop_next) while the rest of the world moves. The first instance hears from its
group once a minute only, and is removed from it behind its back: so it goes on as an owner that does not know
that it was replaced. One shard, so that there is one course of events.
"""
import json
import os
import re

from rig import Failure, wait
from rounds import Round, write_shift

HOUR = 3600000
UNAWARE = {"session.timeout.ms": "180000", "heartbeat.interval.ms": "60000"}
REJOINED = 150  # seconds, at the most: the next heartbeat, by which an unaware owner hears of it, and a rebalance
DAMAGED = r"journal/0: seq|the journal is damaged"  # a seq that is there twice


def seq(world):
    return world.group.number(0, "seq")


def replace(world, **env):
    """a, which stands still, loses the shard to b; returns when b has written a flush of its own."""
    begun = seq(world)
    world.rig.kafka.remove_member(world.group.name, "a-0")
    world.b.start(**env)
    wait("the heir's flush", 30, lambda: world.group.is_owned_by(world.b) and seq(world) > begun)


def lose_a_flush(world):
    """Copies Redis after a flush of a, lets a flush once more, stops it before the next, and sets Redis back."""
    image = os.path.join(world.group.dir, "old.rdb")
    world.a.start()
    world.load.start()
    wait("a flush", 30, lambda: seq(world) > 3)
    world.a.stop_next("flush.last")
    world.rig.redis.save(image)
    world.a.stop_next("flush.last")
    world.a.stop_next("flush.begun")
    world.rig.redis.restart_from(image)


def flush_and_die(world):
    """a writes its next flush, or knows better; then it is killed."""
    known = seq(world)
    world.a.stop_at("flush.last", "rewrite.last")
    world.a.go_on()
    try:
        wait("a's flush", 5, lambda: world.a.stopped() or not world.a.alive() or seq(world) > known)
    except Failure:
        pass  # it may not, with the safeguard
    world.a.kill()


def play_rev(world, off):
    """Redis loses one flush between two others of one owner: the image would claim a seq and lack its middle."""
    lose_a_flush(world)
    flush_and_die(world)


def play_token(world, off):
    """As before, and an heir's claim brings rev to where the old owner remembers it: every flush is one EXEC."""
    lose_a_flush(world)
    world.rig.kafka.remove_member(world.group.name, "a-0")
    world.b.start(JD_CRASH_AT="takeover.claimed")
    wait("the heir's death", 30, lambda: not world.b.alive())
    flush_and_die(world)


def play_ownership(world, off):
    """An owner that was replaced dies while it writes its older content over the image of its heir. The heir's
    clock is days ahead: it has fired timers that the old owner does not know of."""
    world.a.start(JD_CRASH_AT="rewrite.chunk:25")
    world.load.start()
    world.load.finish()
    world.group.catch_up()
    wait("everything written", 30, lambda: seq(world) == world.group.journal()[0][-1]["seq"])
    world.a.stop_next("flush.begun")
    theirs = os.path.join(world.group.dir, "clock-of-the-heir")
    write_shift(theirs, world.shift + 72 * HOUR)
    replace(world, JD_CLOCK_FILE=theirs)
    begun = seq(world)  # redoing the image's own record would repair a single batch
    write_shift(theirs, world.shift + 144 * HOUR)
    wait("the heir's second flush", 30, lambda: seq(world) > begun)
    world.b.end()
    claimed = world.group.meta(0)["token"]
    world.a.go_on()
    wait("a's claim", REJOINED, lambda: not world.a.alive() or world.group.meta(0)["token"] != claimed and not off)
    world.a.kill()
    world.shift_clock(144 * HOUR)


def finish_late(world):
    """a goes on with its transaction, to whatever end."""
    world.a.stop_at("txn.committed", "txn.aborting", "doubt.dropped")
    world.a.go_on()
    wait("the end of a's transaction", 30, lambda: world.a.stopped() or not world.a.alive())
    world.a.kill()


def play_committed(world, off):
    """An owner whose offsets were accepted stands still before the end of its transaction; off: before its journal
    record, too. The heir must not go past it."""
    world.a.start()
    world.load.start()
    wait("a flush", 30, lambda: seq(world) > 3)
    world.a.stop_next("txn.offsets-first" if off else "txn.offsets-sent")
    replace(world)
    finish_late(world)


def play_negative_offset(world, off):
    """A batch of timers alone, committed by an owner that has been replaced."""
    world.a.start()
    world.load.start()
    world.load.finish()
    world.group.catch_up()
    wait("everything written", 30, lambda: seq(world) == world.group.journal()[0][-1]["seq"])
    world.shift_clock(72 * HOUR)
    world.a.stop_next("txn.begun")
    replace(world)
    finish_late(world)


class Safeguard:
    def __init__(self, names, clock, play, symptom, **env):
        self.names, self.clock, self.play, self.symptom, self.env = names, clock, play, symptom, env

    def run(self, rig, seed, off):
        world = Round(rig, "guard-" + self.names.split(",")[0] + ("-off" if off else ""), self.clock, seed,
                      partitions=1, seconds=30)
        kafka = json.dumps({"bootstrap.servers": rig.kafka.address, **UNAWARE})
        world.a.write(workers=1, kafka=kafka)
        world.b.write(workers=1)
        world.group.env.update(self.env)
        if off:
            world.group.env["JD_FAULT_OFF"] = self.names
        try:
            self.play(world, off)
        except BaseException:
            world.group.kill_all()
            raise
        world.group.kill_all()
        world.group.env.pop("JD_FAULT_OFF", None)
        world.a.write(workers=1)
        try:
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
        symptom = re.search(self.symptom, found)
        if not symptom:
            raise Failure("switched off, something else is found: %s" % found)
        wrong = self.run(rig, seed, False)
        if wrong:
            raise Failure("switched on, the play fails: %s" % wrong)
        return 0, "found: " + found[symptom.start():].splitlines()[0][:90]


ALL = (("without rev", Safeguard("rev", "record", play_rev, "journeyd verify")),
       ("without token", Safeguard("token", "record", play_token, "journeyd verify", JD_CHUNK_KEYS="100000")),
       ("without proof", Safeguard("ownership", "wall", play_ownership, "journeyd verify", JD_CHUNK_KEYS="3")),
       ("without committed", Safeguard("committed,journal-first,watermark", "record", play_committed, DAMAGED,
                                         JD_TRANSACTION_TIMEOUT="60000")),  # it outlives the takeover on a slow machine
       ("negative offsets", Safeguard("negative-offsets", "wall", play_negative_offset, DAMAGED)))
