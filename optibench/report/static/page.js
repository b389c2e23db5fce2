"use strict";

// What all sections of the page share: its data, its view, and short names for finding and filling elements.

const DATA = JSON.parse(document.getElementById("data").textContent);
const { methods, problems } = DATA; // a method and a problem are referred to by index
const state = { hidden: new Set(), sort: "mean", descending: false, profile: "performance", figures: {} };

const find = (selector, parent = document) => parent.querySelector(selector);
const all = (selector, parent = document) => [...parent.querySelectorAll(selector)];

/** The width that a chart is drawn at, so that its texts keep their size. */
const widthOf = (element) => Math.max(260, Math.floor(element.clientWidth));

/** The sentence at the head of a section. */
function setSentence(section, text) {
  find(`#${section} .says`).textContent = text;
}

const shortName = (m) => clip(methods[m].name, 40);

/** The name of a method with the sample of its line. */
function nameTag(m) {
  const { name } = methods[m];
  return tag("span", { class: "name", title: name }, swatch(m), tag("span", {}, name));
}

/** A series of a panel for a method. */
const lineOf = (m, more) => ({ m, index: m, name: methods[m].name, colour: colour(m), dash: dash(m), ...more });

/** The index of the problem of that name, or -1. */
const problemAt = (name) => problems.findIndex((problem) => problem.name === name);

/** The names of lines below a panel that has no room for them: seen on paper and on narrow screens, where the bar of
    methods is not beside it. */
const legend = (series) =>
  tag(
    "p",
    { class: "legend" },
    series.map(({ index, name }) => tag("span", {}, swatch(index), clip(name, 40))),
  );

/** Makes `host` a row of buttons of which one is pressed; `choices`: [value, words]; `onChoice` takes the value. */
function choose(host, choices, chosen, onChoice) {
  const press = (value) => {
    for (const button of all("button", host)) button.setAttribute("aria-pressed", button.dataset.value === value);
  };
  host.classList.add("switch");
  fill(
    host,
    choices.map(([value, words]) => tag("button", { type: "button", "data-value": value }, words)),
  );
  press(chosen);
  host.onclick = ({ target: { dataset } }) => {
    if (dataset.value === undefined) return;
    press(dataset.value);
    onChoice(dataset.value);
  };
}
