"""What people say of alerts: acknowledgements and overrides. Facts by (alert_id, actor, reason, from, until), of a
physician in the alert's evidence; valid whether the alert exists yet or not."""
from events import touch_time

TYPES = {"alert.acknowledged": "acknowledged", "alert.overridden": "overridden"}


def is_note(event):
    return event["type"] in TYPES


def about(event):
    """The key of the alert, as its records have it."""
    return (event.get("attributes") or {}).get("alert_key") or "hcp:" + event["hcp_id"]


def boundaries(notes):
    return {moment for note in notes for moment in (touch_time(note), note["end"])}


def flags(notes, alert, now):
    """What stands on an alert at `now`, of each kind the note that begins last (ties: the greater source, id)."""
    standing = []
    for kind in ("alert.acknowledged", "alert.overridden"):
        valid = [n for n in notes if n["type"] == kind and n["responds_to"] == alert and touch_time(n) <= now < n["end"]]
        last = max(valid, key=lambda n: (touch_time(n), n["source"].encode(), n["id"].encode()), default=None)
        standing.append(last and (last["actor"]["id"], (last.get("outcome") or {}).get("reason"), touch_time(last),
                                  last["end"], last["source"], last["id"]))
    return tuple(standing)
