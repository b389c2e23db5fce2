"""The page is one offline file, the same bytes for the same results, and no figure can break it."""

from __future__ import annotations

import html
import json
import math
import re

import pytest

import optibench as ob
from optibench.analysis.declaration import analyses
from optibench.plugin.figure import Figure
from optibench.plugin.registry import registry
from optibench.report.facts import interval, number
from optibench.report.page import write_report
from optibench.results import Results


@pytest.fixture(scope="module")
def results():
    problems = ["rosenbrock", "breast-cancer-logistic", "xor-mlp"]
    return ob.run(problems, ["gd", "adam"], lr=[1e-4, 1e-2, 10], seeds=3, steps=80)


def plain(text):
    """A page as it reads, without its scripts and styles."""
    body = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", "", body))


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    return results.report(tmp_path_factory.mktemp("report"))


def test_the_page_is_offline(page):
    text = page.read_text()
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert "default-src 'none'" in text


def test_figures_and_tables_lie_beside_the_page(page):
    names = {str(path.relative_to(page.parent)) for path in page.parent.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.svg" for name in registry()["figure"]}
    assert names == {"index.html", *figures, "tables/runs.csv", *(f"tables/{name}.csv" for name in analyses(Results))}
    linked = set(re.findall(r'(?:href|src)="((?:tables|figures)/[^"]+)"', page.read_text()))
    assert {name for name in names if name.startswith("tables/")} <= linked <= names


def test_the_same_results_give_the_same_bytes(results, page, tmp_path):
    again = results.report(tmp_path)
    for path in page.parent.rglob("*.*"):
        assert (tmp_path / path.relative_to(page.parent)).read_bytes() == path.read_bytes(), path
    assert again.read_bytes() == page.read_bytes()


def test_the_page_says_what_was_run_who_led_and_what_diverged(results, page):
    text = page.read_text()
    for fingerprint in results.runs["fingerprint"].unique():
        assert fingerprint in text
    read = plain(text)
    for sentence in results.verdict()["sentence"]:
        assert sentence in read
    assert "Failed and diverged runs" in text and "diverged" in text


def test_the_page_states_the_protocol_and_what_cannot_be_concluded(results, page):
    text = html.unescape(page.read_text())
    assert "in every replicate the same trials and budget for all methods on a problem" in text
    assert "each on 1 tuning seed of its own" in text
    for line in results.compare().caveats:
        assert line in text
    for target in results.protocol["targets"]:
        assert target["provenance"] in text


def test_the_page_states_its_guarantee_and_has_every_pair(results, page):
    text = html.unescape(page.read_text())
    assert "If no two methods differed, at most 5 % of such pages would name any difference." in text
    assert f"Pairs of methods: {len(results.pairwise())} rows" in text and "beyond these problems" in text
    assert text.count('<th scope="row">beyond these problems') == 1
    assert number(float("-inf")) == "-inf" and interval(-math.inf, math.inf) == "" and interval(1.0, math.inf) != ""


def test_three_columns_stand_side_by_side(results, page):
    text = page.read_text()
    assert "at default" in text and "all tuned" in text
    row = results.leaderboard().iloc[0]
    for name in ("score", "default_score", "all_score"):
        assert f"<td>{number(float(row[name]))}" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizers": ["gd"]},
        {"problems": ["rosenbrock"]},
        {"seeds": 1},
        {"lr": 1e9, "steps": 400},
        {"tune": "none", "lr": [0.1, 0.01]},
        {"compare": "batch", "batch": [8, 64], "problems": ["wine-mlp"], "optimizers": ["adam"]},
    ],
)
def test_a_report_of_little_is_a_report(changes, tmp_path):
    facts = {"problems": ["rosenbrock", "wine-mlp"], "optimizers": ["gd", "adam"], "lr": [1e-3, 1e-2, 0.1], "seeds": 3}
    results = ob.run(**{**facts, "steps": 20, **changes})
    text = results.report(tmp_path).read_text()
    assert "could not be drawn" not in text and results.verdict()["sentence"][0] in plain(text)


def test_a_figure_that_raises_costs_itself_only(results, tmp_path):
    def broken(results):
        raise KeyError("no such column")

    figures = [Figure("bad", "Bad", "never", broken, {}), registry().get("figure", "learning-rate")]
    text = write_report(results, results.tables(), tmp_path, figures, registry()).read_text()
    assert "The figure bad could not be drawn: KeyError" in text
    assert (tmp_path / "figures/learning-rate.svg").exists()


def test_names_are_escaped(tmp_path):
    @ob.optimizer(name="<b>bold</b>")
    def bold(w, g, *, lr=0.1):
        return w - lr * g

    text = ob.run("rosenbrock", bold, lr=1e-4, seeds=1, steps=3).report(tmp_path).read_text()
    assert "<b>bold" not in text and "&lt;b&gt;bold" in text


def test_a_report_is_made_again_from_the_store_alone(tmp_path):
    results = ob.run("rosenbrock", ["gd"], lr=1e-3, seeds=2, steps=20, out=tmp_path)
    assert results.report().read_bytes() == ob.load(tmp_path).report().read_bytes()


def test_a_statistic_that_does_not_exist_is_not_called_unfinished(tmp_path):
    facts = {"lr": [1e-3, 1e-2, 0.1], "seeds": 2, "steps": 5, "tune": "none"}
    results = ob.run(["quadratic:condition=10", "quadratic:condition=20"], "gd", **facts)
    assert results.ranks().attrs["friedman"].iman_davenport == float("inf")
    text = results.report(tmp_path).read_text()
    assert "F is undefined, because all problems have the same ranking" in text and "F unfinished" not in text


def test_unequal_budgets_are_said_under_the_headline_and_equal_ones_nowhere(results, page, tmp_path):
    assert "Budgets differ" not in page.read_text()
    unequal = ob.run("quadratic", ["adam", "sam+adam"], lr=0.1, seeds=1, steps=10)
    text = plain(unequal.report(tmp_path).read_text())
    line = "Budgets differ: with the same 10 steps, sam+adam spent 20 evaluations per run on quadratic"
    headline = text.index(unequal.verdict()["sentence"][0])
    assert 0 < text.index(line) - headline - len(unequal.verdict()["sentence"][0]) < 5  # right below it


def test_a_plugin_s_own_rule_races_on_the_page_of_the_run_that_loaded_it(command, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "mine.py").write_text(
        "from optibench import hookimpl, optimizer\n\n\n@optimizer\ndef mine(w, g, *, lr=0.001):\n"
        '    """Mine."""\n    return w - lr * g\n\n\n@hookimpl\ndef optibench_optimizers():\n    return [mine]\n'
    )
    arguments = [
        "--problem",
        "rosenbrock",
        "--optimizer",
        "mine",
        "--optimizer",
        "gd",
        "--seeds",
        1,
        "--steps",
        9,
        "--lr",
        "1e-3",
    ]
    for call in (["run", *arguments, "--workers", 1, "--out", "x"], ["report", "x"]):
        status, _, err = command(*call, "--plugins", str(folder))
        assert status == 0, err
        data = re.search(r'id="data">(.*?)</script>', (tmp_path / "x/index.html").read_text())[1]
        (race,) = json.loads(data.replace("1e999", "null"))["races"]
        assert [entry["reason"] for entry in race["entries"]] == ["", ""]
