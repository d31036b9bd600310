"""The meaning of a policy, said a second time: obvious, quadratic, and sharing nothing with the engine.

From the records in their order of arrival: which are accepted, which version of each engagement counts, and what is
seen of it under the keys of other scopes. After each record, and at each moment at which a plan lapses or a deadline
passes, alerts.py looks at what stands.

Times are milliseconds since 1970; events are as events.py says.
"""
import alerts
import facts
import kinds
import notes
from events import content, counts_at, engagement_of, field, is_logged_only, logged_only, market, rank, recorded, touch_time

FUTURE_GRACE = 5 * 60000


class Physician(alerts.Key):
    """Fed with (now, record) in order of arrival."""

    def __init__(self, key, policy):
        super().__init__("hcp", key, policy)
        self.winners = {}      # engagement -> version that counts (any phase)
        self.facts = {}        # the same of facts: (version, since when it applies)
        self.seen = {}         # (source, id) -> content
        self.kept = []         # versions that are no records
        self.verdicts = []     # of its records, and their
        self.lines = []        # places among all
        self.held = {}         # engagement -> until when it is certainly still held
        self.profile_at = self.profile_gone = None
        self.outside = False   # something came that would change what need not be held any more

    def versions(self):
        return {(self.key, engagement): version for engagement, version in (*self.winners.items(), *self.counted.items())}

    def records(self):
        """What the profile and the events say, in no order that matters."""
        said = [] if self.profile is None else list(facts.of_profile(self.profile))
        return said + [r for event, bound in self.facts.values() if not notes.is_note(event)
                       for r in facts.of_event(event, bound)]

    def said(self):
        """What is said of alerts, whatever their key."""
        return [event for event, _ in self.facts.values() if notes.is_note(event) and event["phase"] != "cancelled"]

    def notes(self):
        return [note for note in self.said() if notes.about(note) == "hcp:" + self.key]

    def known(self, event):
        """What becomes of an event whose id was seen before; None: it was not."""
        seen = self.seen.get((event["source"], event["id"]))
        return None if seen is None else "duplicate" if seen == content(event) else "id_conflict"

    def fact(self, event):
        """A fact is never too late; it applies to what is not older than the lateness when it comes."""
        engagement = engagement_of(event)
        current, _ = self.facts.get(engagement, (None, None))
        if current is not None and current["phase"] == "cancelled" and self.now > self.held["fact", engagement]:
            self.outside = True  # it may be forgotten that it was withdrawn
        known = self.known(event)
        if known is not None:
            return known
        self.seen[event["source"], event["id"]] = content(event)
        if current is None or rank(event) > rank(current):
            self.facts[engagement] = (event, self.now - self.policy["allowed_lateness"])
            self.facts_known += 1
            current = event
        until = max(touch_time(event), recorded(event), self.now) + self.policy["allowed_lateness"]
        self.held["fact", engagement] = until if current["phase"] != "cancelled" else max(
            until, self.held.get(("fact", engagement), until))
        return "applied"

    def learn(self, data):
        """A profile is a whole snapshot; one that is gone counts at its time."""
        gone = data.get("gone", False)
        if self.profile_gone is not None and self.now > self.profile_gone:
            self.outside = True  # it may be forgotten that it is gone
        at = data["time"] if gone else data["recorded_at"]
        if self.profile_at is not None and at <= self.profile_at:
            return
        before, self.profile_at = self.profile or {}, at
        self.profile = None if gone else data
        self.profile_gone = max(at, self.now) + self.policy["allowed_lateness"] if gone else None
        self.facts_known += 1
        after = self.profile or {}
        if any(before.get(key) != after.get(key) for key in ("zone", "country", "tier")) and (any(
                counts_at(v) < self.now - self.policy["allowed_lateness"] for v in self.winners.values())):
            self.outside = True  # zone or limits change, but what is final stays as it was

    def verdict(self, event):
        """What becomes of an event of class touch, before it is applied."""
        now, late = self.now, self.policy["allowed_lateness"]
        if self.known(event) is not None:
            return self.known(event)
        t = touch_time(event)
        current = self.winners.get(engagement_of(event))
        replaces = current is not None and rank(event) > rank(current)
        stands = current is not None and current["phase"] != "cancelled" and not self.lapsed(current, now)
        if replaces and stands and counts_at(current) < now - late:
            return "too_late"
        if t < now - late:
            followed = stands and is_logged_only(current)
            if (recorded(event) < now - late or (stands and not followed)
                    or not (followed or self.logged_rule_asks(event))):
                return "too_late"
        if t > now + self.policy["max_ahead"]:
            return "too_far_ahead"
        if event["phase"] == "completed" and t > now + FUTURE_GRACE:
            return "from_the_future"
        return "applied"

    def logged_rule_asks(self, event):
        """Whether a rule over the time of recording is about it: then that is what it may be too late by."""
        places = kinds.names_of(market(event), self.policy.get("packs", {}))
        return any("axis" in rule and rule.get("market") in (None, *places)
                   and self.view().selected([event], rule["of"], rule, ()) for rule in self.policy["rules"])

    def retain(self, event, verdict):
        """Follows how long an engagement is certainly held; what comes after that is outside the law."""
        engagement = engagement_of(event)
        if self.now > self.held.get(engagement, self.now):
            self.outside = True
        if verdict == "applied":
            until = max(touch_time(event), recorded(event), self.now) + self.policy["allowed_lateness"]
            self.held[engagement] = max(until, self.held.get(engagement, until))

    def record(self, now, kind, data):
        self.advance(now)
        if kind == "hcp.profile":
            self.learn(data)
            verdict = "applied"
        elif kind == "fact":
            verdict = self.fact(data)
        elif kind == "other":
            verdict = self.known(data) or "applied"
            self.seen.setdefault((data["source"], data["id"]), content(data))
        else:
            verdict = self.verdict(data)
            self.retain(data, verdict)
            if verdict == "applied":
                self.seen[data["source"], data["id"]] = content(data)
                engagement = engagement_of(data)
                current = self.winners.get(engagement)
                if current is None or rank(data) > rank(current):
                    if touch_time(data) < self.now - self.policy["allowed_lateness"]:
                        data = logged_only(data)
                        self.kept.append(data)
                    self.winners[engagement] = data
        self.verdicts.append(verdict)
        self.look(self.now)


