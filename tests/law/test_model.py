#!/usr/bin/env python3
"""The model itself, against cases worked out by hand from the definitions. Times are UTC hours of January 2024,
counted from the 1st, 00:00, where no date is written."""
import datetime
import decimal
import sys
import unittest

import civil
import kinds
import model
from events import in_order

HOUR = 3600000
T0 = int(datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc).timestamp() * 1000)
REP, MSL, MAIL = {"role": "sales_rep"}, {"role": "msl"}, {"role": "marketing"}
ROLES = {"r": "sales_rep", "m": "msl", "e": "marketing", "s": "speaker"}


def at(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


def touch(name, when, phase="completed", **more):
    """A touch; the first letter of its engagement says the role. `when`: an hour, or a date and time."""
    start = at(when) if isinstance(when, str) else T0 + int(when * HOUR)
    actor = {"id": more.pop("actor", name), "role": ROLES[name[0]], "team": more.pop("team", "T1")}
    if "end" in more:
        more["end"] = T0 + int(more["end"] * HOUR)
    return dict({"source": "s", "id": name, "hcp_id": "H", "engagement_id": name, "phase": phase, "actor": actor,
                 "channel": "in_person", "time": start}, **more)


def rule(kind, **more):
    for key in ("within", "window", "resolve_within", "max_open"):
        if isinstance(more.get(key), int):
            more[key] = {"ms": more[key] * HOUR}
    return dict({"id": "R", "kind": kind, "severity": "low"}, **more)


def found(a_rule, *touches, zone="UTC", groups=()):
    view = kinds.View({"groups": dict(groups), "joint_within": 4 * HOUR}, lambda event: civil.Zone(zone))
    return {f.instance if len(f.instance) > 1 else f.instance[0]: f for f in kinds.instances(a_rule, sorted(touches, key=in_order), view)}


def evidence(found_):
    return {i: " ".join(t["engagement_id"] for t in f.evidence) for i, f in found_.items()}


class Markets(unittest.TestCase):
    PACKS = {"EU": ("DE", "FR")}

    def found(self, a_rule, *touches):
        view = kinds.View({"groups": {}, "joint_within": 4 * HOUR, "packs": self.PACKS}, lambda _: civil.Zone("UTC"))
        return {" ".join(f.instance): f.rule.get("limit", f.rule.get("within")) for f in
                kinds.instances(a_rule, sorted(touches, key=in_order), view)}

    def test_the_touch_counted_for_decides_whatever_else_is_counted(self):
        r = rule("frequency", of=REP, window=24, limit=2, changes={"DE": {"limit": 1}})
        touches = [touch("r1", 0, country="US"), touch("r2", 1, country="DE"), touch("r3", 2, country="US")]
        self.assertEqual(self.found(r, *touches), {"r2": 1, "r3": 2})
        self.assertEqual(self.found(r, *(dict(t, jurisdiction="US") for t in touches)), {"r3": 2})

    def test_of_a_pair_the_later_decides(self):
        r = rule("proximity", a=REP, b=MSL, within=10, changes={"EU": {"within": {"ms": 20 * HOUR}}})
        de, us = touch("r1", 0, country="DE"), touch("m1", 15, country="US")
        self.assertEqual(self.found(r, de, us), {})
        self.assertEqual(list(self.found(r, dict(de, country="US"), dict(us, country="FR"))), ["m1 r1"])
        self.assertEqual(list(self.found(r, dict(de, country="US"), dict(us, jurisdiction="EU"))), ["m1 r1"])

    def test_of_a_period_the_first_decides(self):
        r = rule("frequency", of=REP, period="day", limit=2, changes={"DE": {"limit": 1}})
        us, de = touch("r1", 1, country="US"), touch("r2", 2, country="DE")
        self.assertEqual(self.found(r, us, de), {})
        self.assertEqual(list(self.found(r, dict(us, country="DE"), dict(de, country="US"))), ["2024-01-01"])

    def test_a_country_changes_what_its_pack_left(self):
        r = rule("frequency", of=REP, window=24, limit=9, changes={"DE": {"severity": "high"}, "EU": {"limit": 0}})
        self.assertEqual(kinds.as_in(r, "DE", self.PACKS)["limit"], 0)
        self.assertEqual(kinds.as_in(r, "DE", self.PACKS)["severity"], "high")
        self.assertEqual(kinds.as_in(r, "FR", self.PACKS)["severity"], "low")
        self.assertEqual(kinds.as_in(r, "US", self.PACKS)["limit"], 9)

    def test_a_rule_of_a_market_sees_its_touches_only(self):
        r = rule("frequency", of=REP, window=24, limit=1, market="EU")
        touches = [touch("r1", 0, country="DE"), touch("r2", 1, country="US"), touch("r3", 2, country="FR")]
        self.assertEqual(self.found(r, *touches), {"r3": 1})


class Frequency(unittest.TestCase):
    def test_rolling_window_is_open_at_its_far_end(self):
        r = rule("frequency", of=REP, window=24, limit=1)
        self.assertEqual(evidence(found(r, touch("r1", 0), touch("r2", 23.999))), {"r2": "r1 r2"})
        self.assertEqual(found(r, touch("r1", 0), touch("r2", 24)), {})

    def test_ties_are_inside_for_each_other(self):
        r = rule("frequency", of=REP, window=1, limit=1)
        self.assertEqual(evidence(found(r, touch("r1", 5), touch("r2", 5))), {"r1": "r1 r2", "r2": "r1 r2"})

    def test_later_touches_do_not_count(self):
        r = rule("frequency", of=REP, window=24, limit=2)
        self.assertEqual(evidence(found(r, *(touch("r%d" % i, i) for i in range(4)))),
                         {"r2": "r0 r1 r2", "r3": "r0 r1 r2 r3"})

    def test_at_least(self):
        touches = touch("r1", 0), touch("r2", 1)
        self.assertEqual(list(found(rule("frequency", of=REP, window=24, at_least=2), *touches)), ["r2"])
        self.assertEqual(list(found(rule("frequency", of=REP, window=24, at_least=1), *touches)), ["r1", "r2"])

    def test_rolling_dates(self):
        r = rule("frequency", of=REP, window={"days": 2}, limit=1)
        self.assertEqual(list(found(r, touch("r1", 0), touch("r2", 47.9))), ["r2"])
        self.assertEqual(list(found(r, touch("r1", 23.9), touch("r2", 48))), [])
        # 23:30 and 24:30 UTC are both the 2nd in Berlin
        one = rule("frequency", of=REP, window={"days": 1}, limit=1)
        self.assertEqual(list(found(one, touch("r1", 23.5), touch("r2", 24.5))), [])
        self.assertEqual(list(found(one, touch("r1", 23.5), touch("r2", 24.5), zone="Europe/Berlin")), ["r2"])

    def test_rolling_months_reach_forward_and_are_clamped(self):
        r = rule("frequency", of=REP, window={"months": 1}, limit=1)
        self.assertEqual(list(found(r, touch("r1", "2024-01-31 10:00"), touch("r2", "2024-02-29 09:59"))), ["r2"])
        self.assertEqual(list(found(r, touch("r1", "2024-01-31 10:00"), touch("r2", "2024-02-29 10:00"))), [])

    def test_calendar_names_and_edges(self):
        for period, label, last, first in (
                ("day", "2024-06-30", "2024-06-30 23:59", "2024-07-01 00:00"),
                ("week", "2024-W26", "2024-06-30 23:59", "2024-07-01 00:00"),
                ("month", "2024-06", "2024-06-30 23:59", "2024-07-01 00:00"),
                ("quarter", "2024-Q2", "2024-06-30 23:59", "2024-07-01 00:00"),
                ("year", "2024", "2024-12-31 23:59", "2025-01-01 00:00")):
            r = rule("frequency", of=REP, period=period, limit=1)
            self.assertEqual(evidence(found(r, touch("r1", last), touch("r2", last))), {label: "r1 r2"})
            self.assertEqual(found(r, touch("r1", last), touch("r2", first)), {})

    def test_iso_week_belongs_to_the_year_of_its_thursday(self):
        r = rule("frequency", of=REP, period="week", limit=0)
        self.assertEqual(list(found(r, touch("r1", "2024-12-30 12:00"))), ["2025-W01"])
        self.assertEqual(list(found(r, touch("r1", "2027-01-01 12:00"))), ["2026-W53"])

    def test_calendar_is_local(self):
        r = rule("frequency", of=REP, period="year", limit=0)
        self.assertEqual(list(found(r, touch("r1", "2024-12-31 23:30"), zone="Europe/Berlin")), ["2025"])

    def test_same_gives_the_instance_and_leaves_out_who_lacks_it(self):
        r = rule("frequency", of=REP, period="month", limit=1, same=["team", "similar"])
        groups = {"similar": ("topic", {"heart": ["af", "hf"]})}
        touches = (touch("r1", 0, topic="af"), touch("r2", 1, topic="hf"), touch("r3", 2, topic="x"), touch("r4", 3))
        self.assertEqual(evidence(found(r, *touches, groups=groups)), {("T1", "heart", "2024-01"): "r1 r2"})

    def test_distinct_counts_values_and_keeps_all_evidence(self):
        r = rule("frequency", of={}, window=24, limit=1, distinct="team")
        touches = (touch("r1", 0), touch("r2", 1), touch("r3", 2, team="T2"), touch("r4", 3, team=None))
        self.assertEqual(evidence(found(r, *touches)), {"r3": "r1 r2 r3"})
        self.assertEqual(found(r, *touches)["r3"].observed, 2)

    def test_weights(self):
        r = rule("frequency", of={}, window=24, limit=decimal.Decimal("1.3"), weights={
            "by": "channel", "values": {"in_person": 1, "email": decimal.Decimal("0.3")},
            "default": decimal.Decimal("0.1")})
        touches = touch("r1", 0), touch("e1", 1, channel="email"), touch("r2", 2, channel=None)
        self.assertEqual([(i, f.observed) for i, f in found(r, *touches).items()], [("r2", decimal.Decimal("1.4"))])

    def test_weights_of_one_touch(self):
        r = rule("frequency", of={}, per="touch", limit=1, weights={"by": "channel", "values": {"email": 2}})
        self.assertEqual(list(found(r, touch("r1", 0), touch("e1", 0, channel="email"))), ["e1"])

    def test_unless_leaves_out_before_counting(self):
        r = rule("frequency", of=REP, window=24, limit=1, unless=[{"channel": "video"}])
        self.assertEqual(found(r, touch("r1", 0), touch("r2", 1, channel="video")), {})

    def test_valid_from_binds_the_bearer_not_what_it_counts(self):
        touches = touch("r1", 0), touch("r2", 10)
        for bound, ok in ((10, True), (10.5, False)):
            r = rule("frequency", of=REP, window=24, limit=1, valid_from=T0 + int(bound * HOUR))
            self.assertEqual(bool(found(r, *touches)), ok)
        for bound, ok in ((24, True), (23, False)):  # the bearer of a day is its last millisecond
            r = rule("frequency", of=REP, period="day", limit=1, valid_to=T0 + bound * HOUR)
            self.assertEqual(bool(found(r, *touches)), ok)

    def test_from_first(self):
        r = rule("frequency", of=REP, period="from_first", window=10, limit=1)
        touches = [touch("r%d" % i, h) for i, h in enumerate((5, 14, 15, 24, 25, 40, 41))]
        # 5..15 holds 5, 14; the next starts at 15 and holds 24; 25 starts one alone; 40 holds 41
        self.assertEqual(evidence(found(r, *touches)), {"r0": "r0 r1", "r2": "r2 r3", "r5": "r5 r6"})

    def test_from_first_in_dates(self):
        r = rule("frequency", of=REP, period="from_first", window={"days": 2}, limit=1)
        self.assertEqual(evidence(found(r, touch("r0", 23), touch("r1", 47), touch("r2", 48), touch("r3", 49))),
                         {"r0": "r0 r1", "r2": "r2 r3"})

    def test_report_each(self):
        r = rule("frequency", of=REP, period="month", limit=1, report="each")
        self.assertEqual(evidence(found(r, touch("r1", 0), touch("r2", 1))), {"r1": "r1 r2", "r2": "r1 r2"})

    def test_planned_ones_count(self):
        r = rule("frequency", of=REP, window=24, limit=1)
        self.assertEqual(list(found(r, touch("r1", 0, "planned"), touch("r2", 1, "planned"))), ["r2"])


class Budget(unittest.TestCase):
    def test_exact_sum(self):
        r = rule("budget", of=REP, period="year", limit=decimal.Decimal("0.3"), currency="USD")
        cents = touch("r1", 0, amount="0.1"), touch("r2", 0, amount="0.2"), touch("r3", 0, amount="0.000000001")
        self.assertEqual(found(r, *cents[:2]), {})
        self.assertEqual(found(r, *cents)["2024"].observed, decimal.Decimal("0.300000001"))

    def test_large_and_small_together(self):
        r = rule("budget", of=REP, window=24, at_least=1, currency="USD")
        huge = "999999999999999999.999999999"
        both = found(r, touch("r1", 0, amount=huge), touch("r2", 1, amount="0.000000001"))
        self.assertEqual(both["r2"].observed, decimal.Decimal("1000000000000000000"))

    def test_other_currency_takes_no_part_and_is_counted(self):
        r = rule("budget", of=REP, window=24, limit=15, currency="USD")
        touches = (touch("r1", 0, amount="10"), touch("r2", 1, amount="100", currency="EUR"), touch("r3", 2),
                   touch("r4", 3, amount="10", currency="USD"))
        all_ = found(r, *touches)
        self.assertEqual(evidence(all_), {"r4": "r1 r4"})
        self.assertEqual((all_["r4"].observed, all_["r4"].other_currency), (20, 1))

    def test_quantity(self):
        r = rule("budget", of={}, sum="quantity", window=24, at_least=5)
        self.assertEqual(list(found(r, touch("r1", 0, quantity=2), touch("r2", 1), touch("r3", 2, quantity=3))), ["r3"])

    def test_one_touch(self):
        r = rule("budget", of={}, per="touch", limit=100, currency="USD")
        self.assertEqual(list(found(r, touch("r1", 0, amount="100"), touch("r2", 0, amount="100.01"))), ["r2"])


class Sequence(unittest.TestCase):
    def test_latest_a_strictly_before_b(self):
        r = rule("sequence", a=MSL, b=REP, within=10)
        self.assertEqual(evidence(found(r, touch("m1", 0), touch("m2", 5), touch("r1", 10), touch("m3", 10))),
                         {"r1": "m2 r1"})
        self.assertEqual(evidence(found(r, touch("m1", 0), touch("r1", 10))), {"r1": "m1 r1"})
        self.assertEqual(found(r, touch("m1", 0), touch("r1", 10.001)), {})
        self.assertEqual(found(r, touch("m1", 0), touch("r1", 0)), {})

    def test_ties_take_the_greatest_id(self):
        r = rule("sequence", a=MSL, b=REP, within=10)
        self.assertEqual(evidence(found(r, touch("m1", 0), touch("m2", 0), touch("r1", 1))), {"r1": "m2 r1"})

    def test_without_looks_only_between_and_only_at_the_latest_a(self):
        r = rule("sequence", a=MSL, b=REP, within=10, without=MAIL)
        for when, ok in ((1, True), (2, True), (3, False), (5, True)):
            self.assertEqual(bool(found(r, touch("m1", 0), touch("m2", 2), touch("r1", 5), touch("e1", when))), ok)

    def test_without_obeys_same_but_not_different(self):
        r = rule("sequence", a=MSL, b=REP, within=10, without=MAIL, same=["team"], different=["channel"])
        a, b = touch("m1", 0), touch("r1", 5, channel="video")
        self.assertTrue(found(r, a, b))
        self.assertFalse(found(r, a, b, touch("e1", 1)))
        self.assertFalse(found(r, a, b, touch("e1", 1, channel=None)))
        self.assertTrue(found(r, a, b, touch("e1", 1, team="T2")))
        self.assertTrue(found(r, a, b, touch("e1", 1, team=None)))

    def test_a_planned_c_does_not_count_unless_its_selector_names_phase(self):
        touches = touch("m1", 0), touch("e1", 2, "planned"), touch("r1", 5)
        self.assertTrue(found(rule("sequence", a=MSL, b=REP, within=10, without=MAIL), *touches))
        named = dict(MAIL, phase=["planned", "completed"])
        self.assertFalse(found(rule("sequence", a=MSL, b=REP, within=10, without=named), *touches))

    def test_joint_leaves_a_out_before_the_latest_is_taken(self):
        r = rule("sequence", a=MSL, b=REP, within=10, unless=["joint"])
        together = touch("r1", 5, joint_with=[{"id": "m2", "role": "msl"}])
        self.assertEqual(evidence(found(r, touch("m1", 0), touch("m2", 4), together)), {"r1": "m1 r1"})

    def test_dates(self):
        r = rule("sequence", a=MSL, b=REP, within={"days": 1})
        self.assertTrue(found(r, touch("m1", 0), touch("r1", 47)))
        self.assertFalse(found(r, touch("m1", 23), touch("r1", 48)))
        self.assertEqual(found(r, touch("m1", 0), touch("r1", 47))["r1"].observed, 1)


class Absence(unittest.TestCase):
    def test_deadline_is_in_time(self):
        r = rule("absence", a=MSL, b=REP, within=10)
        self.assertEqual(found(r, touch("m1", 0), touch("r1", 10)), {})
        late = found(r, touch("m1", 0), touch("r1", 10.5))["m1"]
        self.assertEqual((late.status, late.observed, late.limit), ("resolved", 10.5 * HOUR, 10 * HOUR))
        self.assertEqual(late.since, T0 + 10 * HOUR)

    def test_same_instant_only_if_inclusive_and_never_itself(self):
        touches = touch("m1", 0), touch("r1", 0)
        self.assertEqual(found(rule("absence", a=MSL, b=REP, within=10), *touches)["m1"].status, "open")
        self.assertEqual(found(rule("absence", a=MSL, b=REP, within=10, inclusive=True), *touches), {})
        self.assertTrue(found(rule("absence", a=MSL, b={}, within=10, inclusive=True), touches[0]))

    def test_earliest_answer_and_its_bound(self):
        r = rule("absence", a=MSL, b=REP, within=10, resolve_within=20)
        a = touch("m1", 0)
        self.assertEqual(evidence(found(r, a, touch("r1", 20), touch("r3", 15), touch("r2", 15))), {"m1": "m1 r2"})
        self.assertEqual(found(r, a, touch("r1", 20.1))["m1"].status, "open")

    def test_last_moment_of_a_date(self):
        r = rule("absence", a=MSL, b=REP, within={"days": 1})
        self.assertEqual(found(r, touch("m1", 5), touch("r1", "2024-01-02 23:59:59.999")), {})
        self.assertEqual(found(r, touch("m1", 5), touch("r1", 48))["m1"].status, "resolved")
        self.assertEqual(found(r, touch("m1", 5), zone="Europe/Berlin")["m1"].since, T0 + 47 * HOUR - 1)

    def test_plans_neither_ask_nor_answer(self):
        r = rule("absence", a=MSL, b=REP, within=10)
        self.assertEqual(found(r, touch("m1", 0, "planned")), {})
        self.assertEqual(found(r, touch("m1", 0), touch("r1", 5, "planned"))["m1"].status, "open")
        self.assertEqual(found(dict(r, b=dict(REP, phase="planned")), touch("m1", 0), touch("r1", 5, "planned")), {})

    def test_who_lacks_a_field_takes_no_part(self):
        r = rule("absence", a=MSL, b=REP, within=10, same=["team"], different=["channel"])
        self.assertEqual(found(r, touch("m1", 0, team=None)), {})
        self.assertEqual(found(r, touch("m1", 0, channel=None)), {})
        self.assertTrue(found(r, touch("m1", 0), touch("r1", 1)))
        self.assertFalse(found(r, touch("m1", 0), touch("r1", 1, channel="video")))


class Requires(unittest.TestCase):
    def test_before_or_at_the_same_time_within_the_window(self):
        r = rule("requires", b={"role": "speaker"}, a=MSL, within=10)
        for when, ok in ((0, False), (-0.1, True), (10, False), (10.1, True)):
            self.assertEqual(list(found(r, touch("m1", when), touch("s1", 10))), ["s1"] if ok else [])

    def test_not_by_itself_not_by_a_plan(self):
        r = rule("requires", b=REP, a=REP, within=10)
        self.assertEqual(list(found(r, touch("r1", 0))), ["r1"])
        self.assertEqual(list(found(r, touch("r1", 0), touch("r2", 0))), [])
        self.assertEqual(list(found(r, touch("r1", 0, "planned"), touch("r2", 0))), ["r2"])


class Until(unittest.TestCase):
    RULE = rule("until", a=MSL, b=REP, until=MAIL, max_open=20)

    def test_open_between_a_and_c(self):
        for when, ok in ((0, False), (0.1, True), (9.9, True), (10, False), (20, False)):
            self.assertEqual(list(found(self.RULE, touch("m1", 0), touch("e1", 10), touch("r1", when))),
                             ["r1"] if ok else [])

    def test_max_open_and_plus(self):
        self.assertTrue(found(self.RULE, touch("m1", 0), touch("r1", 20)))
        self.assertFalse(found(self.RULE, touch("m1", 0), touch("r1", 20.1)))
        plus = dict(self.RULE, plus=2 * HOUR)
        for when, ok in ((10, True), (11.9, True), (12, False)):
            self.assertEqual(bool(found(plus, touch("m1", 0), touch("e1", 10), touch("r1", when))), ok)

    def test_c_at_the_same_time_as_a_does_not_close_it(self):
        self.assertTrue(found(self.RULE, touch("m1", 0), touch("e1", 0), touch("r1", 5)))

    def test_only_the_earliest_c_closes(self):
        plus = dict(self.RULE, plus=2 * HOUR)
        self.assertFalse(found(plus, touch("m1", 0), touch("e1", 5), touch("e2", 10), touch("r1", 11)))

    def test_latest_open_a(self):
        all_ = found(self.RULE, touch("m1", 0), touch("m2", 3), touch("r1", 5))
        self.assertEqual(evidence(all_), {"r1": "m2 r1"})
        self.assertEqual((all_["r1"].observed, all_["r1"].limit), (2 * HOUR, 20 * HOUR))

    def test_planned_c_does_not_close(self):
        self.assertTrue(found(self.RULE, touch("m1", 0), touch("e1", 1, "planned"), touch("r1", 5)))


class Pairs(unittest.TestCase):
    def test_overlap_is_half_open(self):
        r = rule("overlap", a=REP, b=MSL)
        self.assertEqual(found(r, touch("r1", 0, end=2), touch("m1", 2, end=3)), {})
        all_ = found(r, touch("r1", 0, end=2), touch("m1", 1.5, end=3))
        self.assertEqual((list(all_), all_["m1", "r1"].observed), ([("m1", "r1")], HOUR // 2))
        self.assertEqual(evidence(all_), {("m1", "r1"): "r1 m1"})

    def test_default_durations(self):
        r = rule("overlap", a=REP, b=MSL, durations={"video": HOUR // 2, "default": 2 * HOUR})
        self.assertTrue(found(r, touch("r1", 0), touch("m1", 1)))
        self.assertFalse(found(r, touch("r1", 0, channel="video"), touch("m1", 1)))
        self.assertFalse(found(rule("overlap", a=REP, b=MSL), touch("r1", 0), touch("m1", 1)))

    def test_proximity_of_one_kind_in_either_order(self):
        r = rule("proximity", a={}, b=REP, within=1)
        all_ = found(r, touch("r2", 0), touch("r1", 1), touch("m1", 9))
        self.assertEqual({i: len(f.ways) for i, f in all_.items()}, {("r1", "r2"): 2})

    def test_severity_cases(self):
        r = rule("overlap", a=REP, b=MSL, severity=[
            {"phase": "preventable", "severity": "info"}, {"observed": {"ge": HOUR}, "severity": "high"},
            {"a": {"channel": "video"}, "severity": "medium"}, {"severity": "low"}])
        view = kinds.View({"groups": {}, "joint_within": 0}, lambda event: civil.Zone("UTC"))
        for more, phase, want in (({"end": 1}, "preventable", "info"), ({"end": 1}, "incident", "high"),
                                  ({"end": .5, "channel": "video"}, "incident", "medium"),
                                  ({"end": .5}, "incident", "low")):
            f, = kinds.instances(r, [touch("r1", 0, **more), touch("m1", 0)], view)
            self.assertEqual(kinds.severity(f, phase, r, view), want)


class Links(unittest.TestCase):
    def test_an_answer_is_for_the_one_it_names(self):
        asked = touch("r1", 0), touch("r2", 1)
        r = rule("absence", a=REP, b=MSL, within=24, link="responds_to")
        self.assertEqual(sorted(found(r, *asked, touch("m1", 2))), ["r1", "r2"])
        self.assertEqual(sorted(found(r, *asked, touch("m1", 2, responds_to="r2"))), ["r1"])
        by_event = dict(touch("r3", 1), id="event-3")
        self.assertEqual(sorted(found(r, by_event, touch("m1", 2, responds_to="event-3"))), [])

    def test_without_a_name_nothing_is_answered(self):
        r = rule("requires", a=REP, b=MSL, within=24, link="responds_to")
        self.assertEqual(sorted(found(r, touch("r1", 0), touch("m1", 2), touch("m2", 2, responds_to="r1"))), ["m1"])


class Tables(unittest.TestCase):
    """Limits and windows by the values of a touch or its physician, and by time."""

    def view(self, lines, tier=None):
        return kinds.View({"groups": {}, "joint_within": 0, "limits": lines}, lambda event: civil.Zone("UTC"),
                          {"tier": tier})

    def line(self, *values, begin=0, end=None, **more):
        return dict({"rule": "R", "values": values, "from": T0 + begin * HOUR,
                     "until": None if end is None else T0 + end * HOUR}, **more)

    def instances(self, a_rule, view, *touches):
        return [f.instance[-1] for f in kinds.instances(a_rule, touches, view)]

    def test_a_limit_by_tier_and_time_counts_what_lies_before_it(self):
        table = {"table": "limits", "by": ["tier"]}
        r = rule("frequency", of=REP, window=24, limit=table)
        lines = [self.line("A", begin=-99, end=10, limit=2), self.line("A", begin=10, limit=1)]
        touches = touch("r1", 8), touch("r2", 9), touch("r3", 10), touch("r4", 11)
        self.assertEqual(self.instances(r, self.view(lines, "A"), *touches), ["r3", "r4"])
        self.assertEqual(self.instances(r, self.view(lines, "B"), *touches), [])
        self.assertEqual(self.instances(r, self.view(lines), *touches), [])

    def test_the_window_of_a_pair_is_that_of_its_later_touch(self):
        table = {"table": "limits", "by": ["team"]}
        r = rule("proximity", a=REP, b=MSL, within=table)
        lines = [self.line("T1", within={"ms": HOUR}), self.line("T2", within={"ms": 9 * HOUR})]
        self.assertEqual(self.instances(r, self.view(lines), touch("r1", 0), touch("m1", 2, team="T2")), ["r1"])
        self.assertEqual(self.instances(r, self.view(lines), touch("r1", 2), touch("m1", 0, team="T2")), [])

    def test_a_period_is_judged_at_its_last_moment(self):
        r = rule("frequency", of=REP, period="day", limit={"table": "limits", "by": ["tier"]})
        lines = [self.line("A", begin=0, end=24, limit=1), self.line("A", begin=24, limit=9)]
        self.assertEqual(self.instances(r, self.view(lines, "A"), touch("r1", 1), touch("r2", 2), touch("r3", 25),
                                        touch("r4", 26)), ["2024-01-01"])


class CivilTime(unittest.TestCase):
    def test_midnight_in_a_gap_and_in_a_fold(self):
        beirut, havana = civil.Zone("Asia/Beirut"), civil.Zone("America/Havana")
        self.assertEqual(beirut.midnight(datetime.date(2024, 3, 31).toordinal()), at("2024-03-30 22:00"))
        self.assertEqual(havana.midnight(datetime.date(2024, 11, 3).toordinal()), at("2024-11-03 04:00"))

    def test_a_day_of_25_hours(self):
        berlin = civil.Zone("Europe/Berlin")
        self.assertEqual(berlin.period_end(at("2024-10-27 10:00"), "day"), at("2024-10-27 23:00"))
        self.assertEqual(berlin.deadline(at("2024-10-26 10:00"), {"days": 1}), at("2024-10-27 23:00") - 1)

    def test_business_days(self):
        # Easter 2024: Good Friday 29 March, Monday 1 April; clocks go forward on 31 March
        easter = frozenset((6, 7)), frozenset((datetime.date(2024, 3, 29), datetime.date(2024, 4, 1)))
        berlin = civil.Zone("Europe/Berlin", easter)
        for start, days, want in (("2024-03-28 09:00", 0, "2024-03-28 09:00"),   # Thursday 10:00 in Berlin
                                  ("2024-03-28 09:00", 1, "2024-04-02 08:00"),   # Tuesday 10:00, now UTC + 2
                                  ("2024-03-28 09:00", 5, "2024-04-08 08:00"),
                                  ("2024-03-30 11:00", 0, "2024-04-01 22:00"),   # on Saturday: Tuesday 00:00
                                  ("2024-03-30 11:00", 1, "2024-04-02 22:00"),
                                  ("2024-03-28 22:30", 1, "2024-04-02 21:30"),
                                  ("2024-03-28 23:30", 1, "2024-04-02 22:00")):  # 00:30 of Good Friday
            self.assertEqual(berlin.deadline(at(start), {"business_days": days}), at(want), (start, days))
        dubai = civil.Zone("Asia/Dubai", (frozenset((5, 6)), frozenset()))
        self.assertEqual(dubai.end(at("2024-03-28 10:00"), {"business_days": 1}), at("2024-03-31 10:00"))
        usual = civil.Zone("UTC")
        self.assertEqual(usual.end(at("2024-03-29 10:00"), {"business_days": 1}), at("2024-04-01 10:00"))

    def test_windows_of_business_days(self):
        r = rule("frequency", of=REP, window={"business_days": 2}, limit=1)
        friday = "2024-03-08 10:00"
        self.assertEqual(list(found(r, touch("r1", friday), touch("r2", "2024-03-12 09:59"))), ["r2"])
        self.assertEqual(list(found(r, touch("r1", friday), touch("r2", "2024-03-12 10:00"))), [])
        near = rule("proximity", a=REP, b=MSL, within={"business_days": 2})
        self.assertEqual(len(found(near, touch("r1", friday), touch("m1", "2024-03-12 10:00"))), 1)
        self.assertEqual(len(found(near, touch("r1", friday), touch("m1", "2024-03-12 10:01"))), 0)


class Lifecycle(unittest.TestCase):
    """Alerts of one physician over time."""

    def physician(self, *rules):
        policy = {"rules": list(rules), "groups": {}, "joint_within": 0, "planned_grace": 24 * HOUR, "markets": {},
                  "zone": "UTC", "allowed_lateness": 1000 * HOUR, "max_ahead": 1000 * HOUR}
        return model.Physician("H", policy)

    def say(self, physician, hour, what):
        self.said = getattr(self, "said", 0) + 1
        what = dict(what, id="v%d" % self.said, start=what["time"], recorded_at=T0 + int(hour * HOUR))
        physician.record(T0 + int(hour * HOUR), "touch", what)

    def alert(self, physician, *instance):
        row = physician.alerts.get(("R", instance))
        return row and (row["status"], row["cause"], row["phase"])

    def test_absence_opens_by_timer_resolves_and_opens_again(self):
        p = self.physician(rule("absence", a=MSL, b=REP, within=10))
        self.say(p, 0, touch("m1", 0))
        p.advance(T0 + 10 * HOUR)
        self.assertIsNone(self.alert(p, "m1"))
        p.advance(T0 + 10 * HOUR + 1)
        self.assertEqual(self.alert(p, "m1"), ("open", None, "incident"))
        self.say(p, 12, touch("r1", 12))
        self.assertEqual(self.alert(p, "m1"), ("resolved", None, "incident"))
        self.say(p, 13, touch("r1", 12, "cancelled"))
        self.assertEqual(self.alert(p, "m1"), ("open", None, "incident"))
        self.say(p, 14, touch("r2", 9))
        self.assertEqual(self.alert(p, "m1"), ("retracted", "corrected", "incident"))

    def test_an_alert_between_two_records_is_seen(self):
        p = self.physician(rule("absence", a=MSL, b=REP, within=10))
        self.say(p, 0, touch("m1", 0))
        self.say(p, 20, touch("r1", 5))
        self.assertEqual(self.alert(p, "m1"), ("retracted", "corrected", "incident"))

    def test_causes_and_phases(self):
        for then, cause in ((touch("r1", 30, "cancelled"), "cancelled"), (touch("r1", 90, "planned"), "rescheduled"),
                            (touch("r1", 30, "planned", team="T2"), "corrected"), (None, "lapsed")):
            p = self.physician(rule("sequence", a=MSL, b=REP, within=40, same=["team"]))
            self.say(p, 0, touch("m1", 0))
            self.say(p, 0, touch("r1", 30, "planned"))
            self.assertEqual(self.alert(p, "r1"), ("open", None, "preventable"))
            if then:
                self.say(p, 1, then)
            else:
                p.advance(T0 + 54 * HOUR)
                self.assertEqual(self.alert(p, "r1"), ("open", None, "incident"))
                p.advance(T0 + 54 * HOUR + 1)
            self.assertEqual(self.alert(p, "r1")[:2], ("retracted", cause))


class OtherScopes(unittest.TestCase):
    """Touches of several physicians under one account or actor."""

    def found(self, a_rule, *touches):
        return found(a_rule, *(dict(t, hcp_id=hcp, id=t["id"] + hcp) for hcp, t in touches))

    def evidence(self, found_):
        return {i: " ".join(t["id"] for t in f.evidence) for i, f in found_.items()}

    def test_distinct_physicians_of_a_day(self):
        r = rule("frequency", of=REP, period="day", limit=2, distinct="hcp", same=["team"])
        three = [("H1", touch("r1", 1)), ("H2", touch("r2", 2)), ("H3", touch("r3", 3))]
        self.assertEqual(self.evidence(self.found(r, *three)), {("T1", "2024-01-01"): "r1H1 r2H2 r3H3"})
        self.assertEqual(self.found(r, *three[:2], ("H1", touch("r3", 3))), {})

    def test_a_group_call_counts_once_but_for_distinct_hcp(self):
        call = [("H2", touch("r1", 5)), ("H1", touch("r1", 5)), ("H3", touch("r1", 4))]
        one = self.found(rule("frequency", of=REP, window=24, limit=0), *call)
        self.assertEqual(self.evidence(one), {"r1": "r1H3"})
        self.assertEqual(self.found(rule("frequency", of=REP, window=24, limit=1), *call), {})
        distinct = self.found(rule("frequency", of=REP, window=24, limit=1, distinct="hcp"), *call)
        self.assertEqual([(i, f.observed) for i, f in distinct.items()], [("r1", 3)])

    def test_sums_add_each_attendee(self):
        call = [("H2", touch("r1", 5, amount="10")), ("H1", touch("r1", 5, amount="10")), ("H3", touch("r1", 5))]
        for more in ({"per": "touch"}, {"window": {"ms": HOUR}}):
            r = rule("budget", of=REP, limit=15, currency="USD", **more)
            self.assertEqual(self.evidence(self.found(r, *call)), {"r1": "r1H1 r1H2"})
        r = rule("budget", of=REP, limit=15, currency="USD", per="touch", unless=[{"hcp_id": "H1"}])
        self.assertEqual(self.found(r, *call), {})

    def test_the_one_that_stands_for_all_matches(self):
        call = [("H1", touch("r1", 5, product="P1")), ("H2", touch("r1", 5, product="P2"))]
        r = rule("frequency", of={"product": "P2"}, window=24, limit=0)
        self.assertEqual(self.evidence(self.found(r, *call)), {"r1": "r1H2"})

    def test_pairs_are_of_two_engagements(self):
        touches = [("H1", touch("r1", 5)), ("H2", touch("r1", 5)), ("H1", touch("m1", 6))]
        self.assertEqual(self.evidence(self.found(rule("proximity", a={}, b={}, within=2), *touches)),
                         {("m1", "r1"): "r1H1 m1H1"})
        r = rule("proximity", a={}, b={}, within=2, different=["hcp"])
        self.assertEqual(self.evidence(self.found(r, *touches)), {("m1", "r1"): "r1H2 m1H1"})

    def test_same_hcp_looks_at_each_physician_by_himself(self):
        r = rule("requires", b=REP, a=MSL, within=10, same=["hcp"])
        self.assertEqual(self.evidence(self.found(r, ("H1", touch("m1", 0)), ("H1", touch("r1", 5)),
                                                  ("H2", touch("r1", 5)))), {"r1": "r1H2"})

    def policy(self, *rules):
        return {"rules": list(rules), "groups": {}, "joint_within": 0, "planned_grace": 24 * HOUR, "zone": "UTC",
                "markets": {"DE": "Europe/Berlin"}, "allowed_lateness": 1000 * HOUR, "max_ahead": 1000 * HOUR}

    def world(self, a_rule, *records):
        said = []
        for number, (hcp, hour, what) in enumerate(records):
            kind = "account.profile" if "actor" not in what else "touch"
            said.append((hcp, kind, dict(what, hcp_id=hcp, id="v%d" % number, recorded_at=T0 + int(hour * HOUR))))
        return model.world(said, self.policy(a_rule))

    def test_a_touch_that_leaves_the_account(self):
        r = rule("frequency", scope="account", of=REP, window=24, limit=1)
        records = [("H1", 1, touch("r1", 1, account_id="A")), ("H2", 2, touch("r2", 2, account_id="A"))]
        alerts_ = self.world(r, *records)["account", "A"].alerts
        self.assertEqual(alerts_["R", ("r2",)]["status"], "open")
        keys = self.world(r, *records, ("H1", 3, touch("r1", 1, account_id="B")))
        self.assertEqual(keys["account", "A"].alerts["R", ("r2",)]["cause"], "corrected")
        self.assertEqual(keys["account", "B"].alerts, {})
        self.assertEqual(keys["hcp", "H1"].alerts, {})

    def test_who_came_along_is_the_actor(self):
        r = rule("frequency", scope="actor", of=MSL, window=24, limit=0)
        keys = self.world(r, ("H1", 1, touch("r1", 1, joint_with=[{"id": "anna", "role": "msl"}])))
        self.assertEqual(list(keys["actor", "anna"].alerts), [("R", ("r1",))])
        self.assertEqual(keys["actor", "r1"].alerts, {})

    def test_an_accounts_zone(self):
        r = rule("frequency", scope="account", of=REP, period="day", limit=0)
        late = ("H1", 24, touch("r1", 23.5, account_id="A"))
        self.assertEqual(list(self.world(r, late)["account", "A"].alerts), [("R", ("2024-01-01",))])
        keys = self.world(r, ("A", 1, {"country": "DE", "time": T0}), late)
        self.assertEqual(list(keys["account", "A"].alerts), [("R", ("2024-01-02",))])

    def test_plans_lapse_under_every_key(self):
        r = rule("frequency", scope="account", of=REP, window=24, limit=0)
        plan = touch("r1", 5, "planned", account_id="A", start=T0 + 5 * HOUR)
        keys = self.world(r, ("H1", 1, plan), ("H2", 40, touch("r2", 40)))
        self.assertEqual(keys["account", "A"].alerts["R", ("r1",)]["cause"], "lapsed")

    def test_a_plan_that_is_learnt_when_it_has_lapsed_never_stood(self):
        r = rule("absence", scope="account", a={"role": "sales_rep", "phase": "planned"}, b=MSL, within=10)
        late = touch("r1", 5, "planned", account_id="A", start=T0 + 5 * HOUR)
        keys = self.world(r, ("H1", 1, touch("m1", 1, account_id="A")), ("H1", 40, late))
        self.assertEqual(keys["account", "A"].alerts, {})


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=0).result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed, 0 skipped" % (result.testsRun - bad, bad))
    sys.exit(1 if bad else 0)
