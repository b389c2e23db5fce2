"""Every optimizer against every stored trace, limiting case and promise; and what is known by hand."""

from __future__ import annotations

import ast
import inspect
import json
import statistics
from pathlib import Path

import numpy as np
import pytest

import optibench as ob
from optibench.plugin.registry import registry
from optibench.verify import verify
from optibench.verify.follow import deviation, follow
from optibench.verify.parity import BUILT_IN, parity, read

FOUND = registry()
OPTIMIZERS = FOUND["optimizer"]
WRAPPED = [f"{name}+{base}" for name in FOUND["wrapper"] for base in ("gd", "adam", "muon")]
NAMES = [*OPTIMIZERS, *WRAPPED, "sam+lookahead+nadam"]
CASES = [case for path in sorted(BUILT_IN.glob("*.json")) for case in json.loads(path.read_text())["cases"]]
BASES = json.loads(Path(__file__).with_name("soap_bases.json").read_text())["paths"]
QUAD6, X0, _ = read(BUILT_IN / "quad6.json")
HESSIAN = QUAD6.hessian_product(np.zeros((6, 6)), np.eye(6))
CATALOGUE = {
    *("gd", "sgd", "minibatch", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "amsgrad"),
    *("adamax", "nadam", "radam", "rprop", "asgd", "adafactor", "lion", "signsgd", "signum", "adabelief", "yogi"),
    *("adan", "lamb", "lars", "novograd", "ademamix", "muon", "shampoo", "soap", "sophia", "prodigy", "polyak"),
    *("schedule_free_sgd", "schedule_free_adamw", "lbfgs", "bfgs", "cg", "newton-cg", "l-bfgs-b", "nelder-mead"),
}


def get(name):
    return FOUND.get("optimizer", name)


def points(name, steps, **settings):
    return follow(get(name), QUAD6, X0[None], [settings], steps).points[:, 0]


@pytest.mark.parametrize("name", NAMES)
def test_every_check_of_the_rule_passes(name):
    checks = list(verify(get(name), FOUND))
    assert [check for check in checks if not check.ok] == []
    assert {check.kind for check in checks} >= {"contract"}


def test_the_catalogue_is_there_and_every_rule_of_ours_has_a_trace():
    assert set(OPTIMIZERS) >= CATALOGUE and set(FOUND["wrapper"]) == {"sam", "lookahead"}
    traced = {case["optimizer"] for case in CASES}
    of_scipy = {name for name, rule in OPTIMIZERS.items() if rule.solver}
    assert set(OPTIMIZERS) - traced == of_scipy | {"sgd", "minibatch"}  # which are gd
    assert {f"{name}+{base}" for name in FOUND["wrapper"] for base in ("gd", "adam")} <= traced
    assert len({get(name).rule for name in ("gd", "sgd", "minibatch")}) == 1
    assert [get(name).batch for name in ("gd", "sgd", "minibatch")] == ["full", 1, 32]


def test_every_trace_is_followed_by_some_check_and_nearly_all_as_a_whole():
    traces = [reference for name in NAMES for reference, *_ in parity(get(name))]
    assert len(traces) == len(CASES) >= 40 + 20
    stepped = {reference.split(": ")[0] for reference in traces if reference.endswith(", step by step from its points")}
    # Polyak's path is chaotic by nine orders of magnitude; prodigy's comes within a factor of 3 of its tolerance.
    assert {"polyak_sgd_fmin=f*"} <= stepped <= {"polyak_sgd_fmin=f*", "prodigy"}


@pytest.mark.parametrize("name", [name for name in NAMES if get(name).solution is None and not get(name).solver])
def test_steps_from_the_points_of_a_path_are_those_of_the_path(name):
    noise = {"normal": lambda t: np.ones(6)}
    free = follow(get(name), QUAD6, X0[None], [{"lr": 1e-3}], 20, **noise).points[:, 0]
    forced = follow(get(name), QUAD6, X0[None], [{"lr": 1e-3}], 20, forced=free, **noise).points[:, 0]
    np.testing.assert_array_equal(free, forced)
    aside = follow(get(name), QUAD6, X0[None], [{"lr": 1e-3}], 20, forced=free + 1e-3, **noise).points[:, 0]
    assert not np.array_equal(free, aside)


@pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_it_says_what_it_is_with_paper_formula_parent_and_space(rule):
    assert rule.summary.endswith(".") and rule.reference and rule.formula
    assert rule.name in ("gd",) or rule.solver or rule.parent in OPTIMIZERS
    assert rule.solver or rule.name == "gd" or set(rule.space) <= set(rule.hyperparameters)
    assert rule.solver or "lr" in rule.space
    for low, high, scale in rule.space.values():
        assert 0 <= low < high and scale in ("log", "linear", "1 - log") and (low > 0 or scale == "linear")
    for name, value in rule.hyperparameters.items():
        rule.check(name, value)


def test_rules_are_short():
    def lines(function):
        (definition,) = ast.parse(inspect.getsource(function)).body
        first = definition.body[1] if ast.get_docstring(definition) else definition.body[0]
        header = definition.body[0].lineno - definition.lineno
        return header + definition.end_lineno - first.lineno + 1

    lengths = {name: lines(rule.rule) for name, rule in OPTIMIZERS.items() if not rule.solver}
    assert max(lengths.values()) <= 25, max(lengths, key=lengths.get)
    assert statistics.median(lengths.values()) <= 12


@pytest.mark.parametrize("path", BASES, ids=[f"{path['problem']['name']} every {path['frequency']}" for path in BASES])
def test_soap_is_its_authors_loop_from_that_loop_s_eigenvectors_where_null_spaces_leave_a_choice(path, tmp_path):
    """The first gradient makes eigenvectors; in a null space of two dimensions or more they are LAPACK's choice."""
    file = tmp_path / "path.json"
    file.write_text(json.dumps({"problem": path["problem"], "cases": []}))
    problem, x0, _ = read(file)
    settings = {"lr": 0.05, "eps": 1e-2, "weight_decay": 0.01, "frequency": path["frequency"]}
    expected = np.array(path["x"])
    first, second = follow(get("soap"), problem, x0[None], [settings], 2).states[1], expected[1]
    w, m, v, left, right, rows, columns = (array.copy() for array in first)
    np.testing.assert_array_equal(w[0], second)
    for statistic, basis, theirs in ((left, rows, path["rows"]), (right, columns, path["columns"])):
        n, theirs = len(theirs), np.array(theirs)
        s, ours = statistic[0, : n * n].reshape(n, n), basis[0, : n * n].reshape(n, n)
        for q in (ours, theirs):  # eigenvectors, the largest eigenvalue first
            np.testing.assert_allclose(q.T @ q, np.eye(n), atol=1e-12)
            np.testing.assert_allclose(q.T @ s @ q, np.diag(np.linalg.eigvalsh(s)[::-1]), atol=1e-12 * s.max())
        basis[0, : n * n] = theirs.ravel()
    state = [w, m, v, left, right, rows, columns]
    found = follow(get("soap"), problem, x0[None], [settings], len(expected) - 1, resume=(1, state)).points[:, 0]
    assert deviation(found, expected[1:]).max() < 1e-10
    assert np.abs(expected[-1] - expected[0]).max() > 0.1


def test_the_first_step_of_adam_is_lr_times_sign_of_g():
    first, second = points("adam", 1, lr=0.25, eps=0.0)
    g = QUAD6.value_grad(first[None])[1][0]
    np.testing.assert_allclose(second - first, -0.25 * np.sign(g), rtol=1e-12)


def test_under_a_constant_gradient_every_step_of_adam_is_lr():
    slope = np.array([[3.0, -1e-3, 200.0, 1.0, -7.0, 1e4]])
    tilted = ob.Problem(
        "tilted", lambda rng: X0, lambda w: ((w * slope).sum(axis=-1), np.repeat(slope, len(w), axis=0))
    )
    path = follow(get("adam"), tilted, X0[None], [{"lr": 0.25, "eps": 0.0}], 200).points[:, 0]
    np.testing.assert_allclose(np.diff(path, axis=0), np.repeat(-0.25 * np.sign(slope), 200, axis=0), rtol=1e-9)


