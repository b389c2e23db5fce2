"""Drive a rule by hand, without the harness: arrays read-only, hyperparameters as columns of w's dtype."""

from __future__ import annotations

import numpy as np


def initial_state(rule, w):
    state = [start(w) if callable(start) else np.full_like(w, start) for start in rule.state.values()]
    return [np.asarray(array, w.dtype) for array in state]


def columns(rule, w, **given):
    """The rule's keywords: numbers as (R, 1) columns, options as they are."""
    numbers = {**rule.hyperparameters, **given}
    return {
        name: value if name in rule.options else np.full((len(w), 1), value, w.dtype)
        for name, value in (numbers | {name: given.get(name, value) for name, value in rule.options.items()}).items()
    }


def call(rule, w, state, supplied, keywords):
    """One step, as (w, *state); every array goes in read-only."""
    table = {**supplied, "w": w, **dict(zip(rule.state, state, strict=True))}
    for array in (*table.values(), *keywords.values()):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    returned = rule(*(table[name] for name in rule.arguments), **keywords)
    return returned if isinstance(returned, tuple) else (returned,)


def solution(rule, w, state):
    return w if rule.solution is None else rule.solution(w, *state)
