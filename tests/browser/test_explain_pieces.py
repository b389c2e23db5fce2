"""Pages of activations, losses and schedules in a browser: no message, no overflow, sliders that work."""

from __future__ import annotations

import pytest
from pages import opened

from optibench.plugin.registry import registry
from optibench.teaching.pages import write_page

REGISTRY = registry()
SHOWN = [
    ("activation", "relu,tanh,gelu"),
    ("activation", "swish"),
    ("activation", "step"),
    ("loss", "huber"),
    ("loss", "hinge,cross_entropy,kl_divergence"),
    ("schedule", "wsd"),
    ("schedule", "cosine,one_cycle"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize(("kind", "name"), SHOWN)
def test_charts_are_drawn_and_nothing_overflows(browser, tmp_path, kind, name, width, theme):
    page = write_page(name, tmp_path / "page.html", REGISTRY, kind)
    with opened(browser, page, width=width, theme=theme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        hosts = tab.evaluate("DATA.sections.reduce((sum, section) => sum + section.panels.length, 0)")
        assert tab.locator("svg.chart").count() == hosts > 0
        assert tab.evaluate("[...document.querySelectorAll('svg.chart path')].every(p => !/NaN/.test(p.outerHTML))")
        assert tab.evaluate(
            "[...document.querySelectorAll('svg.chart')].every("
            "svg => svg.getBoundingClientRect().right <= svg.closest('.card').getBoundingClientRect().right)"
        )
        assert tab.evaluate(  # drawn at the width that it has, so texts keep their size
            "[...document.querySelectorAll('svg.chart')].every("
            "svg => Math.abs(svg.viewBox.baseVal.width - svg.getBoundingClientRect().width) <= 1)"
        )
        tab.locator("svg.chart").first.focus()
        tab.keyboard.press("ArrowRight")
        assert tab.locator(".tip").is_visible()


def test_a_slider_moves_the_curves_and_not_the_axes(browser, tmp_path):
    page = write_page("relu", tmp_path / "page.html", REGISTRY)
    with opened(browser, page) as tab:
        index = tab.evaluate("DATA.sections.findIndex((section) => section.positions.length > 1)")
        chart = f"#chart-{index}-0"
        words = "#position-" + str(index)
        assert tab.text_content(words) == "1"
        path = f"document.querySelector('{chart} svg g path').getAttribute('d')"
        ticks = f"[...document.querySelectorAll('{chart} svg text:not(.label)')].map(text => text.textContent).join()"
        before = tab.evaluate(path), tab.evaluate(ticks)
        tab.locator(f"#slider-{index}").press("ArrowRight")
        after = tab.evaluate(path), tab.evaluate(ticks)
        assert tab.text_content(words) == "1.19"
        assert before[0] != after[0] and before[1] == after[1]


def test_the_numbers_are_there_without_scripts(browser, tmp_path):
    page = write_page("relu,tanh", tmp_path / "page.html", REGISTRY)
    with opened(browser, page, scripts=False) as tab:
        assert tab.locator("table").count() == 3 and tab.locator("table").first.is_visible()
        assert not tab.locator("input").first.is_visible()
