"use strict";

// Axes: limits, pixels, ticks and grids, by the definitions of optibench/report/scales.py.

const axes = (() => {
  const PADDING = 0.05;
  const ROOM = Math.log10(2); // in units of the scale, beside a single value and beyond an end that has a word
  const LARGEST = 8e307;
  const LOGIT_TICKS = [1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];

  /** forward: to the units in which the scale is linear; backward: from them; middle: where nothing is drawn. */
  const SCALES = {
    linear: { forward: (v) => v, backward: (u) => u, has: Number.isFinite, middle: 0 },
    log: {
      forward: Math.log10,
      backward: (u) => 10 ** Math.min(308, Math.max(-323, u)),
      has: (v) => v > 0,
      middle: 1,
    },
    logit: {
      forward: (v) => Math.log10(v / (1 - v)),
      backward: (u) => 1 / (1 + 10 ** -u),
      has: (v) => v > 0 && v < 1,
      middle: 0.5,
    },
  };

  /** The limits of an axis over all numbers that are drawn along it, and what its ends say: {limits, ends}. */
  function limits(arrays, scale) {
    const { forward, backward, has, middle } = SCALES[scale];
    let low = Infinity;
    let high = -Infinity;
    let [least, most] = [Infinity, -Infinity]; // of all numbers, and low and high of those that the scale has
    for (const values of arrays) {
      for (const raw of values) {
        if (!Number.isFinite(raw)) continue;
        const value = Math.min(LARGEST, Math.max(-LARGEST, raw));
        least = Math.min(least, value);
        most = Math.max(most, value);
        if (!has(value)) continue;
        low = Math.min(low, forward(value));
        high = Math.max(high, forward(value));
      }
    }
    if (low > high) low = high = forward(middle);
    const below = scale === "linear" || least > 0 ? "" : least < 0 ? "≤ 0" : "0";
    const above = scale !== "logit" || most < 1 ? "" : most > 1 ? "≥ 1" : "1";
    let padding = PADDING * (high - low);
    if (padding <= 1e-12 * Math.max(Math.abs(low), Math.abs(high)))
      padding = scale === "linear" ? Math.abs(low) / 2 || 0.5 : ROOM;
    const beside = (word) => (word ? Math.max(padding, ROOM) : padding);
    return { limits: [low - beside(below), high + beside(above)].map(backward), ends: [below, above] };
  }

  /** A function from values to pixels: numbers that a scale has no place for lie on the axis. `invert` goes back. */
  function axis(scale, limits, pixels, ends = ["", ""]) {
    const { forward, backward } = SCALES[scale];
    const units = d3.scaleLinear(limits.map(forward), pixels);
    const placed = (value) => {
      if (scale === "linear") return value;
      if (value <= 0) return limits[0];
      return scale === "logit" && value >= 1 ? limits[1] : value;
    };
    const at = (value) => units(forward(placed(value)));
    at.invert = (pixel) => backward(units.invert(pixel));
    at.ticks = (most) => {
      const words = ends.flatMap((text, end) => (text ? [[limits[end], text]] : []));
      const far = (value) => words.every(([end]) => Math.abs(at(value) - at(end)) >= 14);
      const free = tickValues(scale, limits, most).filter(far);
      return [...words, ...free.map((value) => [value, tickText(scale, value, free)])];
    };
    return at;
  }

  function tickValues(scale, limits, most) {
    const [low, high] = d3.extent(limits);
    const within = (values) => values.filter((value) => low <= value && value <= high);
    if (scale === "logit") return within(LOGIT_TICKS);
    if (scale === "linear") return d3.ticks(low, high, most);
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const last = Math.floor(Math.log10(high) + 1e-9);
    const stride = Math.max(1, Math.ceil((last - first + 1) / most));
    const powers = d3.range(Math.ceil(first / stride) * stride, last + 1, stride).map((power) => 10 ** power);
    if (powers.length > 1) return powers;
    const digits = d3.range(first - 1, last + 1).flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
    return within(digits).length > 1 ? within(digits) : d3.ticks(low, high, 3);
  }

  function tickText(scale, value, all) {
    const power = Math.round(Math.log10(Math.abs(value)));
    const isPower = (v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;
    if (scale === "log" && all.every(isPower) && all.some((v) => v > 1e4 || v < 1e-3))
      return power === 0 ? "1" : power === 1 ? "10" : `10${superscript(power)}`;
    const isZero = Math.abs(value) < 1e-14 * Math.max(...all.map(Math.abs));
    return number(isZero ? 0 : value, 6);
  }

  /** Ticks, grid lines and the label of a horizontal axis; `box`: {left, right, top, bottom, width, height}, of which
      the first four are margins. Texts that would touch are left out. */
  function horizontal(x, box, text) {
    const [right, bottom] = [box.width - box.right, box.height - box.bottom];
    const ticks = x.ticks(Math.max(2, Math.round((right - box.left) / 62)));
    let end = -Infinity;
    const grid = d3
      .sort(ticks, ([value]) => x(value))
      .map(([value, words]) => {
        const at = x(value);
        const half = 3.4 * words.length;
        const free = at - half >= end + 4;
        if (free) end = at + half;
        const line = tag("path", { class: "grid-line", d: px`M${at} ${box.top}V${bottom}` });
        return [line, free && label(at, bottom + 14, "middle", words)];
      });
    const line = tag("path", { class: "axis", d: px`M${box.left} ${bottom}H${right}` });
    return [grid, line, label((box.left + right) / 2, box.height - 4, "middle", text)];
  }

  function vertical(y, box) {
    return y.ticks(5).map(([value, words]) => {
      const at = y(value);
      const line = tag("path", { class: "grid-line", d: px`M${box.left} ${at}H${box.width - box.right}` });
      return [line, label(box.left - 5, at, "end", words, { dy: 3.8 })];
    });
  }

  return { axis, horizontal, limits, vertical };
})();
