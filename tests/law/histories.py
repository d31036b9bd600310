"""Random policies and random histories for the law: small values, coarse times, so that ties, edges of windows and
repeated ids are common and not rare."""
import datetime
import decimal
import itertools
import json
import os

import alerts
from civil import MS_DAY, UTC
from events import rank, recorded, touch_time

HOUR = 3600000
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe", "Pacific/Apia",
         "Asia/Beirut", "America/Havana")
# Around these moments clocks change, months end early, or nothing happens at all.
ANCHORS = ("2024-03-20", "2024-10-20", "2024-02-10", "2023-12-15", "2024-06-01", "2025-01-20", "2024-11-01")
PACKS = {"EU": ("DE", "FR")}
TEAMS, PRODUCTS, TOPICS = ("T1", "T2"), ("P1", "P2"), ("safety", "dosing", "trial")
MESSAGES, CHANNELS = ("m1", "m2", "m3"), ("in_person", "video", "phone")
ROLES = ("sales_rep", "msl", "sales_rep", "msl", "speaker", "marketing")
AMOUNTS = tuple(decimal.Decimal(s) for s in ("10", "99.99", "100", "250.5", "0.01", "-10"))
WEIGHTS = (0, 1, 1, 2, decimal.Decimal("0.3"), decimal.Decimal("0.5"))
SPECIALTIES, SEGMENTS, DAYS = ("cardiology", "oncology"), ("S1", "S2", "S3"), ("mon", "tue", "wed", "thu", "fri",
                                                                               "sat", "sun")
CONTENTS, PLACES = ("c1", "c2", "c3"), ("DE", "US", "US-NY", "US-CA")
FACTS = ("consent.granted", "consent.granted", "consent.confirmed", "consent.denied", "consent.revoked",
         "email.unsubscribed", "access.no_see", "access.appointment_only", "access.no_contact", "access.open",
         "licence.granted", "licence.granted", "licence.revoked", "alignment.assigned", "alignment.assigned",
         "alignment.ended", "blackout.declared", "blackout.declared")
SUBJECTS = ("consent", "access", "licence", "alignment")  # of rules on facts
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

def random_selector(rng, phases=0.05):
    pick = rng.random()
    if pick < 0.35:
        selector = {}
    elif pick < 0.8:
        selector = {"role": rng.choice(["sales_rep", "msl", ["msl", "speaker"], ["sales_rep", "marketing"],
                                        {"ne": "marketing"}])}
    else:
        selector = dict(rng.choice([
            {"channel": "in_person"}, {"channel": ["video", "phone"], "role": {"ne": "marketing"}},
            {"product": {"exists": True}}, {"topic": {"not_in": ["safety"]}}, {"joint.role": "msl"},
            {"amount": {"gt": decimal.Decimal("99.99")}}, {"amount": {"le": decimal.Decimal(100)}},
            {"team": "T1", "product": ["P1", "P2"]}, {"attributes.kind": "x"}, {"initiated_by": "company"},
            {"key_messages": "m1"}, {"topic": {"exists": False}}, {"on_label": True}, {"quantity": {"ge": 2}}]))
    if rng.random() < phases:
        selector["phase"] = rng.choice(["planned", "completed", ["planned", "completed"], ["planned", "completed"]])
    return selector


def spans(*texts):
    unit = {"h": ("ms", HOUR), "d": ("ms", MS_DAY), "dates": ("days", 1), "mo": ("months", 1),
            "bd": ("business_days", 1)}
    return [{unit[u][0]: int(n) * unit[u][1]} for n, u in (text.split() for text in texts)]


WITHIN = spans("0 h", "12 h", "36 h", "3 d", "7 d", "0 dates", "1 dates", "3 dates", "1 mo", "0 bd",
               "2 bd")
AFTER = spans("12 h", "36 h", "3 d", "7 d", "1 dates", "3 dates", "1 mo", "1 bd", "4 bd")
WINDOW = spans("12 h", "36 h", "3 d", "7 d", "1 dates", "2 dates", "3 dates", "1 mo", "1 bd", "3 bd")
VARIANTS = {
    "proximity": "proximity", "overlap": "overlap", "sequence": "sequence", "absence": "absence",
    "requires": "requires", "until": "until", "frequency rolling": "frequency", "frequency calendar": "frequency",
    "frequency touch": "frequency", "frequency first": "frequency", "budget rolling": "budget",
    "budget calendar": "budget", "budget touch": "budget", "budget first": "budget", "eligibility": "eligibility",
    "expiry": "absence", "contradiction": "proximity", "coverage": "coverage"}

# How often each is drawn, so that its rarest end is reached about as often as those of the others.
SHARE = {"proximity": 4, "overlap": 4, "sequence": 6, "absence": 5, "requires": 2, "until": 5, "frequency rolling": 3,
         "frequency calendar": 4, "frequency touch": 8, "frequency first": 5, "budget rolling": 4,
         "budget calendar": 6, "budget touch": 5, "budget first": 4, "eligibility": 4,
         "expiry": 6, "contradiction": 10, "coverage": 2}


def random_severity(rng, variant):
    if rng.random() < 0.4 or variant in ("expiry", "contradiction"):
        return rng.choice(["low", "medium", "high", "critical"])
    kind = VARIANTS[variant]
    sides = {"requires": "b", "absence": "a", "frequency": (), "budget": (), "coverage": ()}.get(kind, "ab")
    if variant in ("frequency rolling", "budget rolling", "frequency touch", "budget touch", "eligibility"):
        sides = ("of",)
    cases = []
    for _ in range(rng.randint(1, 2)):
        case = {"severity": rng.choice(["info", "low", "medium", "high", "critical"])}
        if rng.random() < 0.5:
            case["phase"] = rng.choice(["preventable", "incident"])
        if kind in ("proximity", "sequence") and rng.random() < 0.5:
            case["within"] = rng.choice(spans("0 dates", "12 h", "0 h"))
        if kind in ("frequency", "budget", "coverage") and rng.random() < 0.5:
            case["observed"] = {rng.choice(["gt", "ge", "lt", "le"]): rng.choice([1, 2, 3, 100,
                                                                                 decimal.Decimal("199.98")])}
        for side in sides:
            if rng.random() < 0.25:
                case[side] = random_selector(rng)
        if len(case) == 1:
            case["phase"] = "preventable"
        cases.append(case)
    return cases + [{"severity": rng.choice(["low", "medium"])}]


def random_numbers(rng, variant):
    """The keys of a frequency or budget rule."""
    kind, extent = variant.split()
    rule = {"of": random_selector(rng)}
    if extent in ("rolling", "first"):
        rule["window"] = rng.choice(WINDOW)
    if extent in ("calendar", "first"):
        rule["period"] = "from_first" if extent == "first" else rng.choice(["day", "week", "month", "quarter", "year"])
        if rng.random() < 0.25:
            rule["report"] = "each"
    if extent == "touch":
        rule["per"] = "touch"
    bounds = [0, 1, 1, 1, 2]
    if kind == "budget":
        if rng.random() < 0.3:
            rule["sum"] = "quantity"
        else:
            rule["currency"] = rng.choice(["USD", "USD", "EUR"])
            bounds = [10, 100, decimal.Decimal("109.99"), decimal.Decimal("199.98"), 0]
    elif extent == "touch" or rng.random() < 0.3:
        by = rng.choice(["channel", "team", "topic", "role"])
        values = {"channel": CHANNELS, "team": TEAMS, "topic": TOPICS, "role": ROLES[:2]}[by]
        rule["weights"] = {"by": by, "values": {v: rng.choice(WEIGHTS) for v in rng.sample(values, 2)}}
        if rng.random() < 0.5:
            rule["weights"]["default"] = rng.choice(WEIGHTS)
        bounds = [decimal.Decimal("0.5"), 1, decimal.Decimal("1.3"), 2]
    elif rng.random() < 0.4:
        rule["distinct"] = rng.choice(["team", "actor", "role", "channel", "product", "similar"])
    if rng.random() < 0.25:
        rule["at_least"] = rng.choice([b for b in bounds if b >= 1] + [2])
    else:
        rule["limit"] = rng.choice(bounds)
    return rule


