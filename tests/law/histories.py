"""Random policies and random histories for the law: small values, coarse times, so that ties, edges of windows and
repeated ids are common and not rare."""
import datetime
import decimal
import json
import os

from model import MS_DAY, UTC, touch_time

HOUR = 3600000
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe", "Pacific/Apia")
# Around these moments clocks change, months end early, or nothing happens at all.
ANCHORS = ("2024-03-20", "2024-10-20", "2024-02-10", "2023-12-15", "2024-06-01", "2025-01-20", "2024-11-01")
TEAMS, PRODUCTS, TOPICS = ("T1", "T2"), ("P1", "P2"), ("safety", "dosing", "trial")
MESSAGES, CHANNELS = ("m1", "m2", "m3"), ("in_person", "video", "phone")
ROLES = ("sales_rep", "msl", "sales_rep", "msl", "speaker", "marketing")
AMOUNTS = tuple(decimal.Decimal(s) for s in ("10", "99.99", "100", "250.5"))
TYPES = {"msl": ("msl_interaction.planned", "msl_interaction.completed", "msl_interaction.cancelled"),
         "speaker": ("event.speaker.planned", "event.speaker.completed", "event.speaker.cancelled"),
         "marketing": ("email.planned", "email.sent", "email.cancelled")}
CALL = ("call.planned", "call.completed", "call.cancelled")
PHASES = ("planned", "completed", "cancelled")