class Shared(alerts.Key):
    """An account, an actor or a declared key: the touches of several physicians that are its own."""

    def __init__(self, scope, key, policy, physicians):
        super().__init__(scope, key, policy)
        self.physicians = physicians  # all there are
        self.attended = set()         # those of whom a touch was its own, at some time
        self.copies = {}
        self.next = None              # when something changes by itself, None: not known
        self.final_moved = False      # something changed that may have become final

    @property
    def outside(self):
        return self.final_moved or any(self.physicians[hcp].outside for hcp in self.attended)

    def latest(self, hcp, engagement):
        return self.physicians[hcp].winners[engagement]

    def physician(self, hcp):
        return self.physicians[hcp]

    def records(self):
        """What an account's profile says of access; other keys know nothing."""
        return [] if self.profile is None else list(facts.of_profile(self.profile))

    def notes(self):
        place = "%s:%s" % (self.scope, self.key)
        return [note for physician in self.physicians.values() for note in physician.said() if notes.about(note) == place]

    def see(self, now, changed):
        """Time passes; nothing is looked at where nothing can have changed."""
        if changed or self.next is None or self.next <= now:
            self.advance(now)
            self.next = min((m for m in self.timers() if m > now), default=1 << 60)
        else:  # what is learnt next was not known at moments before
            self.now = max(self.now, now)

    def profiled(self, now, data):
        if self.profile is None or data["recorded_at"] > self.profile["recorded_at"]:
            self.profile = data
            self.facts_known += 1
            self.final_moved |= any(counts_at(v) < now - self.policy["allowed_lateness"]
                                    for v in self.versions().values())

    def joined(self, now, event):
        """One more attendee, or another version, of an engagement that may be final by the others."""
        self.final_moved |= any(counts_at(v) < now - self.policy["allowed_lateness"]
                                for (_, engagement), v in self.versions().items() if engagement == engagement_of(event))

    def own(self, event):
        """A touch as this key sees it, None where it is not its own. Who came along is seen in the place of the
        actor."""
        if self.key == key_of(event, self.scope, self.policy):
            return event
        if self.scope == "actor":
            for party in event.get("joint_with") or ():
                if party["id"] == self.key:
                    return self.copies.setdefault(id(event), dict(event, actor=party))
        return None

    def versions(self):
        found = {}
        for hcp, physician in self.physicians.items():
            for engagement, version in (*physician.winners.items(), *physician.counted.items()):
                seen = self.own(version)
                if seen is not None:
                    found[hcp, engagement] = seen
        return found


def key_of(event, scope, policy):
    if scope == "engagement_id":
        return engagement_of(event)
    path = {"account": "account_id", "actor": "actor"}.get(scope) or policy["keys"][scope]
    return field(event, path, {})


def keys_of(event, scope, policy):
    """The keys of a scope that see a touch."""
    keys = {key_of(event, scope, policy)} | ({p["id"] for p in event.get("joint_with") or ()} if scope == "actor" else set())
    return keys - {None}


