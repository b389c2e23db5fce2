"""Why runs ended badly or slowly: every branch of the wording, and that each is said where it is so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import optibench as ob
from optibench import Problem
from optibench.analysis.explain_runs import causes, diagnoses, explain

FINISHED = {"status": "finished", "reason": ""}
DIVERGED = {"status": "diverged", "reason": "", "diverged_at": 7.0, "start_loss": 1.0, "last_loss": 5.0}
FLAT = {**FINISHED, "gradient_norm": 1e-9, "start_gradient_norm": 1.0, "largest_curvature": 2.0}


PLATEAU = "plateaued: the second half of the budget brought "
SMALL = (
    "stopped at a small gradient, norm 1e-09, with no negative Hessian eigenvalue found: another minimum or a plateau"
)
UNEXPLAINED = "slow, and no measured quantity explains why"


@pytest.mark.parametrize(
    ("row", "cause", "sentence"),
    [
        ({"status": "failed", "reason": "ValueError: no"}, "failed", "failed: ValueError: no"),
        ({"status": "timeout", "reason": "the time limit"}, "timeout", "timeout: the time limit"),
        (
            {**DIVERGED, "lr_times_curvature": 2.5, "overshoot": 2.4},
            "diverged",
            "diverged at step 7: lr x largest curvature = 2.5 > 2",
        ),
        (
            {**DIVERGED, "overshoot": 6.2},
            "diverged",
            "diverged at step 7: its first step was 6.2 times the distance to the minimum along its direction; beyond "
            "2 the loss increases",
        ),
        (
            {**DIVERGED, "lr_times_curvature": 0.5, "overshoot": 0.4},
            "diverged",
            "diverged at step 7: lr x largest curvature was 0.5 at the start: the curvature increased during training",
        ),
        (
            {**DIVERGED, "lr_times_curvature": 0.5, "overshoot": 0.4, "sampler": "reshuffle"},
            "diverged",
            "diverged at step 7: lr x largest curvature was 0.5 at the start: the curvature increased during training, "
            "or single batches have larger curvature",
        ),
        (
            {**DIVERGED, "lr_times_curvature": 2.001},
            "diverged",
            "diverged at step 7: lr x largest curvature = 2.001 > 2",
        ),
        ({**DIVERGED, "last_loss": -3.0}, "diverged", "diverged at step 7: the loss decreased without bound"),
        (DIVERGED, "diverged", "diverged at step 7: the loss grew beyond the divergence threshold"),
        (
            {**FLAT, "lowest_curvature": -0.8},
            "saddle point",
            "stalled at a saddle point: gradient norm 1e-09, negative Hessian eigenvalue -0.8",
        ),
        ({**FLAT, "lowest_curvature": 0.1}, "vanishing gradient", SMALL),
        (
            {**FINISHED, "dead_units": 30, "units": 32, "unit": "relu"},
            "dead units",
            "dead units: 30 of 32 relu outputs are zero",
        ),
        (
            {**FINISHED, "dead_units": 30, "units": 32, "unit": "sigmoid"},
            "dead units",
            "dead units: 30 of 32 sigmoid units have zero gradient",
        ),
        ({**FINISHED, "step_cosine": -0.9}, "oscillation", "oscillates: the cosine of consecutive steps is -0.9"),
        (
            {**FINISHED, "step_cosine": 0.9, "late_share": 0.12},
            "still descending",
            "still descending at the end of the budget: its second half brought 12 % of the decrease",
        ),
        (
            {**FINISHED, "late_share": 0.0, "gradient_norm": 0.5, "start_gradient_norm": 1.0},
            "plateau",
            f"{PLATEAU}no decrease; the gradient norm is 0.5 times its initial value",
        ),
        ({**FINISHED, "late_share": 0.008}, "plateau", f"{PLATEAU}at most 1 % of the decrease"),
        (
            {**FLAT, "gradient_norm": 1e-4, "lowest_curvature": -0.8, "late_share": 0.12},
            "still descending",
            "still descending at the end of the budget: its second half brought 12 % of the decrease",
        ),
        (
            {**FINISHED, "left": 0.997, "step_cosine": 1.0, "late_share": 0.5},
            "learning rate too small",
            "hardly moved: 0.3 % of the way to the best loss, with aligned steps: the learning rate is too small",
        ),
        ({**FINISHED, "left": 1.2, "step_cosine": 1.0}, "unexplained", UNEXPLAINED),
        ({**FLAT, "lowest_curvature": 0.001}, "vanishing gradient", SMALL),
        ({**FINISHED, "left": 0.997, "step_cosine": 0.4}, "unexplained", UNEXPLAINED),
        ({**FINISHED, "late_share": -0.1}, "plateau", f"{PLATEAU}no decrease"),
        (
            {**FINISHED, "late_share": np.nan, "gradient_norm": 0.5, "start_gradient_norm": 1.0},
            "large gradient",
            "far from converged: the gradient norm is still 0.5 times its initial value",
        ),
        (FINISHED, "unexplained", UNEXPLAINED),
    ],
)
def test_every_cause_has_its_name_and_its_sentence(row, cause, sentence):
    assert explain(row) == (cause, sentence)


def sentences(runs):
    return diagnoses(runs)["sentence"]


def frame(*rows):
    base = {
        "problem": "p",
        "optimizer": "a",
        "lr": 0.1,
        "seed": 0,
        "part": "reporting",
        "minimum": None,
        "start_loss": 10.0,
    }
    return pd.DataFrame([{**base, **FINISHED, "id": str(place), **row} for place, row in enumerate(rows)])


def test_a_run_that_is_near_the_best_on_its_problem_needs_no_word():
    told = sentences(
        frame({"loss": 1.0}, {"loss": 1.08}, {"loss": 1.2}, {"loss": np.nan, **DIVERGED}, {"loss": 5, "problem": "q"})
    )
    assert [bool(text) for text in told] == [False, False, True, True, False]


def test_a_known_minimum_is_the_measure_even_if_nobody_came_near():
    assert (
        sentences(frame({"loss": 1.0, "minimum": 0.0})).iloc[0]
        and not sentences(frame({"loss": 0.05, "minimum": 0.0})).iloc[0]
    )


def test_a_frame_without_measured_columns_tells_only_what_did_not_finish():
    runs = frame({"loss": 1.0}, {"loss": 2.0}, {"loss": np.nan, "status": "failed", "reason": "no"})
    assert sentences(runs.drop(columns=["start_loss", "minimum"])).tolist() == ["", "", "failed: no"]
    assert sentences(runs.iloc[:0]).empty


def test_a_saddle_is_diagnosed_even_if_nobody_came_further_but_not_a_known_minimum():
    still = {**FLAT, "loss": 1.0, "lowest_curvature": -0.8}
    assert sentences(frame(still)).iloc[0].startswith("stalled at a saddle")
    assert sentences(frame({**still, "gradient_norm": 0.0, "start_gradient_norm": 0.0, "start_loss": 1.0})).iloc[0]
    assert not sentences(frame({**still, "minimum": 1.0})).iloc[0]
    assert not sentences(frame({**still, "gradient_norm": 1e-4})).iloc[0]  # small, but it may be on its way
    assert not sentences(frame({**still, "lowest_curvature": -0.01})).iloc[0]  # flat, for all that can be told


def test_a_run_that_hardly_moved_is_told_so():
    told = sentences(
        frame({"loss": 0.0}, {"loss": 9.95, "step_cosine": 1.0}, {"loss": 9.8, "step_cosine": 1.0, "late_share": 0.5})
    )
    assert told[1].startswith("hardly moved: 0.5 % of the way") and told[2].startswith("still descending")


def test_ten_thousand_runs_are_told():
    every = frame({"loss": 1.0}, {"loss": 5.0, "late_share": 0.3}, {"loss": np.nan, **DIVERGED})
    many = pd.concat([every] * 3334, ignore_index=True)
    assert (sentences(many) != "").sum() == 6668


def test_causes_are_counted_by_problem_and_method():
    table = causes(
        frame(
            {"loss": 1.0},
            {"loss": 5.0, "late_share": 0.3, "lr": 0.2},
            {"loss": 5.0, "late_share": 0.4, "lr": 0.4},
            {"loss": np.nan, **DIVERGED},
        )
    )
    assert table["cause"].tolist() == ["diverged", "still descending"]
    assert table["runs"].tolist() == [1, 2] and table["highest_lr"].tolist() == [0.1, 0.4]
    assert causes(frame({"loss": 1.0})).empty


def test_the_sentences_of_the_classical_cases():
    def saddle():
        h = np.diag([1.0, -0.5])
        return Problem("pass", lambda rng: np.array([1.0, 1e-12]), lambda w: (((w @ h) * w).sum(-1) / 2, w @ h))

    facts = {"seeds": 1, "dtype": "float64", "tune": "none"}
    quadratic = ob.run("quadratic", "gd", lr=[0.025, 1e-4], steps=100, **facts)
    told = quadratic.why().set_index("lr")["sentence"]
    assert told[0.025].endswith("lr x largest curvature = 2.5 > 2") and told[1e-4].startswith("still descending")
    stalled = ob.run(saddle(), ["gd", "adam"], lr=0.5, steps=30, **facts).why().set_index("optimizer")["sentence"]
    assert stalled.index.tolist() == ["gd"]  # adam goes down the other axis
    assert stalled["gd"].startswith("stalled at a saddle point: gradient norm ") and stalled["gd"].endswith(
        "eigenvalue -0.5"
    )
    zigzag = ob.run("quadratic:condition=1000", ["gd", "bfgs"], lr=0.00199, steps=50, **facts).why()
    assert zigzag["sentence"].tolist() == ["oscillates: the cosine of consecutive steps is -1"]


def test_why_tells_evaluation_runs_and_those_of_tuning_that_did_not_finish_and_obeys_filters():
    results = ob.run("quadratic", ["gd", "adam"], lr=[1e-4, 1e-2, 10], seeds=2, steps=30)
    told = results.why()
    assert set(told["part"]) == {"tuning", "reporting"} and told["id"].is_unique
    tuning = told[told["part"] == "tuning"]
    assert set(tuning["status"]) == {"diverged"} and "finished" in set(told["status"])
    assert tuning["sentence"].str.endswith("the loss grew beyond the divergence threshold").all()
    assert set(results.why(optimizer="gd")["optimizer"]) == {"gd"}
    assert set(results.why(tuning="default")["part"]) == {"reporting"}
