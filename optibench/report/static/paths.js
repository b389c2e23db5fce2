"use strict";

// Paths of methods on a problem of two parameters. Rules and problem run here, by the formulas that were traced from
// their own code (CODE, which follows these scripts); what could not be traced has the path that was recorded.
// A path is a list of points [x, y, loss, step].

const paths = (() => {
  const CHECKED = 60; // steps in which a formula must follow the recorded path
  const APART = 1e-2; // by at most this share of the map's diagonal
  const FAR = 1e8;

  const isTraced = (race, entry) => Boolean(CODE[entry.rule] && CODE[race.valueGrad] && !entry.reason);

  /** The path of a traced method, one point a step, until it leaves the numbers; `factor`: on its learning rate. */
  function follow(race, entry, start, factor, steps) {
    const { factors, minimum } = race;
    const { value_grad: valueGrad } = CODE[race.valueGrad];
    const rule = CODE[entry.rule];
    const environ = environment(valueGrad);
    const settings = { ...entry.h, lr: entry.h.lr * factor };
    let w = [...start];
    let memory = rule.start(w, settings);
    const point = (step) => {
      const at = rule.solution ? rule.solution(w, memory, settings) : w;
      return [at[0], at[1], valueGrad(at)[0], step];
    };
    const path = [point(0)];
    for (let t = 1; t <= steps; t++) {
      const [loss, ...g] = valueGrad(w);
      const scheduled = factors ? { ...settings, lr: settings.lr * factors[t - 1] } : settings;
      const next = rule.step(w, g, t, memory, scheduled, loss, minimum ?? 0, environ);
      w = next.slice(0, 2);
      memory = next.slice(2);
      path.push(point(t));
      if (!Number.isFinite(path[t][2]) || Math.abs(w[0]) > FAR || Math.abs(w[1]) > FAR) break;
    }
    return path;
  }

  const recorded = (entry) => entry.path.map(([step, x, y, loss]) => [x, y, loss, step]);

  /** Compares all formulas with the recorded paths: {worst, points}, the largest distance and how many were compared.
      One that parts from its path gets a reason not to be used: the rule may have been changed since. */
  function check(race) {
    const { xlim, ylim, start, entries } = race;
    const diagonal = Math.hypot(xlim[1] - xlim[0], ylim[1] - ylim[0]);
    let [worst, points] = [0, 0];
    for (const entry of entries.filter((other) => isTraced(race, other))) {
      const path = follow(race, entry, start, 1, CHECKED);
      const compared = entry.path.filter(([step]) => step <= CHECKED && path[step]);
      const distances = compared.map(([step, x, y]) => Math.hypot(path[step][0] - x, path[step][1] - y));
      const most = d3.max(distances) ?? 0;
      if (most <= APART * diagonal) [worst, points] = [Math.max(worst, most), points + compared.length];
      else entry.reason = "its formula, as it is now, leaves the recorded path";
    }
    return { worst, points };
  }

  /** The points up to a step. */
  const until = (path, step) => path.slice(0, d3.bisector((point) => point[3]).right(path, step));

  return { CHECKED, check, follow, isTraced, recorded, until };
})();
