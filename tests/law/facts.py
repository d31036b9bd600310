"""Facts about a physician over time, and what a rule requires of a touch, straight from their definitions.

A record is an interval [from, until) of one fact. Of the records that concern a touch the one with the latest `from`
at or before its time decides, also after its `until`; of equally late ones the stricter.
"""
from events import FUNCTION, field, matches, touch_time

ALWAYS, NEVER = -10**18, 10**18
STRICT = {"denied": 3, "revoked": 3, "no_contact": 3, "no_see": 2, "appointment_only": 1}
STATES = ("granted", "confirmed", "denied", "revoked", "no_see", "appointment_only", "no_contact", "open")
CHANNELS = (None, "in_person", "phone", "video", "email", "sms", "chat", "webinar", "event", "portal", "web", "mail",
            "other")
TYPES = {  # what an event type says: fact, state, and the channel of one that names none
    "consent.granted": ("consent", "granted", None), "consent.confirmed": ("consent", "confirmed", None),
    "consent.denied": ("consent", "denied", None), "consent.revoked": ("consent", "revoked", None),
    "email.unsubscribed": ("consent", "revoked", "email"),
    "access.no_see": ("access", "no_see", None), "access.appointment_only": ("access", "appointment_only", None),
    "access.no_contact": ("access", "no_contact", None), "access.open": ("access", "open", None),
    "licence.granted": ("licence", "granted", None), "licence.revoked": ("licence", "revoked", None),
    "alignment.assigned": ("alignment", "granted", None), "alignment.ended": ("alignment", "revoked", None),
    "blackout.declared": ("blackout", "denied", None)}
FUNCTIONS = (None, "commercial", "medical", "other")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def record(fact, state, since, until, channel=None, **more):
    """One record. Restrictions of visits that name no channel are about visits."""
    if fact == "access" and channel is None and state in ("no_see", "appointment_only"):
        channel = "in_person"
    return dict({"fact": fact, "state": state, "channel": channel, "product": None, "about": None, "deputy": False,
                 "from": ALWAYS if since is None else since, "until": NEVER if until is None else until,
                 "confirmed_at": None, "bound": ALWAYS, "source": None, "id": None, "proof": None}, **more)


def of_profile(profile):
    for c in profile.get("consents", ()):
        yield record("consent", c["state"], c["from"], c.get("until"), c["channel"], product=c.get("product"),
                     confirmed_at=c.get("confirmed_at"), proof=c.get("proof"))
    for a in profile.get("access", ()):
        yield record("access", a["state"], a["from"], a.get("until"), a.get("channel"))
    for li in profile.get("licences", ()):
        yield record("licence", "granted", li.get("from"), li.get("until"), about=li.get("jurisdiction"),
                     proof=li["number"])
    for o in profile.get("owners", ()):
        for key, deputy in (("actor_id", False), ("deputy_id", True)):
            if o.get(key) is not None:
                yield record("alignment", "granted", o.get("from"), o.get("until"), about=o[key], deputy=deputy)


def of_event(event, bound):
    """`bound`: it applies to touches at or after it."""
    fact, state, channel = TYPES[event["type"]]
    about = {"alignment": (event.get("actor") or {}).get("id"),
             "licence": event.get("jurisdiction") or event.get("country")}.get(fact)
    if event["phase"] != "cancelled" and not (fact == "alignment" and about is None):
        yield record(fact, state, touch_time(event), event.get("end"), event.get("channel") or channel,
                     product=event.get("product"), about=about, bound=bound, source=event["source"], id=event["id"])


def within(place, other):
    return place == other or place.startswith(other + "-") or other.startswith(place + "-")


def concerns(r, fact, touch, place):
    t = touch_time(touch)
    if r["fact"] != fact or r["from"] > t or t < r["bound"]:
        return False
    if r["channel"] not in (None, touch.get("channel")) or r["product"] not in (None, touch.get("product")):
        return False
    if fact == "alignment":
        return r["about"] is not None and r["about"] == (touch.get("actor") or {}).get("id")
    if fact == "licence":
        return r["about"] is None or place is None or within(r["about"], place)
    return True


