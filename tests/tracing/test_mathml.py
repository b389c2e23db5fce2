"""Nodes as MathML: the notation of the field, and names as symbols."""

from __future__ import annotations

import numpy as np
import pytest
from odd_rules import text

from optibench.tracing.graph import Trace, call, given, recording
from optibench.tracing.mathml import MOST_SYMBOLS, Named, alike, math, mathml
from optibench.tracing.notation import notation, symbol
from optibench.tracing.symbols import kept, nodes, shaped


def written(function, first=0):
    """The formula of one number of a function of two arrays, x and y, and a scalar t."""
    with kept(), recording(Trace({}, [])):
        x, y = (shaped([given(name, i) for i in range(2)], (1, 2)) for name in "xy")
        t = shaped([given("t")], (1, 1))
        names = {node: Named(symbol("x"), 0, i) for i, node in enumerate(nodes(x))}
        names |= {node: Named(symbol("y"), 1, i) for i, node in enumerate(nodes(y))}
        markup = mathml(nodes(function(x, y, t))[first], names)
        return markup and text(math(markup))


def total(array):
    return array.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (lambda x, y, t: x - (y - x), "x−(y−x)"),
        (lambda x, y, t: x + (y - x), "x+y−x"),
        (lambda x, y, t: (x + y) * -x, "(x+y)(−x)"),
        (lambda x, y, t: x + -y, "x+(−y)"),
        (lambda x, y, t: -(x + y), "−(x+y)"),
        (lambda x, y, t: 2 * 3 * x * 4, "6⋅x⋅4"),
        (lambda x, y, t: x / (y / t) * t, "{x}/{{y}/{t}}t"),
        (lambda x, y, t: (x / y) ** 3, "({x}/{y})^3"),
        (lambda x, y, t: (-x) ** 2 + x * x, "(−x)^2+x^2"),
        (lambda x, y, t: 1e-8 * x + 2.5e10, "10^−8⋅x+2.5⋅10^10"),
        (lambda x, y, t: x * np.inf, "x⋅∞"),
        (lambda x, y, t: np.exp(x) + np.abs(x) + np.log1p(y), "e^x+|x|+log(1+y)"),
        (lambda x, y, t: np.reciprocal(x) ** 0.5, "√({1}/{x})"),
        (lambda x, y, t: np.tanh(x), "tanh(x)"),
        (lambda x, y, t: total(x * y), "∑xy"),
        (lambda x, y, t: total(x + y) * t, "(∑(x+y))t"),
        (lambda x, y, t: total(x) + t, "∑x+t"),
        (lambda x, y, t: x + x, "x+x"),  # the same number twice is no sum over coordinates
        (lambda x, y, t: x + y, "x+y"),
        (lambda x, y, t: np.sqrt(total(x**2)), "‖x‖"),
        (lambda x, y, t: total((x - y) * (x - y)) ** 0.5, "‖x−y‖"),
        (lambda x, y, t: np.sqrt(total(x * y)), "√(∑xy)"),
        (lambda x, y, t: x.max(axis=-1, keepdims=True), "max(x)"),
        (lambda x, y, t: np.clip(x, -1, t), "clip(x,−1,t)"),
        (lambda x, y, t: np.where(x > 0, y, 2), "{y if x>0 ;2 else ;"),
        (lambda x, y, t: np.where(x > 0, y, np.where(x < 0, t, 1)), "{y if x>0 ;t if x<0 ;1 else ;"),
        (lambda x, y, t: np.where(x != 0, y / np.where(x != 0, x, 1), 0), "{{y}/{x} if x≠0 ;0 else ;"),
        (lambda x, y, t: t * np.where(x > 0, y, 2), "t({y if x>0 ;2 else ;)"),
        (lambda x, y, t: (x > y).astype(float) * t, "[x>y]t"),
        (lambda x, y, t: np.where((x > 0) & ~(y > 0) | (t == 1), x, y), "{x if ((x>0)∧¬(y>0))∨(t=1) ;y else ;"),
        (lambda x, y, t: x % 2, "xmod2"),
        (lambda x, y, t: x + 0 * y + 1 * t, "x+t"),
        (lambda x, y, t: x[:, ::-1], "x_2"),  # not the coordinate itself
    ],
)
def test_operations_are_written_as_on_paper(function, formula):
    assert written(function) == formula


