"use strict";

// The surface of a problem of two parameters, by the painter's algorithm: faces from the farthest to the nearest.

const surface = (() => {
  let [around, tilt] = [0.7, 0.95]; // in radians
  let scene; // what was drawn last: {race, land, tracks: [{m, points}]}

  function draw(host, newScene) {
    scene = newScene;
    if (!find("canvas.surface", host)) addCanvas(host);
    paint(find("canvas.surface", host));
  }

  function addCanvas(host) {
    const words = `The surface of ${scene.race.problem}; the arrow keys turn it`;
    fill(host, tag("canvas", { class: "surface", tabindex: 0, role: "img", "aria-label": words }));
    const canvas = find("canvas", host);
    const turn = (byAround, byTilt) => {
      around += byAround;
      tilt = Math.min(1.5, Math.max(0.15, tilt + byTilt));
      paint(canvas);
    };
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      let [x, y] = [event.clientX, event.clientY];
      canvas.onpointermove = (move) => {
        turn((move.clientX - x) / 150, (y - move.clientY) / 200);
        [x, y] = [move.clientX, move.clientY];
      };
    };
    canvas.onpointerup = () => {
      canvas.onpointermove = null;
    };
    canvas.onkeydown = (event) => {
      const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.07], ArrowDown: [0, -0.07] }[event.key];
      if (!by) return;
      event.preventDefault();
      turn(...by);
    };
  }

  function paint(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const width = widthOf(canvas) * ratio;
    [canvas.width, canvas.height] = [width, 0.82 * width];
    const context = canvas.getContext("2d");
    const project = projection(width, 0.82 * width);
    const [dark, bright] = [rgb("--high"), rgb("--low")];
    for (const face of faces(project)) paintFace(context, face, dark, bright);
    for (const { m, points } of scene.tracks) paintTrack(context, m, points, project, ratio);
  }

  /** From the cube -1 to 1 to [x, y, depth], in pixels of the canvas; depth is without a unit. */
  function projection(width, height) {
    const [c, s, ct, st] = [Math.cos(around), Math.sin(around), Math.cos(tilt), Math.sin(tilt)];
    return (u, v, z) => {
      const [x, y] = [u * c - v * s, u * s + v * c];
      return [width / 2 + x * width * 0.345, height * 0.56 - (y * st + z * ct) * height * 0.4, y * ct - z * st];
    };
  }

  /** The height of a loss; what is no number is as high as anything. */
  const lift = (loss) => 0.9 * Math.min(1.25, scene.land.share(Number.isFinite(loss) ? loss : Infinity)) - 0.45;

  /** The cells of the grid as {corners, depth, share, slope}, the farthest first. */
  function faces(project) {
    const { columns, rows, values, share } = scene.land;
    const lossAt = (i, j) => values[j * columns + i];
    const corner = (i, j) => project((2 * i) / (columns - 1) - 1, (2 * j) / (rows - 1) - 1, lift(lossAt(i, j)));
    const all = [];
    for (let j = 0; j + 1 < rows; j++) {
      for (let i = 0; i + 1 < columns; i++) {
        const corners = [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)];
        const slope = lift(lossAt(i + 1, j)) - lift(lossAt(i, j));
        all.push({ corners, depth: corners[0][2] + corners[2][2], share: share(lossAt(i, j)), slope });
      }
    }
    return all.sort((a, b) => b.depth - a.depth);
  }

  /** Brighter where the surface rises to the right, as if light came from the left. */
  function paintFace(context, { corners, share, slope }, dark, bright) {
    const tone = mixed(dark, bright, Math.min(1, 0.1 + 0.85 * share));
    const lit = tone.map((value) => Math.max(0, Math.min(255, value + 260 * slope)));
    context.fillStyle = context.strokeStyle = `rgb(${lit})`;
    context.beginPath();
    for (const [x, y] of corners) context.lineTo(x, y);
    context.closePath();
    context.fill();
    context.stroke(); // closes the seams between faces
  }

  function paintTrack(context, m, points, project, ratio) {
    const { xlim, ylim } = scene.race;
    const ink = resolved(`--c${m % 8}`);
    const unit = (value, [low, high]) => (2 * (value - low)) / (high - low) - 1;
    let last = null;
    context.beginPath();
    for (const [x, y, loss] of points) {
      const [u, v] = [unit(x, xlim), unit(y, ylim)];
      const isInside = Math.abs(u) <= 1 && Math.abs(v) <= 1;
      const at = isInside ? project(u, v, lift(loss) + 0.012) : null;
      if (at && last) context.lineTo(at[0], at[1]);
      else if (at) context.moveTo(at[0], at[1]);
      last = at;
    }
    context.strokeStyle = ink;
    context.lineWidth = 2.4 * ratio;
    context.lineJoin = "round";
    context.stroke();
    if (!last) return;
    context.beginPath();
    context.arc(last[0], last[1], 5 * ratio, 0, 2 * Math.PI);
    context.fillStyle = ink;
    context.fill();
  }

  return { draw };
})();
