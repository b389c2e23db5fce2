"use strict";

// The statistics of the methods that are shown, by the definitions of optibench/analysis: tests hold both equal.
// Arrays in, arrays out. A table is replicates x methods: null without a run, Infinity for a run that did not finish.

const statistics = (() => {
  const ALPHA = 0.05;
  const ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const EXACT = 50; // up to so many differences p is exact
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const present = (value) => value !== null && value !== undefined;

  /** Ranks from 1, equal values sharing their average. */
  function ranks(values) {
    const order = values.map((_, i) => i).sort((i, j) => (values[i] < values[j] ? -1 : values[i] > values[j] ? 1 : 0));
    const out = new Array(values.length);
    for (let start = 0; start < order.length; ) {
      let end = start;
      while (end < order.length && values[order[end]] === values[order[start]]) end++;
      for (let k = start; k < end; k++) out[order[k]] = (start + end + 1) / 2;
      start = end;
    }
    return out;
  }

  /** Ranks from 1, equal values sharing the lowest. */
  const places = (values) => values.map((value) => 1 + values.filter((other) => other < value).length);

  /** The middle value, the lower of two: a value that is there. */
  function lowerMedian(values) {
    const ordered = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return ordered.length ? ordered[(ordered.length - 1) >> 1] : Infinity;
  }

  // Wilcoxon's signed-rank test

  const difference = (a, b) => (a === b ? 0 : a - b);

  /** The larger by the smaller of two positive scores, with the sign of a - b. */
  function ratio(a, b) {
    if (a === b) return 0;
    const size =
      Number.isFinite(a) === Number.isFinite(b)
        ? Math.min(Math.max(a, b) / Math.min(a, b), Number.MAX_VALUE)
        : Infinity;
    return a < b ? -size : size;
  }

  /** Twice the signed ranks of the sizes; zeros are ranked and then left out (Pratt). */
  function doubledRanks(differences) {
    const sizes = ranks(differences.map(Math.abs));
    return differences.map((d, i) => (d === 0 ? 0 : Math.sign(d) * 2 * sizes[i]));
  }

  const counted = new Map(); // sizes -> how many of the 2^n signs have a positive sum of at most s, by s
  function counts(sizes) {
    const key = sizes.join();
    if (!counted.has(key)) {
      const ways = new Float64Array(sum(sizes) + 1);
      ways[0] = 1;
      for (const size of sizes) for (let s = ways.length - 1; s >= size; s--) ways[s] += ways[s - size];
      for (let s = 1; s < ways.length; s++) ways[s] += ways[s - 1];
      counted.set(key, ways);
    }
    return counted.get(key);
  }

  /** Two-sided p; exact with ties and zeros. */
  function signedRankP(differences) {
    const signed = doubledRanks(differences);
    if (!signed.length) return 1;
    if (signed.length > EXACT) {
      const spread = Math.sqrt(sum(signed.map((r) => r * r)));
      return spread ? erfc(Math.abs(sum(signed)) / spread / Math.SQRT2) : 1;
    }
    const sizes = signed.map(Math.abs).sort((a, b) => a - b);
    const plus = sum(signed.filter((r) => r > 0));
    return Math.min(1, (2 * counts(sizes)[Math.min(plus, sum(sizes) - plus)]) / 2 ** sizes.length);
  }

  /** The complementary error function of x >= 0: a series below 2, Lentz's continued fraction beyond. */
  function erfc(x) {
    if (x < 2) {
      let term = x;
      let total = x;
      for (let n = 1; Math.abs(term) > 1e-17 * total; n++) {
        term *= (2 * x * x) / (2 * n + 1);
        total += term;
      }
      return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
    }
    let value = x;
    for (let n = 200; n > 0; n--) value = x + n / 2 / value;
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / value;
  }

  // Many tests at once

  function holm(p) {
    const order = p.map((_, i) => i).sort((i, j) => p[i] - p[j]);
    const adjusted = new Array(p.length);
    let most = 0;
    order.forEach((i, place) => {
      most = Math.max(most, p[i] * (p.length - place));
      adjusted[i] = Math.min(most, 1);
    });
    return adjusted;
  }

  /** All pairs of k columns, i < j. */
  const pairsOf = (k) => Array.from({ length: k }, (_, i) => i).flatMap((i) => d3.range(i + 1, k).map((j) => [i, j]));

  /** The tests of one family: of each table the matrices n, p, adjusted and wins, and how many replicates it takes. */
  function family(tables, parts, compare) {
    const rows = tables.flatMap((table, index) =>
      pairsOf(table[0]?.length ?? 0).map(([i, j]) => {
        const both = table.filter((row) => present(row[i]) && present(row[j]));
        const d = both.map((row) => compare[index](row[i], row[j]));
        return { index, i, j, n: d.length, p: signedRankP(d), side: Math.sign(sum(doubledRanks(d))) };
      }),
    );
    const tested = rows.filter((row) => row.n > 0);
    holm(tested.map((row) => row.p)).forEach((p, place) => {
      tested[place].adjusted = Math.min(1, parts * p);
    });
    let needed = 1;
    while (2 ** (1 - needed) * tested.length >= ALPHA / parts) needed++;
    return tables.map((table, index) => {
      const k = table[0]?.length ?? 0;
      const square = (fill) => Array.from({ length: k }, () => new Array(k).fill(fill));
      const tests = { n: square(0), p: square(1), adjusted: square(1), wins: square(false), needed };
      for (const { i, j, n, p, side, adjusted = 1 } of rows.filter((row) => row.index === index)) {
        tests.n[i][j] = tests.n[j][i] = n;
        tests.p[i][j] = tests.p[j][i] = p;
        tests.adjusted[i][j] = tests.adjusted[j][i] = adjusted;
        if (adjusted < ALPHA && side) tests.wins[side < 0 ? i : j][side < 0 ? j : i] = true;
      }
      tests.enough = tests.n.some((line) => line.some((n) => n >= needed));
      return tests;
    });
  }

  const families = (problems) => (problems > 1 ? 2 : 1);
  const positive = (table) => {
    const values = table.flat().filter(Number.isFinite);
    return values.length > 0 && values.every((value) => value > 0);
  };

  /** `on`: the tests on each problem; `over`: those over the problems that all methods ran on, if any. */
  function claims(tables, whole) {
    const parts = families(tables.length);
    const on = family(
      tables,
      parts,
      tables.map((table) => (positive(table) ? ratio : difference)),
    );
    if (parts === 1 || !whole.length || !whole[0].length) return { on, over: null };
    return { on, over: family([rankSums(whole)], parts, [difference])[0] };
  }

  /** Sums of ranks over problems, replicates x methods: halves of whole numbers, so that equal ones are equal. */
  function rankSums(whole) {
    const ranked = whole.map((table) => table.map(ranks));
    return ranked[0].map((row, r) => row.map((_, m) => sum(ranked.map((table) => table[r][m]))));
  }

  /** The largest sets of methods among which no difference is significant (Piepho 2004). */
  function groups(wins) {
    let sets = wins.length ? [new Set(wins.keys())] : [];
    for (const [i, j] of pairsOf(wins.length)) {
      if (!wins[i][j] && !wins[j][i]) continue;
      const split = sets.flatMap((set) => (set.has(i) && set.has(j) ? [without(set, i), without(set, j)] : [set]));
      const unique = [...new Map(split.map((set) => [[...set].join(), set])).values()];
      sets = unique.filter(
        (set) => !unique.some((other) => other.size > set.size && [...set].every((m) => other.has(m))),
      );
    }
    return sets.map((set) => [...set]);
  }
  const without = (set, member) => new Set([...set].filter((other) => other !== member));

  /** The groups of every method as letters, in the order of `order`, such as mean ranks. */
  function letters(wins, order) {
    const place = places(order);
    const key = (set) => [...set].map((m) => place[m]).sort((a, b) => a - b);
    const less = (a, b) => {
      for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
      return a.length - b.length;
    };
    const sets = groups(wins)
      .map((set) => set.sort((a, b) => a - b))
      .sort((a, b) => less(key(a), key(b)) || less(a, b));
    const words = sets.map((_, i) => ALPHABET[i] ?? `(${i + 1})`);
    return wins.map((_, m) => words.filter((_, i) => sets[i].includes(m)).join(""));
  }

  // Ranks over problems

  /** The tables of the problems that all methods ran on. */
  const everywhere = (tables) =>
    tables.filter((table) => table[0]?.every((_, m) => table.some((row) => present(row[m]))));

  /** Likewise, in the replicates that all methods have on all of them. */
  function complete(tables) {
    const kept = everywhere(tables);
    const rows = kept.length
      ? d3.range(kept[0].length).filter((r) => kept.every((table) => table[r].every(present)))
      : [];
    return kept.map((table) => rows.map((r) => table[r]));
  }

  /** Mean rank of every method with Student's interval over replicates; `t`: its quantiles by the number of them. */
  function meanRanks(whole, t) {
    if (!whole.length || !whole[0].length) return [];
    const problems = whole.length;
    const table = rankSums(whole).map((row) => row.map((total) => total / problems));
    const n = table.length;
    const k = table[0].length;
    return d3.range(k).map((m) => {
      const mean = sum(table.map((row) => row[m])) / n;
      if (k === 1) return { mean, low: mean, high: mean };
      if (n < 2) return { mean, low: 1, high: k };
      const variance = sum(table.map((row) => (row[m] - mean) ** 2)) / (n - 1);
      const half = t[n] * Math.sqrt((variance + (2 / problems) ** 2 / n) / n);
      return { mean, low: Math.max(1, mean - half), high: Math.min(k, mean + half) };
    });
  }

  /** Beyond these problems: ranks of median scores, Kendall's W and Nemenyi's critical difference; `unit`: of one
      problem, by the number of methods. */
  function beyond(tables, unit) {
    const kept = everywhere(tables).map((table) => table.filter((row) => row.every(present)));
    const n = kept.length;
    if (!n) return null;
    const k = tables[0][0].length;
    const ranked = kept.map((table) => ranks(d3.range(k).map((m) => lowerMedian(table.map((row) => row[m])))));
    const means = d3.range(k).map((m) => sum(ranked.map((row) => row[m])) / n);
    const middle = (n * (k + 1)) / 2;
    const spread = sum(means.map((mean) => (mean * n - middle) ** 2));
    const all = n * sum(ranked.flat().map((rank) => (rank - (k + 1) / 2) ** 2));
    return { n, k, means, w: all ? spread / all : 0, critical: (unit[k] ?? NaN) / Math.sqrt(n) };
  }

  // Places on a problem

  const kinds = (n, first) => {
    const few = Math.max(2, Math.ceil(n / 10));
    return few <= first && first <= n - few;
  };

  /** The gap that divides outcomes of two kinds, and the loss in its middle; none if there is no clear one. */
  function gap(column, logarithmic) {
    const values = column.filter(Number.isFinite).sort((a, b) => a - b);
    const x = logarithmic ? values.map(Math.log) : values;
    const n = x.length;
    let best = 0;
    for (let i = 1; i < n; i++) if (kinds(n, i) && (!best || x[i] - x[i - 1] > x[best] - x[best - 1])) best = i;
    if (!best) return null;
    const size = x[best] - x[best - 1];
    const wide = size > (1 + 10 / n) * Math.max(x[best - 1] - x[0], x[n - 1] - x[best]);
    if (!wide || (logarithmic && size < Math.log(2))) return null;
    const middle = x[best] / 2 + x[best - 1] / 2;
    return [size, logarithmic ? Math.exp(middle) : middle];
  }

  /** The loss that divides solved from unsolved replicates; null where all outcomes are of one kind. */
  function solvedBelow(columns) {
    const values = columns.flat().filter(Number.isFinite);
    const logarithmic = values.length > 0 && values.every((value) => value > 0);
    const gaps = columns.map((column) => gap(column, logarithmic)).filter(Boolean);
    if (gaps.length) return gaps.sort((a, b) => b[0] - a[0] || a[1] - b[1])[0][1];
    return columns.some((column) => column.length && kinds(column.length, column.filter(Number.isFinite).length))
      ? Infinity
      : null;
  }

  /** {rank, score, solved} of every method on a problem: ranked by the median, but where outcomes are bimodal first by
      the share of solved replicates. */
  function standing(table) {
    const columns = (table[0] ?? []).map((_, m) => table.map((row) => row[m]).filter(present));
    const below = solvedBelow(columns.filter((column) => column.length));
    const rows = columns.map((column) => ({
      score: column.length ? lowerMedian(column) : null,
      solved:
        below === null ? null : column.filter((v) => Number.isFinite(v) && v <= below).length / (column.length || 1),
    }));
    const less = (a, b) => (below !== null && a.solved !== b.solved ? a.solved > b.solved : a.score < b.score);
    const better = (row) => rows.filter((other) => other.score !== null && less(other, row));
    for (const row of rows) row.rank = row.score === null ? null : 1 + better(row).length;
    return rows;
  }

  /** The probability that a run of column i is better than one of j, equals counting a half. */
  function improvement(table, i, j) {
    let wins = 0;
    for (const a of table) for (const b of table) wins += a[i] < b[j] ? 1 : a[i] === b[j] ? 0.5 : 0;
    return wins / table.length ** 2;
  }

  // Profiles

  /** Values of all tasks by method, to be compared with a limit: see `profile`. */
  function tasks(kind, targets, field, sizes, problems) {
    const columns = field.map(() => []);
    for (const { p, hits } of targets) {
      if (!problems.has(p)) continue;
      const rows = hits.map((row) => field.map((m) => row[m])).filter((row) => row.every(present));
      if (kind === "ecdf") {
        columns.forEach((column, m) => {
          column.push(...rows.map((row) => row[m]));
        });
        continue;
      }
      const costs = field.map((_, m) => lowerMedian(rows.map((row) => row[m])));
      const best = Math.min(...costs);
      costs.forEach((cost, m) => {
        const relative = cost === Infinity ? Infinity : cost === best ? 1 : cost / best;
        columns[m].push(kind === "performance" ? relative : cost / (sizes[p] + 1));
      });
    }
    return columns;
  }

  /** The share of tasks that a method solves within each limit: performance, data or ecdf. */
  function profile(columns, limits) {
    return columns.map((values) => {
      const solved = values.filter(Number.isFinite).sort((a, b) => a - b);
      return limits.map((limit) => d3.bisectRight(solved, limit) / values.length);
    });
  }

  return {
    beyond,
    claims,
    complete,
    erfc,
    groups,
    improvement,
    letters,
    meanRanks,
    present,
    profile,
    standing,
    tasks,
  };
})();