def rank(r, since):
    """Of two records that concern a touch the one with the greater rank decides."""
    strict = STRICT.get(r["state"], 0)
    text = lambda s: (s is not None, (s or "").encode())
    return (since, strict, r["until"] if strict else -r["until"], STATES.index(r["state"]), r["product"] is not None,
            CHANNELS.index(r["channel"]), not r["deputy"], text(r["about"]), text(r["source"]), text(r["id"]),
            text(r["proof"]), ALWAYS if r["confirmed_at"] is None else r["confirmed_at"])


def confirmed(records, grant, t):
    """When the second half of a double opt-in came, None: not by t."""
    times = [r["from"] for r in records if r["state"] == "confirmed" and r["channel"] == grant["channel"]
             and r["product"] == grant["product"] and r["from"] >= grant["from"] and t >= r["bound"]]
    if grant["confirmed_at"] is not None:
        times.append(grant["confirmed_at"])
    return min(times) if times and min(times) <= t else None


def said(r, value):
    """What an alert says of a record."""
    bare = lambda t: None if t in (ALWAYS, NEVER) else t
    return (r["fact"], value, r["channel"], r["product"], r["about"], bare(r["from"]), bare(r["until"]),
            r["confirmed_at"], r["source"], r["id"], r["proof"])


def place(r):
    """What tells one fact from another."""
    return r["fact"], r["channel"], r["product"], r["about"], r["from"]


def ending(rule, records, policy):
    """Records that end with nothing to follow: each with the moment from which that is said."""
    for r in records:
        if r["fact"] != rule["subject"] or r["until"] == NEVER or r["until"] <= r["from"]:
            continue
        if r["fact"] == "access":
            given = r["state"] != "open"
        else:
            twice = r["fact"] == "consent" and policy["channels"].get(r["channel"], {}).get("double_opt_in", False)
            given = r["state"] == "granted" and (not twice or confirmed(records, r, r["until"]) is not None)
        later = [s for s in records if s["fact"] == r["fact"] and s["state"] != "confirmed"
                 and s["channel"] in (None, r["channel"]) and s["product"] in (None, r["product"])
                 and s["about"] == r["about"] and rank(s, s["from"]) > rank(r, r["from"])]
        if given and not later:
            yield r, r["until"] - rule["lead"]["ms"]


def contradicting(rule, records):
    """Records of one fact since one instant, of which some say different things; the one that decides first."""
    sets = {}
    for r in records:
        if r["fact"] == rule["subject"] and r["state"] != "confirmed":
            sets.setdefault(place(r), []).append(r)
    for found in sets.values():
        if len({r["state"] for r in found}) > 1:
            yield sorted(found, key=lambda r: rank(r, r["from"]), reverse=True)[:64]


def places(place):
    """US-NY, and US that it is in."""
    return [] if place is None else [place] + [place[:i] for i, c in enumerate(place) if c == "-"]


def some_hold(require, readers):
    """What a map asks of a touch must be so of one of the attendees, as a whole. Everything is looked at."""
    parts = ("all", "any", "not")
    if len(readers) == 1:
        return readers[0].holds(require)
    together = {name: want for name, want in require.items() if name not in parts}
    one = any([reader.holds(together) for reader in readers]) if together else True
    rest = []
    for name, want in require.items():
        if name in ("all", "any"):
            held = [some_hold(part, readers) for part in want]
            rest.append(all(held) if name == "all" else any(held))
        elif name == "not":
            rest.append(not some_hold(want, readers))
    return one and all(rest)


