"""The pages of problems in a browser: nothing to complain of, no overflow, and charts where there should be some."""

from __future__ import annotations

import pytest
from pages import opened

from optibench.plugin.registry import Registry
from optibench.teaching.pages import write_page

NAMES = ["rosenbrock", "quadratic", "saddle", "xor-mlp", "tutorial-xor", "digits-cnn", "breast-cancer-perceptron"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder, registry = tmp_path_factory.mktemp("pages"), Registry()
    known = {}

    def written(name):
        if name not in known:
            known[name] = write_page(name, folder / f"{len(known)}.html", registry)
        return known[name]

    return written


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_and_has_nothing_to_complain_of(browser, page, name, width, theme):
    with opened(browser, page(name), width=width, theme=theme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        tab.set_viewport_size({"width": width + 80, "height": 900})  # charts are drawn again
        tab.wait_for_timeout(250)
        assert tab.evaluate("document.documentElement.scrollWidth") == width + 80
        assert tab.locator("#descent-chart svg path[stroke]").count() >= 2


def test_the_map_has_contours_paths_and_the_minimizer(browser, page):
    with opened(browser, page("rosenbrock")) as tab:
        assert tab.locator("#map-chart svg > path").count() >= 10
        assert tab.locator("#map-chart svg g").count() == 2
        tab.locator("#map-chart svg").click()  # starts nothing


def test_a_spectrum_has_a_dot_for_each_eigenvalue(browser, page):
    with opened(browser, page("quadratic")) as tab:
        assert tab.locator("#spectrum-0 circle").count() == 10 == tab.locator("#spectrum-1 circle").count()


def test_values_are_read_by_the_keyboard(browser, page):
    with opened(browser, page("xor-mlp")) as tab:
        tab.locator("#descent-chart svg").focus()
        for _ in range(4):
            tab.keyboard.press("Shift+ArrowRight")
        assert "gd" in tab.locator(".tip").inner_text()


def test_without_scripts_the_text_the_tables_and_the_network_are_there(browser, page):
    with opened(browser, page("xor-mlp"), scripts=False) as tab:
        assert not tab.locator("#descent-chart").is_visible()
        assert tab.locator("#back .matrix").first.is_visible() and tab.locator("#curvature table").is_visible()
