"""The page of a rule in a browser: it steps through the real rule, and its numbers are those of Python."""

from __future__ import annotations

import numpy as np
import pytest
from pages import opened

from optibench.plugin.registry import registry
from optibench.teaching.pages import write_page
from optibench.tracing.worked import worked


@pytest.fixture(scope="module")
def adam(tmp_path_factory):
    return write_page("adam", tmp_path_factory.mktemp("explain") / "adam.html", registry())


def test_line_by_line_the_values_are_those_of_the_rule_in_python(browser, adam):
    numbers = worked(registry().get("optimizer", "adam"))
    rows = {(row.name, row.when): row.values for row in numbers.rows}
    script = """([start, steps]) => {
      const problem = {valueGrad: CODE.length, minimum: 0};
      CODE.push({value_grad: ([x, y]) => [(x * x + 10 * y * y) / 2, x, 10 * y]});
      return walk.inside(DATA.rules[0], problem, start, lab.view.h, steps);
    }"""
    with opened(browser, adam) as tab:
        seen = tab.evaluate(script, [[1.0, 1.0], 100])
        for place, t in enumerate(numbers.steps):
            shown = {one["name"]: one["values"] for one in seen[t - 1]["shown"]}
            for name in ("m", "v", "m_hat", "v_hat"):
                np.testing.assert_allclose(shown[name], rows[name, "line"][place], rtol=1e-12)
            np.testing.assert_allclose(shown["w"], rows["w", "after"][place], rtol=1e-12)
            np.testing.assert_allclose(seen[t - 1]["g"], rows["g", "before"][place], rtol=1e-12)


def test_without_the_bias_correction_the_first_step_is_316_times_the_rate(browser, adam):
    script = """() => {
      const rule = DATA.rules.find(one => one.name === "without m_hat and v_hat");
      const [problem] = DATA.problems;
      const [a, b] = walk.path(rule, problem, problem.start, lab.view.h, 1);
      return [Math.abs(b[0] - a[0]) / DATA.lr, Math.abs(b[1] - a[1]) / DATA.lr];
    }"""
    with opened(browser, adam) as tab:
        np.testing.assert_allclose(tab.evaluate(script), [np.sqrt(10)] * 2, rtol=1e-4)


@pytest.mark.parametrize(
    "name", ["adam", "momentum", "gd", "lbfgs", "sam+adam", "shampoo", "adafactor", "prodigy", "bfgs"]
)
@pytest.mark.parametrize(("width", "theme"), [(400, "dark"), (1280, "light")])
def test_every_control_works_at_every_width(browser, tmp_path, name, width, theme):
    page = write_page(name, tmp_path / "page.html", registry())
    live = "does not run on the page" not in page.read_text()
    with opened(browser, page, width=width, theme=theme, ready=live) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        if not live:
            return
        for control in ("#lab-line", "#lab-line", "#lab-back", "#lab-step", "#lab-play", "#lab-play", "#lab-reset"):
            tab.click(control)
        for choice in ("#lab-problem", "#lab-beside", "#second"):
            for value in tab.eval_on_selector_all(f"{choice} option", "all => all.map(o => o.value)")[:8]:
                tab.select_option(choice, value)
        for slider in tab.query_selector_all("input[type=range]"):
            for end in ("min", "max"):
                slider.evaluate(
                    f"e => {{ e.value = e.{end}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }}"
                )
        tab.click("#lab-map svg", position={"x": 40, "y": 40})
        tab.wait_for_timeout(400)
        text = tab.inner_text("main")
        assert "NaN" not in text and "undefined" not in text
        assert tab.evaluate("document.documentElement.scrollWidth") == width


def test_axe_finds_nothing(browser, adam):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    for theme in ("light", "dark"):
        with opened(browser, adam, theme=theme) as tab:
            tab.evaluate("all('details').forEach(d => { d.open = true; })")
            found = axe.Axe().run(tab).response["violations"]
            assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found] == []


def test_the_address_restores_the_view(browser, adam):
    with opened(browser, adam) as tab:
        tab.select_option("#lab-problem", "1")
        move = "e => { e.value = 0.4; e.dispatchEvent(new Event('input', {bubbles: true})); }"
        tab.eval_on_selector("#lab-knobs input", move)
        tab.wait_for_timeout(300)
        address, before = tab.evaluate("location.hash"), tab.inner_text("#lab .says")
    with opened(browser, adam, address=address) as tab:
        assert tab.inner_text("#lab .says") == before and "rosenbrock" in before


def test_without_scripts_the_rule_is_still_explained(browser, adam):
    with opened(browser, adam, scripts=False) as tab:
        text = tab.inner_text("body")
        assert "m_hat = m / (1 - beta1**t)" in text and "What changed from rmsprop" in text and "0.94737" in text
        assert not tab.is_visible("#lab")


def test_the_site_finds_and_leads_to_its_pages(browser, tmp_path):
    from optibench.teaching.site import write_site

    index = write_site(tmp_path / "site", registry())
    context = browser.new_context(viewport={"width": 400, "height": 800})
    tab = context.new_page()
    said = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(index.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") == 400
    tab.fill("#search", "sign momentum")
    assert "optimizers" in tab.inner_text("#found") and tab.locator("tbody tr:visible").count() < 10
    tab.click("a[href='lion.html']")
    tab.wait_for_selector("#lab-map svg path")
    tab.click(".family a[href='signum.html']")
    tab.wait_for_selector("#lab-map svg path")
    assert tab.inner_text("h1") == "signum" and said == []
    context.close()


def test_momentum_s_limit_of_stability_is_where_runs_begin_to_diverge(browser, tmp_path):
    page = write_page("momentum", tmp_path / "momentum.html", registry())
    script = """share => {
      const problem = DATA.problems.find(one => one.problem === "ravine");
      const momentum = 0.5;
      const lr = share * 2 * (1 + momentum) / problem.curvature;
      const h = {...DATA.rules[0].h, momentum, lr};
      const path = walk.path(DATA.rules[0], problem, problem.start, h, 400);
      return path.at(-1)[2] / path[0][2];
    }"""
    with opened(browser, page) as tab:
        assert tab.locator("#heat-chart path[stroke-dasharray='5 3']").count() == 1
        assert tab.evaluate(script, 0.99) < 1 < tab.evaluate(script, 1.01)
