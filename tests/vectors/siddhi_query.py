"""Siddhi's query language, as far as the vectors use it: text to plain tuples and small classes.

An application is streams (name -> [(attribute, type)]), a partition (stream -> attribute, or none) and queries. A query
reads a window of one stream, or a pattern (`->`) or a sequence (`,`) of elements.
"""
import collections
import re

Event = collections.namedtuple("Event", "ref stream condition count")   # count: None, or (least, most or None)
Absent = collections.namedtuple("Absent", "stream condition wait")      # wait: ms, or None
Logical = collections.namedtuple("Logical", "op left right")            # op: and, or
Every = collections.namedtuple("Every", "item")
Chain = collections.namedtuple("Chain", "mode items within")            # mode: "->", ","; within: ms, or None
Window = collections.namedtuple("Window", "stream name parameters")
Query = collections.namedtuple("Query", "source columns target having group")
App = collections.namedtuple("App", "streams partition queries playback")

# A condition: ("and" | "or", left, right), ("not", x), ("compare", op, left, right); a side: ("literal", value),
# ("attribute", ref or None, name), and ("other", text) for what the converter has no use for.

UNITS = {"millisecond": 1, "milliseconds": 1, "sec": 1000, "second": 1000, "seconds": 1000, "min": 60000}
TOKEN = re.compile(r"""\s*(?:(?P<number>\d+\.?\d*[fFdDlL]?)|(?P<string>'[^']*'|"[^"]*")
                       |(?P<name>\#?[A-Za-z_][A-Za-z0-9_]*)
                       |(?P<sign>->|==|!=|>=|<=|[-+*/<>()\[\],;:.=?@\#]))""", re.X)


class NotRead(Exception):
    """The text is outside of what this module reads; the message says which construct."""


def tokens(text):
    found, at = [], 0
    text = text.replace("\\n", " ").strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise NotRead("character %r" % text[at])
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class Reader:
    def __init__(self, text):
        self.tokens, self.at = tokens(text), 0

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at][1] if at < len(self.tokens) else None

    def kind(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self, *expected):
        value = self.peek()
        if value is None or (expected and value.lower() not in expected):
            raise NotRead("%s, where %s should be" % (value, " or ".join(expected)))
        self.at += 1
        return value

    def accept(self, *values):
        if self.peek() is not None and self.peek().lower() in values:
            self.at += 1
            return True
        return False

    # Conditions

    def condition(self):
        left = self.conjunction()
        while self.accept("or"):
            left = ("or", left, self.conjunction())
        return left

    def conjunction(self):
        left = self.negation()
        while self.accept("and"):
            left = ("and", left, self.negation())
        return left

    def negation(self):
        if self.accept("not"):
            return ("not", self.negation())
        if self.peek() == "(":
            self.take("(")
            inner = self.condition()
            self.take(")")
            return inner
        left = self.side()
        if self.accept("is"):
            self.take("null")
            return ("other", "is null")
        op = self.take("==", "!=", ">", "<", ">=", "<=")
        return ("compare", op, left, self.side())

    def side(self):
        kind, value = self.kind(), self.take()
        if kind == "string":
            return ("literal", value[1:-1])
        if kind == "number":
            return ("literal", value.rstrip("fFdDlL"))
        if kind != "name":
            raise NotRead(value)
        if self.peek() == "(":
            return ("other", "function")
        if self.accept("["):
            while self.take() != "]":
                pass
            self.take(".")
            self.take()
            return ("other", "one of several events of an element")
        if self.accept("."):
            return ("attribute", value, self.take())
        return ("attribute", None, value)

    # Elements

    def time(self):
        total = 0
        while self.kind() == "number":
            amount = int(self.take())
            total += amount * UNITS[self.take(*UNITS)]
        if not total:
            raise NotRead("a time")
        return total

    def milliseconds(self):
        return int(self.take()) if self.peek(1) is None else self.time()

    def stream(self):
        name = self.take()
        condition = None
        if self.accept("["):
            condition = self.condition()
            self.take("]")
        return name, condition

    def stateful(self):
        if self.accept("not"):
            name, condition = self.stream()
            return Absent(name, condition, self.time() if self.accept("for") else None)
        ref = None
        if self.peek(1) == "=":
            ref = self.take()
            self.take("=")
        name, condition = self.stream()
        return Event(ref, name, condition, self.count())

    def count(self):
        if self.accept("*"):
            return (0, None)
        if self.accept("+"):
            return (1, None)
        if self.accept("?"):
            return (0, 1)
        if not self.accept("<"):
            return None
        least = int(self.take()) if self.kind() == "number" else 0
        most = least
        if self.accept(":"):
            most = int(self.take()) if self.kind() == "number" else None
        self.take(">")
        return (least, most)

    def unit(self):
        if self.accept("every"):
            return Every(self.unit())
        if self.accept("("):
            inner = self.chain()
            self.take(")")
            return inner
        left = self.stateful()
        if self.peek() and self.peek().lower() in ("and", "or"):
            return Logical(self.take().lower(), left, self.stateful())
        return left

    def chain(self):
        items, mode = [self.unit()], None
        while self.peek() in ("->", ","):
            sign = self.take()
            if mode not in (None, sign):
                raise NotRead("-> and , together")
            mode = sign
            items.append(self.unit())
        return Chain(mode, items, self.time() if self.accept("within") else None)


