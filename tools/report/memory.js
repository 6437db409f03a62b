/* The memory of an entry over its launches: the curve, a cursor, and what lives there. Two builds' curves lie
 * over each other, each over its own launches. */

const WIDE = 1000, HIGH = 250; /* of the drawing's own coordinates */

const memoryNames = {
  always: 'always', named: 'given or reported', kept: 'kept for the backward pass', work: 'at work',
};

/* The heights that the drawing shows: from a little below what lives always to a little above the most. */
function memoryRange(page) {
  const builds = [[page.build, page.entry], [page.other, page.otherEntry()]].filter(([, entry]) => entry);
  const most = Math.max(...builds.map(([b, e]) => Math.max(b.totals.arena_bytes, e.memory.peak_bytes)));
  const least = Math.min(...builds.map(([b]) => b.alwaysBytes));
  const edge = Math.min(least, 0.12 * (most - least));
  return { from: least - edge, to: most + 0.08 * (most - least) + 1 };
}

function heightOf(bytes, range) {
  return (HIGH * (range.to - bytes)) / (range.to - range.from);
}

/* Steps, one a launch. */
function curvePath(curve, range) {
  const x = (i) => ((i * WIDE) / curve.length).toFixed(2);
  return curve.map((bytes, i) => `${i ? 'V' : 'M0 '}${heightOf(bytes, range).toFixed(2)}H${x(i + 1)}`).join('');
}

/* What lives always, then each kind on top of the ones before; the highest is drawn first. */
function curveAreas(build, entry, range) {
  let sum = entry.curve.map(() => build.alwaysBytes);
  const areas = [['always', sum]];
  entry.live.forEach((kind, k) => {
    sum = sum.map((bytes, i) => bytes + kind[i]);
    areas.push([memoryKinds[k], sum]);
  });
  return areas.reverse().map(([name, curve]) =>
    drawn('path', { class: `area ${name}`, d: `${curvePath(curve, range)}V${HIGH}H0Z` }));
}

function lineAt(name, x1, x2, y1, y2) {
  return drawn('line', { class: name, x1, x2, y1, y2, 'vector-effect': 'non-scaling-stroke' });
}

function heightLabel(text, bytes, range) {
  const label = make('span', null, text);
  label.style.top = `calc(${(100 * heightOf(bytes, range)) / HIGH}% + 2px)`;
  return label;
}

function drawMemory(page) {
  const { build, entry } = page;
  const range = memoryRange(page), other = page.otherEntry(), plan = build.totals.arena_bytes;
  const whole = (b, e) => e.curve.map((bytes) => b.alwaysBytes + bytes);
  const svg = drawn('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  svg.append(...curveAreas(build, entry, range),
    drawn('path', { class: 'top', d: curvePath(whole(build, entry), range) }),
    lineAt('limit', 0, WIDE, heightOf(plan, range), heightOf(plan, range)));
  if (other) svg.append(drawn('path', { class: 'against', d: curvePath(whole(page.other, other), range) }));
  svg.append(lineAt('cursor', 0, 0, 0, HIGH));
  at('curve').replaceChildren(svg, heightLabel(`${bytesText(plan)} planned`, plan, range),
    heightLabel(`${bytesText(build.alwaysBytes)} live always`, build.alwaysBytes, range));
  at('curve').setAttribute('aria-valuemax', entry.launches.length - 1);
  drawMemoryNote(page, other);
  drawLive(page);
}

/* The peak may lie after the last launch, where what it has left lives. */
function peakLaunch(entry) {
  return Math.min(entry.memory.peak, entry.launches.length - 1);
}

function peakText(build, entry) {
  return `${bytesText(entry.memory.peak_bytes)} at the peak, launch ${peakLaunch(entry)}`;
}

function drawMemoryNote(page, other) {
  const { build, entry } = page;
  at('memory-note').textContent = peakText(build, entry) +
    (other ? `; dashed: ${page.other.label}, ${peakText(page.other, other)}` : '');
  const used = memoryKinds.filter((_, k) => entry.live[k].some((bytes) => bytes > 0));
  at('memory-legend').replaceChildren(...used.map((kind) =>
    make('li', null, make('i', { class: `area ${kind}` }), memoryNames[kind])));
}

/* What lives at a launch, the largest first. */
function liveAt(entry, index) {
  return entry.buffers.filter((b) => b.first <= index && index <= b.last).sort((a, b) => b.bytes - a.bytes);
}

function liveRow(page, b) {
  const life = b.lifetime === 'always' ? 'always' : `${b.first} to ${b.last}`;
  return make('tr', null, make('td', null, b.name),
    make('td', { class: 'n', title: `${b.bytes} bytes` }, bytesText(b.bytes)), make('td', null, b.kind),
    make('td', { class: 'n' }, life), make('td', null, placeLink(page, b.place)));
}

/* Moves the cursor to a launch. */
function showMemory(page, index) {
  const { build, entry } = page;
  const live = liveAt(entry, index), origin = entry.launches[index].origin;
  const x = ((index + 0.5) * WIDE) / entry.launches.length;
  for (const end of ['x1', 'x2']) at('curve').querySelector('.cursor').setAttribute(end, x);
  const text = `Launch ${index}, ${origin}: ${bytesText(entry.curve[index])} in ${countText(live.length, 'buffer')}` +
    `, beside ${bytesText(build.alwaysBytes)} that live always`;
  at('live-title').textContent = text;
  at('curve').setAttribute('aria-valuenow', index);
  at('curve').setAttribute('aria-valuetext', text);
  at('live').tBodies[0].replaceChildren(...live.map((b) => liveRow(page, b)));
}

/* The head of the list of what lives, an empty body for the cursor to fill, and what lives always. */
function drawLive(page) {
  const always = [...page.build.always].sort((a, b) => b.bytes - a.bytes);
  at('live').replaceChildren(
    tableHead([['buffer'], ['size', true], ['kind'], ['launches', true], ['line']]),
    make('tbody'), make('tbody', null, ...always.map((b) => liveRow(page, b))));
}

function memoryKey(page, event) {
  const last = page.entry.launches.length - 1;
  const now = Number(at('curve').getAttribute('aria-valuenow'));
  const to = { ArrowLeft: now - 1, ArrowRight: now + 1, ArrowDown: now - 1, ArrowUp: now + 1, Home: 0, End: last,
    PageDown: now - 20, PageUp: now + 20 }[event.key];
  if (to !== undefined) showMemory(page, Math.max(0, Math.min(last, to)));
  else if (event.key === 'Enter') page.choose(page.entry.launches[now], 'cells');
  else if (event.key === 'Escape') page.toStrip();
  else return;
  event.preventDefault();
}

function listenMemory(page) {
  const indexUnder = (event) => {
    const box = at('curve').getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width, n = page.entry.launches.length;
    return Math.max(0, Math.min(n - 1, Math.floor(part * n)));
  };
  at('curve').onpointermove = (event) => showMemory(page, indexUnder(event));
  at('curve').onpointerleave = () => showMemory(page, page.launch.index);
  at('curve').onclick = (event) => page.choose(page.entry.launches[indexUnder(event)]);
  at('curve').onkeydown = (event) => memoryKey(page, event);
  at('peak').onclick = () => page.choose(page.entry.launches[peakLaunch(page.entry)]);
}
