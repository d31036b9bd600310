"""What one event says: its time and rank, the fields that a rule names, and whether a selector matches it.

Events are the decoded JSON objects of the records' `data`, with the envelope's id, source, type and time put in;
times are milliseconds since 1970, amounts decimals.
"""
PHASE_ORDER = {"planned": 0, "completed": 1, "cancelled": 2}
FUNCTION = {"sales_rep": "commercial", "key_account_manager": "commercial", "marketing": "commercial",
            "msl": "medical", "medical_information": "medical", "heor": "medical"}


def touch_time(event):
    if "was" in event:  # as a rule with `axis: recorded_at` sees it
        return recorded(event)
    return event["start"] if event.get("start") is not None else event["time"]


def recorded(event):
    return event["recorded_at"] if event.get("recorded_at") is not None else event["time"]


def as_logged(event):
    """The same touch, at the time at which it was recorded; `was` is the touch itself."""
    return dict(event, was=event)


def logged_only(event):
    """The same touch, which came too late by its own time: only rules with `axis: recorded_at` see it."""
    return dict(event, logged_only=True)


def plain(event):
    """The same touch, as all rules see it."""
    return {key: value for key, value in event.items() if key != "logged_only"}


def is_logged_only(event):
    return "logged_only" in event


def counts_at(event):
    """The time by which a version that counts is too late for another."""
    return recorded(event) if is_logged_only(event) else touch_time(event)


def engagement_of(event):
    if event.get("engagement_id") is not None:
        return event["engagement_id"]
    return '["%s","%s"]' % (event["source"], event["id"])


def in_order(event):
    """Touches in the order of time, ties by engagement (then, of one with several attendees, by physician)."""
    return touch_time(event), engagement_of(event).encode(), event["hcp_id"].encode()


def rank(event):
    """Of two versions of one engagement the one with the greater rank counts."""
    return recorded(event), PHASE_ORDER[event["phase"]], event["id"].encode()


def content(event):
    return {k: v for k, v in event.items() if k not in ("id", "source") and v is not None and v != []}


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
    if path == "hcp":
        return event["hcp_id"]
    if path == "market":
        return market(event)
    if path == "function":
        role = (event.get("actor") or {}).get("role")
        return role and FUNCTION.get(role, "other")
    if path == "joint.role":
        return sorted({p["role"] for p in event.get("joint_with") or () if p.get("role")}) or None
    value = event
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value == [] else value


def market(event):
    """Whose rules a touch is under: its jurisdiction's, else its country's."""
    return event.get("jurisdiction") or event.get("country")


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
                else:
                    ok = any(compare(v, op, operand) for v in values)
                if not ok:
                    return False
        else:
            want = want if isinstance(want, list) else [want]
            if not any(v in want for v in values):
                return False
    return True


def compare(value, op, operand):
    return {"lt": value < operand, "le": value <= operand, "gt": value > operand, "ge": value >= operand}[op]


def share(a, b, path, groups):
    """Whether two touches that both have the field have the same value; of lists, one in common."""
    x, y = field(a, path, groups), field(b, path, groups)
    return bool(set(x) & set(y)) if isinstance(x, list) else x == y


def joint(a, b, joint_within):
    """Whether two touches are one visit of two: either names the other's actor."""
    if abs(touch_time(a) - touch_time(b)) > joint_within:
        return False
    for x, y in ((a, b), (b, a)):
        actor = (y.get("actor") or {}).get("id")
        if actor is not None and any(p["id"] == actor for p in x.get("joint_with") or ()):
            return True
    return False
