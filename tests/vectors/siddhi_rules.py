"""Siddhi's vectors as rules. What each construct becomes, and where the two engines mean different things, is in
README.md under the same names (S1, S2 …) as here. Only the query's structure decides; the events are looked at for
three things that a rule cannot say by itself: the value that an element has captured (S6), which of several candidates
a column shows (S5), and whether a wait was over before (S4)."""
import collections
import itertools

from case import Case, MINUTE, Unexpressed, spread
from siddhi_query import Absent, Chain, Event, Every, Logical

INCOMPLETE = "the vector names no result"
REFUSED = "a mistake in Siddhi's own language, refused by it"
REPEATED = "an element that repeats: <m:n>, +, *, ?"
EVERY_INSIDE = "every after the first element, or over a group in a longer pattern"
COMPARES = "compares with a captured event that is not the other touch of the rule"
REMEMBERED = "a wait that was over before, and was broken again, still counts"
LAST_WAIT = "a wait or a pair of events that nothing follows or precedes"
ALTERNATIVES = "alternatives in one condition, of what must be absent or came before"
FIELDS = "a condition that no selector says"
FEEDS = "queries that feed or join one another"
BY_NUMBER = "a window that ends with a number of events"
PROCESSING = "a window that the processing clock ends, more than once"
ALIGNED = "periods counted on from the first event; ours each begin at an event"
REASONS = [INCOMPLETE, REFUSED, REPEATED, EVERY_INSIDE, COMPARES, REMEMBERED, LAST_WAIT, ALTERNATIVES,
           FIELDS, FEEDS, BY_NUMBER, PROCESSING,
           ALIGNED]

LONG = "400d"  # longer than any vector
START = {"topic": "start of the query"}
OPERATORS = {">": "gt", "<": "lt", ">=": "ge", "<=": "le", "!=": "ne", "==": None}
FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
OPPOSITE = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
TEXTS = ["product", "indication", "campaign_id", "content_id"]

Atom = collections.namedtuple("Atom", "attribute op value")      # value: a text, or an Other
Other = collections.namedtuple("Other", "ref attribute")         # what another element has captured
Input = collections.namedtuple("Input", "id hcp ms stream values")


def alternatives(condition, negated=False):
    """The condition as a list (or) of lists (and) of atoms."""
    if condition is None:
        return [[]]
    kind = condition[0]
    if kind == "not":
        return alternatives(condition[1], not negated)
    if kind in ("and", "or"):
        left, right = (alternatives(c, negated) for c in condition[1:])
        if (kind == "or") != negated:
            return left + right
        return [a + b for a in left for b in right]
    if kind == "other":
        raise Unexpressed(REPEATED if condition[1] != "function" else FIELDS)
    _, op, left, right = condition
    if left[0] == "literal":
        op, left, right = FLIPPED[op], right, left
    if "other" in (left[0], right[0]):
        raise Unexpressed(REPEATED)
    if left[0] == "literal":
        raise Unexpressed(FIELDS)
    if left[1] and (right[0] == "literal" or right[1]):
        raise Unexpressed(COMPARES)
    if left[1]:
        op, left, right = FLIPPED[op], right, left
    value = right[1] if right[0] == "literal" else Other(right[1], right[2])
    return [[Atom(left[2], OPPOSITE[op] if negated else op, value)]]


def holds(op, left, right):
    return {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right, "==": left == right,
            "!=": left != right}[op]


