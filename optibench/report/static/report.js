/* The report page: one field of methods for every table and chart, computed again whenever a method is hidden. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const { methods, problems } = DATA;
const { clip, colour, dash, safe, listing, number, percent, swatch } = charts;
const state = { hidden: new Set(), sort: "mean", descending: false, profile: "performance", figures: {} };
const find = (selector, parent = document) => parent.querySelector(selector);
const all = (selector, parent = document) => [...parent.querySelectorAll(selector)];
const said = (m) => clip(methods[m].name, 40);
const named = (m) =>
  `<span class="name" title="${safe(methods[m].name)}">${swatch(m)}<span>${safe(methods[m].name)}</span></span>`;
const wide = (element) => Math.max(260, Math.floor(element.clientWidth));
const say = (id, text) => {
  const element = find(`#${id} .says`);
  if (element) element.textContent = text;
};
const draw = (id, html) => {
  const element = find(`#${id}`);
  if (element) element.innerHTML = html;
  return element;
};

// The field: the methods that are shown, and all that depends on them

let field; // {shown, whole, problems, tables, complete, claims, ranks, standing, ...}, see compute

function compute(shown) {
  const tables = DATA.scores.map((table) => table.map((row) => shown.map((m) => row[m])));
  const kept = d3.range(problems.length).filter((p) => tables[p].flat().some(statistics.present));
  const present = kept.map((p) => tables[p]);
  const complete = statistics.complete(present);
  const everywhere = kept.filter((p) => shown.every((_, i) => tables[p].some((row) => statistics.present(row[i]))));
  const claims = shown.length ? statistics.claims(present, complete) : { on: [], over: null };
  const ranks = shown.length ? statistics.meanRanks(complete, DATA.t) : [];
  const overall = claims.over ?? (everywhere.length ? claims.on[kept.indexOf(everywhere[0])] : null);
  return {
    shown,
    all: shown.length === methods.length,
    problems: kept,
    everywhere,
    complete,
    claims,
    overall,
    ranks,
    letters:
      overall && ranks.length
        ? statistics.letters(
            overall.wins,
            ranks.map((row) => row.mean),
          )
        : [],
    standing: present.map(statistics.standing),
    beyond: shown.length ? statistics.beyond(present, DATA.critical) : null,
  };
}

const byMean = () => d3.sort(d3.range(field.ranks.length), (i) => Number(field.ranks[i].mean.toFixed(9)));

// Leaderboard

const COLUMNS = [
  { key: "name", title: "method", value: (i) => methods[field.shown[i]].name },
  { key: "mean", title: "mean rank, 95 % interval", value: (i) => field.ranks[i]?.mean },
  { key: "groups", title: "significance group", value: (i) => field.letters[i] },
  { key: "first", title: "P(rank 1)", number: true, high: true, value: (i) => methods[field.shown[i]].first },
  { key: "on", title: "first on", number: true, high: true, value: (i) => firstOn(i) },
  { key: "ranks", title: "rank on each problem", value: (i) => field.ranks[i]?.mean },
  { key: "reached", title: "targets reached", number: true, high: true, value: (i) => methods[field.shown[i]].reached },
  {
    key: "decades",
    title: "decades of good rates",
    number: true,
    high: true,
    value: (i) => methods[field.shown[i]].decades,
  },
  { key: "diverged", title: "diverged in tuning", number: true, value: (i) => methods[field.shown[i]].diverged },
  { key: "microseconds", title: "µs a step", number: true, value: (i) => methods[field.shown[i]].microseconds },
];
const firstOn = (i) =>
  field.problems.filter((p, at) => field.everywhere.includes(p) && field.standing[at][i].rank === 1).length;

function strip(i) {
  const cells = field.problems.map((p, at) => {
    const rank = field.standing[at][i].rank;
    const share = rank === null ? 1 : (rank - 1) / Math.max(1, field.shown.length - 1);
    const text = rank === null ? "–" : rank;
    return (
      `<g><title>${safe(problems[p].name)}: ${text}</title><rect x="${19 * at}" width="17" height="19" rx="4" fill="${charts.shade(share)}"/>` +
      `<text x="${19 * at + 8.5}" y="13.5" text-anchor="middle" style="fill:${charts.onShade(share)}">${text}</text></g>`
    );
  });
  const words = field.problems.map((p, at) => `${problems[p].name} ${field.standing[at][i].rank ?? "none"}`).join(", ");
  const width = 19 * cells.length;
  return `<svg class="chart" style="width:${width}px" viewBox="0 0 ${width} 19" role="img" aria-label="${safe(words)}">${cells.join("")}</svg>`;
}

function boardRow(i) {
  const m = field.shown[i];
  const { first, reached, decades, diverged, microseconds } = methods[m];
  const rank = field.ranks[i];
  const dot = rank
    ? `<span class="dotted">${charts.intervalDot(rank.mean, rank.low, rank.high, field.shown.length, m)}<b>${rank.mean.toFixed(2)}</b></span>`
    : "–";
  const share = (value) => (value === null ? "" : percent(value));
  const cells = [
    share(field.all ? first : null) || "–",
    `${firstOn(i)} of ${field.everywhere.length}`,
    strip(i),
    share(reached),
    decades === null ? "" : decades.toFixed(2),
    share(diverged),
    number(microseconds),
  ];
  const rest = cells.map((cell, at) => `<td${at === 2 ? "" : ' class="n"'}>${cell}</td>`).join("");
  return `<tr data-m="${m}"><th scope="row">${named(m)}</th><td>${dot}</td><td>${field.letters[i] ?? ""}</td>${rest}</tr>`;
}

function drawBoard() {
  const column = COLUMNS.find((one) => one.key === state.sort);
  const order = d3.sort(byMean().length ? byMean() : d3.range(field.shown.length), (a, b) => {
    const [x, y] = [column.value(a) ?? Infinity, column.value(b) ?? Infinity];
    return (x < y ? -1 : x > y ? 1 : 0) * (state.descending ? -1 : 1);
  });
  const heads = COLUMNS.map(({ key, title, number: right }) => {
    const sorted = key === state.sort ? ` aria-sort="${state.descending ? "descending" : "ascending"}"` : "";
    return `<th scope="col"${right ? ' class="n"' : ""}${sorted}><button type="button" data-sort="${key}">${title}</button></th>`;
  });
  draw(
    "board",
    `<table><thead><tr>${heads.join("")}</tr></thead><tbody>${order.map(boardRow).join("")}</tbody></table>`,
  );
  const [best, next] = byMean();
  const last = byMean().at(-1);
  if (next === undefined) {
    say("leaderboard", field.shown.length === 1 ? `Only ${said(field.shown[0])} is shown.` : "No ranking is possible.");
    return;
  }
  const rank = (i) => `${said(field.shown[i])} (${field.ranks[i].mean.toFixed(2)})`;
  const over = `over ${field.everywhere.length} problem${field.everywhere.length === 1 ? "" : "s"}`;
  say(
    "leaderboard",
    `Lowest mean rank ${over}: ${rank(best)}, then ${rank(next)}${last === next ? "" : `; last is ${rank(last)}`}.`,
  );
}

// Scores

/** Whether a method is first on a problem, or not significantly worse than all who are. */
function notWorse(at, i) {
  const ranks = field.standing[at].map((row) => row.rank);
  const leaders = d3.range(ranks.length).filter((j) => ranks[j] === 1);
  return ranks[i] !== null && leaders.some((j) => !field.claims.on[at].wins[j][i]);
}

