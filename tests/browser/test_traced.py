"""The JavaScript of every rule and problem, run by a browser, against NumPy."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from optibench.plugin.registry import registry
from optibench.tracing import PRELUDE, Untraceable, evaluate, javascript, step_lines, trace_problem, trace_rule
from optibench.tracing.graph import OPERATIONS, apply, explore, given, number
from optibench.verify.formula import SETTINGS, STEPS, TOLERANCE, VALLEY, deviation, drawn, moved, path

FOUND = registry()
RULES = [*FOUND["optimizer"], *(f"{outer}+{base}" for outer in FOUND["wrapper"] for base in ("gd", "adam"))]
#: Near the minimum rounding decides where a line search ends, so it is followed on the way there only.
OPTIONS = [
    ("adamw", {"amsgrad": True}, STEPS),
    ("rmsprop", {"centered": True}, STEPS),
    ("muon", {"nesterov": False}, STEPS),
    ("lbfgs", {"line_search": "strong_wolfe"}, 10),
]
UNARY = [op for op in OPERATIONS if op != "where" and getattr(np, op).nin == 1]
#: The functions of the page, on the problem that the rules were followed on; `valley` is traced.
ENV = """
const env = {
  grad: w => valley(w).slice(1),
  value: w => valley(w).slice(0, 1),
  hessian_product: (w, v) => {
    const a = 1 - Math.tanh(w[0] + w[1]) ** 2, b = 2 * (1 - Math.tanh(w[1]) ** 2), c = a * (v[0] + v[1]);
    return [c, c + b * v[1]];
  },
  normal: () => noise,
};
let noise;
"""
#: Initial states, steps and judged points of many paths.
RUN = """
paths.map(({h, w, steps}) => ({
  start: start(w, h),
  steps: steps.map(({given, noise: drawn, returned}) => {
    noise = drawn;
    const {w, g, t, s, loss, f_min} = given;
    const next = step(w, g, t, s, h, loss, f_min, env);
    return [next, typeof solution === 'undefined' ? null : solution(returned.slice(0, 2), returned.slice(2), h)];
  }),
}))
"""


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    yield page
    page.close()


def plain(value):
    """Arrays as lists, and numbers as Python's: what the browser takes."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return np.asarray(value, float).tolist()


def in_browser(page, traced, paths):
    valley = trace_problem(VALLEY).script.replace("function value_grad", "function valley")
    scripts = [PRELUDE, valley, ENV, traced.script, traced.solution or "", f"return {RUN.strip()}"]
    recorded = [
        {
            "h": plain(dict(run.hyperparameters)),
            "w": plain(run.w),
            "steps": [
                {"given": plain(dict(step.given)), "noise": plain(step.noise), "returned": plain(step.returned)}
                for step in run.steps
            ],
        }
        for run in paths
    ]
    return page.evaluate("([text, paths]) => new Function('paths', text)(paths)", ["\n".join(scripts), recorded])


def check(page, rule, steps=STEPS):
    traced = trace_rule(rule)
    paths = [path(rule, h, seed, steps) for seed, h in enumerate(drawn(rule, traced.fixed, SETTINGS))]
    worst = 0.0
    for run, found in zip(paths, in_browser(page, traced, paths), strict=True):
        assert np.array_equal(found["start"], run.state)
        for step, point, (new, judged) in zip(run.steps, run.points, found["steps"], strict=True):
            sensitivity = partial(moved, traced.formulas["step"], step.given, step)
            worst = max(worst, deviation(np.array(new, float), step.returned, sensitivity))
            assert judged is None or np.array_equal(judged, point)
    assert worst <= TOLERANCE


@pytest.mark.parametrize("name", RULES)
def test_the_javascript_of_a_rule_takes_the_steps_of_the_rule(page, name):
    rule = FOUND.get("optimizer", name)
    try:
        trace_rule(rule)
    except Untraceable as error:
        pytest.skip(f"not traced: {error}")
    check(page, rule)


