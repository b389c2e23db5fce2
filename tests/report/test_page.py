"""The page is one offline file, the same bytes for the same results, and no figure can break it."""

from __future__ import annotations

import re

import pytest

import optibench as ob
from optibench.pieces import Figure
from optibench.registry import registry
from optibench.report.page import write_report


@pytest.fixture(scope="module")
def results():
    return ob.run(["rosenbrock", "breast-cancer-logistic"], ["gd", "adam"], lr=[1e-4, 1e-2, 10], seeds=3, steps=40)


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    return results.report(tmp_path_factory.mktemp("report"))


def test_the_page_is_offline(page):
    text = page.read_text()
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert text.count("data:image/svg+xml;base64,") == 3 and "<script" not in text


def test_figures_and_tables_lie_beside_the_page(page):
    names = {str(path.relative_to(page.parent)) for path in page.parent.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.{kind}" for name in registry()["figure"] for kind in ("png", "svg")}
    assert names == {"index.html", *figures, "tables/leaderboard.csv", "tables/overall.csv", "tables/runs.csv"}


def test_the_same_results_give_the_same_bytes(results, page, tmp_path):
    again = results.report(tmp_path)
    for path in page.parent.rglob("*.*"):
        assert (tmp_path / path.relative_to(page.parent)).read_bytes() == path.read_bytes(), path
    assert again.read_bytes() == page.read_bytes()


def test_the_page_says_what_was_run_who_led_and_what_diverged(results, page):
    text = page.read_text()
    for fingerprint in results.runs["fingerprint"].unique():
        assert fingerprint in text
    leader = results.leaderboard().groupby("optimizer")["rank"].mean().idxmin()
    assert re.search(rf"{leader}( and \w+)? ha(s|ve) the best mean rank", text)
    assert "What did not finish" in text and "diverged" in text


def test_a_figure_that_raises_costs_itself_only(results, tmp_path):
    def broken(results):
        raise KeyError("no such column")

    figures = [Figure("bad", "Bad", "never", broken, {}), registry().get("figure", "learning-rate")]
    text = write_report(results, tmp_path, figures).read_text()
    assert "The figure bad could not be drawn: KeyError" in text
    assert (tmp_path / "figures/learning-rate.png").exists()


def test_names_are_escaped(tmp_path):
    @ob.optimizer(name="<b>bold</b>")
    def bold(w, g, *, lr=0.1):
        return w - lr * g

    text = ob.run("rosenbrock", bold, lr=1e-4, seeds=1, steps=3).report(tmp_path).read_text()
    assert "<b>bold" not in text and "&lt;b&gt;bold" in text


def test_a_report_is_made_again_from_the_store_alone(tmp_path):
    results = ob.run("rosenbrock", ["gd"], lr=1e-3, seeds=2, steps=20, out=tmp_path)
    assert results.report().read_bytes() == ob.load(tmp_path).report().read_bytes()
