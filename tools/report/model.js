/* The facts of a build (docs/explain.md) as the page uses them: launches know their kernel, lines, buffers and
 * row; an entry knows its memory at each launch. Facts are data: they only ever become text of the page. */

function placeOf(facts) {
  return facts.file ? { file: facts.file, line: facts.line, key: `${facts.file}:${facts.line}` } : null;
}

/* "lib/nn.tess":10:29 at the end of a line of kernel IR; its strings have backslashes before quotes. */
const placeInText = /\s*@? "((?:[^"\\]|\\.)*)":(\d+):\d+(?= \{$|$)/;

/* A kernel's text line by line, each with the line of the description that it names, else that of its compute. */
function codeLines(text) {
  let around = null;
  return text.trimEnd().split('\n').map((line) => {
    const place = placeInText.exec(line);
    const own = place ? `${place[1].replace(/\\(.)/g, '$1')}:${place[2]}` : null;
    if (/^compute /.test(line)) around = own;
    if (/^plan /.test(line)) around = null;
    const computes = / = |^\s*store /.test(line);
    return { text: line.replace(placeInText, ''), key: own || (computes ? around : null) };
  });
}

/* The emitted text has the values' names, with a number or a bar behind them where they would clash: the places are those of
 * the values. What it stores to has that of the kernel. */
function emittedLines(kernel) {
  const head = kernel.code[0].key, keys = new Map();
  for (const line of kernel.code) {
    const value = /^\s*(\w+)\[.* = /.exec(line.text);
    if (value) keys.set(value[1], line.key);
  }
  return kernel.emitted.trimEnd().split('\n').map((line) => {
    const name = /(\w+)(\[.*\])? \+?= .*;$/.exec(line);
    const index = /^\s*(const int|for) /.test(line) || /^ /.test(line) && !name;
    const key = name && (keys.get(name[1]) || keys.get(name[1].replace(/_\d*$/, '')));
    return { text: line, key: key || (index || !/\w/.test(line) ? null : head) };
  });
}

function kernelOf(facts) {
  return { ...facts, kind: facts.skeleton || 'other', code: codeLines(facts.text) };
}

function launchOf(facts, index, entry, build) {
  const kernel = build.kernels[facts.kernel], place = placeOf(facts);
  const lines = new Set(place ? [place.key] : []);
  for (const line of kernel.code) if (line.key) lines.add(line.key);
  const measured = facts.measured_s !== null && facts.measured_s !== undefined;
  return {
    ...facts, index, entry, kernel, place, lines, measured, row: entry.rows[facts.row],
    time: measured ? facts.measured_s : facts.seconds,
    buffers: facts.buffers.map((b) => ({ use: b.use, buffer: build.buffers[b.buffer] })),
  };
}

/* Who reads whom, told to both rows. */
function joinNeighbours(entry) {
  for (const row of entry.rows) Object.assign(row, { place: placeOf(row), run: [], neighbours: [] });
  for (const n of entry.neighbours) {
    const told = { ...n, from: entry.rows[n.from], to: entry.rows[n.to], value: entry.values[n.value] };
    told.from.neighbours.push(told);
    if (told.to !== told.from) told.to.neighbours.push(told);
  }
}

const memoryKinds = ['named', 'kept', 'work'];

/* Bytes at each launch that do not live always, by kind and together. */
function memoryOf(entry, build) {
  const n = entry.launches.length;
  entry.live = memoryKinds.map((kind) => entry.memory[kind].slice(0, n));
  entry.curve = Array.from({ length: n }, (_, i) => entry.live.reduce((sum, kind) => sum + kind[i], 0));
  entry.buffers = build.buffers.filter((b) => b.lifetime !== 'always' && b.entry === entry.name);
  for (const b of entry.buffers) if (b.lifetime === 'entry') Object.assign(b, { first: 0, last: n - 1 });
}

function entryOf(facts, build) {
  const entry = { ...facts };
  joinNeighbours(entry);
  entry.launches = facts.launches.map((l, i) => launchOf(l, i, entry, build));
  for (const l of entry.launches) l.row.run.push(l);
  for (const what of ['time', 'flop', 'bytes'])
    entry[what] = entry.launches.reduce((sum, l) => sum + l[what], 0);
  memoryOf(entry, build);
  entry.tree = foldedTree(entry);
  return entry;
}

function buildOf({ label, seconds, facts }) {
  const build = { label, ...facts, seconds: seconds === null ? facts.totals.step_measured_s : seconds };
  build.files = facts.sources.map((s) => ({ name: s.file, lines: s.text.replace(/\n$/, '').split('\n') }));
  build.kernels = facts.kernels.map(kernelOf);
  build.buffers = facts.buffers.map((b) => ({ ...b, place: placeOf(b) }));
  build.always = build.buffers.filter((b) => b.lifetime === 'always');
  build.alwaysBytes = build.always.reduce((sum, b) => sum + b.bytes, 0);
  build.entries = facts.entries.filter((e) => e.launches.length).map((e) => entryOf(e, build));
  return build;
}
