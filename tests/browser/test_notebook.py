"""In a notebook results show themselves, and a figure is interactive there."""

from __future__ import annotations

import html
import re

import pytest
from pages import opened

import optibench as ob
from optibench.errors import StoreError, UnknownName

CELLS = [
    "import optibench as ob\n"
    'results = ob.run(["rosenbrock", "wine-mlp"], ["gd", "adam"], lr=[1e-3, 1e-2], seeds=2, steps=20)',
    "results",
    'results.show("loss-curves")',
    'results.plot("loss-curves")',
    'ob.race("rosenbrock", ["gd", "adam"], steps=20, tune=False)',
]


def test_a_notebook_shows_verdict_figures_and_races(tmp_path):
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    shown = [cell["outputs"][-1]["data"] if cell["outputs"] else {} for cell in book.cells]
    assert "Over these 2 problems" in shown[1]["text/html"] and "<table" in shown[1]["text/html"]
    assert shown[2]["text/html"].startswith("<iframe")
    assert shown[3]["image/png"] and shown[4]["image/png"]


@pytest.fixture(scope="module")
def results():
    return ob.run(["rosenbrock", "wine-mlp"], ["gd", "adam"], lr=[1e-3, 1e-2], seeds=2, steps=20)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("loss-curves", "#curves svg.chart"),
        ("performance-profile", "#profile-chart svg"),
        ("trajectories", "#race-map svg"),
        ("ranks", "#ranks-chart svg"),
        ("scores", "#score-table td.cell"),
    ],
)
def test_a_figure_alone_works(browser, results, tmp_path, name, place):
    text = results.show(name)._repr_html_()
    page = tmp_path / "figure.html"
    page.write_text(html.unescape(re.search(r'srcdoc="([^"]*)"', text)[1]))
    with opened(browser, page) as tab:
        assert tab.locator(place).count() >= 1 and tab.locator("main > section").count() == 1
        tab.click("#chips .chip >> nth=0")
        assert tab.locator("#chips .chip[aria-pressed=false]").count() == 1


def test_the_page_alone_needs_no_other_file(browser, results, tmp_path):
    page = results.to_html(tmp_path / "new" / "page.html")
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]
    assert not re.findall(r'(?:href|src)="(?:figures|tables)/', page.read_text())
    with opened(browser, page) as tab:
        assert tab.locator("#board tbody tr").count() == 2
    with pytest.raises(StoreError, match="cannot write the page to"):
        results.to_html(page / "page.html")


def test_what_cannot_be_shown_says_why(results):
    with pytest.raises(UnknownName, match="loss-curves"):
        results.show("loss-curve")
    lonely = ob.run("quadratic", ["gd", "adam"], lr=0.01, seeds=1, steps=5)
    with pytest.raises(StoreError, match="trajectories' has nothing to show"):
        lonely.show("trajectories")
