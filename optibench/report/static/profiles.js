"use strict";

// Profiles: the share of targets that a method reaches within a cost.

const profiles = (() => {
  const POINTS = 240;
  /** By kind: words on the switch, below the axis, and before a value that is read out. */
  const KINDS = {
    performance: {
      words: "performance",
      axis: "times the evaluations of the best method shown",
      readout: "within a factor of",
    },
    data: { words: "data", axis: "evaluations by (parameters + 1)", readout: "within" },
    ecdf: { words: "ECDF of runs", axis: "evaluations of examples", readout: "within" },
  };

  /** The values of all tasks by method of the field. */
  function tasks(kind) {
    return statistics.tasks(kind, DATA.targets, field.shown, DATA.sizes, new Set(field.everywhere));
  }

  function draw() {
    const host = find("#profile-chart");
    if (!host) return; // no targets, no section
    const kind = state.profile;
    const columns = tasks(kind);
    const values = columns.flat().filter((value) => Number.isFinite(value) && value > 0);
    if (!values.length) {
      fill(host);
      setSentence("profile", "No target was declared, or none was reached.");
      return;
    }
    const [low, high] = costs(kind, values);
    const powers = d3.ticks(Math.log10(low), Math.log10(high), POINTS).map((power) => 10 ** power);
    const x = [low, ...powers.filter((cost) => cost > low && cost < high), high];
    const shares = statistics.profile(columns, x);
    const series = field.shown.map((m, i) => lineOf(m, { x, y: shares[i] }));
    const width = widthOf(host);
    const panel = charts.panel(series, {
      width,
      height: width < 500 ? 270 : 330,
      room: width < 500 ? 92 : 150,
      xScale: "log",
      step: true,
      xLimits: { limits: [low, high], ends: ["", ""] },
      yLimits: { limits: [0, 1], ends: ["", ""] },
      xLabel: KINDS[kind].axis,
      label: `Profile (${kind}) of ${listing(field.shown.map(shortName))}`,
    });
    fill(host, panel.svg, !panel.named && legend(series));
    readout.attach(host, panel, series, KINDS[kind].readout, percent);
    setSentence("profile", sentence(kind, shares, columns[0].length));
  }

  /** The limits of the costs shown: of a performance profile from 1 to at most 100. */
  function costs(kind, values) {
    const isRelative = kind === "performance";
    const low = isRelative ? 1 : d3.min(values);
    const high = isRelative ? Math.min(100, d3.max(values)) : d3.max(values);
    return [low, Math.max(high, 1.5 * low)];
  }

  function sentence(kind, shares, count) {
    const ends = shares.map((share) => share.at(-1));
    const most = d3.max(ends);
    const best = field.shown.filter((_, i) => ends[i] === most).map(shortName);
    const reach = `${listing(best)} reach${best.length === 1 ? "es" : ""} the most`;
    const noun = kind === "ecdf" ? "pairs of a target and a run" : "targets";
    return `${reach}: ${percent(most)} of ${count} ${noun} at the right end.`;
  }

  function connect() {
    const host = find("#profile-kind");
    if (!host) return;
    const hasSizes = DATA.sizes.every((size) => size !== null);
    const choices = Object.entries(KINDS).filter(([kind]) => kind !== "data" || hasSizes);
    choose(
      host,
      choices.map(([kind, { words }]) => [kind, words]),
      state.profile,
      (kind) => {
        state.profile = kind;
        draw();
        writeAddress();
      },
    );
  }

  return { id: "profile", connect, draw, kinds: Object.keys(KINDS), tasks };
})();
