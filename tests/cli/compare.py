#!/usr/bin/env python3
"""What `replay --compare` wrote, held against the two alerts.jsonl that it is made of.

  compare.py OUT      OUT of the replay; one line a check, then the counts

The comparison is computed again here, from its definition; the page must be well-formed, load nothing, and show
the same numbers.
"""
import collections
import datetime
import html.parser
import json
import re
import sys
import xml.etree.ElementTree

out = sys.argv[1]
passed = failed = 0


def same(what, wanted, got):
    global passed, failed
    if wanted == got:
        passed += 1
        print("  ok:", what)
    else:
        failed += 1
        print("FAIL -", what, "\n    wanted:", str(wanted)[:600], "\n    got:   ", str(got)[:600])


# ---- the comparison, from its definition ----

def last_revisions(name):
    with open(name, encoding="utf-8") as f:
        return {row["alert_id"]: row for row in map(json.loads, f)}


def month(row):
    last = row["evidence"][-1]
    return datetime.datetime.fromisoformat((last.get("start") or last["time"]).replace("Z", "+00:00")).strftime("%Y-%m")


ASPECTS = {"status": lambda r: r["status"], "phase": lambda r: r["phase"], "severity": lambda r: r["severity"],
           "observed": lambda r: r["observed"], "mode": lambda r: r["mode"],
           "evidence": lambda r: [(e["source"], e["id"]) for e in r["evidence"]]}
before, after = last_revisions(out + "/alerts.jsonl"), last_revisions(out + "/after/alerts.jsonl")


def fate(key):
    if key not in before:
        return "appear", []
    if key not in after:
        return "vanish", []
    differs = [name for name, read in ASPECTS.items() if read(before[key]) != read(after[key])]
    return ("change" if differs else "same"), sorted(differs)


def tally(keys):
    keys, fates, changes = list(keys), collections.Counter(), collections.Counter()
    for key in keys:
        name, differs = fate(key)
        fates[name] += 1
        changes.update(differs)
    return {"raised": {"before": sum(k in before for k in keys), "after": sum(k in after for k in keys)},
            "stand": {"before": sum(k in before and before[k]["status"] != "retracted" for k in keys),
                      "after": sum(k in after and after[k]["status"] != "retracted" for k in keys)},
            "changes": {name: changes[name] for name in ASPECTS},
            **{name: fates[name] for name in ("same", "appear", "vanish", "change")}}


def grouped(values):
    groups = collections.defaultdict(set)
    for key in shown:
        for value in values(shown[key]):
            groups[value].add(key)
    return {value: tally(keys) for value, keys in groups.items()}


shown = {**before, **after}
with open(out + "/compare.json", encoding="utf-8") as f:
    compare = json.load(f)
total = {k: v for k, v in compare["total"].items() if k != "keys"}
same("totals", tally(shown), total)
same("keys with a difference", len({shown[k]["key"] for k in shown if fate(k)[0] != "same"}), compare["total"]["keys"])


def listed(name, member):
    return {row[member]: {k: v for k, v in row.items() if k not in (member, "in")} for row in compare[name]}


none = tally([])
rules = grouped(lambda r: [r["rule"]])
same("by rule, those without an alert too", {k: v for k, v in listed("rules", "rule").items() if v != none}, rules)
for row in compare["rules"]:
    present = {"both": {"before", "after"}}.get(row["in"], {row["in"]})
    raised = {side for side in ("before", "after") if row["raised"][side] > 0}
    if not raised <= present:
        same("rule " + row["rule"] + " is in the policy that raised it", present, raised)
same("by market", grouped(lambda r: [r["evidence"][-1].get("country")]), listed("markets", "market"))
same("by team", grouped(lambda r: {e["actor"]["team"] for e in r["evidence"] if "team" in e.get("actor", {})} or {None}),
     listed("teams", "team"))
months = grouped(lambda r: [month(r)])
same("by month", months, {k: v for k, v in listed("months", "month").items() if k in months})
names = [row["month"] for row in compare["months"]]
numbers = [int(n[:4]) * 12 + int(n[5:]) for n in names]
same("months without gaps", list(range(numbers[0], numbers[-1] + 1)) if numbers else [], numbers)