# ---------------------------------------------------------------------------------------------- many physicians

def clock(records, partitions, partition_of):
    """`now` at each record, and at the end of each partition: the running maximum of recorded_at, else time,
    over everything that could be decoded in that partition."""
    running = [None] * partitions
    nows = []
    for hcp, _, data in records:
        p = partition_of(hcp) if partitions > 1 else 0
        if not data.get("gone"):  # of a tombstone the time is no event's
            effective = recorded(data)
            running[p] = effective if running[p] is None else max(running[p], effective)
        nows.append(facts.ALWAYS if running[p] is None else running[p])
    return nows, running


def murmur2_partition(key, partitions):
    """Kafka's default partitioner."""
    data = key.encode()
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % partitions


def world(records, policy, partitions=1, advance=None, publish=None):
    """What is known of every key, by (scope, key), after all `records`: [(key, kind, data)], kind touch, other,
    hcp.profile or account.profile. Other scopes than hcp: with one partition, so one clock. `publish`: (n, policy), another
    policy that comes before the record at n, not the first."""
    scopes = {rule.get("scope", "hcp") for rule in policy["rules"]} - {"hcp"}
    assert partitions == 1 or not scopes
    nows, ends = clock(records, partitions, lambda hcp: murmur2_partition(hcp, partitions))
    physicians, shared, told = {}, {}, {}
    counts = any("over" in rule for rule in policy["rules"]) and scopes

    def count(changed, now):
        """What is counted now of each physician's alerts, and was not, or the other way: other keys see it."""
        for hcp, physician in physicians.items():
            before, told[hcp] = told.get(hcp, {}), physician.counted
            for name in before.keys() | told[hcp].keys():
                versions = before.get(name), told[hcp].get(name)
                for scope, other in {(scope, other) for v in versions if v is not None and versions[0] != versions[1]
                                     for scope in scopes for other in keys_of(v, scope, policy)}:
                    of(scope, other).attended.add(hcp)
                    if (scope, other) in changed:  # it is told of one after the other
                        of(scope, other).crowded.add(now)
                        of(scope, other).maybe = {
                            i for i, row in of(scope, other).alerts.items() if row["status"] == "retracted"}
                    changed.add((scope, other))

    def of(scope, key):
        return shared.setdefault((scope, key), Shared(scope, key, policy, physicians))

    def pass_time(now):
        """The timers of physicians fire one moment after the other; what they change of alerts that are counted is told
        at once."""
        while counts:
            moments = [m for p in physicians.values() if p.now is not None for m in p.timers() if p.now < m <= now]
            if not moments:
                return
            changed = set()
            for physician in physicians.values():
                if physician.now is not None:
                    physician.advance(min(moments))
            count(changed, min(moments))
            for place in changed:
                of(*place).see(min(moments), True)

    for line, (now, (key, kind, data)) in enumerate(zip(nows, records), 1):
        if publish is not None and line - 1 == publish[0]:
            policy = publish[1]
            for holder in (*physicians.values(), *shared.values()):
                holder.publish(policy, nows[line - 2])
        pass_time(now)
        for holder in list(shared.values()):
            holder.see(now, False)
        changed = set()
        if kind == "account.profile":
            of("account", key).profiled(now, data)
            changed.add(("account", key))
        else:
            if key not in physicians:
                physicians[key] = Physician(key, policy)
            before = physicians[key].winners.get(engagement_of(data)) if kind == "touch" else None
            said = physicians[key].said()
            physicians[key].record(now, kind, data)
            physicians[key].lines.append(line)
            versions = [v for v in (before, data) if v is not None and kind == "touch"]
            changed = {(scope, other) for v in versions for scope in scopes for other in keys_of(v, scope, policy)}
            for scope, other in changed:
                of(scope, other).attended.add(key)
                of(scope, other).joined(now, data)
            for note in said + physicians[key].said() if kind == "fact" else ():
                scope, other = notes.about(note).split(":", 1)
                if scope in scopes:
                    changed.add((scope, other))
        for physician in physicians.values() if counts else ():
            if physician.now is not None:
                physician.advance(now)
        count(changed, now)
        for place in changed:
            of(*place).see(now, True)
    pass_time(ends[0] if advance is None else max(ends[0], advance))
    for hcp, physician in physicians.items():
        end = ends[murmur2_partition(hcp, partitions) if partitions > 1 else 0]
        physician.advance(end if advance is None else max(end, advance))
    count(set(), ends[0] if advance is None else max(ends[0], advance))
    for holder in shared.values():
        holder.see(ends[0] if advance is None else max(ends[0], advance), True)
    return {**{("hcp", hcp): physician for hcp, physician in physicians.items()}, **shared}
