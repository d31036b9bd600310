"""The kinds of conflict, each straight from its definition: for a rule and the whole set of touches that stand, every
instance that holds. Quadratic and worse, and nothing is remembered.

A function here gives `Found`s. One that waits for a deadline (absence) holds only after `since`.

Under a physician each engagement is one touch. Under an account or an actor it may be several, one for each attendee:
then sums add those of all that match, and else one stands for all that match, the earliest, then the least hcp_id.
`same:` and the other filters come first: a rule looks at the touches of each set of values of `same:` by themselves.
"""
import dataclasses
import datetime
import decimal
import itertools

import facts
from events import as_logged, compare, engagement_of, field, in_order, is_logged_only, joint, market, matches, share, touch_time

decimal.getcontext().prec = 60  # sums are exact
HOUR = 3600000
EPOCH = datetime.datetime(1970, 1, 1)
UNIX_DAY = datetime.date(1970, 1, 1).toordinal()
PROFILE = ("tier", "specialty", "zone")  # of the profile alone: no touch has such a field


@dataclasses.dataclass
class Found:
    instance: tuple          # of texts
    evidence: list           # touches
    observed: object         # number, in `unit`
    limit: object
    unit: str
    ways: list               # what severity cases may look at: {"a": touch, "b": touch} or {"of": touch}
    status: str = "open"
    since: int = None        # holds when now > since
    other_currency: int = 0  # touches left out because their amount is in another currency
    facts: tuple = ()        # what was read beside touches
    rule: dict = None        # as the market of the touch that bears it has it
    horizon: int = None      # later than that, and by the allowed lateness, it changes no more; None: not asked


class View:
    """How a rule sees touches, which come in their order: the policy's groups, spans and tables, the zone of each touch,
    and the profile."""

    def __init__(self, policy, zone, profile=None, records=(), now=None):
        self.groups, self.joint_within, self.zone = policy["groups"], policy["joint_within"], zone
        self.policy, self.profile, self.records = policy, profile, records
        self.packs = policy.get("packs", {})
        self.judged = {}  # of each touch and rule that requires something: the touch, whether it is so, what was read
        self.limits, self.now = policy.get("limits", ()), now
        self.matched = {}  # of each touch and selector: both, whether it matches
        self.logged = {}   # of each touch: itself, and as logged

    def matches(self, touch, selector):
        known = self.matched.get((id(touch), id(selector)))
        if known is None:
            known = self.matched[id(touch), id(selector)] = touch, selector, matches(touch, selector, self.groups)
        return known[2]

    def as_logged(self, touch):
        if id(touch) not in self.logged:
            self.logged[id(touch)] = touch, as_logged(touch)
        return self.logged[id(touch)][1]

    def bound(self, rule, key, touch, at):
        """What `key` of a rule is for a touch at a moment; None where it comes from a table without such a line."""
        bound = rule[key]
        if not (isinstance(bound, dict) and "table" in bound):
            return bound
        values = [self.text(path, touch) for path in bound["by"]]
        for line in self.limits:
            if (line["rule"] == rule["id"] and list(line["values"]) == values and line["from"] <= at
                    and (line["until"] is None or at < line["until"])):
                return line["within" if key in ("within", "window") else "limit"]
        return None

    def text(self, path, touch):
        name = path.removeprefix("profile.")
        value = (self.profile or {}).get(name) if path != name or name in PROFILE else field(touch, path, self.groups)
        return None if value is None else text_of(value)

    def selected(self, touches, selector, rule, fields):
        """The touches that match, are not left out by `unless:` and have all these fields."""
        return [t for t in touches if self.matches(t, selector)
                and not any(u != "joint" and self.matches(t, u) for u in rule.get("unless", ()))
                and all(field(t, path, self.groups) is not None for path in fields)]

    def by_same(self, touches, rule):
        """The touches by the values of `same:`; those that lack one take no part."""
        sets = {}
        for touch in touches:
            values = tuple(field(touch, path, self.groups) for path in rule.get("same", ()))
            if None not in values:
                sets.setdefault(values, []).append(touch)
        return sets.items()

    def different(self, a, b, rule):
        wanted = rule.get("different", ())
        differ = [not share(a, b, path, self.groups) for path in different_fields(rule)]
        return not differ or (any(differ) if isinstance(wanted, dict) else all(differ))

    def belongs(self, a, b, rule):
        """Whether b is one for that a: different where asked, and with `link:` the one that it says it answers."""
        return self.different(a, b, rule) and (
            "link" not in rule or b.get("responds_to") in (engagement_of(a), a["id"]))

    def joint(self, a, b, rule):
        return "joint" in rule.get("unless", ()) and joint(a, b, self.joint_within)

    def distance(self, a, b, span):
        """How far apart two touches are, the span in the same unit, and that unit."""
        a, b = sorted((a, b), key=in_order)
        ta, tb = touch_time(a), touch_time(b)
        if "days" in span:
            return abs(self.zone(b).day(tb) - self.zone(a).day(ta)), span["days"], "days"
        return tb - ta, self.deadline(a, span) - ta, "ms"

    def near(self, a, b, span):
        observed, most, _ = self.distance(a, b, span)
        return observed <= most

    def deadline(self, touch, span):
        """The last instant that is still within `span` after a touch."""
        return self.zone(touch).deadline(touch_time(touch), span)