RANK = ["info", "low", "medium", "high", "critical"]
wanted = {}
for key, row in shown.items():
    if fate(key)[0] != "same":
        last = row["evidence"][-1]
        order = (-RANK.index(row["severity"]), [-ord(c) for c in (last.get("start") or last["time"])], key)
        wanted.setdefault((row["rule"], fate(key)[0]), []).append((order, key))
wanted = {group: [key for _, key in sorted(found)[:3]] for group, found in wanted.items()}
got = {}
for example in compare["examples"]:
    row = example["after"] or example["before"]
    got.setdefault((row["rule"], example["fate"]), []).append(row["alert_id"])
    same_records = (example["before"] == before.get(row["alert_id"]) and example["after"] == after.get(row["alert_id"])
                    and sorted(example["differs"]) == fate(row["alert_id"])[1])
    if not same_records:
        same("example " + row["alert_id"], True, same_records)
same("examples: the most severe and the latest of each rule and fate", wanted, got)

# ---- the page ----

with open(out + "/compare.html", encoding="utf-8") as f:
    page = f.read()
root = xml.etree.ElementTree.fromstring(page.replace("<!DOCTYPE html>\n", "", 1))
same("it is well-formed", "html", root.tag)
elements = list(root.iter())
same("it loads nothing and runs nothing", [], [
    (e.tag, name, value) for e in elements for name, value in e.attrib.items()
    if e.tag in ("script", "link", "img", "iframe", "object", "embed") or name.startswith("on")
    or name in ("src", "href", "srcset", "action") or re.search(r"url\((?!#)|@import|javascript:", value)])
same("nor does its style", None, re.search(r"url\((?!#)|@import", root.find("head/style").text))


class Closed(html.parser.HTMLParser):
    """As a browser reads it: every element that is opened is closed, in order."""
    open, wrong = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))


reader = Closed()
reader.feed(page)
same("as HTML too", ([], []), (reader.open, reader.wrong))


def text(element):
    return "".join(element.itertext()).strip()


def number(element):
    return int(text(element).replace(",", ""))


levels = [int(e.tag[1]) for e in elements if re.fullmatch(r"h[1-6]", e.tag)]
same("one first heading, no level left out", (1, True),
     (levels.count(1), all(b <= a + 1 for a, b in zip(levels, levels[1:]))))
same("the headline", compare["headline"], text(root.find(".//h1")))
tables = {text(t.find("thead/tr/th")): t for t in root.iter("table")}
same("each table has a caption and scopes", True, all(
    t.find("caption") is not None and all(th.get("scope") for th in t.iter("th")) for t in tables.values()))
tiles = {re.sub(r"[\d,]+$", "", text(li)): number(li.find("b")) for li in root.find(".//ul[@class='tiles']")}
same("totals of the page", {"Raised before": total["raised"]["before"], "Raised after": total["raised"]["after"],
                            "New": total["appear"], "Gone": total["vanish"], "Changed": total["change"],
                            "The same": total["same"]}, tiles)


def cells(row):
    return [number(td) for td in row.findall("td")]


for title, name, member in (("Rule", "rules", "rule"), ("Month", "months", "month"), ("Market", "markets", "market"),
                            ("Team", "teams", "team")):
    numbers = {row[member] or "not named": [row["raised"]["before"], row["raised"]["after"], row["appear"], row["vanish"],
                                            row["change"]] for row in compare[name]}
    shown_rows = {(th.text or "").strip(): cells(tr) for tr in tables[title].find("tbody") for th in tr.findall("th")}
    most = 30 if title in ("Market", "Team") else len(numbers)
    same("table by " + title.lower(), (min(len(numbers), most), True),
         (len(shown_rows), all(numbers[key] == value for key, value in shown_rows.items())))
same("examples: each is there, once", [(e["after"] or e["before"])["alert_id"] for e in compare["examples"]],
     [text(a.findall(".//code")[-1]) for a in root.iter("article")])
bars = [float(r.get("width")[:-1]) for svg in root.iter("svg") if svg.get("class") == "bars" for r in svg.iter("rect")]
same("bars", sum(row[k] > 0 for row in compare["rules"] for k in ("appear", "vanish", "change")), len(bars))
same("columns of the timeline", sum(row[k] > 0 for row in compare["months"] for k in ("appear", "vanish", "change")),
     sum(e.tag == "rect" for g in root.iter("g") for e in g))
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
