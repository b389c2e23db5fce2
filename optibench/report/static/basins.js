"use strict";

// Basins: where a method ends from many starts all over the map.

const basins = (() => {
  const SIDE = 100; // starts along each side
  const STEPS = 400; // of each, at most
  const SLICE = 30; // milliseconds of work, after which the page may answer

  /** Paints them on the canvas of the relief; `tell` takes a sentence on how far it is. Another map ends it. */
  function draw(canvas, race, entry, name, factor, tell) {
    const steps = Math.min(race.steps, STEPS);
    const losses = [];
    const at = ([low, high], i) => low + ((high - low) * i) / (SIDE - 1);
    const work = () => {
      if (!canvas.isConnected || !canvas.dataset.basins) return;
      const end = performance.now() + SLICE;
      while (losses.length < SIDE * SIDE && performance.now() < end) {
        const y = at(race.ylim, losses.length / SIDE);
        for (let column = 0; column < SIDE; column++) {
          const path = paths.follow(race, entry, [at(race.xlim, column), y], factor, steps);
          losses.push(path.at(-1)[2]);
        }
      }
      if (losses.length < SIDE * SIDE) {
        tell(`${percent(losses.length / SIDE ** 2)} of 10,000 starts`);
        requestAnimationFrame(work);
        return;
      }
      tell(`Dark: where ${name} ends low after ${steps} steps, from 10,000 starts.`);
      relief.paint(canvas, relief.of(losses, SIDE, SIDE), canvas.clientWidth, canvas.clientHeight);
      canvas.dataset.done = "true";
    };
    canvas.dataset.basins = "true";
    work();
  }

  return { draw };
})();
