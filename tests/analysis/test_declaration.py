"""An analysis is declared in one place: command line, page, CSV files and docs find it there."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
import test_docs

import optibench as ob
from optibench.analysis.declaration import analyses, analysis, flat
from optibench.results import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("declared") / "x"
    facts = {"lr": [1e-4, 1e-2, 10], "seeds": 3, "steps": 40, "out": folder}
    return ob.run(["rosenbrock", "wine-mlp"], ["gd", "adam"], **facts)


@analysis("how many runs every method has", {"optimizer": "the method", "runs": "how many", "seeds": "which"})
def counts(self, **filters):
    """One row a method."""
    rows = self.compare(**filters).rows.groupby("optimizer")
    return rows.agg(runs=("id", "size"), seeds=("seed", lambda seeds: sorted(set(seeds)))).reset_index()


def test_every_analysis_has_exactly_the_columns_that_it_declares(results):
    for filters in ({}, {"tuning": "default"}, {"problem": "wine-mlp"}, {"optimizer": ["gd"]}, {"seed": 0}):
        for name, what in analyses(Results).items():
            assert list(getattr(results, name)(**filters)) == list(what.columns), (name, filters)
    for kind in ("data", "ecdf", "area", "algoperf"):
        assert list(results.profile(kind)) == list(analyses(Results)["profile"].columns)


def test_every_analysis_says_what_it_shows_and_what_its_columns_mean():
    for name, what in analyses(Results).items():
        assert what.summary and all(what.columns.values()), name
        assert getattr(Results, name).__doc__, name


def test_an_analysis_that_is_added_in_one_place_is_found_everywhere(results, command, monkeypatch, tmp_path):
    monkeypatch.setattr(Results, "counts", counts, raising=False)
    assert list(analyses(Results))[-1] == "counts"
    status, out, _ = command("analyse", results.folder, "counts", "--seed", 0, "--seed", 1)
    assert status == 0 and "counts: how many runs every method has" in out and "0; 1" in out
    _, out, _ = command("analyse", results.folder, "counts", "--csv")
    assert [row["seeds"] for row in csv.DictReader(io.StringIO(out))] == ["0; 1; 2"] * 2
    for arguments in (["analyse", "--help"], ["analyse"]):
        status, out, _ = command(*arguments)
        assert status == 0 and "counts" in out and "how many runs every method has" in out
    assert command("analyse", results.folder, "count")[2].endswith("nearest: counts\n")
    page = results.report(tmp_path / "page")
    assert 'href="tables/counts.csv"' in page.read_text()
    assert (page.parent / "tables/counts.csv").read_text().startswith("optimizer,runs,seeds\n")
    assert "| **`counts`** | | **how many runs every method has** |" in test_docs.tables()
    assert "| | `seeds` | which |" in test_docs.tables()


def test_the_analyses_stand_in_the_order_of_the_class():
    assert list(analyses(Results))[:3] == ["verdict", "leaderboard", "ranks"]
    assert not analyses(object)


def test_lists_and_settings_are_joined_for_print():
    frame = pd.DataFrame(
        {"a": [["x", "y"], []], "b": [{"lr": "0.1 in 2 of 3", "beta": "0.5"}, {}], "c": ["z", None], "d": [1, 2]}
    )
    plain = flat(frame)
    assert plain["a"].tolist() == ["x; y", ""] and plain["b"].tolist() == ["beta 0.5; lr 0.1 in 2 of 3", ""]
    assert plain["c"].iloc[0] == "z" and plain["d"].tolist() == [1, 2]
    assert frame["a"].iloc[0] == ["x", "y"]  # untouched
