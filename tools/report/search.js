/* Search over kernels, buffers and lines of the description. */

const MOST_FOUND = 40;

/* What can be found in an entry: a kind, the text that is looked through, and what choosing it does. */
function searchIndex(page) {
  const seen = new Map();
  for (const l of page.entry.launches) {
    const name = `${starred(l.origin)}  ${l.kernel.name}`;
    if (!seen.has(name)) seen.set(name, { kind: 'kernel', text: name, go: () => page.choose(l, 'cells') });
  }
  const lines = page.build.files.flatMap((file) => file.lines.map((text, i) => {
    const key = `${file.name}:${i + 1}`;
    return { kind: 'line', text: `${key}  ${text.trim()}`, go: () => page.toLine(key) };
  }));
  const buffers = page.entry.buffers.map((b) => ({
    kind: 'buffer', text: b.name, go: () => page.choose(page.entry.launches[b.first], 'curve'),
  }));
  return [...seen.values(), ...lines, ...buffers];
}

/* Every word must be there. Kernels come first, then lines, then buffers. */
function searchFor(index, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length ? index.filter((item) => words.every((w) => item.text.toLowerCase().includes(w))) : [];
}

function listenSearch(page) {
  const query = at('query'), list = at('found');
  let hits = [], chosen = 0;

  const close = () => {
    list.hidden = true;
    query.setAttribute('aria-expanded', 'false');
    query.removeAttribute('aria-activedescendant');
  };
  const pick = (i) => {
    chosen = Math.max(0, Math.min(hits.length - 1, i));
    [...list.children].forEach((e, k) => e.setAttribute('aria-selected', String(k === chosen)));
    query.setAttribute('aria-activedescendant', `hit-${chosen}`);
    if (list.children[chosen]) list.children[chosen].scrollIntoView({ block: 'nearest' });
  };
  const go = (i) => {
    const hit = hits[i];
    if (!hit) return;
    close();
    hit.go();
  };
  const look = () => {
    const all = searchFor(searchIndex(page), query.value);
    hits = all.slice(0, MOST_FOUND);
    list.replaceChildren(...hits.map((hit, i) => make('div', { class: 'hit', role: 'option', id: `hit-${i}` },
      make('span', null, hit.kind), make('span', null, hit.text))));
    if (!hits.length) list.append(make('div', { class: 'none' }, 'Nothing found'));
    list.hidden = !query.value.trim();
    query.setAttribute('aria-expanded', String(!list.hidden));
    page.say(list.hidden ? '' : countText(all.length, 'match', 'matches'));
    if (hits.length) pick(0);
  };

  query.oninput = look;
  query.onfocus = look;
  query.onblur = close;
  query.onkeydown = (event) => {
    if (event.key === 'ArrowDown') pick(chosen + 1);
    else if (event.key === 'ArrowUp') pick(chosen - 1);
    else if (event.key === 'Enter') go(chosen);
    else if (event.key === 'Escape') page.toStrip();
    else return;
    event.preventDefault();
  };
  list.onpointerdown = (event) => {
    const hit = event.target.closest('.hit');
    event.preventDefault();
    if (hit) go([...list.children].indexOf(hit));
  };
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target === query || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    query.select();
    query.focus();
  });
}
