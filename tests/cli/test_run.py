"""optibench run: time limits, plugins, what overrules what, and what a user is told."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest

import optibench as ob

BROKEN = str(Path(__file__).parents[1] / "broken.py")
ONE = ["--problem", "quadratic", "--optimizer", "gd", "--lr", "0.001", "--seeds", "1", "--steps", "40", "--no-report"]
LION = '''
from numpy import sign

from optibench import hookimpl, optimizer


@optimizer
def lion(w, g, m=0, *, lr=1e-4, beta1=0.9, beta2=0.99):
    """Sign of an interpolated momentum. Chen et al. 2023, arXiv:2302.06675, Algorithm 2."""
    direction = sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g
    return w - lr * direction, m


@hookimpl
def optibench_optimizers():
    return [lion]
'''


def lines(err):
    assert "Traceback" not in err
    return err.splitlines()


def test_the_lion_of_fifteen_lines_saved_as_a_file_runs(command):
    Path("lion.py").write_text(LION)
    status, out, err = command(
        *("run", "--plugins", ".", "--optimizer", "lion", "--problem", "digits-mlp"),
        *("--steps", "20", "--seeds", "1", "--no-report", "--out", "x"),
    )
    assert status == 0 and " finished in " in out
    assert err.startswith("warning: two plugins register the optimizer 'lion'")
    assert lines(err)[0].endswith("lion replaces the built-in")
    runs = ob.load("x").runs
    assert (runs["plugin"] == "lion").all() and (runs["beta2"] == 0.99).all() and (runs["steps"] == 20).all()


def test_what_hangs_and_what_dies_cost_their_own_runs_and_status_1(command):
    begin = time.monotonic()
    rules = [word for name in ("hangs", "stubborn", "dies") for word in ("--optimizer", name)]
    status, out, err = command(
        "run", *ONE, *rules, "--plugins", BROKEN, "--timeout", "1", "--workers", "4", "--out", "x"
    )
    assert time.monotonic() - begin < 60  # a watchdog: without limits it would never end
    assert status == 1 and "1 finished" in out and "2 timeout" in out and "1 crashed" in out
    assert sorted(line.split(" on ")[0] for line in lines(err) if not line.startswith("note: ")) == [
        "crashed: dies",
        "timeout: hangs",
        "timeout: stubborn",
    ]
    curves = ob.load("x").curves.groupby("optimizer")["step"].max()
    assert (curves[["dies", "hangs", "stubborn"]] > 10).all() and curves["gd"] == 40


def test_divergence_is_a_result_and_status_0(command):
    status, out, _ = command("run", *ONE, "--lr", "0.001,1", "--tune", "none")
    assert status == 0 and "1 diverged" in out and "1 finished" in out


def test_flags_change_a_file_and_a_flags_budget_replaces_the_files(command):
    Path("mine.toml").write_text('problems = ["quadratic"]\noptimizers = ["gd"]\nlr = 0.01\nepochs = 9\nseeds = 3\n')
    assert command("run", "mine.toml", "--steps", "5", "--seeds", "1", "--no-report", "--out", "x")[0] == 0
    facts = tomllib.loads(Path("x/experiment.toml").read_text())
    assert (facts["name"], facts["steps"], facts["seeds"], facts["lr"]) == ("mine", 5, 1, [0.01])
    assert "epochs" not in facts


def test_every_fact_of_a_resolved_experiment_is_written_and_read(command):
    flags = ["--optimizer", "adam:beta1=0.8", "--problem", "quadratic:condition=10", "--schedule", "cosine"]
    flags += ["--dtype", "float64", "--sampler", "fixed", "--batch", "16", "--lr", "1e-3:1e-1:3", "--seeds", "2"]
    flags += ["--evaluations", "12", "--no-report"]
    assert command("run", *flags, "--out", "x")[0] == 0
    assert command("run", "x/experiment.toml", "--no-report", "--out", "y")[0] == 0
    assert ob.load("x").runs["id"].tolist() == ob.load("y").runs["id"].tolist()
    assert Path("x/experiment.toml").read_bytes() == Path("y/experiment.toml").read_bytes()


def test_a_batch_that_does_not_apply_is_said(command):
    _, _, err = command("run", *ONE, "--optimizer", "adam", "--batch", "8")
    assert lines(err)[0] == "note: --batch is ignored by gd: fixed batch size"


def test_too_few_replicates_are_said_before_anything_is_run(command):
    flags = [word for word in ONE if word not in ("--seeds", "1")]
    words = "are too few to test 3 methods on 1 problem: at least 7 are needed; the results will be described"
    for count, said in (("6", True), ("7", False)):
        err = command("run", *flags, "--optimizer", "adam", "--optimizer", "momentum", "--seeds", count)[2]
        assert (words in err) == said, err


def test_unequal_budgets_are_said_before_the_leaderboard(command):
    flags = [word for word in ONE if word != "--no-report"] + ["--optimizer", "sam+gd"]
    status, out, _ = command("run", *flags)
    line = "Budgets differ: with the same 40 steps, sam+gd spent 80 evaluations per run on quadratic, gd 40."
    assert status == 0 and out.splitlines().count(line) == 1
    assert out.index(line) < out.index("rank") < out.index("report: ")
    status, out, _ = command("run", *("--evaluations" if word == "--steps" else word for word in flags))
    assert status == 0 and "Budgets differ" not in out
    assert command("run", *flags, "--quiet")[1] == ""


def test_quiet_prints_nothing(command):
    assert command("run", *ONE, "--quiet") == (0, "", "")


def test_results_go_to_reports_under_the_name_of_the_experiment(command):
    command("run", *ONE)
    assert len(ob.load("reports/custom").runs) == 1


def test_a_broken_file_in_the_store_is_one_warning_and_its_gap_is_filled(command):
    command("run", *ONE, "--out", "x")
    (path,) = Path("x/runs").iterdir()
    path.write_bytes(path.read_bytes()[:50])
    status, out, err = command("run", *ONE, "--out", "x")
    assert status == 0 and out.startswith("1 runs: 1 finished")
    assert len(lines(err)) == 1 and err.startswith("warning: ") and path.name in err


TYPES = [
    "lr = true",
    'seeds = "3"',
    "epochs = 1.5",
    "batch = []",
    "sampler = []",
    "dtype = 3",
    "schedule = {}",
    "l2 = nan",
]


@pytest.mark.parametrize("line", [*TYPES, "problems = 3", "optimizers = [[]]", "lr = [[1]]", 'lr = "1:inf:3"'])
def test_a_value_of_another_type_in_a_file_is_one_line_and_status_2(command, line):
    facts = {"problems": "problems = ['quadratic']", "optimizers": "optimizers = ['gd']"}
    facts[line.split(" ")[0]] = line
    Path("mine.toml").write_text("\n".join(facts.values()))
    status, out, err = command("run", "mine.toml")
    assert status == 2 and out == "" and len(lines(err)) == 1 and err.startswith("error: ")
    assert line.split(" ")[0].removesuffix("s") in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--seeds", "many"], "seeds = 'many': must be a whole number, at least 1"),
        (["run", "--workers", "0"], "0 is not in the range"),
        (["run", "smoke", "classic"], "unexpected extra argument"),
        (["run", "--timeout", "nan"], "--timeout nan: must be more than 0"),
        (["run", "--lr", "inf"], "must be positive and finite"),
        (["run", "--steps", "5", "--evaluations", "5"], "steps and gradient_evaluations given together"),
        (["run", "--problem", ""], "problem"),
        (["run", "--plugins", "same"], "two plugins named 'mine'"),
        (["report"], "Missing argument 'DIR"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_flags_are_one_line_and_status_2(command, arguments, words):
    for folder in ("same", "other"):
        Path(folder).mkdir()
        Path(folder, "mine.py").write_text(LION.replace("lion", "lioness"))
    if "same" in arguments:
        arguments = [*arguments, "--plugins", "other"]
    status, out, err = command(*arguments)
    assert status == 2 and out == "" and len(lines(err)) == 1 and err.startswith("error: ") and words in err


def test_a_module_that_is_not_there_is_a_warning(command):
    status, _, err = command("run", *ONE, "-p", "no_such_module")
    assert status == 0 and len(lines(err)) == 1 and "plugin 'no_such_module' (module) left out" in err
