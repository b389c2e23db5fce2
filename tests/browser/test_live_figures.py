"""The browser draws a declared figure as its numbers say: the series, limits and crosses that matplotlib draws too."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from pages import opened, results_of

from optibench.plugin.figure import Figure
from optibench.report.panels import panels
from optibench.report.scales import placed

METHODS = ["a", "b", "c"]
DRAWN = """index => all(`#figure-${index} [data-facet]`).map(host => ({
  axis: find(".axis", host).getAttribute("d"), top: find(".grid-line[d*='V']", host).getAttribute("d"),
  series: all("svg.chart > g[data-m]:not(:has(text))", host).map(g => ({
    m: g.dataset.m,
    lines: all("path", g).map(p => p.getAttribute("d")).filter(d => !d.includes("l6 6")),
    crosses: all("path", g).map(p => p.getAttribute("d")).filter(d => d.includes("l6 6")),
    dots: all("circle", g).map(c => [Number(c.getAttribute("cx")), Number(c.getAttribute("cy"))]),
  })),
}))"""


def random_figure(index, rng):
    """A declaration with some mark and scales, of numbers that include zeros, infinities and gaps."""
    mark = ["curve", "step", "dots"][index % 3]
    rows = []
    for facet in ["p", "q"][: rng.integers(1, 3)]:
        for method in METHODS:
            x = np.sort(rng.lognormal(0, 2, rng.integers(2, 20)))
            y = rng.lognormal(0, 3, len(x))
            y[rng.random(len(x)) < 0.15] = np.inf
            y[rng.random(len(x)) < 0.1] = 0.0
            y[rng.random(len(x)) < 0.1] = np.nan
            rows.append(pd.DataFrame({"facet": facet, "optimizer": method, "x": x, "y": y}))
    frame = pd.concat(rows, ignore_index=True)
    encoding = {"mark": mark, "x": "x", "y": "y", "color": "optimizer", "facet": "facet"}
    encoding |= {"x_scale": str(rng.choice(["linear", "log"])), "y_scale": str(rng.choice(["linear", "log"]))}
    return Figure(f"random-{index}", "Random", "Made up.", lambda results: frame, encoding)


def pixels(values, limits, scale, span):
    """Where numbers lie between two pixels."""
    unit = np.log10 if scale == "log" else np.asarray
    low, high = (float(unit(end)) for end in limits)
    return span[0] + (unit(placed(values, limits, scale)) - low) / (high - low) * (span[1] - span[0])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    rng = np.random.default_rng(5)
    results = results_of({"p": {name: [1.0, 2.0] for name in METHODS}, "q": {name: [1.0, 2.0] for name in METHODS}})
    figures = [random_figure(index, rng) for index in range(10)]
    return results, figures, results.report(tmp_path_factory.mktemp("page"), figures)


def test_series_limits_and_crosses_of_ten_random_declarations(browser, page):
    results, figures, path = page
    compared = 0
    with opened(browser, path) as tab:
        tab.evaluate("all('details').forEach(d => { d.open = true; })")
        tab.wait_for_timeout(200)
        for index, figure in enumerate(figures):
            facets = tab.evaluate(DRAWN, index)
            shown = panels(figure, results).panels
            assert len(facets) == len(shown)
            for facet, panel in zip(facets, shown, strict=True):
                left, bottom, right = map(float, re.match(r"M([\d.]+) ([\d.]+)H([\d.]+)", facet["axis"]).groups())
                top = float(re.match(r"M[\d.]+ ([\d.]+)V", facet["top"])[1])
                assert [one["m"] for one in facet["series"]] == [str(one.method) for one in panel.series]
                for drawn, one in zip(facet["series"], panel.series, strict=True):
                    assert len(drawn["crosses"]) == len(one.crosses)
                    x = pixels(one.x, panel.xlim, figure.scale("x"), (left, right))
                    y = pixels(one.y, panel.ylim, figure.scale("y"), (bottom, top))
                    there = np.isfinite(y)
                    places = points(drawn, figure.mark)
                    if figure.mark == "curve":  # a line leaves out points without neighbours, which are dots
                        places = drawn["dots"] or places
                    for cx, cy in places:
                        assert np.min(np.hypot(x[there] - cx, y[there] - cy)) < 0.35
                    compared += len(places)
    assert compared > 100


def points(drawn, mark):
    """Corners of lines, or dots."""
    if mark == "dots":
        return drawn["dots"]
    if mark == "step":
        return []  # its corners lie between points
    return [tuple(map(float, pair)) for d in drawn["lines"] for pair in re.findall(r"([\d.]+),([\d.]+)", d)]


def test_a_figure_that_fails_costs_itself_only(browser, page, tmp_path):
    def broken(results):
        raise KeyError("no such column")

    results, figures, _ = page
    path = results.report(tmp_path, [Figure("bad", "Bad", "Never.", broken, {"x": "x", "y": "y"}), figures[0]])
    with opened(browser, path) as tab:
        text = tab.inner_text("main")
        assert "The figure bad could not be drawn: KeyError" in text and tab.evaluate("DATA.figures.length") == 2
