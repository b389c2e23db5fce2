"use strict";

// Robustness of the ranking: who leads in other variations of the comparison, of all methods, as Python computed it.

const robustness = (() => {
  const AS_RUN = "as run";
  const LEAST = 0.005; // leaders of smaller shares of resamples are left out
  const levelOf = (row) => String(row.level).replaceAll("_", " ");

  function leadersChip({ leaders, share, changed, ...row }) {
    const names = leaders.map((m, i) => [i > 0 && " = ", swatch(m), tag("b", {}, clip(methods[m].name, 34))]);
    const words = share === null ? levelOf(row) : percent(share);
    return tag("span", { class: changed ? "who changed" : "who" }, names, tag("small", {}, words));
  }

  function draw() {
    const rows = d3
      .groups(DATA.stability, (row) => row.varied)
      .map(([varied, group]) => {
        const shown = group.filter(({ share }) => share === null || share >= LEAST);
        return tag("tr", {}, rowHead(varied), tag("td", {}, shown.map(leadersChip)));
      });
    fill(find("#robustness-table"), table({ class: "whole" }, null, rows));
    setSentence("robustness", sentence());
  }

  function sentence() {
    const leaders = DATA.stability.find((row) => row.varied === AS_RUN)?.leaders ?? [];
    if (!leaders.length) return "Without a ranking there is nothing to vary.";
    const others = DATA.stability.filter((row) => row.share === null && row.varied !== AS_RUN);
    const ways = others.filter((row) => row.changed).map((row) => `${row.varied}: ${levelOf(row)}`);
    const list = ways.length ? ` (${ways.slice(0, 4).join("; ")}${ways.length > 4 ? "; …" : ""})` : "";
    const leads = `${listing(leaders.map(shortName))} lead${leaders.length === 1 ? "s" : ""} as run`;
    const changed = `the leader is another one in ${ways.length} of ${others.length} variations${list}`;
    return `${leads}; ${changed}. All ${methods.length} methods are compared here.`;
  }

  return { id: "robustness", draw };
})();
