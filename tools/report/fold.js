/* Repeated blocks: consecutive launches of one module's numbered copies ("student.blocks.0" .. "student.blocks.11")
 * are a fold. A node of the tree has launches in order and, when it is a fold, children: the copies. */

const MOST_STRANGERS = 4; /* launches of other modules that do not end a run of copies */

/* "student.blocks.3.attn.qkv": of block "student.blocks.*", copy 3. */
function blockOf(origin) {
  const found = /(^|\.)(\d+)(?=\.|$)/.exec(origin);
  return found && { path: `${origin.slice(0, found.index)}${found[1]}*`, copy: Number(found[2]) };
}

function starred(origin) {
  return origin.replace(/(^|\.)\d+(?=\.|$)/g, '$1*');
}

/* The end of the run of one block's copies that begins at `from`: the last launch of the block before too many
 * strangers. */
function runEnd(launches, blocks, from) {
  let end = from + 1;
  for (let i = end; i < launches.length && i - end <= MOST_STRANGERS; i++)
    if (blocks[i] && blocks[i].path === blocks[from].path) end = i + 1;
  return end;
}

/* The copies in the order of their first launches; strangers go with the copy before them. */
function copiesOf(launches, blocks) {
  const copies = new Map();
  const path = blocks[0].path;
  let copy = null;
  launches.forEach((launch, i) => {
    if (blocks[i] && blocks[i].path === path) copy = blocks[i].copy;
    if (!copies.has(copy)) copies.set(copy, { label: path.replace(/\*$/, copy), launches: [], children: null });
    copies.get(copy).launches.push(launch);
  });
  return [...copies.values()];
}

/* The whole entry: plain stretches and folds, in order. */
function foldedTree(entry) {
  const blocks = entry.launches.map((l) => blockOf(l.origin));
  const children = [];
  let plain = null;
  for (let i = 0; i < blocks.length;) {
    const end = blocks[i] ? runEnd(entry.launches, blocks, i) : i + 1;
    const launches = entry.launches.slice(i, end);
    const copies = blocks[i] ? copiesOf(launches, blocks.slice(i, end)) : [];
    if (copies.length > 1) {
      children.push({ label: `${blocks[i].path} × ${copies.length}`, launches, children: copies });
      plain = null;
    } else {
      if (!plain) children.push(plain = { label: '', launches: [], children: null });
      plain.launches.push(...launches);
    }
    i = end;
  }
  return { label: entry.name, launches: entry.launches, children };
}

/* What the strip shows of a node: a cell a launch, or of a fold a cell for what its copies launch alike. */
function cellsOf(node) {
  const cells = new Map();
  for (const launch of node.launches) {
    const key = node.children ? `${launch.kernel.index} ${starred(launch.origin)}` : launch.index;
    if (!cells.has(key)) cells.set(key, { launches: [], time: 0 });
    const cell = cells.get(key);
    cell.launches.push(launch);
    cell.time += launch.time;
  }
  return [...cells.values()];
}
