"use strict";

// Charts of ranks: a dot with its interval, and mean ranks with their significance groups (Demšar 2006).

/** A mean rank and its interval on an axis from 1 to k. */
function intervalDot(value, low, high, k, index) {
  const x = d3.scaleLinear([1, Math.max(k, 2)], [6, 154]);
  const words = `${value.toFixed(2)}, 95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}`;
  const interval = px`M${x(low)} 10H${x(high)}`;
  const parts = [
    tag("title", {}, words),
    tag("path", { d: "M6 10H154", stroke: "var(--line)" }),
    stroke(interval, colour(index), 5, { opacity: 0.35, "stroke-linecap": "round" }),
    dot(x(value), 10, 5, colour(index)),
  ];
  return chart(160, 20, `mean rank ${words}`, parts, { style: "width:160px" });
}

/** Mean ranks on an axis, names at their ends, and a bar over every significance group, with a dot at its members.
    `methods`: [{m, name, mean}] by mean; `groups`: sets of their places; `critical`: Nemenyi's difference or null. */
function criticalDifference(methods, groups, critical, width) {
  const k = methods.length;
  const narrow = width < 420; // then all names are on the right
  const onLeft = narrow ? 0 : Math.ceil(k / 2);
  const [left, right] = narrow ? [14, 132] : [128, 128];
  const top = critical === null ? 26 : 46;
  const x = d3.scaleLinear([1, Math.max(k, 2)], [left, width - right]);
  const bars = groups.filter((group) => group.length > 1);
  const below = top + 16 + 7 * bars.length;
  const names = methods.map(({ m, name, mean }, place) => {
    const isLeft = place < onLeft;
    const y = below + 10 + 20 * (isLeft ? place : k - 1 - place);
    const end = isLeft ? left - 10 : width - right + 10;
    const text = `${clip(name, 12)} ${mean.toFixed(2)}`;
    return tag(
      "g",
      { "data-m": m },
      tag("title", {}, `${name}: ${mean.toFixed(2)}`),
      stroke(px`M${x(mean)} ${top}V${y}H${end}`, colour(m), 1.8, { "stroke-dasharray": dash(m) }),
      dot(x(mean), top, 4.5, colour(m), { stroke: "var(--card)" }),
      label(isLeft ? end - 6 : end + 6, y, isLeft ? "end" : "start", text, { class: "label", dy: 4 }),
    );
  });
  const parts = [
    rankAxis(k, x, top, (width - left - right) / 22),
    critical !== null && k > 1 && nemenyiBar(k, x, critical, width),
    bars.map((group, row) =>
      groupBar(
        group.map((place) => x(methods[place].mean)),
        top + 10 + 7 * row,
      ),
    ),
    names,
  ];
  const height = below + 24 + 20 * (narrow ? k : onLeft);
  return chart(width, height, "Mean ranks and significance groups", parts);
}

/** The axis, with about so many ticks at most. */
function rankAxis(k, x, y, most) {
  const ticks = d3
    .range(1, k + 1, Math.ceil(k / Math.max(2, most)))
    .map((rank) => [tag("path", { class: "axis", d: px`M${x(rank)} ${y}v-5` }), label(x(rank), y - 9, "middle", rank)]);
  return [tag("path", { class: "axis", d: px`M${x(1)} ${y}H${x(Math.max(k, 2))}` }), ticks];
}

function nemenyiBar(k, x, critical, width) {
  const end = x(1 + Math.min(critical, k - 1));
  const words = `Nemenyi ${critical.toFixed(2)}${critical > k - 1 ? " (beyond the axis)" : ""}`;
  const isBeside = end + 6 + 6.4 * words.length < width; // else above the bar
  return [
    stroke(px`M${x(1)} 14H${end}M${x(1)} 10v8M${end} 10v8`, "var(--ink)", 2),
    isBeside ? label(end + 6, 18, "start", words) : label(end - 6, 8, "end", words),
  ];
}

function groupBar(members, y) {
  const [first, last] = d3.extent(members);
  const bar = stroke(px`M${first} ${y}H${last}`, "var(--ink)", 2.5, { opacity: 0.7, "stroke-linecap": "round" });
  return [bar, members.map((at) => dot(at, y, 3, "var(--ink)"))];
}
