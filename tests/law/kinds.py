"""The kinds of conflict, each straight from its definition: for a rule and the whole set of touches that stand, every
instance that holds. Quadratic and worse, and nothing is remembered.

A function here gives `Found`s. One that waits for a deadline (absence) holds only after `since`.
"""
import dataclasses
import decimal

from events import compare, engagement_of, field, in_order, joint, matches, share, touch_time

decimal.getcontext().prec = 60  # sums are exact
HOUR = 3600000


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


class View:
    """How a rule sees touches: the policy's groups and spans, and the zone of each touch."""

    def __init__(self, policy, zone):
        self.groups, self.joint_within, self.zone = policy["groups"], policy["joint_within"], zone

    def selected(self, touches, selector, rule, fields):
        """The touches that match, are not left out by `unless:` and have all these fields."""
        return [t for t in touches if matches(t, selector, self.groups)
                and not any(u != "joint" and matches(t, u, self.groups) for u in rule.get("unless", ()))
                and all(field(t, path, self.groups) is not None for path in fields)]

    def same(self, a, b, rule):
        return all(share(a, b, path, self.groups) for path in rule.get("same", ()))

    def different(self, a, b, rule):
        wanted = rule.get("different", ())
        differ = [not share(a, b, path, self.groups) for path in different_fields(rule)]
        return not differ or (any(differ) if isinstance(wanted, dict) else all(differ))

    def joint(self, a, b, rule):
        return "joint" in rule.get("unless", ()) and joint(a, b, self.joint_within)

    def distance(self, a, b, span):
        """How far apart two touches are, the span in the same unit, and that unit."""
        a, b = sorted((a, b), key=touch_time)
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
    """Unordered pairs of two engagements, in either way (a, b), filtered; both touches inside the rule's validity.
    Gives (instance, ways)."""
    of_a = view.selected(touches, rule["a"], rule, named(rule))
    of_b = view.selected(touches, rule["b"], rule, named(rule))
    ways = {}
    for a in of_a:
        for b in of_b:
            if (engagement_of(a) != engagement_of(b) and inside(rule, touch_time(a)) and inside(rule, touch_time(b))
                    and view.same(a, b, rule) and view.different(a, b, rule) and not view.joint(a, b, rule)):
                instance = tuple(sorted((engagement_of(a), engagement_of(b)), key=str.encode))
                ways.setdefault(instance, []).append({"a": a, "b": b})
    return ways.items()


def proximity(rule, touches, view):
    for instance, ways in pairs(rule, touches, view):
        a, b = ways[0].values()
        if view.near(a, b, rule["within"]):
            yield Found(instance, sorted((a, b), key=in_order), *view.distance(a, b, rule["within"]), ways)


def interval(touch, rule):
    start = touch_time(touch)
    if touch.get("end") is not None:
        return start, touch["end"]
    durations = rule.get("durations", {})
    return start, start + durations.get(touch.get("channel"), durations.get("default", HOUR))


def overlap(rule, touches, view):
    for instance, ways in pairs(rule, touches, view):
        a, b = ways[0].values()
        (start_a, end_a), (start_b, end_b) = interval(a, rule), interval(b, rule)
        length = min(end_a, end_b) - max(start_a, start_b)
        if length > 0:
            yield Found(instance, sorted((a, b), key=in_order), length, 0, "ms", ways)


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


def too_much(rule, total):
    return total >= rule["at_least"] if "at_least" in rule else total > rule["limit"]


def limit(rule):
    return rule["at_least"] if "at_least" in rule else rule["limit"]


def counted(rule, touches, view):
    """The touches that take part, in order, by the values of `same:`; and those left out for their currency."""
    fields = list(rule.get("same", ())) + ([rule["distinct"]] if "distinct" in rule else [])
    if rule["kind"] == "budget":
        fields.append(rule.get("sum", "amount"))
    members, others = {}, {}
    for touch in sorted(view.selected(touches, rule["of"], rule, fields), key=in_order):
        values = tuple(field(touch, path, view.groups) for path in rule.get("same", ()))
        foreign = (rule["kind"] == "budget" and rule.get("sum", "amount") == "amount"
                   and (touch.get("currency") or rule["currency"]) != rule["currency"])
        (others if foreign else members).setdefault(values, []).append(touch)
    return [(values, own, others.get(values, [])) for values, own in members.items()]


def in_window(u, t, window, view):
    """Whether u lies in (t - window, t]."""
    if touch_time(u) > touch_time(t):
        return False
    if "days" in window:
        return view.zone(t).day(touch_time(t)) - view.zone(u).day(touch_time(u)) < window["days"]
    return view.zone(u).end(touch_time(u), window) > touch_time(t)


def rolling(rule, touches, view):
    for _, own, others in counted(rule, touches, view):
        for t in own:
            members = [u for u in own if in_window(u, t, rule["window"], view)]
            total, unit = number(rule, members, view)
            if too_much(rule, total) and inside(rule, touch_time(t)):
                yield Found((engagement_of(t),), members, total, limit(rule), unit, [{"of": t}], other_currency=sum(
                    in_window(u, t, rule["window"], view) for u in others))


def per_touch(rule, touches, view):
    for _, own, _ in counted(rule, touches, view):
        for t in own:
            total, unit = number(rule, [t], view)
            if too_much(rule, total) and inside(rule, touch_time(t)):
                yield Found((engagement_of(t),), [t], total, limit(rule), unit, [{"of": t}])


