"""The promises of the engine: the same bits in any company, counted costs, endings with reasons, resuming."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import optibench as ob
from optibench.engine.batches import SAMPLERS
from optibench.plugin.problem import Problem

HERE = Path(__file__).parents[1]
CLOSURES = str(HERE / "closures.py")
BROKEN = str(HERE / "broken.py")
PROBLEMS = ["quadratic", "quadratic:dimension=2", "rosenbrock", "xor-mlp", "diabetes-linear", "digits-mlp"]
OPTIMIZERS = ["sgd", "minibatch", "rmsprop", "adam", "sam", "backtracking", "block_norm", "factored", "exact_step"]
TIMED = ["seconds", "time_limit"]


def assert_same(first, second):
    for name, key in (("runs", ["id"]), ("curves", ["id", "step"])):
        a, b = (
            getattr(results, name).set_index(key).drop(columns=TIMED, errors="ignore") for results in (first, second)
        )
        common = [column for column in a if column in b]
        pd.testing.assert_frame_equal(a.loc[b.index, common], b[common], check_exact=True)


def counts(optimizer: str, problem: str = "xor-mlp", **facts: object) -> pd.Series:
    facts = {"lr": 0.05, "seeds": 1, "steps": 10, "plugins": CLOSURES, "dtype": "float64", **facts}
    return ob.run(problem, optimizer, **facts).runs.iloc[0]


def test_every_evaluation_is_counted():
    assert counts("gd")["gradient_evaluations"] == 10
    assert counts("sam")["gradient_evaluations"] == 20
    assert counts("exact_step")["gradient_evaluations"] == 30  # no exact product: a difference of two gradients
    exact = counts("exact_step", "quadratic")
    assert (exact["gradient_evaluations"], exact["hessian_products"]) == (10, 10)
    assert counts("backtracking")["value_evaluations"] >= 10


def test_a_budget_of_evaluations_is_spent_by_all_that_a_rule_calls():
    assert counts("gd", steps=None, gradient_evaluations=40)["steps"] == 40
    assert counts("sam", steps=None, gradient_evaluations=40)["steps"] == 20


def test_an_epoch_is_one_pass_and_the_remainder_is_dropped():
    run = counts("adam", "digits-mlp", steps=None, epochs=2)
    assert run["steps"] == 2 * (1078 // 32) and run["samples"] == run["steps"] * 32


def test_samplers_mean_what_they_are_called():
    def take(name, epochs):
        stream = SAMPLERS[name](np.random.default_rng(0), 50)
        return [next(stream) for _ in range(epochs)]

    for name in ("full", "reshuffle", "fixed"):
        assert all(sorted(epoch) == list(range(50)) for epoch in take(name, 2))
    first, second = take("reshuffle", 2)
    assert (first != second).any()
    first, second = take("fixed", 2)
    assert (first == second).all() and (first != np.arange(50)).any()
    assert len(set(take("replacement", 1)[0])) < 50


def scaled(factor: float, start: float = 1.0) -> Problem:
    return Problem(
        "scaled", start=lambda rng: np.full(2, start), value_grad=lambda w: (factor * (w**2).sum(-1), 2 * factor * w)
    )


def test_divergence_has_no_scale_and_the_others_go_on():
    steps = set()
    for factor in (1e-12, 1.0, 1e12):
        runs = ob.run(
            scaled(factor), "gd", lr=[2 / factor, 0.1 / factor], seeds=1, steps=60, dtype="float64", tune="none"
        ).runs
        assert runs["status"].tolist() == ["finished", "diverged"]
        steps.add(runs["diverged_at"][1])
        assert np.isnan(runs["loss"][1]) and runs["loss"][0] < factor
    assert steps == {11.0}  # the loss grows by 3^2 a step: 9^11 > 1e10


def test_a_run_that_starts_at_the_minimum_does_not_diverge():
    assert ob.run(scaled(1.0, start=0.0), "gd", lr=0.1, seeds=1, steps=5).runs["status"].tolist() == ["finished"]


def test_divergence_of_the_classical_kind_is_found_on_the_quadratic():
    runs = ob.run("quadratic", "gd", lr=[0.019, 0.03], seeds=3, steps=400, tune="none").runs
    assert runs.groupby("lr")["status"].unique().map(list).tolist() == [["finished"], ["diverged"]]


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("raises", "failed", "ValueError: oh no"),
        ("mutates", "failed", "(broken.py:19): inputs are read-only; a rule returns new arrays"),
        ("too_few", "failed", "returned 1 values; its signature declares 2: w, m"),
        ("wrong_shape", "failed", "returned w as float32 (1, 3); it must be float32 (1, 10)"),
        ("wrong_dtype", "failed", "it must be float32"),
        ("no_array", "failed", "returned w as float; it must be"),
        ("not_a_number", "diverged", "after step 7"),
    ],
)
def test_a_broken_rule_costs_its_own_runs_only_and_says_why(name, status, words):
    results = ob.run("quadratic", [name, "gd"], lr=1e-3, seeds=1, steps=40, plugins=BROKEN)
    runs = results.runs.set_index("optimizer")
    assert runs.loc["gd", "status"] == "finished"
    assert runs.loc[name, "status"] == status and words in runs.loc[name, "reason"]
    assert (results.curves["optimizer"] == name).any()  # what was recorded before is kept


def test_what_hangs_or_dies_is_ended_in_time_and_keeps_its_points():
    begin = time.monotonic()
    results = ob.run(
        "quadratic",
        ["hangs", "stubborn", "dies", "gd"],
        lr=1e-3,
        seeds=1,
        steps=40,
        plugins=BROKEN,
        workers=2,
        timeout=1,
    )
    assert time.monotonic() - begin < 60  # a watchdog: without limits it would never end
    runs = results.runs.set_index("optimizer")["status"]
    assert runs.to_dict() == {"hangs": "timeout", "stubborn": "timeout", "dies": "crashed", "gd": "finished"}
    assert (results.curves.groupby("optimizer")["step"].max() > 10).all()


def test_the_same_command_repeats_nothing_and_fills_what_is_missing(tmp_path):
    def run(**more):
        return ob.run(
            "rosenbrock", ["gd", "adam"], lr=[1e-4, 1e-3], steps=30, tune="none", out=tmp_path, **{"seeds": 2, **more}
        )

    first = run()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}
    assert_same(first, run())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()} == times
    assert (
        len(run(seeds=3).runs) == 12
        and times.items() <= {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}.items()
    )
    broken, foreign = sorted(times)[0], tmp_path / "runs/foreign.parquet"
    broken.write_bytes(broken.read_bytes()[:100])
    pd.DataFrame({"a": [1]}).to_parquet(foreign)
    with pytest.warns(UserWarning, match="left out"):
        again = run()
    assert_same(first, again)


def test_the_schedule_scales_the_rate():
    constant = ob.run(scaled(1.0), "gd", lr=0.1, seeds=1, steps=2, dtype="float64")
    cosine = ob.run(scaled(1.0), "gd", lr=0.1, seeds=1, steps=2, dtype="float64", schedule="cosine")
    assert constant.runs["loss"][0] == pytest.approx(2 * (0.8 * 0.8) ** 2)
    assert cosine.runs["loss"][0] == pytest.approx(2 * (0.8 * 0.9) ** 2)


def test_measuring_stays_within_its_share_of_a_long_run():
    runs = ob.run(["digits-mlp", "quadratic"], "adam", lr=1e-3, seeds=1, epochs=20).runs
    assert (runs["evaluation_share"] <= 0.2).all()
