#!/usr/bin/env python3
"""What alerts the rules of config/policies/open-payments must give on the converted events: straight from the
definitions, quadratic per physician, sharing nothing with the daemon and nothing with the model.

  brute.py EVENTS.jsonl              one line a rule: id, alerts, physicians or accounts
  brute.py EVENTS.jsonl --instances  one JSON array an alert: rule, key, instance, status, observed, evidence

A touch is one event; `rep` is a sales representative's, `medical` one of a medical liaison (msl) or a speaker. All
rules but team-crowding-week look at one physician and one team, account-crowding-day at one account and one team.
Timers have run to the end.
"""
import collections
import datetime
import decimal
import json
import sys

DAY = datetime.timedelta(days=1)
Touch = collections.namedtuple("Touch", "at name role team amount id hcp account")
MEDICAL = ("msl", "speaker")


def read(path):
    physicians = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            data = event["data"]
            if data["actor"]["role"] == "system":
                continue
            name = data.get("engagement_id") or json.dumps([event["source"], event["id"]], separators=(",", ":"))
            physicians[data["hcp_id"]].append(Touch(
                datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")), name, data["actor"]["role"],
                data["actor"]["team"], decimal.Decimal(data["amount"]), event["id"], data["hcp_id"],
                data.get("account_id")))
    return physicians


def accounts_of(physicians):
    accounts = collections.defaultdict(list)
    for touches in physicians.values():
        for t in touches:
            if t.account is not None:
                accounts[t.account].append(t)
    return accounts


def ms(delta):
    return int(delta / datetime.timedelta(milliseconds=1))


def in_order(touches):
    return sorted(touches, key=lambda t: (t.at, t.name.encode()))


def proximity(touches, within):
    for i, t in enumerate(touches):
        for u in touches[i + 1:]:
            if (t.team == u.team and "sales_rep" in (t.role, u.role) and (t.role in MEDICAL or u.role in MEDICAL)
                    and abs(t.at - u.at) <= within):
                yield sorted((t.name, u.name), key=str.encode), "open", ms(abs(t.at - u.at)), in_order((t, u))


def rolling(touches, roles, window, limit, by_team):
    """Every touch whose window holds more than `limit`: teams, or touches of its team."""
    for t in touches:
        inside = [u for u in touches if u.role in roles and t.at - window < u.at <= t.at and
                  (not by_team or u.team == t.team)]
        number = len(inside) if by_team else len({u.team for u in inside})
        if t.role in roles and number > limit:
            yield [t.name], "open", number, in_order(inside)


def yearly(touches, limit):
    periods = collections.defaultdict(list)
    for t in touches:
        if t.role == "sales_rep":
            periods[t.team, t.at.year].append(t)
    for (team, year), inside in periods.items():
        total = sum(t.amount for t in inside)
        if total > limit:
            yield [team, str(year)], "open", total, in_order(inside)


def unprepared(touches, window):
    for b in touches:
        if b.role == "speaker" and not any(a.role == "msl" and a.team == b.team and a.name != b.name and
                                           b.at - window <= a.at <= b.at for a in touches):
            yield [b.name], "open", 0, [b]


def unanswered(touches, within, resolve_within):
    for a in touches:
        if a.role != "msl":
            continue
        later = in_order(b for b in touches if b.role == "sales_rep" and b.team == a.team and b.at > a.at)
        if any(b.at <= a.at + within for b in later):
            continue
        late = [b for b in later if b.at <= a.at + resolve_within]
        if late:
            yield [a.name], "resolved", ms(late[0].at - a.at), [a, late[0]]
        else:
            yield [a.name], "open", 0, [a]


def after_speaker(touches, within):
    for b in touches:
        if b.role != "sales_rep":
            continue
        before = in_order(a for a in touches if a.role == "speaker" and a.team == b.team and
                          b.at - within <= a.at < b.at)
        if before and not any(c.role == "msl" and c.team == b.team and before[-1].at < c.at < b.at for c in touches):
            yield [b.name], "open", ms(b.at - before[-1].at), [before[-1], b]


def crowding(touches, limit):
    """Every day on which a team met more than `limit` physicians of the account."""
    days = collections.defaultdict(list)
    for t in touches:
        days[t.team, t.at.date().isoformat()].append(t)
    for (team, day), inside in days.items():
        if len({t.hcp for t in inside}) > limit:
            yield [team, day], "open", len({t.hcp for t in inside}), in_order(inside)


RULES = {
    "medical-commercial-same-day": lambda own: proximity(own, 0 * DAY),
    "medical-commercial-week": lambda own: proximity(own, 7 * DAY),
    "team-crowding-week": lambda own: rolling(own, ("sales_rep",) + MEDICAL, 7 * DAY, 2, False),
    "rep-overcontact-30d": lambda own: rolling(own, ("sales_rep",), 30 * DAY, 4, True),
    "meal-budget-year": lambda own: yearly(own, decimal.Decimal(500)),
    "speaker-without-medical": lambda own: unprepared(own, 90 * DAY),
    "medical-unanswered": lambda own: unanswered(own, 60 * DAY, 365 * DAY),
    "rep-after-speaker": lambda own: after_speaker(own, 3 * DAY),
}
ACCOUNT_RULES = {
    "account-crowding-day": lambda own: crowding(own, 2),
}


def instances(path):
    """(rule, physician or account, instance, status, observed as text, ids of the evidence), in no order."""
    physicians = read(path)
    for rule, find in (*RULES.items(), *ACCOUNT_RULES.items()):
        for key, touches in (accounts_of(physicians) if rule in ACCOUNT_RULES else physicians).items():
            for instance, status, observed, evidence in find(touches):
                if isinstance(observed, decimal.Decimal):
                    observed = format(observed.normalize(), "f")
                yield rule, key, instance, status, str(observed), [t.id for t in evidence]


def main():
    alerts, keys = collections.Counter(), collections.defaultdict(set)
    for rule, key, *rest in instances(sys.argv[1]):
        if "--instances" in sys.argv:
            print(json.dumps([rule, key, *rest]))
        alerts[rule] += 1
        keys[rule].add(key)
    for rule in (*RULES, *ACCOUNT_RULES) if "--instances" not in sys.argv else ():
        print(rule, alerts[rule], len(keys[rule]))


if __name__ == "__main__":
    main()
