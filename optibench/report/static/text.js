"use strict";

// Numbers and names as a reader sees them.

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

const superscript = (power) => [...String(power)].map((sign) => SUPERSCRIPTS[sign]).join("");

/** At most so many characters; characters, not code units, so that no sign is cut in two. */
const clip = (text, most) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text);

const listing = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

const percent = (share) => `${Math.round(100 * share)} %`;

/** "1 problem", "2 problems". */
const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Three significant digits, as the tables have them. */
function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (!Number.isFinite(value)) return value > 0 ? "unfinished" : "−∞";
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(digits));
  const power = Math.floor(Math.log10(Math.abs(rounded)));
  const text = power < -4 || power >= digits + 2 ? rounded.toExponential() : String(rounded);
  return text.replace("e+", "e").replaceAll("-", "−");
}
