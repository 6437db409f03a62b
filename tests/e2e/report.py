"""The report in a headless browser: report.py SOURCE_DIR BUILD_DIR FOLDER. What the page shows is compared with the
JSON facts that it was made of; its pictures go to the folder."""
import json
import os
import re
import shutil
import subprocess
import sys

from browser import Browser

SECOND = 1.0  # until the page of 1,500 launches has been painted
models, build, out = sys.argv[1] + "/models", sys.argv[2], sys.argv[3]
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)
os.chdir(out)


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    check(done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def explained(name, *arguments):
    """The facts of a description, also as a file."""
    text = run(build + "/tessera", "explain", *arguments, "--json")
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)
    return json.loads(text)


def entry_of(facts, name="micro"):
    return next(e for e in facts["entries"] if e["name"] == name)


def opens(browser, page):
    tries = 3 if page == "large.html" else 1  # other work on the machine is not the page's
    seconds = min(browser.open(page) for _ in range(tries))
    print(f"{page}: {os.path.getsize(page)} bytes, {seconds:.3f} s")
    check(seconds < SECOND, f"{page} took {seconds:.3f} s")
    check(browser.requests == [browser.value("location.href")], f"{page} asks for {browser.requests}")
    check(browser.value("document.documentElement.scrollWidth <= innerWidth"), f"{page} scrolls sideways")


def focused(browser, what="id"):
    return browser.value(f"document.activeElement.{what}")


def text_of(browser, id):
    return browser.value(f"document.getElementById('{id}').innerText")


def large_page(browser):
    """D-iGPT-B with its teacher: all launches stand in the strip, repeated blocks folded, and it opens at once."""
    facts = explained("large.json", models + "/digpt_b.tess", "-D", "batch=8")
    run(build + "/tessera", "explain", models + "/digpt_b.tess", "-D", "batch=8", "--report", "large.html")
    launches = entry_of(facts)["launches"]
    check(len(launches) > 500, f"only {len(launches)} launches")
    opens(browser, "large.html")
    browser.picture("light.png")
    browser.scheme("dark")
    browser.picture("dark.png")
    browser.scheme("light")
    cells = "[...document.querySelectorAll('.cell')]"
    seen = browser.value(f"{cells}.flatMap(e => e.cell.launches.map(l => l.index))")
    check(sorted(seen) == list(range(len(launches))), "the strip does not show each launch once")
    check(browser.value(f"{cells}.length") * 2 < len(launches), "repeated blocks are not folded")
    width = browser.value(f"{cells}.reduce((sum, e) => sum + parseFloat(e.style.width), 0)")
    check(abs(width - 100) < 0.1, f"the cells take {width} % of the strip")
    return facts


def blocks(browser, facts):
    """A bracket unfolds into its copies and one copy into its launches; Escape goes back."""
    browser.value("document.querySelector('.bracket').focus()")
    label = focused(browser, "shows.label")
    browser.press("Enter")
    check(label in text_of(browser, "brackets") or browser.value("page.opened.length") == 2, "Enter does not unfold")
    copies = browser.value("page.opened[1].children.length")
    check(copies > 1 and browser.value("document.querySelectorAll('.bracket').length") == copies,
          f"{label}: {copies} copies")
    shown = browser.value("[...document.querySelectorAll('.cell')].map(e => e.cell.launches.length)")
    check(set(shown) == {1}, "copies are not shown launch by launch")
    path = label.split("*")[0]
    origins = [l["origin"] for l in entry_of(facts)["launches"]]
    check(focused(browser, "cell.launches[0].origin") in origins and path in label, "no kernel has the focus")
    browser.press("ArrowDown")
    check(focused(browser, "className") == "bracket", "ArrowDown does not lead to the block")
    browser.press("Enter")
    check(browser.value("page.opened.length") == 3, "Enter does not open one copy")
    browser.press("Escape", "Escape")
    check(browser.value("page.opened.length") == 1, "Escape does not fold")