def some(rng, values):
    """One of the values, or a few."""
    return rng.choice(values) if rng.random() < 0.5 else rng.sample(values, min(len(values), rng.randint(1, 3)))


def random_ask(rng, depth):
    """One thing that a touch must be."""
    name = rng.choice(("consent", "consent", "access", "licence", "aligned", "content", "blackout", "local_time",
                       "quiet_hours", "profile", "touch", "table", "among") + ("all", "any", "any", "not", "not") * (depth < 2))
    if name in ("all", "any"):
        return name, [random_require(rng, depth + 1) for _ in range(rng.randint(1, 2))]
    if name == "not":
        return name, random_require(rng, depth + 1)
    if name == "local_time":
        start, end = rng.sample(("00:00", "06:00", "08:30", "12:00", "18:00", "24:00"), 2)
        return name, dict({"from": start, "until": end}, **rng.choice(
            [{}, {}, {"days": ["mon", "tue", "wed", "thu", "fri"]}, {"days": some(rng, DAYS)}]))
    if name == "profile":
        return rng.choice([("profile.specialty", some(rng, SPECIALTIES)), ("profile.tier", {"ne": "A"}),
                           ("profile.segments", some(rng, SEGMENTS)), ("profile.affiliations", ["A1"]),
                           ("profile.country", some(rng, ["DE", "US"])), ("profile.segments", {"not_in": ["S1"]}),
                           ("profile.attributes.territory", {"exists": True})])
    if name == "table":
        return rng.choice([("actors.trained", "yes"), ("accounts.visits", some(rng, ["open", "closed"])),
                           ("products.audience", {"exists": True}), ("actors.trained", {"not_in": ["no"]})])
    if name == "among":
        return rng.choice([("profile.specialty", {"in": "products.audience"}), ("channel", {"in": "accounts.channels"}),
                           ("profile.segments", {"in": "actors.segments"})])
    if name == "touch":
        return rng.choice([("initiated_by", "hcp"), ("joint.role", ["msl", "speaker"]), ("quantity", {"le": 2}),
                           ("attributes.kind", {"exists": True}), ("function", "commercial")])
    return name, {
        "consent": lambda: rng.choice(["granted", "granted", some(rng, ["granted", "none", "expired", "denied",
                                                                      "revoked", "unconfirmed", "implied"])]),
        "access": lambda: rng.choice(["open", some(rng, ["open", "appointment_only", "no_see", "no_contact"])]),
        "licence": lambda: rng.choice(["valid", some(rng, ["valid", "none", "expired", "revoked"])]),
        "aligned": lambda: rng.random() < 0.8,
        "content": lambda: rng.choice(["approved", some(rng, ["approved", "none", "expired", "not_yet", "other_use",
                                                             "unlisted"])]),
        "blackout": lambda: rng.choice(["none", "none", "declared"]),
        "quiet_hours": lambda: rng.choice(["none", "none", "quiet"])}[name]()


KNOWN_AT = {  # what can be asked at another scope than hcp
    "account": ("access", "aligned", "content", "blackout", "quiet_hours", "local_time", "profile.country",
                "profile.attributes.territory"),
    "engagement_id": ()}


def is_known(name, want, scope):
    """Whether the states of that scope know it."""
    if name in ("all", "any"):
        return all(is_known(n, w, scope) for part in want for n, w in part.items())
    if name == "not":
        return all(is_known(n, w, scope) for n, w in want.items())
    of_physicians = name.startswith("profile.") or name in ("consent", "access", "licence", "aligned", "content", "blackout",
                                                            "quiet_hours", "local_time")
    return not of_physicians or scope == "hcp" or name in KNOWN_AT.get(
        scope, ("content", "blackout", "quiet_hours", "local_time"))


def random_require(rng, depth=0, scope="hcp"):
    asked = {}
    while not asked:
        asked = {name: want for name, want in (random_ask(rng, depth) for _ in range(rng.choice((1, 1, 2, 3))))
                 if is_known(name, want, scope)}
    return asked


def random_content(rng, start, days):
    """What content is approved: lines that overlap, follow each other, or fit other uses."""
    rows = []
    for _ in range(rng.randint(3, 8)):
        since = start + rng.randrange(-days, days) * MS_DAY
        rows.append({"content_id": rng.choice(CONTENTS), "channel": rng.choice((None, None) + CHANNELS),
                     "product": rng.choice((None, None) + PRODUCTS),
                     "function": rng.choice((None, None, "commercial", "medical")), "from": since,
                     "until": rng.choice((None, since + rng.randint(1, 2 * days) * MS_DAY))})
    return rows


