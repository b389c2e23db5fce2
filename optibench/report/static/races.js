"use strict";

// The race on a problem of two parameters: map or surface, losses and table at the same step, and their controls.

const races = (() => {
  const CELLS = 72; // of the relief, along each side
  const SECONDS = 9; // of a race that is played
  /** race: index; at: 0 to 1, the step on a logarithmic scale; factor: power of ten on the learning rates; start: null
      for that of the runs; playing: the request of the next frame, or 0. */
  const view = { race: 0, map: "map", at: 1, factor: 0, start: null, playing: 0 };
  let entries = []; // of the race, each with its path: {m, entry, path}
  let land; // the relief of the problem

  const race = () => DATA.races[view.race];
  const canvasOf = () => find("#race-map canvas.relief");
  const step = () => (view.at <= 0 ? 0 : Math.round(Math.max(1, race().steps) ** view.at));
  const shown = () => entries.filter(({ m, path }) => !state.hidden.has(m) && path.length);

  // Paths

  function pathOf(entry) {
    const { start, steps } = race();
    if (paths.isTraced(race(), entry))
      return paths.follow(race(), entry, view.start ?? start, 10 ** view.factor, steps);
    return view.start === null && view.factor === 0 ? paths.recorded(entry) : [];
  }

  /** Whether a path has ended before a step. A recorded one may end because the method had converged. */
  function isDiverged({ entry, path }, at) {
    const isEarly = path.at(-1)[3] < Math.min(at, Math.max(1, race().steps));
    return isEarly && (paths.isTraced(race(), entry) || entry.diverged);
  }

  /** The relief by the problem's own formula; without one, on the recorded grid. */
  function reliefOf({ xlim, ylim, valueGrad, grid }) {
    if (!CODE[valueGrad]) {
      const values = grid.values.map((value) => value ?? NaN);
      return relief.of(values, grid.columns, grid.rows);
    }
    const at = ([low, high], i) => low + ((high - low) * i) / (CELLS - 1);
    const points = d3.range(CELLS * CELLS).map((i) => [at(xlim, i % CELLS), at(ylim, Math.floor(i / CELLS))]);
    const values = points.map((point) => CODE[valueGrad].value_grad(point)[0]);
    return relief.of(values, CELLS, CELLS);
  }

  // Parts

  function drawMap() {
    const host = find("#race-map");
    const tracks = shown().map(({ m, path }) => ({ m, points: paths.until(path, step()) }));
    const scene = { race: race(), land, tracks, start: view.start ?? race().start };
    if (view.map === "map") raceMap.draw(host, scene, startAt);
    else surface.draw(host, scene);
  }

  function startAt(point) {
    if (!CODE[race().valueGrad]) return;
    view.start = point;
    rerun();
  }

  /** The losses above the minimum, at steps so far apart that each has its pixels. */
  function drawLoss() {
    const host = find("#race-loss");
    const first = 0.7; // where step 0 lies on a logarithmic axis
    const series = shown().map(({ m, path }) => {
      let next = 0;
      const kept = path.filter((point, i) => {
        const isKept = point[3] >= next || i === path.length - 1;
        if (isKept) next = Math.max(point[3] + 1, 1.04 * point[3]);
        return isKept;
      });
      const x = kept.map((point) => Math.max(point[3], first));
      const gaps = kept.map((point) => Math.max(point[2] - (race().minimum ?? 0), 0));
      const y = gaps.map((gap) => (Number.isFinite(gap) ? gap : null));
      return lineOf(m, { x, y, big: d3.bisectRight(x, Math.max(step(), first)) - 1 });
    });
    const panel = charts.panel(series, {
      width: widthOf(host),
      height: 235,
      xScale: "log",
      yScale: "log",
      xLabel: "step",
      label: "Loss of each method along the race",
    });
    fill(host, panel.svg);
    readout.attach(host, panel, series, "step");
  }

  function drawTable() {
    const rows = shown().map((racer) => {
      const loss = paths.until(racer.path, step()).at(-1)?.[2] ?? Infinity;
      return { ...racer, loss, isOut: isDiverged(racer, step()) };
    });
    rows.sort((a, b) => a.isOut - b.isOut || a.loss - b.loss);
    const heads = [columnHead(`at step ${step()}`)];
    for (const title of ["learning rate", "loss"]) heads.push(columnHead(title, { class: "n" }));
    const lines = rows.map(({ m, isOut, loss, path, entry }) => {
      const cells = [number(entry.h.lr * 10 ** view.factor), isOut ? `diverged at ${path.at(-1)[3]}` : number(loss)];
      const numbers = cells.map((text) => tag("td", { class: "n" }, text));
      return tag("tr", { "data-m": m }, rowHead(nameTag(m)), numbers);
    });
    fill(find("#race-table"), table({ class: "whole" }, heads, lines));
    setSentence("race", sentence(rows));
  }

  function sentence(rows) {
    if (!rows.length) return "No path to show.";
    const rates = view.factor === 0 ? "At the tuned rates" : `At ${number(10 ** view.factor)} times the tuned rates`;
    const out = rows.filter((row) => row.isOut).map((row) => shortName(row.m));
    const [best] = rows;
    if (best.isOut) return `${rates}, after ${step()} steps, all have diverged.`;
    const end = out.length ? `; diverged: ${listing(out)}` : "";
    return `${rates}, after ${step()} steps, ${shortName(best.m)} has the lowest loss, ${number(best.loss)}${end}.`;
  }

  function drawBasins() {
    const m = Number(find("#race-method").value);
    const entry = race().entries.find((other) => other.m === m);
    const canvas = canvasOf();
    if (!canvas || !entry) return;
    basins.draw(canvas, race(), entry, shortName(m), 10 ** view.factor, (text) => {
      find("#race-basins-note").textContent = text;
    });
  }

  // All together

  function draw() {
    if (!DATA.races.length) return;
    find("#race-step").textContent = step();
    find("#race-factor").textContent = number(10 ** view.factor);
    drawMap();
    drawLoss();
    drawTable();
  }

  function rerun() {
    entries = race().entries.map((entry) => ({ m: entry.m, entry, path: pathOf(entry) }));
    const canvas = canvasOf();
    if (canvas) {
      delete canvas.dataset.basins;
      delete canvas.dataset.key;
    }
    find("#race-basins-note").textContent = "";
    draw();
  }

  /** Another problem. */
  function begin() {
    const checked = paths.check(race());
    land = reliefOf(race());
    fill(find("#race-map"));
    view.start = null;
    const traced = race().entries.filter((entry) => paths.isTraced(race(), entry));
    find("#race-title").textContent = `Race on ${race().problem}`;
    find("#race-note").textContent = note(checked, traced);
    find("#race-rates").hidden = !traced.length;
    find("#race-basins").hidden = !traced.length;
    const options = traced.map(({ m }) => tag("option", { value: m }, clip(methods[m].name, 30)));
    fill(find("#race-method"), options);
    rerun();
  }

  /** Where the paths come from. */
  function note({ worst, points }, traced) {
    const { seed, start, valueGrad } = race();
    const sentences = [`Seed ${seed} starts at (${start.map((value) => number(value)).join(", ")}).`];
    if (traced.length) {
      sentences.push(
        "Your browser runs the methods' own formulas, traced from their source, in double precision: they follow the " +
          `${points} recorded points of the first ${paths.CHECKED} steps to ${number(worst, 2)}.`,
      );
    }
    for (const entry of race().entries.filter((other) => !traced.includes(other))) {
      const reason = entry.reason || (CODE[valueGrad] ? "it has no formula" : "the problem has no formula");
      sentences.push(`${shortName(entry.m)} is shown along its recorded path: ${reason}.`);
    }
    return sentences.join(" ");
  }

  // Controls

  function pause() {
    cancelAnimationFrame(view.playing);
    view.playing = 0;
    find("#race-play").textContent = "▶ Play";
  }

  function play() {
    if (view.at >= 1) view.at = 0;
    find("#race-play").textContent = "❚❚ Pause";
    let before = performance.now();
    const tick = (time) => {
      view.at = Math.min(1, view.at + (time - before) / (1000 * SECONDS));
      before = time;
      find("#race-slider").value = Math.round(1000 * view.at);
      draw();
      if (view.at < 1) view.playing = requestAnimationFrame(tick);
      else pause();
    };
    view.playing = requestAnimationFrame(tick);
  }

  function connect() {
    if (!DATA.races.length) return;
    const choices = DATA.races.map(({ problem }, i) => [i, problem]);
    if (choices.length > 1) {
      choose(find("#race-problem"), choices, "0", (value) => {
        view.race = Number(value);
        begin();
      });
    }
    choose(find("#race-view"), Object.entries({ map: "map", surface: "3-D" }), "map", (value) => {
      view.map = value;
      fill(find("#race-map"));
      draw();
    });
    find("#race-slider").oninput = ({ target }) => {
      view.at = target.value / 1000;
      draw();
    };
    find("#race-rate").oninput = ({ target }) => {
      view.factor = Number(target.value);
      rerun();
    };
    find("#race-play").onclick = () => (view.playing ? pause() : play());
    find("#race-reset").onclick = () => {
      [view.start, view.factor, view.at] = [null, 0, 1];
      [find("#race-rate").value, find("#race-slider").value] = [0, 1000];
      rerun();
    };
    find("#race-basins-button").onclick = drawBasins;
    begin();
  }

  return { id: "race", connect, draw, view };
})();
