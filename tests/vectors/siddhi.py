"""A Siddhi vector as a case, and what its alerts read as: rows of the matches, as Siddhi emits them.

A pattern of several elements is one rule for each arrow; a match is a chain of alerts in which each shares an
engagement with the one before (S3). `move`s are the steps along that chain, in the order of the elements."""
import collections

import siddhi_query
from case import Case, MINUTE, Unexpressed
from siddhi_query import Absent, Chain, Event, Every, Logical, Window
from siddhi_rules import (ALIGNED, BY_NUMBER, EVERY_INSIDE, FEEDS, INCOMPLETE, LAST_WAIT, LONG, PROCESSING, REFUSED,
                          REPEATED, Pattern, alternatives, elements)

DAY = 86400000  # ms

Partial = collections.namedtuple("Partial", "refs last ms begun")
Partial.__doc__ = """What of a match is there. refs: {ref: event id, or ids}; last: (element, event id) that the next
rule's a must be; ms: when its newest element was complete; begun: when its first event came."""


def plain(chain):
    """The chain without `every`; how matches are chosen by it (S5): first, all, or apart (one after the other); and
    whether it stood over a wait, whose repetitions are not counted (S7)."""
    items, mode, choice = chain.items, chain.mode, "first"
    waits = [any(isinstance(e, Absent) for e in elements(i)) and isinstance(i, Every) for i in items]
    if isinstance(items[0], Every):
        inner = items[0].item
        if isinstance(inner, Chain) and len(items) > 1:
            raise Unexpressed(EVERY_INSIDE)
        choice = "apart" if isinstance(inner, Chain) else "all"
        mode = mode or getattr(inner, "mode", None)
        items = (inner.items if isinstance(inner, Chain) else [inner]) + items[1:]
    elif [type(i) for i in items] == [Absent, Every] and items[0].wait and isinstance(items[1].item, Event):
        items, choice = [items[0], items[1].item], "all"
    if any(isinstance(i, Every) and (not any(isinstance(e, Absent) for e in elements(i)) or isinstance(i.item, Chain))
           for i in items):
        raise Unexpressed(EVERY_INSIDE)
    items = [i.item if isinstance(i, Every) else i for i in items]
    return Chain(mode, items, chain.within), choice, any(waits) and mode == "->"


def parts(item):
    """Its events, its absences, and the word between."""
    both = (item.left, item.right) if isinstance(item, Logical) else (item,)
    return ([e for e in both if isinstance(e, Event)], [e for e in both if isinstance(e, Absent)],
            item.op if isinstance(item, Logical) else None)


