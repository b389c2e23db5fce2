"use strict";

// Panels of lines, as text of SVG: pure functions of what they draw. Lines and scales are d3's.

const charts = (() => {
  const LANE = 20; // above the panel, for what is infinite
  const LABEL = 12; // height of a line of text

  /** Labels {y} pushed apart to this distance between low and high, in place. */
  function spread(labels, distance, low, high) {
    labels.sort((a, b) => a.y - b.y);
    labels.forEach((entry, i) => {
      entry.y = Math.max(low, entry.y, i ? labels[i - 1].y + distance : low);
    });
    for (let i = labels.length - 1; i >= 0; i--)
      labels[i].y = Math.min(labels[i].y, high - (labels.length - 1 - i) * distance);
    return labels;
  }

  /** Names beside the ends of lines; lines that end in one point share a label. Null if they do not fit. */
  function endLabels(series, { x, y, box }) {
    const ends = series.flatMap((line) => lastPoint(line, x, y));
    const joined = d3.groups(ends, (end) => `${end.x} ${end.y}`).map(([, lines]) => ({ ...lines[0], lines }));
    const [low, high] = [box.top + 4, box.height - box.bottom];
    if (joined.length > Math.floor((high - low) / LABEL) + 1) return null;
    const room = Math.floor((box.right - 12) / 6.4);
    const left = box.width - box.right;
    const labels = joined.map((end) => ({ ...end, from: end.y }));
    return spread(labels, LABEL, low, high).map(({ x, y, from, lines, colour }) => {
      const names = lines.map((line) => line.name);
      const more = names.length > 1 ? ` +${names.length - 1}` : "";
      const text = clip(names[0], Math.max(3, room - more.length)) + more;
      return tag(
        "g",
        { "data-m": lines.map((line) => line.m).join(" ") },
        tag("title", {}, names.join(", ")),
        tag("path", { d: px`M${x + 2} ${from}L${left + 6} ${y}`, fill: "none", stroke: colour, opacity: 0.6 }),
        tag("text", { class: "label", x: left + 8, y, dy: 3.8 }, text),
      );
    });
  }

  /** The end of a line in pixels, to a tenth: what ends in one point shares a label. */
  function lastPoint({ m, name, colour, x: xs, y: ys }, x, y) {
    const last = xs.findLastIndex((value, i) => Number.isFinite(value) && Number.isFinite(ys[i]));
    if (last < 0) return [];
    const tenth = (value) => Math.round(10 * value) / 10;
    return [{ m, name, colour, x: tenth(x(xs[last])), y: tenth(y(ys[last])) }];
  }

  /** One panel. `series`: [{m, name, colour, dash, x, y, low, high, runs, crosses, big, ring}], x and y of one length;
      `big` and `ring`: indices of points that are marked. `options`: width, height, xScale, yScale, xLimits, yLimits,
      xLabel, label (for readers who do not see it), room (for names), step, dots, lines, runs, references.
      Returns {svg, x, y, box, named}: the axes are for whoever reads values out of it, and `named` says whether the
      names stand at the ends of the lines. */
  function panel(series, options) {
    const { width, height = 230, xScale = "linear", yScale = "linear" } = options;
    const crossed = series.some((line) => line.crosses?.length);
    const xs =
      options.xLimits ??
      axes.limits(
        series.map((line) => line.x),
        xScale,
      );
    const ys =
      options.yLimits ??
      axes.limits(
        series.map((line) => line.y),
        yScale,
      );
    const plot = (right) => {
      const box = { left: 46, right, top: crossed ? 8 + LANE : 8, bottom: 34, width, height };
      const x = axes.axis(xScale, xs.limits, [box.left, width - right], xs.ends);
      const y = axes.axis(yScale, ys.limits, [height - box.bottom, box.top], ys.ends);
      return { box, x, y };
    };
    const named = plot(Math.min(options.room ?? 92, width * 0.3));
    const labels = endLabels(series, named);
    const { box, x, y } = labels ? named : plot(12);
    const across = (at) => px`M${box.left} ${at}H${width - box.right}`;
    const inside = (value) => ys.limits[0] <= value && value <= ys.limits[1];
    const svg = chart(
      width,
      height,
      options.label,
      [
        axes.vertical(y, box),
        axes.horizontal(x, box, options.xLabel),
        (options.references ?? [])
          .filter(inside)
          .map((value) => tag("path", { class: "reference", d: across(y(value)) })),
        crossed && [
          tag("path", { class: "grid-line", d: across(box.top - 5) }),
          label(box.left - 5, box.top - 12, "end", "∞"),
        ],
        series.map((line, i) => {
          const lane = box.top - 8 - (series.length > 1 ? ((LANE - 8) * i) / (series.length - 1) : 6);
          const crosses = (line.crosses ?? []).map((value) => cross(x(value), lane, line.colour));
          return tag("g", { "data-m": line.m }, drawn(line, x, y, options), crosses);
        }),
        labels,
        tag("path", { class: "cursor", d: "" }),
      ],
      { tabindex: 0 },
    );
    return { svg, x, y, box, named: labels !== null };
  }

  /** The band, single runs, line and dots of a series. */
  function drawn(line, x, y, options) {
    const points = line.x.map((value, i) => [value, line.y[i], i]).filter((point) => Number.isFinite(point[0]));
    const curve = options.step ? d3.curveStepAfter : d3.curveLinear;
    const path = d3
      .line()
      .x((point) => x(point[0]))
      .y((point) => y(point[1]))
      .defined((point) => Number.isFinite(point[1]))
      .curve(curve)
      .digits(1);
    const parts = [];
    if (line.low) parts.push(tag("path", { d: band(line, points, x, y, curve), fill: line.colour, opacity: 0.12 }));
    if (options.runs && line.runs) {
      const known = (run) => run.x.map((value, i) => [value, run.y[i]]).filter((point) => Number.isFinite(point[0]));
      const paths = line.runs.map((run) => path(known(run)) ?? "");
      parts.push(stroke(paths.join(""), line.colour, 0.7, { opacity: 0.45 }));
    }
    if (options.lines !== false) {
      const style = { "stroke-dasharray": line.dash, "stroke-linejoin": "round" };
      parts.push(stroke(path(points) ?? "", line.colour, 2, style));
    }
    const dots = options.dots || options.lines === false || points.length < 2;
    for (const [value, height, i] of points) {
      if (!Number.isFinite(height)) continue;
      const [cx, cy] = [x(value), y(height)];
      if (dots) parts.push(dot(cx, cy, 2.2, line.colour));
      if (line.big === i) parts.push(dot(cx, cy, 4.5, line.colour, { stroke: "var(--card)", "stroke-width": 1.5 }));
      if (line.ring === i) parts.push(dot(cx, cy, 6.5, "none", { stroke: line.colour, "stroke-width": 1.5 }));
    }
    return parts;
  }

  /** The area between low and high; up to the line where high is infinite. */
  function band(line, points, x, y, curve) {
    const area = d3
      .area()
      .x((point) => x(point[0]))
      .y0((point) => y(line.low[point[2]]))
      .y1((point) => y(Number.isFinite(line.high[point[2]]) ? line.high[point[2]] : point[1]))
      .defined((point) => Number.isFinite(point[1]) && Number.isFinite(line.low[point[2]]))
      .curve(curve)
      .digits(1);
    return area(points) ?? "";
  }

  const cross = (x, y, paint) => stroke(px`M${x - 3} ${y - 3}l6 6m0 -6l-6 6`, paint, 1.5);

  return { panel, spread };
})();
