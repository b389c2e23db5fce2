"use strict";

// The leaderboard: a row a method, sorted by any column.

const leaderboard = (() => {
  const methodAt = (i) => methods[field.shown[i]];
  const share = (value) => (value === null ? "" : percent(value));

  /** `value` sorts, `cell` is shown; `high`: sorted from the highest; all but `cell` of places in the field. */
  const COLUMNS = [
    { key: "name", title: "method", value: (i) => methodAt(i).name },
    { key: "mean", title: "mean rank, 95 % interval", value: (i) => field.ranks[i]?.mean, cell: intervalCell },
    { key: "groups", title: "significance group", value: (i) => field.letters[i], cell: (i) => field.letters[i] },
    {
      key: "first",
      title: "P(rank 1)",
      isNumber: true,
      high: true,
      value: (i) => methodAt(i).first,
      cell: (i) => (field.all && share(methodAt(i).first)) || "–", // resampled for all methods, in Python
    },
    {
      key: "on",
      title: "first on",
      isNumber: true,
      high: true,
      value: firstOn,
      cell: (i) => `${firstOn(i)} of ${field.everywhere.length}`,
    },
    { key: "ranks", title: "rank on each problem", value: (i) => field.ranks[i]?.mean, cell: rankStrip },
    {
      key: "reached",
      title: "targets reached",
      isNumber: true,
      high: true,
      value: (i) => methodAt(i).reached,
      cell: (i) => share(methodAt(i).reached),
    },
    {
      key: "decades",
      title: "decades of good rates",
      isNumber: true,
      high: true,
      value: (i) => methodAt(i).decades,
      cell: (i) => methodAt(i).decades?.toFixed(2),
    },
    {
      key: "diverged",
      title: "diverged in tuning",
      isNumber: true,
      value: (i) => methodAt(i).diverged,
      cell: (i) => share(methodAt(i).diverged),
    },
    {
      key: "microseconds",
      title: "µs a step",
      isNumber: true,
      value: (i) => methodAt(i).microseconds,
      cell: (i) => number(methodAt(i).microseconds),
    },
  ];

  /** The number of problems that all ran on and on which the method has rank 1. */
  function firstOn(i) {
    return field.problems.filter((p, row) => field.everywhere.includes(p) && field.standing[row][i].rank === 1).length;
  }

  function intervalCell(i) {
    const rank = field.ranks[i];
    if (!rank) return "–";
    const picture = intervalDot(rank.mean, rank.low, rank.high, field.shown.length, field.shown[i]);
    return tag("span", { class: "dotted" }, picture, tag("b", {}, rank.mean.toFixed(2)));
  }

  /** A square with the rank for every problem. */
  function rankStrip(i) {
    const ranks = field.standing.map((standing) => standing[i].rank);
    const names = field.problems.map((p) => problems[p].name);
    const squares = ranks.map((rank, row) => {
      const background = shade(shareOfRank(rank));
      const text = rank ?? "–";
      return tag(
        "g",
        {},
        tag("title", {}, `${names[row]}: ${text}`),
        tag("rect", { x: 19 * row, width: 17, height: 19, rx: 4, fill: background }),
        label(19 * row + 8.5, 13.5, "middle", text, { style: `fill:${readableOn(background)}` }),
      );
    });
    const words = names.map((name, row) => `${name} ${ranks[row] ?? "none"}`).join(", ");
    const width = 19 * squares.length;
    return chart(width, 19, words, squares, { style: `width:${width}px` });
  }

  function draw() {
    const heads = COLUMNS.map(({ key, title, isNumber }) => {
      const sorted = key === state.sort && (state.descending ? "descending" : "ascending");
      const button = tag("button", { type: "button", "data-sort": key }, title);
      return columnHead(button, { class: isNumber && "n", "aria-sort": sorted });
    });
    const rows = sorted().map((i) => {
      const cells = COLUMNS.slice(1).map(({ isNumber, cell }) => tag("td", { class: isNumber && "n" }, cell(i)));
      return tag("tr", { "data-m": field.shown[i] }, rowHead(nameTag(field.shown[i])), cells);
    });
    fill(find("#board"), table({}, heads, rows));
    setSentence("leaderboard", sentence());
  }

  /** Places in the field in the order of the chosen column, equal ones by mean rank. */
  function sorted() {
    const { value } = COLUMNS.find((column) => column.key === state.sort);
    const direction = state.descending ? -1 : 1;
    const places = field.order.length ? field.order : d3.range(field.shown.length);
    return d3.sort(places, (a, b) => {
      const [x, y] = [value(a) ?? Infinity, value(b) ?? Infinity];
      return direction * (x < y ? -1 : x > y ? 1 : 0);
    });
  }

  function sentence() {
    const [best, next] = field.order;
    if (next === undefined)
      return field.shown.length === 1 ? `Only ${shortName(field.shown[0])} is shown.` : "No ranking is possible.";
    const last = field.order.at(-1);
    const ranked = (i) => `${shortName(field.shown[i])} (${field.ranks[i].mean.toFixed(2)})`;
    const end = last === next ? "" : `; last is ${ranked(last)}`;
    const over = counted(field.everywhere.length, "problem");
    return `Lowest mean rank over ${over}: ${ranked(best)}, then ${ranked(next)}${end}.`;
  }

  function connect() {
    find("#board").onclick = ({ target }) => {
      const key = target.dataset.sort;
      if (!key) return;
      const column = COLUMNS.find((other) => other.key === key);
      state.descending = state.sort === key ? !state.descending : Boolean(column.high);
      state.sort = key;
      draw();
      writeAddress();
      find(`#board [data-sort="${key}"]`).focus(); // the button is a new one
    };
  }

  return { id: "leaderboard", connect, draw, keys: COLUMNS.map((column) => column.key) };
})();