def test_gd_shrinks_each_eigendirection_by_its_own_power():
    eigenvalues, directions = np.linalg.eigh(HESSIAN)
    minimiser = np.linalg.solve(HESSIAN, -QUAD6.value_grad(np.zeros((1, 6)))[1][0])
    lr, k = 1.5 / eigenvalues[-1], np.arange(31)[:, None]
    found = (points("gd", 30, lr=lr) - minimiser) @ directions
    np.testing.assert_allclose(
        found, (1 - lr * eigenvalues) ** k * found[0], rtol=0, atol=1e-12 * np.abs(found[0]).max()
    )


def test_adagrad_norm_less_rules_under_a_unit_gradient_have_their_closed_form():
    ones = ob.Problem("ones", lambda rng: np.zeros(1), lambda w: (w.sum(axis=-1), np.ones_like(w)))

    def path(name, **settings):
        return follow(get(name), ones, np.zeros((1, 1)), [settings], 50).points[:, 0, 0]

    t = np.arange(1, 51)
    np.testing.assert_allclose(path("adagrad", lr=0.1, eps=0)[1:], -0.1 * np.cumsum(1 / np.sqrt(t)), rtol=1e-12)
    np.testing.assert_allclose(path("rmsprop", lr=0.1, rho=0.9, eps=0)[1:], -0.1 * np.cumsum((1 - 0.9**t) ** -0.5))
    np.testing.assert_allclose(path("momentum", lr=0.1)[1:], -0.1 * np.cumsum((1 - 0.9**t) / 0.1), rtol=1e-12)


def test_lbfgs_with_strong_wolfe_takes_steps_that_satisfy_it():
    rosenbrock = FOUND.get("problem", "rosenbrock")()
    start = np.array([[-1.2, 1.0]])
    walk = follow(get("lbfgs"), rosenbrock, start, [{"line_search": "strong_wolfe"}], 40)
    loss, g = rosenbrock.value_grad(walk.points[:, 0])
    assert loss[-1] < 1e-20 and (np.diff(loss)[:-5] < 0).all()
    for k in range(25):
        step = walk.points[k + 1, 0] - walk.points[k, 0]
        assert loss[k + 1] <= loss[k] + 1e-4 * step @ g[k] and abs(step @ g[k + 1]) <= 0.9 * abs(step @ g[k])
    with pytest.raises(ob.InputError, match="line_search = 'armijo' must be None or 'strong_wolfe'"):
        follow(get("lbfgs"), rosenbrock, start, [{"line_search": "armijo"}], 1)


@pytest.mark.parametrize("name", [name for name, rule in OPTIMIZERS.items() if rule.solver])
def test_a_reference_method_is_scipy_s_and_its_evaluations_are_counted(name):
    from scipy.optimize import minimize, rosen, rosen_der, rosen_hess_prod

    rosenbrock = FOUND.get("problem", "rosenbrock")()
    takes = {"bfgs": 1, "cg": 1, "l-bfgs-b": 1, "newton-cg": 2, "nelder-mead": 0}[name]
    more = [{}, {"jac": rosen_der}, {"jac": rosen_der, "hessp": rosen_hess_prod}][takes]
    path = []
    expected = minimize(rosen, [-1.2, 1.0], method=name, callback=path.append, options={"maxiter": 20}, **more)
    walk = follow(get(name), rosenbrock, np.array([[-1.2, 1.0]]), [{}], 20)
    np.testing.assert_allclose(walk.points[1 : len(path) + 1, 0], path[:20], rtol=1e-6)
    counts = {"nelder-mead": expected.nfev, "newton-cg": expected.nfev + expected.get("nhev", 0)}
    assert walk.evaluations[-1, 0] == pytest.approx(counts.get(name, expected.nfev), abs=2)
