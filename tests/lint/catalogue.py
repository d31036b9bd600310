#!/usr/bin/env python3
"""catalogue.py write|check PROGRAM: the table of config/policies/catalogue/README.md, from its rules, its scenarios and
tests/types.csv. A type has a row for each of its rules, if a scenario raises it, one nearly does, and one takes it back;
what is not so is said, and is an error. PROGRAM is the one of reference.c."""
import csv
import glob
import json
import re
import subprocess
import sys

HOME = "config/policies/catalogue"
BEGIN, END = "<!-- catalogue: make reference -->\n", "<!-- end -->\n"
PREFIX = re.compile(r"([A-Z]+-\d\d) (raises|near miss|retracts|refused): (.+)")
NEEDED = ("version", "severity", "mode", "citation", "jurisdiction", "remedy", "assignee")
# What a rule looks for, shown by the scenarios; all other parameters are its defaults.
SHOWN_ELSEWHERE = {"id", "kind", "a", "b", "of", "until", "without", "unless", "same", "different", *NEEDED}
HEAD = ("type", "name", "rule", "kind", "default", "severity", "mode", "jurisdiction", "citation", "remedy",
        "raised by", "near miss", "retracted by")


def read(program, files):
    out = subprocess.run([program, "yaml", *files], check=True, stdout=subprocess.PIPE).stdout.decode()
    return [json.loads(line) for line in out.splitlines()]


def text(value):
    if isinstance(value, dict):
        return ", ".join(f"{key}: {inner(one)}" for key, one in value.items())
    return inner(value)


def inner(value):
    if isinstance(value, dict):
        return "{ " + text(value) + " }"
    return "[" + ", ".join(map(inner, value)) + "]" if isinstance(value, list) else value


def severity(rule):
    levels = rule["severity"]
    if isinstance(levels, str):
        return levels
    return ", ".join(one["level"] + (f" ({text(one['when'])})" if "when" in one else "") for one in levels)


class Scenario:
    """What a scenario expects: rules whose alerts open, and are retracted, reasons of dead letters."""

    def __init__(self, written):
        match = PREFIX.fullmatch(written["name"])
        self.name = written["name"]
        self.type, self.role, self.title = match.groups() if match else (None, None, self.name)
        self.opened, self.retracted, self.reasons, self.nothing = set(), set(), set(), False
        self.rejected = set()
        for step in written["steps"]:
            expected = step.get("expect", {})
            alerts = expected.get("alerts")
            self.nothing = self.nothing or alerts == "0"
            for alert in alerts if isinstance(alerts, list) else []:
                (self.retracted if alert.get("status") == "retracted" else self.opened).add(alert["rule"])
            triggers = expected.get("triggers")
            for trigger in triggers if isinstance(triggers, list) else []:
                self.rejected.update(one.get("reason") for one in trigger.get("rejected", []))
            letters = expected.get("dead_letters")
            self.reasons.update(one["reason"] for one in (letters if isinstance(letters, list) else []))


