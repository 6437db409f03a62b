#!/usr/bin/env python3
"""tree_test.py FOLDER: rules that the tree's files keep, whether it is a checkout or an export of one.

No source file has over 600 lines or includes a .c file; a folder has at most 20 sources of its own (24 below
tests/); no two sources have the same base name or one that differs by a letter, nor have two functions of one module or
of one file; every file that a document or a comment names exists, and every function of the walk in docs/internals.md.
"""
import collections, os, re, subprocess, sys

MOST_LINES, MOST_SOURCES, MOST_SOURCES_OF_TESTS = 600, 20, 24
SOURCE = (".c", ".h", ".cc")
NOT_OURS = re.compile(r"^(\.[^/]*|build[^/]*)/|/__pycache__/")

# A path, or the bare name of a source. A word in capitals stands for any name: tests/e2e/NAME.sh.
NAMED = re.compile(r"(?<![\w./*{}$<>~-])((?:[\w.-]+/)+[\w.-]+\.(?:c|h|cc|def|js|css|html|tess|fuse|sh|py|md|cmake|kern|graph)"
                   r"|\w+\.(?:c|h|cc|def))(?![\w/*{(-])")
# A function's definition: what stands before its name, and that.
FUNCTION = re.compile(r"^(?![\s#/}]|typedef)(\w[\w\s*]*?[\s*])(\w{4,})\([^;{}]*\)\s*\{", re.M)
# What two names may differ in by a letter and still be told apart: sides of a product, element types, numbers of
# operands, rows of a table, a va_list or a length instead of the C library's arguments, opposites, and the C library's
# calls of files and streams.
FAMILIES = [re.compile(f) for f in (r"a|b|c|k|e", r"(bf|f|i|u)\d+", r"([a-z]+)\d", r"[A-Z]+", r"v?printf", r"strn?dup",
                                    r"get|set", r"f?(open|close|truncate)(64)?")]
COMMENT = {**dict.fromkeys((*SOURCE, ".def"), re.compile(r"/\*.*?\*/|//[^\n]*", re.S)),
           **dict.fromkeys((".sh", ".py", ".cmake", ".txt", ""), re.compile(r"#[^\n]*")),
           ".md": re.compile(r".+", re.S)}


def tree_files():
    """The files of the checkout; of an export, all that no build left."""
    git = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    files = git.stdout.splitlines() if git.returncode == 0 and os.path.exists(".git") else [
        os.path.relpath(os.path.join(d, f)) for d, _, names in os.walk(".") for f in names]
    return sorted(f for f in files if not NOT_OURS.search(f) and os.path.isfile(f))


def text_of(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def check_sources(sources):
    for f in sources:
        text = text_of(f)
        if text.count("\n") > MOST_LINES:
            yield f"{f}: {text.count(chr(10))} lines, at most {MOST_LINES}"
        if re.search(r'^\s*#\s*include\s*["<][^">]*\.c[">]', text, re.M):
            yield f"{f}: includes a .c file"


def check_folders(sources):
    for folder, n in collections.Counter(map(os.path.dirname, sources)).items():
        most = MOST_SOURCES_OF_TESTS if folder.split("/")[0] == "tests" else MOST_SOURCES
        if n > most:
            yield f"{folder}: {n} sources, at most {most}"


def check_names(sources):
    where = collections.defaultdict(list)
    for f in sources:
        where[os.path.basename(f)].append(f)
    for name, all in where.items():
        if len(all) > 1:
            yield "the same base name: " + ", ".join(all)


def one_letter_apart(a, b):
    """One letter more, one other, or two neighbours swapped."""
    if len(a) > len(b):
        a, b = b, a
    i = next((i for i in range(len(a)) if a[i] != b[i]), len(a))
    if len(a) < len(b):
        return a[i:] == b[i + 1:]
    return a[i + 1:] == b[i + 1:] or (a[i + 2:] == b[i + 2:] and a[i:i + 2] == b[i:i + 2][::-1])


def same_family(a, b):
    """Whether the words in which the two differ are of one family."""
    words = [(x, y) for x, y in zip(a.split("_"), b.split("_")) if x != y]
    return bool(words) and all(any(f.fullmatch(x) and f.fullmatch(y) for f in FAMILIES) for x, y in words)


def close_pairs(names):
    """By the strings that names leave with a letter cut out: those of two close names meet."""
    meet = collections.defaultdict(set)
    for name in names:
        for cut in {name, *(name[:i] + name[i + 1:] for i in range(len(name)))}:
            meet[cut].add(name)
    pairs = {(a, b) for all in meet.values() for a in all for b in all if a < b}
    return sorted(p for p in pairs if one_letter_apart(*p) and not same_family(*p))


def check_letters(sources):
    """File names of the whole tree; functions that files share, by module, which is a name's first word; a file's own."""
    stems = {os.path.splitext(os.path.basename(f))[0] for f in sources}
    yield from (f"two files' names differ by a letter: {a}, {b}" for a, b in close_pairs(stems))
    groups = collections.defaultdict(set)
    for f in sources:
        for kind, name in FUNCTION.findall(text_of(f)):
            groups[f].add(name)
            if "static" not in kind:
                groups["the tree, of one module " + name.split("_")[0]].add(name)
    for where, names in sorted(groups.items()):
        yield from (f"functions of {where} differ by a letter: {a}, {b}" for a, b in close_pairs(names))


def check_mentions(files):
    """Each named file: from the root, from the file that names it, or from models/ (a library's import)."""
    known, bases = set(files), set(map(os.path.basename, files))
    for f in files:
        comment = COMMENT.get(os.path.splitext(f)[1])
        if not comment or f.endswith("tree_test.py"):
            continue
        for part in comment.findall(text_of(f)):
            for name in NAMED.findall(part):
                seen = [name, os.path.normpath(os.path.join(os.path.dirname(f), name)), "models/" + name]
                placeholder = name.startswith("..") or re.search(r"\b[A-Z]{2,}(?![\w]*\.md)", name)
                if not placeholder and not known & set(seen) and ("/" in name or name not in bases):
                    yield f"{f} names {name}, which does not exist"


def check_walk():
    """The walk of docs/internals.md: at most eight files, each with the function that its row names."""
    rows = re.findall(r"^\| (\d+) \| (\S+) \| `(\w+)` \|", text_of("docs/internals.md"), re.M)
    if not 5 <= len(rows) <= 8 or [int(n) for n, _, _ in rows] != list(range(1, len(rows) + 1)):
        yield f"the walk of docs/internals.md has rows {[int(n) for n, _, _ in rows]}"
    for _, f, name in rows:
        if not os.path.isfile(f) or not re.search(rf"^\S.*\b{name}\(", text_of(f), re.M):
            yield f"docs/internals.md: the walk names {name} of {f}, which does not exist"


def main():
    os.chdir(sys.argv[1])
    files = tree_files()
    sources = [f for f in files if f.endswith(SOURCE)]
    found = [*check_sources(sources), *check_folders(sources), *check_names(sources), *check_letters(sources),
             *check_mentions(files), *check_walk()]
    for what in found:
        print(what)
    if len(sources) < 100:
        print(f"only {len(sources)} sources in {sys.argv[1]}")
    return len(sources) < 100 or bool(found)


sys.exit(main())
