"use strict";

// Colours: a method has the same colour and dash in every figure, and in the pictures that Python draws.

const DASHES = ["", "7 3", "2 2.5", "8 3 2 3", "12 3", "4 2", "1 3", "9 2 2 2 2 2"];

const colour = (index) => `var(--c${index % 8})`;

/** From the ninth method on, a colour comes again with another dash. */
const dash = (index) => DASHES[(index + Math.floor(index / 8)) % 8];

/** A sample of a method's line, longer than the longest dash with its gaps. */
const swatch = (index) =>
  tag(
    "svg",
    { class: "swatch", viewBox: "0 0 26 8", "aria-hidden": "true" },
    stroke("M0 4H26", colour(index), 3.5, { "stroke-dasharray": dash(index) }),
  );

/** The value of a CSS variable: a canvas knows no variables. */
const resolved = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour of a share, from strong (0) to faint (1). */
const shade = (share) => d3.interpolateRgb(resolved("--low"), resolved("--high"))((1 - share) ** 1.7);

/** The style of a cell with that colour, with black or white text, whichever can be read on it. */
function shaded(share) {
  const background = shade(share);
  return `background:${background};color:${readableOn(background)}`;
}

/** Black or white: by the relative luminance of WCAG 2.2. */
function readableOn(background) {
  const linear = (c) => (c <= 10.31475 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const { r, g, b } = d3.rgb(background);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.179 ? "#000" : "#fff";
}

/** [red, green, blue] of a CSS variable. */
function rgb(name) {
  const { r, g, b } = d3.rgb(resolved(name));
  return [r, g, b];
}

const mixed = (from, to, share) => from.map((value, i) => Math.round(value + (to[i] - value) * share));
