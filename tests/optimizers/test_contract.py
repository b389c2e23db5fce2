"""What must hold for every registered optimizer."""

from __future__ import annotations

import numpy as np
import pytest
from drive import call, columns, initial_state, solution

from optibench.pieces import blocks_of
from optibench.registry import registry

OPTIMIZERS = registry()["optimizer"]
BLOCKS = {12: blocks_of(matrix=(3, 3), bias=(3,)), 3: blocks_of(w=(3,))}
every_optimizer = pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=OPTIMIZERS)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def supplied(w, t):
    """f(w) = sum of log cosh, elementwise: a run cannot see another."""
    noise = np.random.default_rng(t).standard_normal((99, w.shape[1])).astype(w.dtype)
    return {
        "g": np.tanh(w),
        "t": t,
        "loss": np.log(np.cosh(w)).sum(axis=-1, keepdims=True),
        "grad": lambda w, where=None: np.tanh(w),
        "value": lambda w, where=None: np.log(np.cosh(w)).sum(axis=-1, keepdims=True),
        "hessian_product": lambda w, v, where=None: (1 - np.tanh(w) ** 2) * v,
        "blocks": BLOCKS[w.shape[1]],
        "normal": lambda: noise[np.rint(w[:, 0] * 0).astype(int)],
        "f_min": np.zeros((len(w), 1), w.dtype),
    }


def start(runs=5, parameters=12, dtype="float64"):
    """Run r alone is row r; few parameters lie as the harness lays them, runs next to each other."""
    w = np.random.default_rng(1).standard_normal((runs, parameters))
    return w.astype(dtype, order="F" if parameters < 8 else "C")


def train(rule, w, steps=5, **hyperparameters):
    """[(w, *state, solution)] after each step."""
    keywords, state, seen = columns(rule, w, **hyperparameters), initial_state(rule, w), []
    for t in range(1, steps + 1):
        w, *state = call(rule, w, state, supplied(w, t), keywords)
        seen.append((w, *state, solution(rule, w, state)))
    return seen


@every_optimizer
def test_arguments_are_not_changed(rule):
    w = start()
    facts, state, keywords = supplied(w, 1), initial_state(rule, w), columns(rule, w)
    inputs = [w, *state, *(array for array in (*facts.values(), *keywords.values()) if isinstance(array, np.ndarray))]
    before = [array.copy() for array in inputs]
    call(rule, w, state, facts, keywords)
    for array, copy in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@every_optimizer
@both_dtypes
def test_w_and_each_state_come_back_in_their_shape_and_dtype(rule, dtype):
    w = start(dtype=dtype)
    state = initial_state(rule, w)
    returned = call(rule, w, state, supplied(w, 1), columns(rule, w))
    assert [(array.shape, array.dtype) for array in returned] == [(array.shape, array.dtype) for array in (w, *state)]


@every_optimizer
@both_dtypes
@pytest.mark.parametrize("parameters", [3, 12])
def test_a_run_alone_is_its_row_among_five_bit_for_bit(rule, dtype, parameters):
    w = start(5, parameters, dtype)
    together = train(rule, w)
    for run in range(5):
        for step, alone in zip(together, train(rule, w[run : run + 1].copy(order="A")), strict=True):
            for several, one in zip(step, alone, strict=True):
                np.testing.assert_array_equal(several[run : run + 1], one)


@every_optimizer
def test_the_same_call_gives_the_same_bits(rule):
    for first, second in zip(train(rule, start()), train(rule, start()), strict=True):
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)


@every_optimizer
def test_lr_0_leaves_w(rule):
    if "lr" not in rule.hyperparameters:
        pytest.skip("has no lr")
    for w, *_ in train(rule, start(), lr=0.0):
        np.testing.assert_array_equal(w, start())


@every_optimizer
def test_a_hyperparameter_of_one_run_is_not_seen_by_another(rule):
    w = start(2)
    state, facts = initial_state(rule, w), supplied(w, 1)
    for name in rule.hyperparameters:
        keywords = columns(rule, w)
        keywords[name] = keywords[name] * np.array([[1], [0.5]])
        changed = call(rule, w, state, facts, keywords)
        for array, expected in zip(changed, call(rule, w, state, facts, columns(rule, w)), strict=True):
            np.testing.assert_array_equal(array[0], expected[0])


@every_optimizer
def test_it_descends_with_its_defaults(rule):
    w = start()
    losses = [supplied(point, 1)["loss"].mean() for point in (w, train(rule, w, 20)[-1][-1])]
    assert losses[1] < losses[0]


@every_optimizer
def test_it_says_what_it_is_in_one_line_with_a_reference(rule):
    assert rule.summary.endswith(".") and rule.reference
    assert not rule.parent or rule.parent in OPTIMIZERS
