/* Two builds side by side: which kernels differ, in what they compute or in how often, and how much each costs. */

/* The launches of an entry by what they compute, numbered copies together. */
function byOrigin(entry) {
  const rows = new Map();
  for (const l of entry ? entry.launches : []) {
    const name = starred(l.origin);
    if (!rows.has(name)) rows.set(name, { launches: [], time: 0, bytes: 0, texts: new Set() });
    const row = rows.get(name);
    row.launches.push(l);
    row.time += l.time;
    row.bytes += l.bytes;
    row.texts.add(bareText(l.kernel));
  }
  return rows;
}

/* A kernel's text without the names that it has in its build. */
function bareText(kernel) {
  return kernel.code.map((line) => line.text).filter((text) => !/^\s*origin /.test(text)).join('\n')
    .replace(/^(compute|plan) \S+/gm, '$1');
}

function sameRow(a, b) {
  return a && b && a.launches.length === b.launches.length && [...a.texts].every((t) => b.texts.has(t)) &&
    a.texts.size === b.texts.size;
}

/* Rows that differ, the largest change of time first. */
function differences(entry, other) {
  const ours = byOrigin(entry), theirs = byOrigin(other);
  const names = new Set([...ours.keys(), ...theirs.keys()]);
  const rows = [...names].map((name) => ({ name, a: ours.get(name), b: theirs.get(name) }))
    .filter((row) => !sameRow(row.a, row.b));
  for (const row of rows) row.change = (row.a ? row.a.time : 0) - (row.b ? row.b.time : 0);
  return rows.sort((x, y) => Math.abs(y.change) - Math.abs(x.change));
}

/* The lines of a kernel against those of another: kept, gone and come, by the longest common subsequence. */
function changedLines(before, after) {
  const a = before.code, b = after.code;
  const longest = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i][j] = a[i].text === b[j].text ? longest[i + 1][j + 1] + 1
        : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const lines = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i].text === b[j].text) {
      lines.push(b[j++]);
      i++;
    } else if (j < b.length && (i === a.length || longest[i][j + 1] >= longest[i + 1][j])) {
      lines.push({ ...b[j], text: `+ ${b[j++].text}`, mark: 'come' });
    } else {
      lines.push({ text: `- ${a[i++].text}`, key: null, mark: 'gone' });
    }
  }
  return lines;
}

function differenceRow(page, row) {
  const cell = (side, of) => make('td', { class: 'n' }, side ? of(side) : '–');
  const name = make('button', { type: 'button', class: 'link' }, row.name);
  name.onclick = () => {
    if (!row.a) page.showBuild(page.other, page.build);
    page.choose((row.a || row.b).launches[0], 'cells');
  };
  const what = !row.a ? 'not here' : !row.b ? 'only here' : row.a.launches.length !== row.b.launches.length
    ? 'other launches' : 'other kernel';
  return make('tr', { class: row.change > 0 ? 'more' : 'less' }, make('td', null, name), make('td', null, what),
    cell(row.a, (s) => String(s.launches.length)), cell(row.b, (s) => String(s.launches.length)),
    cell(row.a, (s) => timeText(s.time)), cell(row.b, (s) => timeText(s.time)),
    make('td', { class: 'n delta' }, `${row.change > 0 ? '+' : '−'}${timeText(Math.abs(row.change))}`),
    cell(row.a, (s) => bytesText(s.bytes)), cell(row.b, (s) => bytesText(s.bytes)));
}

function drawDifference(page) {
  at('difference').hidden = !page.other;
  if (!page.other) return;
  const rows = differences(page.entry, page.otherEntry());
  const a = page.build.label, b = page.other.label;
  at('difference-note').textContent = rows.length
    ? `${countText(rows.length, 'kernel')} of ${page.entry.name} differ between ${a} and ${b}`
    : `No kernel of ${page.entry.name} differs between ${a} and ${b}`;
  const heads = ['computes', '', `launches: ${a}`, b, `time: ${a}`, b, 'change', `bytes moved: ${a}`, b];
  at('differing').replaceChildren(
    tableHead(heads.map((head, i) => [head, i > 1])),
    make('tbody', null, ...rows.map((row) => differenceRow(page, row))));
}
