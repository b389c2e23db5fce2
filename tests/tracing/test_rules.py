"""Every registered rule and every plane problem has a formula that gives its numbers, or says why it has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import optibench as ob
from optibench.errors import UnknownName
from optibench.plugin.registry import registry
from optibench.tracing import Untraceable, evaluate, trace_problem, trace_rule
from optibench.tracing.graph import apply, explore, given
from optibench.verify.formula import TOLERANCE, computed, deviation, formula_deviation, moved, relative

FOUND = registry()
RULES = [*FOUND["optimizer"], *(f"{outer}+{base}" for outer in FOUND["wrapper"] for base in FOUND["optimizer"])]
SOLVER = "an external solver takes its own steps and has no formula"
EIGH = "numpy.linalg.eigh has no formula here"
UNTRACED = {"shampoo": EIGH, **{name: SOLVER for name, rule in FOUND["optimizer"].items() if rule.solver}}


@pytest.mark.parametrize("name", FOUND["optimizer"])
def test_every_rule_has_a_formula_or_says_why_not(name):
    rule = FOUND.get("optimizer", name)
    if name in UNTRACED:
        with pytest.raises(Untraceable) as error:
            trace_rule(rule)
        assert str(error.value) == UNTRACED[name]
        return
    traced = trace_rule(rule)
    assert [*traced.formulas] == ["start", "step", *(["solution"] if rule.solution else [])]
    assert traced.script.startswith("function start(w, h) {\n")
    assert "\nfunction step(w, g, t, s, h, loss, f_min, env) {\n" in traced.script and "solution" not in traced.script
    assert (traced.solution or "function solution(w, s, h) {").startswith("function solution(w, s, h) {")
    assert (traced.solution is None) == (rule.solution is None)
    assert formula_deviation(rule, traced, 4, 30) <= TOLERANCE


@pytest.mark.parametrize("outer", FOUND["wrapper"])
def test_every_wrapped_rule_has_a_formula_where_the_rule_inside_has(outer):
    for base in FOUND["optimizer"]:
        if base in UNTRACED:
            continue
        wrapped = FOUND.get("optimizer", f"{outer}+{base}")
        assert formula_deviation(wrapped, trace_rule(wrapped), 1, 12) <= TOLERANCE, base
    nested = FOUND.get("optimizer", f"{outer}+sam+adam")
    assert formula_deviation(nested, trace_rule(nested), 1, 12) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adamw", {"amsgrad": True}),
        ("rmsprop", {"centered": True}),
        ("muon", {"nesterov": False}),
        ("lbfgs", {"line_search": "strong_wolfe"}),
    ],
)
def test_a_rule_is_traced_at_its_options(name, options):
    rule = FOUND.get("optimizer", name)
    traced = trace_rule(rule, options)
    assert traced.script != trace_rule(rule).script
    assert formula_deviation(replace(rule, options={**rule.options, **options}), traced, 2, 12) <= TOLERANCE


def test_what_decides_a_shape_is_a_constant():
    lbfgs = FOUND.get("optimizer", "lbfgs")
    traced = trace_rule(lbfgs)
    assert traced.fixed == {"memory": 10.0} and traced.state["s"] == (10, 2) and "h.memory" not in traced.script
    small = trace_rule(lbfgs, fixed={"memory": 3.0})
    assert small.fixed == {"memory": 3.0} and small.state["s"] == (3, 2) and len(small.script) < len(traced.script)
    assert trace_rule(FOUND.get("optimizer", "adam")).fixed == {}


def test_any_hyperparameter_can_be_a_constant():
    traced = trace_rule(FOUND.get("optimizer", "adam"), fixed={"beta1": 0.5})
    assert "h.beta1" not in traced.script and "h.beta2" in traced.script


def test_a_wrong_formula_is_found():
    adam, adamax = (FOUND.get("optimizer", name) for name in ("adam", "adamax"))
    assert formula_deviation(adam, replace(trace_rule(adamax), fixed={}), 1, 5) > 1e-3
    off = replace(adam, rule=lambda *a, **h: tuple(x * (1 + 1e-11) for x in adam.rule(*a, **h)))
    assert formula_deviation(off, trace_rule(adam), 1, 5) > TOLERANCE


def test_where_numbers_cancel_rounding_is_allowed_for_and_an_error_is_not():
    def difference():
        product, x = apply("multiply", given("w", 0), given("w", 1)), given("w", 2)
        return [apply("subtract", product, x)]

    formula, w = explore("f", ("w",), difference), {"w": [1 / 3, 3e7, 1e7 - 1e-3]}
    found, unit = computed(formula, w), np.spacing(1e7)
    for off, allowed in ((unit, True), (100 * unit, True), (1e-3, False)):
        assert relative(found, found + off, np.abs(found)) > TOLERANCE
        assert (deviation(found, found + off, lambda: moved(formula, w)) <= TOLERANCE) is allowed


def test_width_is_a_choice():
    traced = trace_rule(FOUND.get("optimizer", "gd"), width=3)
    found = evaluate(traced.formulas["step"], {"w": [1, 2, 3], "g": [1, 1, 1], "h": {"lr": 0.5}})
    assert found.tolist() == [0.5, 1.5, 2.5]


def test_adam_takes_a_first_step_of_lr():
    traced = trace_rule(FOUND.get("optimizer", "adam"))
    h = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 0.0}
    found = evaluate(traced.formulas["step"], {"w": [1, 2], "g": [3, -4], "t": 1, "s": [0] * 4, "h": h})
    assert found[:2] == pytest.approx([0.9, 2.1])


def test_unknown_names_are_refused_with_the_nearest():
    adam = FOUND.get("optimizer", "adam")
    with pytest.raises(UnknownName, match="nearest: beta2"):
        trace_rule(adam, fixed={"beta": 1.0})
    with pytest.raises(UnknownName, match="nearest: amsgrad"):
        trace_rule(FOUND.get("optimizer", "adamw"), {"amsgrat": True})


def test_two_draws_are_two_numbers_in_order():
    @ob.optimizer
    def noisy(w, g, normal, *, lr=0.1):
        """Two draws."""
        first, second = normal(), normal()
        return w - lr * g + second - 2 * first

    traced = trace_rule(noisy)
    draws = iter([np.array([1.0, 2.0]), np.array([10.0, 20.0])])
    numbers = {"w": [0, 0], "g": [0, 0], "h": {"lr": 1}}
    assert evaluate(traced.formulas["step"], numbers, {"normal": lambda: next(draws)}).tolist() == [8, 16]


def test_a_run_that_does_not_pay_calls_nothing_and_gets_nan():
    @ob.optimizer
    def sometimes(w, g, t, grad, *, lr=0.1):
        """A second gradient at even steps."""
        even = t % 2 == 0
        second = grad(w - lr * g, where=np.reshape(even, (1, 1)))
        return w - lr * np.where(even, second, g)

    traced, asked = trace_rule(sometimes), []
    env = {"grad": lambda w: asked.append(list(w)) or [5.0, 5.0]}
    for t, w in ((1, [0.5, 0.5]), (2, [-1.5, -1.5])):
        numbers = {"w": [1, 1], "g": [1, 1], "t": t, "h": {"lr": 0.5}}
        assert evaluate(traced.formulas["step"], numbers, env).tolist() == w
    assert asked == [[0.5, 0.5]] and "env.grad" in traced.script


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda w, g: (w, g, g), "it returned 3 values; its signature declares 2"),
        (lambda w, g: (w, g[:, 0]), "it returned m with shape (1,); it must be (1, 2)"),
        (lambda w, g: (w / [1, 2, 3], g), "ValueError"),
    ],
)
def test_a_rule_that_returns_something_else_has_no_formula(returned, words):
    @ob.optimizer
    def wrong(w, g, m=0, *, lr=0.1):
        """Wrong."""
        return returned(w, g)

    with pytest.raises(Untraceable) as error:
        trace_rule(wrong)
    assert words in str(error.value) and "\n" not in str(error.value)


def planes():
    """Every problem of two parameters without data, at two dimensions where it has a choice."""
    for name, factory in FOUND["problem"].items():
        if not name.startswith(("mnist", "noisy")):
            made = factory(**({"dimension": 2} if "dimension" in factory.parameters else {}))
            if made.size == 2 and not made.train:
                yield made


def test_every_problem_of_two_parameters_has_a_formula():
    problems = [*planes()]
    assert len(problems) >= 20
    for problem in problems:
        formula = trace_problem(problem).formulas["value_grad"]
        low, high = np.array(problem.domain or ((-2, 2), (-2, 2)), float).T
        for w in np.random.default_rng(0).uniform(low, high, (20, 2)):
            loss, g = problem.value_grad(w[None])
            off = deviation(computed(formula, {"w": w}), np.append(loss, g), lambda: moved(formula, {"w": w}))  # noqa: B023
            assert off <= TOLERANCE, problem.name


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (FOUND["problem"]["noisy-sphere"](), "it has data; formulas are of problems with two parameters and no data"),
        (FOUND["problem"]["sphere"](), "it has 10 parameters"),
    ],
)
def test_other_problems_have_none(problem, words):
    with pytest.raises(Untraceable, match=words):
        trace_problem(problem)
