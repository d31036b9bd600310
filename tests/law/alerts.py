"""What stands of one key at a moment (a physician, an account, an actor), and its alerts over time.

Nothing here is incremental: at each look every rule of the key's scope looks at all standing touches again (kinds.py).
"""
import collections
import hashlib

import kinds
import notes
from civil import USUAL, Zone
from events import engagement_of, in_order, market, matches, plain, touch_time


def alert_id(rule, scope, key, instance):
    """First 128 bits of SHA-256 over rule id, scope, key, instance; each with its length in front."""
    text = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in (rule, scope, key, *instance))
    return hashlib.sha256(text).hexdigest()[:32]


def phase_of(evidence, now):
    planned = any(touch["phase"] == "planned" and touch_time(touch) > now for touch in evidence)
    return "preventable" if planned else "incident"


def place_of(rule, instance):
    """Where an alert is told: rules in mode shadow have a topic of their own, and of the other nobody looks there."""
    return (rule["id"], instance, "shadow") if rule.get("mode") == "shadow" else (rule["id"], instance)


def elsewhere(place):
    return place[:2] if len(place) == 3 else (*place, "shadow")


class Key:
    """`alerts` is what should stand at the end, by place. A scope says what its versions are."""

    def __init__(self, scope, key, policy):
        self.scope, self.key = scope, key
        self.govern(policy)
        self.profile = None
        self.now = None
        self.open = {}         # place -> row
        self.alerts = {}       # place -> last row, open or retracted
        self.facts_known = 0   # rises with each fact that is learnt
        self.known_view = None
        self.counted = {}      # what rules with `over:` count of this physician's alerts, by engagement
        self.reopened = set()  # places of alerts that were resolved once and opened again
        # Timers of one moment fire in an order that is not the law's; what opens and goes within it is not compared:
        self.crowded = set()   # such moments, and
        self.maybe = set()     # the retracted that may have stood once more, for another cause

    def govern(self, policy):
        """Takes the rules of a policy; `reads`: whether each reads facts, the profile."""
        self.policy = policy
        self.memo, self.last = {}, None  # of each rule and of all together, what it was last asked and what came of it
        self.parts, self.lapses = {}, {}  # of each touch: itself and which rules name it; itself and when it lapses
        self.rules = [rule for rule in policy["rules"] if rule.get("scope", "hcp") == self.scope]
        self.reads = [(rule["kind"] == "eligibility" or "subject" in rule, "who" in rule or any(
            isinstance(bound, dict) and "table" in bound for bound in rule.values())) for rule in self.rules]

    def versions(self):
        """The version that counts of each touch, cancelled ones too, by (hcp_id, engagement)."""
        raise NotImplementedError

    def latest(self, hcp, engagement):
        """The version of a touch that counts, whoever's it is."""
        return self.versions()[hcp, engagement]

    def records(self):
        """What is known of facts."""
        return []

    def notes(self):
        """What is said of alerts of this key, not taken back."""
        return []

    def view(self, now=None):
        """How rules see things; a new one when anything is learnt of facts."""
        if self.known_view is None or self.known_view[:2] != (self.facts_known, self.profile):
            view = kinds.View(self.policy, self.zone, self.profile, self.records())
            self.known_view = (self.facts_known, self.profile, view)
        self.known_view[2].now = now
        return self.known_view[2]

    def zone(self, event):
        """In which a touch is reckoned: the key's own, else that of its market, else the policy's."""
        profile, markets = self.profile or {}, self.policy["markets"]
        name = profile.get("zone") or markets.get(profile.get("country")) or markets.get(event.get("country"))
        country = profile.get("country") if profile.get("country") in markets else event.get("country")
        return Zone(name or self.policy["zone"], self.policy.get("calendars", {}).get(country, USUAL))

    def takes_part(self, touch):
        """Of each rule, whether any of its selectors matches a touch. One that none matches is nothing to the rule."""
        if id(touch) not in self.parts:
            self.parts[id(touch)] = touch, [any(key in rule and matches(touch, rule[key], self.policy["groups"])
                                                for key in ("of", "a", "b", "without", "until")) for rule in self.rules]
        return self.parts[id(touch)][1]

    def lapse_time(self, event):
        if id(event) not in self.lapses:
            self.lapses[id(event)] = event, self.lapse_moment(event)
        return self.lapses[id(event)][1]

    def lapse_moment(self, event):
        graces = [self.policy.get("graces", {}).get(name) for name in
                  kinds.names_of(market(event), self.policy.get("packs", {}))]
        return touch_time(event) + [self.policy["planned_grace"], *(g for g in graces if g is not None)][-1] + 1

    def lapsed(self, event, now):
        return event["phase"] == "planned" and now >= self.lapse_time(event)

    def touches(self, now):
        return [v for v in self.versions().values()
                if "counted" not in v and v["phase"] != "cancelled" and not self.lapsed(v, now)]

    def count(self, rows):
        """What the alerts of these rows are to rules that count them."""
        sides = {(rule["over"]["rule"], rule["over"]["of"]) for rule in self.policy["rules"] if "over" in rule}
        found = {}
        for place, row in rows.items():
            for rule, side in sides:
                way = row["way"]
                member = way.get(side, way.get("of") if side == "a" else None)
                if rule != place[0] or member is None:
                    continue
                name = "%s/%s" % (alert_id(rule, "hcp", self.key, place[1]), side)
                bearer = way["a"] if row["rule"]["kind"] == "absence" else max(way.values(), key=touch_time)
                found[name] = dict(
                    plain(member.get("was", member)), type="alert:%s/%s" % (rule, side), engagement_id=name, end=None,
                    start=touch_time(bearer), counted=place, hcp_id=self.key,
                    phase="planned" if any(t["phase"] == "planned" for t in row["evidence"]) else "completed")
        return found

    def counting(self):
        """The instances of rules that count alerts."""
        seen = [v for v in self.versions().values() if "counted" in v]
        for rule in self.rules:
            if "over" in rule:
                kind = "alert:%s/%s" % (rule["over"]["rule"], rule["over"]["of"])
                yield rule, kinds.instances(rule, sorted((v for v in seen if v["type"] == kind), key=in_order), self.view())

    def found(self, now):
        """Every instance of every rule, also those that hold only after a deadline: [(rule, instances)]."""
        standing = sorted(self.touches(now), key=in_order)
        profile = self.profile or {}
        where, view = (profile.get("zone"), profile.get("country")), self.view(now)
        judged = [self.zone({}).day(now) if "who" in rule and now >= rule["valid_from"] else None for rule in self.rules]
        whole = list(map(id, standing)), where, self.facts_known, id(self.profile), judged
        if self.last is not None and self.last[0] == whole:
            return self.last[1]
        parts, answer = [self.takes_part(touch) for touch in standing], []
        for number, (rule, (on_facts, on_profile), day) in enumerate(zip(self.rules, self.reads, judged)):
            if "over" in rule:
                continue
            own = [touch for touch, part in zip(standing, parts) if part[number]]
            key = (list(map(id, own)), where, on_facts and self.facts_known, on_profile and id(self.profile), day)
            if self.memo.get(rule["id"], (None,))[0] != key:
                self.memo[rule["id"]] = key, own, kinds.instances(rule, own, view)
            answer.append((rule, self.memo[rule["id"]][2]))
        self.last = whole, answer, standing
        return answer

    def holding(self, now, found):
        """The alerts that stand at `now`, of what was found."""
        rows, said = {}, self.notes()
        scope = self.scope if self.scope in ("hcp", "account", "actor") else "declared"
        for rule, instances in found:
            for found in kinds.holding(instances, now):
                evidence = [touch.get("was", touch) for touch in found.evidence]
                phase = phase_of(evidence, now)
                rows[place_of(found.rule, found.instance)] = dict(
                    status=found.status, cause=None, phase=phase, observed=found.observed, limit=found.limit,
                    unit=found.unit, evidence=evidence, other_currency=found.other_currency, rule=rule,
                    way=found.ways[0],
                    flags=notes.flags(said, said and alert_id(rule["id"], scope, self.key, found.instance), now),
                    facts=found.facts, horizon=found.horizon, severity=kinds.severity(found, phase, found.rule, self.view()))
        return rows

    def cause(self, row, now):
        """Why an instance that held no longer does, by what became of its members since. A plan that is still a
        plan at another time was rescheduled; whatever else is known differently now was corrected."""
        causes = set()
        for member in row["evidence"]:
            if "counted" in member:
                causes.add(self.cause_of_counted(member))
                continue
            current = self.latest(member["hcp_id"], engagement_of(member))
            if current["phase"] == "cancelled":
                causes.add("cancelled")
            elif self.lapsed(current, now):
                causes.add("lapsed")
            elif (member["hcp_id"], engagement_of(member)) not in self.versions():  # it is another key's now
                causes.add("corrected")
            elif current["phase"] == "planned" and touch_time(current) != touch_time(member):
                causes.add("rescheduled")
        for cause in ("cancelled", "lapsed", "rescheduled"):
            if cause in causes:
                return cause
        return "corrected"

    def physician(self, hcp):
        return self

    def cause_of_counted(self, member):
        """Of an alert that was counted: why it went, or that it is another one now."""
        holder = self.physician(member["hcp_id"])
        current = holder.counted.get(member["engagement_id"])
        if current is None:
            return next(holder.alerts[place]["cause"] for place in (member["counted"], elsewhere(member["counted"]))
                        if place in holder.alerts)
        gone = (member["hcp_id"], member["engagement_id"]) not in self.versions()
        moved = current["phase"] == "planned" and touch_time(current) != touch_time(member)
        return "rescheduled" if moved and not gone else "corrected"

    def keep_final(self, rows, now):
        """What is known later of facts changes no alert about what is older than the allowed lateness."""
        for instance in {*rows, *self.open}:
            horizon = (self.open.get(instance) or rows[instance])["horizon"]
            if horizon is not None and horizon < now - self.policy["allowed_lateness"]:
                if instance in self.open:
                    rows[instance] = self.open[instance]
                else:
                    del rows[instance]

    def publish(self, policy, now):
        """Another policy, for what is held: nothing of it is final yet."""
        self.advance(now)
        self.known_view = None
        self.govern(policy)
        self.look(self.now, "policy")

    def look(self, now, cause=None):
        rows = self.holding(now, self.found(now))
        self.keep_final(rows, now)
        if self.scope == "hcp":
            self.counted = self.count(rows)
        rows.update(self.holding(now, self.counting()))
        for instance, row in sorted(self.open.items(), key=lambda item: any("counted" in t for t in item[1]["evidence"])):
            if instance not in rows:
                phase = row["phase"] if cause else phase_of(row["evidence"], now)
                moved = elsewhere(instance) in rows  # it holds as before, by a rule in another mode
                why = cause or ("corrected" if moved else self.cause(row, now))
                phase = row["phase"] if moved else phase
                self.alerts[instance] = dict(row, status="retracted", cause=why, phase=phase)
            elif row["status"] == "resolved" and rows[instance]["status"] == "open":
                self.reopened.add(instance)
        self.maybe -= rows.keys()
        self.open = rows
        self.alerts.update(rows)

    def timers(self):
        """The moments at which something changes by itself: plans lapse, deadlines pass. With how many do at once."""
        plans = (self.lapse_time(v) for v in self.versions().values()
                 if v["phase"] == "planned" and "counted" not in v)
        deadlines = (found.since + 1 for _, instances in self.found(self.now) for found in instances
                     if found.since is not None)
        judged = (kinds.coverage_due(rule, self.zone({}), self.now) for rule in self.rules
                  if rule["kind"] == "coverage" and kinds.wanted(rule, self.profile))
        moments = collections.Counter((*plans, *deadlines, *(moment for moment in judged if moment is not None)))
        return moments | collections.Counter(notes.boundaries(self.notes()))

    def advance(self, now):
        """Time passes: plans lapse and deadlines pass one after the other, each looked at when it does."""
        if self.now is None:
            self.now = now
        while True:
            due = {moment: count for moment, count in self.timers().items() if self.now < moment <= now}
            if not due:
                break
            self.now = min(due)
            self.look(self.now)
            if due[self.now] > 1:
                self.crowded.add(self.now)
                self.maybe = {i for i, row in self.alerts.items() if row["status"] == "retracted"}
        self.now = max(self.now, now)
        self.look(self.now)
