/* The race on a problem of two parameters: rules and problem run here, from the formulas that their own code was traced
   to; what could not be traced follows the path that was recorded. */

const races = (() => {
  const { clip, colour, dash, safe, number } = charts;
  const CELLS = 72; // of the map, along each side
  const STARTS = 100; // of the map of basins, along each side
  const CHECKED = 60; // steps in which a formula must follow the recorded path
  const APART = 1e-2; // by at most this share of the map's diagonal
  const view = { race: 0, map: "map", at: 1, factor: 0, start: null, turn: [0.7, 0.95], playing: 0 };
  const race = () => DATA.races[view.race];
  let paths = []; // by entry: [[x, y, loss], ...], one a step, or recorded points [x, y, loss, step]
  let land; // the relief of the problem

  // Following a rule

  const code = (index) => (index === null || index === undefined ? null : CODE[index]);

  function environment(valueGrad) {
    const grad = (w) => valueGrad(w).slice(1);
    return {
      grad,
      value: (w) => [valueGrad(w)[0]],
      hessian_product: (w, v) => {
        const h = 1e-5;
        const [a, b] = [1, -1].map((sign) => grad(w.map((x, i) => x + sign * h * v[i])));
        return a.map((x, i) => (x - b[i]) / (2 * h));
      },
      normal: () => [0, 0],
    };
  }

  /** The path of a rule, one point a step, until it leaves the numbers. */
  function follow(rule, valueGrad, start, hyperparameters, steps, factors) {
    const environ = environment(valueGrad);
    const minimum = race().minimum ?? 0;
    let w = [...start];
    let s = rule.start(w, hyperparameters);
    const point = () => {
      const at = rule.solution ? rule.solution(w, s, hyperparameters) : w;
      return [at[0], at[1], valueGrad(at)[0]];
    };
    const path = [point()];
    for (let t = 1; t <= steps; t++) {
      const [loss, ...g] = valueGrad(w);
      const h = factors ? { ...hyperparameters, lr: hyperparameters.lr * factors[t - 1] } : hyperparameters;
      const next = rule.step(w, g, t, s, h, loss, minimum, environ);
      w = next.slice(0, 2);
      s = next.slice(2);
      const last = point();
      path.push(last);
      if (!Number.isFinite(last[2]) || Math.abs(w[0]) > 1e8 || Math.abs(w[1]) > 1e8) break;
    }
    return path;
  }

  const recorded = (entry) => entry.path.map(([step, x, y, loss]) => [x, y, loss, step]);
  const atStart = () => view.start === null && view.factor === 0;

  function run(entry) {
    const { valueGrad, start, steps, factors } = race();
    const rule = code(entry.rule);
    if (!rule || entry.reason || !code(valueGrad)) return atStart() ? recorded(entry) : [];
    const h = { ...entry.h, lr: entry.h.lr * 10 ** view.factor };
    return follow(rule, code(valueGrad).value_grad, view.start ?? start, h, steps, factors);
  }

  /** Formulas that part from the recorded path are not used: the rule may have been changed since. */
  function check() {
    const { xlim, ylim, valueGrad, start, factors, entries } = race();
    const diagonal = Math.hypot(xlim[1] - xlim[0], ylim[1] - ylim[0]);
    let [worst, points] = [0, 0];
    for (const entry of entries) {
      const rule = code(entry.rule);
      if (!rule || !code(valueGrad) || entry.reason) continue;
      const path = follow(rule, code(valueGrad).value_grad, start, entry.h, CHECKED, factors);
      const apart = entry.path
        .filter(([step]) => step <= CHECKED && path[step])
        .map(([step, x, y]) => Math.hypot(path[step][0] - x, path[step][1] - y));
      const most = d3.max(apart) ?? 0;
      if (!(most <= APART * diagonal)) entry.reason = "its formula, as it is now, leaves the recorded path";
      else [worst, points] = [Math.max(worst, most), points + apart.length];
    }
    return { worst, points };
  }

  // Steps

  const lastStep = () => Math.max(1, race().steps);
  const now = () => (view.at <= 0 ? 0 : Math.round(Math.exp(view.at * Math.log(lastStep()))));
  const stepOf = (path, i) => path[i][3] ?? i;
  /** The points of a path up to a step. */
  const until = (path, step) =>
    path.length && path[0].length > 3 ? path.filter((point) => point[3] <= step) : path.slice(0, step + 1);
  const shown = () =>
    race()
      .entries.map((entry, i) => ({ m: entry.m, path: paths[i], entry }))
      .filter(({ m, path }) => !state.hidden.has(m) && path.length);
  const diverged = ({ entry, path }, step) =>
    path.length > 0 &&
    stepOf(path, path.length - 1) < Math.min(step, lastStep()) &&
    (path[0].length <= 3 || entry.diverged);

  // The map

  function relief() {
    const { xlim, ylim, valueGrad, grid } = race();
    if (!code(valueGrad))
      return charts.relief(
        grid.values.map((v) => v ?? NaN),
        grid.columns,
        grid.rows,
      );
    const f = code(valueGrad).value_grad;
    const at = (range, i) => range[0] + ((range[1] - range[0]) * i) / (CELLS - 1);
    const values = d3.range(CELLS * CELLS).map((i) => f([at(xlim, i % CELLS), at(ylim, Math.floor(i / CELLS))])[0]);
    return charts.relief(values, CELLS, CELLS);
  }

  function drawMap(host) {
    const { xlim, ylim, minimizer, start, problem } = race();
    const width = wide(host);
    const height = Math.round(width * 0.82);
    const x = d3.scaleLinear(xlim, [0, width]);
    const y = d3.scaleLinear(ylim, [height, 0]);
    let canvas = find("canvas.relief", host);
    if (!canvas) {
      const words = `Paths of the methods on the contours of ${safe(problem)}`;
      host.innerHTML =
        `<canvas class="relief" style="aspect-ratio:${width}/${height}"></canvas>` +
        `<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${words}"></svg>`;
      canvas = find("canvas.relief", host);
    }
    const key = `${charts.resolved("--low")} ${width} ${view.race}`;
    if (canvas.dataset.key !== key && !canvas.dataset.basins) {
      charts.paint(canvas, land, width, height);
      canvas.dataset.key = key;
      canvas.contours = charts.contours(land, width, height);
    }
    const lines = (canvas.contours ?? []).map(
      (d) => `<path d="${d}" fill="none" stroke="var(--ink)" stroke-width="0.6" opacity="0.28"/>`,
    );
    const step = now();
    const drawn = shown().map(({ m, path }) => ({ m, points: pixels(until(path, step), x, y, width, height) }));
    const tracks = drawn.map(({ m, points }) => track(m, points));
    const ends = drawn.filter(({ points }) => inside(points.at(-1), width, height));
    const labels = charts.spread(
      ends.map(({ m, points }) => ({ m, x: points.at(-1)[0], y: points.at(-1)[1] })),
      15,
      12,
      height - 8,
    );
    const [sx, sy] = view.start ?? start;
    const marks = [`<circle cx="${x(sx)}" cy="${y(sy)}" r="5" fill="none" stroke="var(--ink)" stroke-width="2"/>`];
    if (minimizer)
      marks.push(
        `<path d="M${x(minimizer[0]) - 6} ${y(minimizer[1])}h12m-6 -6v12" stroke="var(--ink)" stroke-width="2"/>`,
      );
    const svg = find("svg", host);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.innerHTML = [...lines, ...marks, ...tracks, ...labels.map((label) => endLabel(label, width))].join("");
    svg.onclick = (event) => {
      if (!code(race().valueGrad)) return;
      const box = svg.getBoundingClientRect();
      const at = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
      view.start = [x.invert(at[0]), y.invert(at[1])];
      rerun();
    };
  }

  /** Points in pixels, those that fall on the one before left out. */
  function pixels(points, x, y, width, height) {
    const kept = [];
    points.forEach((point, i) => {
      const at = [
        Math.max(-width, Math.min(2 * width, x(point[0]))),
        Math.max(-height, Math.min(2 * height, y(point[1]))),
      ];
      if (!Number.isFinite(at[0] + at[1])) return;
      const before = kept.at(-1);
      if (!before || i === points.length - 1 || Math.abs(at[0] - before[0]) + Math.abs(at[1] - before[1]) > 0.7)
        kept.push(at);
    });
    return kept;
  }

  const inside = (point, width, height) =>
    point && point[0] > 0 && point[0] < width && point[1] > 0 && point[1] < height;

  function track(m, points) {
    if (!points.length) return "";
    const d = `M${points.map((p) => `${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join("L")}`;
    const [cx, cy] = points.at(-1);
    return (
      `<g data-m="${m}"><path d="${d}" fill="none" stroke="var(--card)" stroke-width="4.5" opacity="0.5" stroke-linejoin="round"/>` +
      `<path d="${d}" fill="none" stroke="${colour(m)}" stroke-width="2.1" stroke-dasharray="${dash(m)}" stroke-linejoin="round"/>` +
      `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="6" fill="${colour(m)}" stroke="var(--card)" stroke-width="2"/></g>`
    );
  }

  function endLabel({ m, x, y }, width) {
    const left = x > width - 110;
    return (
      `<g data-m="${m}"><text class="label" x="${x + (left ? -12 : 12)}" y="${y}" dy="4" text-anchor="${left ? "end" : "start"}"` +
      ` style="paint-order:stroke;stroke:var(--card);stroke-width:3px;font-size:12.5px">${safe(clip(methods[m].name, 18))}</text></g>`
    );
  }

  // The surface, by the painter's algorithm

  function drawSurface(host) {
    let canvas = find("canvas.surface", host);
    if (!canvas) {
      host.innerHTML = `<canvas class="surface" style="aspect-ratio:1/0.82;cursor:grab" tabindex="0" role="img" aria-label="The surface of ${safe(race().problem)}; the arrow keys turn it"></canvas>`;
      canvas = find("canvas", host);
      canvas.onpointerdown = (event) => {
        canvas.setPointerCapture(event.pointerId);
        let [x, y] = [event.clientX, event.clientY];
        canvas.onpointermove = (move) => {
          turn((move.clientX - x) / 150, (y - move.clientY) / 200);
          [x, y] = [move.clientX, move.clientY];
        };
      };
      canvas.onpointerup = () => {
        canvas.onpointermove = null;
      };
      canvas.onkeydown = (event) => {
        const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.07], ArrowDown: [0, -0.07] }[event.key];
        if (!by) return;
        event.preventDefault();
        turn(...by);
      };
    }
    const ratio = window.devicePixelRatio || 1;
    const width = wide(canvas) * ratio;
    const height = width * 0.82;
    [canvas.width, canvas.height] = [width, height];
    paintSurface(canvas.getContext("2d"), width, height, ratio);
  }

  function turn(around, up) {
    view.turn = [view.turn[0] + around, Math.min(1.5, Math.max(0.15, view.turn[1] + up))];
    drawSurface(find("#race-map"));
  }

  function paintSurface(context, width, height, ratio) {
    const [around, tilt] = view.turn;
    const [c, s, ct, st] = [Math.cos(around), Math.sin(around), Math.cos(tilt), Math.sin(tilt)];
    const project = (u, v, z) => {
      const [x, y] = [u * c - v * s, u * s + v * c];
      return [width / 2 + x * width * 0.345, height * 0.56 - (y * st + z * ct) * height * 0.4, y * ct - z * st];
    };
    const lift = (value) => 0.9 * Math.min(1.25, land.share(Number.isFinite(value) ? value : Infinity)) - 0.45;
    const [dark, bright] = [charts.rgb("--high"), charts.rgb("--low")];
    const { columns, rows, values } = land;
    const corner = (i, j) =>
      project((2 * i) / (columns - 1) - 1, (2 * j) / (rows - 1) - 1, lift(values[j * columns + i]));
    const faces = [];
    for (let j = 0; j + 1 < rows; j++) {
      for (let i = 0; i + 1 < columns; i++) {
        const points = [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)];
        const slope = lift(values[j * columns + i + 1]) - lift(values[j * columns + i]);
        faces.push({ depth: points[0][2] + points[2][2], points, share: land.share(values[j * columns + i]), slope });
      }
    }
    faces.sort((a, b) => b.depth - a.depth);
    context.clearRect(0, 0, width, height);
    for (const { points, share, slope } of faces) {
      const tone = charts
        .mixed(dark, bright, Math.min(1, 0.1 + 0.85 * share))
        .map((v) => Math.max(0, Math.min(255, v + 260 * slope)));
      context.fillStyle = context.strokeStyle = `rgb(${tone})`;
      context.beginPath();
      points.forEach((p, k) => (k ? context.lineTo(p[0], p[1]) : context.moveTo(p[0], p[1])));
      context.closePath();
      context.fill();
      context.stroke();
    }
    for (const { m, path } of shown()) paintPath(context, until(path, now()), m, project, lift, ratio);
  }

  function paintPath(context, points, m, project, lift, ratio) {
    const { xlim, ylim } = race();
    const ink = charts.resolved(`--c${m % 8}`);
    const unit = (value, [low, high]) => (2 * (value - low)) / (high - low) - 1;
    let last = null;
    context.beginPath();
    for (const [x, y, loss] of points) {
      const [u, v] = [unit(x, xlim), unit(y, ylim)];
      const there = Math.abs(u) <= 1 && Math.abs(v) <= 1;
      const at = there ? project(u, v, lift(loss) + 0.012) : null;
      if (at && last) context.lineTo(at[0], at[1]);
      else if (at) context.moveTo(at[0], at[1]);
      last = at;
    }
    context.strokeStyle = ink;
    context.lineWidth = 2.4 * ratio;
    context.lineJoin = "round";
    context.stroke();
    if (!last) return;
    context.beginPath();
    context.arc(last[0], last[1], 5 * ratio, 0, 2 * Math.PI);
    context.fillStyle = ink;
    context.fill();
  }

  // The loss and the table at the same step

  const gapOf = (loss) => Math.max(loss - (race().minimum ?? 0), 0);

  function drawLoss(host) {
    const step = now();
    const series = shown().map(({ m, path }) => {
      const kept = [];
      let next = 0;
      path.forEach((point, i) => {
        const at = stepOf(path, i);
        if (at < next && i < path.length - 1) return;
        kept.push([Math.max(at, 0.7), gapOf(point[2])]);
        next = Math.max(at + 1, at * 1.04);
      });
      const x = kept.map((point) => point[0]);
      const big = d3.bisectRight(x, Math.max(step, 0.7)) - 1;
      return lineOf(m, { x, y: kept.map((point) => (Number.isFinite(point[1]) ? point[1] : null)), big });
    });
    const made = charts.panel(series, {
      width: wide(host),
      height: 235,
      xScale: "log",
      yScale: "log",
      xLabel: "step",
      label: "Loss of each method along the race",
    });
    host.innerHTML = made.svg;
    charts.readable(host, made, series, "step");
  }

  function drawTable(host) {
    const step = now();
    const rows = shown().map((one) => {
      const last = until(one.path, step).at(-1);
      return { ...one, gone: diverged(one, step), loss: last ? last[2] : Infinity };
    });
    rows.sort((a, b) => a.gone - b.gone || a.loss - b.loss);
    const lines = rows.map(({ m, gone, loss, path, entry }) => {
      const rate = entry.h.lr === undefined ? "" : number(entry.h.lr * 10 ** view.factor);
      const end = gone ? `diverged at ${stepOf(path, path.length - 1)}` : number(loss);
      return `<tr data-m="${m}"><th scope="row">${named(m)}</th><td class="n">${rate}</td><td class="n">${end}</td></tr>`;
    });
    host.innerHTML = `<table class="whole"><thead><tr><th scope="col">at step ${step}</th><th scope="col" class="n">learning rate</th><th scope="col" class="n">loss</th></tr></thead><tbody>${lines.join("")}</tbody></table>`;
    const alive = rows.filter((row) => !row.gone);
    const gone = rows.filter((row) => row.gone).map((row) => said(row.m));
    const rates = view.factor === 0 ? "At the tuned rates" : `At ${number(10 ** view.factor)} times the tuned rates`;
    const best = alive.length
      ? `${said(alive[0].m)} has the lowest loss, ${number(alive[0].loss)}`
      : "all have diverged";
    say(
      "race",
      rows.length
        ? `${rates}, after ${step} steps, ${best}${gone.length && alive.length ? `; diverged: ${charts.listing(gone)}` : ""}.`
        : "No path to show.",
    );
  }

  // Basins: where a method ends from 10,000 starts, computed when asked for

  function drawBasins(m) {
    const canvas = find("#race-map canvas.relief");
    const entry = race().entries.find((one) => one.m === m);
    if (!canvas || !entry || !code(entry.rule) || entry.reason) return;
    canvas.dataset.basins = "true";
    const { xlim, ylim, valueGrad, steps, factors } = race();
    const f = code(valueGrad).value_grad;
    const ends = new Float64Array(STARTS * STARTS);
    const h = { ...entry.h, lr: entry.h.lr * 10 ** view.factor };
    const some = Math.min(steps, 400);
    let row = 0;
    const compute = () => {
      const until = performance.now() + 30;
      while (row < STARTS && performance.now() < until) {
        for (let column = 0; column < STARTS; column++) {
          const at = ([low, high], i) => low + ((high - low) * i) / (STARTS - 1);
          const last = follow(code(entry.rule), f, [at(xlim, column), at(ylim, row)], h, some, factors).at(-1)[2];
          ends[row * STARTS + column] = last;
        }
        row += 1;
      }
      find("#race-basins-note").textContent =
        row < STARTS
          ? `${percent(row / STARTS)} of 10,000 starts`
          : `Dark: where ${said(m)} ends low after ${some} steps, from 10,000 starts.`;
      if (row < STARTS) return requestAnimationFrame(compute);
      const ended = charts.relief(
        [...ends].map((v) => (Number.isFinite(v) ? v : NaN)),
        STARTS,
        STARTS,
      );
      charts.paint(canvas, ended, canvas.clientWidth, canvas.clientHeight);
      canvas.dataset.done = "true";
    };
    compute();
  }

  // All together

  function drawRace() {
    if (!DATA.races.length) return;
    const host = find("#race-map");
    if (view.map === "map") drawMap(host);
    else drawSurface(host);
    find("#race-step").textContent = now();
    find("#race-factor").textContent = number(10 ** view.factor);
    drawLoss(find("#race-loss"));
    drawTable(find("#race-table"));
  }

  function rerun() {
    paths = race().entries.map(run);
    const canvas = find("#race-map canvas.relief");
    if (canvas) {
      delete canvas.dataset.basins;
      delete canvas.dataset.key;
      find("#race-basins-note").textContent = "";
    }
    drawRace();
  }

  function begin() {
    const { worst, points } = check();
    land = relief();
    find("#race-map").innerHTML = "";
    view.start = null;
    const { entries, problem, seed, start } = race();
    find("#race-title").textContent = `Race on ${problem}`;
    const traced = entries.filter((entry) => code(entry.rule) && !entry.reason);
    const left = entries.filter((entry) => !traced.includes(entry));
    const parts = [`Seed ${seed} starts at (${start.map((v) => number(v)).join(", ")}).`];
    if (traced.length) {
      parts.push(
        `Your browser runs the methods' own formulas, traced from their source, in double precision: they follow the ${points} recorded points of the first ${CHECKED} steps to ${number(worst, 2)}.`,
      );
    }
    for (const entry of left)
      parts.push(`${said(entry.m)} is shown along its recorded path: ${entry.reason || "it has no formula"}.`);
    find("#race-note").textContent = parts.join(" ");
    const movable = traced.length > 0;
    find("#race-rates").hidden = !movable;
    find("#race-basins").hidden = !movable;
    find("#race-method").innerHTML = traced
      .map((entry) => `<option value="${entry.m}">${safe(clip(methods[entry.m].name, 30))}</option>`)
      .join("");
    rerun();
  }

  function play() {
    const button = find("#race-play");
    if (view.playing) {
      cancelAnimationFrame(view.playing);
      view.playing = 0;
      button.textContent = "▶ Play";
      return;
    }
    if (view.at >= 1) view.at = 0;
    button.textContent = "❚❚ Pause";
    let before = performance.now();
    const tick = (time) => {
      view.at = Math.min(1, view.at + (time - before) / 9000);
      before = time;
      find("#race-slider").value = Math.round(1000 * view.at);
      drawRace();
      if (view.at < 1) view.playing = requestAnimationFrame(tick);
      else {
        view.playing = 0;
        button.textContent = "▶ Play";
      }
    };
    view.playing = requestAnimationFrame(tick);
  }

  return {
    view,
    follow,
    connect() {
      if (!DATA.races.length) return;
      const choices = DATA.races.map(({ problem }, i) => [String(i), problem]);
      if (choices.length > 1) {
        choose(find("#race-problem"), choices, "0", (value) => {
          view.race = Number(value);
          begin();
        });
      }
      choose(
        find("#race-view"),
        [
          ["map", "map"],
          ["surface", "3-D"],
        ],
        "map",
        (value) => {
          view.map = value;
          find("#race-map").innerHTML = "";
          drawRace();
        },
      );
      find("#race-slider").oninput = ({ target }) => {
        view.at = target.value / 1000;
        drawRace();
      };
      find("#race-rate").oninput = ({ target }) => {
        view.factor = Number(target.value);
        rerun();
      };
      find("#race-play").onclick = play;
      find("#race-reset").onclick = () => {
        [view.start, view.factor, view.at] = [null, 0, 1];
        [find("#race-rate").value, find("#race-slider").value] = [0, 1000];
        rerun();
      };
      find("#race-basins-button").onclick = () => drawBasins(Number(find("#race-method").value));
      begin();
    },
    drawAll: drawRace,
  };
})();
