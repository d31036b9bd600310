"""What a vector becomes: rules and events for `journeyd replay`, and the alerts that it answers with.

A Case holds one vector's policy (a list of rules as they stand in conflicts.yaml) and events (in order of arrival). Its
clock starts at EPOCH; `minutes` and `ordinal` place an event: the engines that the vectors come from count in
milliseconds and take what has one time in order of arrival, so a millisecond of theirs is a minute here, and the n-th
of those with one time comes n milliseconds later.
"""
import collections
import datetime
import json
import os
import subprocess
import tempfile

EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
MINUTE = 60000  # ms

Alert = collections.namedtuple("Alert", "rule hcp status instance evidence opened observed")
Alert.__doc__ = "The last revision of one alert. instance, evidence: event ids; opened: ms since EPOCH."


class Unexpressed(Exception):
    """The vector cannot be said in rules: the reason, one of the closed list of its engine."""


def text_of(ms):
    return (EPOCH + datetime.timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (ms % 1000)


def ms_of(text):
    return round((datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH).total_seconds() * 1000)


class Case:
    def __init__(self, lateness="20y"):
        self.rules, self.events, self.lateness = [], [], lateness

    def rule(self, kind, **keys):
        """Adds a rule; an equal one is there only once. Its id."""
        body = {"version": 1, "kind": kind, **keys, "severity": "low"}
        for rule in self.rules:
            if {k: v for k, v in rule.items() if k != "id"} == body:
                return rule["id"]
        self.rules.append({"id": "r%d" % len(self.rules), **body})
        return self.rules[-1]["id"]

    def event(self, hcp, ms, engagement=None, recorded=None, **data):
        """Adds a touch at `ms` after EPOCH; its id."""
        name = "e%d" % len(self.events)
        data = {"hcp_id": hcp, "engagement_id": engagement or name, **{k: v for k, v in data.items() if v is not None}}
        if recorded is not None:
            data["recorded_at"] = text_of(recorded)
        self.events.append({"specversion": "1.0", "id": name, "source": "vector", "type": "call.completed",
                            "time": text_of(ms), "datacontenttype": "application/json", "data": data})
        return name

    @staticmethod
    def day(text):
        """Days from EPOCH to a date, as an instance has it."""
        return (datetime.date.fromisoformat(text) - EPOCH.date()).days

    def replay(self, binary, until=None, count=None):
        """Alerts that are open or resolved after the first `count` events, the clock then moved to `until` (ms after
        EPOCH), and how many events were refused as too late. Any other refusal is a failure of this program."""
        with tempfile.TemporaryDirectory() as directory:
            policy, events, out = (os.path.join(directory, n) for n in ("policy", "events.jsonl", "out"))
            os.mkdir(policy)
            with open(os.path.join(policy, "policy.yaml"), "w") as f:
                f.write("name: vector\nallowed_lateness: %s\n" % self.lateness)
            with open(os.path.join(policy, "conflicts.yaml"), "w") as f:
                f.write("[%s]\n" % ",\n ".join(json.dumps(rule) for rule in self.rules))
            with open(events, "w") as f:
                f.writelines(json.dumps(event) + "\n" for event in self.events[:count])
            command = [binary, "replay", "--policy", policy, "--events", events, "--out", out]
            if until is not None:
                command += ["--advance", text_of(until)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                raise RuntimeError("replay: %s%s\n%s" % (run.stdout, run.stderr, self.rules))
            with open(os.path.join(out, "dead-letters.jsonl")) as f:
                refused = [json.loads(line) for line in f]
            if any(r["reason"] != "too_late" for r in refused):
                raise RuntimeError("replay refuses %s" % refused[:3])
            last = {}
            with open(os.path.join(out, "alerts.jsonl")) as f:
                for row in map(json.loads, f):
                    last[row["alert_id"]] = row
        return [Alert(r["rule"], r["hcp_id"], r["status"], tuple(r["instance"]), tuple(e["id"] for e in r["evidence"]),
                      ms_of(r["opened_at"]), r["observed"])
                for r in last.values() if r["status"] != "retracted"], len(refused)


def spread(times):
    """Times in ms of the other engine -> ms after EPOCH: minutes, and equal ones in order of arrival."""
    seen = collections.Counter()
    placed = []
    for time in times:
        placed.append(time * MINUTE + seen[time])
        seen[time] += 1
    return placed