function scoreCell(p, at, i) {
  const m = field.shown[i];
  const { score, rank, solved } = field.standing[at][i];
  if (rank === null) return `<td class="cell" title="no run">–</td>`;
  const share = (rank - 1) / Math.max(1, field.shown.length - 1);
  const title = [`rank ${rank}`];
  if (DATA.lr[p][m] !== null) title.push(`learning rate ${number(DATA.lr[p][m])} most often`);
  if (solved !== null) title.push(`solved ${percent(solved)}`);
  const framed = field.shown.length > 1 && notWorse(at, i) ? " framed" : "";
  const style = `background:${charts.shade(share)};color:${charts.onShade(share)}`;
  return `<td class="cell${framed}" data-m="${m}" title="${title.join(", ")}" style="${style}">${number(score)}</td>`;
}

function drawScores() {
  const heads = field.shown.map(
    (m) => `<th scope="col" title="${safe(methods[m].name)}">${safe(clip(methods[m].name, 14))}</th>`,
  );
  const rows = field.problems.map((p, at) => {
    const cells = field.shown.map((_, i) => scoreCell(p, at, i)).join("");
    const name = `<span class="clip" title="${safe(problems[p].name)}">${safe(problems[p].name)}</span>`;
    return `<tr><th scope="row" id="problem-${p}"><a href="#panel-${p}">${name}</a></th>${cells}</tr>`;
  });
  draw(
    "score-table",
    `<table class="whole"><thead><tr><th scope="col">problem</th>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`,
  );
  const alone = field.problems.filter((_, at) => field.shown.filter((_, i) => notWorse(at, i)).length === 1);
  if (field.shown.length < 2) return say("scores", "");
  const names = alone.length ? ` (${listing(alone.map((p) => clip(problems[p].name, 40)))})` : "";
  say(
    "scores",
    `On ${alone.length} of ${field.problems.length} problems one method is significantly better than all others${names}.`,
  );
}

