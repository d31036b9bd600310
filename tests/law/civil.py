"""Civil time: zones, dates, calendar periods, and the spans that a policy can write.

A span is {"ms": n}, exact; {"days": n}, local dates; {"months": n}, civil, forward from the earlier moment; or
{"business_days": n}, the days that are neither of the weekend nor holidays.
"""
import calendar
import datetime
import zoneinfo

MS_DAY = 86400000
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)


USUAL = (frozenset((6, 7)), frozenset())  # a calendar: days of the week (1 Monday) and dates on which nobody works


class Zone:
    """Local reckoning in one IANA zone, with a calendar of business days."""
    cache = {}

    def __new__(cls, name, calendar_=USUAL):
        if (name, calendar_) not in cls.cache:
            self = cls.cache[name, calendar_] = super().__new__(cls)
            self.info = zoneinfo.ZoneInfo(name)
            self.weekend, self.holidays = calendar_
            self.days, self.ends, self.labels = {}, {}, {}
        return cls.cache[name, calendar_]

    def local(self, ms):
        return (datetime.datetime.fromtimestamp(ms // 1000, UTC).astimezone(self.info)
                + datetime.timedelta(milliseconds=ms % 1000))

    def day(self, ms):
        """The local date as a number."""
        if ms not in self.days:
            self.days[ms] = self.local(ms).toordinal()
        return self.days[ms]

    def instant(self, naive):
        """A local time as an instant: in a gap forward by its length, in a fold the first."""
        second = naive.replace(microsecond=0)
        at = second.replace(tzinfo=self.info, fold=0)
        ms = (second - EPOCH) // datetime.timedelta(milliseconds=1)
        return ms - at.utcoffset() // datetime.timedelta(milliseconds=1) + naive.microsecond // 1000

    def midnight(self, day):
        """The first instant of a local date."""
        return self.instant(datetime.datetime.fromordinal(day))

    def plus_months(self, ms, months):
        """The same local time `months` later, the day clamped to its month."""
        t = self.local(ms).replace(tzinfo=None)
        month = t.year * 12 + t.month - 1 + months
        year, month = divmod(month, 12)
        day = min(t.day, calendar.monthrange(year, month + 1)[1])
        return self.instant(t.replace(year=year, month=month + 1, day=day))

    def works(self, day):
        date = datetime.date.fromordinal(day)
        return date.isoweekday() not in self.weekend and date not in self.holidays

    def plus_business_days(self, ms, count):
        """The same local time on the count-th business day after; what is on none counts as the next one's 00:00."""
        t = self.local(ms).replace(tzinfo=None)
        if not self.works(t.toordinal()):
            t = datetime.datetime.combine(t.date(), datetime.time())
            while not self.works(t.toordinal()):
                t += datetime.timedelta(days=1)
        while count > 0:
            t += datetime.timedelta(days=1)
            count -= self.works(t.toordinal())
        return self.instant(t)

    def end(self, ms, span):
        """The first instant after a window that begins at `ms` and is `span` long: with days, so many dates."""
        key = ms, *span.items()
        if key not in self.ends:
            if "ms" in span:
                self.ends[key] = ms + span["ms"]
            elif "days" in span:
                self.ends[key] = self.midnight(self.day(ms) + span["days"])
            elif "business_days" in span:
                self.ends[key] = self.plus_business_days(ms, span["business_days"])
            else:
                self.ends[key] = self.plus_months(ms, span["months"])
        return self.ends[key]

    def deadline(self, ms, span):
        """The last instant that is not later than `span` after `ms`: with days, the last of that date."""
        if "days" in span:
            return self.midnight(self.day(ms) + span["days"] + 1) - 1
        return self.end(ms, span)

    def period(self, ms, kind):
        """The calendar period around `ms`: how it is called."""
        key = ms, kind
        if key not in self.labels:
            self.labels[key] = label(datetime.date.fromordinal(self.day(ms)), kind)
        return self.labels[key]

    def period_day(self, ms, kind):
        """The first date of the calendar period around `ms`."""
        date = datetime.date.fromordinal(self.day(ms))
        if kind == "week":
            return date.toordinal() - date.isoweekday() + 1
        month = {"month": date.month, "quarter": (date.month - 1) // 3 * 3 + 1}.get(kind, 1)
        return date.toordinal() if kind == "day" else datetime.date(date.year, month, 1).toordinal()

    def period_end(self, ms, kind):
        """The first instant after the calendar period around `ms`."""
        date = datetime.date.fromordinal(self.day(ms))
        if kind == "day":
            day = date.toordinal() + 1
        elif kind == "week":
            day = date.toordinal() + 8 - date.isoweekday()
        else:
            months = {"month": 1, "quarter": 3, "year": 12}[kind]
            year, month = divmod((date.year * 12 + date.month - 1) // months * months + months, 12)
            day = datetime.date(year, month + 1, 1).toordinal()
        return self.midnight(day)


def label(date, kind):
    if kind == "day":
        return date.isoformat()
    if kind == "week":
        return "%04d-W%02d" % date.isocalendar()[:2]
    if kind == "month":
        return "%04d-%02d" % (date.year, date.month)
    if kind == "quarter":
        return "%04d-Q%d" % (date.year, (date.month + 2) // 3)
    if kind == "year":
        return "%04d" % date.year
    raise ValueError(kind)
