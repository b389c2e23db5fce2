"""optibench analyse: verdict, caveats and tables of a folder."""

from __future__ import annotations

import csv
import io

import pytest

import optibench as ob
from optibench.analysis.declaration import analyses
from optibench.results import Results


@pytest.fixture
def folder(tmp_path):
    facts = {"lr": [1e-3, 1e-2, 0.1], "seeds": 6, "steps": 30, "out": tmp_path / "x"}
    return ob.run(["quadratic", "rosenbrock"], ["gd", "momentum", "adam"], **facts).folder


def test_without_a_table_the_verdict_and_the_ranks_are_printed(folder, command):
    status, out, err = command("analyse", folder)
    assert status == 0 and err == ""
    for sentence in ob.load(folder).verdict()["sentence"]:
        assert sentence in out
    assert "p_first" in out and "pairwise" not in out


def test_every_analysis_is_printed(folder, command):
    status, out, _ = command("analyse", folder, "all")
    assert status == 0
    for name, what in analyses(Results).items():
        assert f"{name.replace('_', ' ')}: {what.summary}" in out


def test_filters_choose_problems_methods_seeds_and_tuning(folder, command):
    flags = ["--problem", "quadratic", "--optimizer", "gd", "--optimizer", "adam", "--seed", 0, "--seed", 1, "--csv"]
    status, out, _ = command("analyse", folder, "leaderboard", *flags, "--tuning", "default")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0 and {row["optimizer"] for row in rows} == {"gd", "adam"}
    assert {row["problem"] for row in rows} == {"quadratic"} and {row["runs"] for row in rows} == {"2"}
    assert {row["optimizer"]: float(row["lr"]) for row in rows} == {"gd": 0.01, "adam": 0.001}


def test_what_cannot_be_concluded_is_said(folder, command):
    out = command("analyse", folder, "--optimizer", "gd", "--seed", 0)[1]
    assert "note: only one optimizer, gd" in out and "note: quadratic: only one replicate" in out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["leaderbord"], "no table named 'leaderbord'; nearest: leaderboard"),
        (["--problem", "quadratc"], "no problem in the results named 'quadratc'; nearest: quadratic"),
        (["--optimizer", "adm"], "no optimizer in the results named 'adm'; nearest: adam"),
        (["--seed", "99"], "no seed in the results named '99'"),
        (["--tuning", "defaults"], "no tuning in the results named 'defaults'; nearest: default"),
    ],
)
def test_bad_input_is_one_line_and_status_2(folder, command, flags, words):
    status, _, err = command("analyse", folder, *flags)
    assert status == 2 and words in err and err.count("\n") == 1


def test_a_folder_without_results_is_one_line_and_status_2(command):
    status, _, err = command("analyse", "nowhere")
    assert status == 2 and "'nowhere' holds no results" in err and err.count("\n") == 1
