"use strict";

// The page of a rule: the length of its steps, questions to answer first, and the start.

function drawLengths() {
  const host = find("#length-chart");
  const { path, other } = lab.paths();
  const rate = lab.view.h.lr ?? 1;
  const lineFor = (name, index, points) => {
    const lengths = d3.pairs(points, (a, b) => Math.hypot(b[0] - a[0], b[1] - a[1]) / rate);
    const y = lengths.map((length) => (Number.isFinite(length) ? length : null));
    return { m: index, index, name, colour: colour(index), dash: dash(index), x: d3.range(1, points.length), y };
  };
  const lines = [lineFor(lab.rule.name, 0, path)];
  if (other.length) lines.push(lineFor(lab.beside().name, lab.view.beside, other));
  const panel = charts.panel(lines, {
    width: widthOf(host),
    height: 230,
    xScale: "log",
    yScale: "log",
    xLabel: "step",
    references: [1],
    label: "Length of each step divided by the learning rate",
  });
  fill(host, panel.svg);
  readout.attach(host, panel, lines, "step");
  const first = lines.map(({ name, y }) => `that of ${name} is ${number(y[0])}`);
  setSentence("lengths", `The first step, divided by the learning rate: ${listing(first)}.`);
}

/** Questions whose answers are computed here: think first. */
function drawQuestions() {
  const { rule } = lab;
  const [problem] = DATA.problems;
  const ends = (one, h) => walk.end(one, problem, problem.start, h, DATA.steps);
  const said = (loss) => (loss === Infinity ? "it diverges" : `the loss is ${number(loss)}`);
  const base = "lr" in rule.h ? { ...rule.h, lr: DATA.lr } : rule.h;
  const questions = [];
  if ("lr" in rule.h) {
    const high = 10 * DATA.lr;
    const better = `On ${problem.problem}, is ${rule.name} better or worse after ${DATA.steps} steps`;
    const [faster, slower] = [said(ends(rule, { ...base, lr: high })), said(ends(rule, base))];
    const answer = `With lr = ${high} ${faster}; with lr = ${DATA.lr}, ${slower}.`;
    questions.push([`${better} with ten times the learning rate, ${high}?`, answer]);
  }
  for (const one of DATA.rules.filter(({ kind }) => kind === "without")) {
    const lengths = [rule, one].map((other) => {
      const [a, b] = walk.path(other, problem, problem.start, base, 1);
      return Math.hypot(b[0] - a[0], b[1] - a[1]);
    });
    const [whole, left] = lengths;
    const answer = `${number(left / whole)} times as long: ${number(left)} instead of ${number(whole)}.`;
    questions.push([`How long is the first step ${one.name}, compared with the whole rule?`, answer]);
  }
  if (!questions.length)
    questions.push([`Which way does ${rule.name} go first on ${problem.problem}?`, "Step through it above."]);
  fill(
    find("#predict-questions"),
    questions.map(([question, answer]) => tag("details", {}, tag("summary", {}, question), tag("p", {}, answer))),
  );
}

function start() {
  document.body.append(readout.box);
  sweeps.connect();
  let later = 0;
  const slow = () => {
    sweeps.draw();
    drawLengths();
    lab.writeAddress();
  };
  lab.connect(() => {
    clearTimeout(later);
    later = setTimeout(slow, 60);
  });
  slow();
  drawQuestions();
  const again = () => {
    lab.draw();
    slow();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let resized = 0;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(again, 150);
  });
  window.ready = performance.now();
}
