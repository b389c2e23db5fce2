/* Charts as texts of SVG: pure functions of what they draw. Scales, ticks, lines and contours are d3's. */

const charts = (() => {
  const DASHES = ["", "7 3", "2 2.5", "8 3 2 3", "12 3", "4 2", "1 3", "9 2 2 2 2 2"];
  const PADDING = 0.05; // as optibench/report/scales.py
  const ROOM = Math.log10(2);
  const LARGEST = 8e307;

  // Text

  const safe = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const superscript = (power) => [...String(power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
  const clip = (text, most) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text);
  const listing = (names) =>
    names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  const percent = (share) => `${Math.round(100 * share)} %`;

  /** Three significant digits, as the tables have them. */
  function number(value, digits = 3) {
    if (value === null || value === undefined || Number.isNaN(value)) return "";
    if (!Number.isFinite(value)) return value > 0 ? "unfinished" : "−∞";
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(digits)))));
    const short =
      power < -4 || power >= digits + 2
        ? Number(value.toPrecision(digits)).toExponential()
        : String(Number(value.toPrecision(digits)));
    return short.replace("e+", "e").replaceAll("-", "−");
  }

  // Colours: an index has the same colour and dash in every figure, and in the pictures

  const colour = (index) => `var(--c${index % 8})`;
  const dash = (index) => DASHES[(index + Math.floor(index / 8)) % 8];
  const swatch = (index) =>
    `<svg class="swatch" viewBox="0 0 18 8" aria-hidden="true"><path d="M0 4H18" stroke="${colour(index)}"` +
    ` stroke-width="3.5" stroke-dasharray="${dash(index)}"/></svg>`;
  const resolved = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  /** The colour of a share, from strong (0) to faint (1), and black or white, whichever can be read on it. */
  const shade = (share) => d3.interpolateRgb(resolved("--low"), resolved("--high"))((1 - share) ** 1.7);
  const onShade = (share) => readableOn(shade(share));
  function readableOn(background) {
    const linear = (c) => (c <= 10.31475 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4); // WCAG 2.2, relative luminance
    const { r, g, b } = d3.rgb(background);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.179 ? "#000" : "#fff";
  }

  // Axes

  const forward = { linear: (v) => v, log: Math.log10, logit: (v) => Math.log10(v / (1 - v)) };
  const backward = {
    linear: (u) => u,
    log: (u) => 10 ** Math.min(308, Math.max(-323, u)),
    logit: (u) => 1 / (1 + 10 ** -u),
  };
  const inside = { linear: Number.isFinite, log: (v) => v > 0, logit: (v) => v > 0 && v < 1 };

  /** The limits of an axis over all numbers that are drawn along it, and what its ends say: see scales.py. */
  function limits(arrays, scale) {
    let low = Infinity;
    let high = -Infinity;
    let [zero, negative, one, more] = [false, false, false, false];
    for (const values of arrays) {
      for (const raw of values) {
        if (raw === null || !Number.isFinite(raw)) continue;
        const value = Math.min(LARGEST, Math.max(-LARGEST, raw));
        if (value <= 0) [zero, negative] = [true, negative || value < 0];
        if (value >= 1) [one, more] = [true, more || value > 1];
        if (!inside[scale](value)) continue;
        const unit = forward[scale](value);
        if (unit < low) low = unit;
        if (unit > high) high = unit;
      }
    }
    if (low > high) low = high = forward[scale]({ linear: 0, log: 1, logit: 0.5 }[scale]);
    const below = scale === "linear" || !zero ? "" : negative ? "≤ 0" : "0";
    const above = scale !== "logit" || !one ? "" : more ? "≥ 1" : "1";
    let pad = PADDING * (high - low);
    if (pad <= 1e-12 * Math.max(Math.abs(low), Math.abs(high)))
      pad = scale === "linear" ? Math.abs(low) / 2 || 0.5 : ROOM;
    const ends = [low - (below ? Math.max(pad, ROOM) : pad), high + (above ? Math.max(pad, ROOM) : pad)];
    return { limits: ends.map(backward[scale]), ends: [below, above] };
  }

  /** Pixels of a value: numbers that a scale has no place for lie on the axis. `invert` goes back. */
  function axis(scale, limits, pixels, ends = ["", ""]) {
    const units = d3.scaleLinear(limits.map(forward[scale]), pixels);
    const at = (value) => units(forward[scale](placed(value)));
    const placed = (value) => {
      if (scale === "linear") return value;
      if (value <= 0) return limits[0];
      return scale === "logit" && value >= 1 ? limits[1] : value;
    };
    at.invert = (pixel) => backward[scale](units.invert(pixel));
    at.limits = limits;
    at.ticks = (most) => {
      const said = ends.flatMap((text, end) => (text ? [[limits[end], text]] : []));
      const near = (a, b) => Math.abs(at(a) - at(b)) < 14;
      const free = tickValues(scale, limits, most).filter((value) => said.every(([end]) => !near(value, end)));
      return [...said, ...free.map((value, i) => [value, tickText(scale, value, free, i)])];
    };
    return at;
  }

  function tickValues(scale, [a, b], most) {
    const [low, high] = a < b ? [a, b] : [b, a];
    if (scale === "logit")
      return [1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999].filter((v) => low <= v && v <= high);
    if (scale === "linear") return d3.ticks(low, high, most);
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const last = Math.floor(Math.log10(high) + 1e-9);
    const stride = Math.max(1, Math.ceil((last - first + 1) / most));
    const powers = d3.range(Math.ceil(first / stride) * stride, last + 1, stride).map((power) => 10 ** power);
    if (powers.length > 1) return powers;
    const finer = d3.range(first - 1, last + 1).flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
    const within = finer.filter((value) => low <= value && value <= high);
    return within.length > 1 ? within : d3.ticks(low, high, 3);
  }

  function tickText(scale, value, all) {
    const power = Math.round(Math.log10(Math.abs(value)));
    const whole = scale === "log" && all.every((v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9);
    if (whole && all.some((v) => v > 1e4 || v < 1e-3))
      return power === 0 ? "1" : power === 1 ? "10" : `10${superscript(power)}`;
    return number(Math.abs(value) < 1e-14 * Math.max(...all.map(Math.abs)) ? 0 : value, 6);
  }

  /** Grid, ticks and labels of a rectangle with two axes. */
  function frame(x, y, box, labels) {
    const { left, right, top, bottom, width, height } = box;
    const [x1, y1] = [width - right, height - bottom];
    let svg = "";
    for (const [value, text] of y.ticks(5)) {
      const at = y(value).toFixed(1);
      svg += `<path class="grid-line" d="M${left} ${at}H${x1}"/>`;
      svg += `<text x="${left - 5}" y="${at}" dy="3.8" text-anchor="end">${safe(text)}</text>`;
    }
    let before = -Infinity;
    for (const [value, text] of x.ticks(Math.max(2, Math.round((x1 - left) / 62))).sort((a, b) => x(a[0]) - x(b[0]))) {
      const at = x(value);
      svg += `<path class="grid-line" d="M${at.toFixed(1)} ${top}V${y1}"/>`;
      const half = 3.4 * text.length;
      if (at - half < before + 4) continue;
      before = at + half;
      svg += `<text x="${at.toFixed(1)}" y="${y1 + 14}" text-anchor="middle">${safe(text)}</text>`;
    }
    svg += `<path class="axis" d="M${left} ${y1}H${x1}"/>`;
    svg += `<text x="${(left + x1) / 2}" y="${height - 4}" text-anchor="middle">${safe(labels.x ?? "")}</text>`;
    return svg;
  }

  // Labels at the ends of lines

  /** Labels {y} of this height pushed apart between low and high, in place. */
  function spread(labels, gap, low, high) {
    labels.sort((a, b) => a.y - b.y);
    labels.forEach((label, i) => {
      label.y = Math.max(low, label.y, i ? labels[i - 1].y + gap : low);
    });
    for (let i = labels.length - 1; i >= 0; i--)
      labels[i].y = Math.min(labels[i].y, high - (labels.length - 1 - i) * gap);
    return labels;
  }

  /** Names beside the ends of lines, with leaders; lines that end in one point share a label. Too many are left out. */
  function endLabels(ends, box) {
    const room = Math.floor((box.right - 12) / 6.4);
    const joined = d3.groups(ends, (end) => `${end.x} ${end.y}`).map(([, same]) => ({ ...same[0], all: same }));
    const low = box.top + 4;
    const high = box.height - box.bottom;
    const most = Math.floor((high - low) / 12) + 1;
    const kept = joined.length > most ? [] : joined;
    const labels = spread(
      kept.map((end) => ({ ...end, from: end.y })),
      12,
      low,
      high,
    );
    return labels
      .map(({ x, y, from, all, colour: c }) => {
        const names = all.map((one) => one.name);
        const more = names.length > 1 ? ` +${names.length - 1}` : "";
        const shown = clip(names[0], Math.max(3, room - more.length)) + more;
        const at = box.width - box.right;
        return (
          `<g data-m="${all.map((one) => one.m).join(" ")}"><title>${safe(names.join(", "))}</title>` +
          `<path d="M${(x + 2).toFixed(1)} ${from.toFixed(1)}L${at + 6} ${y.toFixed(1)}" fill="none" stroke="${c}" opacity="0.6"/>` +
          `<text class="label" x="${at + 8}" y="${y.toFixed(1)}" dy="3.8">${safe(shown)}</text></g>`
        );
      })
      .join("");
  }

  // A panel of lines

  const LANE = 20; // above the panel, for what is infinite

  /** One panel. `series`: [{m, name, colour, dash, x, y, low, high, runs, crosses, big, ring}], x and y of one length;
      `options`: width, height, xScale, yScale, xLabel, label, step, dots, lines, band, runs, xLimits, yLimits, references.
      Returns the SVG, and the axes for whoever reads values out of it. */
  function panel(series, options) {
    const { width, xScale = "linear", yScale = "linear", xLimits, yLimits } = options;
    const crossed = series.some((one) => one.crosses?.length);
    const box = {
      left: 46,
      right: options.named === false ? 12 : Math.min(options.room ?? 92, width * 0.3),
      top: crossed ? 8 + LANE : 8,
      bottom: 34,
      width,
      height: options.height ?? 230,
    };
    const drawnX = series.flatMap((one) => [one.x, ...(options.runs ? (one.runs ?? []).map((run) => run.x) : [])]);
    const drawnY = series.flatMap((one) => [
      one.y,
      ...(options.band !== false ? [one.low ?? [], one.high ?? []] : []),
      ...(options.runs ? (one.runs ?? []).map((run) => run.y) : []),
    ]);
    const xs = xLimits ?? limits(drawnX, xScale);
    const ys = yLimits ?? limits(drawnY, yScale);
    const x = axis(xScale, xs.limits, [box.left, width - box.right], xs.ends);
    const y = axis(yScale, ys.limits, [box.height - box.bottom, box.top], ys.ends);
    let svg = frame(x, y, box, { x: options.xLabel });
    for (const value of options.references ?? []) {
      if (value < ys.limits[0] || value > ys.limits[1]) continue;
      svg += `<path class="reference" d="M${box.left} ${y(value).toFixed(1)}H${width - box.right}"/>`;
    }
    if (crossed) {
      svg += `<path class="grid-line" d="M${box.left} ${box.top - 5}H${width - box.right}"/>`;
      svg += `<text x="${box.left - 5}" y="${box.top - 12}" text-anchor="end">∞</text>`;
    }
    series.forEach((one, place) => {
      svg += `<g data-m="${one.m}">${drawn(one, place, series.length, x, y, box, options)}</g>`;
    });
    if (options.named !== false)
      svg += endLabels(
        series.flatMap((one) => lastPoint(one, x, y)),
        box,
      );
    svg += `<path class="cursor" d=""/>`;
    const head = `<svg class="chart" viewBox="0 0 ${width} ${box.height}" role="img" tabindex="0"`;
    return { svg: `${head} aria-label="${safe(options.label ?? "")}">${svg}</svg>`, x, y, box };
  }

  const there = (value) => value !== null && value !== undefined && Number.isFinite(value);

  function drawn(one, place, count, x, y, box, options) {
    const points = one.x.map((value, i) => [value, one.y[i], i]).filter((point) => there(point[0]));
    const curve = options.step ? d3.curveStepAfter : d3.curveLinear;
    const line = d3
      .line(
        (p) => x(p[0]),
        (p) => y(p[1]),
      )
      .defined((p) => there(p[1]))
      .curve(curve)
      .digits(1);
    let svg = "";
    if (one.low && options.band !== false) {
      const area = d3
        .area(
          (p) => x(p[0]),
          (p) => y(one.low[p[2]]),
          (p) => y(there(one.high[p[2]]) ? one.high[p[2]] : p[1]),
        )
        .defined((p) => there(p[1]) && there(one.low[p[2]]))
        .curve(curve)
        .digits(1);
      svg += `<path d="${area(points) ?? ""}" fill="${one.colour}" opacity="0.12"/>`;
    }
    if (options.runs && one.runs) {
      const paths = one.runs.map(
        (run) => line(run.x.map((value, i) => [value, run.y[i]]).filter((p) => there(p[0]))) ?? "",
      );
      svg += `<path d="${paths.join("")}" fill="none" stroke="${one.colour}" stroke-width="0.7" opacity="0.45"/>`;
    }
    if (options.lines !== false) {
      svg += `<path d="${line(points) ?? ""}" fill="none" stroke="${one.colour}" stroke-width="2"`;
      svg += ` stroke-dasharray="${one.dash}" stroke-linejoin="round"/>`;
    }
    const dots = options.dots || options.lines === false || points.length < 2;
    for (const [value, height, i] of points) {
      if (!there(height)) continue;
      const at = `cx="${x(value).toFixed(1)}" cy="${y(height).toFixed(1)}"`;
      if (dots) svg += `<circle ${at} r="2.2" fill="${one.colour}"/>`;
      if (one.big === i) svg += `<circle ${at} r="4.5" fill="${one.colour}" stroke="var(--card)" stroke-width="1.5"/>`;
      if (one.ring === i) svg += `<circle ${at} r="6.5" fill="none" stroke="${one.colour}" stroke-width="1.5"/>`;
    }
    const lane = box.top - 8 - (count > 1 ? ((LANE - 8) * place) / (count - 1) : 6);
    for (const value of one.crosses ?? []) svg += cross(x(value), lane, one.colour);
    return svg;
  }

  const cross = (x, y, colour) =>
    `<path d="M${(x - 3).toFixed(1)} ${(y - 3).toFixed(1)}l6 6m0 -6l-6 6" fill="none" stroke="${colour}" stroke-width="1.5"/>`;

  function lastPoint(one, x, y) {
    for (let i = one.x.length - 1; i >= 0; i--) {
      if (there(one.x[i]) && there(one.y[i])) {
        const place = { x: Number(x(one.x[i]).toFixed(1)), y: Number(y(one.y[i]).toFixed(1)) };
        return [{ ...place, name: one.name, m: one.m, colour: one.colour }];
      }
    }
    return [];
  }

  // Ranks

  /** A dot with its interval on an axis from 1 to k. */
  function intervalDot(value, low, high, k, index) {
    const x = d3.scaleLinear([1, Math.max(k, 2)], [6, 154]);
    const words = `${value.toFixed(2)}, 95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}`;
    return (
      `<svg class="chart" style="width:160px" viewBox="0 0 160 20" role="img" aria-label="mean rank ${words}"><title>${words}</title>` +
      `<path d="M6 10H154" stroke="var(--line)"/>` +
      `<path d="M${x(low)} 10H${x(high)}" stroke="${colour(index)}" stroke-width="5" opacity="0.35" stroke-linecap="round"/>` +
      `<circle cx="${x(value)}" cy="10" r="5" fill="${colour(index)}"/></svg>`
    );
  }

  /** Mean ranks on an axis, names at their ends, and a bar over every significance group, with a dot at its members.
      `methods`: [{m, name, mean}] by mean; `groups`: sets of their places; `critical`: Nemenyi's difference or null. */
  function criticalDifference(methods, groups, critical, width) {
    const k = methods.length;
    const narrow = width < 420;
    const half = narrow ? 0 : Math.ceil(k / 2);
    const [left, right] = narrow ? [14, 132] : [128, 128];
    const top = critical === null ? 26 : 46;
    const x = d3.scaleLinear([1, Math.max(k, 2)], [left, width - right]);
    let svg = `<path class="axis" d="M${x(1)} ${top}H${x(Math.max(k, 2))}"/>`;
    const step = Math.ceil(k / Math.max(2, (width - left - right) / 22));
    for (let rank = 1; rank <= k; rank += step) {
      svg += `<path class="axis" d="M${x(rank)} ${top}v-5"/><text x="${x(rank)}" y="${top - 9}" text-anchor="middle">${rank}</text>`;
    }
    if (critical !== null && k > 1) {
      const end = x(1 + Math.min(critical, k - 1));
      svg += `<path d="M${x(1)} 14H${end}M${x(1)} 10v8M${end} 10v8" fill="none" stroke="var(--ink)" stroke-width="2"/>`;
      const words = `Nemenyi ${critical.toFixed(2)}${critical > k - 1 ? " (beyond the axis)" : ""}`;
      const after = end + 6 + 6.4 * words.length < width;
      svg += `<text x="${after ? end + 6 : end - 6}" y="${after ? 18 : 8}" text-anchor="${after ? "start" : "end"}">${words}</text>`;
    }
    const bars = groups.filter((group) => group.length > 1);
    bars.forEach((group, row) => {
      const y = top + 10 + 7 * row;
      const ends = d3.extent(group, (place) => x(methods[place].mean));
      svg += `<path d="M${ends[0]} ${y}H${ends[1]}" stroke="var(--ink)" stroke-width="2.5" opacity="0.7" stroke-linecap="round"/>`;
      for (const place of group) svg += `<circle cx="${x(methods[place].mean)}" cy="${y}" r="3" fill="var(--ink)"/>`;
    });
    const below = top + 16 + 7 * bars.length;
    methods.forEach(({ m, name, mean }, place) => {
      const onLeft = place < half;
      const row = onLeft ? place : k - 1 - place;
      const y = below + 10 + 20 * row;
      const end = onLeft ? left - 10 : width - right + 10;
      svg +=
        `<g data-m="${m}"><title>${safe(name)}: ${mean.toFixed(2)}</title>` +
        `<path d="M${x(mean)} ${top}V${y}H${end}" fill="none" stroke="${colour(m)}" stroke-width="1.8" stroke-dasharray="${dash(m)}"/>` +
        `<circle cx="${x(mean)}" cy="${top}" r="4.5" fill="${colour(m)}" stroke="var(--card)"/>` +
        `<text class="label" x="${onLeft ? end - 6 : end + 6}" y="${y}" dy="4" text-anchor="${onLeft ? "end" : "start"}">` +
        `${safe(clip(name, 12))} ${mean.toFixed(2)}</text></g>`;
    });
    const height = below + 24 + 20 * (narrow ? k : half);
    return `<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Mean ranks and significance groups">${svg}</svg>`;
  }

  // The map of a problem of two parameters

  /** Losses on a grid, rows from the lowest y: {values, columns, rows, share (0 to 1, logarithmic), levels}. */
  function relief(values, columns, rows) {
    const known = values.filter(Number.isFinite);
    const low = d3.min(known);
    const high = d3.max(known);
    const span = high - low || 1;
    const share = (value) => Math.min(1, Math.log1p((300 * (value - low)) / span) / Math.log(301));
    const levels = d3.range(13).map((k) => low + (span * Math.expm1(((k + 0.6) / 13.5) * Math.log(301))) / 300);
    return { values, columns, rows, share, levels };
  }

  /** Contours as one path each, in pixels of a map of this size. */
  function contours(land, width, height) {
    const highest = d3.max(land.values.filter(Number.isFinite));
    const values = land.values.map((value) => (Number.isFinite(value) ? value : highest));
    const project = d3.geoTransform({
      point(column, row) {
        const [x, y] = [(column - 0.5) / (land.columns - 1), (row - 0.5) / (land.rows - 1)];
        this.stream.point(x * width, height - y * height);
      },
    });
    const path = d3.geoPath(project).digits(1);
    const lines = d3.contours().size([land.columns, land.rows]);
    return land.levels.map((level) => path(lines.contour(values, level)));
  }

  const rgb = (name) => {
    const { r, g, b } = d3.rgb(resolved(name));
    return [r, g, b];
  };
  const mixed = (a, b, t) => a.map((value, i) => Math.round(value + (b[i] - value) * t));

  function paint(canvas, land, width, height) {
    const [dark, bright] = [rgb("--high"), rgb("--low")];
    const small = document.createElement("canvas");
    [small.width, small.height] = [land.columns, land.rows];
    const context = small.getContext("2d");
    const image = context.createImageData(land.columns, land.rows);
    for (let row = 0; row < land.rows; row++) {
      for (let column = 0; column < land.columns; column++) {
        const share = land.share(land.values[row * land.columns + column]);
        const [r, g, b] = mixed(dark, bright, Math.min(1, 0.12 + 0.95 * (Number.isFinite(share) ? share : 1)));
        image.data.set([r, g, b, 150], 4 * ((land.rows - 1 - row) * land.columns + column));
      }
    }
    context.putImageData(image, 0, 0);
    const ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    const target = canvas.getContext("2d");
    target.imageSmoothingQuality = "high";
    target.drawImage(small, 0, 0, canvas.width, canvas.height);
  }

  // Values read out of a chart, by mouse, touch and arrow keys

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");

  function readable(host, made, series, words, format = number) {
    const svg = host.querySelector("svg");
    const cursor = svg.querySelector(".cursor");
    const { box, x } = made;
    let at = null;
    const show = (pixel, left, top) => {
      at = Math.min(box.width - box.right, Math.max(box.left, pixel));
      const value = x.invert(at);
      const rows = series
        .map((one) => [one, valueAt(one, value)])
        .filter((row) => row[1] !== null)
        .sort((a, b) => a[1] - b[1]);
      cursor.setAttribute("d", `M${at.toFixed(1)} ${box.top}V${box.height - box.bottom}`);
      const lines = rows.map(([one, y]) => {
        const n = one.n ? ` (n = ${one.n})` : "";
        return `<tr><td>${swatch(one.index)}</td><td>${safe(clip(one.name, 30))}${n}</td><td class="n">${format(y)}</td></tr>`;
      });
      tip.innerHTML = `<b>${safe(words)} ${number(value)}</b><table>${lines.join("")}</table>`;
      tip.style.display = "block";
      tip.style.left = `${Math.max(4, Math.min(innerWidth - tip.offsetWidth - 8, left + 16))}px`;
      tip.style.top = `${Math.max(4, Math.min(innerHeight - tip.offsetHeight - 8, top + 12))}px`;
    };
    const hide = () => {
      tip.style.display = "none";
      cursor.setAttribute("d", "");
    };
    svg.onpointermove = (event) => {
      const bounds = svg.getBoundingClientRect();
      show(((event.clientX - bounds.left) * box.width) / bounds.width, event.clientX, event.clientY);
    };
    svg.onpointerleave = hide;
    svg.onblur = hide;
    svg.onkeydown = (event) => {
      if (event.key === "Escape") hide();
      const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!direction) return;
      event.preventDefault();
      const bounds = svg.getBoundingClientRect();
      show((at ?? box.left) + direction * (event.shiftKey ? 30 : 8), bounds.left + (at ?? 0), bounds.top + 30);
    };
  }

  /** The last value of a series at or before x; Infinity where a cross follows it, null before the first. */
  function valueAt(one, x) {
    let value = null;
    one.x.forEach((at, i) => {
      if (there(at) && at <= x * (1 + 1e-9) && there(one.y[i])) value = one.y[i];
    });
    const crossed = (one.crosses ?? []).filter((at) => at <= x);
    const last = d3.max(one.x.filter((at, i) => there(at) && at <= x && there(one.y[i])));
    return crossed.length && (last === undefined || d3.max(crossed) > last) ? Infinity : value;
  }

  return {
    axis,
    clip,
    colour,
    contours,
    criticalDifference,
    cross,
    dash,
    safe,
    frame,
    intervalDot,
    limits,
    listing,
    mixed,
    number,
    onShade,
    paint,
    panel,
    percent,
    readable,
    relief,
    resolved,
    rgb,
    shade,
    spread,
    swatch,
    tip,
  };
})();
