"use strict";

// What each hyperparameter does: the loss at the end over a range of them, computed here whenever something moves.

const sweeps = (() => {
  const RATES = d3.range(61).map((k) => 10 ** (-4 + k / 12));
  const [COLUMNS, ROWS] = [30, 20];
  const LEAST = 1e-16;
  const { steps } = DATA;
  let second = null; // the hyperparameter beside the learning rate

  const hasRate = () => "lr" in lab.rule.h;
  const others = () => lab.rule.knobs.filter(({ name }) => name !== "lr");

  /** How far above the lowest loss that is known; what is below LEAST is as good as there. */
  const gap = (loss) => {
    const least = lab.problem().minimum ?? d3.min(labMap.landOf(lab.problem()).values.filter(Number.isFinite));
    return Math.max(loss - Math.min(least, 0), LEAST);
  };

  function draw() {
    const began = performance.now();
    const shown = [lab.rule, ...(lab.beside() ? [lab.beside()] : [])];
    const lines = hasRate() ? shown.map((one, i) => ratesOf(one, i ? lab.view.beside : 0)) : [];
    drawRates(lines);
    drawHeat();
    const count = lines.length * RATES.length + (second ? COLUMNS * ROWS : 0);
    const time = Math.round(performance.now() - began);
    const limit = hasLimit() ? " Dashed: the exact limit of stability, lr = 2 (1 + momentum) / largest curvature." : "";
    const computed = `Computed here when something moves: ${count} runs of ${steps} steps in ${time} ms.`;
    find("#knobs-note").textContent = computed + limit;
    setSentence("knobs", sentence(lines));
  }

  function ratesOf(one, index) {
    const ends = RATES.map((lr) => walk.end(one, lab.problem(), lab.start(), { ...lab.settingsOf(one), lr }, steps));
    const y = ends.map((loss) => (loss === Infinity ? null : gap(loss)));
    const crosses = RATES.filter((_, i) => ends[i] === Infinity);
    const near = (lr) => d3.leastIndex(RATES, (a, b) => Math.abs(Math.log(a / lr)) - Math.abs(Math.log(b / lr)));
    const big = index ? undefined : near(lab.view.h.lr);
    return { m: index, index, name: one.name, colour: colour(index), dash: dash(index), x: RATES, y, crosses, big };
  }

  function drawRates(lines) {
    const host = find("#rate-chart");
    if (!lines.length) return fill(host, tag("p", { class: "note" }, "This rule has no learning rate."));
    const panel = charts.panel(lines, {
      width: widthOf(host),
      height: 260,
      xScale: "log",
      yScale: "log",
      xLabel: "learning rate",
      label: `Loss after ${steps} steps against the learning rate`,
    });
    fill(host, panel.svg);
    readout.attach(host, panel, lines, "learning rate");
    return undefined;
  }

  function drawHeat() {
    const host = find("#heat-chart");
    const knob = others().find(({ name }) => name === second);
    if (!knob || !hasRate()) return fill(host, tag("p", { class: "note" }, "There is no second hyperparameter."));
    const [width, height] = [widthOf(host), 260];
    const box = { left: 52, right: 8, top: 8, bottom: 34 };
    const [wide, tall] = [(width - box.left - box.right) / COLUMNS, (height - box.top - box.bottom) / ROWS];
    const rate = (i) => 10 ** (-4 + (5 * (i + 0.5)) / COLUMNS);
    const value = (j) => lab.valueAt(knob, (j + 0.5) / ROWS);
    const losses = d3.cross(d3.range(ROWS), d3.range(COLUMNS)).map(([j, i]) => {
      const h = { ...lab.view.h, lr: rate(i), [second]: value(j) };
      return walk.end(lab.rule, lab.problem(), lab.start(), h, steps);
    });
    const known = losses.filter(Number.isFinite).map((loss) => Math.log10(gap(loss)));
    const scale = d3.scaleLinear(known.length ? d3.extent(known) : [0, 1], [0, 1]).clamp(true);
    const cells = losses.map((loss, k) => {
      const [i, j] = [k % COLUMNS, Math.floor(k / COLUMNS)];
      const place = {
        x: box.left + wide * i,
        y: height - box.bottom - tall * (j + 1),
        width: wide + 0.5,
        height: tall + 0.5,
      };
      const fillIn = loss === Infinity ? "url(#hatch)" : shade(scale(Math.log10(gap(loss))));
      return tag("rect", { ...place, fill: fillIn });
    });
    const hatch = tag(
      "pattern",
      { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      stroke("M0 0V6", "var(--faint)", 1.5),
    );
    const bottom = [1e-4, 1e-3, 0.01, 0.1, 1, 10].map((lr) =>
      label(box.left + (wide * COLUMNS * (Math.log10(lr) + 4)) / 5, height - box.bottom + 14, "middle", number(lr)),
    );
    const side = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const y = height - box.bottom - share * tall * ROWS;
      return label(box.left - 5, y, "end", number(lab.valueAt(knob, share), 3), { dy: share === 1 ? 9 : 3.8 });
    });
    const here = {
      x: box.left + (wide * COLUMNS * (Math.log10(Math.min(10, Math.max(1e-4, lab.view.h.lr))) + 4)) / 5,
      y: height - box.bottom - Math.max(0, Math.min(1, lab.shareOf(knob, lab.view.h[second]))) * tall * ROWS,
    };
    const marks = [
      dot(here.x, here.y, 6, "none", { stroke: "var(--card)", "stroke-width": 4.5 }),
      dot(here.x, here.y, 6, "none", { stroke: "var(--bad)", "stroke-width": 2.5 }),
    ];
    const words = label((box.left + width - box.right) / 2, height - 4, "middle", "learning rate");
    const svg = chart(width, height, `Loss over the learning rate and ${second}`, [
      tag("defs", {}, hatch),
      cells,
      stability(box, wide, tall, height),
      bottom,
      side,
      words,
      marks,
    ]);
    fill(host, svg);
    return undefined;
  }

  const hasLimit = () => lab.rule.name === "momentum" && second === "momentum" && Boolean(lab.problem().curvature);

  /** Of momentum on a quadratic problem the exact limit of stability, lr = 2 (1 + momentum) / largest curvature. */
  function stability(box, wide, tall, height) {
    if (!hasLimit()) return null;
    const knob = others().find(({ name }) => name === second);
    const points = d3.range(101).map((k) => {
      const lr = (2 * (1 + lab.valueAt(knob, k / 100))) / lab.problem().curvature;
      const x = box.left + (wide * COLUMNS * (Math.log10(lr) + 4)) / 5;
      return px`${x} ${height - box.bottom - (k / 100) * tall * ROWS}`;
    });
    return stroke(`M${points.join("L")}`, "var(--bad)", 2, { "stroke-dasharray": "5 3" });
  }

  function sentence(lines) {
    if (!lines.length) return "";
    const parts = lines.map(({ name, y, crosses }, i) => {
      const best = d3.leastIndex(y, (a, b) => (a ?? Infinity) - (b ?? Infinity));
      const ends = crosses.length
        ? `and diverges from ${number(d3.min(crosses), 2)} on`
        : "and diverges at no rate up to 10";
      return i
        ? `${name} does best near ${number(RATES[best], 2)}`
        : `${name} does best near lr = ${number(RATES[best], 2)} ${ends}`;
    });
    return `On ${lab.problem().problem} ${parts.join("; ")}.`;
  }

  function connect() {
    const names = others().map(({ name }) => name);
    second = names[0] ?? null;
    fill(
      find("#second"),
      names.map((name) => tag("option", { value: name }, name)),
    );
    find("#second").hidden = !names.length;
    find("#second").onchange = ({ target }) => {
      second = target.value;
      draw();
    };
  }

  return { connect, draw };
})();