class Match(Pattern):
    """A pattern or a sequence: its rules, and its matches in their alerts."""

    def __init__(self, app, chain, vector):
        self.moves = []
        self.lead, self.ends, self.crossing, self.between = None, None, False, []
        if any(isinstance(e, Event) and e.count and not self.may_repeat(e, chain) for e in elements(chain)):
            raise Unexpressed(REPEATED)
        chain, choice, self.distinct = plain(chain)
        super().__init__(app, chain, choice, vector)
        items = self.chain.items
        for index, item in enumerate(items):
            self.step(item, index == len(items) - 1)
        if self.lead or not self.moves:
            raise Unexpressed(LAST_WAIT)

    @staticmethod
    def may_repeat(event, chain):
        """Of elements that repeat: the first of a pattern, and one in its middle that may be absent."""
        if event not in chain.items[:-1] or chain.mode != "->" or any(isinstance(i, Every) for i in chain.items):
            return False
        return (event.count[0] > 0) == (event is chain.items[0])

    # Steps: each adds rules, and a move from partial matches to longer ones

    def step(self, item, last):
        events, absents, op = parts(item)
        if self.strict and events and absents and absents[0].wait and op == "and":
            self.step(absents[0], False)  # what comes during a wait breaks a sequence (S2)
            self.once = False
            self.step(events[0], last)
            return
        if not self.moves and not self.lead and self.ends is None:
            self.begin(events, absents, op, last)
        elif self.lead:
            self.after_lead(events, absents, op)
        elif not absents and op is None and events[0].count:
            self.between.append((events[0], [(a, self.arrow(a, events[0])) for a in self.ends]))
        elif not absents and op != "and":
            self.follow(events, None, last)
        elif not absents:
            self.both(events)
        elif not events:
            self.wait(absents, op)
        elif absents[0].wait is None:
            if op == "or":
                raise Unexpressed(LAST_WAIT)
            self.follow(events, absents[0], last)
        else:
            self.wait_with(absents[0], events[0], op)

    def begin(self, events, absents, op, last):
        if not absents and op != "and":
            self.ends = events
            if last:
                rules = {self.case.rule("frequency", of=self.selector(e.stream, atoms), window="1m", at_least=1): e
                         for e in events for atoms in self.atoms_of(e)}
                self.moves.append(lambda _, alerts: [
                    Partial({e.ref: a.instance[0]}, (e, a.instance[0]), self.ms[a.instance[0]], self.ms[a.instance[0]])
                    for rule, e in rules.items() for a in alerts[rule]])
                return
            if events[0].count:
                self.several(events[0])
                return
            started = [Partial({e.ref: c.id}, (e, c.id), c.ms, c.ms) for e in events for c in self.candidates(e)]
            alone = self.alone(events) if self.strict and self.choice == "first" else None
            self.moves.append(lambda _, alerts: [p for p in started if alone is None or any(
                a.instance[0] == p.last[1] for rule in alone for a in alerts[rule])])
        elif absents and absents[0].wait is None and op == "and" and self.strict and self.choice == "all":
            self.begin(events, [], None, last)  # each event begins an attempt: nothing is before it (S2)
        elif len(events) == 1 and absents and absents[0].wait is None and op == "and":
            rules = self.pair("requires", absents[0], events[0], within=LONG)
            self.ends = events
            self.moves.append(lambda _, alerts: [
                Partial({events[0].ref: a.instance[0]}, (events[0], a.instance[0]), self.ms[a.instance[0]],
                        self.ms[a.instance[0]]) for rule in rules for a in alerts[rule]])
        else:
            self.lead = (events, absents, op)
            self.once = self.strict and self.choice == "first" and op is None

    def several(self, event):
        """An element that must come so often first: frequency, whose alert the next rule's a shares (S3)."""
        least, most = event.count
        rules = [self.case.rule("frequency", of=self.selector(event.stream, atoms), window=LONG, at_least=least)
                 for atoms in self.atoms_of(event)]
        self.moves.append(lambda _, alerts: [
            Partial({event.ref: a.evidence[:most]}, (event, a.instance[0]), self.ms[a.instance[0]],
                    self.ms[a.evidence[0]]) for rule in rules for a in alerts[rule]])

    def atoms_of(self, element):
        return [self.settled(atoms, None) for atoms in alternatives(element.condition)]

    def alone(self, events):
        """A sequence without every is tried once: nothing came before its first event (S2)."""
        return [self.case.rule("requires", a={"topic": self.topics}, b=self.selector(e.stream, atoms), within=LONG)
                for e in events for atoms in self.atoms_of(e)]

    def after_lead(self, events, absents, op):
        earlier, waits, how = self.lead
        if len(events) != 1 or (absents and not (self.strict and op == "and" and absents[0].wait is None)):
            raise Unexpressed(LAST_WAIT)
        event = events[0]
        gone = [self.gone(a, event, self.once) for a in waits]
        arrows = [(e, self.arrow(e, event, crossing=len(earlier) > 1 or waits and how == "and")) for e in earlier]

        def move(_, alerts):
            made = []
            free = [set.intersection(*({a.instance[0] for r in rules for a in alerts[r]} for rules in both))
                    for both in gone]
            before = {e: {a.instance[0]: next(x for x in a.evidence if x != a.instance[0])
                          for r in rules for a in alerts[r]} for e, rules in arrows}
            for candidate in {e.id for e in self.inputs}:
                held = [candidate in f for f in free] + [candidate in before[e] for e in earlier]
                if (all if how in ("and", None) else any)(held):
                    refs = {e.ref: before[e][candidate] for e in earlier if candidate in before[e]}
                    begun = min((self.ms[x] for x in refs.values()), default=self.ms[candidate])
                    made.append(Partial({**refs, event.ref: candidate}, (event, candidate), self.ms[candidate], begun))
            return made
        self.moves.append(move)
        self.lead, self.ends = None, events

    def pairs(self, rules, alerts):
        for rule in rules:
            for a in alerts[rule]:
                yield next(x for x in a.evidence if x != a.instance[0]), a.instance[0]

    def follow(self, events, without, last):
        crossing, between = self.crossing, self.between
        arrows = [(a, b, self.arrow(a, b, None if self.strict else without, last, crossing))
                  for a in self.ends for b in events]

        def move(partials, alerts):
            made = []
            for p in partials:
                nexts = [Partial({**p.refs, **self.passed(between, p, y, alerts), b.ref: y}, (b, y), self.ms[y],
                                 p.begun) for a, b, rules in arrows for x, y in self.pairs(rules, alerts)
                         if (a, x) == p.last and self.ms[y] > p.ms]
                made += sorted(nexts, key=lambda n: n.ms)[:1] if crossing else nexts
            return made
        self.moves.append(move)
        self.ends, self.crossing, self.between = events, False, []

    def passed(self, between, p, end, alerts):
        """What there is of elements that may be absent, before `end`."""
        return {e.ref: tuple(sorted((y for a, rules in arrows for x, y in self.pairs(rules, alerts)
                                     if (a, x) == p.last and self.ms[y] < self.ms[end]), key=self.ms.get))[:e.count[1]]
                for e, arrows in between}

    def first_only(self, partials):
        """Without every, what waits is the first of its kind in each partition (S5)."""
        if self.choice != "first":
            return partials
        chosen = {}
        for p in sorted(partials, key=lambda p: p.ms):
            chosen.setdefault(self.hcp[p.last[1]], p)
        return list(chosen.values())

    def both(self, events):
        if self.strict:
            raise Unexpressed(LAST_WAIT)
        arrows = [[(a, self.arrow(a, b)) for a in self.ends] for b in events]

        def move(partials, alerts):
            made = []
            for p in self.first_only(partials):
                found = [min((y for a, rules in each for x, y in self.pairs(rules, alerts) if (a, x) == p.last),
                             key=self.ms.get, default=None) for each in arrows]
                if all(found):
                    latest = max(found, key=self.ms.get)
                    made.append(Partial({**p.refs, **{e.ref: y for e, y in zip(events, found)}},
                                        (events[found.index(latest)], latest), self.ms[latest], p.begun))
            return made
        self.moves.append(move)
        self.ends = events

    def absences(self, absent):
        found = []
        for a in self.ends:
            rules = [self.pair("absence", a, absent, within="%dm" % absent.wait)]
            if self.strict and self.choice == "all":
                rules.append(self.pair("absence", a, a, within="%dm" % absent.wait))
            found.append((a, rules))

        def opened(p, alerts):
            for a, both in found:
                if a == p.last[0]:
                    times = [max((x.opened for r in rules for x in alerts[r] if x.instance[0] == p.last[1]),
                                 default=None) for rules in both]
                    return None if None in times else max(times)
            return None
        return opened

    def wait(self, absents, op):
        opened = [self.absences(a) for a in absents]
        op = "and" if self.strict else op  # any of them breaks a sequence (S2)

        def move(partials, alerts):
            made = []
            for p in self.first_only(partials):
                times = [t for t in (o(p, alerts) for o in opened) if t is not None]
                if times and (op == "or" or len(times) == len(opened)):
                    made.append(p._replace(ms=(min if op == "or" else max)(times)))
            return made
        self.moves.append(move)
        self.crossing = True

    def wait_with(self, absent, event, op):
        opened = self.absences(absent)
        arrows = [(a, self.arrow(a, event)) for a in self.ends]

        def move(partials, alerts):
            made = []
            for p in self.first_only(partials):
                time = opened(p, alerts)
                came = min((y for a, rules in arrows for x, y in self.pairs(rules, alerts) if (a, x) == p.last),
                           key=self.ms.get, default=None)
                if op == "and" and time is not None and came:
                    made.append(Partial({**p.refs, event.ref: came}, (event, came), max(time, self.ms[came]), p.begun))
                elif op == "or" and came and (time is None or self.ms[came] < time):
                    made.append(Partial({**p.refs, event.ref: came}, (event, came), self.ms[came], p.begun))
                elif op == "or" and time is not None:
                    made.append(p._replace(ms=time))
            return made
        self.moves.append(move)
        self.ends, self.crossing = [*self.ends, event], True

    # Reading

    def matches(self, found):
        """The matches that alerts say, as Siddhi chooses among them (S5)."""
        alerts = collections.defaultdict(list)
        for alert in found:
            alerts[alert.rule].append(alert)
        partials = []
        for move in self.moves:
            partials = move(partials, alerts)
        if self.chain.within:
            partials = [p for p in partials if p.ms - p.begun <= self.chain.within * MINUTE + 1000]
        partials.sort(key=lambda p: (p.ms, p.begun))
        if self.choice == "all":
            return partials
        chosen, ends = [], {}
        for p in partials:
            key = self.hcp[p.last[1]]
            if key not in ends or self.choice == "apart" and p.begun > ends[key]:
                chosen.append(p)
                ends[key] = p.ms
        return chosen


    def positives(self):
        return [e for e in elements(self.chain) if isinstance(e, Event)]

    def shows(self, ref, matches):
        """Whether ours and Siddhi's match must have the same event for `ref` (S5): its last element, the latest of an
        element under every, else the only candidate."""
        element = next(e for e in self.positives() if e.ref == ref)
        if self.choice == "all" or element in self.ends or element.count:
            return True
        since, most = collections.defaultdict(int), 0
        for p in matches:
            hcp = self.hcp[p.last[1]]
            most = max(most, sum(c.hcp == hcp and since[hcp] < c.ms <= p.ms for c in self.candidates(element)))
            since[hcp] = p.ms if self.choice == "apart" else 0
        return most < 2

    def latest(self, columns, rows):
        """Of rows with the same last event and captured value, that of the latest earlier events (S5): ours names no
        other."""
        if self.choice != "all" or self.crossing or len(self.positives()) == len(self.ends):
            return rows
        ends = [e.ref for e in self.ends]

        def key(row):
            own = tuple(v for v, (ref, *_) in zip(row, columns) if ref in ends)
            if not self.by_value:
                return own
            element, attribute = self.by_value
            named = [(a, v) for v, (ref, a, _) in zip(row, columns) if ref == element.ref]
            return own, [c.values[attribute] for c in self.candidates(element)
                         if all(c.values[a] == v for a, v in named)][0]
        return list({key(row): row for row in rows}.values())