class Catalogue:
    def __init__(self, program):
        self.problems = []
        with open(f"{HOME}/tests/types.csv", encoding="utf-8", newline="") as file:
            self.types = {row["type"]: row for row in csv.DictReader(file)}
        files = [f"{HOME}/conflicts.yaml", *sorted(glob.glob(f"{HOME}/markets/*.yaml"))]
        trees = read(program, files)
        self.channels = read(program, [f"{HOME}/channels.yaml"])[0]["channels"]
        rules = trees[0] + [rule for tree in trees[1:] for rule in tree.get("add", [])]
        self.changes = [(file.split("/")[-1].split(".")[0], rule, change) for file, tree in zip(files[1:], trees[1:])
                        for rule, change in tree.get("change", {}).items()]
        self.rules = {name: [] for name in self.types}
        for rule in rules:
            name = "-".join(rule["id"].split("-")[:2]).upper()
            if name not in self.types:
                self.problem(rule["id"], f"there is no type {name}")
                continue
            self.rules[name].append(rule)
            for key in NEEDED:
                if key not in rule:
                    self.problem(rule["id"], f"has no {key}")
        written = read(program, sorted(glob.glob(f"{HOME}/tests/*.yaml")))
        self.scenarios = [Scenario(one) for tree in written for one in (tree if isinstance(tree, list) else [tree])]
        for scenario in self.scenarios:
            if scenario.type not in self.types:
                self.problem(scenario.name, "expected a name such as \"COORD-01 raises: ...\"")

    def problem(self, where, what):
        self.problems.append(f"{where}: {what}")

    def of(self, name, role, holds):
        return [s.title for s in self.scenarios if s.type == name and s.role == role and holds(s)]

    def need(self, where, what, found):
        if not found:
            self.problem(where, f"no scenario that {what}")
        return "; ".join(found)

    def near_miss(self, name):
        own = {rule["id"] for rule in self.rules[name]}
        return self.need(name, "nearly raises it, and expects nothing", self.of(
            name, "near miss", lambda s: s.nothing and not s.opened & own and not s.reasons))

    def row_of_rule(self, name, rule):
        own = rule["id"]
        raised = self.of(name, "raises", lambda s: own in s.opened)
        retracted = self.of(name, "retracts", lambda s: own in s.opened and own in s.retracted)
        defaults = {key: value for key, value in rule.items() if key not in SHOWN_ELSEWHERE}
        return (name, self.types[name]["name"], f"`{own}`", rule["kind"], "; ".join(
            f"{key}: {inner(value)}" for key, value in defaults.items()), severity(rule), rule["mode"],
                rule["jurisdiction"], rule["citation"], rule["remedy"], self.need(own, "raises it", raised),
                self.near_miss(name), self.need(own, "raises and retracts it", retracted))

    def row_of_change(self, name, rule, market, _, change):
        """As a market has it; what it leaves as it is, stays empty."""
        defaults = {key: value for key, value in change.items() if key not in SHOWN_ELSEWHERE}
        level = severity(change) if "severity" in change else ""
        return (name, self.types[name]["name"], f"`{rule['id']}` in {market}", rule["kind"], "; ".join(
            f"{key}: {inner(value)}" for key, value in defaults.items()), level, change.get("mode", ""),
                change.get("jurisdiction", market), change.get("citation", ""), change.get("remedy", ""), "", "", "")

    def row_of_refusal(self, name, reasons):
        refused = [s for s in self.scenarios if s.type == name and s.role == "refused"]
        for reason in reasons:
            self.need(name, f"expects {reason}", [s.title for s in refused if reason in s.reasons])
        return (name, self.types[name]["name"], ", ".join(f"`{reason}`" for reason in reasons), "refused at the door",
                "", "", "", "", "", "", self.need(name, "is refused", [s.title for s in refused]),
                self.near_miss(name), "")

    def row_of_gate(self, name, gate):
        """What channels.yaml has of it, of the first channel with it."""
        written = next(one[gate] for one in self.channels if gate in one)
        def shown(role, rejects):
            return self.need(name, f"{role}, and a channel {'is' if rejects else 'is not'} rejected for {gate}", self.of(
                name, role, lambda s: (gate in s.rejected) == rejects))
        return (name, self.types[name]["name"], f"`{gate}` in channels.yaml", "gate", "; ".join(
            f"{key}: {inner(value)}" for key, value in written.items()), "", "", "", "", "", shown("raises", True),
                shown("near miss", False), shown("retracts", True))

    def lines(self):
        rows = []
        for name, row in self.types.items():
            reasons = row["refused"].split()
            if not (self.rules[name] or reasons or row["gate"]):
                self.problem(name, "has no rule, is refused for no reason, and no gate is about it")
            if reasons:
                rows.append(self.row_of_refusal(name, reasons))
            for rule in self.rules[name]:
                rows.append(self.row_of_rule(name, rule))
                rows += [self.row_of_change(name, rule, *one) for one in self.changes if one[1] == rule["id"]]
            if row["gate"]:
                rows.append(self.row_of_gate(name, row["gate"]))
        yield "| " + " | ".join(HEAD) + " |\n"
        yield "|" + "---|" * len(HEAD) + "\n"
        for row in rows:
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n"


def main():
    mode, program = sys.argv[1:]
    catalogue = Catalogue(program)
    path = f"{HOME}/README.md"
    with open(path, encoding="utf-8") as file:
        old = file.read()
    before, rest = old.split(BEGIN)
    new = before + BEGIN + "".join(catalogue.lines()) + END + rest.split(END)[1]
    for problem in catalogue.problems:
        print(f"{HOME}: {problem}")
    if new != old and mode == "write":
        with open(path, "w", encoding="utf-8") as file:
            file.write(new)
    elif new != old:
        print(f"{path} is not what its rules and scenarios say: make reference")
    return 1 if catalogue.problems or (new != old and mode == "check") else 0


if __name__ == "__main__":
    sys.exit(main())
