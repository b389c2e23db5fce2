"use strict";

// The view in the address, so that it can be shared: hidden methods, order, profile, and the choices of each figure.

function writeAddress() {
  const parts = new URLSearchParams();
  if (state.hidden.size) parts.set("hide", [...state.hidden].map((m) => methods[m].name).join("\n"));
  if (state.sort !== "mean" || state.descending) parts.set("sort", `${state.descending ? "-" : ""}${state.sort}`);
  if (state.profile !== "performance") parts.set("profile", state.profile);
  for (const [name, chosen] of Object.entries(state.figures)) {
    for (const [key, value] of Object.entries(chosen)) parts.set(`${name}.${key}`, value);
  }
  const text = parts.toString();
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch {
    // a page inside a page has no address
  }
}

/** Sets the state by the address, without what is unknown. `sorts` and `profiles`: the values that there are. */
function readAddress(sorts, profiles) {
  const text = location.hash.slice(1);
  if (!text.includes("=")) return; // the name of a section
  for (const [key, value] of new URLSearchParams(text)) {
    const sort = value.replace("-", "");
    if (key === "hide") {
      const names = new Set(value.split("\n"));
      methods.forEach(({ name }, m) => {
        if (names.has(name)) state.hidden.add(m);
      });
    } else if (key === "sort" && sorts.includes(sort)) {
      [state.sort, state.descending] = [sort, value.startsWith("-")];
    } else if (key === "profile" && profiles.includes(value)) {
      state.profile = value;
    } else if (key.includes(".")) {
      const [, name, choice] = key.match(/(.*)\.(.*)/);
      const isFigure = DATA.figures.some((figure) => figure.name === name);
      if (isFigure) state.figures[name] = { ...state.figures[name], [choice]: value };
    }
  }
}
