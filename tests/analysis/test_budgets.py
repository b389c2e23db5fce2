"""Unequal spending under one budget is said, with the numbers; equal spending is not mentioned."""

from __future__ import annotations

import pytest
from results_made import made

import optibench as ob
from optibench.analysis.budgets import budgets_differ


def lines(spent, budget="100 steps", **rows):
    """``spent``: problem -> method -> evaluations by seed; ``rows``: method -> what else its rows have."""
    steps = int(budget.split()[0])
    scores = {
        problem: {name: [1.0] * len(counts) for name, counts in methods.items()} for problem, methods in spent.items()
    }
    runs = {
        f"{problem}/{name}/{seed}": {
            "budget": budget, "steps": steps, "gradient_evaluations": count - 1, "value_evaluations": 1,
            **rows.get(name, {}),
        }
        for problem, methods in spent.items() for name, counts in methods.items() for seed, count in enumerate(counts)
    }  # fmt: skip
    return budgets_differ(made(scores, runs=runs).compare())


def test_two_methods_that_spend_differently_are_said_with_their_medians():
    assert lines({"quadratic": {"adam": [100] * 3, "sam+adam": [150, 200, 900]}}) == [
        "Budgets differ: with the same 100 steps, sam+adam spent 200 evaluations per run on quadratic, adam 100."
    ]


def test_where_all_spend_the_same_nothing_is_said():
    assert lines({"quadratic": {"adam": [100] * 3, "gd": [100] * 3}}) == []
    assert lines({"quadratic": {"adam": [100]}}) == []


def test_under_a_budget_in_steps_one_evaluation_is_a_difference():
    (line,) = lines({"quadratic": {"adam": [100], "sophia": [101]}})
    assert line.endswith("sophia spent 101 evaluations per run on quadratic, adam 100.")


@pytest.mark.parametrize("budget", ["33 epochs", "33 gradient_evaluations"])
def test_evaluations_less_than_a_step_apart_are_rounding(budget):
    halves = {"sam+adam": {"steps": 16}}
    assert lines({"xor-mlp": {"adam": [33], "sam+adam": [32]}}, budget, **halves) == []
    assert lines({"xor-mlp": {"adam": [33], "sam+adam": [34]}}, budget, **halves) == []
    (line,) = lines({"xor-mlp": {"adam": [33], "sam+adam": [36]}}, budget, **halves)
    assert "with the same 33 e" in line and "gradient" not in line and "sam+adam spent 36" in line
    (line,) = lines({"xor-mlp": {"adam": [1], "sam+adam": [2]}}, "1 epochs")
    assert "with the same 1 epoch, " in line


def test_an_epoch_of_another_batch_has_other_evaluations_and_is_no_difference():
    spent = {"digits": {"gd": [20], "adam": [660]}}
    assert lines(spent, "20 epochs", gd={"batch": 1078}, adam={"batch": 32, "steps": 660}) == []
    assert len(lines(spent, "20 steps", gd={"batch": 1078}, adam={"batch": 32, "steps": 20})) == 1


def test_runs_that_did_not_finish_or_stopped_by_themselves_do_not_count():
    spent = {"quadratic": {"adam": [100] * 3, "gd": [100, 100, 100], "bfgs": [19] * 3}}
    assert lines(spent) == []
    assert lines({"quadratic": {"adam": [100], "gd": [7]}}, gd={"status": "failed", "steps": 3}) == []


def test_problems_and_methods_with_the_same_numbers_share_a_sentence():
    names = ["adam", "gd", "lion", "nadam", "radam"]
    spent = {"sam+adam": [200], "sam+gd": [200], **{name: [100] for name in names}}
    (line,) = lines({"a": spent, "b": spent})
    assert line == (
        "Budgets differ: with the same 100 steps, sam+adam and sam+gd spent 200 evaluations per run on a and b; "
        "adam, gd, lion and 2 others 100."
    )


def test_many_levels_and_many_problems_are_summarised_the_widest_first():
    spent = {f"p{k}": {"adam": [100], "lbfgs": [100 + 100 * k]} for k in range(1, 6)}
    first, second, third, last = lines(spent)
    assert "lbfgs spent 600 evaluations per run on p5" in first and "on p4" in second and "on p3" in third
    assert last == "Budgets differ on 2 more problems, by a factor of up to 3."
    (line,) = lines({"p": {f"m{k}": [1000 + k] for k in range(9)}})
    assert line.endswith(
        "m8 spent 1,008 evaluations per run on p; m7 1,007; m6 1,006; the other 6 methods 1,000 to 1,005."
    )


def test_of_real_runs_those_with_a_second_gradient_differ_under_steps_only():
    def of(**budget):
        facts = {"lr": 1e-3, "seeds": 2, "tune": "none", **budget}
        rules = ["adam", "sam+adam", "gd", "sophia", "lbfgs", "nelder-mead"]
        return budgets_differ(ob.run(["quadratic", "digits-softmax"], rules, **facts).compare())

    assert of(epochs=20) == of(gradient_evaluations=41) == []
    assert "sam+adam" in of(steps=20)[0]
