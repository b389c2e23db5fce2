/* Declared figures, drawn from their encoding: the same series, limits and crosses as the pictures have. */

const figures = (() => {
  const { safe, listing, number } = charts;
  const chosen = (figure) => (state.figures[figure.name] ??= {});
  const named = (figure, one) =>
    typeof one.o === "number"
      ? { m: one.o, index: one.o, name: methods[one.o].name }
      : { m: `x${one.c}`, index: one.c, name: String(one.o) };
  const visible = (facet) => facet.series.filter((one) => typeof one.o !== "number" || !state.hidden.has(one.o));
  const scaled = (figure, axis) => chosen(figure)[axis] ?? figure[axis].scale;
  const unitOf = (figure) => {
    const units = figure.x.units ?? [];
    return units.includes(chosen(figure).unit) ? chosen(figure).unit : units[0];
  };

  /** x of a series, or of one of its runs, in a unit. */
  function inUnit(one, x, unit) {
    const scale = one.u?.[unit];
    if (scale === undefined || scale === null) return x;
    return Array.isArray(scale) ? scale.slice(0, x.length) : x.map((value) => (value === null ? null : value * scale));
  }

  /** What `charts.panel` draws of a series. */
  function drawable(figure, facet, one) {
    const unit = unitOf(figure);
    const { m, index, name } = named(figure, one);
    const x = inUnit(one, one.x, unit);
    const runs = one.r?.map((run) =>
      Array.isArray(run[0]) ? { x: inUnit(one, run[0], unit), y: run[1] } : { x: x.slice(0, run.length), y: run },
    );
    const crosses = one.cross?.map((at) => crossIn(one, at, unit));
    return {
      m,
      index,
      name,
      x,
      y: one.y,
      low: one.l,
      high: one.h,
      runs,
      crosses,
      n: one.r?.length,
      colour: charts.colour(index),
      dash: charts.dash(index),
      ...emphasis(figure, facet, one),
    };
  }

  function crossIn(one, at, unit) {
    const scale = one.u?.[unit];
    if (scale === undefined || scale === null) return at;
    return Array.isArray(scale) ? (scale[one.x.indexOf(at)] ?? at) : at * scale;
  }

  /** Of the learning rates, the chosen one is a large dot, and the declared default a ring. */
  function emphasis(figure, facet, one) {
    const p = problems.findIndex((problem) => problem.name === facet.name);
    if (figure.name !== "learning-rate" || p < 0 || typeof one.o !== "number") return {};
    const nearest = (rate) =>
      rate ? d3.leastIndex(one.x, (a, b) => Math.abs(Math.log(a / rate)) - Math.abs(Math.log(b / rate))) : -1;
    return { big: nearest(DATA.lr[p][one.o]), ring: nearest(DATA.defaults[p][one.o]) };
  }

  /** The limits as declared for the view as declared; else those of what is shown. */
  function limitsOf(figure, facet, series) {
    const [xScale, yScale, unit] = [scaled(figure, "x"), scaled(figure, "y"), unitOf(figure)];
    const whole = series.length === facet.series.length && yScale === figure.y.scale && xScale === figure.x.scale;
    if (whole && (!unit || unit === figure.x.units[0])) {
      const [x, y] = facet.ends ?? [
        ["", ""],
        ["", ""],
      ];
      return { xLimits: { limits: facet.xlim, ends: x }, yLimits: { limits: facet.ylim, ends: y } };
    }
    const x = series.flatMap((one) => [one.x, ...(one.runs ?? []).map((run) => run.x)]);
    const y = series.flatMap((one) => [one.y, one.low ?? [], one.high ?? [], ...(one.runs ?? []).map((run) => run.y)]);
    return { xLimits: charts.limits(x, xScale), yLimits: charts.limits(y, yScale) };
  }

  function drawLines(figure, facet, host) {
    const series = visible(facet).map((one) => drawable(figure, facet, one));
    const { mark } = figure;
    const runs = chosen(figure).runs === "runs";
    const xLabel = unitOf(figure) ?? figure.x.label;
    const made = charts.panel(series, {
      width: wide(host),
      xScale: scaled(figure, "x"),
      yScale: scaled(figure, "y"),
      xLabel,
      runs,
      step: mark === "step",
      lines: mark !== "dots",
      dots: mark === "dots" || facet.series.every((one) => one.x.length <= 15),
      references: facet.references,
      label: `${figure.title}, ${facet.name}: ${listing(series.map((one) => charts.clip(one.name, 40)))}`,
      ...limitsOf(figure, facet, series),
    });
    host.innerHTML = made.svg;
    if (mark !== "path") charts.readable(host, made, series, xLabel);
  }

  /** A table whose cells are coloured by their number. */
  function drawCells(figure, facet, host) {
    const [low, high] = figure.color.limits;
    const cells = new Map();
    for (const one of facet.series) {
      one.x.forEach((x, i) => cells.set(`${x} ${one.y[i]}`, { value: one.v[i], text: one.t?.[i] }));
    }
    const columns = facet.columns ?? d3.sort(new Set(facet.series.flatMap((one) => one.x))).map(String);
    const rows = facet.rows ?? d3.sort(new Set(facet.series.flatMap((one) => one.y))).map(String);
    const cell = (x, y) => {
      const { value, text } = cells.get(`${x} ${y}`) ?? {};
      if (value === undefined || value === null) return `<td class="cell"></td>`;
      const share = high > low ? (value - low) / (high - low) : 0.5;
      return `<td class="cell" style="background:${charts.shade(1 - share)};color:${charts.onShade(1 - share)}">${safe(text ?? number(value))}</td>`;
    };
    const head = columns.map((name) => `<th scope="col">${safe(charts.clip(name, 16))}</th>`).join("");
    const body = rows.map(
      (name, y) =>
        `<tr><th scope="row">${safe(charts.clip(name, 26))}</th>${columns.map((_, x) => cell(x, y)).join("")}</tr>`,
    );
    host.classList.add("scroll");
    host.innerHTML = `<table><thead><tr><th scope="col">${safe(figure.y.label)}</th>${head}</tr></thead><tbody>${body.join("")}</tbody></table>`;
  }

  /** A dot with its interval for each row. */
  function drawIntervals(figure, facet, host) {
    const series = visible(facet);
    const width = wide(host);
    const box = { left: Math.min(150, width * 0.35), right: 14, top: 6, bottom: 34, width };
    const rows = facet.rows ?? d3.sort(new Set(facet.series.flatMap((one) => one.y))).map(String);
    box.height = box.top + box.bottom + 20 * rows.length;
    const x = charts.axis(scaled(figure, "x"), facet.xlim, [box.left, width - box.right], facet.ends?.[0]);
    const y = (row) => box.top + 20 * row + 10;
    const blank = Object.assign((value) => value, { ticks: () => [] });
    let svg = charts.frame(x, blank, box, { x: figure.x.label });
    for (const value of facet.references ?? [])
      svg += `<path class="reference" d="M${x(value)} ${box.top}V${box.height - box.bottom}"/>`;
    rows.forEach((name, row) => {
      svg += `<text class="label" x="${box.left - 8}" y="${y(row)}" dy="4" text-anchor="end">${safe(charts.clip(name, Math.floor(box.left / 7)))}</text>`;
    });
    for (const one of series) {
      const { m, index } = named(figure, one);
      const marks = one.x.map((value, i) => {
        const at = y(facet.rows ? one.y[i] : rows.indexOf(String(one.y[i])));
        if (value === null) return "";
        const span =
          one.l && one.l[i] !== null
            ? `<path d="M${x(one.l[i])} ${at}H${x(one.h[i])}" stroke="${charts.colour(index)}" stroke-width="5" opacity="0.35" stroke-linecap="round"/>`
            : "";
        return `${span}<circle cx="${x(value)}" cy="${at}" r="4.5" fill="${charts.colour(index)}"><title>${number(value)}</title></circle>`;
      });
      svg += `<g data-m="${m}">${marks.join("")}</g>`;
    }
    host.innerHTML = `<svg class="chart" viewBox="0 0 ${width} ${box.height}" role="img" aria-label="${safe(figure.title)}">${svg}</svg>`;
  }

  const DRAW = { cells: drawCells, interval: drawIntervals };

  function drawFigure(figure, index) {
    const host = find(`#figure-${index} .panels`);
    if (!host || figure.error || host.closest("details:not([open])")) return;
    figure.facets.forEach((facet, at) =>
      (DRAW[figure.mark] ?? drawLines)(figure, facet, find(`[data-facet="${at}"]`, host)),
    );
  }

  function controls(figure, index) {
    const host = find(`#figure-${index} .controls`);
    if (!host || DRAW[figure.mark] || figure.error) return;
    const add = (key, choices, now) => {
      const part = host.appendChild(document.createElement("span"));
      part.setAttribute("role", "group");
      part.setAttribute("aria-label", `${key} of ${figure.title}`);
      choose(part, choices, now, (value) => {
        chosen(figure)[key] = value;
        drawFigure(figure, index);
        writeAddress();
      });
    };
    if (figure.x.units?.length > 1)
      add(
        "unit",
        figure.x.units.map((unit) => [unit, unit]),
        unitOf(figure),
      );
    for (const axis of ["x", "y"]) {
      if (figure[axis].scale === "logit" || figure.mark === "path") continue;
      add(
        axis,
        [
          ["log", `log ${axis}`],
          ["linear", `linear ${axis}`],
        ],
        scaled(figure, axis),
      );
    }
    if (figure.facets.some((facet) => facet.series.some((one) => one.r?.length))) {
      add(
        "runs",
        [
          ["band", "median and band"],
          ["runs", "with single runs"],
        ],
        chosen(figure).runs ?? "band",
      );
    }
  }

  function panels(figure, index) {
    const host = find(`#figure-${index} .panels`);
    if (!host || figure.error) return;
    host.innerHTML = figure.facets
      .map((facet, at) => {
        const p = problems.findIndex((problem) => problem.name === facet.name);
        const id = figure.name === "loss-curves" && p >= 0 ? ` id="panel-${p}"` : "";
        const units = `<small>${safe(figure.y.label)}</small>`;
        return `<div class="card"${id}><div class="head"><h3>${safe(facet.name)}</h3>${units}</div><div data-facet="${at}"></div></div>`;
      })
      .join("");
  }

  return {
    connect() {
      DATA.figures.forEach((figure, index) => {
        panels(figure, index);
        controls(figure, index);
        find(`#figure-${index}`)
          ?.closest("details")
          ?.addEventListener("toggle", () => drawFigure(figure, index));
      });
    },
    drawAll() {
      DATA.figures.forEach(drawFigure);
    },
  };
})();
