"""The report page in a browser: it reads well at every width, in both themes, by keyboard and without scripts."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pages import curved, opened, results_of

import optibench as ob
from optibench.report.facts import number


@pytest.fixture(scope="module")
def results():
    facts = {"lr": [1e-3, 1e-2, 0.1, 1.0], "seeds": 9, "steps": 60}
    return ob.run(["rosenbrock", "himmelblau", "wine-mlp"], ["gd", "momentum", "nesterov", "adam", "rmsprop"], **facts)


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    return results.report(tmp_path_factory.mktemp("page"))


OVERLAPS = """() => {
  const found = [];
  for (const chart of document.querySelectorAll("svg.chart")) {
    const boxes = [...chart.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()])
      .filter(([text, box]) => text && box.width);
    boxes.forEach(([a, x], i) => boxes.slice(i + 1).forEach(([b, y]) => {
      const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left);
      const tall = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
      if (wide > 1 && tall > 3) found.push([chart.getAttribute("aria-label").slice(0, 60), a, b]);
    }));
  }
  return found;
}"""
SMALL = """() => [...document.querySelectorAll("svg text, p, td, th, li, button, small, summary")]
  .filter(e => e.textContent.trim() && e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) < 10)
  .map(e => e.textContent)"""


def open_all(tab):
    tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    tab.wait_for_timeout(200)


@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_overflows_overlaps_or_is_too_small(browser, page, width, theme):
    with opened(browser, page, width=width, theme=theme) as tab:
        open_all(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert tab.evaluate(OVERLAPS) == []
        assert tab.evaluate(SMALL) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser, page, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with opened(browser, page, theme=theme) as tab:
        open_all(tab)
        tab.context.set_default_timeout(60_000)
        # The page forbids scripts of other origins, but not those that are handed to it.
        found = axe.Axe().run(tab).response["violations"]
        assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found] == []


def test_every_control_works_without_a_word_in_the_console(browser, page):
    with opened(browser, page) as tab:
        open_all(tab)
        for control in tab.query_selector_all(".switch button, thead button, #chips button, #theme"):
            control.evaluate("e => e.click()")
        for control in tab.query_selector_all("#chips button"):
            control.evaluate("e => e.click()")
        for slider in tab.query_selector_all("input[type=range]"):
            for value in ("min", "max"):
                slider.evaluate(f"e => {{ e.value = e.{value}; e.dispatchEvent(new Event('input')); }}")
        tab.evaluate("find('#race-play').click()")
        tab.wait_for_timeout(300)
        tab.evaluate("find('#race-play').click()")
        tab.evaluate("find('#race-reset').click()")
        tab.evaluate("all('#race-view button')[0].click()")
        tab.click("#race-map svg", position={"x": 60, "y": 60})
        tab.evaluate("find('#race-basins-button').click()")
        tab.wait_for_selector("canvas[data-done]", timeout=60_000)


def test_every_control_is_reached_by_keyboard_and_charts_read_out_their_values(browser, page):
    with opened(browser, page) as tab:
        wanted = tab.evaluate(
            "all('a, button, input, select, summary, svg.chart[tabindex], .scroll[tabindex]')"
            ".filter(e => e.getClientRects().length && !e.closest('details:not([open]) > :not(summary)')).length"
        )
        reached = set()
        for _ in range(wanted + 5):
            tab.keyboard.press("Tab")
            reached.add(tab.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert len(reached - {0, -1, 1}) >= wanted
        chart = tab.query_selector("#profile-chart svg")
        chart.focus()
        for _ in range(3):
            tab.keyboard.press("ArrowRight")
        shown = tab.inner_text(".tip")
        assert "within a factor of" in shown and all(name in shown for name in ("adam", "gd", "rmsprop"))
        tab.keyboard.press("Escape")
        assert not tab.is_visible(".tip")


def test_the_address_restores_the_view(browser, page):
    with opened(browser, page) as tab:
        tab.click("#chips [title=gd]")
        tab.click("thead button[data-sort=name]")
        tab.click("#profile-kind [data-value=ecdf]")
        tab.click("#curves [data-value=steps]")
        tab.click("#curves [data-value=linear] >> nth=1")
        address = tab.evaluate("location.hash")
        before = tab.evaluate("[find('main').innerText, find('#field').innerText]")
        assert "4 of 5 methods" in before[1]
    with opened(browser, page, address=address) as tab:
        assert tab.evaluate("[find('main').innerText, find('#field').innerText]") == before
    with opened(browser, page, address="#hide=nobody&sort=no&profile=no&loss-curves.unit=no&constructor.x=1&x") as tab:
        assert tab.evaluate("state.hidden.size") == 0


def test_what_needs_all_methods_is_a_dash_when_one_is_hidden(browser, page):
    with opened(browser, page) as tab:
        column = "tr => tr.map(row => row.cells[3].innerText)"
        assert all("%" in cell for cell in tab.eval_on_selector_all("#board tbody tr", column))
        tab.click("#chips [title=adam]")
        assert tab.eval_on_selector_all("#board tbody tr", column) == ["–"] * 4
        assert "loses the guarantee" in tab.inner_text("#ranking .says")
        tab.click("#chips [title=adam]", modifiers=["Shift"])
        assert tab.eval_on_selector_all("#board tbody tr", "tr => tr.length") == 1


def test_numbers_are_those_of_the_tables(browser, page, results):
    board, ranks = results.leaderboard(), results.ranks().set_index("optimizer")
    with opened(browser, page) as tab:
        rows = tab.eval_on_selector_all(
            "#board tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.innerText.trim()))"
        )
        for name, mean, groups, first, on, *_ in rows:
            row = ranks.loc[name]
            assert mean == f"{row['mean_rank']:.2f}" and groups == row["groups"]
            assert first == f"{100 * row['p_first']:.0f} %" and on == f"{row['first_on']} of {row['problems']}"
        cells = tab.eval_on_selector_all(
            "#score-table tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.innerText.trim()))"
        )
        methods = results.compare().methods
        for problem, *scores in cells:
            for method, shown in zip(methods, scores, strict=True):
                row = board[(board["problem"] == problem) & (board["optimizer"] == method)].iloc[0]
                same = number(float(row["score"]))
                assert shown == same or float(shown.replace("−", "-")) == float(same)


def test_without_scripts_there_are_sentence_tables_and_pictures(browser, page, results):
    with opened(browser, page, scripts=False) as tab:
        text = tab.inner_text("body")
        assert results.verdict()["sentence"][0] in text
        for name in results.compare().methods:
            assert name in text
        assert not tab.is_visible(".bar") and not tab.is_visible("#race-map")
        pictures = tab.locator("main > section > noscript img, main > section > .figure img")
        assert pictures.count() >= 5
        assert all(pictures.nth(i).evaluate("e => e.naturalWidth") > 100 for i in range(pictures.count()))
        assert tab.locator("#board tbody tr").count() == 5


def test_on_paper_there_are_no_controls(browser, page):
    with opened(browser, page) as tab:
        tab.emulate_media(media="print")
        assert not tab.is_visible(".bar") and not tab.is_visible("#race-play") and not tab.is_visible("nav.contents")
        assert tab.is_visible("#board table") and tab.is_visible("#ranks-chart svg")


def test_links_of_the_verdict_lead_somewhere(browser, page):
    with opened(browser, page) as tab:
        targets = tab.eval_on_selector_all("a[href^='#']", "links => links.map(a => a.getAttribute('href').slice(1))")
        assert targets and all(tab.evaluate("id => Boolean(document.getElementById(id))", one) for one in {*targets})
        assert tab.evaluate("all('#verdict b[data-m]').length") >= 1


def test_the_page_forbids_every_network(page):
    text = page.read_text()
    assert "default-src 'none'" in text and "connect-src" not in text
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", text)


# Figures: the page's scales are Python's

VALUES = [[1.0, 2.0, 5.0], [0.0, 1e-300, 1e300], [-1.0, 0.5, 3.0], [0.25, 0.5, 1.0], [7.0], [], [1e-3, 1e-3], [0.0]]


@pytest.mark.parametrize("scale", ["linear", "log", "logit"])
def test_limits_of_axes_are_pythons(browser, page, scale):
    from optibench.report.scales import limits

    with opened(browser, page) as tab:
        for values in VALUES:
            given = tab.evaluate("([values, scale]) => axes.limits([values], scale)", [values, scale])
            ends, words = limits([np.array(values)], scale)
            np.testing.assert_allclose(given["limits"], ends, rtol=1e-9)
            assert tuple(given["ends"]) == words


def test_a_declared_figure_has_the_series_limits_and_crosses_of_its_picture(browser, page, results):
    from optibench.plugin.registry import registry
    from optibench.report.panels import panels

    script = """name => {
      const index = DATA.figures.findIndex(figure => figure.name === name);
      return all(`#figure-${index} [data-facet]`).map(host => ({
        series: all("svg.chart > g[data-m]:not(:has(text))", host).map(g => g.dataset.m),
        dots: all("circle", host).length,
        crosses: all("svg.chart > g[data-m] > path", host).filter(p => p.getAttribute("d").includes("l6 6")).length,
      }));
    }"""
    with opened(browser, page) as tab:
        open_all(tab)
        for name in ("loss-curves", "learning-rate", "expected-best"):
            shown = panels(registry().get("figure", name), results)
            facets = tab.evaluate(script, name)
            assert len(facets) == len(shown.panels)
            for facet, panel in zip(facets, shown.panels, strict=True):
                assert facet["series"] == [str(one.method) for one in panel.series]
                assert facet["crosses"] == sum(len(one.crosses) for one in panel.series)


def test_single_runs_stay_within_their_panel(browser, page):
    script = """() => all("#curves svg.chart").flatMap(svg => {
      const frame = find(".axis", svg).getAttribute("d");
      const [, left, bottom, right] = frame.match(/M([\\d.]+) ([\\d.]+)H([\\d.]+)/).map(Number);
      const paths = all("g[data-m] > path", svg).map(p => p.getAttribute("d")).filter(d => !d.includes("l6 6"));
      const places = paths.flatMap(d => [...d.matchAll(/([\\d.-]+),([\\d.-]+)/g)]);
      const pixels = places.map(([, x, y]) => [Number(x), Number(y)]);
      return pixels.filter(([x, y]) => x < left - 1 || x > right + 1 || y < 0 || y > bottom + 1);
    })"""
    with opened(browser, page) as tab:
        tab.click("#curves [data-value=runs]")
        assert tab.evaluate("all('#curves svg.chart g[data-m] path[stroke-width=\"0.7\"]').length") > 0
        assert tab.evaluate(script) == []


# Little, odd and much

ODD = [
    "<script>alert(1)</script>",
    "q\"u'o<t>e",
    "名前優化器",
    "x" * 200,
    "constructor",
    "with spaces",
    "__proto__",
    "toString",
]


def test_odd_names_are_text(browser, tmp_path):
    rng = np.random.default_rng(0)
    tables = {problem: {name: rng.lognormal(0, 1, 16).tolist() for name in ODD} for problem in ODD[:4]}
    with opened(browser, results_of(tables).report(tmp_path), width=400) as tab:
        open_all(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") == 400
        assert tab.evaluate("methods.map(m => m.name)") == sorted(ODD)
        tab.click("#chips .chip >> nth=2")
        address = tab.evaluate("location.hash")
    with opened(browser, tmp_path / "index.html", address=address) as tab:
        assert tab.evaluate("state.hidden.size") == 1


LITTLE = {
    "one run": {"p": {"a": [1.0]}},
    "one method": {"p": {"a": [1.0, 2.0, 3.0]}, "q": {"a": [1.0, 2.0, 3.0]}},
    "one seed": {"p": {"a": [1.0], "b": [2.0]}, "q": {"a": [1.0], "b": [2.0]}},
    "all diverged": {"p": {"a": [np.inf] * 4, "b": [np.inf] * 4}},
    "extremes": {"p": {"a": [0.0, 1e-300, 1e300], "b": [1e300, 0.0, 1e-300]}, "q": {"a": [-1.0] * 3, "b": [1.0] * 3}},
    "nothing in common": {"p": {"a": [1.0, 2.0]}, "q": {"b": [1.0, 2.0]}},
    "equal": {"p": {"a": [1.0] * 16, "b": [1.0] * 16}, "q": {"a": [2.0] * 16, "b": [2.0] * 16}},
}


@pytest.mark.parametrize("name", LITTLE)
def test_a_page_of_little_reads_well(browser, tmp_path, name):
    results = results_of(LITTLE[name])
    with opened(browser, results.report(tmp_path), width=400) as tab:
        assert results.verdict()["sentence"][0] in tab.inner_text("#verdict")
        text = tab.inner_text("main")
        assert "NaN" not in text and ": undefined" not in text and "null" not in text
        assert tab.evaluate("document.documentElement.scrollWidth") == 400
        for chip in tab.query_selector_all("#chips .chip"):
            chip.evaluate("e => e.click()")
        assert "NaN" not in tab.inner_text("main")


def test_sixty_methods_fit(browser, tmp_path):
    rng = np.random.default_rng(0)
    tables = {f"p{i}": {f"method{k:02d}": rng.lognormal(k / 30, 1, 20).tolist() for k in range(60)} for i in range(8)}
    page = results_of(tables).report(tmp_path)
    assert page.stat().st_size < 3_000_000
    with opened(browser, page) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == 1280
        assert tab.evaluate(OVERLAPS) == []
        tab.click("#chips .chip >> nth=59")
        assert "59 of 60 methods" in tab.inner_text("#field")


@pytest.mark.parametrize(("methods", "named"), [(6, True), (24, False)])
def test_names_that_do_not_fit_into_a_panel_stand_in_a_legend_where_the_chips_are_not_in_sight(
    browser, tmp_path, methods, named
):
    rng = np.random.default_rng(0)
    tables = {f"p{i}": {f"method{k:02d}": list(rng.lognormal(k / 10, 1, 4)) for k in range(methods)} for i in range(2)}
    with opened(browser, curved(tables).report(tmp_path)) as tab:
        legends = "all('#curves .legend').map(e => [e.children.length, e.getClientRects().length])"
        assert (tab.locator("#panel-0 svg text.label").count() > 0) == named
        assert tab.evaluate(legends) == ([] if named else [[methods, 0]])
        tab.emulate_media(media="print")
        assert tab.evaluate(legends) == ([] if named else [[methods, 1]])
        tab.emulate_media(media="screen")
        tab.set_viewport_size({"width": 400, "height": 900})
        tab.wait_for_timeout(400)
        assert tab.evaluate(legends) == ([] if named else [[methods, 1]])
        tab.click("#chips .chip >> nth=0")
        assert tab.evaluate(legends) == ([] if named else [[methods - 1, 1]])


# Races


def test_traced_rules_follow_the_recorded_paths_and_others_say_why_they_do_not(browser, tmp_path):
    @ob.optimizer
    def homemade(w, g, v=0, *, lr=0.01, friction=0.1):
        v = (1 - friction) * v - lr * g
        return w + v, v

    @ob.optimizer
    def turned(w, g, *, lr=0.01):
        _, vectors = np.linalg.eigh(np.eye(2))
        return w - lr * np.linalg.solve(np.asarray(vectors, w.dtype), g[..., None])[..., 0]

    registry = ob.plugin.registry.registry() if hasattr(ob, "plugin") else None
    from optibench.plugin.registry import Registry, Sources

    registry = Registry(Sources())
    registry.add_local("optimizer", [homemade, turned])
    rules = ["gd", homemade, turned]
    results = ob.run("rosenbrock", rules, lr=[1e-4, 1e-3], seeds=2, steps=80)
    with opened(browser, results.report(tmp_path, known=registry)) as tab:
        note = tab.inner_text("#race-note")
        assert (
            "they follow the" in note
            and "turned is shown along its recorded path: numpy.linalg.solve has no formula here." in note
        )
        assert tab.evaluate("DATA.races[0].entries.filter(e => e.reason).length") == 1
        before = tab.inner_text("#race-table")
        tab.click("#race-map svg", position={"x": 300, "y": 40})
        after = tab.inner_text("#race-table")
        assert "homemade" in after and "turned" not in after and after != before
        assert json.loads(tab.evaluate("JSON.stringify(races.view.start)"))
