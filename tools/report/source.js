/* The description, line by line, with each line's share of the entry's time. */

function lineShares(entry) {
  const shares = new Map();
  for (const l of entry.launches) if (l.place) shares.set(l.place.key, (shares.get(l.place.key) || 0) + l.time);
  return shares;
}

function lineRow(file, text, number, shares, entry, made) {
  const key = `${file.name}:${number}`;
  const share = shares.get(key);
  const row = make('div', { class: 'row', role: 'option', tabindex: -1, 'aria-selected': 'false' },
    make('i', { class: 'number' }, String(number)),
    make('i', { class: 'share' }, share ? shareText(share, entry.time) : ''), make('b', null, text || ' '));
  row.dataset.place = key;
  if (made.has(key)) row.dataset.key = key;
  return row;
}

function drawSource(page) {
  const shares = lineShares(page.entry);
  const made = new Set(page.entry.launches.flatMap((l) => [...l.lines]));
  const rows = page.build.files.flatMap((file) => [
    make('div', { class: 'file', role: 'presentation' }, file.name),
    ...file.lines.map((text, i) => lineRow(file, text, i + 1, shares, page.entry, made)),
  ]);
  at('lines').replaceChildren(...rows);
  at('files').replaceChildren(...page.build.files.map((file) => {
    const tab = make('button', { type: 'button', class: 'tab' }, file.name.replace(/\.tess$/, ''));
    tab.onclick = () => scrollToRow(lineElement(`${file.name}:1`), 'start');
    return tab;
  }));
  at('made-by-line').replaceChildren();
  rove(at('lines'), at('lines').querySelector('[data-key]'));
}

function lineElement(key) {
  return [...at('lines').children].find((row) => row.dataset.place === key);
}

/* Within the pane only: the page itself stays where it is. */
function scrollToRow(row, where) {
  if (!row) return;
  const pane = at('lines');
  const top = row.offsetTop - (where === 'start' ? 28 : pane.clientHeight / 2 - 20);
  const inside = row.offsetTop > pane.scrollTop + 28 && row.offsetTop < pane.scrollTop + pane.clientHeight - 24;
  if (where === 'start' || !inside) pane.scrollTop = Math.max(0, top);
}

/* The lines that the chosen launch computes are marked. */
function markLines(launch) {
  for (const row of at('lines').children) {
    const of = launch.lines.has(row.dataset.place);
    row.classList.toggle('of', of);
    if (row.dataset.place) row.setAttribute('aria-selected', String(of));
  }
  const own = launch.place && lineElement(launch.place.key);
  if (own) rove(at('lines'), own);
  scrollToRow(own);
}

/* The lines under the pointer's kernel or code stand out; null: none. */
function peekLines(keys) {
  for (const row of at('lines').children) row.classList.toggle('peek', keys !== null && keys.has(row.dataset.place));
}

/* The kernels made of a line, the longest first. */
function kernelsOfLine(page, key) {
  const found = new Map();
  for (const l of page.entry.launches) {
    if (!l.lines.has(key)) continue;
    const name = starred(l.origin);
    if (!found.has(name)) found.set(name, { name, launch: l, launches: 0, time: 0 });
    const row = found.get(name);
    row.launches++;
    row.time += l.time;
  }
  return [...found.values()].sort((a, b) => b.time - a.time);
}

function drawKernelsOfLine(page, key) {
  const rows = key ? kernelsOfLine(page, key) : [];
  const links = rows.slice(0, 6).flatMap((row) => {
    const link = make('button', { type: 'button', class: 'link' }, row.name);
    link.onclick = () => page.choose(row.launch, 'cells');
    return [link, ` ${row.launches > 1 ? `× ${row.launches}, ` : ''}${timeText(row.time)}; `];
  });
  at('made-by-line').replaceChildren(...(rows.length ? [`Line ${key}: `, ...links] : []),
    ...(rows.length > 6 ? [`and ${rows.length - 6} more`] : []));
}

function lineKey(page, event) {
  const row = event.target;
  const rows = [...at('lines').querySelectorAll('[data-key]')];
  const to = stepTo(rows, row, event.key, 'ArrowUp', 'ArrowDown');
  if (to) focusIn(at('lines'), to);
  else if (event.key === 'Enter') page.toCode(row.dataset.key);
  else if (event.key === 'Escape') page.toStrip();
  else return;
  event.preventDefault();
}

function listenSource(page) {
  const lines = at('lines');
  const keyUnder = (event) => (event.target.closest('.row') || { dataset: {} }).dataset.key || null;
  lines.onpointerover = (event) => dimCells(keyUnder(event));
  lines.onpointerleave = () => dimCells(null);
  lines.addEventListener('focusin', (event) => {
    drawKernelsOfLine(page, keyUnder(event));
    dimCells(keyUnder(event));
  });
  lines.addEventListener('focusout', () => dimCells(null));
  lines.onclick = (event) => keyUnder(event) && page.toCode(keyUnder(event));
  lines.onkeydown = (event) => lineKey(page, event);
}
