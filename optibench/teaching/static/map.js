"use strict";

// The map of the lab: contours, the paths so far, and arrows of what the step is made of.

const labMap = (() => {
  const CELLS = 72; // of the relief, along each side
  const known = new Map(); // reliefs by problem
  let contours = [];

  function landOf({ problem, valueGrad, values, xlim, ylim }) {
    if (!known.has(problem) && values) known.set(problem, relief.of(values, CELLS, CELLS));
    if (!known.has(problem)) {
      const { value_grad: f } = CODE[valueGrad];
      const at = ([low, high], i) => low + ((high - low) * i) / (CELLS - 1);
      const cell = (i) => f([at(xlim, i % CELLS), at(ylim, Math.floor(i / CELLS))])[0];
      known.set(problem, relief.of(d3.range(CELLS * CELLS).map(cell), CELLS, CELLS));
    }
    return known.get(problem);
  }

  /** `scene`: {problem, start, tracks: [{name, index, points}], arrows: [{from, vector, words, paint, isTrue}]}. A problem
      has a formula, `valueGrad`, or its `values` on a grid of CELLS by CELLS. A click gives its point to `onStart`. */
  function draw(host, { problem, start, tracks, arrows }, onStart) {
    const width = widthOf(host);
    const height = Math.round(0.72 * width);
    const x = d3.scaleLinear(problem.xlim, [0, width]);
    const y = d3.scaleLinear(problem.ylim, [height, 0]);
    if (!find("canvas", host)) {
      const canvas = tag("canvas", { class: "relief", style: `aspect-ratio:${width}/${height}` });
      const words = `Paths on the contours of the problem${onStart ? "; a click starts elsewhere" : ""}`;
      fill(host, canvas, chart(width, height, words, [], onStart ? {} : { style: "cursor:default" }));
    }
    paint(find("canvas", host), problem, width, height);
    const svg = find("svg", host);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    fill(
      svg,
      contours.map((d) => stroke(d, "var(--ink)", 0.6, { opacity: 0.28 })),
      problem.minimizer && plus(x(problem.minimizer[0]), y(problem.minimizer[1])),
      dot(x(start[0]), y(start[1]), 5, "none", { stroke: "var(--ink)", "stroke-width": 2 }),
      tracks.map((track) => drawTrack(track, x, y, width, height)),
      arrows.map((arrow) => drawArrow(arrow, x, y, width)),
    );
    if (!onStart) return;
    svg.onclick = (event) => {
      const box = svg.getBoundingClientRect();
      const [right, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      onStart([x.invert(right * width), y.invert(down * height)]);
    };
  }

  function paint(canvas, problem, width, height) {
    const key = `${resolved("--low")} ${width} ${problem.problem}`;
    if (canvas.dataset.key === key) return;
    relief.paint(canvas, landOf(problem), width, height);
    contours = relief.contours(landOf(problem), width, height);
    canvas.dataset.key = key;
  }

  const plus = (x, y) => stroke(px`M${x - 6} ${y}h12m-6 -6v12`, "var(--ink)", 2);

  function drawTrack({ name, index, points }, x, y, width, height) {
    const within = (value, size) => Math.max(-2 * size, Math.min(3 * size, value));
    const pixels = points
      .map((point) => [within(x(point[0]), width), within(y(point[1]), height)])
      .filter(([left, top]) => Number.isFinite(left + top));
    if (!pixels.length) return null;
    const d = `M${pixels.map(([left, top]) => px`${left} ${top}`).join("L")}`;
    const [left, top] = pixels.at(-1);
    const isInside = left > 0 && left < width && top > 0 && top < height;
    const isLeft = left > width - 130;
    const words = label(isLeft ? left - 11 : left + 11, top, isLeft ? "end" : "start", clip(name, 24), {
      class: "label over",
      dy: -8,
    });
    return tag(
      "g",
      {},
      stroke(d, "var(--card)", 4.5, { opacity: 0.6, "stroke-linejoin": "round" }),
      stroke(d, colour(index), 2.2, { "stroke-dasharray": dash(index), "stroke-linejoin": "round" }),
      pixels.slice(0, 60).map(([a, b]) => dot(a, b, 2.2, colour(index))),
      dot(left, top, 6, colour(index), { stroke: "var(--card)", "stroke-width": 2 }),
      isInside && words,
    );
  }

  /** An arrow; one that is not true has the direction of its vector, and a length that can be seen. */
  function drawArrow({ from, vector, words, paint: ink, isTrue }, x, y, width) {
    const [x0, y0] = [x(from[0]), y(from[1])];
    const [dx, dy] = [x(from[0] + vector[0]) - x0, y(from[1] + vector[1]) - y0];
    const size = Math.hypot(dx, dy);
    if (!(size > 1e-12) || !Number.isFinite(size)) return null;
    const scale = (isTrue ? Math.max(14, Math.min(0.4 * width, size)) : 64) / size;
    const [x1, y1] = [x0 + dx * scale, y0 + dy * scale];
    const angle = Math.atan2(dy, dx);
    const barb = (turn) => px`M${x1} ${y1}l${-8 * Math.cos(angle + turn)} ${-8 * Math.sin(angle + turn)}`;
    const d = px`M${x0} ${y0}L${x1} ${y1}` + barb(0.45) + barb(-0.45);
    return tag(
      "g",
      {},
      stroke(d, "var(--card)", 5),
      stroke(d, ink, 2.4),
      label(x1 + 6, y1, "start", words, { class: "label over", dy: isTrue ? 14 : -4 }),
    );
  }

  return { draw, landOf };
})();
