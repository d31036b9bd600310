"""Dittofeed's vectors as rules: segments are read from the alerts that stand at the moment of each assertion. The rules
of translation (D1 …) are in README.md."""
import collections
import datetime

from case import EPOCH, Case, Unexpressed

BUCKET = "a random bucket"
HAS_BEEN = "how long a trait has had its value"
TIMES = "exactly so many times"
CHANGED = "the definition changes on the way"
OPERATOR = "an operator or a node that no rule can say"
REASONS = [BUCKET, HAS_BEEN, TIMES, CHANGED, OPERATOR]

SCALE = 60  # their millisecond; so a second is a minute
NOW = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)  # the vectors' clock starts here
LONG = "400d"
NEVER = {"topic": "nothing has this"}
TEXTS = ["product", "indication", "campaign_id", "content_id"]
COMPARISONS = {"LessThan": "lt", "GreaterThanOrEqual": "ge"}


def value_at(properties, path):
    for name in path.split("."):
        properties = properties.get(name) if isinstance(properties, dict) else None
    return properties


class Segment:
    """One segment: its rules, and whether a user is in it by their alerts."""

    def __init__(self, case, definition):
        self.case, self.texts = case, {}
        self.nodes = {n["id"]: n for n in definition["nodes"]}
        self.tracked, self.traits = set(), {}   # events and traits that the segment looks at
        self.holds = self.node(definition["entryNode"])

    def node(self, node):
        """A function of {rule: alerts of the user} to whether the node holds."""
        if node["type"] == "And":
            children = [self.node(self.nodes[c]) for c in node["children"]]
            return lambda alerts: all(c(alerts) for c in children)
        made = {"Trait": self.trait, "Performed": self.performed, "LastPerformed": self.last_performed,
                "Includes": self.includes}.get(node["type"])
        if not made:
            raise Unexpressed(BUCKET if node["type"] == "RandomBucket" else OPERATOR)
        return made(node)

    def field(self, path, number):
        return "amount" if number else self.texts.setdefault(path, TEXTS[len(self.texts)])

    def condition(self, path, operator):
        """(field, what a selector says of it)"""
        kind, value = operator["type"], operator.get("value")
        field = self.field(path, isinstance(value, (int, float)))
        if kind == "Equals":
            return field, value
        if kind in COMPARISONS:
            return field, {COMPARISONS[kind]: value}
        if kind in ("Exists", "NotExists"):
            return field, {"exists": kind == "Exists"}
        raise Unexpressed(HAS_BEEN if kind == "HasBeen" else OPERATOR)

    def each(self, selector):
        """A rule with one alert for each touch that matches."""
        return self.case.rule("frequency", of=selector, window="1m", at_least=1)

    def ended(self, selector, seconds):
        """A rule with one alert for each touch that is longer ago (D2)."""
        return self.case.rule("absence", a=selector, b=NEVER, within="%dm" % seconds)

    def trait(self, node):
        """D1: a trait is an engagement; each Identify is a version of it."""
        path, operator = node["path"], node["operator"]
        topic = {"topic": "trait " + path}
        if operator["type"] == "Within":
            self.traits[path] = "start"
            each, ended = self.each(topic), self.ended(topic, operator["windowSeconds"])
            return lambda alerts: len(alerts[each]) > len(alerts[ended])
        wanted = dict(operator, type="Exists") if operator["type"] == "NotExists" else operator
        field, says = self.condition(path, wanted)
        self.traits[path] = field
        rule = self.each({**topic, field: says})
        return lambda alerts: bool(alerts[rule]) != (operator["type"] == "NotExists")

    def includes(self, node):
        self.traits[node["path"]] = "key_messages"
        rule = self.each({"topic": "trait " + node["path"], "key_messages": node["item"]})
        return lambda alerts: bool(alerts[rule])

    def selector(self, node, *properties):
        self.tracked.add(node["event"])
        return {"topic": "track " + node["event"],
                **dict(self.condition(p["path"], p["operator"]) for name in properties for p in node.get(name, []))}

    def performed(self, node):
        operator, times = node.get("timesOperator", "GreaterThanOrEqual"), node.get("times", 1)
        if operator == "Equals" and times:
            raise Unexpressed(TIMES)
        selector = self.selector(node, "properties")
        each = self.each(selector)
        ended = self.ended(selector, node["withinSeconds"]) if node.get("withinSeconds") else None

        def holds(alerts):
            count = len(alerts[each]) - (len(alerts[ended]) if ended else 0)
            return count >= times if operator == "GreaterThanOrEqual" else count == 0 if operator == "Equals" else (
                count < times)
        return holds

    def last_performed(self, node):
        """D3: of the touches that where speaks of, the latest is one that has what it must have."""
        where = self.each(self.selector(node, "whereProperties"))
        both = self.each(self.selector(node, "whereProperties", "hasProperties"))

        def holds(alerts):
            latest = max(alerts[where], key=lambda a: a.opened, default=None)
            return latest is not None and latest.instance in {a.instance for a in alerts[both]}
        return holds

    def touches(self, event, now):
        """(engagement or None, topic, ms, fields) of what the segment looks at in an event."""
        ms = now + event["offsetMs"] * SCALE
        if event["type"] == "Track" and event["event"] in self.tracked:
            properties = event.get("properties", {})
            fields = {field: value_at(properties, path) for path, field in self.texts.items()}
            numbers = [v for v in properties.values() if isinstance(v, (int, float))]
            yield None, "track " + event["event"], ms, dict(fields, amount=numbers[0] if numbers else None)
        for path, field in self.traits.items() if event["type"] == "Identify" else ():
            value = value_at(event.get("traits", {}), path)
            if value is None:
                continue
            if field == "start":
                at = (datetime.datetime.fromisoformat(value.replace("Z", "+00:00")) - NOW).total_seconds() * 1000
                yield "trait " + path, "trait " + path, START + round(at) * SCALE, {}
            else:
                listed = value if isinstance(value, list) else None
                yield ("trait " + path, "trait " + path, ms,
                       {field: listed if field == "key_messages" else value if value != "" else None})