def flatten(item):
    """Without brackets that change nothing: a chain of one is its item, a chain in a chain its items."""
    if isinstance(item, Every):
        inner = flatten(item.item)
        return Every(inner.items[0] if isinstance(inner, Chain) and len(inner.items) == 1 else inner)
    if not isinstance(item, Chain):
        return item
    items, within, mode = [], item.within, item.mode
    for inner in map(flatten, item.items):
        if isinstance(inner, Chain):
            items, within, mode = items + inner.items, within or inner.within, mode or inner.mode
        else:
            items.append(inner)
    return Chain(mode, items, within)


def source(text):
    window = re.fullmatch(r"\s*(\w+)#window\.(\w+)\((.*)\)\s*", text, re.S)
    if window:
        return Window(window[1], window[2], [p.strip() for p in window[3].split(",")])
    if "#window" in text or " join " in text:
        raise NotRead("join")
    reader = Reader(text)
    chain = reader.chain()
    if reader.peek() is not None:
        raise NotRead(reader.peek())
    return flatten(chain)


def columns(text):
    """(ref, attribute, which of several events or None) of each; None for what is computed."""
    if text.strip() == "*":
        return []
    found = []
    for column in re.split(r",(?![^(]*\))", text):
        expression = re.split(r"\bas\b", column)[0].strip()
        plain = re.fullmatch(r"(?:(\w+)(?:\[(\d+|last)\])?\.)?(\w+)", expression)
        found.append(plain and (plain[1], plain[3], plain[2] and (-1 if plain[2] == "last" else int(plain[2]))))
    return found


def application(text):
    text = text.replace("\\n", " ")
    streams = {}
    for match in re.finditer(r"define stream (\w+)\s*\(([^)]*)\)", text):
        streams[match[1]] = [tuple(a.lower() if i else a for i, a in enumerate(pair.split()))
                             for pair in match[2].split(",")]
    partition = {}
    match = re.search(r"partition with\s*\(([^)]*)\)", text)
    if match:
        for part in match[1].split(","):
            attribute, stream = re.fullmatch(r"\s*(\w+) of (\w+)\s*", part).groups()
            partition[stream] = attribute
    queries = []
    for match in re.finditer(r"\bfrom\b(.*?)\bselect\b(.*?)\binsert\b(.*?)\binto\b\s*(#?\w+)", text, re.S | re.I):
        chosen = re.split(r"\b(having|group by)\b", match[2])
        queries.append(Query(source(match[1]), columns(chosen[0]), match[4], "having" in chosen,
                             "group by" in chosen))
    return App(streams, partition, queries, "@app:playback" in text)
