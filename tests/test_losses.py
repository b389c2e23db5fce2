"""What must hold for every registered loss, and Rosenblatt's rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optibench.registry import registry

REGISTRY = registry()
LOSSES = REGISTRY["loss"]
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

TARGETS = {  # rng, (R, B) -> (R, B, K): every kind of target that a built-in problem has
    "one-hot": lambda rng, shape: np.eye(3)[rng.integers(3, size=shape)],
    "0 or 1": lambda rng, shape: rng.integers(2, size=shape)[..., None] * 1.0,
    "-1 or 1": lambda rng, shape: 2.0 * rng.integers(2, size=shape)[..., None] - 1,
    "real": lambda rng, shape: rng.standard_normal((*shape, 1)),
}
every_target = pytest.mark.parametrize("target", TARGETS)


def case(target, seed=0, runs=5, batch=4, dtype="float64"):
    rng = np.random.default_rng(seed)
    y = TARGETS[target](rng, (runs, batch))
    return (2 * rng.standard_normal(y.shape)).astype(dtype), y.astype(dtype)


@every_loss
@every_target
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_the_slope_is_the_difference_quotient(loss, target, seed):
    output, y = case(target, seed, runs=3)
    slope, h = loss(output, y)[1], 1e-5
    for place in np.ndindex(output.shape[1:]):
        step = np.zeros_like(output)
        step[:, *place] = h
        below, at, above = (loss(output + sign * step, y)[0] for sign in (-1, 0, 1))
        smooth = np.abs(above - 2 * at + below) < 1e-3 * h  # no kink there
        np.testing.assert_allclose(slope[:, *place][smooth], ((above - below) / (2 * h))[smooth], rtol=1e-7, atol=1e-8)


@every_loss
@every_target
@both_dtypes
def test_it_is_finite_and_quiet_at_1000(loss, target, dtype):
    output, y = case(target, dtype=dtype)
    output = np.where(output > 0, 1000, -1000).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        value, slope = loss(output, y)
    assert np.isfinite(value).all() and np.isfinite(slope).all()


@every_loss
@every_target
@both_dtypes
def test_loss_and_slope_have_their_shapes_and_the_dtype_of_the_output(loss, target, dtype):
    output, y = case(target, dtype=dtype)
    for array in (output, y):
        array.flags.writeable = False
    value, slope = loss(output, y)
    assert (value.shape, value.dtype) == ((5,), output.dtype)
    assert (slope.shape, slope.dtype) == (output.shape, output.dtype)


@every_loss
@every_target
@both_dtypes
@pytest.mark.parametrize("batch", [1, 32, 341])
@pytest.mark.parametrize("shared", [False, True], ids=["own batches", "one batch"])
def test_a_run_alone_is_its_row_among_five_bit_for_bit(loss, target, dtype, batch, shared):
    output, y = case(target, batch=batch, dtype=dtype)
    y = y[:1] if shared else y
    together = loss(output, y)
    for run in range(5):
        alone = loss(output[run : run + 1].copy(), y if shared else y[run : run + 1].copy())
        for several, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(several[run : run + 1], one)


@every_loss
@every_target
def test_it_is_the_mean_over_the_batch(loss, target):
    output, y = case(target)
    twice = loss(np.tile(output, (1, 2, 1)), np.tile(y, (1, 2, 1)))
    np.testing.assert_allclose(twice[0], loss(output, y)[0], rtol=1e-14)
    np.testing.assert_allclose(twice[1][:, :4], loss(output, y)[1] / 2, rtol=1e-14)


def test_values_known_by_hand():
    def at(name, output, target):
        return LOSSES[name](np.array([[output]], float), np.array([[target]], float))[0][0]

    assert at("mse", [3], [1]) == 4
    assert at("mse", [3, 1], [1, 1]) == 2
    assert at("cross_entropy", [0], [1]) == pytest.approx(np.log(2), rel=1e-15)
    assert at("cross_entropy", [0] * 10, np.eye(10)[3]) == pytest.approx(np.log(10), rel=1e-15)
    assert at("cross_entropy", [-1000], [1]) == 1000
    assert at("cross_entropy", [1000, -1000], [0, 1]) == 2000
    assert at("cross_entropy", [2, -1], [1, 0]) == pytest.approx(at("cross_entropy", [3], [1]), rel=1e-14)
    assert at("perceptron", [-3], [1]) == 3
    assert at("perceptron", [3], [1]) == 0


def test_the_perceptron_with_sgd_at_lr_1_is_the_learning_rule_of_rosenblatt():
    problem, sgd = REGISTRY.get("problem", "breast-cancer-perceptron")(), REGISTRY.get("optimizer", "sgd")
    w = np.zeros((1, problem.size))  # the first example is on the boundary
    by_hand, mistakes = w[0].copy(), 0
    for x, y in zip(*problem.train, strict=True):
        w = sgd(w, problem.value_grad(w, x[None, None], y[None, None])[1], lr=np.ones((1, 1)))
        extended = np.append(x, 1)
        if y * (by_hand @ extended) <= 0:
            by_hand, mistakes = by_hand + y * extended, mistakes + 1
        np.testing.assert_array_equal(w[0], by_hand)
    assert 0 < mistakes < len(problem.train[0])