def rows_of(match, columns, matches):
    values = {e.id: e.values for e in match.inputs}

    def value(refs, ref, attribute, which):
        found = refs.get(ref, ())
        found = found if isinstance(found, tuple) else (found,)
        return values[found[which or 0]].get(attribute) if len(found) > max(which or 0, 0) else None
    return [[value(p.refs, *column) for column in columns] for p in matches]


def expectation(vector):
    """How many rows, and the rows themselves where the vector lists all of them, else None."""
    if not vector["complete"] or not vector["expected_counts"]:
        raise Unexpressed(REFUSED if vector.get("expect_error") else INCOMPLETE)
    if vector.get("expect_error"):
        raise Unexpressed(REFUSED)
    count = next(iter(vector["expected_counts"].values()))
    rows = vector.get("expected_rows", vector.get("expected_rows_inline"))
    return count, rows if rows is not None and len(rows) == count else None


def compare(match, columns, expected, matches):
    """Nothing, or how the matches differ from the vector's rows."""
    count, rows = expected
    if match.distinct and (rows is None or not columns):
        return None if bool(matches) == bool(count) else "%d matches, expected %d" % (len(matches), count)
    if rows is None or not columns or any(c is None or c[0] is None for c in columns):
        return None if len(matches) == count else "%d matches, expected %d" % (len(matches), count)
    got = rows_of(match, columns, matches)
    keep = [i for i, (ref, *_) in enumerate(columns) if match.shows(ref, matches)]
    got, rows = ([repr([row[i] for i in keep]) for row in match.latest(columns, r)] for r in (got, rows))
    got, rows = (sorted(set(r) if match.distinct else r) for r in (got, rows))
    return None if got == rows else "got %s, expected %s" % (got, rows)