def one_each(touches):
    """The touch that stands for each engagement."""
    found = {}
    for touch in touches:
        found.setdefault(engagement_of(touch), touch)
    return list(found.values())


def different_fields(rule):
    different = rule.get("different", ())
    return different["any"] if isinstance(different, dict) else different


def named(rule):
    return (*rule.get("same", ()), *different_fields(rule))


def satisfying(touches, selector):
    """A plan satisfies only a selector that speaks of phases."""
    return [t for t in touches if t["phase"] != "planned" or "phase" in selector]


def inside(rule, time):
    return ((rule.get("valid_from") is None or time >= rule["valid_from"])
            and (rule.get("valid_to") is None or time < rule["valid_to"]))


# ---------------------------------------------------------------------------------------------- pairs

def pairs(rule, touches, view):
    """Pairs of two engagements, of touches inside the rule's validity, filtered: the instance, and for either way in
    which it is a pair (a, b) the touches that stand for it."""
    touches = [t for t in touches if inside(rule, touch_time(t))]
    of_a = view.selected(touches, rule["a"], rule, named(rule))
    of_b = view.selected(touches, rule["b"], rule, named(rule))
    ways = {}
    for a in of_a:
        for b in of_b:
            if (engagement_of(a) != engagement_of(b)
                    and all(share(a, b, path, view.groups) for path in rule.get("same", ()))
                    and view.belongs(a, b, rule) and not view.joint(a, b, rule)):
                ways.setdefault((engagement_of(a), engagement_of(b)), {"a": a, "b": b})
    instances_ = {}
    for ids, way in ways.items():
        instances_.setdefault(tuple(sorted(ids, key=str.encode)), []).append(way)
    return instances_.items()


def proximity(rule, touches, view, _):
    for instance, ways in pairs(rule, touches, view):
        later = max(ways[0].values(), key=in_order)
        within = view.bound(rule, "within", later, touch_time(later))
        ways = [way for way in ways if within is not None and view.near(way["a"], way["b"], within)]
        if ways:
            a, b = ways[0].values()
            yield Found(instance, sorted((a, b), key=in_order), *view.distance(a, b, within), ways)


def interval(touch, rule):
    start = touch_time(touch)
    if touch.get("end") is not None:
        return start, touch["end"]
    durations = rule.get("durations", {})
    return start, start + durations.get(touch.get("channel"), durations.get("default", HOUR))


def shared(a, b, rule):
    """How long both intervals last at once."""
    (start_a, end_a), (start_b, end_b) = interval(a, rule), interval(b, rule)
    return min(end_a, end_b) - max(start_a, start_b)


def overlap(rule, touches, view, _):
    for instance, ways in pairs(rule, touches, view):
        ways = [way for way in ways if shared(way["a"], way["b"], rule) > 0]
        if ways:
            a, b = ways[0].values()
            yield Found(instance, sorted((a, b), key=in_order), shared(a, b, rule), 0, "ms", ways)


# ---------------------------------------------------------------------------------------------- numbers

def weight(touch, rule, view):
    value = field(touch, rule["weights"]["by"], view.groups)
    return rule["weights"]["values"].get(value, rule["weights"].get("default", 1))


