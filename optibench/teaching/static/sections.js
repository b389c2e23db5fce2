"use strict";

// The page of an activation, a loss or a schedule: its panels, redrawn where a slider moves.

const sections = (() => {
  /** The limits of all positions of a slider, so that the axes stand still. */
  const limitsOf = (panel, of, scale) =>
    axes.limits(
      panel.frames.flat().map((line) => line[of]),
      scale,
    );

  const dressed = (line) => ({ ...line, m: line.index, colour: colour(line.index), dash: dash(line.index) });

  function drawPanel(host, panel, position) {
    const series = panel.frames[position].map(dressed);
    const drawing = charts.panel(series, {
      width: widthOf(host),
      height: 250,
      xScale: panel.xScale,
      yScale: panel.yScale,
      xLimits: limitsOf(panel, "x", panel.xScale),
      yLimits: limitsOf(panel, "y", panel.yScale),
      xLabel: panel.xLabel,
      references: panel.references,
      label: `${panel.title} against ${panel.xLabel}`,
    });
    fill(host, drawing.svg, series.length > 1 && legend(series));
    readout.attach(host, drawing, series, panel.xLabel);
  }

  function draw(section, index) {
    const slider = find(`#slider-${index}`);
    const position = slider ? Number(slider.value) : 0;
    if (slider) {
      find(`#position-${index}`).textContent = section.positions[position];
      slider.setAttribute("aria-valuetext", section.positions[position]);
    }
    section.panels.forEach((panel, i) => {
      drawPanel(find(`#chart-${index}-${i}`), panel, position);
    });
  }

  const drawAll = () => DATA.sections.forEach(draw);

  function connect() {
    for (const host of all(".charts")) host.hidden = false;
    DATA.sections.forEach((section, index) => {
      const slider = find(`#slider-${index}`);
      if (slider) slider.oninput = () => draw(section, index);
    });
  }

  return { connect, drawAll };
})();

function start() {
  document.body.append(readout.box);
  sections.connect();
  sections.drawAll();
  let resized = 0;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(sections.drawAll, 150);
  });
  window.ready = performance.now();
}