def periods(times, length):
    """Which multiples of the length after the first event begin our periods: each at the first event after the last."""
    begins = []
    for time in sorted(times):
        if not begins or time >= begins[-1] + length:
            begins.append(time)
    return {(b - times[0]) // length for b in begins}


class Batches:
    """externalTimeBatch(time, length[, start[, timeout]]): one row for each period with an event (S8)."""

    def __init__(self, app, query, vector):
        stream, name, parameters = query.source
        if name != "externalTimeBatch":
            raise Unexpressed(BY_NUMBER if "ength" in name else INCOMPLETE)
        attributes = [a for a, _ in app.streams[stream]]
        length = siddhi_query.Reader(parameters[1]).time()
        times = [e["data"][attributes.index(parameters[0])] for e in vector["events"]]
        aligned = len(parameters) > 2 and parameters[2] not in attributes
        timeout = int(siddhi_query.Reader(parameters[3]).milliseconds()) if len(parameters) > 3 else None
        arrivals = [e["t_ms"] for e in vector["events"]]
        if timeout and any(later - earlier >= timeout for earlier, later in zip(arrivals, arrivals[1:])):
            raise Unexpressed(PROCESSING)
        self.flushed = timeout is not None and vector["end_t_ms"] - arrivals[-1] >= timeout
        self.case = Case()
        since = min(times) // length * length
        if not aligned and periods(times, length) != {(t - times[0]) // length for t in times}:
            raise Unexpressed(ALIGNED)
        for time in times:
            self.case.event("k", (time - since) * (DAY // length), channel="in_person")
        period = {"period": "day"} if aligned else {"period": "from_first", "window": "1d"}
        self.case.rule("frequency", of={}, at_least=1, **period)

    def problem(self, binary, count):
        batches = len(self.case.replay(binary)[0]) - (not self.flushed)
        return None if batches == count else "%d batches, expected %d" % (batches, count)


class Vector:
    """One vector, ready to run. Raises Unexpressed."""

    def __init__(self, vector):
        self.expected = expectation(vector)
        app = siddhi_query.application(vector["siddhi_app"])
        if len(app.queries) != 1:
            raise Unexpressed(FEEDS)
        query = app.queries[0]
        if isinstance(query.source, Window):
            self.match = Batches(app, query, vector)
            return
        self.match = Match(app, query.source, vector)
        self.columns = query.columns

    def problem(self, binary):
        """Nothing, or how the answer of `binary` differs."""
        if isinstance(self.match, Batches):
            return self.match.problem(binary, self.expected[0])
        found, _ = self.match.case.replay(binary, until=self.match.until)
        return compare(self.match, self.columns, self.expected, self.match.matches(found))
