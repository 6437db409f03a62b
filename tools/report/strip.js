/* The strip: the launches of an entry, as wide as their time; brackets below name repeated blocks. */

const kinds = {
  dot: 'contraction', rows: 'reduction over rows', flat: 'elementwise', attn: 'attention', other: 'other',
};

/* The nodes that stand side by side in the strip when `node` is opened. */
function stripParts(node) {
  return node.children || [node];
}

function cellLabel(cell, entry) {
  const first = cell.launches[0];
  const many = cell.launches.length > 1;
  return `${many ? starred(first.origin) : first.origin}, ${many ? `${cell.launches.length} launches, ` : ''}` +
    `${kinds[first.kernel.kind] || first.kernel.kind}, ${timeText(cell.time)}, ${shareText(cell.time, entry.time)}`;
}

/* "visual.resblocks.3.mlp.c_fc.contract" as "mlp.c_fc.contract" */
function shortOrigin(origin) {
  return origin.replace(/^.*\.\d+\./, '');
}

function cellElement(cell, from, whole, entry) {
  const width = (100 * cell.time) / whole;
  const element = make('button', {
    type: 'button', class: width < 0.3 ? 'cell thin' : 'cell', role: 'option', tabindex: -1, 'aria-selected': 'false',
    'data-kind': cell.launches[0].kernel.kind, 'aria-label': cellLabel(cell, entry),
  }, width > 6 ? shortOrigin(cell.launches[0].origin) : '');
  element.style.left = `${(100 * from) / whole}%`;
  element.style.width = `${width}%`;
  element.cell = cell;
  return element;
}

/* "visual.transformer.resblocks.* × 32" as "resblocks × 32", "blocks.3" as "3" */
function shortLabel(label) {
  return label.replace(/\.\*(?= ×)/, '').replace(/^.*\./, '');
}

function bracketElement(part, from, whole, folded) {
  const width = (100 * part.time) / whole, label = shortLabel(part.label);
  const letters = (width * window.innerWidth) / 100 / 9;
  const fits = [label, label.replace(/^.* (?=× )/, '')].find((text) => text.length < letters);
  const element = make('button', {
    type: 'button', class: 'bracket', tabindex: -1, 'aria-expanded': folded ? 'false' : null, title: part.label,
    'aria-label': folded ? `${part.label}, folded` : part.label,
  }, fits || '');
  element.style.left = `${(100 * from) / whole}%`;
  element.style.width = `${width}%`;
  element.shows = part;
  return element;
}

function drawStrip(page) {
  const node = page.opened[page.opened.length - 1];
  const whole = node.launches.reduce((sum, l) => sum + l.time, 0) || 1;
  const cells = [], brackets = [];
  let from = 0;
  for (const part of stripParts(node)) {
    part.time = part.launches.reduce((sum, l) => sum + l.time, 0);
    if (part.label && part !== node) brackets.push(bracketElement(part, from, whole, Boolean(part.children)));
    for (const cell of cellsOf(part)) {
      cells.push(cellElement(cell, from, whole, page.entry));
      from += cell.time;
    }
  }
  at('cells').replaceChildren(...cells);
  at('brackets').replaceChildren(...brackets);
  at('brackets').hidden = !brackets.length;
  rove(at('cells'), cells[0]);
  rove(at('brackets'), brackets[0]);
  drawCrumbs(page);
}

function drawCrumbs(page) {
  at('crumbs').replaceChildren(...page.opened.slice(0, -1).flatMap((node, depth) => {
    const back = make('button', { type: 'button', class: 'link' }, node.label);
    back.onclick = () => page.open(page.opened.slice(0, depth + 1));
    return [back, '›'];
  }), ...(page.opened.length > 1 ? [page.opened[page.opened.length - 1].label] : []));
}

function drawLegend(entry) {
  const used = new Set(entry.launches.map((l) => l.kernel.kind));
  at('legend').replaceChildren(...Object.keys(kinds).filter((k) => used.has(k)).map((k) => {
    const time = entry.launches.reduce((sum, l) => sum + (l.kernel.kind === k ? l.time : 0), 0);
    return make('li', null, make('i', { 'data-kind': k }), `${kinds[k]} ${shareText(time, entry.time)}`);
  }));
}

function cellOfLaunch(launch) {
  return [...at('cells').children].find((e) => e.cell.launches.includes(launch));
}

/* The cell of the launch that is chosen is marked; others that run the same kernel stand out a little. */
function markCell(launch) {
  for (const e of at('cells').children) {
    e.setAttribute('aria-selected', String(e.cell.launches.includes(launch)));
    e.classList.toggle('same', e.cell.launches[0].kernel === launch.kernel);
  }
  const cell = cellOfLaunch(launch);
  if (cell) rove(at('cells'), cell);
}

/* Only the cells whose kernels compute what this line says stay bright; null: all of them. */
function dimCells(key) {
  for (const e of at('cells').children) e.classList.toggle('dim', key !== null && !e.cell.launches[0].lines.has(key));
}

function stripKey(page, event) {
  const cell = event.target;
  const to = stepTo([...at('cells').children], cell, event.key, 'ArrowLeft', 'ArrowRight');
  if (to) page.choose(to.cell.launches[0], 'cells');
  else if (event.key === 'Enter') page.toSource();
  else if (event.key === 'Escape') page.close();
  else if (event.key === 'ArrowDown') focusIn(at('brackets'), bracketUnder(cell));
  else return;
  event.preventDefault();
}

function bracketUnder(cell) {
  return [...at('brackets').children].find((b) => b.shows.launches.includes(cell.cell.launches[0]));
}

function bracketKey(page, event) {
  const to = stepTo([...at('brackets').children], event.target, event.key, 'ArrowLeft', 'ArrowRight');
  if (to) focusIn(at('brackets'), to);
  else if (event.key === 'ArrowUp') page.choose(event.target.shows.launches[0], 'cells');
  else if (event.key === 'Escape') page.close();
  else return;
  event.preventDefault();
}

function listenStrip(page) {
  const peek = (event) => {
    const cell = event.target.cell;
    at('peek').textContent = cell ? cellLabel(cell, page.entry) : '';
    peekLines(cell ? cell.launches[0].lines : null);
  };
  at('cells').onpointerover = peek;
  at('cells').onpointerleave = peek;
  at('cells').onclick = (event) => event.target.cell && page.choose(event.target.cell.launches[0], 'cells');
  at('cells').onkeydown = (event) => stripKey(page, event);
  at('brackets').onclick = (event) => event.target.shows && page.open([...page.opened, event.target.shows], true);
  at('brackets').onkeydown = (event) => bracketKey(page, event);
}