def number(rule, members, view):
    """What a set of touches amounts to, and its unit."""
    if rule["kind"] == "budget":
        amount = rule.get("sum", "amount") == "amount"
        return sum(decimal.Decimal(t["amount" if amount else "quantity"]) for t in members), \
            "amount" if amount else "quantity"
    if "distinct" in rule:
        return len({field(t, rule["distinct"], view.groups) for t in members}), "touches"
    if "weights" in rule:
        return sum(weight(t, rule, view) for t in members), "touches"
    return len(members), "touches"


def limit_at(rule, touch, at, view):
    return view.bound(rule, "at_least" if "at_least" in rule else "limit", touch, at)


def too_much(rule, total, limit):
    return limit is not None and (total >= limit if "at_least" in rule else total > limit)


def counted(rule, touches, view):
    """The touches that take part, in order: [(touch that stands for it, those that are counted with it)]; and those
    left out for their currency."""
    fields = ([rule["distinct"]] if "distinct" in rule else []) + (
        [rule.get("sum", "amount")] if rule["kind"] == "budget" else [])
    own, others = [], []
    for touch in view.selected(touches, rule["of"], rule, fields):
        foreign = (rule["kind"] == "budget" and rule.get("sum", "amount") == "amount"
                   and (touch.get("currency") or rule["currency"]) != rule["currency"])
        (others if foreign else own).append(touch)
    if rule.get("distinct") == "hcp":
        return [(touch, [touch]) for touch in own], others
    if rule["kind"] == "budget":
        return [(t, [u for u in own if engagement_of(u) == engagement_of(t)]) for t in one_each(own)], others
    return [(touch, [touch]) for touch in one_each(own)], others


def together(members):
    return sorted((touch for _, touches in members for touch in touches), key=in_order)


def in_window(u, t, window, view):
    """Whether u lies in (t - window, t]."""
    if touch_time(u) > touch_time(t):
        return False
    if "days" in window:
        return view.zone(t).day(touch_time(t)) - view.zone(u).day(touch_time(u)) < window["days"]
    return view.zone(u).end(touch_time(u), window) > touch_time(t)


def rolling(rule, touches, view, _):
    own, others = counted(rule, touches, view)
    for t, _ in own:
        window = view.bound(rule, "window", t, touch_time(t))
        if window is None:
            continue
        members = together([m for m in own if in_window(m[0], t, window, view)])
        total, unit = number(rule, members, view)
        limit = limit_at(rule, t, touch_time(t), view)
        if too_much(rule, total, limit) and inside(rule, touch_time(t)):
            yield Found((engagement_of(t),), members, total, limit, unit, [{"of": t}], other_currency=sum(
                in_window(u, t, window, view) for u in others))


def per_touch(rule, touches, view, _):
    for t, members in counted(rule, touches, view)[0]:
        total, unit = number(rule, members, view)
        limit = limit_at(rule, t, touch_time(t), view)
        if too_much(rule, total, limit) and inside(rule, touch_time(t)):
            yield Found((engagement_of(t),), members, total, limit, unit, [{"of": t}])


def text_of(value):
    if isinstance(value, tuple):
        return value[1]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def over_period(rule, period, instance, end, other_currency, view):
    """A whole period: one instance, or with `report: each` one for each member."""
    members = together(period)
    total, unit = number(rule, members, view)
    limit = limit_at(rule, period[-1][0], end - 1, view)
    if too_much(rule, total, limit) and inside(rule, end - 1):
        each = [(engagement_of(t),) for t, _ in period]
        for one in each if rule.get("report") == "each" else [instance]:
            yield Found(one, members, total, limit, unit, [{}], other_currency=other_currency)


def calendar(rule, touches, view, values):
    def name(t):
        return view.zone(t).period(touch_time(t), rule["period"])
    own, others = counted(rule, touches, view)
    periods = {}
    for member in own:
        periods.setdefault(name(member[0]), []).append(member)
    for label, period in sorted(periods.items()):
        last = period[-1][0]
        yield from over_period(rule, period, (*(text_of(v) for v in values), label),
                               view.zone(last).period_end(touch_time(last), rule["period"]),
                               sum(name(t) == label for t in others), view)


