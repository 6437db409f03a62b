/* The page as a whole: which build, entry, opened block and launch are shown, and the ways between them. */

const page = {
  builds: JSON.parse(at('data').textContent).map(buildOf),
  build: null, other: null, entry: null, opened: [], launch: null, language: '',

  say(text) {
    at('said').textContent = text;
  },
  otherEntry() {
    return this.other ? this.other.entries.find((e) => e.name === this.entry.name) || null : null;
  },
  /* The kernel with which the other build computes what this one does. */
  otherKernel(kernel) {
    const entry = this.otherEntry();
    const ours = entry && this.entry.launches.find((l) => l.kernel === kernel);
    const theirs = ours && entry.launches.find((l) => starred(l.origin) === starred(ours.origin));
    return theirs ? theirs.kernel : null;
  },

  showBuild(build, other) {
    const name = this.entry ? this.entry.name : 'micro';
    this.build = build;
    this.other = other;
    this.showEntry(build.entries.find((e) => e.name === name) || build.entries[0]);
  },
  showEntry(entry) {
    this.entry = entry;
    drawHead(this);
    drawLegend(entry);
    drawSource(this);
    drawMemory(this);
    drawDifference(this);
    this.open([entry.tree]);
  },
  /* Shows the last of these nodes, each inside the one before, in the strip. */
  open(nodes, focus) {
    this.opened = nodes;
    drawStrip(this);
    const node = nodes[nodes.length - 1];
    const stays = this.launch && this.launch.entry === this.entry && node.launches.includes(this.launch);
    const longest = node.launches.reduce((best, l) => (l.time > best.time ? l : best));
    this.choose(stays ? this.launch : focus ? node.launches[0] : longest, focus ? 'cells' : null);
  },
  close() {
    if (this.opened.length > 1) this.open(this.opened.slice(0, -1), true);
  },
  /* Chooses a launch; the focus goes to 'cells', to 'curve' or stays. */
  choose(launch, focus) {
    this.launch = launch;
    while (!this.opened[this.opened.length - 1].launches.includes(launch)) this.opened.pop();
    if (!cellOfLaunch(launch)) drawStrip(this);
    markCell(launch);
    markLines(launch);
    drawKernel(this, launch);
    showMemory(this, launch.index);
    at('peek').textContent = cellLabel(cellOfLaunch(launch).cell, this.entry);
    if (focus === 'cells') focusIn(at('cells'), cellOfLaunch(launch));
    if (focus === 'curve') at('curve').focus();
  },

  toStrip() {
    focusIn(at('cells'), cellOfLaunch(this.launch));
  },
  /* From the chosen kernel to the line that it is named after. */
  toSource() {
    const key = this.launch.place ? this.launch.place.key : [...this.launch.lines][0];
    if (key) this.toLine(key);
  },
  toLine(key) {
    const row = lineElement(key);
    scrollToRow(row);
    focusIn(at('lines'), row);
  },
  /* From a line to its code in the chosen kernel, or first to the longest kernel that is made of it. */
  toCode(key) {
    if (!this.launch.lines.has(key)) this.choose(kernelsOfLine(this, key)[0].launch);
    const row = [...at('code').children].find((r) => r.dataset.key === key);
    focusIn(at('code'), row || at('code').children[0]);
  },
};

function totalsOf(build, entry) {
  const measured = entry.launches.every((l) => l.measured);
  const kernels = new Set(entry.launches.map((l) => l.kernel)).size;
  const step = build.seconds === null ? [] : [['a step, measured', timeText(build.seconds)]];
  return [
    ...step, [measured ? 'time, measured' : 'time, predicted', timeText(entry.time)],
    ['launches', `${entry.launches.length} of ${kernels} kernels`],
    ['work', flopText(entry.flop)], ['moved', bytesText(entry.bytes)],
    ['memory', `${bytesText(build.totals.arena_bytes)} planned`],
  ];
}

function tabs(box, items, shown, name, show) {
  box.replaceChildren(...items.map((item) => {
    const tab = make('button', { type: 'button', class: 'tab', 'aria-pressed': String(item === shown) }, name(item));
    tab.onclick = () => show(item);
    return tab;
  }));
}

function buildChoice(label, shown, show) {
  const select = make('select', null, ...page.builds.map((b, i) => make('option', { value: i }, b.label)));
  select.value = page.builds.indexOf(shown);
  select.onchange = () => show(page.builds[Number(select.value)]);
  return make('label', null, `${label} `, select);
}

function drawBuilds() {
  const { build, other } = page;
  at('builds').hidden = !other;
  if (!other) return;
  const swap = make('button', { type: 'button', class: 'tab' }, 'Swap');
  swap.onclick = () => page.showBuild(other, build);
  at('builds').replaceChildren(buildChoice('Shown:', build, (b) => page.showBuild(b, page.other)),
    buildChoice('against:', other, (b) => page.showBuild(page.build, b)), swap);
}

function drawTitle(build) {
  const program = build.program;
  document.title = `${program.block}: fusion and memory`;
  at('title').textContent = `${program.block} of ${program.description}`;
  const accumulate = program.accumulate > 1 ? ` × ${program.accumulate}` : '';
  const fusion = program.fusion ? `, fused as ${program.fusion} says` : '';
  at('made').textContent = `${program.target}, batch ${program.batch}${accumulate}${fusion}; ` +
    `predictions are for ${build.roofline.machine}`;
}

function drawHead() {
  const { build, entry } = page;
  drawTitle(build);
  drawBuilds();
  tabs(at('entries'), build.entries, entry, (e) => e.name, (e) => page.showEntry(e));
  at('totals').replaceChildren(...totalsOf(build, entry).map(([name, value]) =>
    make('div', null, make('dt', null, name), make('dd', null, value))));
}

listenStrip(page);
listenCode(page);
listenSource(page);
listenMemory(page);
listenSearch(page);
if (page.builds[0].entries.length) {
  page.showBuild(page.builds[0], page.builds[1] || null);
} else {
  drawTitle(page.builds[0]);
  document.querySelector('main').replaceChildren('The program launches no kernel.');
}
