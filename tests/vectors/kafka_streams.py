"""Kafka Streams' vectors as rules. The rules of translation (K1 …) are in README.md."""
import collections
import re

from case import Case, MINUTE, Unexpressed, spread

INCOMPLETE = "the vector names no result"
HOPPING = "windows that overlap: a touch would be in several periods"
JOIN = "a join of tables"
HELD = "results held back until something else arrives"
REASONS = [INCOMPLETE, HOPPING, JOIN, HELD]

DAY = 86400000  # ms


def results(vector):
    """{(key, window start): value}, the last that was sent of each; None where the vector has another form."""
    for name in ("emit_on_update", "output-raw", "output"):
        if name in vector["expected"]:
            break
    else:
        raise Unexpressed(HOPPING if any(w["advance_ms"] for w in vector["windows"]) else INCOMPLETE)
    last = {}
    for row in vector["expected"][name]:
        named = re.fullmatch(r"\[(.+)@(\d+)/(\d+)\]", row.get("key", ""))
        start = int(named[2]) if named else row["window"][0] if "window" in row else row.get("window_start")
        last[named[1] if named else row.get("key"), start] = row["value"]
    return name, last


class Vector:
    def __init__(self, vector):
        self.vector, self.inputs = vector, vector["input"]
        name, self.expected = results(vector)
        if len({i["topic_var"] for i in self.inputs}) > 1:
            raise Unexpressed(JOIN)
        if name == "output":
            raise Unexpressed(HELD)
        kind = vector["windows"][0]["kind"] if vector["windows"] else "table"
        self.problem = {"SlidingWindows": self.sliding, "TimeWindows": self.tumbling, "table": self.table}[kind]
        if kind != "table":
            window = vector["windows"][0]
            self.size = window["ms"][0]
            # A grace that the vector does not name is long: it has no late record that would have been left out.
            self.grace = window["ms"][1] if len(window["ms"]) > 1 else 0 if "NoGrace" in window["ctor"] else 10 ** 6

    def stream_times(self):
        """The greatest time up to each record."""
        greatest = 0
        for record in self.inputs:
            greatest = max(greatest, record["ts"])
            yield greatest

    def sliding(self, binary):
        """K1, K2: [t - size, t] is a window of a minute more that is open at its start."""
        case = Case()
        ids = {case.event("k-" + i["key"], ms, channel="in_person"): i
               for i, ms in zip(self.inputs, (i["ts"] * MINUTE for i in self.inputs))}
        case.rule("frequency", of={}, window="%dm" % (self.size + 1), at_least=1)
        got = {}
        for alert in case.replay(binary)[0]:
            record = ids[alert.instance[0]]
            members = [ids[e] for e in alert.evidence]
            got[record["key"], record["ts"] - self.size] = members if int(alert.observed) == len(members) else None
        # Windows that took a record in after they had closed: Kafka leaves it out of them (K2).
        closed = {(record["key"], other["ts"] - self.size) for record, now in zip(self.inputs, self.stream_times())
                  for other in self.inputs if other["key"] == record["key"] and
                  other["ts"] - self.size <= record["ts"] <= other["ts"] < now - self.grace}
        named = {key or self.inputs[0]["key"] for key, _ in self.expected}
        expected = {(key or self.inputs[0]["key"], start): value for (key, start), value in self.expected.items()}
        ends = {(i["key"], i["ts"] - self.size) for i in self.inputs
                if i["key"] in named and i["ts"] >= self.size} - closed  # none begins before 0 (K3)
        for window in sorted(ends):
            value = expected.get(window)
            members = got.get(window)
            want = value if isinstance(value, int) else value and sorted(value.split("+")[1:])
            have = members and (len(members) if isinstance(value, int) else sorted(m["value"] for m in members))
            if want != have:
                return "%s: got %s, expected %s" % (window, have, want)
        return None if ends else "no window to compare"

    def tumbling(self, binary):
        """K4: periods of a day; a period and its grace are the lateness that is allowed."""
        if self.vector["windows"][0]["advance_ms"]:
            raise Unexpressed(HOPPING)
        scale = DAY // self.size
        allowed = (self.size + self.grace) * scale
        case = Case("%dh" % (allowed // 3600000))
        late = 0
        for record, now, ms in zip(self.inputs, self.stream_times(), spread([i["ts"] for i in self.inputs])):
            gone = record["ts"] // self.size * self.size + self.size + self.grace <= now
            if gone != (record["ts"] < now - self.size - self.grace):
                raise Unexpressed(HOPPING)
            late += gone
            case.event("k-" + record["key"], record["ts"] * scale + ms % MINUTE, channel="in_person")
        rule = case.rule("frequency", of={}, period="day", at_least=1)
        alerts, refused = case.replay(binary)
        got = collections.Counter({(a.hcp[2:], case.day(a.instance[-1]) * self.size): int(a.observed)
                                   for a in alerts if a.rule == rule})
        if refused != late:
            return "%d refused, expected %d" % (refused, late)
        return None if dict(got) == self.expected else "got %s, expected %s" % (dict(got), self.expected)

    def table(self, binary):
        """K5: the rows of a table are engagements; a count by value is a frequency with `same`."""
        if not {key for key, _ in self.expected} <= {i["value"] for i in self.inputs}:
            raise Unexpressed(JOIN)
        case = Case()
        for n, record in enumerate(self.inputs):
            case.event("k", record["ts"] * MINUTE, engagement=record["key"], recorded=record["ts"] * MINUTE + n,
                       channel="in_person", product=record["value"])
        case.rule("frequency", of={}, period="year", at_least=1, same=["product"])
        got = {(a.instance[0], None): int(a.observed) for a in case.replay(binary)[0]}
        want = {key: value for key, value in self.expected.items() if value}
        return None if got == want else "got %s, expected %s" % (got, want)
