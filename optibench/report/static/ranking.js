"use strict";

// Ranking and significance: mean ranks with their groups, and the matrix of pairs.

const ranking = (() => {
  function draw() {
    const host = find("#ranks-chart");
    if (!field.order.length) {
      fill(host);
      fill(find("#pairs-table"));
      setSentence("ranking", "No ranking over problems is possible.");
      return;
    }
    const place = new Map(field.order.map((i, at) => [i, at]));
    const sets = field.overall ? statistics.groups(field.overall.wins) : [];
    const groups = sets.map((set) => set.map((i) => place.get(i)));
    const rows = field.order.map((i) => {
      const m = field.shown[i];
      return { m, name: methods[m].name, mean: field.ranks[i].mean };
    });
    fill(host, criticalDifference(rows, groups, nemenyi(), widthOf(host)));
    fill(find("#pairs-table"), pairsTable());
    setSentence("ranking", sentence(field.order.length));
  }

  /** Nemenyi's critical difference; null on a single problem, and for more methods than are tabulated. */
  function nemenyi() {
    const critical = field.beyond?.critical;
    return field.everywhere.length > 1 && Number.isFinite(critical) ? critical : null;
  }

  function pairsTable() {
    const heads = field.order.map((i) => {
      const { name } = methods[field.shown[i]];
      return columnHead(clip(name, 14), { class: "upright", title: name });
    });
    const rows = field.order.map((a) => {
      const m = field.shown[a];
      return tag(
        "tr",
        { "data-m": m },
        rowHead(nameTag(m)),
        field.order.map((b) => pairCell(a, b)),
      );
    });
    return table({}, [columnHead("row better than column"), ...heads], rows);
  }

  function pairCell(a, b) {
    if (a === b) return tag("td", { class: "cell" });
    const better = d3.mean(field.complete, (scores) => statistics.improvement(scores, a, b));
    const { adjusted, wins } = field.overall;
    const end = resolved(better >= 0.5 ? "--good" : "--bad");
    const tint = d3.interpolateRgb(resolved("--card"), end)(0.9 * Math.abs(better - 0.5));
    const attributes = {
      class: wins[a][b] || wins[b][a] ? "cell framed" : "cell",
      title: `adjusted p ${number(adjusted[a][b])}`,
      style: `background:${tint}`,
    };
    return tag("td", attributes, Math.round(100 * better));
  }

  function sentence(k) {
    if (k < 2) return "";
    const { n, needed, enough, wins } = field.overall;
    if (!enough) {
      const most = d3.max(n.flat());
      const few = `${counted(most, "replicate")} ${most === 1 ? "is" : "are"} too few to test ${k} methods`;
      return `${few}: at least ${needed} are needed, so no difference is claimed.`;
    }
    const { everywhere } = field;
    const over = everywhere.length > 1 ? `these ${everywhere.length} problems` : problems[everywhere[0]].name;
    const pairs = `${wins.flat().filter(Boolean).length} of ${(k * (k - 1)) / 2} pairs of methods`;
    const chosen = field.all ? "" : " A choice of methods made by looking loses the guarantee of the page.";
    return `Over ${over} ${pairs} differ significantly.${chosen}`;
  }

  return { id: "ranking", draw };
})();