@pytest.mark.parametrize(("name", "options", "steps"), OPTIONS)
def test_the_javascript_of_a_rule_at_its_options(page, name, options, steps):
    check(page, replace(FOUND.get("optimizer", name), options=options), steps)


def test_a_wrong_script_is_found(page, monkeypatch):
    rule = FOUND.get("optimizer", "adam")
    right = trace_rule(rule)
    monkeypatch.setitem(right.__dict__, "script", right.script.replace("h.beta2 * s[2]", "h.beta1 * s[2]"))
    monkeypatch.setattr(f"{__name__}.trace_rule", lambda rule: right)
    with pytest.raises(AssertionError):
        check(page, rule)


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_gives_the_numbers_of_numpy(page, op):
    numbers = [-7.5, -2.0, -1.0, -0.3, 0.0, 0.1, 0.5, 1.0, 2.0, 3.1, 1e3]
    count = {**dict.fromkeys(UNARY, 1), "where": 3}.get(op, 2)
    points = [[a, b, a - b] for a in numbers for b in numbers]
    formula = explore("f", ("w",), lambda: [number(apply(op, *(given("w", i) for i in range(count))))])
    text = f"{PRELUDE}\n{javascript(formula)}\nreturn points.map(f)"
    found = page.evaluate("([text, points]) => new Function('points', text)(points)", [text, points])
    with np.errstate(all="ignore"):
        columns = np.array(points).T[:count]
        expected = (np.where if op == "where" else getattr(np, op))(*columns).astype(float)
    np.testing.assert_allclose(np.array(found, float)[:, 0], expected, rtol=1e-14, atol=0)


def planes():
    """Every problem of two parameters without data, at two dimensions where it has a choice."""
    for name, factory in FOUND["problem"].items():
        if not name.startswith(("mnist", "noisy")):
            made = factory(**({"dimension": 2} if "dimension" in factory.parameters else {}))
            if made.size == 2 and not made.train:
                yield made


@pytest.mark.parametrize("problem", [*planes()], ids=lambda problem: problem.name)
def test_the_javascript_of_a_problem_gives_its_loss_and_gradient(page, problem):
    traced = trace_problem(problem)
    rng = np.random.default_rng(0)
    low, high = np.array(problem.domain or ((-2, 2), (-2, 2)), float).T
    points = rng.uniform(low, high, (200, 2))
    text = f"{PRELUDE}\n{traced.script}\nreturn points.map(value_grad)"
    found = page.evaluate("([text, points]) => new Function('points', text)(points)", [text, points.tolist()])
    for w, numbers in zip(points, found, strict=True):
        loss, g = problem.value_grad(w[None])
        sensitivity = partial(moved, traced.formulas["value_grad"], {"w": w})
        assert deviation(np.array(numbers, float), np.concatenate([loss, g[0]]), sensitivity) <= TOLERANCE


@pytest.mark.parametrize("name", ["adam", "momentum", "sophia", "soap", "sam+adam"])
def test_the_values_after_each_line_are_those_of_numpy(page, name):
    rule, stepped = FOUND.get("optimizer", name), step_lines(FOUND.get("optimizer", name))
    walk = path(rule, drawn(rule, {}, 1)[0], steps=12)
    valley = javascript(trace_problem(VALLEY).formulas["value_grad"]).replace("value_grad", "valley", 1)
    steps = [{"given": plain(step.given), "noise": step.noise.tolist()} for step in walk.steps]
    found = page.evaluate(
        "steps => {\n" + "\n".join([PRELUDE, valley, ENV, stepped.script]) + "\n"
        "return steps.map(({given: {w, g, t, s, h, loss, f_min}, noise: drawn}) => {\n"
        "  noise = drawn;\n"
        "  return lines(w, g, t, s, h, loss, f_min, env);\n"
        "}); }",
        steps,
    )
    for step, values in zip(walk.steps, found, strict=True):
        expected = evaluate(stepped.formula, step.given, step.env())
        sensitivity = partial(moved, stepped.formula, step.given, step)
        assert deviation(np.array(values, float), expected, sensitivity) <= TOLERANCE
