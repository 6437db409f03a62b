/* The chosen launch: what it computes, costs, reads and writes; why its neighbours are kernels of their own;
 * and the code that was made for it. */

function placeLink(page, place) {
  if (!place) return '';
  const link = make('button', { type: 'button', class: 'link' }, place.key);
  link.onclick = () => page.toLine(place.key);
  return link;
}

function launchLink(page, launch) {
  const link = make('button', { type: 'button', class: 'link' }, launch.origin);
  link.onclick = () => page.choose(launch, 'cells');
  return link;
}

function timeFact(launch) {
  const share = `${shareText(launch.time, launch.entry.time)} of ${launch.entry.name}`;
  if (!launch.measured) return `${timeText(launch.time)} predicted, bound by ${launch.bound}, ${share}`;
  return `${timeText(launch.time)} measured, ${share}; ${timeText(launch.seconds)} predicted, bound by ${launch.bound}`;
}

function buffersFact(launch, uses) {
  const used = launch.buffers.filter((b) => uses.includes(b.use));
  return used.map((b) => `${b.buffer.name} (${bytesText(b.buffer.bytes)})`).join(', ') || 'nothing';
}

/* Where the row's values live: those of one place together. Of a row of several modules, this one's. */
function placesFacts(launch) {
  const block = blockOf(launch.origin), places = new Map();
  const all = launch.row.values.map((use) => ({ place: use.place, name: launch.entry.values[use.value].name }));
  const own = block ? all.filter((use) => use.name.startsWith(block.path)) : [];
  for (const use of own.length ? own : all) {
    if (!places.has(use.place)) places.set(use.place, new Set());
    places.get(use.place).add(use.name);
  }
  return [...places].map(([place, names]) => [place, [...names].join(', ')]);
}

function factRows(page, launch) {
  const same = launch.entry.launches.filter((l) => l.kernel === launch.kernel);
  return [
    ['computes', launch.origin],
    ['line', placeLink(page, launch.place)],
    ['kernel', `${launch.kernel.name}, ${kinds[launch.kernel.kind] || launch.kernel.kind}; ` +
      `${countText(same.length, 'launch', 'launches')} here, ${timeText(same.reduce((t, l) => t + l.time, 0))}`],
    ['time', timeFact(launch)],
    ['work', `${flopText(launch.flop)}, ${bytesText(launch.bytes)} moved`],
    ['reads', buffersFact(launch, ['in', 'inout'])],
    ['writes', buffersFact(launch, ['out', 'inout'])],
    ...placesFacts(launch),
  ];
}

function nearestOf(row, launch) {
  return row.run.reduce((best, l) =>
    (Math.abs(l.index - launch.index) < Math.abs(best.index - launch.index) ? l : best));
}

function reasonText(reason) {
  return reason.rule ? `${reason.text} (${reason.rule})` : reason.text;
}

/* Why one of two neighbours is not written into the other, and why they do not share a kernel otherwise. */
function reasonsText(n) {
  if (!n.not_joined || !n.not_inlined) return [];
  const costs = n.not_inlined.inline_bytes === null ? ''
    : `: ${bytesText(n.not_inlined.inline_bytes)} inline against ${bytesText(n.not_inlined.stored_bytes)} stored`;
  const inline = n.not_inlined.name === 'NONE' ? 'inline elsewhere' : `not inline: ${reasonText(n.not_inlined)}`;
  return [`not joined: ${reasonText(n.not_joined)}`, `${inline}${costs}`];
}

function neighbourItem(page, launch, n) {
  const reads = n.to === launch.row;
  const other = nearestOf(reads ? n.from : n.to, launch);
  return make('li', null, reads ? 'reads ' : 'gives ', make('code', null, n.value.name), reads ? ' of ' : ' to ',
    launchLink(page, other), `, ${bytesText(n.bytes)}`,
    ...reasonsText(n).map((text) => make('p', { class: 'quiet' }, text)));
}

/* A row's neighbours are those of all its modules: the launch's own come first. */
function drawNeighbours(page, launch) {
  const block = blockOf(launch.origin), path = block ? block.path : launch.origin;
  const foreign = (n) => Number(!n.value.name.startsWith(path));
  const items = [...launch.row.neighbours].sort((a, b) => foreign(a) - foreign(b))
    .map((n) => neighbourItem(page, launch, n));
  at('neighbours').replaceChildren(
    make('h3', null, items.length ? 'Neighbours, and why they are kernels of their own'
      : 'No other kernel stores what this one reads, or reads what it stores'),
    make('ul', null, ...items));
}

function drawKernel(page, launch) {
  at('facts').replaceChildren(...factRows(page, launch).flatMap(([name, value]) =>
    [make('dt', null, name), make('dd', null, value)]));
  drawNeighbours(page, launch);
  drawCode(page, launch.kernel);
}

/* The texts that were made of a kernel; of two builds also how the other one's differs. */
function textsOf(page, kernel) {
  const texts = { 'compute and plan': kernel.code };
  if (kernel.emitted) texts.emitted = emittedLines(kernel);
  const other = page.otherKernel(kernel);
  if (other && other.text !== kernel.text) texts[`against ${page.other.label}`] = changedLines(other, kernel);
  return texts;
}

function codeRow(line) {
  const row = make('div', {
    class: 'row', role: 'option', tabindex: -1, 'aria-selected': 'false', 'data-key': line.key,
  }, make('b', null, line.text || ' '));
  if (line.mark) row.classList.add(line.mark);
  if (line.key) row.append(make('i', null, line.key));
  return row;
}

function drawCode(page, kernel) {
  const texts = textsOf(page, kernel);
  if (!texts[page.language]) page.language = Object.keys(texts)[0];
  at('languages').replaceChildren(...Object.keys(texts).map((name) => {
    const tab = make('button', { type: 'button', class: 'tab', 'aria-pressed': String(name === page.language) }, name);
    tab.onclick = () => {
      page.language = name;
      drawCode(page, kernel);
    };
    return tab;
  }));
  at('code').replaceChildren(...texts[page.language].map(codeRow));
  rove(at('code'), at('code').querySelector('[data-key]'));
}

function codeKey(page, event) {
  const row = event.target;
  const to = stepTo([...at('code').children], row, event.key, 'ArrowUp', 'ArrowDown');
  if (to) focusIn(at('code'), to);
  else if (event.key === 'Enter' && row.dataset.key) page.toLine(row.dataset.key);
  else if (event.key === 'Escape') page.toStrip();
  else return;
  event.preventDefault();
}

function listenCode(page) {
  const peek = (event) => {
    const row = event.target.closest('.row');
    peekLines(row && row.dataset.key ? new Set([row.dataset.key]) : null);
  };
  at('code').onpointerover = peek;
  at('code').onpointerleave = () => peekLines(null);
  at('code').addEventListener('focusin', peek);
  at('code').onclick = (event) => {
    const row = event.target.closest('.row');
    if (row && row.dataset.key) page.toLine(row.dataset.key);
  };
  at('code').onkeydown = (event) => codeKey(page, event);
}
