"use strict";

// The table of scores: a row a problem, a column a method, coloured by rank.

const scores = (() => {
  /** Whether a method is first on a problem, or not significantly worse than all who are. */
  function isNotWorse(row, i) {
    const ranks = field.standing[row].map((standing) => standing.rank);
    const leaders = d3.range(ranks.length).filter((j) => ranks[j] === 1);
    return ranks[i] !== null && leaders.some((j) => !field.claims.on[row].wins[j][i]);
  }

  function scoreCell(row, i) {
    const { score, rank, solved } = field.standing[row][i];
    if (rank === null) return tag("td", { class: "cell", title: "no run" }, "–");
    const m = field.shown[i];
    const rate = DATA.lr[field.problems[row]][m];
    const title = [`rank ${rank}`];
    if (rate !== null) title.push(`learning rate ${number(rate)} most often`);
    if (solved !== null) title.push(`solved ${percent(solved)}`);
    const isFramed = field.shown.length > 1 && isNotWorse(row, i);
    const attributes = { class: isFramed ? "cell framed" : "cell", "data-m": m, title: title.join(", ") };
    return tag("td", { ...attributes, style: shaded(shareOfRank(rank)) }, number(score));
  }

  function draw() {
    const heads = field.shown.map((m) => columnHead(clip(methods[m].name, 14), { title: methods[m].name }));
    const rows = field.problems.map((p, row) => {
      const { name } = problems[p];
      const link = tag("a", { href: `#panel-${p}` }, tag("span", { class: "clip", title: name }, name));
      const cells = field.shown.map((_, i) => scoreCell(row, i));
      return tag("tr", {}, rowHead(link, { id: `problem-${p}` }), cells);
    });
    fill(find("#score-table"), table({ class: "whole" }, [columnHead("problem"), ...heads], rows));
    setSentence("scores", sentence());
  }

  function sentence() {
    if (field.shown.length < 2) return "";
    const alone = field.problems.filter((_, row) => field.shown.filter((_, i) => isNotWorse(row, i)).length === 1);
    const names = alone.length ? ` (${listing(alone.map((p) => clip(problems[p].name, 40)))})` : "";
    const on = `${alone.length} of ${field.problems.length} problems`;
    return `On ${on} one method is significantly better than all others${names}.`;
  }

  return { id: "scores", draw };
})();