def there_and_back(browser, facts):
    """Arrows along the strip; Enter from a kernel to its line, to the code of that line, and back."""
    launches = entry_of(facts)["launches"]
    browser.value("page.toStrip()")
    browser.press("Home")
    check(focused(browser, "cell.launches[0].index") == 0, "Home is not the first launch")
    browser.press("ArrowRight")
    at = browser.value("page.launch.index")
    want = launches[at]
    check(at > 0 and want["origin"] in text_of(browser, "facts"), "the next kernel is not shown")
    browser.press("Enter")
    key = f"{want['file']}:{want['line']}"
    check(focused(browser, "dataset.key") == key, f"Enter leads to {focused(browser, 'dataset.key')}, not to {key}")
    source = next(s["text"] for s in facts["sources"] if s["file"] == want["file"]).split("\n")[want["line"] - 1]
    check(source.strip() in focused(browser, "innerText"), f"line {key} reads {focused(browser, 'innerText')}")
    browser.press("Enter")
    check(browser.value("document.activeElement.parentNode.id") == "code", "Enter does not lead to the code")
    check(focused(browser, "dataset.key") == key, "the code is of another line")
    line = focused(browser, "firstChild.innerText").strip(" {")
    text = facts["kernels"][want["kernel"]]["text"]
    check(line and line in text, f"\"{line}\" is not of kernel {want['kernel']}")
    browser.press("Enter")
    check(browser.value("document.activeElement.parentNode.id") == "lines", "Enter does not lead back to the line")
    browser.press("Escape")
    check(focused(browser, "cell.launches[0].index") == at, "Escape does not lead back to the kernel")


def hover(browser, facts):
    """The pointer on a kernel marks its lines; on a line it leaves only the kernels made of it bright."""
    middle = "(e => (r => [r.x + r.width / 2, r.y + r.height / 2])(e.getBoundingClientRect()))"
    wide = "[...document.querySelectorAll('.cell')].sort((a, b) => b.offsetWidth - a.offsetWidth)[1]"
    browser.value("scrollTo(0, 0)")
    browser.point(*browser.value(f"{middle}({wide})"))
    launch = entry_of(facts)["launches"][browser.value(f"{wide}.cell.launches[0].index")]
    key = f"{launch['file']}:{launch['line']}"
    check(key in browser.value("[...document.querySelectorAll('.row.peek')].map(r => r.dataset.place)"),
          f"the pointer on a kernel does not mark {key}")
    check(starred(launch["origin"]) in text_of(browser, "peek"), "the kernel under the pointer has no name")
    browser.value(f"lineElement('{key}').scrollIntoView({{block: 'center'}})")
    browser.point(*browser.value(f"{middle}(lineElement('{key}'))"))
    bright = browser.value("[...document.querySelectorAll('.cell:not(.dim)')].map(e => e.cell.launches[0].index)")
    own = [i for i, l in enumerate(entry_of(facts)["launches"]) if f"{l['file']}:{l['line']}" == key]
    check(0 < len(bright) < browser.value("document.querySelectorAll('.cell').length") and set(bright) & set(own),
          "the pointer on a line does not show its kernels")


def starred(origin):
    return re.sub(r"(^|\.)\d+(?=\.|$)", r"\1*", origin)


