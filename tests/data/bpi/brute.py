#!/usr/bin/env python3
"""What alerts the rules of policy/conflicts.yaml must give on the converted events: straight from the definitions,
quadratic per case, sharing nothing with the daemon and nothing with the model.

  brute.py EVENTS.jsonl     one line a rule: id, alerts, cases

Dates are those of Europe/Amsterdam, h are exact. Timers have run to the end.
"""
import collections
import datetime
import json
import sys
import zoneinfo

HOUR = datetime.timedelta(hours=1)
ZONE = zoneinfo.ZoneInfo("Europe/Amsterdam")
# at, until: UTC; date: where the customer is
Touch = collections.namedtuple("Touch", "at date until name role agent topic id")


def utc(text):
    return datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc)


def read(path, zone):
    cases = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            data, at = event["data"], utc(event["time"])
            cases[data["hcp_id"]].append(Touch(
                at, at.astimezone(zone).date(), utc(data["end"]) if "end" in data else at + HOUR,
                data["engagement_id"], data["actor"]["role"], data["actor"]["id"], data["topic"], event["id"]))
    return cases


def ms(delta):
    return delta // datetime.timedelta(milliseconds=1)


def days(earlier, later):
    return (later.date - earlier.date).days


def in_order(touches):
    return sorted(touches, key=lambda t: (t.at, t.name.encode()))


def calls(touches):
    return [t for t in touches if t.role == "sales_rep"]


def pairs(touches):
    """Pairs of calls by two agents, the earlier first."""
    own = in_order(calls(touches))
    for i, t in enumerate(own):
        for u in own[i + 1:]:
            if t.agent != u.agent:
                yield sorted((t.name, u.name), key=str.encode), t, u


def near(touches):
    for instance, t, u in pairs(touches):
        if u.at - t.at <= 2 * HOUR:
            yield instance, "open", ms(u.at - t.at), [t, u]


def next_day(touches):
    topics = {"W_Completeren aanvraag", "W_Nabellen offertes"}
    for instance, t, u in pairs(touches):
        if {t.topic, u.topic} == topics and days(t, u) <= 1:
            yield instance, "open", days(t, u), [t, u]


def during(touches):
    for t in calls(touches):
        for u in touches:
            until = u.at + datetime.timedelta(minutes=1)
            if u.role == "marketing" and t.at < until and u.at < t.until:
                yield sorted((t.name, u.name), key=str.encode), "open", ms(min(t.until, until) - max(t.at, u.at)), \
                    in_order((t, u))


def cancelled(touches):
    for b in touches:
        before = in_order(a for a in calls(touches) if b.at - 14 * 24 * HOUR <= a.at < b.at)
        if b.topic == "O_CANCELLED" and before:
            a = before[-1]
            if not any(c.topic == "O_SENT" and a.at < c.at < b.at for c in touches):
                yield [b.name], "open", ms(b.at - a.at), [a, b]


def no_call_after(touches, topic, dates, resolve_within):
    for a in touches:
        if a.topic == topic:
            later = in_order(b for b in calls(touches) if b.at > a.at)
            late = [b for b in later if b.at <= a.at + resolve_within]
            if later and days(a, later[0]) <= dates:
                continue
            if late:
                yield [a.name], "resolved", ms(late[0].at - a.at), [a, late[0]]
            else:
                yield [a.name], "open", 0, [a]


def steps(touches):
    return [t for t in touches if t.role in ("service", "sales_rep")]


def a_day(touches):
    found = collections.defaultdict(list)
    for t in steps(touches):
        found[t.date].append(t)
    for day, inside in found.items():
        if len(inside) > 3:
            yield [day.isoformat()], "open", len(inside), in_order(inside)


def two_dates(touches):
    for t in steps(touches):
        inside = [u for u in steps(touches) if u.at <= t.at and days(u, t) < 2]
        if len(inside) > 7:
            yield [t.name], "open", len(inside), in_order(inside)


def agents(touches):
    for t in calls(touches):
        inside = [u for u in calls(touches) if t.at - 48 * HOUR < u.at <= t.at]
        number = len({u.agent for u in inside})
        if number > 2:
            yield [t.name], "open", number, in_order(inside)


def no_call_before(touches):
    for b in touches:
        if b.topic == "O_SELECTED" and not any(b.at - 12 * HOUR <= a.at <= b.at and a.topic != "W_Nabellen offertes"
                                               for a in calls(touches)):
            yield [b.name], "open", 0, [b]


RULES = {
    "two-agents-in-two-hours": near,
    "two-agents-next-day": next_day,
    "offer-cancelled-after-call": cancelled,
    "offer-without-call-after": lambda own: no_call_after(own, "O_SENT", 3, 30 * 24 * HOUR),
    "application-uncalled": lambda own: no_call_after(own, "A_PREACCEPTED", 1, 365 * 24 * HOUR),
    "steps-a-day": a_day,
    "steps-in-two-dates": two_dates,
    "agents-in-48-hours": agents,
    "mailed-during-call": during,
    "offer-without-call-before": no_call_before,
}


def instances(path, zone=ZONE):
    """{(rule, case, *instance): (status, observed as text, ids of the evidence)}"""
    return {(rule, case, *instance): (status, str(observed), [t.id for t in evidence])
            for case, touches in read(path, zone).items() for rule, find in RULES.items()
            for instance, status, observed, evidence in find(touches)}


def main():
    found = instances(sys.argv[1])
    for rule in RULES:
        own = [key for key in found if key[0] == rule]
        print(rule, len(own), len({key[1] for key in own}))


if __name__ == "__main__":
    main()
