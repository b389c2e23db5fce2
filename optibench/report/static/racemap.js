"use strict";

// The map of a race: the relief on a canvas, and contours and tracks of the methods above it.

const raceMap = (() => {
  let contours = []; // of the relief that is painted

  /** `scene`: {race, land, tracks: [{m, points}], start}. A click calls `onStart` with a point of the problem. */
  function draw(host, { race, land, tracks, start }, onStart) {
    const width = widthOf(host);
    const height = Math.round(0.82 * width);
    const x = d3.scaleLinear(race.xlim, [0, width]);
    const y = d3.scaleLinear(race.ylim, [height, 0]);
    if (!find("canvas.relief", host)) addLayers(host, race.problem, width, height);
    paintRelief(find("canvas.relief", host), race, land, width, height);
    const drawn = tracks.map(({ m, points }) => ({ m, pixels: pixelsOf(points, x, y, width, height) }));
    const ends = drawn.flatMap(({ m, pixels }) => {
      const [left, top] = pixels.at(-1) ?? [-1, -1];
      return left > 0 && left < width && top > 0 && top < height ? [{ m, x: left, y: top }] : [];
    });
    const svg = find("svg", host);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    fill(
      svg,
      contours.map((d) => stroke(d, "var(--ink)", 0.6, { opacity: 0.28 })),
      dot(x(start[0]), y(start[1]), 5, "none", { stroke: "var(--ink)", "stroke-width": 2 }),
      race.minimizer && plus(x(race.minimizer[0]), y(race.minimizer[1])),
      drawn.map(({ m, pixels }) => track(m, pixels)),
      charts.spread(ends, 15, 12, height - 8).map((end) => endLabel(end, width)),
    );
    svg.onclick = (event) => {
      const box = svg.getBoundingClientRect();
      const [right, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      onStart([x.invert(right * width), y.invert(down * height)]);
    };
  }

  function addLayers(host, problem, width, height) {
    const canvas = tag("canvas", { class: "relief", style: `aspect-ratio:${width}/${height}` });
    fill(host, canvas, chart(width, height, `Paths of the methods on the contours of ${problem}`, []));
  }

  /** Anew where theme, width or problem have changed, and not over the basins. */
  function paintRelief(canvas, race, land, width, height) {
    const key = `${resolved("--low")} ${width} ${race.problem}`;
    if (canvas.dataset.key === key || canvas.dataset.basins) return;
    relief.paint(canvas, land, width, height);
    contours = relief.contours(land, width, height);
    canvas.dataset.key = key;
  }

  /** Points in pixels, without those that fall on the one before; far ones are drawn less far outside of the map. */
  function pixelsOf(points, x, y, width, height) {
    const kept = [];
    points.forEach((point, i) => {
      const left = Math.max(-width, Math.min(2 * width, x(point[0])));
      const top = Math.max(-height, Math.min(2 * height, y(point[1])));
      if (!Number.isFinite(left + top)) return;
      const before = kept.at(-1);
      const isApart = !before || Math.abs(left - before[0]) + Math.abs(top - before[1]) > 0.7;
      if (isApart || i === points.length - 1) kept.push([left, top]);
    });
    return kept;
  }

  function track(m, pixels) {
    if (!pixels.length) return null;
    const d = `M${pixels.map((point) => point.map((value) => value.toFixed(1)).join(" ")).join("L")}`;
    const [left, top] = pixels.at(-1);
    return tag(
      "g",
      { "data-m": m },
      stroke(d, "var(--card)", 4.5, { opacity: 0.5, "stroke-linejoin": "round" }),
      stroke(d, colour(m), 2.1, { "stroke-dasharray": dash(m), "stroke-linejoin": "round" }),
      dot(left, top, 6, colour(m), { stroke: "var(--card)", "stroke-width": 2 }),
    );
  }

  const plus = (x, y) => stroke(px`M${x - 6} ${y}h12m-6 -6v12`, "var(--ink)", 2);

  function endLabel({ m, x, y }, width) {
    const isLeft = x > width - 110;
    const name = clip(methods[m].name, 18);
    const text = label(isLeft ? x - 12 : x + 12, y, isLeft ? "end" : "start", name, { class: "label over", dy: 4 });
    return tag("g", { "data-m": m }, text);
  }

  return { draw };
})();
