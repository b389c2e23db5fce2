"""The contract's checks of evaluations: each fails where the accounting of a rule, or of the engine, is wrong."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from optibench import optimizer
from optibench.engine.state import Training
from optibench.plugin.registry import registry
from optibench.verify import verify
from optibench.verify.contract import PAID

FOUND = registry()
ACCOUNTS = ["costs what it declares", "every step is counted", "unpaid rows are NaN"]
ASKING = [name for name, rule in FOUND["optimizer"].items() if PAID & {*rule.arguments}]


def failed(rule):
    """The checks of accounting that a rule fails, with their notes."""
    return {
        check.reference: check.note for check in verify(rule, FOUND) if check.reference in ACCOUNTS and not check.ok
    }


def searching():
    lbfgs = FOUND.get("optimizer", "lbfgs")
    return replace(lbfgs, options={"line_search": "strong_wolfe"}, evaluations=nan)


def test_rules_that_mask_their_evaluations_pass(closures):
    for rule in (searching(), *closures["optimizer"].values()):
        assert failed(rule) == {}, rule.name


@pytest.mark.parametrize(("declared", "asked"), [(1, 2), (2, 1), (1.1, 2), (3, 2)])
def test_declared_evaluations_must_be_those_asked_for(declared, asked):
    @optimizer(evaluations=declared)
    def rule(w, g, grad, *, lr=0.1):
        return w - lr * (grad(w) if asked == 2 else g)

    note = (
        f"'rule' declares evaluations={declared:g} per step and asks for {asked}; declare evaluations={asked}, or nan "
    )
    assert failed(rule)["costs what it declares"].startswith(note)
    assert failed(replace(rule, evaluations=asked)) == failed(replace(rule, evaluations=nan)) == {}


@pytest.mark.parametrize(("declared", "passes"), [(1 + 1 / 7, True), (1.1, False), (1, False)])
def test_an_evaluation_every_seventh_step_is_a_seventh(declared, passes):
    @optimizer(evaluations=declared)
    def rule(w, g, t, value, *, lr=0.1):
        if t % 7 == 1:
            value(w)
        return w - lr * g

    assert (failed(rule) == {}) == passes


def test_a_single_evaluation_more_is_found_where_a_whole_number_is_declared():
    @optimizer
    def starting(w, g, t, value, *, lr=0.1):
        if t == 1:
            value(w)
        return w - lr * g

    assert [*failed(starting)] == ["costs what it declares"]


def test_a_step_that_was_not_counted_is_found():
    @optimizer(evaluations=nan)
    def refunding(w, g, grad, *, lr=0.1):
        if hasattr(grad, "__self__"):
            grad.__self__.counts["gradient_evaluations"] -= 1
        return w - lr * g

    note = "'refunding' took a step that cost 0 evaluations; the gradient that it is given costs 1"
    assert failed(refunding) == {"every step is counted": note}


@pytest.mark.parametrize("how", ["product", "everywhere"])
def test_a_rule_that_uses_what_it_did_not_pay_for_is_found(how):
    @optimizer(evaluations=nan)
    def leaking(w, g, grad, *, lr=0.1):
        mask = np.broadcast_to(lr > 0.05, (len(w), 1))
        other = grad(w - lr * g, where=mask)
        return w - lr * (mask * other + ~mask * g if how == "product" else other)

    assert [*failed(leaking)] == ["unpaid rows are NaN"]


@pytest.mark.parametrize("name", ["lbfgs with a search", "sam+adam", *ASKING])
def test_an_engine_that_gives_unpaid_rows_fails_every_rule_that_asks(name, monkeypatch):
    monkeypatch.setattr(Training, "_paid_only", lambda training, found, paid, columns: found)
    rule = searching() if "search" in name else FOUND.get("optimizer", name)
    asks = name != "lbfgs"  # by default it only could
    assert ("unpaid rows are NaN" in failed(rule)) == asks


def test_an_engine_that_masks_only_where_nobody_pays_is_found(monkeypatch):
    mask = Training._paid_only
    monkeypatch.setattr(
        Training,
        "_paid_only",
        lambda training, found, paid, columns: mask(training, found, None if np.any(paid) else paid, columns),
    )
    assert "got numbers that no run pays for" in failed(searching())["unpaid rows are NaN"]


def test_an_engine_that_counts_too_little_fails_every_rule_that_asks(monkeypatch):
    monkeypatch.setattr(Training, "_charge", lambda training, count, where: None)
    for name in ("sam+adam", "sophia"):
        assert "costs what it declares" in failed(FOUND.get("optimizer", name))
