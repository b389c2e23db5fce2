"use strict";

// Declared figures, drawn from their encoding: the same series, limits and crosses as the pictures have.

const figures = (() => {
  // What a reader has chosen for a figure: an axis's scale, the unit of x, the band or single runs

  const chosen = (figure, key) => state.figures[figure.name]?.[key];
  const scaleOf = (figure, axis) => chosen(figure, axis) ?? figure[axis].scale;
  const unitOf = (figure) => {
    const units = figure.x.units ?? [];
    return units.includes(chosen(figure, "unit")) ? chosen(figure, "unit") : units[0];
  };

  // Series: of a method, by its index, or of anything else, by its name and colour

  const isShown = (series) => typeof series.o !== "number" || !state.hidden.has(series.o);
  const identity = ({ o, c }) =>
    typeof o === "number" ? { m: o, index: o, name: methods[o].name } : { m: `x${c}`, index: c, name: String(o) };

  /** x of a series, or of one of its runs, in a unit: by a factor, or by a value for every point. */
  function inUnit(series, x, unit) {
    const scale = series.u?.[unit] ?? null;
    if (scale === null) return x;
    return Array.isArray(scale) ? scale.slice(0, x.length) : x.map((value) => (value === null ? null : value * scale));
  }

  function crossInUnit(series, x, unit) {
    const scale = series.u?.[unit] ?? null;
    if (scale === null) return x;
    return Array.isArray(scale) ? (scale[series.x.indexOf(x)] ?? x) : x * scale;
  }

  /** What `charts.panel` draws of a series. */
  function lineFrom(figure, facet, series) {
    const unit = unitOf(figure);
    const { m, index, name } = identity(series);
    const x = inUnit(series, series.x, unit);
    const runs = series.r?.map((run) =>
      Array.isArray(run[0]) ? { x: inUnit(series, run[0], unit), y: run[1] } : { x: x.slice(0, run.length), y: run },
    );
    return {
      m,
      index,
      name,
      x,
      y: series.y,
      low: series.l,
      high: series.h,
      runs,
      n: runs?.length,
      crosses: series.cross?.map((cross) => crossInUnit(series, cross, unit)),
      colour: colour(index),
      dash: dash(index),
      ...emphasis(figure, facet, series),
    };
  }

  /** Of the learning rates, the chosen one is a large dot, and the declared default a ring. */
  function emphasis(figure, facet, series) {
    const p = problemAt(facet.name);
    if (figure.name !== "learning-rate" || p < 0 || typeof series.o !== "number") return {};
    const nearest = (rate) => (rate ? d3.leastIndex(series.x, (x) => Math.abs(Math.log(x / rate))) : -1);
    return { big: nearest(DATA.lr[p][series.o]), ring: nearest(DATA.defaults[p][series.o]) };
  }

  /** The limits as declared for the view as declared; else those of what is shown, single runs only where they are. */
  function limitsOf(figure, facet, lines) {
    const [xScale, yScale, unit] = [scaleOf(figure, "x"), scaleOf(figure, "y"), unitOf(figure)];
    const hasRuns = chosen(figure, "runs") === "runs";
    const isWhole = !hasRuns && lines.length === facet.series.length && unit === figure.x.units?.[0];
    if (isWhole && xScale === figure.x.scale && yScale === figure.y.scale) {
      const [x, y] = facet.ends ?? [];
      return { xLimits: { limits: facet.xlim, ends: x }, yLimits: { limits: facet.ylim, ends: y } };
    }
    const runs = lines.flatMap((line) => (hasRuns || !line.x.length ? (line.runs ?? []) : []));
    const x = [...lines, ...runs].map((line) => line.x);
    const y = [...lines, ...runs].flatMap((line) => [line.y, line.low ?? [], line.high ?? []]);
    return { xLimits: axes.limits(x, xScale), yLimits: axes.limits(y, yScale) };
  }

  // Marks. Each draws one facet of a figure.

  /** Returns the lines that have no name in the panel. */
  function drawLines(figure, facet, host) {
    const { mark, title } = figure;
    const lines = facet.series.filter(isShown).map((series) => lineFrom(figure, facet, series));
    const xLabel = unitOf(figure) ?? figure.x.label;
    const panel = charts.panel(lines, {
      width: widthOf(host),
      xScale: scaleOf(figure, "x"),
      yScale: scaleOf(figure, "y"),
      xLabel,
      runs: chosen(figure, "runs") === "runs",
      step: mark === "step",
      lines: mark !== "dots",
      dots: mark === "dots" || facet.series.every((series) => series.x.length <= 15),
      references: facet.references,
      label: `${title}, ${facet.name}: ${listing(lines.map((line) => clip(line.name, 40)))}`,
      ...limitsOf(figure, facet, lines),
    });
    fill(host, panel.svg);
    if (mark !== "path") readout.attach(host, panel, lines, xLabel);
    return panel.named ? [] : lines;
  }

  const rowsOf = (facet) => facet.rows ?? d3.sort(new Set(facet.series.flatMap((series) => series.y))).map(String);
  const columnsOf = (facet) =>
    facet.columns ?? d3.sort(new Set(facet.series.flatMap((series) => series.x))).map(String);

  /** A table whose cells are coloured by their number. */
  function drawCells(figure, facet, host) {
    const [low, high] = figure.color.limits;
    const cells = new Map();
    for (const { x, y, v, t } of facet.series) {
      x.forEach((column, i) => {
        cells.set(`${column} ${y[i]}`, { value: v[i], text: t?.[i] });
      });
    }
    const cell = (x, y) => {
      const { value = null, text } = cells.get(`${x} ${y}`) ?? {};
      if (value === null) return tag("td", { class: "cell" });
      const share = high > low ? (value - low) / (high - low) : 0.5;
      return tag("td", { class: "cell", style: shaded(1 - share) }, text ?? number(value));
    };
    const columns = columnsOf(facet);
    const heads = [figure.y.label, ...columns.map((name) => clip(name, 16))];
    const rows = rowsOf(facet).map((name, y) =>
      tag(
        "tr",
        {},
        rowHead(clip(name, 26)),
        columns.map((_, x) => cell(x, y)),
      ),
    );
    host.classList.add("scroll");
    fill(
      host,
      table(
        {},
        heads.map((text) => columnHead(text)),
        rows,
      ),
    );
  }

  /** A dot with its interval for each row. */
  function drawIntervals(figure, facet, host) {
    const width = widthOf(host);
    const rows = rowsOf(facet);
    const height = 40 + 20 * rows.length;
    const box = { left: Math.min(150, width * 0.35), right: 14, top: 6, bottom: 34, width, height };
    const x = axes.axis(scaleOf(figure, "x"), facet.xlim, [box.left, width - box.right], facet.ends?.[0]);
    const y = (row) => box.top + 20 * row + 10;
    const name = (text, row) =>
      label(box.left - 8, y(row), "end", clip(text, Math.floor(box.left / 7)), { class: "label", dy: 4 });
    const interval = (series, i, paint) => {
      const value = series.x[i];
      if (value === null) return null;
      const at = y(facet.rows ? series.y[i] : rows.indexOf(String(series.y[i])));
      const isKnown = series.l && series.l[i] !== null;
      const style = { opacity: 0.35, "stroke-linecap": "round" };
      const circle = { cx: x(value), cy: at, r: 4.5, fill: paint };
      return [
        isKnown && stroke(px`M${x(series.l[i])} ${at}H${x(series.h[i])}`, paint, 5, style),
        tag("circle", circle, tag("title", {}, number(value))),
      ];
    };
    const marks = facet.series.filter(isShown).map((series) => {
      const { m, index } = identity(series);
      return tag(
        "g",
        { "data-m": m },
        series.x.map((_, i) => interval(series, i, colour(index))),
      );
    });
    const references = (facet.references ?? []).map((value) =>
      tag("path", { class: "reference", d: px`M${x(value)} ${box.top}V${height - box.bottom}` }),
    );
    const parts = [axes.horizontal(x, box, figure.x.label), references, rows.map(name), marks];
    fill(host, chart(width, height, figure.title, parts));
  }

  const MARKS = { cells: drawCells, interval: drawIntervals }; // all others are lines

  // Figures

  function drawFigure(figure, index) {
    const host = find(`#figure-${index} .panels`);
    if (!host || figure.error || host.closest("details:not([open])")) return;
    const drawFacet = MARKS[figure.mark] ?? drawLines;
    const unnamed = figure.facets.flatMap(
      (facet, i) => drawFacet(figure, facet, find(`[data-facet="${i}"]`, host)) ?? [],
    );
    find(`#figure-${index} .legend`)?.remove();
    const lines = [...new Map(unnamed.map((line) => [line.m, line])).values()];
    if (lines.length) host.insertAdjacentHTML("afterend", content(legend(lines)));
  }

  /** The switches of a figure: [key, [[value, words], ...], value now]. */
  function switchesOf(figure) {
    const switches = [];
    const { units = [] } = figure.x;
    if (units.length > 1) switches.push(["unit", units.map((unit) => [unit, unit]), unitOf(figure)]);
    for (const axis of ["x", "y"]) {
      if (figure[axis].scale === "logit" || figure.mark === "path") continue;
      const scales = ["log", "linear"].map((scale) => [scale, `${scale} ${axis}`]);
      switches.push([axis, scales, scaleOf(figure, axis)]);
    }
    if (figure.facets.some((facet) => facet.series.some((series) => series.r?.length))) {
      const choices = { band: "median and band", runs: "with single runs" };
      switches.push(["runs", Object.entries(choices), chosen(figure, "runs") ?? "band"]);
    }
    return switches;
  }

  function addSwitches(figure, index) {
    for (const [key, choices, now] of switchesOf(figure)) {
      const host = find(`#figure-${index} .controls`).appendChild(document.createElement("span"));
      host.setAttribute("role", "group");
      host.setAttribute("aria-label", `${key} of ${figure.title}`);
      choose(host, choices, now, (value) => {
        state.figures[figure.name] = { ...state.figures[figure.name], [key]: value };
        drawFigure(figure, index);
        writeAddress();
      });
    }
  }

  /** A card for every facet, to be drawn into. */
  function addCards(figure, index) {
    const cards = figure.facets.map((facet, i) => {
      const p = problemAt(facet.name);
      const id = figure.name === "loss-curves" && p >= 0 && `panel-${p}`;
      const head = tag("div", { class: "head" }, tag("h3", {}, facet.name), tag("small", {}, figure.y.label));
      return tag("div", { class: "card", id }, head, tag("div", { "data-facet": i }));
    });
    fill(find(`#figure-${index} .panels`), cards);
  }

  function connect() {
    DATA.figures.forEach((figure, index) => {
      if (!find(`#figure-${index} .panels`) || figure.error) return;
      addCards(figure, index);
      if (!MARKS[figure.mark]) addSwitches(figure, index);
      const fold = find(`#figure-${index}`).closest("details");
      fold?.addEventListener("toggle", () => drawFigure(figure, index));
    });
  }

  function draw() {
    DATA.figures.forEach(drawFigure);
  }

  return { connect, draw };
})();
