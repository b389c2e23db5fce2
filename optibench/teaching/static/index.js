"use strict";

// The index: rows that hold every word of the search are shown.

const search = document.getElementById("search");
const rows = [...document.querySelectorAll("tbody tr")];

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  document.getElementById("found").textContent = words.length ? `${shown} of ${rows.length} optimizers` : "";
}

search.oninput = filter;
window.ready = performance.now();
