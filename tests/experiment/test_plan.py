"""What an experiment may say, and the ids of its runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from optibench import InputError
from optibench.engine.capacity import capacity
from optibench.experiment import plan
from optibench.experiment.choices import rates
from optibench.experiment.identity import prefix
from optibench.experiment.resolve import resolve
from optibench.experiment.settings import BUDGETS, TUNING
from optibench.plugin.registry import registry

FACTS = {"problems": ["quadratic"], "optimizers": ["gd", "adam"], "lr": [0.1, 0.01], "seeds": 3, "steps": 5}


def runs_of(cell, what):
    return [cell.run({**cell.defaults, "lr": lr}, seed) for seed in range(what.seeds) for lr in what.lr]


def planned(found=None, **changes):
    found = found or registry()
    what = resolve({**FACTS, **changes}, found)
    return [cohort for cell in plan.cells(what, found) for cohort in cell.cohorts(runs_of(cell, what))]


def ids(found=None, **changes):
    return [run.id for cohort in planned(found, **changes) for run in cohort.runs]


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        ("1e-4:1:5", (1e-4, 1e-3, 1e-2, 0.1, 1.0)),
        ("1:1:1", (1.0,)),
        ("0.3,0.1,0.3", (0.1, 0.3)),
        ("0.5", (0.5,)),
        (2, (2.0,)),
        ([0.2, 0.1], (0.1, 0.2)),
    ],
)
def test_rates_are_a_log_grid_a_list_or_a_number(lr, expected):
    assert rates(lr) == expected


@pytest.mark.parametrize(
    "lr",
    [
        "", "1:2", "1:2:3:4", "1:2:x", "1:2:1.5", "1:2:0", "1:2:1", "2:1:3", "0:1:3", "-1:1:3", "nan:1:3", "1:inf:3",
        "a,b", "1,,2", "0", 0, -1, float("nan"), float("inf"), [], [[1]], [None], ["x"], True, {},
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_a_bad_grid_is_an_error_of_one_line_that_names_lr(lr):
    with pytest.raises(InputError, match=r"^lr") as error:
        rates(lr)
    assert "\n" not in str(error.value) and "1e-4:1:9" in str(error.value)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("problems", [3, [3], [[]], "", [{"x": 1}], [["quadratic"]], ["quadratic:dimension"], True, []]),
        ("optimizers", [3, ["adam:beta1="], [{"name": "adam", "beta1": {}}], [{"name": "adam", "beta1": []}], None]),
        ("seeds", ["3", 1.5, True, [], 0, -1]),
        ("epochs", [0, -1, 1.5, "x", []]),
        ("steps", [0, "1", True]),
        ("gradient_evaluations", [0, 1.0]),
        ("batch", [0, -1, 1.5, "half", [], True]),
        ("sampler", [3, [], {}, "x"]),
        ("schedule", [3, [], {}, "x"]),
        ("dtype", [3, [], "float16"]),
        ("name", ["../x", "a/b", "", ".."]),
        ("l2", [-1, "x", [], True, float("nan"), float("inf")]),
    ],
)
def test_a_bad_value_of_any_type_is_an_error_that_names_the_setting(key, values):
    for value in values:
        facts = {name: fact for name, fact in FACTS.items() if name != "steps"}
        with pytest.raises(InputError, match=key.removesuffix("s")) as error:
            resolve({**facts, key: value}, registry())
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("pair", list(combinations(BUDGETS, 2)))
def test_two_budgets_exclude_each_other(pair):
    facts = {name: fact for name, fact in FACTS.items() if name != "steps"}
    with pytest.raises(InputError, match=f"^{pair[0]} and {pair[1]} given together"):
        resolve({**facts, pair[0]: 1, pair[1]: 1}, registry())


def test_without_a_budget_a_problem_has_its_own_epochs():
    cohort = planned(steps=None)[0]
    assert cohort.budget == ("epochs", 1000) and cohort.steps == 1000


def test_a_specification_is_a_name_with_settings_and_lists_are_swept():
    assert resolve({**FACTS, "optimizers": "adam:beta1=0.8"}, registry()).optimizers == (("adam", {"beta1": 0.8}),)
    pairs = [("adam", {"beta1": 0.8}), ["gd", {"name": "adam"}], ("gd", {"name": "adam"})]
    resolved = [resolve({**FACTS, "optimizers": pair}, registry()).optimizers for pair in pairs]
    assert resolved == [(("adam", {"beta1": 0.8}),), *[(("gd", {}), ("adam", {}))] * 2]
    swept = {"name": "adam", "beta1": [0.8, 0.9], "beta2": [0.99, 0.999]}
    cohorts = planned(optimizers=[swept])
    assert [cohort.label for cohort in cohorts] == [
        f"adam:beta1={beta1},beta2={beta2}" for beta1 in (0.8, 0.9) for beta2 in (0.99, 0.999)
    ]
    assert {run.hyperparameters["beta1"] for run in cohorts[0].runs} == {0.8}
    assert planned(optimizers=["rmsprop:centered=true"])[0].options == {"centered": True}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("adam:beta3=1", "optimizer 'adam' takes no setting 'beta3'; nearest: beta"),
        ("adam:lr=1", "optimizer 'adam' takes no setting 'lr'; give learning rates by lr"),
        ("adam:beta1=nan", "beta1 = nan must be a number"),
        ("adam:beta1=true", "beta1 = True must be a number"),
        ("rmsprop:centered=2", "centered = 2 must be true or false"),
        ("adam:beta1", "expected KEY=VALUE, got 'beta1'; write NAME:KEY=VALUE"),
    ],
)
def test_a_bad_specification_says_what_would_be_right(choice, words):
    with pytest.raises(InputError) as error:
        resolve({**FACTS, "optimizers": [choice]}, registry())
    assert words in str(error.value)


def test_cohorts_hold_at_most_what_the_cache_does(monkeypatch):
    monkeypatch.setattr(plan, "capacity", lambda *facts: 4)
    sizes = [len(cohort.runs) for cohort in planned()]
    assert sizes == [3, 3, 3, 3]  # of each optimizer's six: as few as possible, and alike
    assert len({cohort.key for cohort in planned()}) == 4


def test_runs_of_tuning_are_not_observed_and_no_id_says_whether_one_is():
    (cell,) = plan.cells(resolve({**FACTS, "optimizers": ["gd"]}, registry()), registry())
    seen, not_seen = (cell.cohorts([cell.run(cell.defaults, seed)]) for seed in (TUNING - 1, TUNING))
    assert [cohort.observed for cohort in (*seen, *not_seen)] == [True, False]
    problem = registry().problem(cell.cohort.problem)
    assert prefix(replace(cell.cohort, observed=False), problem, cell.rule, registry()) == cell.prefix
    assert cell.cohorts([]) == []


def test_larger_runs_share_smaller_cohorts_of_at_least_8():
    found = registry()
    build = {name: found.problem((name, {})) for name in ("rosenbrock", "digits-mlp")}
    size = {name: capacity(problem, found.get("optimizer", "adam"), 32, 4) for name, problem in build.items()}
    assert 8 <= size["digits-mlp"] < size["rosenbrock"]
    assert capacity(build["digits-mlp"], found.get("optimizer", "gd"), 1000, 8) == 8
    assert capacity(build["digits-mlp"], found.get("optimizer", "gd"), 10**6, 8) == 1  # 8 would not fit in memory


def test_what_is_done_is_not_planned_again():
    every = planned()
    done = {run.id for run in every[0].runs} | {every[1].runs[0].id}
    left = plan.remaining(every, done)
    assert [run.id for cohort in left for run in cohort.runs] == [run.id for run in every[1].runs[1:]]


def test_plans_hold_names_and_numbers_only_and_can_travel():
    import pickle

    for cohort in planned(problems=["xor-mlp:activation=relu"]):
        assert pickle.loads(pickle.dumps(cohort)) == cohort
