"""Writes Avro object container files, from the specification alone.

  container.py OUT SCHEMA.avsc [codec=null|deflate] [block=N] [drop=FIELD,…] [reverse] < LINES

One JSON object a line on standard input; members that the schema does not name are left out. `drop` and `reverse` make
the schema of another version: without some optional fields, in another order, with a field that nobody knows.
"""
import json
import sys
import zlib

SYNC = bytes(range(16))


def long(n):
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while n & ~0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return long(len(s)) + s


def millis(value):
    import datetime
    t = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return (t - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def encode(schema, value, names):
    if isinstance(schema, list):
        if value is None:
            return long(schema.index("null"))
        branch = next(i for i, s in enumerate(schema) if s != "null")
        return long(branch) + encode(schema[branch], value, names)
    if isinstance(schema, str) and schema in names:
        schema = names[schema]
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return encode(kind, value, names)
    if kind == "record":
        names[schema["name"]] = schema
        return b"".join(encode(f["type"], value.get(f["name"]) if f["name"] in value else f.get("default"), names)
                        for f in schema["fields"])
    if kind == "enum":
        names[schema["name"]] = schema
        return long(schema["symbols"].index(value))
    if kind == "array":
        items = value or []
        return (long(len(items)) + b"".join(encode(schema["items"], i, names) for i in items) if items else b"") + long(0)
    if kind == "map":
        items = value or {}
        return (long(len(items)) + b"".join(text(k) + encode(schema["values"], v, names) for k, v in items.items())
                if items else b"") + long(0)
    if kind == "string":
        return text(str(value))
    if kind == "long":
        return long(millis(value) if isinstance(value, str) else value)
    if kind == "boolean":
        return bytes([value])
    raise ValueError(kind)


def learn(schema, names):
    if isinstance(schema, list):
        for s in schema:
            learn(s, names)
    elif isinstance(schema, dict):
        if schema.get("type") in ("record", "enum"):
            names[schema["name"]] = schema
            names[schema.get("namespace", "org.journeyd") + "." + schema["name"]] = schema
        for f in schema.get("fields", ()):
            learn(f["type"], names)
        for part in ("items", "values", "type"):
            learn(schema.get(part), names)


def container(schema, records, codec, block):
    names = {}
    learn(schema, names)
    pairs = {"avro.schema": json.dumps(schema), "avro.codec": codec, "made.by": "hand"}
    meta = b"".join(text(k) + text(v) for k, v in pairs.items())
    out = bytearray(b"Obj\x01" + long(-len(pairs)) + long(len(meta)) + meta + long(0) + SYNC)
    for i in range(0, len(records), block):
        part = records[i:i + block]
        data = b"".join(encode(schema, r, names) for r in part)
        if codec == "deflate":
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = packer.compress(data) + packer.flush()
        out += long(len(part)) + long(len(data)) + data + SYNC
    return bytes(out)


def main():
    out, name, options = sys.argv[1], sys.argv[2], dict((o.split("=") + [""])[:2] for o in sys.argv[3:])
    with open(name) as f:
        schema = json.load(f)
    dropped = options.get("drop", "").split(",")
    fields = [f for f in schema["fields"] if f["name"] not in dropped]
    if "reverse" in options:
        fields = fields[::-1]
        fields.insert(2, {"name": "nobody_knows", "type": {"type": "array", "items": ["null", "string", "double"]}})
    schema["fields"] = fields
    records = []
    for line in sys.stdin:
        record = json.loads(line)
        if "data" in record:  # a CloudEvent: the value says it all
            record = {**record["data"], **{k: record[k] for k in ("id", "source", "type", "time") if k in record}}
        records.append(record)
    with open(out, "wb") as f:
        f.write(container(schema, records, options.get("codec", "null"), int(options.get("block", 100))))


if __name__ == "__main__":
    main()