def from_first(rule, touches, view, _):
    rest, others = counted(rule, touches, view)
    while rest:
        first = rest[0][0]
        start, end = touch_time(first), view.zone(first).end(touch_time(first), rule["window"])
        period = [m for m in rest if touch_time(m[0]) < end]
        yield from over_period(rule, period, (engagement_of(first),), end,
                               sum(start <= touch_time(t) < end for t in others), view)
        rest = [m for m in rest if touch_time(m[0]) >= end]


def numbers(rule, touches, view, values):
    if "per" in rule:
        return per_touch(rule, touches, view, values)
    if rule.get("period") == "from_first":
        return from_first(rule, touches, view, values)
    return (calendar if "period" in rule else rolling)(rule, touches, view, values)


# ---------------------------------------------------------------------------------------------- too few

def wanted(rule, profile):
    """Whether a physician is one that the rule is about."""
    return bool(profile) and matches(profile, rule["who"], {})


def coverage_due(rule, zone, now):
    """The next moment at which coverage is judged again by itself."""
    start = max(now, rule["valid_from"])
    end = zone.period_end(start, rule["period"])
    due = zone.midnight(zone.day(start) + 1) if "on_track" in rule else end
    if "on_track" in rule and now < rule["valid_from"]:
        due = rule["valid_from"]
    return due if inside(rule, end - 1) else None


def coverage(rule, touches, view):
    """Every period since `valid_from` up to that of today, with the values that `of` lists."""
    zone, own = view.zone({}), satisfying(view.selected(touches, rule["of"], rule, ()), rule["of"])
    if not wanted(rule, view.profile):
        return
    expected = [sorted([rule["of"][path]] if isinstance(rule["of"][path], str) else rule["of"][path])
                for path in rule.get("same", ())]
    start = rule["valid_from"]
    while start <= view.now:
        label, end = zone.period(start, rule["period"]), zone.period_end(start, rule["period"])
        goal = view.bound(rule, "at_least", {}, end - 1)
        first = zone.period_day(start, rule["period"])
        past, days = zone.day(view.now) - first, zone.day(end) - first
        for values in itertools.product(*expected) if goal is not None and inside(rule, end - 1) else ():
            alike = one_each(t for t in own
                             if all(field(t, path, {}) == v for path, v in zip(rule.get("same", ()), values)))
            members = sorted((t for t in alike if view.zone(t).period(touch_time(t), rule["period"]) == label), key=in_order)
            late = (end > view.now and "on_track" in rule and past > 0
                    and len(members) < rule["on_track"] * goal * past / days)
            if len(members) < goal or late:
                yield Found((*values, label), members, len(members), goal, "touches", [{}],
                            since=None if late else end - 1, horizon=None if any(t["phase"] == "planned" for t in members)
                            else (zone.day(end) - UNIX_DAY + 2) * 24 * HOUR)
        start = end


# ---------------------------------------------------------------------------------------------- before and after

def sequence(rule, touches, view, _):
    of_a = view.selected(touches, rule["a"], rule, named(rule))
    of_c = one_each(satisfying(view.selected(touches, rule["without"], rule, ()), rule["without"])) \
        if "without" in rule else []
    for b in one_each(view.selected(touches, rule["b"], rule, named(rule))):
        others = one_each(a for a in of_a if view.belongs(a, b, rule) and not view.joint(a, b, rule))
        within = view.bound(rule, "within", b, touch_time(b))
        earlier = [a for a in others if within is not None and touch_time(a) < touch_time(b)
                   and view.near(a, b, within)]
        if not earlier or not inside(rule, touch_time(b)):
            continue
        a = max(earlier, key=in_order)
        if not any(touch_time(a) < touch_time(c) < touch_time(b) for c in of_c):
            yield Found((engagement_of(b),), [a, b], *view.distance(a, b, within), [{"a": a, "b": b}])


def absence(rule, touches, view, _):
    of_b = satisfying(view.selected(touches, rule["b"], rule, named(rule)), rule["b"])
    for a in one_each(satisfying(view.selected(touches, rule["a"], rule, named(rule)), rule["a"])):
        start, within = touch_time(a), view.bound(rule, "within", a, touch_time(a))
        if within is None:
            continue
        deadline = view.deadline(a, within)
        answers = [b for b in one_each(b for b in of_b if view.belongs(a, b, rule))
                   if engagement_of(b) != engagement_of(a)
                   and (touch_time(b) > start or rule.get("inclusive") and touch_time(b) == start)]
        if not inside(rule, start) or any(touch_time(b) <= deadline for b in answers):
            continue
        latest = view.deadline(a, rule.get("resolve_within", {"ms": 365 * 24 * HOUR}))
        late = [b for b in answers if touch_time(b) <= latest]
        if late:
            b = min(late, key=in_order)
            yield Found((engagement_of(a),), [a, b], touch_time(b) - start, deadline - start, "ms",
                        [{"a": a, "b": b}], status="resolved", since=deadline)
        else:
            yield Found((engagement_of(a),), [a], 0, 1, "touches", [{"a": a}], since=deadline)