def search(browser, facts):
    """`/` from anywhere; kernels, lines and buffers are found, Enter goes there, Escape leaves."""
    wanted = entry_of(facts)["launches"][-1]["origin"].split(".")[-1]
    kernel = facts["kernels"][entry_of(facts)["launches"][-1]["kernel"]]["name"]
    browser.press("/")
    check(focused(browser) == "query", "/ does not lead to the search")
    browser.type(f"{wanted} {kernel}")
    hits = browser.value("[...document.querySelectorAll('.hit')].map(e => e.innerText)")
    check(hits and all(wanted in h and kernel in h for h in hits), f"found {hits}")
    browser.press("Enter")
    check(browser.value("page.launch.kernel.name") == kernel, "Enter does not show what was found")
    check(focused(browser, "className").startswith("cell"), "the kernel does not have the focus")
    browser.press("/")
    browser.type("no such thing")
    check("Nothing found" in text_of(browser, "found"), "nothing is found without saying so")
    browser.press("Escape")
    check(focused(browser, "className").startswith("cell"), "Escape does not leave the search")
    browser.press("/")
    browser.type("fn gelu")
    browser.press("Enter")
    check("fn gelu" in focused(browser, "innerText"), "a line of the description is not found")


def live_at(facts, entry, index):
    """By the buffers alone, apart from the page's and the compiler's sums."""
    return sorted((b["name"], b["bytes"]) for b in facts["buffers"] if b["lifetime"] == "entry" and
                  b["entry"] == entry or b["lifetime"] == "launches" and b["entry"] == entry and
                  b["first"] <= index <= b["last"])


def memory(browser, facts):
    """The cursor lists what lives at its launch; the peak is the most that lives."""
    entry = entry_of(facts)
    always = sum(b["bytes"] for b in facts["buffers"] if b["lifetime"] == "always")
    sums = [sum(b for _, b in live_at(facts, "micro", i)) for i in range(len(entry["launches"]))]
    check(max(sums) + always == entry["memory"]["peak_bytes"], "the facts' peak is not the most that lives")
    browser.value("document.getElementById('curve').focus()")
    for keys, index in ((["Home"], 0), (["ArrowRight"] * 3, 3), (["End"], len(sums) - 1)):
        browser.press(*keys)
        check(cursor(browser) == index, f"the cursor is at {cursor(browser)}, not at {index}")
        rows = browser.value("[...document.querySelectorAll('#live tbody tr')].map(r => "
                             "[r.cells[0].innerText, Number(r.cells[1].title.split(' ')[0])])")
        want = live_at(facts, "micro", index)
        check(sorted(map(tuple, rows[:len(want)])) == want, f"what lives at launch {index} is not listed")
        check(sum(b for _, b in rows[len(want):]) == always, "what lives always is not listed below")
    browser.value("document.getElementById('curve').scrollIntoView()")
    x, y, width = browser.value("(r => [r.x, r.y, r.width])(document.getElementById('curve').getBoundingClientRect())")
    middle = len(sums) // 2
    browser.point(x + width * (middle + 0.5) / len(sums), y + 20)
    check(cursor(browser) == middle, "the cursor does not follow the pointer")


def cursor(browser):
    return browser.value("Number(document.getElementById('curve').getAttribute('aria-valuenow'))")


def shapes_of(facts):
    """By what is computed, copies together: how many launches of which kernels, their names and places aside."""
    rows = {}
    for launch in entry_of(facts)["launches"]:
        text = facts["kernels"][launch["kernel"]]["text"]
        text = re.sub(r"(?m)^(compute|plan) \S+|^\s*origin .*| ?@? ?\"[^\"]*\":\d+:\d+", "", text)
        rows.setdefault(starred(launch["origin"]), []).append(text)
    return {name: (len(texts), set(texts)) for name, texts in rows.items()}


CONTRAST = """(selectors => {
  const light = c => c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const behind = e => {
    const c = rgb(getComputedStyle(e).backgroundColor);
    return c[3] === 0 ? behind(e.parentElement) : c;
  };
  return selectors.map(s => {
    const e = document.querySelector(s);
    const [a, b] = [rgb(getComputedStyle(e).color), behind(e)].map(c => light(c.slice(0, 3))).sort();
    return [s, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
})"""


