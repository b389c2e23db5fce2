"use strict";

// The field: the methods that are shown, and the statistics that depend on them.

let field; // what `compute` returned last

/** Everything that depends on which methods are shown. Lists by method follow `shown`, lists by problem `problems`. */
function compute(shown) {
  const tables = DATA.scores.map((table) => table.map((row) => shown.map((m) => row[m])));
  const kept = d3.range(problems.length).filter((p) => tables[p].flat().some(statistics.present));
  const present = kept.map((p) => tables[p]);
  const complete = statistics.complete(present);
  const everywhere = kept.filter((p) => shown.every((_, i) => tables[p].some((row) => statistics.present(row[i]))));
  const claims = shown.length ? statistics.claims(present, complete) : { on: [], over: null };
  const ranks = shown.length ? statistics.meanRanks(complete, DATA.t) : [];
  const means = ranks.map((rank) => rank.mean);
  const overall = claims.over ?? (everywhere.length ? claims.on[kept.indexOf(everywhere[0])] : null);
  return {
    shown,
    all: shown.length === methods.length,
    problems: kept,
    everywhere, // the problems that all methods shown ran on
    complete, // the tables of these, in the replicates that all have
    claims,
    overall, // the tests over problems; of a single problem those on it
    ranks,
    letters: overall && ranks.length ? statistics.letters(overall.wins, means) : [],
    standing: present.map(statistics.standing),
    beyond: shown.length ? statistics.beyond(present, DATA.critical) : null,
    // places in `shown` by mean rank; sums in another order may differ in the last digits
    order: d3.sort(d3.range(ranks.length), (i) => Number(means[i].toFixed(9))),
  };
}

/** How far down the field a rank is: 0 for the first, 1 for the last and where there is none. */
const shareOfRank = (rank) => (rank === null ? 1 : (rank - 1) / Math.max(1, field.shown.length - 1));
