"""What `tessera explain --json` says, held against its schema, against itself and against the manifest.

    explain_check.py EXPLAIN.json DOCS.md [INSPECT.json]
"""
import json
import re
import sys

NUMBER, MAYBE = (int, float), (int, float, type(None))
TEXT, MAYBE_TEXT = str, (str, type(None))
PLACE = {"file": MAYBE_TEXT, "line": int}
COST = {"flop": NUMBER, "operations": NUMBER, "bytes": NUMBER, "seconds": NUMBER, "bound": TEXT, "measured_s": MAYBE}
REASON = {"name": TEXT, "rule": TEXT, "text": TEXT}
SCHEMA = {
    "tessera_explain": int,
    "program": {"block": TEXT, "description": TEXT, "target": TEXT, "source_hash": TEXT, "fusion": MAYBE_TEXT, "batch": int,
                "accumulate": int, "defines": [{"name": TEXT, "value": TEXT}]},
    "roofline": {"machine": TEXT, "threads": int, "flop_per_s": NUMBER, "operations_per_s": NUMBER,
                 "bytes_per_s": NUMBER, "launch_s": NUMBER},
    "totals": {"arena_bytes": int, "live_bytes": int, "kernels": int, "launches": int, "step_s": NUMBER,
               "step_measured_s": MAYBE,
               "always": {"parameter": int, "frozen": int, "gradient": int, "moment": int, "state": int}},
    "sources": [{"file": TEXT, "text": TEXT}],
    "kernels": [{"name": TEXT, "skeleton": TEXT, "origin": TEXT, **PLACE, "launches": int, "text": TEXT,
                 "emitted": MAYBE_TEXT}],
    "buffers": [{"name": TEXT, "value": TEXT, "kind": TEXT, "dtype": TEXT, "bytes": int, "offset": int,
                 "lifetime": TEXT, "entry": MAYBE_TEXT, "first": int, "last": int, "made": int, **PLACE}],
    "entries": [{
        "name": TEXT, "times": NUMBER, "seconds": NUMBER, "measured_s": MAYBE,
        "launches": [{"kernel": int, "row": int, "origin": TEXT, **PLACE, "backward": bool, "tasks": int, **COST,
                      "buffers": [{"buffer": int, "at": int, "use": TEXT}]}],
        "rows": [{"kind": TEXT, "name": TEXT, **PLACE, "backward": bool, "launches": int, **COST, "share": MAYBE,
                  "measured_share": MAYBE,
                  "classes": [{"origin": TEXT, "kernel": int, "launches": int, "seconds": NUMBER, "measured_s": MAYBE}],
                  "values": [{"value": int, "place": TEXT}]}],
        "values": [{"name": TEXT, **PLACE, "dtype": TEXT, "shape": [int], "count": int, "backward": bool, "kept": bool,
                    "recomputed": bool}],
        "neighbours": [{"from": int, "to": int, "value": int, "count": int, "bytes": int,
                        "not_joined": (REASON, None),
                        "not_inlined": ({**REASON, "inline_bytes": MAYBE, "stored_bytes": MAYBE}, None)}],
        "memory": {"peak": int, "peak_bytes": int, "named": [int], "kept": [int], "work": [int]},
    }],
}
ALWAYS = ("parameter", "frozen", "gradient", "moment", "state")
faults = []


def expect(holds, what):
    if not holds:
        faults.append(what)


def check(value, schema, at, names):
    """The value has exactly the schema's members, of its types. Their names are added to `names`."""
    if isinstance(schema, tuple) and any(isinstance(s, dict) for s in schema):
        return None if value is None else check(value, schema[0], at, names)
    if isinstance(schema, dict):
        expect(isinstance(value, dict) and set(value) == set(schema), f"{at}: members {sorted(value)}")
        for key in set(value) & set(schema):
            names.add(key)
            check(value[key], schema[key], f"{at}.{key}", names)
    elif isinstance(schema, list):
        expect(isinstance(value, list), f"{at} is no array")
        for i, v in enumerate(value):
            check(v, schema[0], f"{at}[{i}]", names)
    else:
        expect(isinstance(value, schema) and (schema is bool or not isinstance(value, bool)), f"{at}: {value!r}")


def near(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-12)


def check_launch(m, e, l, at):
    k, r = m["kernels"][l["kernel"]], m["roofline"]
    time = max(l["flop"] / r["flop_per_s"], l["operations"] / r["operations_per_s"], l["bytes"] / r["bytes_per_s"])
    expect(near(l["seconds"], time + r["launch_s"]), f"{at}: {l['seconds']} s")
    row = e["rows"][l["row"]]
    # Parts of a concatenation stand in the row of the first.
    expect(row["kind"] == "concat" or (row["file"], row["line"]) == (l["file"], l["line"]), f"{at}: its row")
    expect(row["backward"] == l["backward"], f"{at}: its pass")
    expect(k["text"].startswith("compute " + k["name"]), f"{at}: the kernel's text")
    for b in l["buffers"]:
        o = m["buffers"][b["buffer"]]
        inside = o["lifetime"] == "always" or (o["entry"] == e["name"] and o["first"] <= e["launches"].index(l) <= o["last"])
        expect(inside and 0 <= b["at"] < o["bytes"], f"{at}: buffer {o['name']}")


