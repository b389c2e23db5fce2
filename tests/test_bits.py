"""The promise: a run has the same bits alone, in any cohort, in any order and in any process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import optibench as ob
from optibench import optimizer
from optibench.experiment import plan

CLOSURES = str(Path(__file__).with_name("closures.py"))
PROBLEMS = ["quadratic", "rosenbrock", "noisy-beale", "diabetes-linear", "breast-cancer-logistic", "digits-softmax"]
PROBLEMS += ["breast-cancer-perceptron", "digits-mlp", "xor-mlp"]
OPTIMIZERS = ["gd", "sgd", "minibatch", "adam", "sam", "backtracking", "block_norm", "factored", "exact_step"]
#: What is no fact of a run's mathematics.
TIMED = ["seconds", "time_limit"]


def run(problems=PROBLEMS, optimizers=OPTIMIZERS, **changes):
    facts = {"lr": [1e-2, 1.0, 30.0], "seeds": 2, "steps": 3, "plugins": CLOSURES, "tune": "none", **changes}
    return ob.run(problems, optimizers, **facts)


def rows(frame, keys):
    """Each row by its key, its numbers as bytes, so that -0 is not 0 and nan is nan."""
    names = sorted(set(frame) - {*TIMED, *keys})
    return {
        tuple(row[key] for key in keys): {
            name: np.float64(row[name]).tobytes() if isinstance(row[name], float | int) else row[name] for name in names
        }
        for row in frame.to_dict("records")
    }


def assert_same(some, every):
    for frame, keys in (("runs", ["id"]), ("curves", ["id", "step"])):
        found, expected = (rows(getattr(results, frame), keys) for results in (some, every))
        assert found and found.keys() <= expected.keys()
        missing = np.float64(np.nan).tobytes()  # a column that this selection lacks
        for key, row in found.items():
            assert {name: expected[key].get(name, missing) for name in row} == row, key


@pytest.fixture(scope="module", params=["float32", "float64"])
def every(request):
    return run(dtype=request.param)


def test_the_same_bits_in_cohorts_of_one_and_of_two(every, monkeypatch):
    for size in (1, 2):
        monkeypatch.setattr(plan, "capacity", lambda *facts, size=size: size)
        assert_same(run(dtype=every.runs["dtype"][0]), every)


def test_the_same_bits_alone_and_in_reversed_order(every):
    dtype = every.runs["dtype"][0]
    assert_same(run(PROBLEMS[::-1], OPTIMIZERS[::-1], lr=[30.0, 1.0, 1e-2], dtype=dtype), every)
    for rate in (1e-2, 1.0):
        assert_same(run(lr=rate, seeds=1, dtype=dtype), every)


def test_the_same_bits_in_another_process(every):
    assert_same(run(dtype=every.runs["dtype"][0], executor="processes", workers=2), every)


def test_the_same_bits_when_the_companions_leave_by_divergence_or_budget():
    facts = {"gradient_evaluations": 300, "steps": None, "dtype": "float32", "seeds": 3}
    rates = [1e-4, 1e-2, 0.05, 0.5]
    every = run("quadratic", ["gd", "adam", "backtracking"], lr=rates, **facts)
    assert every.runs["steps"].nunique() > 4 and {"finished", "diverged"} == set(every.runs["status"])
    for rate in rates:
        assert_same(run("quadratic", ["gd", "adam", "backtracking"], lr=rate, **{**facts, "seeds": 1}), every)


def test_the_same_bits_when_only_a_part_was_missing(tmp_path):
    facts = {"optimizers": ["adam", "sam"], "dtype": "float32", "out": tmp_path}
    run("digits-mlp", lr=[1e-2], **facts)
    assert_same(run("digits-mlp", **facts), run("digits-mlp", **{**facts, "out": None}))


def test_the_same_bits_of_a_rule_with_noise_and_of_a_sampler_with_replacement():
    @optimizer
    def langevin(w, g, normal, *, lr=0.1, noise=0.01):
        return w - lr * g + noise * normal()

    facts = {"sampler": "replacement", "batch": 16, "seeds": 3, "schedule": "cosine", "l2": 0.01}
    every = run("digits-softmax", langevin, **facts)
    assert_same(run("digits-softmax", langevin, lr=1.0, **facts), every)
    assert every.runs.query("lr == 1.0")["loss"].nunique() == 3
