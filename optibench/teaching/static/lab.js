"use strict";

// The lab: a rule line by line on a problem, with its hyperparameters as sliders.

const lab = (() => {
  const { rules, steps } = DATA;
  const [rule] = rules;
  const view = { problem: 0, beside: 0, t: 12, line: null, start: null, playing: 0, h: settings() };
  let path = [];
  let other = [];
  let inside = [];

  /** The defaults, at a rate that shows something. */
  function settings() {
    return "lr" in rule.h ? { ...rule.h, lr: DATA.lr } : { ...rule.h };
  }

  const problem = () => DATA.problems[view.problem];
  const start = () => view.start ?? problem().start;
  const beside = () => (view.beside ? rules[view.beside] : null);

  /** The settings of a rule: those of the sliders where it has them. */
  function settingsOf(one) {
    if (one.kind === "self" || one.kind === "without") return view.h;
    return "lr" in one.h && "lr" in view.h ? { ...one.h, lr: view.h.lr } : one.h;
  }

  function run() {
    path = walk.path(rule, problem(), start(), view.h, steps);
    inside = walk.inside(rule, problem(), start(), view.h, steps);
    other = beside() ? walk.path(beside(), problem(), start(), settingsOf(beside()), steps) : [];
  }

  /** The step that is looked into, from 1. */
  const current = () => Math.min(view.t + 1, inside.length);

  /** The lines of the current step that have been computed. */
  function computed() {
    const step = inside[current() - 1];
    if (!step) return [];
    return view.line === null ? step.shown : step.shown.slice(0, view.line + 1);
  }

  function draw() {
    const step = inside[current() - 1];
    const at = Math.min(view.t, path.length - 1);
    const tracks = [{ name: rule.name, index: 0, points: path.slice(0, at + 1) }];
    if (beside()) tracks.unshift({ name: beside().name, index: view.beside, points: other.slice(0, at + 1) });
    labMap.draw(find("#lab-map"), { problem: problem(), start: start(), tracks, arrows: arrows(step) }, (point) => {
      view.start = point;
      update();
    });
    find("#lab-slider").value = view.t;
    find("#lab-t").textContent = at;
    find("#lab-inside").textContent = `Inside step ${current()}`;
    fill(find("#lab-values"), valuesTable(step));
    light(view.line === null ? null : step?.shown[view.line]?.key);
    setSentence("lab", sentence(at));
  }

  function arrows(step) {
    if (!step) return [];
    const shown = computed();
    const from = step.w;
    const made = [{ from, vector: step.g.map((value) => -value), words: "−g", paint: "var(--ink)" }];
    const moved = shown.findLast(({ name }) => name === "w");
    const last = shown.findLast(({ name, values }) => name !== "w" && values.length === 2);
    if (moved) {
      const vector = moved.values.map((value, i) => value - from[i]);
      made.push({ from, vector, words: "step", paint: "var(--c0)", isTrue: true });
    } else if (last) {
      made.push({ from, vector: last.values.map((value) => -value), words: `−${last.name}`, paint: "var(--bad)" });
    }
    return made;
  }

  function valuesTable(step) {
    if (!step) return tag("p", { class: "note" }, "There is no further step.");
    const cells = (values) =>
      [0, 1].map((i) => tag("td", { class: "n" }, i < values.length ? number(values[i], 5) : ""));
    const row = (name, values, more = {}) => tag("tr", more, rowHead(tag("code", {}, name)), cells(values));
    const done = computed().length;
    const rows = step.shown.map(({ key, name, values }, i) => {
      const isLit = i === view.line;
      return row(name === "w" ? "new w" : name, i < done ? values : [], { class: isLit && "lit", "data-line": key });
    });
    const heads = [columnHead("value"), columnHead("x", { class: "n" }), columnHead("y", { class: "n" })];
    return table({ class: "whole" }, heads, [row("w", step.w), row("g", step.g), ...rows]);
  }

  /** Lights the line of that key in the listing. */
  function light(key) {
    for (const cell of all(".listing [data-line]")) cell.classList.toggle("lit", cell.dataset.line === key);
  }

  function sentence(at) {
    const words = "lr" in view.h ? `with lr = ${number(view.h.lr)}` : "";
    const ended = (points) => (points.length - 1 < view.t ? null : points[Math.min(at, points.length - 1)][2]);
    const mine = ended(path);
    const begin = `On ${problem().problem} ${words}`.trim();
    if (mine === null) return `${begin}, ${rule.name} diverged at step ${path.length - 1}.`;
    const rest = other.length
      ? `; ${beside().name} has ${ended(other) === null ? "diverged" : number(ended(other))}`
      : "";
    return `${begin}, after ${at} steps the loss is ${number(mine)}, from ${number(path[0][2])}${rest}.`;
  }

  /** One line on, or back. */
  function move(by) {
    const count = inside[current() - 1]?.shown.length ?? 0;
    if (!count) return;
    if (view.line === null) view.line = by > 0 ? 0 : count - 1;
    else view.line += by;
    if (view.line >= count) {
      view.line = 0;
      view.t = Math.min(steps - 1, view.t + 1);
    } else if (view.line < 0) {
      view.t = Math.max(0, view.t - 1);
      view.line = (inside[current() - 1]?.shown.length ?? 1) - 1;
    }
    draw();
  }

  // Sliders

  const SCALES = {
    log: { to: Math.log, from: Math.exp },
    "1 - log": { to: (value) => -Math.log(1 - value), from: (u) => 1 - Math.exp(-u) },
    linear: { to: (value) => value, from: (u) => u },
  };

  /** The share of its slider at which a hyperparameter stands, and back. */
  const shareOf = ({ low, high, scale }, value) => {
    const { to } = SCALES[scale];
    return (to(value) - to(low)) / (to(high) - to(low));
  };
  const valueAt = ({ low, high, scale }, share) => {
    const { to, from } = SCALES[scale];
    return from(to(low) + share * (to(high) - to(low)));
  };

  function drawKnobs() {
    const sliders = rule.knobs.map((knob, i) =>
      tag(
        "label",
        {},
        `${knob.name} `,
        tag("output", {}, number(view.h[knob.name], 4)),
        tag("input", {
          type: "range",
          min: 0,
          max: 1,
          step: "0.005",
          value: String(Math.max(0, Math.min(1, shareOf(knob, view.h[knob.name])))),
          "data-knob": i,
          "aria-label": knob.name,
        }),
      ),
    );
    fill(find("#lab-knobs"), sliders.length ? sliders : tag("p", { class: "note" }, "It has none."));
  }

  function onKnob({ target }) {
    const knob = rule.knobs[target.dataset.knob];
    if (!knob) return;
    view.h = { ...view.h, [knob.name]: valueAt(knob, Number(target.value)) };
    find("output", target.parentElement).textContent = number(view.h[knob.name], 4);
    update();
  }

  function play() {
    clearInterval(view.playing);
    const button = find("#lab-play");
    if (view.playing) {
      view.playing = 0;
      button.textContent = "▶ Play";
      return;
    }
    if (view.t >= Math.min(steps, path.length) - 1) view.t = 0;
    view.line = null;
    button.textContent = "❚❚ Pause";
    view.playing = setInterval(() => {
      view.t += 1;
      draw();
      if (view.t >= Math.min(steps, path.length) - 1) play();
    }, 60);
  }

  let update = () => {};

  function connect(onChange) {
    update = () => {
      run();
      draw();
      onChange();
    };
    const names = (list) => list.map((name, i) => tag("option", { value: i }, clip(name, 40)));
    fill(find("#lab-problem"), names(DATA.problems.map((one) => one.problem)));
    fill(find("#lab-beside"), names(["nothing", ...rules.slice(1).map((one) => one.name)]));
    const parent = rules.findIndex((one) => one.kind === "parent");
    view.beside = Math.max(0, parent);
    readAddress();
    find("#lab-problem").value = view.problem;
    find("#lab-beside").value = view.beside;
    find("#lab-problem").onchange = ({ target }) => {
      Object.assign(view, { problem: Number(target.value), start: null });
      update();
    };
    find("#lab-beside").onchange = ({ target }) => {
      view.beside = Number(target.value);
      update();
    };
    find("#lab-line").onclick = () => move(1);
    find("#lab-back").onclick = () => move(-1);
    find("#lab-step").onclick = () => {
      Object.assign(view, { line: null, t: Math.min(steps - 1, view.t + 1) });
      draw();
    };
    find("#lab-slider").oninput = ({ target }) => {
      Object.assign(view, { line: null, t: Number(target.value) });
      draw();
    };
    find("#lab-play").onclick = play;
    find("#lab-start").onclick = () => {
      view.start = null;
      update();
    };
    find("#lab-reset").onclick = () => {
      view.h = settings();
      drawKnobs();
      update();
    };
    find("#lab-knobs").oninput = onKnob;
    for (const cell of all(".listing [data-line]")) {
      cell.onpointerenter = () => light(cell.dataset.line);
      cell.onpointerleave = () => light(null);
    }
    drawKnobs();
    update();
  }

  // The view in the address

  function writeAddress() {
    const parts = new URLSearchParams({ on: problem().problem, t: view.t });
    for (const { name } of rule.knobs)
      if (view.h[name] !== settings()[name]) parts.set(`h.${name}`, number(view.h[name], 6));
    if (view.start) parts.set("start", view.start.map((value) => value.toPrecision(6)).join(","));
    try {
      history.replaceState(null, "", `#${parts}`);
    } catch {
      // a page inside a page has no address
    }
  }

  function readAddress() {
    if (!location.hash.includes("=")) return;
    for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
      const place = DATA.problems.findIndex((one) => one.problem === text);
      const value = Number(text.replaceAll("−", "-"));
      if (key === "on" && place >= 0) view.problem = place;
      if (key === "t" && value >= 0 && value < steps) view.t = value;
      if (key.startsWith("h.") && Object.hasOwn(view.h, key.slice(2)) && Number.isFinite(value))
        view.h[key.slice(2)] = value;
      const point = text.split(",").map(Number);
      if (key === "start" && point.length === 2 && point.every(Number.isFinite)) view.start = point;
    }
  }

  return {
    beside,
    connect,
    draw,
    paths: () => ({ path, other }),
    problem,
    rule,
    settingsOf,
    shareOf,
    start,
    valueAt,
    view,
    writeAddress,
  };
})();
