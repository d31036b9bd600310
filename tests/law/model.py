"""The meaning of a policy, said a second time: obvious, quadratic, and sharing nothing with the engine.

One physician at a time, from the records in their order of arrival: which are accepted, which version of each
engagement counts, which touches stand at a moment, and what the rules say of them (kinds.py). Nothing here is
incremental: after each record, and at each moment at which a plan lapses or a deadline passes, every rule looks at
all standing touches again.

Times are milliseconds since 1970; events are as events.py says.
"""
import collections
import hashlib

import kinds
from civil import Zone
from events import content, engagement_of, in_order, rank, recorded, touch_time

FUTURE_GRACE = 5 * 60000


def alert_id(rule, key, instance):
    """First 128 bits of SHA-256 over rule id, scope, key, instance; each with its length in front."""
    text = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in (rule, "hcp", key, *instance))
    return hashlib.sha256(text).hexdigest()[:32]


def phase_of(evidence, now):
    planned = any(touch["phase"] == "planned" and touch_time(touch) > now for touch in evidence)
    return "preventable" if planned else "incident"


# ---------------------------------------------------------------------------------------------- one physician

class Physician:
    """Fed with (now, record) in order of arrival; `alerts` is what should stand at the end."""

    def __init__(self, key, policy):
        self.key, self.policy = key, policy
        self.winners = {}      # engagement -> version that counts (any phase)
        self.seen = {}         # (source, id) -> content
        self.profile = None
        self.now = None
        self.open = {}         # (rule, instance) -> row
        self.alerts = {}       # (rule, instance) -> last row, open or retracted
        self.verdicts = []     # of its records, and their
        self.lines = []        # places among all
        self.memo = {}         # the last answer of found()
        self.reopened = set()  # (rule, instance) of alerts that were resolved once and opened again
        # Timers of one moment fire in an order that is not the law's; what opens and goes within it is not compared:
        self.crowded = set()   # such moments, and
        self.maybe = set()     # the retracted that may have stood once more, for another cause
        self.held = {}         # engagement -> until when it is certainly still held
        self.outside = False   # a version of an engagement came that need not be held any more

    def zone(self, event):
        """In which a touch is reckoned: the physician's, else that of its market, else the policy's."""
        profile, markets = self.profile or {}, self.policy["markets"]
        name = profile.get("zone") or markets.get(profile.get("country")) or markets.get(event.get("country"))
        return Zone(name or self.policy["zone"])

    def lapse_time(self, event):
        return touch_time(event) + self.policy["planned_grace"] + 1

    def lapsed(self, event, now):
        return event["phase"] == "planned" and now >= self.lapse_time(event)

    def touches(self, now):
        return {e: v for e, v in self.winners.items() if v["phase"] != "cancelled" and not self.lapsed(v, now)}

    def found(self, now):
        """Every instance of every rule, also those that hold only after a deadline, by (rule, instance)."""
        standing = sorted(self.touches(now).values(), key=in_order)
        key = tuple(map(id, standing)), id(self.profile)
        if key not in self.memo:
            view = kinds.View(self.policy, self.zone)
            self.memo = {key: {(rule["id"], found.instance): (rule, found) for rule in self.policy["rules"]
                               for found in kinds.instances(rule, standing, view)}}
        return self.memo[key]

    def holding(self, now):
        """The alerts that stand at `now`."""
        rows = {}
        for key, (rule, found) in self.found(now).items():
            if found.since is None or now > found.since:
                phase = phase_of(found.evidence, now)
                rows[key] = dict(
                    status=found.status, cause=None, phase=phase, observed=found.observed, limit=found.limit,
                    unit=found.unit, evidence=found.evidence, other_currency=found.other_currency, kind=rule["kind"],
                    severity=kinds.severity(found, phase, rule, kinds.View(self.policy, self.zone)))
        return rows

    def cause(self, row, now):
        """Why an instance that held no longer does, by what became of its members since. A plan that is still a
        plan at another time was rescheduled; whatever else is known differently now was corrected."""
        causes = set()
        for member in row["evidence"]:
            current = self.winners[engagement_of(member)]
            if current["phase"] == "cancelled":
                causes.add("cancelled")
            elif self.lapsed(current, now):
                causes.add("lapsed")
            elif current["phase"] == "planned" and touch_time(current) != touch_time(member):
                causes.add("rescheduled")
        for cause in ("cancelled", "lapsed", "rescheduled"):
            if cause in causes:
                return cause
        return "corrected"

    def look(self, now):
        rows = self.holding(now)
        for instance, row in self.open.items():
            if instance not in rows:
                phase = phase_of(row["evidence"], now)
                self.alerts[instance] = dict(row, status="retracted", cause=self.cause(row, now), phase=phase)
            elif row["status"] == "resolved" and rows[instance]["status"] == "open":
                self.reopened.add(instance)
        self.maybe -= rows.keys()
        self.open = rows
        self.alerts.update(rows)

    def timers(self):
        """The moments at which something changes by itself: plans lapse, deadlines pass. With how many do at once."""
        plans = (self.lapse_time(v) for v in self.winners.values() if v["phase"] == "planned")
        deadlines = (found.since + 1 for _, found in self.found(self.now).values() if found.since is not None)
        return collections.Counter((*plans, *deadlines))

    def advance(self, now):
        """Time passes: plans lapse and deadlines pass one after the other, each looked at when it does."""
        if self.now is None:
            self.now = now
        while True:
            due = {moment: count for moment, count in self.timers().items() if self.now < moment <= now}
            if not due:
                break
            self.now = min(due)
            self.look(self.now)
            if due[self.now] > 1:
                self.crowded.add(self.now)
                self.maybe = {i for i, row in self.alerts.items() if row["status"] == "retracted"}
        self.now = max(self.now, now)
        self.look(self.now)

    def verdict(self, event):
        """What becomes of an event of class touch, before it is applied."""
        now, late = self.now, self.policy["allowed_lateness"]
        seen = self.seen.get((event["source"], event["id"]))
        if seen is not None:
            return "duplicate" if seen == content(event) else "id_conflict"
        t = touch_time(event)
        current = self.winners.get(engagement_of(event))
        replaces = current is not None and rank(event) > rank(current)
        if t < now - late:
            return "too_late"
        if (replaces and current["phase"] != "cancelled" and not self.lapsed(current, now)
                and touch_time(current) < now - late):
            return "too_late"
        if t > now + self.policy["max_ahead"]:
            return "too_far_ahead"
        if event["phase"] == "completed" and t > now + FUTURE_GRACE:
            return "from_the_future"
        return "applied"

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
            if self.profile is None or data["recorded_at"] > self.profile["recorded_at"]:
                self.profile = data
            verdict = "applied"
        elif kind == "other":
            seen = self.seen.get((data["source"], data["id"]))
            verdict = "applied" if seen is None else "duplicate" if seen == content(data) else "id_conflict"
            self.seen.setdefault((data["source"], data["id"]), content(data))
        else:
            verdict = self.verdict(data)
            self.retain(data, verdict)
            if verdict == "applied":
                self.seen[data["source"], data["id"]] = content(data)
                engagement = engagement_of(data)
                current = self.winners.get(engagement)
                if current is None or rank(data) > rank(current):
                    self.winners[engagement] = data
        self.verdicts.append(verdict)
        self.look(self.now)


# ---------------------------------------------------------------------------------------------- many physicians

def clock(records, partitions, partition_of):
    """`now` at each record, and at the end of each partition: the running maximum of recorded_at, else time,
    over everything that could be decoded in that partition."""
    running = [None] * partitions
    nows = []
    for hcp, _, data in records:
        p = partition_of(hcp) if partitions > 1 else 0
        effective = recorded(data)
        running[p] = effective if running[p] is None else max(running[p], effective)
        nows.append(running[p])
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


def world(records, policy, partitions=1, advance=None):
    """Physicians after all `records`: [(hcp_id, kind, data)], kind touch, other or hcp.profile."""
    nows, ends = clock(records, partitions, lambda hcp: murmur2_partition(hcp, partitions))
    physicians = {}
    for line, (now, (hcp, kind, data)) in enumerate(zip(nows, records), 1):
        if hcp not in physicians:
            physicians[hcp] = Physician(hcp, policy)
        physicians[hcp].record(now, kind, data)
        physicians[hcp].lines.append(line)
    for hcp, physician in physicians.items():
        end = ends[murmur2_partition(hcp, partitions) if partitions > 1 else 0]
        physician.advance(end if advance is None else max(end, advance))
    return physicians
