'use strict';

/* Elements of the page, and numbers for people. */

/* make('button', { class: 'tab', 'aria-pressed': true }, 'text', element, ..). Text stays text. */
function make(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

function drawn(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function at(id) {
  return document.getElementById(id);
}

function scaled(value, units, step) {
  let i = 0;
  while (Math.abs(value) >= step && i < units.length - 1) {
    value /= step;
    i++;
  }
  const digits = i === 0 && Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[i]}`;
}

const bytesText = (n) => scaled(n, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], 1024);
const flopText = (n) => scaled(n, ['flop', 'kflop', 'Mflop', 'Gflop', 'Tflop'], 1000);
const timeText = (seconds) => scaled(seconds * 1e6, ['µs', 'ms', 's'], 1000);
const shareText = (part, whole) => `${whole ? ((100 * part) / whole).toFixed(part < whole / 1000 ? 2 : 1) : 0} %`;
const countText = (n, one, many) => `${n.toLocaleString('en')} ${n === 1 ? one : many || `${one}s`}`;

/* The head of a table: each column's text, and whether it holds numbers. */
function tableHead(columns) {
  return make('thead', null, make('tr', null, ...columns.map(([text, numbers]) =>
    make('th', { scope: 'col', class: numbers ? 'n' : null }, text))));
}

/* Only one element of a list takes part in the tab order; arrows move among the rest. */
function rove(list, element) {
  for (const other of list.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  if (element) element.tabIndex = 0;
}

function focusIn(list, element) {
  if (!element) return;
  rove(list, element);
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

/* The neighbour that an arrow key leads to, or null for another key. */
function stepTo(elements, current, key, back, forth) {
  const i = elements.indexOf(current);
  const last = elements.length - 1;
  const to = { [back]: i - 1, [forth]: i + 1, Home: 0, End: last, PageUp: i - 20, PageDown: i + 20 }[key];
  return to === undefined ? null : elements[Math.max(0, Math.min(last, to))];
}
