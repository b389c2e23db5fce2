"use strict";

// The relief of a problem of two parameters: its losses on a grid, as colours and contours.

const relief = (() => {
  const STRETCH = 300; // the logarithm of 1 to 1 + STRETCH spreads the losses

  /** Losses on a grid, rows from the lowest y: {values, columns, rows, share (0 to 1, logarithmic), levels}. */
  function of(values, columns, rows) {
    const known = values.filter(Number.isFinite);
    const low = d3.min(known);
    const span = d3.max(known) - low || 1;
    const share = (value) => Math.min(1, Math.log1p((STRETCH * (value - low)) / span) / Math.log1p(STRETCH));
    const level = (k) => low + (span * Math.expm1(((k + 0.6) / 13.5) * Math.log1p(STRETCH))) / STRETCH;
    return { values, columns, rows, share, levels: d3.range(13).map(level) };
  }

  /** Contours as one path each, in pixels of a map of this size. */
  function contours({ values, columns, rows, levels }, width, height) {
    const highest = d3.max(values.filter(Number.isFinite));
    const filled = values.map((value) => (Number.isFinite(value) ? value : highest));
    const project = d3.geoTransform({
      // d3 puts the value of a cell at its middle
      point(column, row) {
        const [x, y] = [(column - 0.5) / (columns - 1), (row - 0.5) / (rows - 1)];
        this.stream.point(x * width, height - y * height);
      },
    });
    const path = d3.geoPath(project).digits(1);
    const lines = d3.contours().size([columns, rows]);
    return levels.map((level) => path(lines.contour(filled, level)));
  }

  /** The relief on a canvas: a pixel a cell, enlarged by the browser, which smooths it. */
  function paint(canvas, land, width, height) {
    const { values, columns, rows } = land;
    const [dark, bright] = [rgb("--high"), rgb("--low")];
    const small = document.createElement("canvas");
    [small.width, small.height] = [columns, rows];
    const context = small.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const share = land.share(values[row * columns + column]);
        const tone = mixed(dark, bright, Math.min(1, 0.12 + 0.95 * (Number.isFinite(share) ? share : 1)));
        image.data.set([...tone, 150], 4 * ((rows - 1 - row) * columns + column));
      }
    }
    context.putImageData(image, 0, 0);
    const ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    const target = canvas.getContext("2d");
    target.imageSmoothingQuality = "high";
    target.drawImage(small, 0, 0, canvas.width, canvas.height);
  }

  return { contours, of, paint };
})();
