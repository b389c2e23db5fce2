"""Figures and tables as files of chosen formats: only what was asked for, readable, and escaped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import optibench as ob
from optibench.analysis.declaration import analyses
from optibench.errors import SettingError, StoreError, UnknownName
from optibench.plugin.figure import Figure
from optibench.plugin.registry import registry
from optibench.report.files import FORMATS, GROUPS
from optibench.report.tables import csv, latex, markdown
from optibench.results import Results


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    ob.run(["rosenbrock", "xor-mlp"], ["gd", "adam"], lr=[1e-4, 1e-2, 10], seeds=3, steps=80, out=folder)
    return folder


@pytest.fixture(scope="module")
def results(store):
    return ob.load(store)


def files(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_paper_gets_the_files_that_it_asks_for_and_nothing_else(store, command, tmp_path):
    out = tmp_path / "paper"
    arguments = ["--only", "profiles,ranks", "--format", "pdf,latex", "--style", "paper", "--out", str(out)]
    status, text, _ = command("report", str(store), *arguments)
    figures = {f"figures/{name}.pdf" for name in ("performance-profile", "data-profile", "ecdf", "ranks")}
    assert status == 0 and files(out) == figures | {"tables/profile.tex", "tables/ranks.tex"}
    assert {str(out / name) for name in files(out)} == {*text.split()}
    assert all((out / name).read_bytes().startswith(b"%PDF") for name in figures)


@pytest.mark.parametrize("given", FORMATS)
def test_every_format_is_written_for_every_name_of_its_kind(results, tmp_path, given):
    written = results.write(tmp_path, formats=[given])
    figures, tables = len(registry()["figure"]), len(analyses(Results)) + 1
    if given == "html":
        assert [path.name for path in written] == ["index.html"] and (tmp_path / "index.html").exists()
    else:
        assert len(written) == (figures if given in ("png", "svg", "pdf") else tables)
        assert files(tmp_path) == {str(path.relative_to(tmp_path)) for path in written}
    for path in written:
        if path.suffix == ".svg":
            ET.parse(path)


def test_only_alone_means_svg_and_csv(results, tmp_path):
    results.write(tmp_path, ["ranks", "runs"])
    assert files(tmp_path) == {"figures/ranks.svg", "tables/ranks.csv", "tables/runs.csv"}


def test_a_page_of_one_figure(results, tmp_path):
    results.write(tmp_path, ["ecdf"], ["html"])
    assert {name for name in files(tmp_path) if name.startswith("figures")} == {"figures/ecdf.svg"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "rnks"], "error: no figure or table named 'rnks'; nearest: ranks"),
        (["--format", "pdff"], "error: no format named 'pdff'; nearest: pdf"),
        (["--style", "papr"], "error: no style named 'papr'; nearest: paper"),
        (
            ["--only", "leaderboard", "--format", "pdf"],
            "error: format pdf is for figures, and leaderboard names none; name one of data-profile, ecdf, ",
        ),
        (
            ["--only", "ecdf,pairs", "--format", "svg,latex"],
            "error: format latex is for tables, and ecdf, pairs names none; name one of causes, ",
        ),
    ],
)
def test_what_cannot_be_written_is_one_line_and_nothing_is(store, command, tmp_path, arguments, message):
    status, out, err = command("report", str(store), *arguments, "--out", str(tmp_path / "out"))
    assert status == 2 and err.startswith(message) and err.count("\n") == 1 and not out
    assert not (tmp_path / "out").exists()


def test_the_groups_name_what_there_is():
    assert {name for names in GROUPS.values() for name in names} <= {*registry()["figure"], *analyses(Results)}
    assert not {*GROUPS} & {*registry()["figure"], *analyses(Results)}


def test_a_figure_that_fails_costs_itself_only(results, tmp_path):
    def broken(results):
        raise KeyError("no such column")

    frame = pd.DataFrame({"x": [1.0], "y": [1.0]})
    figures = [
        Figure("bad", "", "", broken, {"x": "x", "y": "y"}),
        Figure("mute", "", "", lambda results: frame, {"x": "x", "y": "y"}, lambda frame: frame["z"][0]),
        Figure("empty", "", "", lambda results: pd.DataFrame(), {"x": "x", "y": "y"}),
        registry().get("figure", "ranks"),
    ]
    with pytest.warns(UserWarning) as warned:
        results.write(tmp_path, formats=["svg"], figures=figures)
    assert files(tmp_path) == {"figures/ranks.svg"}
    lines = [str(warning.message) for warning in warned]
    assert lines[0].startswith("figure 'bad' could not be drawn: KeyError: 'no such column' (test_files.py:")
    assert lines[1].startswith("figure 'mute' could not be drawn: KeyError: 'z'")
    assert lines[2] == "figure 'empty' has nothing to show for these results"
    with pytest.warns(UserWarning), pytest.raises(StoreError, match="nothing was written"):
        results.write(tmp_path, only=["empty"], formats=["svg"], figures=figures)


def test_the_errors_of_python_are_the_same(results, tmp_path):
    with pytest.raises(UnknownName):
        results.write(tmp_path, ["rnks"])
    with pytest.raises(SettingError):
        results.write(tmp_path, ["verdict"], ["png"])
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="choose another folder"):
        results.write(blocked, ["ranks"], ["svg"])


# Tables

FRAME = pd.DataFrame(
    {
        "optimizer": ["a_b", "50 % & $x$", "{\\~^#}", "p|q <i>"],
        "mean_rank": [1.23456789, 1.5e-7, np.inf, np.nan],
        "low": [1.0, -np.inf, -np.inf, 0.25],
        "high": [2.0, np.inf, 3.0, np.inf],
        "count": [1, 2, 3, 4],
        "better": [True, False, True, False],
        "leaders": [["a", "b"], ["c"], [], ["d"]],
    }
)


def test_latex_has_the_rows_and_columns_of_the_table_escaped():
    lines = latex(FRAME, "activation", "what\nit shows").splitlines()
    assert lines[0] == r"% what it shows; needs \usepackage{booktabs}"
    assert lines[1] == r"\begin{tabular}{lrrrll}" and lines[-1] == r"\end{tabular}"
    assert [lines[2], lines[4], lines[-2]] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert lines[3] == r"activation & mean rank & 95 \% interval & count & better & leaders \\"
    assert lines[5] == r"a\_b & $1.235$ & [$1$, $2$] & 1 & yes & a; b \\"
    assert lines[6] == r"50 \% \& \$x\$ & $1.5 \times 10^{-7}$ & -- & 2 & no & c \\"
    assert (
        lines[7]
        == r"\{\textbackslash{}\textasciitilde{}\textasciicircum{}\#\} & unfinished & [-inf, $3$] & 3 & yes & -- \\"
    )
    assert lines[8] == r"p\textbar{}q \textless{}i\textgreater{} & -- & [$0.25$, unfinished] & 4 & no & d \\"
    assert len(lines) == 11


def test_markdown_has_the_rows_and_columns_of_the_table_escaped():
    lines = markdown(FRAME).splitlines()
    assert lines[0] == "| optimizer | mean rank | 95 % interval | count | better | leaders |"
    assert lines[1] == "| --- | ---: | ---: | ---: | --- | --- |"
    assert lines[2] == r"| a\_b | 1.235 | \[1, 2\] | 1 | yes | a; b |"
    assert lines[4] == r"| {\\~^#} | unfinished | \[-inf, 3\] | 3 | yes |  |"
    assert lines[5] == r"| p\|q \<i\> |  | \[0.25, unfinished\] | 4 | no | d |"


def test_csv_has_every_digit():
    assert csv(FRAME).splitlines()[1] == "a_b,1.23456789,1.0,2.0,1,True,a; b"


def test_every_table_of_the_results_is_a_table_in_every_format(results):
    for name, table in {**results.tables(), "runs": results.runs.iloc[:3]}.items():
        columns = set()
        for line in latex(table).splitlines()[3:-2]:
            if line != r"\midrule":
                columns.add(len(re.findall(r"(?<!\\)&", line)))
                assert line.endswith(r" \\")
        assert len(columns) == 1, name
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in markdown(table).splitlines()}) == 1, name
