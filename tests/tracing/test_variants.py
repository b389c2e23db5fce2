"""A rule without one of its lines."""

from __future__ import annotations

import numpy as np
import pytest
from odd_rules import FOUND, TRACEABLE, identity

import optibench as ob
from optibench.tracing import evaluate, trace_rule, variants
from optibench.tracing.follow import follow_rule
from optibench.tracing.graph import Choice, substituted


def by_title(rule):
    return {one.title: one.traced for one in variants(rule)}


def first_step(traced, rule, lr=0.1, **settings):
    """The first step from (1, 1) with gradient (1, 10), in units of lr."""
    width = sum(int(np.prod(shape)) for shape in traced.state.values())
    h = {**rule.hyperparameters, "lr": lr, **settings}
    found = evaluate(traced.formulas["step"], {"w": [1, 1], "g": [1, 10], "t": 1, "s": [0] * width, "h": h})
    return (found[:2] - 1) / lr


def test_adam_without_bias_correction_begins_too_fast():
    adam = FOUND.get("optimizer", "adam")
    found = by_title(adam)
    assert [*found] == ["without m_hat", "without v_hat", "without m_hat and v_hat"]
    assert first_step(trace_rule(adam), adam) == pytest.approx([-1, -1], rel=1e-6)
    # 0.1 g / sqrt(0.001 g^2) is 3.16.
    assert first_step(found["without m_hat and v_hat"], adam) == pytest.approx([-3.1623, -3.1623], rel=1e-4)
    assert first_step(found["without m_hat"], adam) == pytest.approx([-0.1, -0.1], rel=1e-4)
    assert first_step(found["without v_hat"], adam) == pytest.approx([-31.623, -31.623], rel=1e-4)


def test_a_variant_is_a_whole_rule():
    adam = FOUND.get("optimizer", "adam")
    (_, _, both) = variants(adam)
    whole = trace_rule(adam)
    assert both.names == ("m_hat", "v_hat") and both.traced.state == whole.state
    assert both.traced.script.startswith("function start(w, h) {\n") and "pow" not in both.traced.script
    assert "pow" in whole.script


def test_adamw_without_its_decay_is_adam():
    adam, adamw = (FOUND.get("optimizer", name) for name in ("adam", "adamw"))
    found = by_title(adamw)
    assert [*found] == ["without decayed", "without m_hat", "without v_hat", "without m_hat and v_hat"]
    assert first_step(found["without decayed"], adamw).tolist() == first_step(trace_rule(adam), adam).tolist()


@ob.optimizer
def branched(w, g, t, m=0, *, lr=0.1):
    """A line that is left out on both ways, and lines that cannot be."""
    u = 2 * g
    if t == 1:
        x = u / 3
        y = 2 * u
    else:
        x = 3 * u
        y = u + m
    inverse = 1 / (1 + abs(x))
    chosen = np.where(x > 0, 1.0, 2.0)
    return w - lr * (x + y + inverse * chosen), m


def test_only_a_line_that_makes_an_array_of_one_is_left_out():
    found = by_title(branched)
    # y adds m on one way; `inverse` is divided by x, and of `chosen` x is the condition.
    assert [*found] == ["without u", "without x"]
    without = found["without x"].formulas["step"]
    assert isinstance(without.body.end, Choice)
    given = {"w": [0, 0], "g": [1, 2], "s": [5, 5], "h": {"lr": 1.0}}
    for t, y in ((1, [4, 8]), (2, [7, 9])):
        u = np.array([2.0, 4.0])
        assert evaluate(without, {**given, "t": t})[:2] == pytest.approx(-(u + y + 1 / (1 + u)))


def test_a_node_that_decides_is_replaced_too():
    @ob.optimizer
    def decided(w, g, *, lr=0.1):
        """Turns around if the scaled gradient is long."""
        u = 10 * g
        turn = -1.0 if np.max(u) > 5 else 1.0
        return w - lr * turn * g

    step = by_title(decided)["without u"].formulas["step"]
    for g, w in ((1.0, -1.0), (6.0, 6.0)):
        assert evaluate(step, {"w": [0, 0], "g": [g, g], "h": {"lr": 1}}).tolist() == [w, w]


def test_a_line_that_stands_for_different_arrays_stays():
    @ob.optimizer
    def either(w, g, t, *, lr=0.1):
        """The same x from g on one way, and from u on the other."""
        if t == 1:
            x = 3 * (2 * g)
        else:
            u = 2 * g
            x = 3 * u
        return w - lr * x

    assert [*by_title(either)] == ["without u"]


def test_nothing_replaced_is_the_same_formula():
    adam = follow_rule(FOUND.get("optimizer", "adam"))
    given = {"w": [1, 2], "g": [3, -4], "t": 3, "s": [1, 2, 3, 4], "h": FOUND.get("optimizer", "adam").hyperparameters}
    again = substituted(adam.step, {})
    assert evaluate(again, given).tolist() == evaluate(adam.step, given).tolist()
    assert len(again.body.nodes) == len(adam.step.body.nodes)


@pytest.mark.parametrize("rule", TRACEABLE, ids=identity)
def test_every_variant_takes_a_step(rule):
    for one in variants(rule):
        assert one.names and one.traced.script != trace_rule(rule).script
        width = sum(int(np.prod(shape)) for shape in one.traced.state.values())
        given = {"w": [1, 2], "g": [3, -4], "t": 3, "s": [0.5] * width, "h": rule.hyperparameters}
        found = evaluate(one.traced.formulas["step"], {**given, "loss": 1.0, "f_min": 0.0}, {"grad": lambda w: w})
        assert len(found) == 2 + width