// Robustness of the ranking: of all methods, as Python computed it

function drawRobustness() {
  const chip = ({ leaders, level, share, changed }) => {
    const who = leaders.map((m) => `${swatch(m)}<b>${safe(clip(methods[m].name, 34))}</b>`).join(" = ");
    const words = share === null ? String(level).replaceAll("_", " ") : percent(share);
    return `<span class="who${changed ? " changed" : ""}">${who}<small>${safe(words)}</small></span>`;
  };
  const rows = d3
    .groups(DATA.stability, (row) => row.varied)
    .map(([varied, group]) => {
      const shown = group.filter((row) => row.share === null || row.share >= 0.005);
      return `<tr><th scope="row">${safe(varied)}</th><td>${shown.map(chip).join("")}</td></tr>`;
    });
  draw("robustness-table", `<table class="whole"><tbody>${rows.join("")}</tbody></table>`);
  const others = DATA.stability.filter((row) => row.share === null && row.varied !== "as run");
  const changed = others.filter((row) => row.changed);
  const leaders = DATA.stability.find((row) => row.varied === "as run")?.leaders ?? [];
  if (!leaders.length) return say("robustness", "Without a ranking there is nothing to vary.");
  const ways = changed.map((row) => `${row.varied}: ${String(row.level).replaceAll("_", " ")}`);
  const list = ways.length ? ` (${ways.slice(0, 4).join("; ")}${ways.length > 4 ? "; …" : ""})` : "";
  const leads = `${listing(leaders.map(said))} lead${leaders.length === 1 ? "s" : ""} as run`;
  say(
    "robustness",
    `${leads}; the leader is another one in ${changed.length} of ${others.length} variations${list}. All ${methods.length} methods are compared here.`,
  );
}

// Ranking

function drawRanking() {
  const order = byMean();
  const host = find("#ranks-chart");
  if (!order.length) {
    draw("ranks-chart", "");
    draw("pairs-table", "");
    return say("ranking", "No ranking over problems is possible.");
  }
  const place = new Map(order.map((i, at) => [i, at]));
  const groups = field.overall ? statistics.groups(field.overall.wins).map((set) => set.map((i) => place.get(i))) : [];
  const rows = order.map((i) => ({ m: field.shown[i], name: methods[field.shown[i]].name, mean: field.ranks[i].mean }));
  const critical =
    field.beyond && field.everywhere.length > 1 && Number.isFinite(field.beyond.critical)
      ? field.beyond.critical
      : null;
  host.innerHTML = charts.criticalDifference(rows, groups, critical, wide(host));
  const heads = order.map(
    (i) =>
      `<th scope="col" class="upright" title="${safe(methods[field.shown[i]].name)}">${safe(clip(methods[field.shown[i]].name, 14))}</th>`,
  );
  const lines = order.map(
    (a) =>
      `<tr data-m="${field.shown[a]}"><th scope="row">${named(field.shown[a])}</th>${order.map((b) => pairCell(a, b)).join("")}</tr>`,
  );
  draw(
    "pairs-table",
    `<table><thead><tr><th scope="col">row better than column</th>${heads.join("")}</tr></thead><tbody>${lines.join("")}</tbody></table>`,
  );
  say("ranking", rankingSentence(order.length));
}

function pairCell(a, b) {
  if (a === b) return `<td class="cell"></td>`;
  const better = d3.mean(field.complete, (table) => statistics.improvement(table, a, b));
  const { adjusted, wins } = field.overall;
  const framed = wins[a][b] || wins[b][a] ? " framed" : "";
  const tint = d3.interpolateRgb(
    charts.resolved("--card"),
    charts.resolved(better >= 0.5 ? "--good" : "--bad"),
  )(0.9 * Math.abs(better - 0.5));
  return `<td class="cell${framed}" title="adjusted p ${number(adjusted[a][b])}" style="background:${tint}">${Math.round(100 * better)}</td>`;
}

