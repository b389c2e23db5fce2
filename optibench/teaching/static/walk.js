"use strict";

// Walking: a traced rule on a problem of two parameters. A path is a list of points [x, y, loss], one a step.

const walk = (() => {
  const FAR = 1e8;
  const LARGEST = 1e9; // a loss beyond has diverged, in a sweep

  /** The path, until it leaves the numbers; `see` is called with the arguments of every step. */
  function path(rule, problem, start, h, steps, see) {
    const code = CODE[rule.code];
    const { value_grad: valueGrad } = CODE[problem.valueGrad];
    const environ = environment(valueGrad);
    let w = [...start];
    let memory = code.start(w, h);
    const point = () => {
      const at = code.solution ? code.solution(w, memory, h) : w;
      return [at[0], at[1], valueGrad(at)[0]];
    };
    const points = [point()];
    for (let t = 1; t <= steps; t++) {
      const [loss, ...g] = valueGrad(w);
      const given = [w, g, t, memory, h, loss, problem.minimum ?? 0, environ];
      see?.(...given);
      const next = code.step(...given);
      w = next.slice(0, 2);
      memory = next.slice(2);
      points.push(point());
      if (!Number.isFinite(points[t][2]) || Math.abs(w[0]) > FAR || Math.abs(w[1]) > FAR) break;
    }
    return points;
  }

  /** The loss at the end; infinite where it has diverged. */
  function end(rule, problem, start, h, steps) {
    const points = path(rule, problem, start, h, steps);
    const loss = points.at(-1)[2];
    return points.length > steps && loss < LARGEST ? loss : Infinity;
  }

  /** Of every step the values of its lines: [{key, name, values}]. */
  function inside(rule, problem, start, h, steps) {
    const { lines } = CODE[rule.lines];
    const seen = [];
    path(rule, problem, start, h, steps, (...given) => {
      const [way, ...values] = lines(...given);
      let from = 0;
      const shown = rule.ways[way].map(({ key, name, size }) => {
        from += size;
        return { key, name, values: values.slice(from - size, from).map(Number) };
      });
      seen.push({ w: given[0], g: given[1], shown });
    });
    return seen;
  }

  return { end, inside, path };
})();