def test_a_sum_has_one_sign_however_many_coordinates():
    with kept(), recording(Trace({}, [])):
        x = shaped([given("x", i) for i in range(5)], (1, 5))
        names = {node: Named(symbol("x"), 0, i) for i, node in enumerate(nodes(x))}
        found = [mathml(nodes(part)[0], names) for part in (total(x**2), total(2 * x + x**2) + 1, total(x[:, :3]) + x)]
    assert [text(math(markup)) for markup in found] == ["∑x^2", "∑(2⋅x+x^2)+1", "∑x+x"]


def test_calls_are_functions_of_the_loss():
    with recording(Trace({}, [])):
        x = [given("x", i) for i in range(2)]
        names = {node: Named(symbol("x"), 0, i) for i, node in enumerate(x)}
        for name, lists, formula in (
            ("grad", (x,), "∇f(x)"),
            ("value", (x,), "f(x)"),
            ("hessian_product", (x, x), "∇^2f(x)x"),
        ):
            made = call(name, [tuple(part) for part in lists], 1)
            assert text(math(mathml(made[0], names))) == formula


def test_a_long_formula_is_none():
    def long(terms):
        def function(x, y, t):
            for i in range(terms):
                x = x + y * (i + 2)
            return x

        return function

    # A term is a sum, a product and its two factors.
    assert written(long((MOST_SYMBOLS - 1) // 4)) is not None
    assert written(long(MOST_SYMBOLS // 4 + 1)) is None


def test_a_formula_that_doubles_at_each_line_is_counted_in_no_time():
    def doubled(x, y, t):
        for _ in range(200):
            x = x * x + x
        return x

    assert written(doubled) is None


def test_terms_are_alike_only_in_one_array():
    with recording(Trace({}, [])):
        x, y = ([given(name, i) for i in range(2)] for name in "xy")
        names = {node: Named(symbol("x"), owner, i) for owner, pair in enumerate((x, y)) for i, node in enumerate(pair)}
        assert alike(x[0], x[1], names) and not alike(x[0], y[1], names)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("lr", "η"),
        ("eps", "ε"),
        ("eps2", "ε_2"),
        ("beta1", "β_1"),
        ("lambd", "λ"),
        ("m", "m"),
        ("m_hat", "mˆ"),
        ("v_max", "v_max"),
        ("beta2_decay", "β_2,decay"),
        ("t0", "t_0"),
        ("momentum", "momentum"),
        ("weight_decay", "weight_decay"),
        ("lr_decay", "lr_decay"),
        ("pair_1", "pair_1"),
        ("_", "_"),
        ("_private", "_private"),
        ("f_min", "f^∗"),
        ("ß", "ß"),
        ("x" * 200, "x" * 200),
    ],
)
def test_names_are_symbols(name, formula):
    assert text(math(symbol(name).now)) == formula


def test_the_value_before_has_the_index_of_the_step_before():
    assert text(math(symbol("m").before)) == "m_t−1"
    assert text(math(symbol("v_max").before)) == "v_max,t−1"
    assert text(math(symbol("m_hat").before)) == "mˆ_t−1"


def test_two_names_are_two_symbols():
    symbols = notation(["lr", "eta", "eps", "beta", "beta1", "lambd", "lambda_"])
    assert len({*symbols.values()}) == 7
    assert text(math(symbols["lr"].now)) == "lr" and text(math(symbols["eta"].now)) == "η"
    assert text(math(notation(["lr", "g"])["lr"].now)) == "η"