function rankingSentence(k) {
  const { overall, all: whole } = field;
  const pairs = (k * (k - 1)) / 2;
  if (k < 2) return "";
  if (!overall.enough) {
    const n = d3.max(overall.n.flat());
    return `${n} replicate${n === 1 ? " is" : "s are"} too few to test ${k} methods: at least ${overall.needed} are needed, so no difference is claimed.`;
  }
  const differ = overall.wins.flat().filter(Boolean).length;
  const over =
    field.everywhere.length > 1 ? `these ${field.everywhere.length} problems` : problems[field.everywhere[0]].name;
  const chosen = whole ? "" : " A choice of methods made by looking loses the guarantee of the page.";
  return `Over ${over} ${differ} of ${pairs} pairs of methods differ significantly.${chosen}`;
}

// Profiles

const PROFILES = {
  performance: ["times the evaluations of the best method shown", "within a factor of"],
  data: ["evaluations by (parameters + 1)", "within"],
  ecdf: ["evaluations of examples", "within"],
};

function profileTasks(kind) {
  return statistics.tasks(kind, DATA.targets, field.shown, DATA.sizes, new Set(field.everywhere));
}

function drawProfile() {
  const host = find("#profile-chart");
  if (!host) return;
  const kind = state.profile;
  const columns = profileTasks(kind);
  const values = columns.flat().filter((value) => Number.isFinite(value) && value > 0);
  if (!columns.length || !columns[0].length || !values.length) {
    host.innerHTML = "";
    return say("profile", "No target was declared, or none was reached.");
  }
  const low = kind === "performance" ? 1 : d3.min(values);
  const high = Math.max(kind === "performance" ? Math.min(100, d3.max(values)) : d3.max(values), 1.5 * low);
  const limits = d3.ticks(Math.log10(low), Math.log10(high), 240).map((u) => 10 ** u);
  const at = [low, ...limits.filter((x) => x > low && x < high), high];
  const shares = statistics.profile(columns, at);
  const series = field.shown.map((m, i) => lineOf(m, { x: at, y: shares[i] }));
  const width = wide(host);
  const made = charts.panel(series, {
    width,
    height: width < 500 ? 270 : 330,
    room: width < 500 ? 92 : 150,
    xScale: "log",
    step: true,
    xLimits: { limits: [low, high], ends: ["", ""] },
    yLimits: { limits: [0, 1], ends: ["", ""] },
    xLabel: PROFILES[kind][0],
    label: `Profile (${kind}) of ${listing(field.shown.map(said))}`,
  });
  host.innerHTML = made.svg;
  charts.readable(host, made, series, PROFILES[kind][1], percent);
  const ends = field.shown.map((m, i) => [shares[i].at(-1), m]);
  const most = d3.max(ends, (end) => end[0]);
  const who = ends.filter((end) => end[0] === most).map((end) => said(end[1]));
  const tasks = columns[0].length;
  say(
    "profile",
    `${listing(who)} reach${who.length === 1 ? "es" : ""} the most: ${percent(most)} of ${tasks} ${kind === "ecdf" ? "pairs of a target and a run" : "targets"} at the right end.`,
  );
}

const lineOf = (m, more) => ({ m, index: m, name: methods[m].name, colour: colour(m), dash: dash(m), ...more });

// All together

function drawField() {
  const part = field.shown.length < methods.length;
  all("#chips .chip").forEach((chip, m) => chip.setAttribute("aria-pressed", String(!state.hidden.has(m))));
  const status = find("#field");
  status.textContent = part
    ? `${field.shown.length} of ${methods.length} methods: ranks, tests and profiles are computed again`
    : "";
  status.classList.toggle("part", part);
}

function update() {
  field = compute(d3.range(methods.length).filter((m) => !state.hidden.has(m)));
  drawField();
  drawBoard();
  drawScores();
  drawRanking();
  drawProfile();
  figures.drawAll();
  races.drawAll();
  writeAddress();
}

// The view in the address, so that it can be shared