START = round((datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) - EPOCH).total_seconds() * 1000)


class Vector:
    def __init__(self, vector):
        self.vector = vector
        self.segments = [(s["name"], Segment(Case(), s["definition"])) for s in vector["segments"]]
        said = {s["name"]: self.without_ids(s["definition"]) for s in vector["segments"]}
        for step in vector["steps"]:
            if any(self.without_ids(s["definition"]) != said.get(s["name"]) for s in step.get("segments", [])):
                raise Unexpressed(CHANGED)

    @staticmethod
    def without_ids(value):
        if isinstance(value, dict):
            return {k: Vector.without_ids(v) for k, v in value.items() if k != "id"}
        return [Vector.without_ids(v) for v in value] if isinstance(value, list) else value

    def problem(self, binary):
        for name, segment in self.segments:
            wrong = self.differs(binary, name, segment)
            if wrong:
                return wrong
        return None

    def differs(self, binary, name, segment):
        now, computed = START, None
        for step in self.vector["steps"]:
            if step["type"] == "Sleep":
                now += step["timeMs"] * SCALE
            elif step["type"] == "SubmitEvents":
                for event in step["events"]:
                    for engagement, topic, ms, fields in segment.touches(event, now):
                        if "amount" in fields and fields["amount"] is not None:
                            fields.update(amount=str(fields["amount"]), currency="USD")
                        segment.case.event(event["userId"], ms, engagement, now + len(segment.case.events),
                                           channel="in_person", topic=topic, **fields)
            elif step["type"] == "ComputeProperties":
                computed = now, len(segment.case.events)
            elif step["type"] == "Assert" and step.get("users"):
                wrong = self.assertion(binary, name, segment, step["users"], *computed)
                if wrong:
                    return wrong
        return None

    @staticmethod
    def assertion(binary, name, segment, users, now, count):
        alerts = collections.defaultdict(lambda: collections.defaultdict(list))
        for alert in segment.case.replay(binary, until=now + 1000, count=count)[0]:
            alerts[alert.hcp][alert.rule].append(alert)
        for user in users:
            if name in user["segments"] and segment.holds(alerts[user["id"]]) != bool(user["segments"][name]):
                return "%s: %s is%s in the segment" % (name, user["id"], " not" if user["segments"][name] else "")
        return None
