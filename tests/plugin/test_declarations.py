"""A signature is a declaration; blocks are views; names are written one way."""

from __future__ import annotations

import numpy as np
import pytest

from optibench import InputError, Problem, activation, blocks_of, executor, loss, metric, optimizer, problem, schedule
from optibench.errors import nearest
from optibench.plugin import hookspecs
from optibench.plugin.choice import label
from optibench.plugin.optimizer import SUPPLIED


def rows(w):
    return np.zeros((len(w), 1))


@optimizer(
    parent="gd", formula="w", reference="nobody 2026", batch=7, space={"lr": "1:2:3"}, solution=lambda w, m, r: m
)
def everything(w, g, t, m=0, r=rows, *, lr=1e-3, steps=2, nesterov=False, norm="l2", cap=None):
    """One line.

    More lines.
    """
    return w, m, r


def test_a_signature_declares_arguments_state_hyperparameters_and_options():
    assert everything.name == "everything"
    assert everything.arguments == ("w", "g", "t", "m", "r")
    assert everything.state == {"m": 0, "r": rows}
    assert everything.hyperparameters == {"lr": 1e-3, "steps": 2}
    assert everything.options == {"nesterov": False, "norm": "l2", "cap": None}


def test_facts_stand_in_the_decorator_and_the_summary_in_the_docstring():
    assert (everything.parent, everything.formula, everything.reference) == ("gd", "w", "nobody 2026")
    assert (everything.batch, everything.space) == (7, {"lr": "1:2:3"})
    assert everything.solution(1, 2, 3) == 2
    assert everything.summary == "One line."


def test_a_declared_optimizer_is_still_its_rule():
    assert everything(1, 2, 3, 4, 5, lr=6) == (1, 4, 5)


def test_a_bare_decorator_declares_no_facts():
    @optimizer
    def bare(w, g, *, lr=0.1):
        return w - lr * g

    assert (bare.name, bare.state, bare.batch, bare.parent, bare.summary) == ("bare", {}, None, "", "")


def test_one_rule_may_have_two_names():
    first, second = (optimizer(lambda w, g, *, lr=1.0: w, name=name) for name in ("first", "second"))
    assert (first.name, second.name) == ("first", "second")


def test_everything_that_is_supplied_can_be_asked_for():
    names = ", ".join(SUPPLIED)
    rule = eval(f"lambda {names}: w")
    assert optimizer(rule, name="greedy").arguments == tuple(SUPPLIED)


@pytest.mark.parametrize(
    "rule, complaint",
    [
        (lambda w, gradd: w, "optimizer 'wrong': unknown argument 'gradd'; .* nearest: grad"),
        (lambda w, g, *, lr: w, "'wrong': hyperparameter 'lr' needs a default"),
        (lambda w, *rest: w, r"'wrong': \*rest declares nothing"),
        (lambda w, **rest: w, r"'wrong': \*rest declares nothing"),
    ],
)
def test_a_signature_that_declares_nothing_sensible_is_refused(rule, complaint):
    with pytest.raises(InputError, match=complaint):
        optimizer(rule, name="wrong")


def test_a_misspelled_fact_says_the_nearest():
    with pytest.raises(InputError, match="no fact of optimizer 'rule' named 'refrence'; nearest: reference"):

        @optimizer(refrence="me")
        def rule(w, g):
            return w


@pytest.mark.parametrize("declare", [activation, loss, schedule, metric, executor], ids=lambda d: d.kind.__name__)
def test_small_pieces_are_named_functions_of_their_kind(declare):
    @declare
    def plain(z):
        """Says what it is."""
        return z + 1

    given = declare(name="other", formula="z", reference="me")(plain.function)
    assert type(plain) is type(given) is declare.kind
    assert (plain.name, plain.summary, plain.formula) == ("plain", "Says what it is.", "")
    assert (given.name, given.formula, given.reference) == ("other", "z", "me")
    assert plain(1) == given(1) == 2


def test_a_problem_is_named_with_the_parameters_that_were_changed():
    @problem
    def flat_land(*, size=2, height=1.0):
        """Nothing to find."""
        return Problem("", start=lambda rng: np.zeros(size), value_grad=lambda w: (0 * w[:, 0] + height, 0 * w))

    assert flat_land.name == "flat-land" and flat_land.parameters == {"size": 2, "height": 1.0}
    assert flat_land().name == "flat-land" and flat_land().size == 2
    changed = flat_land(size=3, height=1.0)
    assert (changed.name, changed.size, changed.piece) == ("flat-land:size=3", 3, flat_land)
    assert problem(name="moon")(flat_land.function).name == "moon"


@pytest.mark.parametrize(
    "parameters, written",
    [
        ({}, "name"),
        ({"b": 2, "a": 0.5}, "name:a=0.5,b=2"),
        ({"x": 10.0}, "name:x=10"),
        ({"x": 1e-8}, "name:x=1e-08"),
        ({"x": 0.1234567891}, "name:x=0.1234567891"),
        ({"flag": True, "word": "so"}, "name:flag=True,word=so"),
        ({"activation": activation(np.tanh, name="tanh")}, "name:activation=tanh"),
        ({"milestones": "0.5/0.75"}, "name:milestones=0.5/0.75"),
        ({"word": "1,b=2"}, 'name:word="1,b=2"'),
        ({"word": 'a "b" \\'}, r'name:word="a \"b\" \\"'),
        ({"word": "two\nlines"}, r'name:word="two\nlines"'),
        ({"word": "\U0001f600"}, "name:word=\U0001f600"),
    ],
)
def test_a_label_is_sorted_short_and_loses_no_digit(parameters, written):
    assert label("name", parameters) == written


def test_different_choices_have_different_labels():
    choices = [{"a": "1,b=2"}, {"a": 1, "b": 2}, {"a": '"1,b=2"'}, {"a": "1\\n"}, {"a": "1\n"}, {"a": '"1\\n"'}]
    assert len({label("name", parameters) for parameters in choices}) == len(choices)


def test_nearest_names_one_or_all():
    assert nearest("adamm", ["adam", "gd"]) == "nearest: adam"
    assert nearest("xyz", ["gd", "adam"]) == "valid names: adam, gd"
    assert nearest("xyz", []) == "valid names: none"


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_block_is_a_view_of_w(order):
    weight, bias = blocks_of(weight=(2, 3), bias=(3,))
    w = np.array(np.arange(18.0).reshape(2, 9), order=order)
    assert weight.of(w).shape == (2, 2, 3) and bias.of(w).shape == (2, 3)
    np.testing.assert_array_equal(weight.of(w)[1], [[9, 10, 11], [12, 13, 14]])
    np.testing.assert_array_equal(bias.of(w), [[6, 7, 8], [15, 16, 17]])
    weight.of(w)[1, 1, 2] = -1
    bias.of(w)[0, 0] = -2
    assert w[1, 5] == -1 and w[0, 6] == -2


def test_every_kind_of_piece_has_a_decorator_or_is_data():
    import optibench

    for kind, (_, made) in hookspecs.KINDS.items():
        assert hasattr(optibench, kind) or hasattr(optibench, made.__name__)
