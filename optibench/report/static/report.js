"use strict";

// The report page: what is drawn again when the field changes, and the bar of methods above.

/** The sections that depend on the field, those that the page has; those that have controls connect them. */
const isThere = ({ id }) => !id || document.getElementById(id) !== null;
const SECTIONS = [leaderboard, scores, ranking, profiles, figures, races].filter(isThere);

function update() {
  field = compute(d3.range(methods.length).filter((m) => !state.hidden.has(m)));
  drawBar();
  for (const section of SECTIONS) section.draw();
  writeAddress();
}

function drawBar() {
  all("#chips .chip").forEach((chip, m) => {
    chip.setAttribute("aria-pressed", !state.hidden.has(m));
  });
  const shown = `${field.shown.length} of ${methods.length} methods`;
  const status = find("#field");
  status.textContent = field.all ? "" : `${shown}: ranks, tests and profiles are computed again`;
  status.classList.toggle("part", !field.all);
}

/** A click hides a method or shows it again; with shift it is shown alone, and then all are. */
function connectChips() {
  const chips = methods.map(({ name }, m) =>
    tag("button", { type: "button", class: "chip", "data-m": m, title: name }, swatch(m), tag("span", {}, name)),
  );
  fill(find("#chips"), chips);
  find("#chips").onclick = (event) => {
    const chip = event.target.closest(".chip");
    if (!chip) return;
    const m = Number(chip.dataset.m);
    if (event.shiftKey || event.altKey) {
      const isAlone = state.hidden.size === methods.length - 1 && !state.hidden.has(m);
      state.hidden = new Set(isAlone ? [] : d3.range(methods.length).filter((other) => other !== m));
    } else if (!state.hidden.delete(m)) {
      state.hidden.add(m);
    }
    update();
  };
}

/** All is drawn again, because a canvas and the shades of cells know no CSS variables. */
function connectTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  find("#theme").onclick = () => {
    const { dataset } = document.documentElement;
    const isDark = dataset.theme ? dataset.theme === "dark" : system.matches;
    dataset.theme = isDark ? "light" : "dark";
    update();
  };
  system.addEventListener("change", update);
}

/** Fades all other methods in every figure while one is under the mouse or has the focus: by a style sheet, because
    charts are drawn again and again. */
function connectHighlight() {
  const style = document.head.appendChild(document.createElement("style"));
  const highlight = ({ target }) => {
    const m = target.closest?.("[data-m]")?.dataset.m?.split(" ")[0];
    const faded = m === undefined ? "" : `:is(g, tr)[data-m]:not([data-m~="${m}"]) { opacity: 0.15; }`;
    if (style.textContent !== faded) style.textContent = faded;
  };
  document.addEventListener("pointerover", highlight);
  document.addEventListener("focusin", highlight);
}

/** Charts have the width of their card. */
function connectResize() {
  let timer = 0;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      for (const section of SECTIONS) if (section !== leaderboard && section !== scores) section.draw();
    }, 150);
  });
}

function start() {
  document.body.append(readout.box);
  readAddress(leaderboard.keys, profiles.kinds);
  connectChips();
  connectTheme();
  connectHighlight();
  connectResize();
  if (isThere(robustness)) robustness.draw();
  for (const section of SECTIONS) section.connect?.();
  update();
  window.ready = performance.now();
}