def text_of(value):
    if isinstance(value, tuple):
        return value[1]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def over_period(rule, members, instance, end, other_currency, view):
    """A whole period: one instance, or with `report: each` one for each member."""
    total, unit = number(rule, members, view)
    if too_much(rule, total) and inside(rule, end - 1):
        each = rule.get("report") == "each"
        for instance in [(engagement_of(t),) for t in members] if each else [instance]:
            yield Found(instance, members, total, limit(rule), unit, [{}], other_currency=other_currency)


def calendar(rule, touches, view):
    def name(t):
        return view.zone(t).period(touch_time(t), rule["period"])
    for values, own, others in counted(rule, touches, view):
        for label in sorted({name(t) for t in own}):
            members = [t for t in own if name(t) == label]
            end = view.zone(members[-1]).period_end(touch_time(members[-1]), rule["period"])
            yield from over_period(rule, members, (*(text_of(v) for v in values), label), end,
                                   sum(name(t) == label for t in others), view)


def from_first(rule, touches, view):
    for _, own, others in counted(rule, touches, view):
        rest = own
        while rest:
            first = touch_time(rest[0])
            end = view.zone(rest[0]).end(first, rule["window"])
            members = [t for t in rest if touch_time(t) < end]
            yield from over_period(rule, members, (engagement_of(rest[0]),), end,
                                   sum(first <= touch_time(t) < end for t in others), view)
            rest = [t for t in rest if touch_time(t) >= end]


def numbers(rule, touches, view):
    if "per" in rule:
        return per_touch(rule, touches, view)
    if rule.get("period") == "from_first":
        return from_first(rule, touches, view)
    return calendar(rule, touches, view) if "period" in rule else rolling(rule, touches, view)


# ---------------------------------------------------------------------------------------------- before and after

def sequence(rule, touches, view):
    of_a = view.selected(touches, rule["a"], rule, named(rule))
    of_c = satisfying(view.selected(touches, rule["without"], rule, rule.get("same", ())), rule["without"]) \
        if "without" in rule else []
    for b in view.selected(touches, rule["b"], rule, named(rule)):
        earlier = [a for a in of_a if touch_time(a) < touch_time(b) and view.near(a, b, rule["within"])
                   and view.same(a, b, rule) and view.different(a, b, rule) and not view.joint(a, b, rule)]
        if not earlier or not inside(rule, touch_time(b)):
            continue
        a = max(earlier, key=in_order)
        if not any(touch_time(a) < touch_time(c) < touch_time(b) and view.same(a, c, rule) for c in of_c):
            yield Found((engagement_of(b),), [a, b], *view.distance(a, b, rule["within"]), [{"a": a, "b": b}])


def absence(rule, touches, view):
    of_b = satisfying(view.selected(touches, rule["b"], rule, named(rule)), rule["b"])
    for a in satisfying(view.selected(touches, rule["a"], rule, named(rule)), rule["a"]):
        start, deadline = touch_time(a), view.deadline(a, rule["within"])
        answers = [b for b in of_b if engagement_of(b) != engagement_of(a)
                   and (touch_time(b) > start or rule.get("inclusive") and touch_time(b) == start)
                   and view.same(a, b, rule) and view.different(a, b, rule)]
        if not inside(rule, start) or any(touch_time(b) <= deadline for b in answers):
            continue
        latest = view.deadline(a, rule.get("resolve_within", {"ms": 365 * 24 * HOUR}))
        late = sorted((b for b in answers if touch_time(b) <= latest), key=in_order)
        if late:
            yield Found((engagement_of(a),), [a, late[0]], touch_time(late[0]) - start, deadline - start, "ms",
                        [{"a": a, "b": late[0]}], status="resolved", since=deadline)
        else:
            yield Found((engagement_of(a),), [a], 0, 1, "touches", [{"a": a}], since=deadline)


def requires(rule, touches, view):
    of_a = satisfying(view.selected(touches, rule["a"], rule, named(rule)), rule["a"])
    for b in view.selected(touches, rule["b"], rule, named(rule)):
        if inside(rule, touch_time(b)) and not any(
                engagement_of(a) != engagement_of(b) and touch_time(a) <= touch_time(b)
                and view.near(a, b, rule["within"]) and view.same(a, b, rule) and view.different(a, b, rule)
                for a in of_a):
            yield Found((engagement_of(b),), [b], 0, 1, "touches", [{"b": b}])


def until(rule, touches, view):
    of_a = view.selected(touches, rule["a"], rule, named(rule))
    of_c = satisfying(view.selected(touches, rule["until"], rule, rule.get("same", ())), rule["until"])
    for b in view.selected(touches, rule["b"], rule, named(rule)):
        t = touch_time(b)
        under = []  # the a that are not closed, or less than `plus` ago
        for a in of_a:
            closing = [touch_time(c) for c in of_c if touch_time(c) > touch_time(a) and view.same(a, c, rule)]
            if (touch_time(a) < t <= view.deadline(a, rule["max_open"])
                    and (not closing or t < min(closing) or t - min(closing) < rule.get("plus", 0))
                    and view.same(a, b, rule) and view.different(a, b, rule)):
                under.append(a)
        if under and inside(rule, t):
            a = max(under, key=in_order)
            yield Found((engagement_of(b),), [a, b], t - touch_time(a), view.deadline(a, rule["max_open"])
                        - touch_time(a), "ms", [{"a": a, "b": b}])


KINDS = {"proximity": proximity, "overlap": overlap, "frequency": numbers, "budget": numbers, "sequence": sequence,
         "absence": absence, "requires": requires, "until": until}


def instances(rule, touches, view):
    return KINDS[rule["kind"]](rule, touches, view)


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