def random_lines(rng, start, days, ids, **columns):
    """Lines of a table about these ids: of one id they follow each other, with and without a gap."""
    rows = []
    for one in ids:
        since = start + rng.randrange(-days, days // 2) * MS_DAY
        for n in range(rng.randint(0, 3)):
            until = since + rng.randint(1, days) * MS_DAY
            rows.append({"id": one, **{name: some(rng, values) if rng.random() < 0.9 else [] for name, values in columns.items()},
                         "from": since, "until": until if rng.random() < 0.8 else None})
            if rows[-1]["until"] is None:
                break
            since = until + rng.choice([0, 0, 3 * MS_DAY])
    for row in rows:
        row.update({name: [row[name]] if isinstance(row[name], str) else row[name] for name in columns})
    return rows


def random_tables(rng, start, days):
    """The tables of facts, and of actors, accounts and products."""
    def interval():
        since = start + rng.randrange(-days, days) * MS_DAY
        return {"from": since, "until": rng.choice((None, since + rng.randint(1, days) * MS_DAY))}

    markets, channels = (None, "DE", "US", "US-NY", "EU", "FR"), (None, None) + CHANNELS
    return {
        "blackouts": [{"market": rng.choice(markets), "channel": rng.choice(channels), "reason": rng.choice(("recall", "embargo")),
                       "product": rng.choice((None,) + PRODUCTS), **interval()} for _ in range(rng.randint(0, 4))],
        "quiet_hours": [{"market": rng.choice(markets), "channel": rng.choice(channels),
                         "days": rng.choice([None, None, ["sat", "sun"], ["mon", "tue", "wed", "thu", "fri"]]),
                         **dict(zip(("starts", "ends"), rng.sample(("00:00", "06:00", "12:00", "20:30", "24:00"), 2))),
                         **interval()} for _ in range(rng.randint(0, 4))],
        "alignment": [{**rng.choice([{"hcp_id": "H%d" % rng.randint(1, 50), "account_id": None},
                                     {"hcp_id": None, "account_id": rng.choice(("A1", "A2"))}]),
                       "actor": rng.choice(ROLES)[:2] + str(rng.randint(1, 2)), "function": "commercial",
                       "product": rng.choice((None, None) + PRODUCTS), "deputy": rng.choice(("", "true", "false")),
                       **interval()} for _ in range(rng.randint(0, 12))],
        "actors": random_lines(rng, start, days, sorted({role[:2] + n for role in ROLES for n in "12"}), trained=["yes", "no"], segments=SEGMENTS),
        "accounts": random_lines(rng, start, days, ("A1", "A2"), visits=["open", "closed"], channels=list(CHANNELS)),
        "products": random_lines(rng, start, days, PRODUCTS, audience=list(SPECIALTIES))}


def random_channels(rng):
    """What consent a channel needs; one that is not here needs it everywhere."""
    return {channel: {"double_opt_in": rng.random() < 0.5, "default": rng.choice(["opt_in", "opt_in", "opt_out"]),
                      "opt_in": ["DE"], "opt_out": ["US"]}
            for channel in CHANNELS if rng.random() < 0.7} or {"email": {"default": "opt_in"}}


WHO = ({}, {"tier": "A"}, {"tier": ["A", "B"]}, {"segments": SEGMENTS[0]}, {"specialty": {"ne": SPECIALTIES[0]}},
       {"country": ["DE", "US"]}, {"tier": {"exists": True}}, {"attributes.territory": "north"})


def random_coverage(rng):
    rule = {"of": random_selector(rng, 0.3), "who": rng.choice(WHO), "period": rng.choice(["day", "week", "week", "month"]),
            "at_least": rng.choice([1, 1, 2, 3])}
    if rng.random() < 0.5:
        path, values = rng.choice([("product", PRODUCTS), ("team", TEAMS), ("channel", CHANNELS), ("product", ("P1",))])
        rule["of"][path] = list(values) if rng.random() < 0.9 else values[0]
        rule["same"] = [path]
    if rng.random() < 0.4:
        rule["on_track"] = rng.choice([decimal.Decimal("0.5"), decimal.Decimal("0.75"), 1])
    return rule


def random_keys(rng, variant, scope="hcp"):
    """The keys that are a kind's own."""
    if variant in ("expiry", "contradiction"):
        subject = {"subject": "access" if scope == "account" else rng.choice(("consent", *SUBJECTS))}
        return dict(subject, lead=rng.choice(spans("1 h", "2 d", "7 d", "30 d"))) if variant == "expiry" else dict(
            subject, within={"ms": 0}, different=["state"])
    if variant == "eligibility":
        return {"of": random_selector(rng), "require": random_require(rng, 0, scope)}
    if variant == "coverage":
        rule = random_coverage(rng)
        return rule if scope == "hcp" else dict(rule, who=rng.choice(({}, {"country": ["DE", "US"]}, {"attributes.territory": "north"})))
    if variant.startswith(("frequency", "budget")):
        return random_numbers(rng, variant)
    named = {"absence": 0.5, "requires": 0.3}.get(variant, 0.1)
    rule = {"a": random_selector(rng, named), "b": random_selector(rng, named if variant == "absence" else 0.05)}
    if variant == "proximity":
        rule["within"] = rng.choice(WITHIN)
    elif variant == "overlap":
        if rng.random() < 0.5:
            rule["durations"] = {c: rng.choice([HOUR, 6 * HOUR, 25 * HOUR])
                                 for c in rng.sample(("in_person", "video", "default"), rng.randint(1, 3))}
    elif variant == "until":
        rule.update(until=random_selector(rng, 0.2), max_open=rng.choice(AFTER))
        if rng.random() < 0.4:
            rule["plus"] = rng.choice([6, 24, 48]) * HOUR
    else:
        rule["within"] = rng.choice(AFTER + spans("0 dates"))
    if variant == "sequence" and rng.random() < 0.5:
        rule["without"] = random_selector(rng, 0.2)
    if variant == "absence":
        rule["within"] = rng.choice(spans("1 h", "12 h", "36 h", "3 d", "0 dates", "1 dates", "1 mo", "0 bd", "2 bd"))
        if rng.random() < 0.3:
            rule["inclusive"] = True
        if rng.random() < 0.6:
            rule["resolve_within"] = rng.choice(spans("2 d", "7 d", "30 d", "3 dates", "2 mo", "10 bd"))
    return rule


KEYS = {"campaign": "campaign_id"}
DECLARED = (*KEYS, "engagement_id")
MODES = ("shadow", "alert", "alert", "block")


def random_validity(rng, start, days):
    valid = {}
    if rng.random() < 0.1:
        valid["valid_from"] = start + rng.randint(0, days) * MS_DAY
    if rng.random() < 0.1:
        valid["valid_to"] = max(start + rng.randint(days // 2, days + 10) * MS_DAY, valid.get("valid_from", 0) + MS_DAY)
    return valid


# Which scopes know what a rule asks beside touches.
SCOPES_OF = {"coverage": ("account",), "expiry": ("account",), "contradiction": ("account",),
             "eligibility": ("account", "account", "actor", "campaign", "engagement_id", "engagement_id")}


def random_rule(rng, number, variant, start, days, scopes):
    kind = VARIANTS[variant]
    scope = rng.choice(SCOPES_OF.get(variant, scopes[:-1])) if scopes else "hcp"
    rule = dict(random_keys(rng, variant, scope), id="rule-%d" % number, version=rng.randint(1, 3), kind=kind,
                mode=rng.choice(MODES), severity=random_severity(rng, variant))
    pairs = variant in ("proximity", "overlap")
    if scopes:
        rule["scope"] = scope
        rule["mode"] = rng.choice(["alert", "alert", "shadow"])
        if "distinct" in rule and rng.random() < 0.5:
            rule["distinct"] = "hcp"
    if "subject" in rule:
        return dict(rule, **random_validity(rng, start, days))
    if kind not in ("eligibility", "coverage") and rng.random() < 0.25:
        rule["same"] = rng.choice([["team"], ["product"], ["similar"], ["team", "topic"], ["account_id"]]
                                  + [["key_messages"]] * pairs)
    if variant.endswith(("rolling", "calendar")) and rng.random() < 0.2:
        rule.update(axis="recorded_at", mode="alert" if rule["mode"] == "block" else rule["mode"])
        if rng.random() < 0.5 and "weights" not in rule and kind == "frequency":
            rule["distinct"] = "start"
    if "a" in rule and rng.random() < 0.2:
        rule["different"] = rng.choice([["actor"], ["role"], {"any": ["team", "product"]}, ["similar"], ["channel"]])
        same = rule.get("same", [])
        if set(same) & set(rule["different"] if isinstance(rule["different"], list) else rule["different"]["any"]):
            del rule["different"]
    if kind in ("proximity", "sequence", "absence", "requires", "until") and rng.random() < 0.1:
        rule["link"] = "responds_to"
    if rng.random() < 0.25:
        joint = pairs or kind == "sequence"
        rule["unless"] = rng.choice([[{"topic": "safety"}], [{"channel": "video"}, {"phase": "planned", "team": "T1"}]]
                                    + [["joint"], ["joint"], ["joint", {"channel": "video"}]] * joint)
    valid = random_validity(rng, start, days)
    if kind == "coverage":
        valid.setdefault("valid_from", start + rng.randint(0, days) * MS_DAY)
        longest = valid["valid_from"] + (20 if rule["period"] == "day" else 400) * MS_DAY  # an alert a period
        valid["valid_to"] = max(min(valid.get("valid_to", longest), longest), valid["valid_from"] + MS_DAY)
    return dict(rule, **valid)


# Which way a parameter is stricter.
STRICTER = {
    "proximity": {"within": 1}, "sequence": {"within": 1}, "overlap": {}, "requires": {"within": -1}, "eligibility": {},
    "absence": {"within": -1, "resolve_within": -1}, "until": {"max_open": 1, "plus": 1},
    "frequency": {"limit": -1, "at_least": -1, "window": 1}, "budget": {"limit": -1, "at_least": -1, "window": 1}}
LEVELS = ("info", "low", "medium", "high", "critical")


def is_stricter(rule, key, value):
    """Whether a market may write this, of its own accord, in place of what the rule says."""
    old = rule.get(key)
    if key == "mode":
        return MODES.index(value) >= MODES.index(old)
    if key == "severity":
        return not isinstance(value, list) and all(
            LEVELS.index(value) >= LEVELS.index(level)
            for level in ([old] if isinstance(old, str) else [case["severity"] for case in old]))
    way = STRICTER[rule["kind"]][key]
    if isinstance(value, dict):
        if old is None or set(value) != set(old):
            return False
        value, old = *value.values(), *old.values()
    return old is not None and (value - old) * way >= 0


def random_markets(rng, rule):
    """Some markets have the rule otherwise, or alone."""
    if rule["kind"] == "coverage":  # it is about physicians: who: names their country
        return
    if rng.random() < 0.12:
        rule["market"] = rng.choice(["DE", "US", "EU"])
        return
    pools = {"within": WITHIN if rule["kind"] == "proximity" else AFTER, "window": WINDOW, "max_open": AFTER,
             "resolve_within": spans("2 d", "7 d", "30 d"), "plus": [6 * HOUR, 24 * HOUR, 48 * HOUR],
             "limit": [0, 1, 2, 3] if rule["kind"] == "frequency" else [0, 10, 100, 200], "at_least": [1, 2, 3],
             "severity": LEVELS, "mode": MODES}
    keys = [key for key in pools if key in rule and not (key == "mode" and ("axis" in rule or "over" in rule)) and not (isinstance(rule[key], dict) and "table" in rule[key])
            and not (key == "window" and rule.get("period") == "from_first")]
    for name in rng.sample(("EU", "DE", "US"), rng.choice([0, 0, 1, 2, 3])):
        rule.setdefault("changes", {})[name] = {key: rng.choice(pools[key])
                                                for key in rng.sample(keys, rng.randint(1, min(2, len(keys))))}
    for name, changes in rule.get("changes", {}).items():
        base = dict(rule, **rule["changes"].get("EU", {})) if name == "DE" else rule
        for key, value in changes.items():
            if not is_stricter(base, key, value):
                rule.setdefault("local", {})[key] = "any"


def random_graces(rng):
    """Markets in which plans lapse earlier; not longer than the least grace of a policy, a country's not than its
    pack's."""
    return {name: hours * HOUR for name, hours in (("EU", 5), ("DE", 3), ("US", 6)) if rng.random() < 0.25}


WEEKENDS = ((6, 7), (6, 7), (5, 6), (7,), ())
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def random_calendar(rng, start, days):
    """A weekend, and some holidays around the history, often several in a row."""
    first = datetime.datetime.fromtimestamp(start // 1000, UTC).date()
    holidays = set()
    for _ in range(rng.choice([0, 1, 3, 6])):
        day = first + datetime.timedelta(days=rng.randint(-5, days + 20))
        holidays.update(day + datetime.timedelta(days=i) for i in range(rng.choice([1, 1, 2, 4])))
    return frozenset(rng.choice(WEEKENDS)), frozenset(holidays)


BY = {"team": TEAMS, "channel": CHANNELS, "tier": ("A", "B"), "similar": ("science", "safety"), "product": PRODUCTS,
      "profile.country": ("DE", "US", "FR"), "on_label": ("true", "false")}
IN_TABLES = spans("0 h", "12 h", "36 h", "3 d", "7 d", "1 mo", "2 bd")


def use_table(rng, rule, start, days):
    """Puts a limit or window of the rule, or both, into limits.csv. Gives its lines."""
    limit = next((key for key in ("limit", "at_least") if key in rule), None)
    window = next((key for key in ("within", "window") if key in rule), None)
    over_period = "period" in rule
    keys = [key for key in (limit, window) if key is not None and not (over_period and key == window)]
    if not keys:
        return []
    keys = rng.sample(keys, rng.randint(1, len(keys)))
    fields = [f for f in BY if rule["kind"] != "coverage" or f in ("tier", "profile.country")]
    fields = [f for f in fields if not over_period or f in ("tier", "profile.country") or f in rule.get("same", ())]
    by = rng.sample(fields, min(len(fields), rng.choice([1, 1, 2])))
    bound = rule[limit] if limit in keys else None
    lines = []
    for values in itertools.product(*(BY[f] for f in by)):
        ends = sorted({start + rng.randint(-5, days + 10) * MS_DAY for _ in range(rng.choice([0, 1, 2]))})
        for begin, end in zip([start - 500 * MS_DAY, *ends], [*ends, None]):
            if rng.random() < 0.8:
                window_ = rng.choice([w for w in IN_TABLES if window == "within" or w != {"ms": 0}])
                lines.append({"rule": rule["id"], "by": by, "values": values, "from": begin, "until": end,
                              "limit": None if bound is None else bound + rng.choice([0, 0, 1]),
                              "within": window_ if window in keys else None})
    for key in keys:
        rule[key] = {"table": "limits", "by": by}
    return lines


def countable(rule):
    """Which of a rule's members others may count it by."""
    if "over" in rule or "subject" in rule or "period" in rule or rule["kind"] == "coverage":
        return ""
    return {"requires": "b", "absence": "a", "frequency": "a", "budget": "a", "eligibility": "a"}.get(rule["kind"], "ab")


def random_counting(rng, rules, first, start, days, scopes):
    """Rules that count the alerts of others, and those of other keys what they count."""
    added = []
    for number in range(rng.choice([0, 1, 2])):
        known = [rule for rule in rules if countable(rule) and rule.get("scope", "hcp") == "hcp"]
        if scopes:
            known = [random_rule(rng, first + 10 + number, rng.choice(["sequence", "proximity", "overlap", "frequency rolling"]),
                                 start, days, ())]
            known[0].pop("without", None)
            added += known
        if known:
            other = rng.choice(known)
            rule = random_rule(rng, first + number, rng.choice(["frequency rolling", "frequency calendar", "frequency first"]),
                               start, days, scopes)
            rule.pop("axis", None)
            rule["mode"] = "alert" if rule["mode"] == "block" else rule["mode"]
            if rng.random() < 0.6:
                rule["of"] = {}
            added.append(dict(rule, over={"rule": other["id"], "of": rng.choice(countable(other))}))
    return added


def random_policy(rng, variants, start, days, lateness=None, scopes=()):
    """Some rules of different kinds, of scope hcp or of these."""
    chosen = rng.choices(variants, [SHARE[v] for v in variants], k=rng.randint(18, 26) if scopes else rng.randint(9, 14))
    rules = [random_rule(rng, i, variant, start, days, scopes) for i, variant in enumerate(chosen)]
    rules += random_counting(rng, rules, 400, start, days, scopes)
    limits = [line for rule in rules
              if "subject" not in rule and not scopes and rng.random() < 0.15 for line in use_table(rng, rule, start, days)]
    for rule in rules:
        if "subject" not in rule and not scopes:
            random_markets(rng, rule)
    return {
        "allowed_lateness": lateness if lateness is not None else rng.choice([4, 10, 30, 30]) * MS_DAY,
        "max_ahead": rng.choice([60, 200]) * MS_DAY, "planned_grace": rng.choice([6 * HOUR, MS_DAY, 2 * MS_DAY]),
        "joint_within": rng.choice([HOUR, 4 * HOUR, 4 * HOUR]), "zone": rng.choice(ZONES),
        "markets": {"DE": "Europe/Berlin", "US": "America/New_York"},
        "calendars": {"DE": random_calendar(rng, start, days), "US": random_calendar(rng, start, days)},
        "groups": {"similar": ("topic", {"science": ["trial", "dosing"]})}, "keys": KEYS,
        "channels": random_channels(rng), "content": random_content(rng, start, days),
        "tables": random_tables(rng, start, days), "packs": PACKS, "graces": random_graces(rng), "rules": rules, "limits": limits}


def in_another_mode(rule):
    other = dict(rule, mode="alert" if rule["mode"] == "shadow" else "shadow")
    if any("mode" in changes for changes in rule.get("changes", {}).values()):
        other["local"] = dict(rule.get("local", {}), mode="any")
    return other


def other_tables(rng, policy, start, days):
    """The same rules with other tables: limits, holidays, what is approved."""
    lines = [dict(line, limit=line["limit"] and max(1, line["limit"] + rng.choice([-1, 1, 2])))
             for line in policy["limits"] if rng.random() < 0.5]
    tables = random_tables(rng, start, days)
    return dict(policy, limits=lines, content=random_content(rng, start, days),
                tables={name: rng.choice([rows, tables[name]]) for name, rows in policy["tables"].items()},
                calendars={market: random_calendar(rng, start, days) for market in policy["calendars"]})


def next_policy(rng, variants, policy, start, days):
    """What comes after a policy: some of its rules, some of them changed, some others; or other tables only."""
    if rng.random() < 0.4:
        return other_tables(rng, policy, start, days)
    rules, same = [], set()
    for number, rule in enumerate(policy["rules"]):
        fate = rng.random()
        if fate < 0.5:
            rules.append(in_another_mode(rule) if fate < 0.15 else rule)
            same.add(rule["id"])
        elif fate < 0.8:
            other = random_rule(rng, 200 + number, rng.choice(variants), start, days, ())
            rules.append(dict(other, id=rule["id"]))
    for number in range(3):
        rules.append(random_rule(rng, 100 + number, rng.choice(variants), start, days, ()))
    sides = {rule["id"]: countable(rule) for rule in rules}
    rules = [rule for rule in rules if "over" not in rule or rule["over"]["of"] in sides.get(rule["over"]["rule"], "")]
    same &= {rule["id"] for rule in rules}
    rules += random_counting(rng, rules, 500, start, days, ())
    return dict(policy, rules=rules, limits=[line for line in policy["limits"] if line["rule"] in same], planned_grace=rng.choice([policy["planned_grace"], 6 * HOUR, 3 * MS_DAY]),
                joint_within=rng.choice([policy["joint_within"], HOUR]))


def span(within):
    if "table" in within:
        return within
    if "ms" in within:
        ms = within["ms"]
        return "%dd" % (ms // MS_DAY) if ms and ms % MS_DAY == 0 else "%dh" % (ms // HOUR)
    return within


def csv_span(within):
    (unit, n), = within.items()
    return span(within) if unit == "ms" else "%d%s" % (n, {"months": "mo", "business_days": "bd"}[unit])


def severity_case(case):
    when = {k: span(v) if k == "within" else v for k, v in case.items() if k != "severity"}
    return {"when": when, "level": case["severity"]} if when else {"level": case["severity"]}


class Plain(json.JSONEncoder):
    """Decimals as plain numbers; YAML takes JSON as it is."""

    def default(self, o):
        return float(o) if o % 1 else int(o)


def flow(value):
    return json.dumps(value, cls=Plain)


def written(rule):
    """A rule, or what a market changes of one, as it stands in a file."""
    keys = {key: value for key, value in rule.items() if key not in ("changes", "market")}
    for key in keys.keys() & {"within", "window", "resolve_within", "max_open", "lead"}:
        keys[key] = span(rule[key])
    for key in keys.keys() & {"valid_from", "valid_to"}:
        keys[key] = text(rule[key])
    if "plus" in rule:
        keys["plus"] = span({"ms": rule["plus"]})
    if "durations" in rule:
        keys["durations"] = {channel: span({"ms": ms}) for channel, ms in rule["durations"].items()}
    if isinstance(rule.get("severity"), list):
        keys["severity"] = [severity_case(c) for c in rule["severity"]]
    return keys


def write_policy(policy, directory):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "policy.yaml"), "w") as f:
        print("name: law", file=f)
        for key in ("allowed_lateness", "max_ahead", "planned_grace", "joint_within"):
            print("%s: %s" % (key, span({"ms": policy[key]})), file=f)
        print("zone:", policy["zone"], file=f)
        print("zones:", flow(ZONES), file=f)
        print("markets:", flow({**{c: {"zone": z, "weekend": [WEEKDAYS[d - 1] for d in policy["calendars"][c][0]]}
                                   for c, z in policy["markets"].items()},
                                **{p: {"countries": countries} for p, countries in policy["packs"].items()}}), file=f)
        print("keys:", flow(policy["keys"]), file=f)
        print("groups:", flow({n: {"field": of, "sets": sets} for n, (of, sets) in policy["groups"].items()}), file=f)
    with open(os.path.join(directory, "channels.yaml"), "w") as f:
        print("channels:", flow([{"channel": channel, "propose": False, **(
            {"double_opt_in": True} if needs.get("double_opt_in") else {}), "consent": {
                k: v for k, v in needs.items() if k != "double_opt_in"}}
            for channel, needs in policy["channels"].items()]), file=f)
    with open(os.path.join(directory, "content.csv"), "w") as f:
        print("content_id,channel,product,function,from,until", file=f)
        for row in policy["content"]:
            print(",".join("" if v is None else text(v) if k in ("from", "until") else v for k, v in row.items()),
                  file=f)
    for name, rows in policy["tables"].items():
        columns = {"blackouts": "market,channel,product,reason,from,until", "quiet_hours": "market,channel,days,starts,ends,from,until",
                   "alignment": "hcp_id,account_id,actor,function,product,deputy,from,until", "actors": "id,trained,segments,from,until",
                   "accounts": "id,visits,channels,from,until", "products": "id,audience,from,until"}[name]
        with open(os.path.join(directory, name + ".csv"), "w") as f:
            print(columns.replace("id,", {"actors": "actor,", "accounts": "account_id,", "products": "product,"}[name], 1)
                  if columns.startswith("id,") else columns, file=f)
            for row in rows:
                print(",".join("" if v is None else "|".join(v) if isinstance(v, list) else text(v) if k in ("from", "until")
                               else v for k, v in ((k, row[k]) for k in columns.split(","))), file=f)
    with open(os.path.join(directory, "calendars.csv"), "w") as f:
        print("country,date,name", file=f)
        for country, (_, holidays) in policy["calendars"].items():
            for date in holidays:
                print("%s,%s,closed" % (country, date), file=f)
    tables = [bound for rule in policy["rules"] for bound in rule.values() if isinstance(bound, dict) and "by" in bound
              and "table" in bound]
    if tables:
        fields = sorted({field for table in tables for field in table["by"]})
        with open(os.path.join(directory, "limits.csv"), "w") as f:
            print(",".join(["rule", *fields, "from", "until", "limit", "within"]), file=f)
            for line in policy["limits"]:
                cells = dict(zip(line["by"], line["values"]))
                print(",".join([line["rule"], *(cells.get(field, "") for field in fields), text(line["from"]),
                                "" if line["until"] is None else text(line["until"]),
                                "" if line["limit"] is None else str(line["limit"]),
                                "" if line["within"] is None else csv_span(line["within"])]), file=f)
    with open(os.path.join(directory, "conflicts.yaml"), "w") as f:
        central = [rule for rule in policy["rules"] if "market" not in rule]
        for rule in central:
            print("-", flow(written(rule)), file=f)
        if not central:
            print("[]", file=f)
    os.makedirs(os.path.join(directory, "markets"), exist_ok=True)
    for name in (*policy["markets"], *policy["packs"]):
        changes = {rule["id"]: written(rule["changes"][name]) for rule in policy["rules"] if name in rule.get("changes", {})}
        added = [written(rule) for rule in policy["rules"] if rule.get("market") == name]
        grace = policy["graces"].get(name)
        if changes or added or grace is not None:
            with open(os.path.join(directory, "markets", name + ".yaml"), "w") as f:
                if grace is not None:
                    print("planned_grace:", span({"ms": grace}), file=f)
                print("change:", flow(changes), "\nadd:", flow(added), file=f)


# ---------------------------------------------------------------------------------------------- histories

class History:
    """The life of a few engagements of one physician, as [(arrival, kind, data)]."""

    def __init__(self, rng, hcp, start, days, focus, lateness, settled, groups=()):
        self.rng, self.hcp, self.start, self.days, self.focus = rng, hcp, start, days, focus
        self.lateness, self.settled = lateness, settled
        self.records, self.moved, self.number = [], [], 0
        self.profiles = rng.choice([0, 1, 1, 2])
        self.groups = groups  # touches that several physicians may attend; all have accounts and campaigns

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
        if self.groups and rng.random() < 0.4:  # one of many physicians
            group = rng.choice(self.groups)
            event = dict(event, **dict(group, actor=dict(group["actor"])))
            event["start"] += rng.choice([0, 0, 0, 1, 6, -6, 24]) * HOUR
            t = event["start"]
        if self.groups and rng.random() < 0.7:
            event["campaign_id"] = rng.choice(["C1", "C2"])
        if rng.random() < 0.15:
            del event["actor"]["team"]
        for key, values, share in (("product", PRODUCTS, .8), ("topic", TOPICS, .8), ("amount", AMOUNTS, .6),
                                   ("currency", ("USD", "USD", "EUR"), .4), ("quantity", (1, 1, 2, 3), .5),
                                   ("initiated_by", ("company", "hcp"), .5), ("on_label", (True, False), .3),
                                   ("content_id", CONTENTS, .5), ("jurisdiction", ("US-NY", "DE"), .2)):
            if rng.random() < share:
                event[key] = rng.choice(values)
        if rng.random() < 0.6:
            event["end"] = t + rng.choice([HOUR, 6 * HOUR, 30 * HOUR, 72 * HOUR, 1])
        if not self.profiles and rng.random() < 0.4:
            event["country"] = rng.choice(["DE", "US", "FR"])
        if rng.random() < 0.5:
            event["jurisdiction"] = rng.choice(["DE", "DE", "US", "FR", "EU", "GB"])
        if rng.random() < 0.4:
            event["key_messages"] = rng.sample(MESSAGES, rng.randint(1, 2))
        if rng.random() < 0.3:
            other = rng.choice([r for r in ROLES if r != role])
            event["joint_with"] = [{"id": other[:2] + str(rng.randint(1, 2)), "role": other}]
        if self.records and rng.random() < 0.3:
            answered = rng.choice(self.records)[2]
            event["responds_to"] = rng.choice([answered.get("engagement_id"), answered.get("id")])
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

    def moved_by(self, event, by):
        return dict(event, **{key: event[key] + by for key in ("start", "end") if event.get(key) is not None})

    def shifted(self, event):
        return self.moved_by(event, self.rng.choice([-48, -12, 24, 96, 168, 240]) * HOUR)

    def another(self, event):
        """Quite another touch at the same time."""
        fresh = self.fresh_touch()
        return dict(fresh, **{key: event.get(key) for key in ("engagement_id", "start", "end")})

    def altered(self, event):
        rng, event = self.rng, dict(event)
        what = rng.choice(("team", "actor", "product", "topic", "channel", "role", "role", "role", "start",
                           "key_messages", "amount", "quantity", "currency", "end", "jurisdiction")
                          + ("account_id", "account_id", "campaign_id") * bool(self.groups))
        if what == "start":
            return self.shifted(event)
        if what in ("team", "actor", "role"):
            role = rng.choice(ROLES) if what == "role" else event["actor"]["role"]
            event["actor"] = {"id": role[:2] + str(rng.randint(1, 3)), "role": role, "team": rng.choice(TEAMS)}
        else:
            event[what] = {"account_id": rng.choice(("A1", "A2", None)), "campaign_id": rng.choice(("C1", "C2", None)),
                           "product": rng.choice(PRODUCTS), "topic": rng.choice(TOPICS + (None,)),
                           "channel": rng.choice(CHANNELS), "key_messages": rng.sample(MESSAGES, 1),
                           "amount": rng.choice(AMOUNTS + (None,)), "quantity": rng.choice((1, 2, None)),
                           "currency": rng.choice(("USD", "EUR", None)),
                           "jurisdiction": rng.choice(("DE", "FR", "US", None)),
                           "end": rng.choice((None, event["start"] + HOUR, event["start"] + 48 * HOUR))}[what]
        return event

    def logged_long_after(self):
        """Visits that somebody entered in one go, when it was too late for them by their own time; some are mended."""
        rng = self.rng
        recorded_at = self.focus - rng.randrange(0, 96) * HOUR
        for n in range(rng.randint(2, 5)):
            event = self.fresh_touch()
            recorded_at += rng.choice([0, 0, 1, 24]) * HOUR
            event = self.moved_by(event, recorded_at - self.lateness - rng.randint(-6, 72) * HOUR - event["start"])
            self.say(event, "completed", recorded_at, arrival=recorded_at)
            if rng.random() < 0.4:
                phase = rng.choice(["completed", "completed", "cancelled"])
                at = recorded_at + rng.choice([0, 1, 24, 48]) * HOUR
                self.say(event if phase == "cancelled" else self.altered(event), phase, at, arrival=at)

    def engagement(self, other):
        rng, event = self.rng, self.fresh_touch()
        after = lambda e: e["start"] + rng.choice([0, 0, 1, 6, 24, 40]) * HOUR
        if rng.random() < 0.3:
            recorded_at = after(event)
        else:  # planned first
            recorded_at = event["start"] - rng.choice([1, 6, 24, 72, 168, 240]) * HOUR
            self.say(event, "planned", recorded_at)
            for _ in range(rng.choice([0, 1, 1, 2, 2])):
                recorded_at += rng.choice([0, 1, 6, 30]) * HOUR
                if rng.random() < 0.35:  # only once it was over
                    recorded_at = max(recorded_at, event["start"] + rng.choice([0, 1, 5, 20]) * HOUR)
                how = rng.random()
                if how < 0.6:
                    event = self.shifted(event)
                if how > 0.4:
                    event = self.altered(event) if rng.random() < 0.4 else self.another(event)
                self.say(event, "planned", recorded_at)
            fate = rng.random()
            if fate < 0.45:
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

    def cluster(self):
        """Some plans near the end that have much in common: one that lapses then, is just over, is still to come."""
        rng = self.rng
        first = self.fresh_touch()
        first["joint_with"] = None
        known = self.focus - rng.choice([72, 96, 120]) * HOUR
        around = [-49, -25, -7, -6, -5, -4, -3, -2, -2, -1, -1, 6]
        for hours in rng.sample(around, 2) + [rng.choice([1, 6, 12, 24, 48])]:
            at = self.focus + hours * HOUR
            event = dict(first, engagement_id="e%d" % len(self.records), start=at,
                         end=at + rng.choice([HOUR, 6 * HOUR, 30 * HOUR, 60 * HOUR]))
            if rng.random() < 0.5:
                role = rng.choice(ROLES)
                event["actor"] = {"id": role[:2] + str(rng.randint(1, 2)), "role": role, "team": rng.choice(TEAMS)}
            if rng.random() < 0.3:
                event["product"] = rng.choice(PRODUCTS)
            self.say(event, "planned", known, known)

    def last_words(self):
        """At the end some of what is planned or over changes: what stands then ends in every way, and nothing comes after."""
        rng = self.rng
        latest = {}
        for arrival, kind, event in self.records:
            engagement = event.get("engagement_id")
            if kind == "touch" and arrival <= self.focus and engagement is not None and (
                    engagement not in latest or rank(event) > rank(latest[engagement])):
                latest[engagement] = event
        ends = [e for e in latest.values() if e["phase"] != "cancelled" and "start" in e and "actor" in e
                and abs(e["start"] - self.focus) < 20 * MS_DAY]
        planned = [e for e in ends if e["phase"] == "planned"]
        for event in rng.sample(planned, min(len(planned), rng.choice([0, 1, 1, 2]))) + rng.sample(
                ends, min(len(ends), rng.choice([0, 0, 1, 1, 2]))):
            at = self.focus - rng.choice([0, 0, 0, 1]) * HOUR
            if event["phase"] != "planned":
                if rng.random() < 0.5:
                    self.say(event, "cancelled", at, at)
                else:
                    self.say(self.altered(event), "completed", at, at)
                continue
            how = rng.random()
            if how < 0.15:
                self.say(event, "cancelled", at, at)
            elif how < (0.7 if event["start"] <= at else 0.45):
                self.say(self.moved_by(event, rng.choice([-7, -5, -2, 2, 5, 9, 16, 40]) * MS_DAY
                                       if rng.random() < 0.7 else 36 * HOUR), "planned", at, at)
            elif how < 0.6 and event["start"] > at:  # so long ago that it lapses at once
                self.say(self.moved_by(event, self.focus - rng.choice([50, 60, 90]) * HOUR - event["start"]),
                         "planned", at, at)
            else:
                for _ in range(3):
                    start = event["start"]
                    event = self.altered(event)
                    event = self.moved_by(event, start - event["start"])
                self.say(event, "planned", at, at)

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
            event = self.moved_by(event, rng.choice([300000, 300001, 2 * HOUR, 300 * MS_DAY, -60 * MS_DAY]))
            self.say(event, "completed", at, at)
        if rng.random() < 0.2:
            self.number += 1
            at = self.start + rng.randrange(self.days) * MS_DAY
            event = {"id": "%s-%d" % (self.hcp, self.number), "source": "mail", "type": rng.choice(
                ["email.opened", "web.visit", "mi.requested"]), "time": at, "hcp_id": self.hcp,
                "engagement_id": "e0", "phase": "completed", "channel": "email"}
            self.records.append((at, "other", event))

    def instant(self):
        """When a fact begins or ends: often exactly when there is a touch."""
        rng = self.rng
        if self.touched and rng.random() < 0.7:
            return rng.choice(self.touched) + rng.choice([0, 0, 0, 1, -1, -6 * HOUR, -24 * HOUR, 24 * HOUR])
        return self.start + rng.randrange(-self.days, self.days) * MS_DAY

    def interval(self, **fact):
        """The same fact with the ends of an interval."""
        since = self.instant()
        until = None if self.rng.random() < 0.5 else max(self.instant(), since + HOUR)
        return dict(fact, **{"from": since, "until": until})

    def stated(self):
        """What a profile says of facts."""
        rng = self.rng
        maybe = lambda values, share=0.4: rng.choice(values) if rng.random() < share else None
        said = {"consents": [self.interval(channel=rng.choice(CHANNELS), state=rng.choice(
                    ("granted", "granted", "denied", "revoked")), product=maybe(PRODUCTS),
                    confirmed_at=self.instant() if rng.random() < 0.3 else None, proof=maybe(("proof-1", "proof-2")))
                    for _ in range(rng.choice((0, 1, 2, 3)))],
                "access": [self.interval(state=rng.choice(("no_see", "appointment_only", "no_contact", "open")),
                                         channel=maybe(CHANNELS)) for _ in range(rng.choice((0, 0, 1, 2)))],
                "licences": [self.interval(number="L%d" % rng.randint(1, 2), jurisdiction=maybe(PLACES, 0.7))
                             for _ in range(rng.choice((0, 1, 2)))],
                "owners": [self.interval(function="commercial", actor_id=self.somebody(),
                                         deputy_id=maybe((self.somebody(),)))
                           for _ in range(rng.choice((0, 1, 2)))],
                "tier": maybe(("A", "B"), 0.7), "specialty": maybe(SPECIALTIES, 0.8),
                "segments": rng.sample(SEGMENTS, rng.choice((0, 1, 2))),
                "affiliations": [self.interval(account_id=rng.choice(("A1", "A2")))
                                 for _ in range(rng.choice((0, 1, 2)))],
                "attributes": {"territory": "north"} if rng.random() < 0.5 else {}}
        for licence in said["licences"] + said["owners"] + said["affiliations"]:
            if rng.random() < 0.3:
                licence["from"] = None
        return {k: v for k, v in said.items() if v not in (None, [], {})}

    def somebody(self):
        role = self.rng.choice(ROLES)
        return role[:2] + str(self.rng.randint(1, 2))

    def fact(self):
        """A fact, maybe late, corrected, withdrawn."""
        rng = self.rng
        self.number += 1
        engagement = "f%d" % self.number
        recorded_at = None
        phases = ["completed"] * rng.choice((1, 1, 1, 2, 2, 3))
        if rng.random() < 0.3:
            phases[-1] = "cancelled"
        for phase in phases:
            said = self.interval()
            event = {"source": "consents", "engagement_id": engagement, "phase": phase, "hcp_id": self.hcp,
                     "type": rng.choice(FACTS), "start": said["from"], "end": said["until"]}
            for key, values, share in (("channel", CHANNELS, .7), ("product", PRODUCTS, .3),
                                       ("jurisdiction", PLACES, .4), ("country", ("DE", "US"), .2)):
                if rng.random() < share:
                    event[key] = rng.choice(values)
            if rng.random() < 0.9:
                event["actor"] = {"id": self.somebody()}
            said = [r[2] for r in self.records if r[1] == "fact"]
            if said and rng.random() < 0.6:  # the same fact, said to be otherwise
                other = rng.choice(said)
                same = ("start", "channel", "product", "jurisdiction", "country", "actor")
                event = {**{k: v for k, v in event.items() if k not in same},
                         **{k: other[k] for k in same if k in other}}
                alike = [t for t in FACTS if t.split(".")[0] == other["type"].split(".")[0]]
                event["type"] = rng.choice([t for t in alike if t != other["type"] and rng.random() < 0.9] or alike)
                if event["end"] is not None and event["end"] <= event["start"]:
                    event["end"] = None
            recorded_at = event["start"] + rng.choice([0, 0, 0, 1, 6, 30, 100, -24]) * HOUR if recorded_at is None \
                else recorded_at + rng.choice([0, 1, 24, 72, 240]) * HOUR
            self.number += 1
            event.update(id="%s-%d" % (self.hcp, self.number), recorded_at=recorded_at,
                         time=recorded_at if rng.random() < .5 else event["start"])
            late = rng.choice([0, 0, 0, 1, 24, 72]) * HOUR if rng.random() < .95 else rng.randrange(2 * self.lateness)
            self.records.append((recorded_at + late, "fact", {k: v for k, v in event.items() if v is not None}))

    def profile(self, zones):
        """Snapshots; where lateness is short all of one zone, which may not change for what is final."""
        rng = self.rng
        home = None
        for i in range(rng.choice((1, 2, 3)) if self.profiles else 0):
            at = self.start - MS_DAY + i * rng.randrange(1, self.days) * MS_DAY + i
            if zones or home is None:
                home = {"country": rng.choice(["DE", "US", "FR"])}
                if rng.random() < 0.6:
                    home["zone"] = rng.choice(ZONES)
            if i > 0 and zones and rng.random() < 0.1:
                self.records.append((at, "hcp.profile", {"hcp_id": self.hcp, "time": at, "gone": True}))
            else:
                self.records.append((at + rng.choice([0, 0, 1, 48]) * HOUR, "hcp.profile", dict(
                    {"hcp_id": self.hcp, "recorded_at": at}, **home, **self.stated())))


def variant_of(rule):
    """Which of VARIANTS a rule is."""
    if "subject" in rule:
        return "expiry" if "lead" in rule else "contradiction"
    if rule["kind"] not in ("frequency", "budget"):
        return rule["kind"]
    extent = "touch" if "per" in rule else "first" if rule.get("period") == "from_first" else \
        "calendar" if "period" in rule else "rolling"
    return "%s %s" % (rule["kind"], extent)


def random_groups(rng, start, days):
    """Touches of which several physicians are attendees."""
    groups = []
    for number in range(4):
        role = rng.choice(ROLES)
        groups.append({"engagement_id": "g%d" % number, "start": start + rng.randrange(days * 4) * 6 * HOUR,
                       "account_id": rng.choice(["A1", "A2"]),
                       "actor": {"id": role[:2] + str(rng.randint(1, 2)), "role": role, "team": rng.choice(TEAMS)}})
    return groups


def random_accounts(rng, start, days, zones):
    """Profiles of accounts, one after the other."""
    records = []
    for account in ("A1", "A2", "A3"):
        for i in range(rng.choice([0, 1, 2]) if zones else rng.choice([0, 1])):
            at = start - MS_DAY + i * rng.randrange(1, days) * MS_DAY + i
            data = {"account_id": account, "recorded_at": at, "time": at, "country": rng.choice(["DE", "US", "FR"])}
            if rng.random() < 0.6:
                data["zone"] = rng.choice(ZONES)
            if rng.random() < 0.5:
                data["attributes"] = {"territory": rng.choice(["north", "south"])}
            data["access"] = [{"state": rng.choice(("no_see", "appointment_only", "no_contact", "open")), "from": since,
                               **rng.choice([{}, {"channel": rng.choice(CHANNELS)}]),
                               **rng.choice([{}, {"until": since + rng.randint(1, days) * MS_DAY}])}
                              for since in [start + rng.randrange(-days, days) * MS_DAY] * rng.choice((0, 1, 2, 2))
                              + [start + rng.randrange(-days, days) * MS_DAY] * rng.choice((0, 1))]
            records.append((at, account, "account.profile", data))
    return records


def random_records(rng, hcps, start, days, focus, lateness, settled, conflicts, zones, shared=False):
    """Records of several physicians in order of arrival, until `focus`. `settled`: nothing is refused, in
    whatever order. `shared`: they have engagements in common, and accounts have profiles."""
    records = random_accounts(rng, start, days, zones) if shared else []
    groups = random_groups(rng, start, days) if shared else ()
    for i, hcp in enumerate(hcps):
        history = History(rng, hcp, start, days, focus, lateness, settled, groups)
        for _ in range(rng.randint(4, 9)):
            history.engagement(hcps[i - 1])
        if rng.random() < 0.6:
            history.cluster()
        history.last_words()
        if not settled and rng.random() < 0.3:
            history.logged_long_after()
        history.touched = [touch_time(r[2]) for r in history.records]
        for _ in range(0 if shared else rng.choice((0, 0, 1, 4, 6))):
            history.fact()
        history.noise(conflicts)
        history.profile(zones)
        records += [(a, hcp, k, e) for a, k, e in history.records]
        records += [(a, e["hcp_id"], k, e) for a, k, e in history.moved]
    records.sort(key=lambda r: r[0])
    return [r[1:] for r in records if r[0] <= focus]


def random_notes(rng, keys, records):
    """What people say of alerts that `keys` have at some time: too early, late, for a while; some say it again, or take
    it back. Put among the records."""
    known = sorted({(scope, key, alerts.alert_id(place[0], "declared" if scope in DECLARED else scope, key, place[1]),
                     tuple(sorted({e["hcp_id"] for e in row["evidence"]})) or (key,))
                    for (scope, key), holder in keys.items() for place, row in holder.alerts.items()})
    records = list(records)
    for number in range(rng.choice((3, 10, 30)) if known else 0):
        scope, key, alert, hcps = rng.choice(known)
        place = sorted(rng.randrange(len(records)) for _ in range(rng.choice((1, 1, 2))))
        for version, at in enumerate(reversed(place)):  # from behind: places before stay
            last = version == 0 and len(place) > 1
            said = recorded(records[at][2])
            start = said + rng.choice((-5 * MS_DAY, -HOUR, 0, HOUR, 2 * MS_DAY))
            kind = rng.choice(("alert.acknowledged", "alert.overridden"))
            event = {"id": "n%d-%d" % (number, version), "source": rng.choice(("desk", "app")), "type": kind,
                     "engagement_id": "N%d" % number, "hcp_id": hcps[number % len(hcps)], "time": said, "recorded_at": said + last,
                     "phase": "cancelled" if last and rng.random() < 0.5 else "completed", "responds_to": alert,
                     "actor": {"id": rng.choice(("eva", "uwe"))}, "start": start,
                     "end": start + rng.choice((HOUR, MS_DAY, 5 * MS_DAY, 100 * MS_DAY)),
                     "outcome": {"code": "accepted", "reason": rng.choice(("hcp_request", "false_alarm"))}}
            if scope != "hcp" or rng.random() < 0.2:
                event["attributes"] = {"alert_key": "%s:%s" % (scope, key)}
            records.insert(at + 1, (event["hcp_id"], "fact", event))
    return records


def as_line(rng, kind, data):
    """One structured CloudEvent."""
    body = {k: v for k, v in data.items() if v is not None}
    if data.get("gone"):
        return json.dumps({"specversion": "1.0", "id": "gone" + text(data["time"]), "source": "mdm",
                           "type": "hcp.profile", "subject": data["hcp_id"], "time": text(data["time"])})
    for key in ("consents", "access", "licences", "owners", "affiliations"):
        if key in body:
            body[key] = [{k: text(v) if k in ("from", "until", "confirmed_at") else v for k, v in one.items()
                          if v is not None} for one in body[key]]
    offset = rng.choice([0, 0, 0, 120, -300, 330])
    for key in ("time", "recorded_at", "start", "end"):
        if key in body:
            body[key] = text(body[key], offset)
    if "amount" in body:
        body["amount"] = str(body["amount"]) if rng.random() < 0.5 else float(body["amount"])
    envelope = {"specversion": "1.0", "datacontenttype": "application/json"}
    if kind == "account.profile":
        body.pop("time")
        envelope.update(id="p" + body["account_id"] + body["recorded_at"], source="mdm", type=kind,
                        time=body["recorded_at"])
    elif kind == "hcp.profile":
        envelope.update(id="p" + body["hcp_id"] + body["recorded_at"], source="mdm", type="hcp.profile",
                        time=body["recorded_at"])
    else:
        for key in ("id", "source", "type", "time"):
            envelope[key] = body[key] if rng.random() < 0.3 else body.pop(key)
        if kind == "touch" and rng.random() < 0.5 or kind == "fact" and data["phase"] == "completed":
            del body["phase"]  # the type says it
    envelope["data"] = body
    return json.dumps(envelope)
