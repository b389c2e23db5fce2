"""What must hold for every registered problem; its optimum solved again; its data and fingerprint."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from optibench import InputError, Problem
from optibench.plugin.registry import registry
from optibench.problems.data import splits

REGISTRY = registry()
FACTORIES = REGISTRY["problem"]
#: Other parameters too: few coordinates lie in memory the other way round, activations have kinks.
VARIANTS = [
    ("quadratic", {"dimension": 2}),
    ("quadratic", {"dimension": 7, "condition": 10.0}),
    ("quadratic", {"dimension": 7, "spectrum": "linear"}),
    ("quadratic", {"dimension": 7, "spectrum": "two-clusters"}),
    *((name, {"dimension": 5}) for name in ("rosenbrock", "styblinski-tang", "rastrigin", "ackley", "griewank")),
    ("levy", {"dimension": 5}),
    ("digits-mlp", {"activation": REGISTRY.get("activation", "relu")}),
    ("xor-mlp", {"activation": REGISTRY.get("activation", "sigmoid")}),
    *((name, {"activation": REGISTRY.get("activation", "tanh")}) for name in ("digits-cnn", "mnist-mlp")),
]
#: A difference quotient over thousands of kinks means nothing: with tanh, above, and by layers they are compared.
KINKED = {"digits-cnn", "mnist-cnn", "mnist-mlp", "mnist1d-mlp", "mnist1d-cnn"}


def made(name, **given):
    """The problem, or none where its data are an extra that is not installed."""
    try:
        return [FACTORIES[name](**given)]
    except InputError as error:
        assert "pip install 'optibench[mnist" in str(error)
        return []


def build():
    built = [problem for name in FACTORIES for problem in made(name)]
    built += [problem for name, given in VARIANTS for problem in made(name, **given)]
    return {problem.name: problem for problem in built}


PROBLEMS = build()


def each(problems, **known):
    chosen = [p for p in problems.values() if all(bool(getattr(p, name)) == value for name, value in known.items())]
    return pytest.mark.parametrize("problem", chosen, ids=lambda problem: problem.name)


every_problem = each(PROBLEMS)
every_problem_with_data = each(PROBLEMS, train=True)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
BATCHES = ["one example", "32 examples", "32 shared", "all"]


def points(problem, runs=5, dtype="float64"):
    """Around starts of the problem, laid out as the harness does: few coordinates, runs next to each other."""
    rng = np.random.default_rng(3)
    w = np.stack([problem.start(rng) + 0.3 * rng.standard_normal(problem.size) for _ in range(runs)])
    return w.astype(dtype, order="F" if problem.size < 8 else "C")


def batch_of(problem, which, runs=5):
    """Rows of the training arrays: (R, B, ...), or (1, B, ...) where all runs share them."""
    if not problem.train:
        return ()
    rng, n = np.random.default_rng(4), problem.examples
    rows = {
        "one example": lambda: rng.integers(n, size=(runs, 1)),
        "32 examples": lambda: rng.integers(n, size=(runs, 32)),
        "32 shared": lambda: rng.integers(n, size=(1, 32)),
        "all": lambda: np.arange(n if problem.minimum is not None else min(n, 50))[None],
    }[which]()
    return tuple(array.take(rows, axis=0) for array in problem.train)


def row(arrays, run):
    return tuple(array[run : run + 1].copy(order="A") if len(array) > 1 else array for array in arrays)


def directions(problem, rng):
    """Some coordinates of each block, and some directions across all, (D, P); of many, a few."""
    if problem.size > 3000:
        across = rng.standard_normal((2, problem.size))
        return across / np.sqrt(problem.size)
    chosen = [rng.choice(np.arange(problem.size)[block.slice], 8) for block in problem.blocks]
    across = rng.standard_normal((5, problem.size))
    return np.concatenate([np.eye(problem.size)[np.unique(chosen)], across / np.sqrt(problem.size)])


def quotients(function, w, along, data, h=1e-4):
    """Fourth-order differences of a function (D, P) -> (D, ...) at one point, and whether they mean something there:
    two step sizes disagree at a kink. They are good to 1e-8 of the largest."""
    data = row(data, 0)

    def apart(k):
        return function(w + k * along, *data) - function(w - k * along, *data)

    wide, narrow = ((8 * apart(k) - apart(2 * k)) / (12 * k) for k in (h, h / 2))
    scale = 1e-8 * (1 + np.abs(narrow).max())
    return narrow, np.isclose(wide, narrow, rtol=0, atol=scale), scale


@each({name: problem for name, problem in PROBLEMS.items() if name not in KINKED})
@pytest.mark.parametrize("which", BATCHES)
def test_the_gradient_is_the_difference_quotient(problem, which):
    w, data, compared = points(problem), batch_of(problem, which), []
    for run in range(5):
        along = directions(problem, np.random.default_rng(run))
        at, mine = w[run : run + 1], row(data, run)
        expected, smooth, scale = quotients(lambda w, *data: problem.value_grad(w, *data)[0], at, along, mine)
        found = along @ problem.value_grad(w, *data)[1][run]
        np.testing.assert_allclose(found[smooth], expected[smooth], rtol=0, atol=scale)
        compared.append(smooth.mean())
    assert np.mean(compared) > 0.9


@each(PROBLEMS, hessian_product=True)
@pytest.mark.parametrize("which", BATCHES)
def test_the_hessian_product_is_the_difference_quotient_of_gradients(problem, which):
    w, data = points(problem), batch_of(problem, which)
    for run in range(5):
        along = directions(problem, np.random.default_rng(run))
        mine = row(data, run)
        at = np.repeat(w[run : run + 1], len(along), axis=0)
        expected, smooth, scale = quotients(lambda w, *data: problem.value_grad(w, *data)[1], at, along, mine)
        assert smooth.mean() > 0.9
        np.testing.assert_allclose(problem.hessian_product(at, along, *mine)[smooth], expected[smooth], 0, scale)


@every_problem
@both_dtypes
@pytest.mark.parametrize("which", BATCHES)
def test_the_loss_alone_is_that_of_value_grad_bit_for_bit(problem, which, dtype):
    problem = problem.astype(dtype)
    w, data = points(problem, dtype=dtype), batch_of(problem, which)
    np.testing.assert_array_equal(problem.loss(w, *data), problem.value_grad(w, *data)[0])


def outputs(problem, w, data):
    """All that a problem computes, each with one row a run."""
    found = [*problem.value_grad(w, *data), problem.loss(w, *data)]
    if problem.hessian_product:
        found.append(problem.hessian_product(w, w**2, *data))
    if problem.predict:
        found.append(problem.predict(w, data[0]))
    return found


@every_problem
@both_dtypes
@pytest.mark.parametrize("which", BATCHES)
def test_a_run_alone_is_its_row_among_five_bit_for_bit(problem, which, dtype):
    problem = problem.astype(dtype)
    w, data = points(problem, dtype=dtype), batch_of(problem, which)
    together = outputs(problem, w, data)
    for run in range(5):
        alone = outputs(problem, w[run : run + 1].copy(order="A"), row(data, run))
        for several, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(several[run : run + 1], one)


@every_problem
@both_dtypes
def test_shapes_are_right_the_dtype_is_kept_and_inputs_are_not_changed(problem, dtype):
    problem = problem.astype(dtype)
    w, data = points(problem, dtype=dtype), batch_of(problem, "32 examples")
    for array in (w, *data):
        array.flags.writeable = False
    found = outputs(problem, w, data)
    assert found[0].shape == (5,) and found[1].shape == w.shape
    assert {array.dtype for array in found} == {np.dtype(dtype)}
    assert not any(np.shares_memory(array, w) for array in found)


@every_problem
def test_blocks_cover_every_parameter_once_and_in_order(problem):
    covered = [np.arange(problem.size)[block.slice] for block in problem.blocks]
    np.testing.assert_array_equal(np.concatenate(covered), np.arange(problem.size))
    assert [len(places) for places in covered] == [int(np.prod(block.shape)) for block in problem.blocks]
    assert len({block.name for block in problem.blocks}) == len(problem.blocks)


@every_problem
def test_a_start_is_a_pure_function_of_its_stream(problem):
    first, again, other = (problem.start(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (problem.size,) and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (problem.name == "deepobs-quadratic-deep")  # which starts at (1, ..., 1)


FINGERPRINTS = """
import json
from optibench.plugin.registry import registry
found = registry()
activation = lambda value: found["activation"].get(value, value)
chosen = [found.get("problem", n)(**{k: activation(v) for k, v in given.items()}) for n, given in VARIANTS]
print(json.dumps({problem.name: problem.fingerprint for problem in chosen}))
"""


def test_names_and_fingerprints_are_the_same_in_another_process():
    every = [(name, {}) for name in FACTORIES if name in PROBLEMS]
    every += [(name, given) for name, given in VARIANTS if made(name, **given)]
    plain = [(name, {key: getattr(value, "name", value) for key, value in given.items()}) for name, given in every]
    code = FINGERPRINTS.replace("VARIANTS", repr(plain))
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == {name: problem.fingerprint for name, problem in PROBLEMS.items()}


def test_a_fingerprint_is_the_same_when_built_twice_and_no_two_problems_share_one():
    found = [problem.fingerprint for problem in PROBLEMS.values()]
    assert found == [problem.fingerprint for problem in build().values()]
    assert len(set(found)) == len(found)
    assert {*FACTORIES} - {*PROBLEMS} <= {"mnist-mlp", "mnist-cnn", "mnist1d-mlp", "mnist1d-cnn"}


@every_problem
def test_a_fingerprint_sees_every_array_and_the_version(problem):
    changed = [replace(problem, version=problem.version + 1)]
    for part in ("train", "validation", "test", "constants"):
        for place, array in enumerate(getattr(problem, part)):
            other = array.copy()
            other.flat[-1] += 1e-9
            arrays = getattr(problem, part)
            changed.append(replace(problem, **{part: (*arrays[:place], other, *arrays[place + 1 :])}))
    assert len({problem.fingerprint, *(other.fingerprint for other in changed)}) == 1 + len(changed)


def test_close_parameters_have_other_names():
    first, second = (FACTORIES["quadratic"](condition=condition) for condition in (10.00000001, 10.00000002))
    assert first.name != second.name


@every_problem
def test_it_says_what_it_is_and_where_it_comes_from(problem):
    assert problem.piece.summary.endswith(".") and problem.source
    assert problem.version >= 1 and problem.epochs >= 1


# Data.


@pytest.mark.parametrize(
    "name, sizes", [("diabetes", (265, 88, 89)), ("breast_cancer", (341, 114, 114)), ("digits", (1078, 359, 360))]
)
def test_splits_have_fixed_sizes_and_share_no_example(name, sizes):
    parts = splits(name)
    assert tuple(len(x) for x, _ in parts) == sizes == tuple(len(y) for _, y in parts)
    rows = [{example.tobytes() for example in np.round(x, 9)} for x, _ in parts]
    assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2])


@each(PROBLEMS, validation=True)
def test_held_out_examples_look_like_training_examples(problem):
    for part in (problem.validation, problem.test):
        assert [array.shape[1:] for array in part] == [array.shape[1:] for array in problem.train]
        assert 0.1 < len(part[0]) / problem.examples < 0.5


@every_problem_with_data
def test_training_inputs_are_standardised(problem):
    if problem.name.startswith(("tutorial", "mnist", "char", "noisy", "deepobs")):
        pytest.skip("pixels from 0 to 1, tokens, or noise as it is defined")
    x = problem.train[0]
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
    deviation = x.std(axis=0)
    np.testing.assert_allclose(deviation[deviation > 0], 1, rtol=1e-12)
    np.testing.assert_array_equal(x[:, deviation == 0], 0)  # a pixel that is always 0


@every_problem_with_data
def test_data_in_another_dtype_are_read_only_copies(problem):
    single = problem.astype("float32")
    for array in (*single.train, *single.validation, *single.test):
        assert array.dtype == np.float32 and not array.flags.writeable
    assert problem.train[0].dtype == np.float64


# Known optima.


@each(PROBLEMS, minimizer=True)
def test_at_the_minimizer_the_gradient_is_zero_and_the_loss_the_minimum(problem):
    loss, g = problem.value_grad(np.array([problem.minimizer], float), *batch_of(problem, "all"))
    np.testing.assert_allclose(g, 0, atol=1e-12)
    np.testing.assert_allclose(loss, problem.minimum, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "problem", [p for p in PROBLEMS.values() if p.minimum is not None], ids=lambda problem: problem.name
)
def test_no_point_is_below_the_minimum(problem):
    loss, _ = problem.value_grad(points(problem, 50), *batch_of(problem, "all"))
    assert loss.min() > problem.minimum


def extended(problem):
    x, y = problem.train
    return np.column_stack([x, np.ones(len(x))]), y[:, 0]


def test_the_minimum_of_diabetes_linear_is_that_of_least_squares():
    from scipy.linalg import lstsq

    problem = PROBLEMS["diabetes-linear"]
    x, y = extended(problem)
    w = lstsq(x, y)[0]
    assert problem.minimum == pytest.approx(np.mean((x @ w - y) ** 2), rel=0, abs=1e-10)
    assert problem.value_grad(w[None], *batch_of(problem, "all"))[0][0] == pytest.approx(problem.minimum, abs=1e-10)


def test_the_minimum_of_breast_cancer_logistic_is_that_of_newtons_method():
    from scipy.optimize import minimize

    problem = PROBLEMS["breast-cancer-logistic"]
    x, y = extended(problem)
    sign, penalty = 2 * y - 1, 1e-2 * np.append(np.ones(30), 0)  # the bias is not penalised

    def loss(w):
        return np.logaddexp(0, -sign * (x @ w)).mean() + penalty @ w**2 / 2

    def gradient(w):
        return -(sign / (1 + np.exp(sign * (x @ w)))) @ x / len(x) + penalty * w

    def hessian(w):
        p = 1 / (1 + np.exp(-x @ w))
        return (x.T * (p * (1 - p))) @ x / len(x) + np.diag(penalty)

    w = minimize(loss, np.zeros(31), jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-8}).x
    for _ in range(3):
        w = w - np.linalg.solve(hessian(w), gradient(w))
    assert np.abs(gradient(w)).max() < 1e-14
    assert problem.minimum == pytest.approx(loss(w), rel=0, abs=1e-10)
    assert problem.value_grad(w[None], *batch_of(problem, "all"))[0][0] == pytest.approx(problem.minimum, abs=1e-10)


def test_the_minimum_of_diabetes_ridge_is_that_of_the_normal_equations():
    problem = PROBLEMS["diabetes-ridge"]
    x, y = extended(problem)
    penalty = np.diag(np.append(np.full(10, 0.1), 0))
    w = np.linalg.solve(2 / len(x) * x.T @ x + penalty, 2 / len(x) * x.T @ y)
    assert problem.minimum == pytest.approx(np.mean((x @ w - y) ** 2) + w @ penalty @ w / 2, rel=0, abs=1e-10)


def test_the_minimum_of_digits_softmax_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    problem = PROBLEMS["digits-softmax"]
    x, y = problem.train
    model = LogisticRegression(C=1 / (1e-3 * len(x)), solver="newton-cg", tol=1e-10, max_iter=1000).fit(x, y.argmax(1))
    logits = x @ model.coef_.T + model.intercept_
    top = logits.max(axis=1)
    loss = (np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - (logits * y).sum(axis=1)).mean()
    assert problem.minimum == pytest.approx(loss + 1e-3 / 2 * (model.coef_**2).sum(), rel=0, abs=1e-10)


def test_the_minimum_of_diabetes_poisson_is_that_of_scikit_learn():
    from sklearn.linear_model import PoissonRegressor

    problem = PROBLEMS["diabetes-poisson"]
    x, y = problem.train[0], problem.train[1][:, 0]
    model = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)
    o = x @ model.coef_ + model.intercept_
    assert problem.minimum == pytest.approx((np.exp(o) - y * o).mean(), rel=0, abs=1e-10)


def test_the_minimum_of_breast_cancer_svm_is_that_of_scipy():
    from scipy.optimize import minimize

    problem = PROBLEMS["breast-cancer-svm"]
    x, y = extended(problem)
    penalty = 1e-2 * np.append(np.ones(30), 0)

    def loss(w):
        short = np.maximum(0, 1 - y * (x @ w))
        return (short**2).mean() + penalty @ w**2 / 2, -2 * (short * y) @ x / len(x) + penalty * w

    options = {"maxiter": 10_000, "ftol": 1e-16, "gtol": 1e-12}
    found = minimize(loss, np.zeros(31), jac=True, method="L-BFGS-B", options=options)
    assert problem.minimum == pytest.approx(found.fun, rel=0, abs=1e-10)


def test_the_minimum_of_matrix_factorisation_is_reached_from_its_start():
    from scipy.optimize import minimize

    problem = PROBLEMS["matrix-factorisation"]
    start = problem.start(np.random.default_rng(0))
    found = minimize(
        lambda w: tuple(part[0] for part in problem.value_grad(w[None])), start, jac=True, method="L-BFGS-B",
        options={"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-12},
    )  # fmt: skip
    assert found.fun == pytest.approx(problem.minimum, rel=0, abs=1e-10)
    with pytest.raises(ValueError, match="rank = 13 must lie between 1 and 12"):
        FACTORIES["matrix-factorisation"](rank=13)


def test_quadratic_has_the_declared_eigenvalues():
    (hessian,) = FACTORIES["quadratic"](dimension=6, condition=1e4).constants
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), np.geomspace(1, 1e4, 6), rtol=1e-10)


def test_glorot_bounds_hold_and_biases_start_at_0():
    problem = PROBLEMS["digits-mlp"]
    w = problem.start(np.random.default_rng(0))[None]
    for block in problem.blocks:
        if len(block.shape) == 2:
            bound = np.sqrt(6 / sum(block.shape))
            assert 0.95 * bound < np.abs(block.of(w)).max() <= bound
        else:
            assert not block.of(w).any()


def test_two_formulas_of_one_name_have_two_fingerprints():
    def scaled(factor):
        return Problem("scaled", lambda rng: np.ones(2), lambda w: (factor * (w**2).sum(axis=-1), 2 * factor * w))

    def fails(w):
        raise ValueError

    assert scaled(1).fingerprint == scaled(1).fingerprint != scaled(2).fingerprint
    assert Problem("scaled", lambda rng: np.ones(2), fails).fingerprint  # its runs say why it fails
