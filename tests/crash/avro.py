"""Avro's binary encoding, read by a schema of schemas/: enough to look at the journal without the daemon's code."""
import json
import os
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n < 0 or self.at + n > len(self.data):
            raise ValueError("Avro ends early")
        self.at += n
        return self.data[self.at - n:self.at]

    def long(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7

    def blocks(self):
        while True:
            count = self.long()
            if count == 0:
                return
            if count < 0:
                self.long()
                count = -count
            yield from range(count)


class Schema:
    def __init__(self, name):
        with open(os.path.join(ROOT, "schemas", name + ".avsc")) as f:
            self.root = json.load(f)
        self.names = {}
        self.learn(self.root)

    def learn(self, s):
        if isinstance(s, list):
            for branch in s:
                self.learn(branch)
        elif isinstance(s, dict):
            if "name" in s and s["type"] in ("record", "enum", "fixed"):
                self.names[s["name"]] = s
                self.names[s.get("namespace", "org.journeyd") + "." + s["name"]] = s
            for field in s.get("fields", ()):
                self.learn(field["type"])
            for part in ("items", "values"):
                self.learn(s.get(part))
            if isinstance(s["type"], (dict, list)):
                self.learn(s["type"])

    def read(self, data):
        reader = Reader(data)
        value = self.value(self.root, reader)
        if reader.at != len(data):
            raise ValueError("%d bytes after the record" % (len(data) - reader.at))
        return value

    def value(self, s, r):
        if isinstance(s, list):
            return self.value(s[r.long()], r)
        kind = s["type"] if isinstance(s, dict) else s
        if isinstance(kind, (dict, list)):
            return self.value(kind, r)
        if kind == "null":
            return None
        if kind == "boolean":
            return r.take(1) == b"\1"
        if kind in ("int", "long"):
            return r.long()
        if kind == "double":
            return struct.unpack("<d", r.take(8))[0]
        if kind == "string":
            return r.take(r.long()).decode()
        if kind == "bytes":
            return r.take(r.long())
        if kind == "fixed":
            return r.take(s["size"])
        if kind == "enum":
            return s["symbols"][r.long()]
        if kind == "array":
            return [self.value(s["items"], r) for _ in r.blocks()]
        if kind == "map":
            return {r.take(r.long()).decode(): self.value(s["values"], r) for _ in r.blocks()}
        if kind == "record":
            return {f["name"]: self.value(f["type"], r) for f in s["fields"]}
        return self.value(self.names[kind], r)
