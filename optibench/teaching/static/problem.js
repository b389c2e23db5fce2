"use strict";

// The page of a problem: its map or its spectra, and the losses of two descents.

const problemPage = (() => {
  const lineAt = (index, name, x, y) => ({ m: index, index, name, colour: colour(index), dash: dash(index), x, y });

  function drawMap() {
    const { start, tracks, ...problem } = DATA.map;
    labMap.draw(find("#map-chart"), { problem, start, tracks, arrows: [] });
  }

  function drawCurves() {
    const host = find("#descent-chart");
    const lines = DATA.curves.map(({ name, losses }, i) => lineAt(i, name, d3.range(losses.length), losses));
    const positive = lines.every(({ y }) => y.every((value) => value >= 0) && y.some((value) => value > 0));
    const panel = charts.panel(lines, {
      width: widthOf(host),
      yScale: positive ? "log" : "linear",
      xLabel: "step",
      label: "Loss against the step",
    });
    fill(host, panel.svg, panel.named ? null : legend(lines));
    readout.attach(host, panel, lines, "step");
  }

  /** Eigenvalues in order by their absolute values: positive and negative ones are two series. */
  function drawSpectrum(host, values) {
    const ranks = d3.range(1, values.length + 1);
    const part = (index, name, sign) => {
      const kept = ranks.filter((rank) => sign * values[rank - 1] > 0);
      const sizes = kept.map((rank) => Math.abs(values[rank - 1]));
      return lineAt(index, name, kept, sizes);
    };
    const series = [part(0, "positive", 1), part(1, "negative", -1)].filter(({ x }) => x.length);
    if (!series.length) {
      fill(host, tag("p", { class: "note" }, "No eigenvalue differs from 0."));
      return;
    }
    const panel = charts.panel(series, {
      width: widthOf(host),
      yScale: "log",
      lines: false,
      xLabel: "eigenvalue, from the lowest",
      label: "Absolute eigenvalues of the Hessian",
    });
    fill(host, panel.svg, panel.named ? null : legend(series));
    readout.attach(host, panel, series, "eigenvalue");
  }

  function draw() {
    if (DATA.map) drawMap();
    if (DATA.curves.length) drawCurves();
    for (const [i, values] of (DATA.spectra ?? []).entries()) drawSpectrum(find(`#spectrum-${i}`), values);
  }

  return { draw };
})();

function start() {
  document.body.append(readout.box);
  problemPage.draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", problemPage.draw);
  let resized = 0;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(problemPage.draw, 150);
  });
  window.ready = performance.now();
}
