"""The meaning of a policy, said a second time: obvious, quadratic, and sharing nothing with the engine.

One physician at a time, from the records in their order of arrival: which are accepted, which version of each
engagement counts, which touches stand at a moment, and which pairs of them a proximity rule reports. Nothing here
is incremental: after each record, and at each moment at which a plan lapses, every pair is looked at again.

Times are milliseconds since 1970; events are the decoded JSON objects of the records' `data`, with the envelope's
id, source, type and time put in.
"""
import calendar
import datetime
import hashlib
import zoneinfo

MS_DAY = 86400000
FUTURE_GRACE = 5 * 60000
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
PHASE_ORDER = {"planned": 0, "completed": 1, "cancelled": 2}
SEVERITIES = ("info", "low", "medium", "high", "critical")
FUNCTION = {"sales_rep": "commercial", "key_account_manager": "commercial", "marketing": "commercial",
            "msl": "medical", "medical_information": "medical", "heor": "medical"}


# ---------------------------------------------------------------------------------------------- civil time

class Zone:
    """Local reckoning in one IANA zone."""
    cache = {}

    def __new__(cls, name):
        if name not in cls.cache:
            self = cls.cache[name] = super().__new__(cls)
            self.info = zoneinfo.ZoneInfo(name)
            self.days = {}
        return cls.cache[name]

    def local(self, ms):
        return (datetime.datetime.fromtimestamp(ms // 1000, UTC).astimezone(self.info)
                + datetime.timedelta(milliseconds=ms % 1000))

    def day(self, ms):
        """The local date as a number."""
        if ms not in self.days:
            self.days[ms] = self.local(ms).toordinal()
        return self.days[ms]

    def instant(self, naive):
        """A local time as an instant: in a gap forward by its length, in a fold the first."""
        second = naive.replace(microsecond=0)
        at = second.replace(tzinfo=self.info, fold=0)
        ms = (second - EPOCH) // datetime.timedelta(milliseconds=1)
        return ms - at.utcoffset() // datetime.timedelta(milliseconds=1) + naive.microsecond // 1000

    def plus_months(self, ms, months):
        """The same local time `months` later, the day clamped to its month."""
        t = self.local(ms).replace(tzinfo=None)
        month = t.year * 12 + t.month - 1 + months
        year, month = divmod(month, 12)
        day = min(t.day, calendar.monthrange(year, month + 1)[1])
        return self.instant(t.replace(year=year, month=month + 1, day=day))


# ---------------------------------------------------------------------------------------------- versions

def touch_time(event):
    return event["start"] if event.get("start") is not None else event["time"]


def recorded(event):
    return event["recorded_at"] if event.get("recorded_at") is not None else event["time"]


def engagement_of(event):
    if event.get("engagement_id") is not None:
        return event["engagement_id"]
    return '["%s","%s"]' % (event["source"], event["id"])


def rank(event):
    """Of two versions of one engagement the one with the greater rank counts."""
    return recorded(event), PHASE_ORDER[event["phase"]], event["id"].encode()


def content(event):
    return {k: v for k, v in event.items() if k not in ("id", "source") and v is not None and v != []}


# ---------------------------------------------------------------------------------------------- selectors

def field(event, path, groups):
    """The value of a field that a rule names, None when absent; a declared group stands for its members."""
    if path in groups:
        of, sets = groups[path]
        value = field(event, of, groups)
        for name, members in sets.items():
            if value in members:
                return ("set", name)
        return value
    if path in ("role", "team", "actor"):
        return (event.get("actor") or {}).get("id" if path == "actor" else path)
    if path == "function":
        role = (event.get("actor") or {}).get("role")
        return role and FUNCTION.get(role, "other")
    if path == "joint.role":
        return sorted({p["role"] for p in event.get("joint_with") or () if p.get("role")}) or None
    value = event
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def matches(event, selector, groups):
    """All conditions hold; a field that is absent satisfies only `exists: false`."""
    for path, want in selector.items():
        value = field(event, path, groups)
        values = value if isinstance(value, list) else [] if value is None else [value]
        if isinstance(want, dict):
            for op, operand in want.items():
                if op == "exists":
                    ok = bool(values) == operand
                elif op in ("ne", "not_in"):
                    operand = operand if isinstance(operand, list) else [operand]
                    ok = bool(values) and not any(v in operand for v in values)
                elif op == "lt":
                    ok = any(v < operand for v in values)
                elif op == "le":
                    ok = any(v <= operand for v in values)
                elif op == "gt":
                    ok = any(v > operand for v in values)
                elif op == "ge":
                    ok = any(v >= operand for v in values)
                else:
                    raise ValueError(op)
                if not ok:
                    return False
        else:
            want = want if isinstance(want, list) else [want]
            if not any(v in want for v in values):
                return False
    return True


# ---------------------------------------------------------------------------------------------- pairs

def distance(a, b, within, zone):
    """How far apart two touches are, in the unit of the window, and whether that is inside it."""
    a, b = sorted((a, b), key=touch_time)
    ta, tb = touch_time(a), touch_time(b)
    if "ms" in within:
        return tb - ta, "ms", tb - ta <= within["ms"]
    if "days" in within:
        days = abs(zone(b).day(tb) - zone(a).day(ta))
        return days, "days", days <= within["days"]
    return tb - ta, "ms", zone(a).plus_months(ta, within["months"]) >= tb


def joint(a, b, joint_within):
    if abs(touch_time(a) - touch_time(b)) > joint_within:
        return False
    for x, y in ((a, b), (b, a)):
        actor = (y.get("actor") or {}).get("id")
        if actor is not None and any(p["id"] == actor for p in x.get("joint_with") or ()):
            return True
    return False


def compared(a, b, rule, groups):
    """`same:` and `different:`; a touch that lacks a named field takes no part."""
    for path in rule.get("same", ()):
        x, y = field(a, path, groups), field(b, path, groups)
        if x is None or y is None or x == [] or y == []:
            return False
        if isinstance(x, list):
            if not set(x) & set(y):
                return False
        elif x != y:
            return False
    different = rule.get("different", ())
    any_of = isinstance(different, dict)
    if any_of:
        different = different["any"]
    results = []
    for path in different:
        x, y = field(a, path, groups), field(b, path, groups)
        if x is None or y is None or x == [] or y == []:
            return False
        results.append(not set(x) & set(y) if isinstance(x, list) else x != y)
    return not results or (any(results) if any_of else all(results))


def inside(event, rule):
    t = touch_time(event)
    return ((rule.get("valid_from") is None or t >= rule["valid_from"])
            and (rule.get("valid_to") is None or t < rule["valid_to"]))


def takes_part(event, rule, groups):
    return inside(event, rule) and not any(u != "joint" and matches(event, u, groups) for u in rule.get("unless", ()))


def orders(a, b, rule, groups):
    """The ways in which a pair can be (a, b) of the rule."""
    return [(x, y) for x, y in ((a, b), (b, a))
            if matches(x, rule["a"], groups) and matches(y, rule["b"], groups)]


def pair(a, b, rule, policy, zone):
    """What a rule says of two standing touches of different engagements: None, or (observed, unit, ways)."""
    groups = policy["groups"]
    if not (takes_part(a, rule, groups) and takes_part(b, rule, groups)):
        return None
    ways = orders(a, b, rule, groups)
    if not ways or not compared(a, b, rule, groups):
        return None
    if "joint" in rule.get("unless", ()) and joint(a, b, policy["joint_within"]):
        return None
    observed, unit, ok = distance(a, b, rule["within"], zone)
    return (observed, unit, ways) if ok else None


def severity(ways, phase, rule, policy, zone):
    cases = rule["severity"]
    if isinstance(cases, str):
        return cases
    groups = policy["groups"]
    for case in cases:
        if case.get("phase") not in (None, phase):
            continue
        if any(("within" not in case or distance(a, b, case["within"], zone)[2])
               and ("a" not in case or matches(a, case["a"], groups))
               and ("b" not in case or matches(b, case["b"], groups)) for a, b in ways):
            return case["severity"]
    raise ValueError("no severity case holds")


def alert_id(rule, key, instance):
    """First 128 bits of SHA-256 over rule id, scope, key, instance; each with its length in front."""
    text = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in (rule, "hcp", key, *instance))
    return hashlib.sha256(text).hexdigest()[:32]


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
        self.memo = {}
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

    def holding(self, now):
        """Every instance of every rule that holds at `now`."""
        rows = {}
        standing = sorted(self.touches(now).items(), key=lambda item: item[0].encode())
        for i, (ea, a) in enumerate(standing):
            for eb, b in standing[i + 1:]:
                for rule in self.policy["rules"]:
                    memo = (id(a), id(b), rule["id"], id(self.profile))
                    if memo not in self.memo:
                        self.memo[memo] = pair(a, b, rule, self.policy, self.zone)
                    found = self.memo[memo]
                    if found is None:
                        continue
                    observed, unit, ways = found
                    members = sorted((a, b), key=lambda v: (touch_time(v), engagement_of(v).encode()))
                    planned = any(m["phase"] == "planned" and touch_time(m) > now for m in members)
                    phase = "preventable" if planned else "incident"
                    rows[rule["id"], (ea, eb)] = dict(
                        status="open", cause=None, phase=phase, observed=observed, unit=unit, evidence=members,
                        severity=severity(ways, phase, rule, self.policy, self.zone))
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
                self.alerts[instance] = dict(row, status="retracted", cause=self.cause(row, now))
        self.open = rows
        self.alerts.update(rows)

    def advance(self, now):
        """Time passes: plans lapse one after the other, each looked at when it does."""
        if self.now is not None:
            moments = {self.lapse_time(v) for v in self.winners.values() if v["phase"] == "planned"}
            for moment in sorted(m for m in moments if self.now < m <= now):
                self.look(moment)
        self.now = now if self.now is None else max(self.now, now)
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