def accessible(browser, _):
    """Text stands out in both schemes; the tab key goes through the parts in their order; all that can have the
    focus has a name."""
    selectors = [f".cell[data-kind={kind}]" for kind in ("dot", "rows", "flat")]
    selectors += ["h1", "#made", "#totals dt", ".tab", ".bracket", "#facts dd .link", "#neighbours .quiet", ".row i",
                  ".row.of b", "#live th", "footer"]
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        for selector, ratio in browser.value(f"{CONTRAST}({json.dumps(selectors)})"):
            check(ratio >= 4.5, f"{selector} has a contrast of {ratio:.2f} in the {scheme} scheme")
    browser.scheme("light")
    browser.value("document.getElementById('query').focus()")
    order = ["query"]
    for _ in range(80):
        browser.press("Tab")
        part = browser.value("(document.activeElement.closest('[id]') || {}).id")
        order += [part] if part not in order else []
    want = ["query", "entries", "cells", "brackets", "facts", "neighbours", "files", "lines", "code", "peak", "curve"]
    check([p for p in order if p in want] == want, f"the tab key goes through {order}")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    nameless = [n["role"]["value"] for n in nodes if not n["ignored"] and not n.get("name", {}).get("value") and
                any(p["name"] == "focusable" and p["value"]["value"] for p in n.get("properties", []))]
    check(set(nameless) <= {"RootWebArea"}, f"without a name: {nameless}")


EVIL = "</script><script>document.title = 'hit'</script><!-- <img src=x onerror=document.title='hit'>"


def difference(browser):
    """A comparison in one page: exactly the rows that differ are listed, and the other's memory is drawn. The name of
    a strategy is nothing but a name."""
    strategy = EVIL + ".fuse"
    os.makedirs(os.path.dirname(strategy))
    shutil.copy(models + "/fusion/none.fuse", strategy)
    tiny = [models + "/vit_classify.tess", "-D", "img=14", "-D", "embed_dim=24", "-D", "heads=2", "-D", "depth=2",
            "-D", "batch=4"]
    a = explained("auto.json", *tiny)
    b = explained("none.json", *tiny, "--fusion", strategy)
    run(build + "/tessera", "compare", *tiny, "auto", strategy, "--rounds", "1", "--steps", "1", "--report", "two.html")
    opens(browser, "two.html")
    ours, theirs = shapes_of(a), shapes_of(b)
    want = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    seen = browser.value("[...document.querySelectorAll('#differing tbody tr')].map(r => r.cells[0].innerText)")
    check(want and sorted(seen) == sorted(want), f"rows that differ: {sorted(seen)}, expected {sorted(want)}")
    check(browser.value("document.querySelectorAll('#curve .against').length") == 1, "the other memory is not drawn")
    check(f"dashed: {os.path.basename(EVIL)}, " in text_of(browser, "memory-note"), "the other memory has no name")
    check("a step, measured" in text_of(browser, "totals"), "the measured time is not shown")
    harmless(browser)
    browser.picture("two.png")
    for build_of in (ours, theirs):
        name = next(n for n in want if n in build_of and (build_of is ours or n not in ours))
        browser.value(f"[...document.querySelectorAll('#differing button')].find(b => b.innerText == '{name}').click()")
        origin = focused(browser, "cell.launches[0].origin")
        check(starred(origin) == name, f"the row {name} leads to {origin}")


def harmless(browser):
    check(browser.value("document.title").endswith(": fusion and memory"), "a text has run")
    check(browser.value("document.querySelectorAll('img').length") == 0, "a text has become markup")
    check(browser.value("document.querySelectorAll('script').length") == 2, "the page has other scripts")


def hostile(browser):
    """Nothing in a description's text or in its name runs or becomes part of the page."""
    name = "a\"><img src=x onerror=document.title='hit'>.tess"
    with open(name, "w", encoding="utf-8") as f:
        f.write(f"# {EVIL}\ntrain t(batch = 4) {{\n  data x f32 [batch, 8] = given()\n  report y = x * 2\n}}\n")
    run(build + "/tessera", "explain", name, "--report", "evil.html")
    opens(browser, "evil.html")
    harmless(browser)
    check(EVIL in text_of(browser, "lines"), "the line is not shown as it is")
    check(name in browser.value("document.querySelector('#title').textContent"), "the name is not shown as it is")
    check(name == browser.value("document.querySelector('.file').textContent"), "the file's name is not shown")
    row = browser.value("[...document.querySelectorAll('#code .row')].map(r => r.dataset.key).filter(Boolean)")
    check(set(row) == {f"{name}:4"}, f"the code's lines are {row}")