def requires(rule, touches, view, _):
    of_a = satisfying(view.selected(touches, rule["a"], rule, named(rule)), rule["a"])
    for b in one_each(view.selected(touches, rule["b"], rule, named(rule))):
        before = one_each(a for a in of_a if view.belongs(a, b, rule))
        within = view.bound(rule, "within", b, touch_time(b))
        if within is not None and inside(rule, touch_time(b)) and not any(
                engagement_of(a) != engagement_of(b) and touch_time(a) <= touch_time(b)
                and view.near(a, b, within) for a in before):
            yield Found((engagement_of(b),), [b], 0, 1, "touches", [{"b": b}])


def until(rule, touches, view, _):
    of_a = view.selected(touches, rule["a"], rule, named(rule))
    of_c = one_each(satisfying(view.selected(touches, rule["until"], rule, ()), rule["until"]))
    for b in one_each(view.selected(touches, rule["b"], rule, named(rule))):
        t = touch_time(b)
        under = []  # the a that are not closed, or less than `plus` ago
        for a in one_each(a for a in of_a if view.belongs(a, b, rule)):
            closing = [touch_time(c) for c in of_c if touch_time(c) > touch_time(a)]
            if (touch_time(a) < t <= view.deadline(a, rule["max_open"])
                    and (not closing or t < min(closing) or t - min(closing) < rule.get("plus", 0))):
                under.append(a)
        if under and inside(rule, t):
            a = max(under, key=in_order)
            yield Found((engagement_of(b),), [a, b], t - touch_time(a), view.deadline(a, rule["max_open"])
                        - touch_time(a), "ms", [{"a": a, "b": b}])


# ---------------------------------------------------------------------------------------------- what is required

def of_all_attendees(rule, attendees, view):
    """Of an engagement as a whole: no attendee is as required."""
    t = min(attendees, key=in_order)
    if not inside(rule, touch_time(t)):
        return
    readers = [facts.Reader(view.policy, view.profile, view.records, a, view.zone(a), view.groups)
               for a in sorted(attendees, key=in_order)]
    read = []
    for reader in readers:
        reader.read = read
    if not facts.some_hold(rule["require"], readers):
        yield Found((engagement_of(t),), [reader.touch for reader in readers], None, None, None, [{"of": t}],
                    facts=tuple(read[:64]), horizon=None if any(a["phase"] == "planned" for a in attendees) else touch_time(t))


def eligibility(rule, touches, view, _):
    if rule.get("scope") == "engagement_id":
        own = view.selected(touches, rule["of"], rule, ())
        yield from of_all_attendees(rule, own, view) if own else ()
        return
    for t in one_each(view.selected(touches, rule["of"], rule, ())):
        if not inside(rule, touch_time(t)):
            continue
        if (rule["id"], id(t)) not in view.judged:
            reader = facts.Reader(view.policy, view.profile, view.records, t, view.zone(t), view.groups)
            view.judged[rule["id"], id(t)] = t, reader.holds(rule["require"]), tuple(reader.read)
        _, allowed, read = view.judged[rule["id"], id(t)]
        if not allowed:
            yield Found((engagement_of(t),), [t], None, None, None, [{"of": t}], facts=read,
                        horizon=None if t["phase"] == "planned" else touch_time(t))


def fact_instance(r):
    """How a fact is called: type, channel, product, since when; of a licence where, of an alignment who."""
    since = datetime.datetime(1, 1, 1) if r["from"] == facts.ALWAYS else EPOCH + datetime.timedelta(
        milliseconds=r["from"])
    text = since.isoformat(timespec="milliseconds") + "Z"
    return (r["fact"], r["channel"] or "", r["product"] or "", text) + ((r["about"],) if r["about"] else ())