function writeAddress() {
  const parts = new URLSearchParams();
  if (state.hidden.size) parts.set("hide", [...state.hidden].map((m) => methods[m].name).join("\n"));
  if (state.sort !== "mean" || state.descending) parts.set("sort", `${state.descending ? "-" : ""}${state.sort}`);
  if (state.profile !== "performance") parts.set("profile", state.profile);
  for (const [name, chosen] of Object.entries(state.figures)) {
    for (const [key, value] of Object.entries(chosen)) parts.set(`${name}.${key}`, value);
  }
  const text = parts.toString();
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch {
    /* a page inside a page has no address */
  }
}

function readAddress() {
  const text = location.hash.slice(1);
  if (!text.includes("=")) return;
  for (const [key, value] of new URLSearchParams(text)) {
    if (key === "hide") {
      for (const name of value.split("\n")) {
        const m = methods.findIndex((method) => method.name === name);
        if (m >= 0) state.hidden.add(m);
      }
    } else if (key === "sort" && COLUMNS.some((column) => column.key === value.replace("-", ""))) {
      [state.sort, state.descending] = [value.replace("-", ""), value.startsWith("-")];
    } else if (key === "profile" && Object.hasOwn(PROFILES, value)) {
      state.profile = value;
    } else if (key.includes(".")) {
      const end = key.lastIndexOf(".");
      const name = key.slice(0, end);
      if (DATA.figures.some((figure) => figure.name === name)) (state.figures[name] ??= {})[key.slice(end + 1)] = value;
    }
  }
}

// Controls

/** A row of buttons of which one is pressed. */
function choose(host, choices, chosen, choice) {
  const press = (value) =>
    all("button", host).forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.value === value)));
  host.classList.add("switch");
  host.innerHTML = choices
    .map(([value, words]) => `<button type="button" data-value="${safe(value)}">${safe(words)}</button>`)
    .join("");
  press(chosen);
  host.onclick = ({ target }) => {
    if (target.dataset.value === undefined) return;
    press(target.dataset.value);
    choice(target.dataset.value);
  };
}

function connect() {
  draw(
    "chips",
    methods
      .map(
        ({ name }, m) =>
          `<button type="button" class="chip" data-m="${m}" title="${safe(name)}">${swatch(m)}<span>${safe(name)}</span></button>`,
      )
      .join(""),
  );
  find("#chips").onclick = (event) => {
    const chip = event.target.closest(".chip");
    if (!chip) return;
    const m = Number(chip.dataset.m);
    if (event.shiftKey || event.altKey) {
      const alone = state.hidden.size === methods.length - 1 && !state.hidden.has(m);
      state.hidden = new Set(alone ? [] : d3.range(methods.length).filter((other) => other !== m));
    } else if (!state.hidden.delete(m)) {
      state.hidden.add(m);
    }
    update();
  };
  find("#board").onclick = ({ target }) => {
    const key = target.dataset.sort;
    if (!key) return;
    const column = COLUMNS.find((one) => one.key === key);
    state.descending = state.sort === key ? !state.descending : Boolean(column.high);
    state.sort = key;
    drawBoard();
    writeAddress();
    find(`#board [data-sort="${key}"]`).focus();
  };
  const kinds = [
    ["performance", "performance"],
    ["data", "data"],
    ["ecdf", "ECDF of runs"],
  ];
  const usable = DATA.sizes.every((size) => size !== null) ? kinds : kinds.filter(([kind]) => kind !== "data");
  const profiles = find("#profile-kind");
  if (profiles) {
    choose(profiles, usable, state.profile, (kind) => {
      state.profile = kind;
      drawProfile();
      writeAddress();
    });
  }
  find("#theme").onclick = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    update();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  const style = document.head.appendChild(document.createElement("style"));
  const light = ({ target }) => {
    const m = target.closest?.("[data-m]")?.dataset.m?.split(" ")[0];
    const others = m === undefined ? "" : `:is(g, tr)[data-m]:not([data-m~="${m}"]) { opacity: 0.15; }`;
    if (style.textContent !== others) style.textContent = others;
  };
  document.addEventListener("pointerover", light);
  document.addEventListener("focusin", light);
  let later = 0;
  addEventListener("resize", () => {
    clearTimeout(later);
    later = setTimeout(() => [drawRanking, drawProfile, figures.drawAll, races.drawAll].forEach((one) => one()), 150);
  });
}

function start() {
  document.body.append(charts.tip);
  readAddress();
  connect();
  drawRobustness();
  figures.connect();
  races.connect();
  update();
  window.ready = performance.now();
}