def measured(browser):
    """With a profile the kernels are as wide as they were measured."""
    tiny = [models + "/vit_classify.tess", "-D", "img=14", "-D", "depth=1", "-D", "batch=4"]
    run(build + "/tessera", "build", *tiny, "-o", "vit")
    run("./vit", "bench", "--steps", "2", "--profile-out", "profile")
    facts = explained("measured.json", *tiny, "--profile", "profile")
    run(build + "/tessera", "explain", *tiny, "--profile", "profile", "--report", "measured.html")
    opens(browser, "measured.html")
    times = [l["measured_s"] for l in entry_of(facts)["launches"]]
    seen = browser.value("[...document.querySelectorAll('.cell')].map(e => "
                         "[e.cell.launches.map(l => l.index), parseFloat(e.style.width)])")
    for launches, width in seen:
        want = 100 * sum(times[i] for i in launches) / sum(times)
        check(abs(width - want) < 0.01, f"launches {launches} are {width} % wide, expected {want}")
    check("measured" in text_of(browser, "facts"), "the measured time is not shown")


def empty(browser):
    """A program without a kernel has a page that says so."""
    with open("empty.tess", "w", encoding="utf-8") as f:
        f.write("train t(batch = 4) {\n  data x f32 [batch, 8] = given()\n  report x\n}\n")
    run(build + "/tessera", "explain", "empty.tess", "--report", "empty.html")
    opens(browser, "empty.html")
    check("launches no kernel" in browser.value("document.body.innerText"), "an empty program is not called so")


def cuda(browser):
    """For CUDA there is also each kernel's text, with lines of the description."""
    run(build + "/tessera", "explain", models + "/vit_classify.tess", "-D", "depth=1", "--target", "cuda:sm_80",
        "--report", "cuda.html")
    opens(browser, "cuda.html")
    browser.value("[...document.querySelectorAll('#languages .tab')].find(t => t.innerText == 'emitted').click()")
    name = browser.value("page.launch.kernel.name")
    check(f"/* {name}: " in text_of(browser, "code") and "__global__" in text_of(browser, "code"), "no CUDA C")
    keys = browser.value("[...document.querySelectorAll('#code .row')].map(r => r.dataset.key).filter(Boolean)")
    check(len(keys) > 2 and all(browser.value(f"lineElement({json.dumps(k)}) != null") for k in set(keys)),
          f"the lines of the CUDA C are {keys}")


def unwritable():
    """A page that cannot be written leaves nothing behind."""
    tool = [build + "/tessera", "explain", models + "/vit_classify.tess", "-D", "depth=1", "--report"]
    done = subprocess.run([*tool, "missing/page.html"], capture_output=True, text=True)
    check(done.returncode == 1 and "missing/page.html: error: cannot write the file: No such file" in done.stderr,
          f"no error of a page that cannot be written: {done.stderr}")
    os.mkdir("folder.html")
    done = subprocess.run([*tool, "folder.html"], capture_output=True, text=True)
    check(done.returncode == 1 and not [f for f in os.listdir() if f.startswith(".")], "a page that cannot be written stays")


with Browser() as chromium:
    large = large_page(chromium)
    for test in (blocks, there_and_back, hover, search, memory, accessible):
        test(chromium, large)
    difference(chromium)
    hostile(chromium)
    empty(chromium)
    cuda(chromium)
    measured(chromium)
    check(not chromium.complaints, f"the browser complains: {chromium.complaints}")
unwritable()
