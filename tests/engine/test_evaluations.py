"""Every evaluation is paid: what nobody pays for is NaN, and no run spends more than its budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import optibench as ob
from optibench import optimizer
from optibench.engine.external import Objective, begin
from optibench.engine.records import COUNTS, alone
from optibench.engine.state import Training
from optibench.plugin.problem import Problem
from optibench.plugin.registry import registry

CLOSURES = str(Path(__file__).parents[1] / "closures.py")
SOLVERS = [name for name, rule in registry()["optimizer"].items() if rule.solver]


def bowl(dimension: int, exact: bool = True) -> Problem:
    return Problem(
        "bowl",
        start=lambda rng: rng.standard_normal(dimension),
        value_grad=lambda w: ((w**4).sum(axis=-1), 4 * w**3),
        hessian_product=(lambda w, v: 12 * w**2 * v) if exact else None,
        minimum=0.0,
    )


@optimizer
def asking(w, g, grad, value, hessian_product, *, lr=0.1):
    return w


def asked(problem: Problem, dtype: str = "float64") -> Training:
    """Four runs before their first step: their ``grad``, ``value`` and ``hessian_product`` can be called."""
    cohort = alone(asking, [{}] * 4, 3, dtype)
    return Training(cohort, problem.astype(dtype), asking, lambda t, total: 1.0)


def calls(training: Training) -> dict:
    point, v = training.w * 2, training.w - 1
    return {
        "grad": lambda where: training.grad(point, where),
        "value": lambda where: training.value(point, where),
        "hessian_product": lambda where: training.hessian_product(point, v, where),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("problem", [bowl(2), bowl(5), bowl(2, exact=False), bowl(5, exact=False)])
def test_rows_that_nobody_pays_for_are_nan_and_the_others_keep_their_bits(problem, dtype):
    mask = np.array([True, False, True, False])
    for name, call in calls(asked(problem, dtype)).items():
        full = call(None)
        for where in (mask, mask[:, None], mask[:, None].astype(float)):
            part = call(where)
            assert part[mask].tobytes() == full[mask].tobytes() and np.isnan(part[~mask]).all(), name
            assert (part.dtype, part.flags.f_contiguous) == (full.dtype, full.flags.f_contiguous)
        for nobody in (False, np.zeros((1, 1), bool), np.zeros((4, 1), bool)):
            assert np.isnan(call(nobody)).all(), name
        for everybody in (True, np.ones((1, 1), bool), np.ones((4, 1), bool)):
            assert call(everybody).tobytes() == full.tobytes(), name


def test_where_all_pay_nothing_is_copied():
    stored = np.ones((4, 3))
    training = asked(Problem("p", lambda rng: np.ones(3), lambda w: (stored[:, 0], stored)))
    for where in (None, True, np.ones(4, bool)):
        assert training.grad(training.w, where) is stored
        assert training.value(training.w, where).base is stored
    paid = training.grad(training.w, np.array([True, False, True, True]))
    assert np.isnan(paid[1]).all() and not np.isnan(stored).any()  # what a problem keeps is its own


def test_a_rule_gains_nothing_by_gradients_that_it_does_not_pay_for():
    @optimizer
    def free(w, grad, *, lr=0.01):
        for _ in range(10):
            w = w - lr * grad(w, where=False)
        return w

    runs = ob.run("quadratic", [free, "gd"], lr=0.01, seeds=2, steps=20, tune="none").runs.set_index("optimizer")
    assert (runs.loc["free", "status"] == "diverged").all() and (runs.loc["gd", "status"] == "finished").all()


@pytest.mark.parametrize("shape", ["rows", "axes"])
def test_a_call_evaluates_one_point_of_each_run(shape):
    @optimizer
    def several(w, g, grad, *, lr=0.01):
        both = np.concatenate([w, w + g]) if shape == "rows" else np.array([w, w + g])
        grad(both)
        return w - lr * g

    (reason,) = ob.run("sphere", several, lr=0.1, seeds=1, steps=3).runs["reason"]
    assert "asked for evaluations of shape (2, " in reason and "a call evaluates one point of each run" in reason


@pytest.mark.parametrize("problem", ["rosenbrock", "xor-mlp", "digits-softmax"])
def test_line_searches_and_masked_products_use_no_row_that_they_did_not_pay_for(problem, monkeypatch):
    rules = ["lbfgs:line_search=strong_wolfe", "backtracking", "sophia"]
    facts = {"lr": [1e-3, 0.1, 5.0], "seeds": 3, "steps": 25, "plugins": CLOSURES, "tune": "none"}
    masked = ob.run(problem, rules, **facts).runs.drop(columns="seconds")
    used = []

    def unmasked(training, found, paid, columns):
        used.append(paid is not None)
        return found

    monkeypatch.setattr(Training, "_paid_only", unmasked)
    plain = ob.run(problem, rules, **facts).runs.drop(columns="seconds")
    assert any(used)  # some rows were not paid for
    assert masked.equals(plain)


# SciPy's methods.


def spent(runs):
    return runs[[*COUNTS]].sum(axis=1)


@pytest.mark.parametrize("limit", [1, 2, 7, 11, 12, 40])
def test_no_solver_spends_more_than_its_evaluations(limit):
    facts = {"seeds": 2, "dtype": "float64", "tune": "none", "gradient_evaluations": limit}
    results = ob.run(["quadratic", "rosenbrock", "xor-mlp"], SOLVERS, **facts)
    runs = results.runs
    assert (runs["status"] == "finished").all() and (spent(runs) <= limit).all()
    assert (spent(runs)[runs["steps"] < limit] == limit).all()  # else it had converged
    assert (results.curves[[*COUNTS]].sum(axis=1) <= limit).all()


def test_an_epoch_of_a_solver_is_one_evaluation_of_all_examples():
    runs = ob.run("digits-softmax", SOLVERS, seeds=1, epochs=9, tune="none").runs
    assert (spent(runs) == 9).all()


def solved(name: str, problem: Problem, limit: int | None = None) -> Objective:
    """One run of a solver from its start, with its path."""
    rule = registry().get("optimizer", name)
    training = begin(replace(alone(rule, [{}], 30), limit=limit), problem, rule, lambda t, total: 1.0)
    training.evaluate()
    return training.paths[0]


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_ends_at_the_last_iterate_that_its_budget_covers(name):
    problem = registry().get("problem", "quadratic")()
    free = solved(name, problem).path
    for limit in range(1, 30):
        covered = [(x, counts) for x, counts in free if sum(counts.values()) <= limit]
        path = solved(name, problem, limit).path
        assert [x.tobytes() for x, _ in path] == [x.tobytes() for x, _ in covered], limit
        assert [counts for _, counts in path[:-1]] == [counts for _, counts in covered[:-1]]
        assert sum(path[-1][1].values()) == min(limit, sum(free[-1][1].values()))


def test_a_simplex_that_the_budget_does_not_cover_leaves_the_start():
    facts = {"seeds": 1, "dtype": "float64", "tune": "none"}
    results = ob.run("quadratic", "nelder-mead", gradient_evaluations=10, **facts)  # of 11 points
    assert results.curves["loss"].nunique() == 1 and spent(results.runs).tolist() == [10]


def test_what_a_search_that_finds_nothing_has_cost_is_charged():
    def uphill(w):
        loss, g = bowl(3).value_grad(w)
        return loss, -g

    objective = solved("bfgs", replace(bowl(3), value_grad=uphill))
    ((_, counts),) = objective.path
    assert counts == objective.counts and counts["gradient_evaluations"] > 1