class Pattern:
    """One pattern or sequence over the events of a vector: rules, and how their alerts read as matches."""

    def __init__(self, app, chain, choice, vector):
        self.app, self.chain, self.choice, self.strict = app, chain, choice, chain.mode == ","
        self.case = Case()
        self.by_value = None
        self.fields = self.assign(chain)
        self.inputs, self.until = self.feed(vector)
        self.ms = {e.id: e.ms for e in self.inputs}
        self.hcp = {e.id: e.hcp for e in self.inputs}
        self.topics = sorted({e.stream for e in elements(chain)})

    # Events

    def assign(self, chain):
        """Fields of a touch for the attributes that conditions name: {(stream, attribute): field}."""
        found, texts = {}, {}
        for element in elements(chain):
            for atom in itertools.chain(*alternatives(element.condition)):
                pairs = [(element.stream, atom.attribute)]
                if isinstance(atom.value, Other):
                    pairs.append((self.stream_of(atom.value.ref, chain), atom.value.attribute))
                for stream, attribute in pairs:
                    kind = dict(self.app.streams[stream]).get(attribute)
                    if kind in ("float", "double"):
                        field = "amount"
                    elif kind in ("int", "long"):
                        field = "quantity"
                    else:
                        field = texts.setdefault(attribute, TEXTS[len(texts)])
                    if found.get((stream, attribute)) is None and any(
                            s == stream and f == field for (s, _), f in found.items()):
                        raise Unexpressed(FIELDS)
                    found[stream, attribute] = field
        return found

    @staticmethod
    def stream_of(ref, chain):
        for element in elements(chain):
            if isinstance(element, Event) and element.ref == ref:
                return element.stream
        raise Unexpressed(COMPARES)

    def feed(self, vector):
        stamped = [e["event_ts"] for e in vector["events"] if "event_ts" in e]
        base = stamped[0] if stamped else 0
        times = [e.get("event_ts", base) - base if stamped else e["t_ms"] for e in vector["events"]]
        inputs, partitions = [], set()
        for event, ms in zip(vector["events"], spread(times)):
            if "data" not in event:
                raise Unexpressed(INCOMPLETE)
            stream = event["stream"]
            values = dict(zip((a for a, _ in self.app.streams[stream]), event["data"]))
            hcp = "k-%s" % values[self.app.partition[stream]] if stream in self.app.partition else "k"
            if hcp not in partitions:
                self.case.event(hcp, 0 if not partitions else ms, channel="other", topic=START["topic"])
                partitions.add(hcp)
            data = {"channel": "in_person", "topic": stream}
            for attribute, value in values.items():
                field = self.fields.get((stream, attribute))
                if field and value is not None:
                    data[field] = value if field == "quantity" else str(value)
            if "amount" in data:
                data["currency"] = "USD"
            # The start comes first among what has one time.
            inputs.append(Input(self.case.event(hcp, ms + 1, **data), hcp, ms + 1, stream, values))
        waits = [] if stamped else [t + ms for t, ms in vector.get("wait_after_ms", [])]
        return inputs, max([times[-1] if times else 0, vector["end_t_ms"], *waits]) * MINUTE + 30000

    def candidates(self, element):
        """Events that meet the element's condition, as far as it looks at nothing else."""
        def meets(event, atoms):
            return all(isinstance(a.value, Other) or event.values[a.attribute] is not None and holds(
                a.op, event.values[a.attribute], type(event.values[a.attribute])(a.value)) for a in atoms)
        return [e for e in self.inputs if e.stream == element.stream and
                any(meets(e, atoms) for atoms in alternatives(element.condition))]

    def captured(self, element, attribute):
        """Values that an element may have captured (S6)."""
        chosen = {}
        for event in self.candidates(element):
            chosen.setdefault((event.hcp,) if self.choice == "first" else event.id, event.values[attribute])
        return sorted(set(chosen.values()))

    # Rules

    def selector(self, stream, atoms):
        made = {"topic": stream}
        for attribute, op, value in atoms:
            field = self.fields[stream, attribute]
            value = float(value) if field == "amount" else int(value) if field == "quantity" else value
            if OPERATORS[op] is None:
                if field in made:
                    raise Unexpressed(FIELDS)
                made[field] = value
            else:
                there = made.setdefault(field, {})
                if not isinstance(there, dict) or OPERATORS[op] in there:
                    raise Unexpressed(FIELDS)
                there[OPERATORS[op]] = value
        return made

    def settled(self, atoms, about):
        """Atoms without those that look at captured events other than `about`: these by their only value (S6)."""
        made = []
        for atom in atoms:
            if isinstance(atom.value, Other) and atom.value.ref != getattr(about, "ref", None):
                element = next((e for e in elements(self.chain) if getattr(e, "ref", None) == atom.value.ref), None)
                values = self.captured(element, atom.value.attribute) if element else []
                if len(values) != 1:
                    raise Unexpressed(COMPARES)
                atom = atom._replace(value=values[0])
            made.append(atom)
        return made

    def pair(self, kind, a, b, without=None, **keys):
        """Rules of `kind` over two elements: b's condition may look at a. `a` may be a selector as it is. One rule for
        each combination of alternatives and each value that b's comparison needs of a."""
        if any(isinstance(e, Absent) and len(alternatives(e.condition)) > 1 for e in (a, b, without)):
            raise Unexpressed(ALTERNATIVES)
        rules = []
        for first in [None] if isinstance(a, dict) else alternatives(a.condition):
            for second in alternatives(b.condition):
                rules += self.rules_of(kind, a, first, b, second, without, keys)
        return rules

    def rules_of(self, kind, a, first, b, second, without, keys):
        other = None if isinstance(a, dict) else a
        first = None if first is None else self.settled(first, None)
        second = self.settled(second, other)
        between = []
        if isinstance(without, (Absent, Event)):
            between = self.settled(alternatives(without.condition)[0], other)
        equal = [x for x in second if isinstance(x.value, Other) and x.op == "==" and
                 self.fields[b.stream, x.attribute] == self.fields[a.stream, x.value.attribute]]
        second = [x for x in second if x not in equal]
        needed = {x.value.attribute for x in second + between if isinstance(x.value, Other)}
        if len(needed) > 1 or (between and equal):
            raise Unexpressed(COMPARES)
        values = self.captured(a, *needed) if needed else [None]
        self.by_value = (a, *needed) if needed else self.by_value
        if equal:
            keys = dict(keys, same=sorted({self.fields[b.stream, x.attribute] for x in equal}))
        rules = []
        for value in values:
            fixed = [x._replace(value=value) if isinstance(x.value, Other) else x for x in second]
            own = a if first is None else self.selector(a.stream, [x for x in first if x.attribute not in needed] + [
                Atom(n, "==", value) for n in needed])
            more = {}
            if isinstance(without, (Absent, Event)):
                more["without"] = self.selector(without.stream, [
                    x._replace(value=value) if isinstance(x.value, Other) else x for x in between])
            elif without:
                more["without"] = without
            rules.append(self.case.rule(kind, a=own, b=self.selector(b.stream, fixed), **more, **keys))
        return rules

    def span(self):
        return "%dm" % self.chain.within if self.chain.within else LONG

    def arrow(self, a, b, without=None, last=False, crossing=False):
        """a -> b or a, b (S1, S2)."""
        if self.strict and not crossing:
            without = {"topic": self.topics}
        elif without is None and last and self.choice == "all":
            without = b if isinstance(b, Event) and len(alternatives(b.condition)) == 1 else None
        return self.pair("sequence", a, b, without, within=self.span())

    def gone(self, absent, b, once):
        """not A for T, then b (S4): no A in the T before b (once: no A at all), and the start as long ago. Both rules
        must hold."""
        wait = "%dm" % absent.wait
        for hcp in {e.hcp for e in self.inputs}:
            self.remembered(absent, b, hcp)
        return (self.pair("requires", absent, b, within=LONG if once else wait),
                self.pair("requires", START, b, within=wait))

    def remembered(self, absent, b, hcp):
        """S4: refuses if a wait was over before an A that is too near to a b."""
        broken = [e.ms for e in self.candidates(absent) if e.hcp == hcp]
        for event in self.candidates(b):
            before = [0] + [ms for ms in broken if ms < event.ms]
            gaps = [later - earlier for earlier, later in zip(before, before[1:])]
            if event.hcp == hcp and not self.strict and event.ms - before[-1] < absent.wait * MINUTE and any(
                    gap > absent.wait * MINUTE for gap in gaps):
                raise Unexpressed(REMEMBERED)


def elements(item):
    if isinstance(item, Chain):
        return [e for i in item.items for e in elements(i)]
    if isinstance(item, Every):
        return elements(item.item)
    if isinstance(item, Logical):
        return [item.left, item.right]
    return [item]
