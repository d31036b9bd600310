#!/usr/bin/env python3
"""How many alerts the two proximity rules must give on the converted events: straight from the definition,
quadratic per physician, sharing nothing with the daemon.

  brute.py EVENTS.jsonl         one line a rule: id, alerts, physicians

An alert is an unordered pair of touches of one physician and one team, one by a sales rep, the other by a
medical role (msl, speaker), of different engagements, at most `within` apart.
"""
import collections
import datetime
import json
import sys

RULES = [("medical-commercial-same-day", datetime.timedelta(0)),
         ("medical-commercial-week", datetime.timedelta(days=7))]


def main():
    touches = collections.defaultdict(list)
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            data = event["data"]
            at = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
            touches[data["hcp_id"]].append((at, data["actor"]["role"], data["actor"]["team"]))
    for rule, within in RULES:
        alerts, physicians = 0, 0
        for own in touches.values():
            pairs = 0
            for i, (at, role, team) in enumerate(own):
                for other_at, other_role, other_team in own[i + 1:]:
                    roles = {role, other_role}
                    if (team == other_team and "sales_rep" in roles and roles & {"msl", "speaker"}
                            and abs(at - other_at) <= within):
                        pairs += 1
            alerts += pairs
            physicians += pairs > 0
        print(rule, alerts, physicians)


main()