class Reader:
    """What can be asked of one touch. `read`: what was, in order."""

    def __init__(self, policy, profile, records, touch, zone, groups):
        self.policy, self.profile, self.records, self.touch = policy, profile or {}, records, touch
        self.zone, self.groups, self.read = zone, groups, []
        self.country = self.profile.get("country") or touch.get("country")
        self.place = touch.get("jurisdiction") or touch.get("country") or self.profile.get("country")

    def note(self, name, value, r=None):
        r = r or {}
        bare = lambda t: None if t in (ALWAYS, NEVER) else t
        self.read.append((name, value, r.get("channel"), r.get("product"), r.get("about"), bare(r.get("from")),
                          bare(r.get("until")), r.get("confirmed_at"), r.get("source"), r.get("id"), r.get("proof")))

    def in_market(self, market):
        """Whether a table's line for that market is about the touch."""
        of = [market, *self.policy.get("packs", {}).get(market, ())]
        return market is None or any(place in of for place in places(self.place))

    def of_tables(self, fact):
        """What the policy's tables say."""
        tables = self.policy.get("tables", {})
        for row in tables.get("blackouts", ()) if fact == "blackout" else ():
            if self.in_market(row["market"]):
                yield record("blackout", "denied", row["from"], row["until"], row["channel"], product=row["product"],
                             source="blackouts.csv", proof=row["reason"])
        for row in tables.get("quiet_hours", ()) if fact == "quiet_hours" else ():
            if self.in_market(row["market"]) and self.in_hours(row["days"] or DAYS, row["starts"], row["ends"]):
                yield record("quiet_hours", "denied", row["from"], row["until"], row["channel"], source="quiet_hours.csv")
        for row in tables.get("alignment", ()) if fact == "alignment" else ():
            if row["hcp_id"] == self.touch["hcp_id"] or row["account_id"] and row["account_id"] == self.touch.get("account_id"):
                yield record("alignment", "granted", row["from"], row["until"], product=row["product"],
                             about=row["actor"], deputy=row["deputy"] == "true", source="alignment.csv")

    def deciding(self, fact):
        """The record that decides, None; and whether a grant was left out for want of its confirmation."""
        t, unconfirmed, candidates = touch_time(self.touch), False, []
        twice = fact == "consent" and self.channel_policy().get("double_opt_in", False)
        for r in (*self.records, *self.of_tables(fact)):
            if r["state"] == "confirmed" or not concerns(r, fact, self.touch, self.place):
                continue
            since = r["from"]
            if twice and r["state"] == "granted":
                at = confirmed(self.records, r, t)
                if at is None:
                    unconfirmed = True
                    continue
                since = max(since, at)
            if fact not in ("blackout", "quiet_hours") or t < r["until"]:
                candidates.append((rank(r, since), r))
        return (max(candidates, key=lambda c: c[0])[1] if candidates else None), unconfirmed

    def channel_policy(self):
        return self.policy.get("channels", {}).get(self.touch.get("channel"), {"default": "opt_in"})

    def standing(self, fact):
        r, unconfirmed = self.deciding(fact)
        t = touch_time(self.touch)
        if fact == "blackout":
            return r, "none" if r is None else "declared"
        if fact == "quiet_hours":
            return r, "none" if r is None else "quiet"
        if fact == "access":
            return r, "open" if r is None or r["until"] <= t else r["state"]
        if r is None:
            if fact == "consent":
                channel = self.channel_policy()
                opt_in = (self.country in channel.get("opt_in", ()) or channel["default"] == "opt_in"
                          and self.country not in channel.get("opt_out", ()))
                return r, "implied" if not opt_in else "unconfirmed" if unconfirmed else "none"
            return r, "none"
        over = r["until"] <= t
        if fact == "consent":
            return r, r["state"] if r["state"] != "granted" else "expired" if over else "granted"
        if fact == "licence":
            return r, "revoked" if r["state"] != "granted" else "expired" if over else "valid"
        return r, "ended" if over or r["state"] != "granted" else "deputy" if r["deputy"] else "owner"

    def content(self):
        touch, t = self.touch, touch_time(self.touch)
        if touch.get("content_id") is None:
            return None, "none"
        rows = [row for row in self.policy.get("content", ()) if row["content_id"] == touch["content_id"]]
        function = FUNCTION.get((touch.get("actor") or {}).get("role"), "other")
        mine = [row for row in rows if row["channel"] in (None, touch.get("channel"))
                and row["product"] in (None, touch.get("product")) and row["function"] in (None, function)]
        begun = [row for row in mine if row["from"] <= t]
        if begun:
            row = min(begun, key=lambda row: (-row["from"], row["until"] or NEVER, CHANNELS.index(row["channel"]),
                                              row["product"] or "", FUNCTIONS.index(row["function"])))
            return dict(row), "expired" if row["until"] is not None and row["until"] <= t else "approved"
        return None, "not_yet" if mine else "other_use" if rows else "unlisted"

    def field(self, name):
        """The values of a field of the profile."""
        name, t = name.removeprefix("profile."), touch_time(self.touch)
        if name == "affiliations":
            return [a["account_id"] for a in self.profile.get("affiliations", ())
                    if (a.get("from") is None or a["from"] <= t) and (a.get("until") is None or t < a["until"])]
        value = self.profile
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, list) else [] if value is None else [value]

    def profile_holds(self, name, want):
        values, ok = self.field(name), True
        for op, operand in (want if isinstance(want, dict) else {"in": want}).items():
            self.note(name, ", ".join(values) or "none")
            operand = operand if isinstance(operand, list) else [operand]
            if op == "exists":
                ok &= bool(values) == operand[0]
            elif op == "in":
                ok &= any(v in operand for v in values)
            else:
                ok &= bool(values) and not any(v in operand for v in values)
        return ok

    def in_hours(self, days, start, end):
        local = self.zone.local(touch_time(self.touch))
        ms = ((local.hour * 60 + local.minute) * 60 + local.second) * 1000 + local.microsecond // 1000
        start, end = ((int(text[:2]) * 60 + int(text[3:])) * 60000 for text in (start, end))
        return DAYS[local.weekday()] in days and (start <= ms < end if start < end else ms >= start or ms < end)

    def local_time(self, hours):
        local = self.zone.local(touch_time(self.touch))
        self.note("local_time", "%s %02d:%02d %s" % (DAYS[local.weekday()].capitalize(), local.hour, local.minute,
                                                     self.zone.info.key))
        return self.in_hours(hours.get("days", DAYS), hours["from"], hours["until"])

    def cell(self, name):
        """The values in a column of actors, accounts or products, in the line about the touch."""
        table, column = name.split(".")
        about = {"actors": (self.touch.get("actor") or {}).get("id"), "accounts": self.touch.get("account_id"),
                 "products": self.touch.get("product")}[table]
        rows = [row for row in self.policy["tables"][table] if row["id"] == about and row["from"] <= touch_time(self.touch)
                and (row["until"] is None or touch_time(self.touch) < row["until"])]
        values = sorted(set(rows[0][column])) if rows else []
        self.note(name, ", ".join(values) or "none", rows and {"about": about, "from": rows[0]["from"], "until": rows[0]["until"]})
        return values

    def table_holds(self, name, want):
        values = self.cell(name)
        (op, operand), = (want if isinstance(want, dict) else {"in": want}).items()
        operand = operand if isinstance(operand, list) else [operand]
        named = any(v in operand for v in values)
        return bool(values) == operand[0] if op == "exists" else named if op == "in" else bool(values) and not named

    def among(self, name, column):
        """Whether a value of the field is one of those in the cell."""
        listed = self.cell(column)
        if not name.startswith("profile."):
            value = field(self.touch, name, self.groups)
            return any(v in listed for v in (value if isinstance(value, list) else [value]))
        values = self.field(name)
        self.note(name, ", ".join(values) or "none")
        return any(v in listed for v in values)

    def holds(self, require):
        """All that is asked holds. Everything is looked at."""
        return all([self.one(name, want) for name, want in require.items()])

    def one(self, name, want):
        if name in ("all", "any"):
            parts = [self.holds(part) for part in want]
            return all(parts) if name == "all" else any(parts)
        if name == "not":
            return not self.holds(want)
        if isinstance(want, dict) and isinstance(want.get("in"), str) and "." in want["in"]:
            return self.among(name, want["in"])
        if name.split(".")[0] in ("actors", "accounts", "products"):
            return self.table_holds(name, want)
        if name in ("consent", "access", "licence", "blackout", "aligned", "content", "quiet_hours"):
            fact = "alignment" if name == "aligned" else name
            r, value = self.content() if name == "content" else self.standing(fact)
            self.note(fact, value, r)
            if name == "aligned":
                return (value in ("owner", "deputy")) == want
            words = want if isinstance(want, list) else [want]
            return value in words or value == "implied" and "granted" in words
        if name == "local_time":
            return self.local_time(want)
        if name.startswith("profile."):
            return self.profile_holds(name, want)
        return matches(self.touch, {name: want}, self.groups)
