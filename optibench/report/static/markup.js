"use strict";

// Elements as text. Whatever the scripts write into the page is made by `tag`, so every text is escaped, and once.

/** Text that is markup already. Any other string is a text, which `tag` escapes. */
class Markup {
  constructor(text) {
    this.text = text;
  }
}

const rounded = (value) => Math.round(100 * value) / 100;

const escaped = (value) => String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const absent = (value) => value === null || value === undefined || value === false;

function content(child) {
  if (child instanceof Markup) return child.text;
  if (Array.isArray(child)) return child.map(content).join("");
  return absent(child) ? "" : escaped(child);
}

/** An element. Children are markup, texts, numbers, or lists of these; a child or an attribute that is null, undefined
    or false is left out. Numbers in attributes are rounded to a hundredth: most of them are pixels. */
function tag(name, attributes, ...children) {
  let head = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (!absent(value)) head += ` ${key}="${escaped(typeof value === "number" ? rounded(value) : value)}"`;
  }
  return new Markup(`<${head}>${content(children)}</${name}>`);
}

/** Replaces what an element of the page contains. */
function fill(element, ...children) {
  element.innerHTML = content(children);
}

// Shapes of SVG

/** The text of a path, px`M${x} ${y}H${end}`, with its numbers rounded to a hundredth of a pixel. */
const px = (strings, ...values) => String.raw({ raw: strings }, ...values.map(rounded));

/** A chart of this size in pixels; `label` says what it shows to readers who do not see it. */
const chart = (width, height, label, children, more = {}) =>
  tag(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...more },
    children,
  );

const stroke = (d, paint, width, more = {}) =>
  tag("path", { d, fill: "none", stroke: paint, "stroke-width": width, ...more });

const dot = (x, y, radius, fill, more = {}) => tag("circle", { cx: x, cy: y, r: radius, fill, ...more });

/** A text at a point; `anchor`: which of its ends is there, or its middle. */
const label = (x, y, anchor, text, more = {}) => tag("text", { x, y, "text-anchor": anchor, ...more }, text);

// Tables of HTML

const table = (attributes, heads, rows) =>
  tag("table", attributes, heads && tag("thead", {}, tag("tr", {}, heads)), tag("tbody", {}, rows));

const columnHead = (children, more = {}) => tag("th", { scope: "col", ...more }, children);

const rowHead = (children, more = {}) => tag("th", { scope: "row", ...more }, children);