def check_rows(m, e):
    for i, r in enumerate(e["rows"]):
        own = [l for l in e["launches"] if l["row"] == i]
        at = f"{e['name']} row {i}"
        expect(own and len(own) == r["launches"] == sum(c["launches"] for c in r["classes"]), f"{at}: launches")
        for what in ("flop", "operations", "bytes", "seconds"):
            expect(near(r[what], sum(l[what] for l in own)), f"{at}: {what}")
        if e["times"]:
            expect(near(r["share"], e["times"] * r["seconds"] / m["totals"]["step_s"]), f"{at}: share")
        for c in r["classes"]:
            expect(sum(l["kernel"] == c["kernel"] and re.sub(r"(^|\.)\d+", r"\1*", l["origin"]) == c["origin"] for l in own)
                   == c["launches"], f"{at}: class {c['origin']}")
    expect(near(e["seconds"], sum(r["seconds"] for r in e["rows"])), f"{e['name']}: seconds")
    lines = {s["file"]: s["text"].count("\n") + 1 for s in m["sources"]}
    expect(all(r["file"] is None or 1 <= r["line"] <= lines[r["file"]] for r in e["rows"]), f"{e['name']}: places")


def check_neighbours(m, e):
    for n in e["neighbours"]:
        stores = {(v["value"], v["place"]) for v in e["rows"][n["from"]]["values"]}
        expect((n["value"], "stored") in stores, f"{e['name']}: row {n['from']} stores no value {n['value']}")
    # Every launch that reads what a launch of another row has written is such a pair, and no others are.
    made, read = {}, set()
    for l in e["launches"]:
        read |= {(made[b["buffer"]], l["row"]) for b in l["buffers"] if b["use"] != "out" and b["buffer"] in made}
        made.update({b["buffer"]: l["row"] for b in l["buffers"]
                     if b["use"] != "in" and m["buffers"][b["buffer"]]["lifetime"] != "always"})
    said = {(n["from"], n["to"]) for n in e["neighbours"]}
    wrong = {p for p in read - said if p[0] != p[1] and e["rows"][p[1]]["kind"] != "copy"}
    expect(not wrong, f"{e['name']}: rows {sorted(wrong)[:5]} are neighbours that it does not name")


def check_memory(m, e):
    """The live bytes once more, from the buffers alone."""
    most = 0
    always = sum(b["bytes"] for b in m["buffers"] if b["lifetime"] == "always")
    for at in range(len(e["launches"]) + 1):
        live = [b for b in m["buffers"] if b["entry"] == e["name"] and b["first"] >= 0 and b["first"] <= at <= b["last"]]
        for kind in ("named", "kept", "work"):
            bytes_ = sum(b["bytes"] for b in live if b["kind"] == kind)
            expect(e["memory"][kind][at] == bytes_, f"{e['name']} at {at}: {kind} {e['memory'][kind][at]}, not {bytes_}")
        most = max(most, always + sum(b["bytes"] for b in live))
    expect(e["memory"]["peak_bytes"] == most, f"{e['name']}: peak {e['memory']['peak_bytes']}, not {most}")
    return most


def check_manifest(m, other):
    """The program that was built is the one that was explained."""
    for key in ("arena_bytes", "live_bytes"):
        expect(m["totals"][key] == other[key], key)
    expect(m["program"]["source_hash"] == other["source_hash"], "source hash")
    expect([k["text"] for k in m["kernels"]] == [k["text"] for k in other["kernels"]], "kernels")
    for e, o in zip(m["entries"], other["entries"]):
        same = [(l["kernel"], l["origin"], l["flop"], l["bytes"]) for l in e["launches"]]
        expect(e["name"] == o["name"] and same == [(l.get("kernel", 0), l["origin"], l.get("flop", 0), l.get("bytes", 0))
                                                   for l in o["launches"]], f"launches of {e['name']}")
    expect([(b["name"], b["bytes"], b["offset"]) for b in m["buffers"]]
           == [(b["name"], b["bytes"], b.get("offset", 0)) for b in other["buffers"]], "buffers")


m = json.load(open(sys.argv[1]))
names = set()
check(m, SCHEMA, "the object", names)
documented = set(re.findall(r"`(?:\w+\[\]\.)?(\w+)`", open(sys.argv[2]).read()))
expect(names <= documented, f"not in {sys.argv[2]}: {sorted(names - documented)}")
if not faults:
    expect(m["tessera_explain"] == 1, "version")
    for kind in ALWAYS:
        bytes_ = sum(b["bytes"] for b in m["buffers"] if b["kind"] == kind)
        expect(m["totals"]["always"][kind] == bytes_, f"{kind}: {m['totals']['always'][kind]}, not {bytes_}")
    expect(max(check_memory(m, e) for e in m["entries"]) == m["totals"]["live_bytes"], "live bytes")
    for e in m["entries"]:
        for i, l in enumerate(e["launches"]):
            check_launch(m, e, l, f"{e['name']} launch {i}")
        check_rows(m, e)
        check_neighbours(m, e)
    expect(near(m["totals"]["step_s"], sum(e["times"] * e["seconds"] for e in m["entries"])), "step")
    expect(m["totals"]["launches"] == sum(len(e["launches"]) for e in m["entries"]), "launches")
if len(sys.argv) > 3:
    check_manifest(m, json.load(open(sys.argv[3])))
for f in faults[:20]:
    print(f)
sys.exit(bool(faults))
