"use strict";

// Values read out of a panel, by mouse, touch and arrow keys.

const readout = (() => {
  const box = document.createElement("div");
  box.className = "tip";
  box.setAttribute("role", "status");
  const edge = (start, size, room) => `${Math.max(4, Math.min(room - size - 8, start))}px`;

  /** Makes the panel in `host` say its values: `words` before x; `format`: a value of y as a text. */
  function attach(host, panel, series, words, format = number) {
    const svg = host.querySelector("svg");
    const cursor = svg.querySelector(".cursor");
    const { x } = panel;
    const { left, right, top, bottom, width, height } = panel.box;
    let pixel = null; // of the cursor
    const show = (to, clientX, clientY) => {
      pixel = Math.min(width - right, Math.max(left, to));
      const value = x.invert(pixel);
      cursor.setAttribute("d", px`M${pixel} ${top}V${height - bottom}`);
      fill(box, tag("b", {}, `${words} ${number(value)}`), table({}, null, rows(series, value, format)));
      box.style.display = "block";
      box.style.left = edge(clientX + 16, box.offsetWidth, innerWidth);
      box.style.top = edge(clientY + 12, box.offsetHeight, innerHeight);
    };
    const hide = () => {
      box.style.display = "none";
      cursor.setAttribute("d", "");
    };
    svg.onpointermove = (event) => {
      const bounds = svg.getBoundingClientRect();
      show(((event.clientX - bounds.left) * width) / bounds.width, event.clientX, event.clientY);
    };
    svg.onpointerleave = hide;
    svg.onblur = hide;
    svg.onkeydown = (event) => {
      if (event.key === "Escape") hide();
      const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!direction) return;
      event.preventDefault();
      const bounds = svg.getBoundingClientRect();
      show((pixel ?? left) + direction * (event.shiftKey ? 30 : 8), bounds.left + (pixel ?? 0), bounds.top + 30);
    };
  }

  /** A row for every line that has a value at x, the lowest first. */
  function rows(series, x, format) {
    const known = series.map((line) => [line, valueAt(line, x)]).filter(([, value]) => value !== null);
    return d3
      .sort(known, ([, value]) => value)
      .map(([line, value]) =>
        tag(
          "tr",
          {},
          tag("td", {}, swatch(line.index)),
          tag("td", {}, clip(line.name, 30), line.n > 0 && ` (n = ${line.n})`),
          tag("td", { class: "n" }, format(value)),
        ),
      );
  }

  /** The last value of a line at or before x; Infinity where a cross follows it, null before the first. */
  function valueAt(line, x) {
    const isKnown = (at, i) => Number.isFinite(at) && Number.isFinite(line.y[i]);
    const last = line.x.findLastIndex((at, i) => isKnown(at, i) && at <= x * (1 + 1e-9));
    const crossed = d3.max((line.crosses ?? []).filter((at) => at <= x));
    if (crossed !== undefined && (last < 0 || crossed > line.x[last])) return Infinity;
    return last < 0 ? null : line.y[last];
  }

  return { attach, box };
})();