def text(ms, offset=0):
    """RFC 3339; `offset` in minutes only changes how it is written."""
    t = datetime.datetime.fromtimestamp(ms // 1000, UTC) + datetime.timedelta(minutes=offset)
    zone = "Z" if not offset else "%s%02d:%02d" % ("+-"[offset < 0], abs(offset) // 60, abs(offset) % 60)
    return t.strftime("%Y-%m-%dT%H:%M:%S") + (".%03d" % (ms % 1000) if ms % 1000 else "") + zone


# ---------------------------------------------------------------------------------------------- policies

def random_selector(rng):
    pick = rng.random()
    if pick < 0.15:
        return {}
    if pick < 0.7:
        return {"role": rng.choice(["sales_rep", "msl", ["msl", "speaker"], ["sales_rep", "marketing"]])}
    return dict(rng.choice([
        {}, {"channel": "in_person"}, {"channel": ["video", "phone"], "role": {"ne": "marketing"}},
        {"product": {"exists": True}}, {"topic": {"not_in": ["safety"]}}, {"phase": "completed"}, {"phase": "planned"},
        {"joint.role": "msl"}, {"amount": {"gt": decimal.Decimal("99.99")}}, {"amount": {"le": decimal.Decimal(100)}},
        {"team": "T1", "product": ["P1", "P2"]}, {"attributes.kind": "x"}, {"initiated_by": "company"},
        {"key_messages": "m1"}, {"topic": {"exists": False}}, {"on_label": True}]))


def random_within(rng):
    return rng.choice([{"ms": 0}, {"ms": 12 * HOUR}, {"ms": 36 * HOUR}, {"ms": 3 * MS_DAY}, {"ms": 7 * MS_DAY},
                       {"days": 0}, {"days": 1}, {"days": 3}, {"months": 1}])


def random_severity(rng):
    if rng.random() < 0.4:
        return rng.choice(["low", "medium", "high", "critical"])
    cases = []
    for _ in range(rng.randint(1, 2)):
        case = {"severity": rng.choice(["info", "low", "medium", "high", "critical"])}
        if rng.random() < 0.5:
            case["phase"] = rng.choice(["preventable", "incident"])
        if rng.random() < 0.5:
            case["within"] = rng.choice([{"days": 0}, {"ms": 12 * HOUR}, {"ms": 0}])
        for side in "ab":
            if rng.random() < 0.25:
                case[side] = random_selector(rng)
        if len(case) == 1:
            case["phase"] = "preventable"
        cases.append(case)
    return cases + [{"severity": rng.choice(["low", "medium"])}]


def random_rule(rng, number, start, days):
    rule = {"id": "rule-%d" % number, "version": rng.randint(1, 3), "a": random_selector(rng),
            "b": random_selector(rng), "within": random_within(rng), "mode": rng.choice(["alert", "alert", "block"]),
            "severity": random_severity(rng)}
    if rng.random() < 0.35:
        rule["same"] = rng.choice([["team"], ["product"], ["similar"], ["key_messages"], ["team", "topic"],
                                   ["account_id"]])
    if rng.random() < 0.25:
        rule["different"] = rng.choice([["actor"], ["role"], {"any": ["team", "product"]}, ["similar"], ["channel"]])
        same = rule.get("same", [])
        if set(same) & set(rule["different"] if isinstance(rule["different"], list) else rule["different"]["any"]):
            del rule["different"]
    if rng.random() < 0.35:
        rule["unless"] = rng.choice([["joint"], ["joint"], [{"topic": "safety"}], ["joint", {"channel": "video"}]])
    if rng.random() < 0.15:
        rule["valid_from"] = start + rng.randint(0, days) * MS_DAY
    if rng.random() < 0.15:
        rule["valid_to"] = max(start + rng.randint(days // 2, days + 10) * MS_DAY, rule.get("valid_from", 0) + MS_DAY)
    return rule


def random_policy(rng, start, days, lateness=None):
    return {
        "allowed_lateness": lateness if lateness is not None else rng.choice([4, 10, 30, 30]) * MS_DAY,
        "max_ahead": rng.choice([60, 200]) * MS_DAY, "planned_grace": rng.choice([6 * HOUR, MS_DAY, 2 * MS_DAY]),
        "joint_within": rng.choice([HOUR, 4 * HOUR, 4 * HOUR]), "zone": rng.choice(ZONES),
        "markets": {"DE": "Europe/Berlin", "US": "America/New_York"},
        "groups": {"similar": ("topic", {"science": ["trial", "dosing"]})},
        "rules": [random_rule(rng, i, start, days) for i in range(rng.randint(2, 4))]}


def span(within):
    if "ms" in within:
        ms = within["ms"]
        return "%dd" % (ms // MS_DAY) if ms and ms % MS_DAY == 0 else "%dh" % (ms // HOUR)
    return within


def severity_case(case):
    when = {k: span(v) if k == "within" else v for k, v in case.items() if k != "severity"}
    return {"when": when, "level": case["severity"]} if when else {"level": case["severity"]}


class Plain(json.JSONEncoder):
    """Decimals as plain numbers; YAML takes JSON as it is."""

    def default(self, o):
        return float(o) if o % 1 else int(o)


def flow(value):
    return json.dumps(value, cls=Plain)


def write_policy(policy, directory):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "policy.yaml"), "w") as f:
        print("name: law", file=f)
        for key in ("allowed_lateness", "max_ahead", "planned_grace", "joint_within"):
            print("%s: %s" % (key, span({"ms": policy[key]})), file=f)
        print("zone:", policy["zone"], file=f)
        print("zones:", flow(ZONES), file=f)
        print("markets:", flow({c: {"zone": z} for c, z in policy["markets"].items()}), file=f)
        print("groups:", flow({n: {"field": of, "sets": sets} for n, (of, sets) in policy["groups"].items()}), file=f)
    with open(os.path.join(directory, "conflicts.yaml"), "w") as f:
        for rule in policy["rules"]:
            written = dict(rule, kind="proximity", within=span(rule["within"]))
            for key in ("valid_from", "valid_to"):
                if key in rule:
                    written[key] = text(rule[key])
            if isinstance(rule["severity"], list):
                written["severity"] = [severity_case(c) for c in rule["severity"]]
            print("-", flow(written), file=f)


# ---------------------------------------------------------------------------------------------- histories

class History:
    """The life of a few engagements of one physician, as [(arrival, kind, data)]."""

    def __init__(self, rng, hcp, start, days, focus, lateness, settled):
        self.rng, self.hcp, self.start, self.days, self.focus = rng, hcp, start, days, focus
        self.lateness, self.settled = lateness, settled
        self.records, self.moved, self.number = [], [], 0
        self.profiles = rng.choice([0, 1, 1, 2])

    def fresh_touch(self):
        rng = self.rng
        role = rng.choice(ROLES)
        t = self.start + rng.randrange(self.days * 4) * 6 * HOUR
        if rng.random() < 0.4:  # what is planned, or just over, when the world ends
            t = self.focus + rng.randrange(-8, 20) * 6 * HOUR
        elif self.records and rng.random() < 0.7:  # near an earlier one, often exactly at a window's edge
            t = touch_time(rng.choice(self.records)[2]) if rng.random() < 0.95 else t
            t += rng.choice([0, 0, 6, 12, 24, 36, 48, 72, 168, -12, -36, -72, 4, 5, 1]) * HOUR
            t += rng.choice([0] * 8 + [1, -1])
        event = {"source": "crm", "account_id": rng.choice(["A1", "A2", None]),
                 "actor": {"id": role[:2] + str(rng.randint(1, 2)), "role": role, "team": rng.choice(TEAMS)},
                 "channel": rng.choice(CHANNELS), "start": t, "engagement_id": "e%d" % len(self.records)}
        if rng.random() < 0.15:
            del event["actor"]["team"]
        for key, values, share in (("product", PRODUCTS, .8), ("topic", TOPICS, .8), ("amount", AMOUNTS, .3),
                                   ("initiated_by", ("company", "hcp"), .5), ("on_label", (True, False), .3)):
            if rng.random() < share:
                event[key] = rng.choice(values)
        if not self.profiles and rng.random() < 0.4:
            event["country"] = rng.choice(["DE", "US", "FR"])
        if rng.random() < 0.4:
            event["key_messages"] = rng.sample(MESSAGES, rng.randint(1, 2))
        if rng.random() < 0.3:
            other = rng.choice([r for r in ROLES if r != role])
            event["joint_with"] = [{"id": other[:2] + str(rng.randint(1, 2)), "role": other}]
        if rng.random() < 0.2:
            event["attributes"] = {"kind": rng.choice(["x", "y"])}
        return event

    def say(self, event, phase, recorded_at, arrival=None, hcp=None):
        """One more event of an engagement."""
        self.number += 1
        role = event["actor"]["role"]
        event = {k: v for k, v in event.items() if v is not None}
        if phase == "completed" and self.settled:
            recorded_at = max(recorded_at, event["start"])
        event.update(id="%s-%d" % (self.hcp, self.number), hcp_id=hcp or self.hcp, phase=phase,
                     type=TYPES.get(role, CALL)[PHASES.index(phase)], recorded_at=recorded_at,
                     time=recorded_at if self.rng.random() < .5 else event["start"])
        if phase == "completed" and self.rng.random() < 0.1:
            event["time"] = event.pop("start")
        if arrival is None:
            late = self.rng.random()
            arrival = recorded_at + (0 if late < .6 else self.rng.randrange(3 * MS_DAY) if late < .97
                                     else self.rng.randrange(2 * self.lateness))
        (self.records if hcp is None else self.moved).append((arrival, "touch", event))
        return event

    def shifted(self, event):
        event = dict(event)
        event["start"] += self.rng.choice([-48, -12, 24, 96, 168, 240]) * HOUR
        return event

    def altered(self, event):
        rng, event = self.rng, dict(event)
        what = rng.choice(("team", "actor", "product", "topic", "channel", "role", "role", "role", "start",
                           "key_messages"))
        if what == "start":
            return self.shifted(event)
        if what in ("team", "actor", "role"):
            role = rng.choice(ROLES) if what == "role" else event["actor"]["role"]
            event["actor"] = {"id": role[:2] + str(rng.randint(1, 3)), "role": role, "team": rng.choice(TEAMS)}
        else:
            event[what] = {"product": rng.choice(PRODUCTS), "topic": rng.choice(TOPICS + (None,)),
                           "channel": rng.choice(CHANNELS), "key_messages": rng.sample(MESSAGES, 1)}[what]
        return event

    def engagement(self, other):
        rng, event = self.rng, self.fresh_touch()
        after = lambda e: e["start"] + rng.choice([0, 0, 1, 6, 24, 40]) * HOUR
        if rng.random() < 0.35:
            recorded_at = after(event)
        else:  # planned first
            recorded_at = event["start"] - rng.choice([1, 6, 24, 72, 168, 240]) * HOUR
            self.say(event, "planned", recorded_at)
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                event = self.shifted(event) if rng.random() < 0.6 else self.altered(event)
                recorded_at += rng.choice([0, 1, 6, 30]) * HOUR
                self.say(event, "planned", recorded_at)
            fate = rng.random()
            if fate < 0.35:
                return  # nobody says how it went: it lapses
            if fate < 0.55:
                recorded_at += rng.choice([0, 1, 12, 24]) * HOUR
                self.say(event, "cancelled", recorded_at)
                if rng.random() < 0.7:
                    return
            recorded_at = max(recorded_at, after(event) + rng.choice([0, 0, 0, 60, 90]) * HOUR)
            if rng.random() < 0.5:
                event = self.altered(event)
        if rng.random() < 0.07:  # no engagement id: it stands for itself
            event = dict(event, engagement_id=None)
            self.say(event, "completed", recorded_at)
            return
        self.say(event, "completed", recorded_at)
        fate = rng.random()
        if fate < 0.5:
            for _ in range(rng.choice([1, 1, 2])):
                event = self.altered(event)
                self.say(event, "completed", recorded_at + rng.choice([0, 2, 24]) * HOUR)
        elif fate < 0.56:
            self.say(event, "cancelled", recorded_at + rng.choice([0, 3, 24]) * HOUR)
        elif fate < 0.65:  # it was another physician
            at = recorded_at + rng.choice([1, 24]) * HOUR
            self.say(event, "cancelled", at)
            self.say(event, "completed", at, hcp=other)

    def noise(self, conflicts):
        """Repeats, the same id with other content, impossible times, records of other classes."""
        rng = self.rng
        for arrival, kind, event in [r for r in self.records if rng.random() < 0.12]:
            self.records.append((arrival + rng.choice([0, 1, 24, 72]) * HOUR, kind, dict(event)))
        if conflicts and rng.random() < 0.1:
            arrival, kind, event = rng.choice(self.records)
            event = dict(event, product=rng.choice(("P1", "P2", "P3")))
            self.records.append((arrival + rng.choice([-1, 1, 30]) * HOUR, kind, event))
        if not self.settled and rng.random() < 0.12:
            event = self.fresh_touch()
            at = event["start"]
            event["start"] += rng.choice([300000, 300001, 2 * HOUR, 300 * MS_DAY, -60 * MS_DAY])
            self.say(event, "completed", at, at)
        if rng.random() < 0.2:
            self.number += 1
            at = self.start + rng.randrange(self.days) * MS_DAY
            event = {"id": "%s-%d" % (self.hcp, self.number), "source": "mail", "type": rng.choice(
                ["email.opened", "web.visit", "mi.requested"]), "time": at, "hcp_id": self.hcp,
                "engagement_id": "e0", "phase": "completed", "channel": "email"}
            self.records.append((at, "other", event))

    def profile(self, zones):
        rng = self.rng
        for i in range(self.profiles if zones else min(1, self.profiles)):
            at = self.start - MS_DAY + i * rng.randrange(1, self.days) * MS_DAY + i
            data = {"hcp_id": self.hcp, "recorded_at": at, "country": rng.choice(["DE", "US", "FR"])}
            if rng.random() < 0.6:
                data["zone"] = rng.choice(ZONES)
            self.records.append((at, "hcp.profile", data))


def random_records(rng, hcps, start, days, focus, lateness, settled, conflicts, zones):
    """Records of several physicians in order of arrival, until `focus`. `settled`: nothing is refused, in
    whatever order."""
    records = []
    for i, hcp in enumerate(hcps):
        history = History(rng, hcp, start, days, focus, lateness, settled)
        for _ in range(rng.randint(3, 8)):
            history.engagement(hcps[i - 1])
        history.noise(conflicts)
        history.profile(zones)
        records += [(a, hcp, k, e) for a, k, e in history.records]
        records += [(a, e["hcp_id"], k, e) for a, k, e in history.moved]
    records.sort(key=lambda r: r[0])
    return [r[1:] for r in records if r[0] <= focus]


def as_line(rng, kind, data):
    """One structured CloudEvent."""
    body = {k: v for k, v in data.items() if v is not None}
    offset = rng.choice([0, 0, 0, 120, -300, 330])
    for key in ("time", "recorded_at", "start"):
        if key in body:
            body[key] = text(body[key], offset)
    if "amount" in body:
        body["amount"] = str(body["amount"]) if rng.random() < 0.5 else float(body["amount"])
    envelope = {"specversion": "1.0", "datacontenttype": "application/json"}
    if kind == "hcp.profile":
        envelope.update(id="p" + body["hcp_id"] + body["recorded_at"], source="mdm", type="hcp.profile",
                        time=body["recorded_at"])
    else:
        for key in ("id", "source", "type", "time"):
            envelope[key] = body[key] if rng.random() < 0.3 else body.pop(key)
        if kind == "touch" and rng.random() < 0.5:
            del body["phase"]  # the type says it
    envelope["data"] = body
    return json.dumps(envelope)