def about_facts(rule, view):
    """Rules on facts: no touch takes part."""
    if rule["kind"] == "absence":
        for r, since in facts.ending(rule, view.records, view.policy):
            if inside(rule, r["until"]):
                yield Found(fact_instance(r), [], None, None, None, [{}], since=since - 1,
                            facts=(facts.said(r, r["state"]),), horizon=r["until"])
    else:
        for records in facts.contradicting(rule, view.records):
            if inside(rule, records[0]["from"]):
                yield Found(fact_instance(records[0]), [], None, None, None, [{}],
                            facts=tuple(facts.said(r, r["state"]) for r in records))


KINDS = {"proximity": proximity, "overlap": overlap, "frequency": numbers, "budget": numbers, "sequence": sequence,
         "absence": absence, "requires": requires, "until": until, "eligibility": eligibility}


def names_of(place, packs):
    """Whose changes hold in a market: those of its pack, then its own."""
    return [pack for pack, countries in packs.items() if place == pack or place in countries] + [place]


def as_in(rule, place, packs):
    """The rule as a market has it."""
    for name in names_of(place, packs):
        rule = dict(rule, **rule.get("changes", {}).get(name, {}))
    return rule


def bearer(found, rule):
    """The touch whose market decides: that which the instance is for, of a pair the later, of a period its first."""
    if "of" in found.ways[0]:
        return found.ways[0]["of"]
    return found.evidence[0 if rule["kind"] in ("absence", "frequency", "budget") else -1]


def instances(rule, touches, view):
    """As each market has the rule, of those whose bearer is of that market. A market's own rule sees its own touches."""
    if "market" in rule:
        touches = [t for t in touches if rule["market"] in names_of(market(t), view.packs)]
    if "changes" not in rule:
        return everywhere(rule, touches, view)
    return [found for place in {market(t) for t in touches}
            for found in everywhere(as_in(rule, place, view.packs), touches, view)
            if market(bearer(found, rule)) == place]


def everywhere(rule, touches, view):
    """Every one; attendees of one engagement may give it several times, under several values of `same:`."""
    touches = (sorted((view.as_logged(t) for t in touches), key=in_order) if "axis" in rule
               else [t for t in touches if not is_logged_only(t)])
    if "subject" in rule:
        return [dataclasses.replace(one, rule=rule) for one in about_facts(rule, view)]
    if rule["kind"] == "coverage":
        return [dataclasses.replace(one, rule=rule) for one in coverage(rule, touches, view)]
    pairwise = rule["kind"] in ("proximity", "overlap")  # there `same:` over a list means sharing a value
    found = [one for values, own in ([((), touches)] if pairwise else view.by_same(touches, rule))
             for one in KINDS[rule["kind"]](rule, own, view, values)]
    for one in found:
        one.rule = rule
        if "axis" in rule:  # what was recorded longer ago than the lateness raises nothing, and stays as it was
            one.horizon = logged_horizon(rule, one, view)
    return found


def logged_horizon(rule, found, view):
    if any(t["phase"] == "planned" for t in found.evidence):
        return None
    last = found.evidence[-1]
    if "window" in rule:
        return touch_time(found.ways[0]["of"])
    end = view.zone(last).period_end(touch_time(last), rule["period"])
    return (view.zone(last).day(end) - UNIX_DAY + 2) * 24 * HOUR


def holding(found, now):
    """Those that hold at `now`, one of each: the first by its last touch."""
    chosen = {}
    for one in found:
        if one.since is None or now > one.since:
            known = chosen.get(one.instance)
            if known is None or one.evidence and in_order(one.evidence[-1]) < in_order(known.evidence[-1]):
                chosen[one.instance] = one
    return list(chosen.values())


# ---------------------------------------------------------------------------------------------- severity

def severity(found, phase, rule, view):
    if isinstance(rule["severity"], str):
        return rule["severity"]
    for case in rule["severity"]:
        if case.get("phase") not in (None, phase):
            continue
        if not all(compare(found.observed, op, operand) for op, operand in case.get("observed", {}).items()):
            continue
        if any(all(side in way and matches(way[side], case[side], view.groups)
                   for side in ("a", "b", "of") if side in case)
               and ("within" not in case or view.near(way["a"], way["b"], case["within"]))
               for way in found.ways):
            return case["severity"]
    raise ValueError("no severity case holds")
