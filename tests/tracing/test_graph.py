"""The graph: bits equal NumPy's, equal nodes are one, ``if`` opens two ways, and what has no formula says why."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optibench.tracing import Untraceable, evaluate, javascript
from optibench.tracing.graph import MOST_WAYS, OPERATIONS, Choice, explore
from optibench.tracing.graph import given as argument
from optibench.tracing.javascript import FORMS, literal
from optibench.tracing.symbols import Symbols, kept, nodes, shaped
from optibench.verify.formula import EXACT

UNARY = [np.negative, np.absolute, np.sign, np.sqrt, np.exp, np.log1p, np.sin, np.tanh, np.square, np.floor]
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.arctan2, np.remainder]
OTHERS = [
    lambda a, b: np.where(a > b, a, 2 * b),
    lambda a, b: np.clip(a, -1, b),
    lambda a, b: (a**2 + b**0.5).sum(axis=-1, keepdims=True) + np.zeros((1, 3)),
    lambda a, b: np.where((a < b) & ~(a == 0) | (b >= 1), a, b).mean(axis=-1, keepdims=True) * a,
    lambda a, b: np.concatenate([b[:, 1:], a[:, :1]], axis=1),
    lambda a, b: a.max(axis=1, keepdims=True) - b.min(axis=1, keepdims=True) + 0 * a,
    lambda a, b: (a > 0).astype(a.dtype) * b + np.zeros_like(a),
    lambda a, b: a.reshape(1, 3, 1).swapaxes(1, 2)[:, 0] / np.full_like(b, 3),
]
FLOATS = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, math.nan, 1e-300, 1e300])


def formulas():
    """Random functions of an array x (1, 3), as pairs of a text and a function."""
    # A copy, because NumPy's exp rounds differently along strides.
    leaf = st.just(lambda x: x) | FLOATS.map(lambda c: lambda x: c + 0 * x) | st.just(lambda x: x[:, ::-1].copy())

    def grow(inner):
        unary = st.builds(lambda f, a: lambda x: f(a(x)), st.sampled_from(UNARY), inner)
        both = st.sampled_from(BINARY + OTHERS)
        return unary | st.builds(lambda f, a, b: lambda x: f(a(x), b(x)), both, inner, inner)

    return st.recursive(leaf, grow, max_leaves=12)


def symbol(name="w", width=3):
    return shaped([argument(name, i) for i in range(width)], (1, width))


def traced(function, width=3):
    with kept():
        return explore("f", ("w",), lambda: nodes(function(symbol(width=width))))


@settings(max_examples=300, deadline=None)
@given(formulas(), st.lists(FLOATS, min_size=3, max_size=3))
def test_a_formula_has_the_bits_of_numpy(function, numbers):
    with np.errstate(all="ignore"):
        expected = np.broadcast_to(function(np.array([numbers])), (1, 3))[0]
        found = evaluate(traced(lambda x: function(x) + np.zeros((1, 3)) * 0), {"w": numbers})
        expected = expected + np.zeros(3)
    assert np.array_equal(found, expected, equal_nan=True), (found, expected)


def test_every_operation_has_its_form_in_javascript():
    assert sorted(FORMS) == sorted(OPERATIONS) and EXACT.issubset(OPERATIONS)


def test_equal_numbers_are_computed_once():
    formula = traced(lambda w: np.exp(w) + np.exp(w[:, [0, 0, 0]]) * np.exp(w[:, :1]))
    assert sum(node.op == "exp" for node in formula.body.nodes) == 3


def test_zeros_of_both_signs_are_two_numbers():
    found = evaluate(
        traced(lambda w: np.copysign(1.0, -0.0) * 0.0 + 0 * w + np.where(w > 9, 0.0, -0.0)), {"w": [1] * 3}
    )
    assert not found.any()
    formula = traced(lambda w: np.where(w > 0, 0.0, -0.0))
    assert np.array_equal(np.signbit(evaluate(formula, {"w": [1, -1, 2]})), [False, True, False])


def test_an_if_is_followed_both_ways_and_asked_once():
    def function(w):
        a = 2 * w if w[0, 0] > 0 else w - 1
        return a if w[0, 0] > 0 and w[0, 1] else -a

    formula = traced(function)
    assert isinstance(formula.body.end, Choice)
    for w in ([1.0, 1.0, 0.0], [1.0, 0.0, 2.0], [-1.0, 3.0, 0.0]):
        assert np.array_equal(evaluate(formula, {"w": w}), function(np.array([w]))[0])
    assert javascript(formula).count("if (") == 2


def test_not_a_condition_is_no_new_question():
    formula = traced(lambda w: w if not w[0, 0] > 0 else (w + 1 if w[0, 0] > 0 else w + 2))
    assert javascript(formula).count("if (") == 1
    formula = traced(lambda w: w if w[0, 0] > 0 and ~(w[0, 1] > 0) else -w)
    for second, sign in ((1.0, -1), (-1.0, 1)):
        assert np.array_equal(evaluate(formula, {"w": [1.0, second, 3.0]}), np.multiply(sign, [1.0, second, 3.0]))


def test_a_truth_as_a_number_is_1_or_0():
    formula = traced(lambda w: (w > 0).astype(float))
    assert "? 1 : 0;" in javascript(formula)
    assert np.array_equal(evaluate(formula, {"w": [1, -1, 2]}), [1, 0, 1])


def test_conditions_of_constants_ask_nothing():
    formula = traced(lambda w: w if (w > 0).any() & False or np.isfinite(2.0) else -w)
    assert not isinstance(formula.body.end, Choice)


def test_in_place_changes_of_a_copy_are_followed():
    def function(w):
        g = np.zeros_like(w)
        g[:, :2] = w[:, 1:]
        g[:, 1:] += 2 * w[:, :2]
        g *= 3
        return np.stack([g, np.asarray(w), np.array([w[0]])])

    w = np.array([[1.5, 2.5, 3.5]])
    assert np.array_equal(evaluate(traced(function), {"w": w[0]}), function(w).ravel())


def test_products_of_matrices_and_vectors():
    a = np.arange(9.0).reshape(3, 3)
    for function in (
        lambda w: w @ a,
        lambda w: a @ w[0],
        lambda w: w[0] @ w[0],
        lambda w: w[0] @ a,
        lambda w: np.dot(w, a),
        lambda w: np.vecdot(w, w),
        lambda w: (w[:, None, :] @ a)[:, 0],
        lambda w: np.linalg.norm(w, axis=1, keepdims=True),
        lambda w: w.var(axis=1),
        lambda w: np.std(w, axis=-1),
        lambda w: w.prod(),
        lambda w: np.max(w, axis=1, initial=9.0),
    ):
        w = np.array([[1.0, 2.0, 4.0]])
        assert evaluate(traced(function), {"w": w[0]}) == pytest.approx(np.ravel(function(w)), rel=1e-15)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda w: np.linalg.eigh(w[:, :, None] * w[:, None, :])[1], "numpy.linalg.eigh has no formula here"),
        (lambda w: np.sort(w), "numpy.sort has no formula here"),
        (lambda w: w.argsort(), "numpy.argsort has no formula here"),
        (lambda w: np.cumsum(w, axis=1), "numpy.cumsum has no formula here"),
        (lambda w: np.add.accumulate(w), "numpy.add.accumulate has no formula here"),
        (lambda w: np.spacing(w), "numpy.spacing has no formula here"),
        (lambda w: np.sum(w, where=w > 0), "numpy.add with where has no formula here"),
        (lambda w: w.astype("float32"), "precision float32 has no formula here"),
        (lambda w: w * math.sqrt(w[0, 0]), "it needs the value of w, not a formula, as float()"),
        (lambda w: w * sum(range(int(w[0, 1] + 1))), "it needs the value of a result"),
        (lambda w: w[w > 0], "it indexes an array by a formula; numpy.where chooses"),
        (lambda w: w if w > 0 else -w, "it asks for the truth of an array of several numbers"),
        (lambda w: w if w[0, 0] > 0 else "text", "str is not a number"),
    ],
)
def test_what_has_no_formula_says_why(function, words):
    with pytest.raises(Untraceable) as error:
        traced(function)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_numbers_written_into_an_array_of_numbers_are_refused():
    def function(w):
        g = np.zeros(w.shape)
        g[:, 0] = w[:, 0]
        return g

    with pytest.raises(Untraceable, match=r"assignment into numpy\.zeros"):
        traced(function)


def test_too_many_ways_are_refused():
    def function(w):
        return sum(1 if w[0, 0] > i else 0 for i in range(9)) * w

    with pytest.raises(Untraceable, match=f"more than {MOST_WAYS} ways"):
        traced(function)


def test_numpy_is_as_before_after_a_trace_and_for_other_threads_during_it():
    before, seen = (np.array, np.asarray, np.ascontiguousarray), []

    def function(w):
        thread = threading.Thread(target=lambda: seen.append(np.ascontiguousarray([1.0])))
        thread.start()
        thread.join()
        return np.ascontiguousarray(w)

    traced(function)
    assert type(seen[0]) is np.ndarray and (np.array, np.asarray, np.ascontiguousarray) == before
    with pytest.raises(Untraceable):
        traced(lambda w: np.sort(w))
    assert (np.array, np.asarray, np.ascontiguousarray) == before
    assert not isinstance(np.asarray([1.0]), Symbols)


def test_numbers_keep_every_digit_in_javascript():
    assert [literal(x) for x in (1e-08, 2.0, -math.inf, math.nan, True, 0.1 + 0.2)] == [
        *("1e-08", "2", "-Infinity", "NaN", "true", "0.30000000000000004")
    ]
