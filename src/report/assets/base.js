// The page's foundation: elements, numbers, theme. Texts are set as texts, never as HTML.
"use strict";
const report = JSON.parse(document.getElementById("data").textContent);

/** Makes an element: attributes, listeners (`onclick`), children (elements, texts, lists of them). */
function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Makes an SVG element. */
function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const MINUS = "\u2212";
const NOTHING = "\u2013";

/** Writes a number with so many decimals; a dash for none. */
function decimals(value, count = 2) {
  if (value === null || value === undefined) return NOTHING;
  const text = Math.abs(value).toFixed(count);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** Writes a number with about three digits. */
function digits(value) {
  if (value === null || value === undefined) return NOTHING;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(1).replace("-", MINUS);
  return decimals(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** Writes a score: errors of many grey levels need no decimals, correlations do. */
function scoreText(value) {
  if (value === null || value === undefined) return NOTHING;
  return decimals(value, Math.abs(value) >= 10 ? 1 : 3);
}

/** `1 mouse`, `2 mice`. */
function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

/** Round numbers, about `wanted` of them, from low to high. */
function ticks(low, high, wanted) {
  const span = high - low || 1;
  const rough = span / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + span * 1e-9; tick++)
    found.push(tick * step);
  return { values: found, step };
}

/** Writes a tick with as many decimals as its step has. */
function tickText(value, step) {
  return decimals(value, Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));
}

/** Lowest and highest of many lists; nulls don't count. */
function extent(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists)
    for (const value of list)
      if (value !== null) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** Colours of the runs; after the last they begin anew. */
function runColor(run) {
  return `var(--run-${(run % 6) + 1})`;
}

/** A colour of the theme as red, green, blue. */
function themeColor(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

const theme = {
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  listeners: [],
  set(dark) {
    this.dark = dark;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.getElementById("theme").textContent = dark ? "Light" : "Dark";
    for (const listener of this.listeners) listener();
  },
};
document.getElementById("theme").addEventListener("click", () => theme.set(!theme.dark));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => theme.set(event.matches));
theme.set(theme.dark);
