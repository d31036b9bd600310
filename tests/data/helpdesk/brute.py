#!/usr/bin/env python3
"""What alerts the rules of policy/conflicts.yaml must give on the converted events: straight from the definitions,
quadratic per customer or agent, sharing nothing with the daemon and nothing with the model.

  brute.py EVENTS.jsonl     one line a rule: id, alerts, customers or agents

Dates are those of Europe/Rome, h are exact. Timers have run to the end.
"""
import collections
import datetime
import json
import sys
import zoneinfo

HOUR = datetime.timedelta(hours=1)
ZONE = zoneinfo.ZoneInfo("Europe/Rome")
# at: UTC; date: where the customer is
Touch = collections.namedtuple("Touch", "at date name ticket customer agent topic product id")


def read(path, zone):
    """All touches by customer, and by agent."""
    by_customer, by_agent = collections.defaultdict(list), collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            data, at = event["data"], datetime.datetime.fromisoformat(event["time"])
            touch = Touch(at, at.astimezone(zone).date(), data["engagement_id"], data["hcp_id"], data["account_id"],
                          data["actor"]["id"], data["topic"], data["product"], event["id"])
            by_customer[touch.customer].append(touch)
            by_agent[touch.agent].append(touch)
    return by_customer, by_agent


def ms(delta):
    return delta // datetime.timedelta(milliseconds=1)


def days(earlier, later):
    return (later.date - earlier.date).days


def in_order(touches):
    return sorted(touches, key=lambda t: (t.at, t.name.encode()))


def on(topic, touches):
    return in_order(t for t in touches if t.topic == topic)


def pairs(topic, touches):
    own = on(topic, touches)
    for i, t in enumerate(own):
        for u in own[i + 1:]:
            yield sorted((t.name, u.name), key=str.encode), t, u


def two_tickets(touches):
    for instance, t, u in pairs("Assign seriousness", touches):
        if t.ticket != u.ticket and u.at - t.at <= 2 * HOUR:
            yield instance, "open", ms(u.at - t.at), [t, u]


def two_agents(touches):
    for instance, t, u in pairs("Take in charge ticket", touches):
        if t.ticket != u.ticket and t.agent != u.agent and t.product == u.product and t.date == u.date:
            yield instance, "open", 0, [t, u]


def switches(touches):
    for instance, t, u in pairs("Take in charge ticket", touches):
        if t.customer != u.customer and u.at - t.at <= HOUR / 6:
            yield instance, "open", ms(u.at - t.at), [t, u]


def tickets(touches):
    own = on("Assign seriousness", touches)
    for t in own:
        inside = [u for u in own if t.at - 48 * HOUR < u.at <= t.at]
        number = len({u.ticket for u in inside})
        if number > 2:
            yield [t.name], "open", number, inside


def over(touches, name, limit):
    periods = collections.defaultdict(list)
    for t in in_order(touches):
        periods[name(t)].append(t)
    for period, inside in periods.items():
        if len(inside) > limit:
            yield [period], "open", len(inside), inside


def iso_week(t):
    year, week, _ = t.date.isocalendar()
    return "%d-W%02d" % (year, week)


def unanswered(touches):
    for a in on("Assign seriousness", touches):
        later = [b for b in on("Resolve ticket", touches) if b.at > a.at]
        if later and days(a, later[0]) <= 2:
            continue
        if later and later[0].at <= a.at + 4 * 24 * HOUR:
            yield [a.name], "resolved", ms(later[0].at - a.at), [a, later[0]]
        else:
            yield [a.name], "open", 0, [a]


def after_closing(touches):
    for b in on("Assign seriousness", touches):
        before = [a for a in on("Closed", touches) if b.at - 7 * 24 * HOUR <= a.at < b.at and a.ticket != b.ticket]
        if before and not any(before[-1].at < c.at < b.at for c in on("Resolve ticket", touches)):
            yield [b.name], "open", ms(b.at - before[-1].at), [before[-1], b]


CUSTOMER = {"two-tickets-in-two-hours": two_tickets, "two-agents-one-date": two_agents, "tickets-in-48-hours": tickets,
            "steps-a-day": lambda own: over(own, lambda t: t.date.isoformat(), 4), "customer-unanswered": unanswered,
            "new-ticket-after-closing": after_closing}
AGENT = {"agent-resolves-many": lambda own: over(on("Resolve ticket", own), iso_week, 5),
         "agent-switches-customer": switches}
RULES = {**CUSTOMER, **AGENT}


def instances(path, zone=ZONE):
    """{(rule, customer or agent, *instance): (status, observed as text, ids of the evidence)}"""
    by_customer, by_agent = read(path, zone)
    return {(rule, key, *instance): (status, str(observed), [t.id for t in evidence])
            for rules, keyed in ((CUSTOMER, by_customer), (AGENT, by_agent))
            for key, touches in keyed.items() for rule, find in rules.items()
            for instance, status, observed, evidence in find(touches)}


def main():
    found = instances(sys.argv[1])
    for rule in RULES:
        own = [key for key in found if key[0] == rule]
        print(rule, len(own), len({key[1] for key in own}))


if __name__ == "__main__":
    main()
