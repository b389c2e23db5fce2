"""Instruments against numbers by hand, and against the training without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import optibench as ob
from optibench import Problem, blocks_of
from optibench.activations import relu, sigmoid, tanh
from optibench.engine.instruments import PRODUCTS, SHARE, affordable
from optibench.engine.loop import train
from optibench.engine.measure import part
from optibench.engine.records import Status, alone
from optibench.losses import mse
from optibench.metrics import accuracy, loss
from optibench.networks import Dense, Dropout, Network, network_problem
from optibench.plugin.registry import registry

FOUND = registry()


def bowl(values, **facts):
    """w'Hw / 2 with these eigenvalues, in two blocks."""
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((len(values),) * 2))
    h = (q * values) @ q.T
    return Problem(
        "bowl",
        lambda rng: rng.standard_normal(len(values)),
        lambda w: (((w @ h.astype(w.dtype)) * w).sum(-1) / 2, w @ h.astype(w.dtype)),
        blocks=blocks_of(a=(2,), b=(len(values) - 2,)),
        **facts,
    )


def cohort(rule, settings, steps, instrumented=(), batch=0, **facts):
    """Runs of these settings, at seeds from 0 on, those in ``instrumented`` read by instruments."""
    one = replace(alone(FOUND.get("optimizer", rule), settings, steps, "float64", **facts), batch=batch)
    runs = tuple(replace(run, instrumented=number in instrumented) for number, run in enumerate(one.runs))
    return replace(one, runs=runs, sampler="reshuffle" if batch else "full")


def trained(one, problem):
    rule = FOUND.get("optimizer", one.optimizer)
    return train(one, problem, rule, lambda t, total: 1 / t if one.schedule[0] == "harmonic" else 1.0, [loss, accuracy])


def read(outcome, run):
    """{column: {step: value}} of a run."""
    columns = {}
    for point in outcome.readings.points:
        for row in np.flatnonzero(point["runs"] == run):
            for name, values in point["columns"].items():
                columns.setdefault(name, {})[point["step"]] = float(values[row])
    return columns


def same_bits(a, b):
    return a.keys() == b.keys() and all(
        np.array_equal([*a[name].items()], [*b[name].items()], equal_nan=True) for name in a
    )


def descent(problem, lr, steps, seed=0):
    """The gradients and points of gradient descent on all examples, in plain NumPy."""
    data = tuple(array[None] for array in problem.train)
    w, gradients = [problem.start(np.random.default_rng(np.random.SeedSequence([seed, 0])))[None]], []
    for _ in range(steps):
        gradients.append(problem.value_grad(w[-1], *data)[1])
        w.append(w[-1] - lr * gradients[-1])
    return np.concatenate(gradients), np.concatenate(w)


def test_norms_ratios_and_cosines_are_those_of_the_path_by_layer():
    problem = FOUND.get("problem", "moons-mlp")()
    outcome = trained(cohort("gd", [{"lr": 0.5}] * 2, 60, {1}, batch=300), problem)
    assert not read(outcome, 0)
    columns = read(outcome, 1)
    g, w = descent(problem, 0.5, 60, seed=1)
    steps = sorted(columns["step_cosine"])
    assert steps[0] == 2 and steps[-1] == 60 and len(steps) > 15 and {*columns["learning_rate"].values()} == {0.5}
    weights = iter(problem.blocks)
    for layer in ("dense1", "dense3", "dense5"):
        weight, bias = next(weights), next(weights)  # a layer is a weight with its bias
        both = np.r_[weight.slice, bias.slice]
        for t in (1, *steps):
            length = np.linalg.norm
            assert columns[f"gradient_norm:{layer}"][t] == pytest.approx(length(g[t - 1, both]), rel=1e-9)
            ratio = length(w[t, both] - w[t - 1, both]) / length(w[t, both])
            assert columns[f"update_ratio:{layer}"][t] == pytest.approx(ratio, rel=1e-9)
    for t in steps:
        a, b = w[t] - w[t - 1], w[t - 1] - w[t - 2]
        assert columns["step_cosine"][t] == pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)), rel=1e-9)


def test_the_cosine_of_steps_across_a_ravine_is_minus_one_and_along_it_one():
    problem = bowl([1.0, 1.0, 1.0])
    across, along = (read(trained(cohort("gd", [{"lr": lr}], 9, {0}), problem), 0) for lr in (1.9, 0.1))
    np.testing.assert_allclose([*across["step_cosine"].values()], -1)
    np.testing.assert_allclose([*along["step_cosine"].values()], 1)


@pytest.mark.parametrize("exact", [True, False])
def test_the_sharpness_of_a_quadratic_is_its_largest_eigenvalue(exact):
    values = [-3.0, 0.5, 1.0, 2.0, 7.0]
    problem = bowl(values)
    if exact:
        problem = replace(problem, hessian_product=lambda w, v: problem.value_grad(v)[1])
    columns = read(trained(cohort("gd", [{"lr": 0.01}], 300, {0}, schedule=("harmonic", {})), problem), 0)
    assert len(columns["sharpness"]) > 2 and max(columns["sharpness"]) == 300
    np.testing.assert_allclose([*columns["sharpness"].values()], 7, rtol=1e-12 if exact else 1e-6)
    assert columns["learning_rate"][300] == pytest.approx(0.01 / 300)  # that of the step, its schedule included


def test_the_penalty_that_is_added_to_gradients_is_in_the_sharpness():
    transforms = replace(cohort("gd", [{}], 1).transforms, l2=2.5)
    columns = read(trained(cohort("gd", [{"lr": 0.01}], 300, {0}, transforms=transforms), bowl([1.0, 2, 3])), 0)
    np.testing.assert_allclose([*columns["sharpness"].values()], 5.5, rtol=1e-6)


def tiny(activation, weights, biases, **facts):
    """One input, a hidden layer, one output: units a(weight x + bias), at x = -1, 0 and 1."""
    network = Network((1,), [Dense(len(weights)), activation, Dense(1)], mse)
    x = np.array([[-1.0], [0.0], [1.0]])
    problem = network_problem("tiny", network, ((x, x), (), ()), **facts)
    start = np.concatenate([weights, biases, np.zeros(len(weights) + 1)])
    return replace(problem, start=lambda rng: start.astype(float))


@pytest.mark.parametrize(
    ("activation", "weights", "biases", "share"),
    [
        (relu, [1, 1, -1, 0], [0, -2, -1, -1], 3 / 4),  # unit 1 is 0 on all of -1, 0, 1; 2 and 3 have no slope there
        (tanh, [1, 1, 20, 0], [0, 6, 0, -3.1], 2 / 4),  # slopes 1 - tanh^2: tiny at 5 and at -3.1; 20 x is 0 at 0
        (sigmoid, [0, 0], [4.5, 5.5], 1 / 2),  # slopes over 1/4: .0435 and .0162, the second not yet ...
        (sigmoid, [0, 0], [5.5, 6.5], 1 / 2),  # ... .0162 and .0060
    ],
)
def test_saturated_units_are_counted_as_by_hand(activation, weights, biases, share):
    problem = tiny(activation, weights, biases)
    if activation is sigmoid and biases[0] == 4.5:
        share = 0
    w = problem.start(None)[None]
    (layer,) = problem.saturation(w, problem.train[0][None]).items()
    assert layer[0] == f"{activation.name}2" and layer[1].tolist() == [share]
    still = read(trained(cohort("gd", [{"lr": 1e-9}] * 2, 40, {0, 1}, batch=3), problem), 1)
    assert {*still[f"saturation:{activation.name}2"].values()} == {share}


def spied(problem):
    """The problem, and a list that grows by the examples of every gradient, in rows of w."""
    seen = []

    def value_grad(w, *batch):
        seen.append(len(w) * (batch[0].shape[1] if batch else 1))
        return problem.value_grad(w, *batch)

    def hessian_product(w, v, *batch):
        seen.append(len(w) * (batch[0].shape[1] if batch else 1))
        return problem.hessian_product(w, v, *batch)

    exact = problem.hessian_product and hessian_product
    return replace(problem, value_grad=value_grad, hessian_product=exact), seen


@pytest.mark.parametrize(
    ("name", "steps"), [("digits-mlp", 700), ("wine-mlp", 500), ("matrix-factorisation", 100), ("xor-mlp", 300)]
)
def test_the_stated_share_is_what_the_gradients_cost_and_below_a_tenth(name, steps):
    problem = FOUND.get("problem", name)()
    batch = min(32, problem.examples)
    counts, one = [], cohort("adam", [{"lr": 1e-3}] * 2, steps, {0}, batch=batch)
    for instrumented in (one, replace(one, runs=tuple(replace(run, instrumented=False) for run in one.runs))):
        watched, seen = spied(problem)
        outcome = trained(instrumented, watched)
        counts.append(sum(seen))
        if instrumented is one:
            share, columns = outcome.readings.share, read(outcome, 0)
    forward = sum(len(steps) for key, steps in columns.items() if key.startswith("saturation"))
    spent = counts[0] - counts[1] + forward * max(part(problem).examples, 1) / 3
    training = steps * max(batch, 1)
    assert share == pytest.approx(spent / (spent + training), rel=1e-9)
    assert 0 < share < SHARE and columns["sharpness"]


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100, 1000, 10**5])
@pytest.mark.parametrize("batch", [1, 32, 1078])
def test_no_run_spends_more_than_a_tenth_however_short(steps, batch):
    problem = part(FOUND.get("problem", "digits-mlp")())
    points = {round(step) for step in np.geomspace(1, steps, 20)}
    chosen, share = affordable(cohort("gd", [{}], steps, batch=batch), problem, points | {steps})
    assert share <= SHARE and all(those <= points for those in chosen.values())
    assert all(max(those) == steps for those in chosen.values() if those)
    assert bool(chosen["sharpness"]) == (SHARE * steps * batch >= (PRODUCTS + 1) * 256)


@pytest.mark.parametrize("name", ["digits-mlp", "matrix-factorisation", "xor-mlp", "spirals-mlp"])
def test_a_run_reads_the_same_bits_alone_and_in_any_cohort_one_of_it_diverging(name):
    problem = FOUND.get("problem", name)()
    batch = min(16, problem.examples)
    settings = [{"lr": lr} for lr in (1e-2, 1e-3, 1e30, 0.05, 3e-3)]
    together = trained(cohort("momentum", settings, 150, {1, 2, 3}, batch=batch), problem)
    assert Status.DIVERGED in {ending.status for ending in together.endings}
    for number in (1, 2, 3):
        one = cohort("momentum", settings, 150, {number}, batch=batch)
        single = trained(replace(one, runs=one.runs[number : number + 1]), problem)
        assert number == 2 or read(single, 0)
        assert same_bits(read(together, number), read(single, 0))
        assert together.readings.share == single.readings.share


def test_runs_that_spend_their_budget_at_different_steps_are_read_as_alone():
    problem = FOUND.get("problem", "wine-mlp")()
    settings, facts = [{"lr": lr} for lr in (1.0, 0.3, 3.0, 0.01)], {"options": {"line_search": "strong_wolfe"}}
    one = replace(cohort("lbfgs", settings, 60, {0, 1, 3}, batch=106, **facts), limit=60)
    together = trained(one, problem)
    assert len({ending.steps for ending in together.endings}) > 1
    for number in (0, 1, 3):
        single = trained(replace(one, runs=one.runs[number : number + 1]), problem)
        assert same_bits(read(together, number), read(single, 0))


def test_full_batch_descent_rises_to_the_edge_of_stability_and_stays_there():
    """Cohen et al. 2021: the sharpness hovers about 2 / lr, and steps alternate."""
    problem = FOUND.get("problem", "moons-mlp")()
    columns = read(trained(cohort("gd", [{"lr": 1.5}], 1500, {0}, batch=300), problem), 0)
    ratio = {step: sharpness * 1.5 / 2 for step, sharpness in columns["sharpness"].items()}
    assert ratio[1] < 0.5 and all(
        columns["step_cosine"][step] > 0.5 for step in columns["step_cosine"] if 9 < step < 40
    )
    late = [step for step in ratio if step > 200]
    assert len(late) >= 3
    for step in late:
        assert 0.6 < ratio[step] < 1.6 and columns["step_cosine"][step] < -0.9


def test_training_has_the_same_bits_with_and_without_and_ids_change_for_what_is_read_only(tmp_path):
    problems, rules = ["moons-mlp", "quadratic", "wine-mlp:activation=relu"], ["gd", "adam", "sam+sgd"]
    facts = {"lr": [0.01, 0.1], "seeds": 4, "steps": 30, "tune": "random:2"}
    on = ob.run(problems, rules, out=tmp_path / "on", **facts)
    off = ob.run(problems, rules, out=tmp_path / "off", instruments=False, **facts)
    keys = ["problem", "optimizer", "part", "seed", *on.hyperparameters]
    both = on.runs.merge(off.runs, on=keys, suffixes=("", "_off"))
    assert len(both) == len(on.runs) == len(off.runs)
    own = {"id", "seconds", "instrument_share"}
    for name in {*on.runs} - own - {*keys}:
        a, b = both[name], both[f"{name}_off"]
        assert (a.eq(b) | a.isna() & b.isna()).all(), name
    curves = [frame.curves.drop(columns="id") for frame in (on, off)]
    assert curves[0].equals(curves[1])
    read_ones = both["instrument_share"].gt(0) | both["id"].isin(ids_of(on))
    assert (both["id"].ne(both["id_off"]) == read_ones).all()
    assert set(both.loc[read_ones, "part"]) == {"reporting"} and set(both.loc[read_ones, "seed"]) == {0, 1, 2}
    assert set(both.loc[read_ones, "problem"]) == {"moons-mlp", "wine-mlp:activation=relu"} and off.instruments().empty
    before = len([*(tmp_path / "off/runs").iterdir()])
    again = ob.run(problems, rules, out=tmp_path / "off", **facts)  # repeats those runs only
    assert again.instruments().equals(on.instruments()) and not on.instruments().empty
    new = sorted((tmp_path / "off/runs").iterdir(), key=lambda path: path.stat().st_mtime)[before:]
    assert sum(len(ids(path)) for path in new) == read_ones.sum()


def ids(path):
    from optibench.runner.store import read as table

    return table(path, ["id"])["id"].to_pylist()


def ids_of(results):
    """Of the runs that instruments recorded."""
    return set(results.runs.loc[results.readings["step"].notna(), "id"])


def test_only_tuned_runs_are_read_and_the_default_if_it_is_one_of_them(tmp_path):
    facts = {"seeds": 5, "steps": 4, "out": tmp_path}
    default = ob.run("wine-mlp", ["gd", "adam"], tune="none", **facts)
    assert set(default.instruments()["seed"]) == {0, 1, 2} and set(default.instruments()["optimizer"]) == {"gd", "adam"}
    tuned = ob.run("wine-mlp", ["gd", "adam"], lr=[1e-7, 0.02], first_seed=7, **facts)
    read_ones = tuned.reported[tuned.reported["id"].isin(ids_of(tuned))]
    assert set(read_ones["seed"]) == {7, 8, 9} == set(tuned.instruments()["seed"])
    assert set(read_ones["tuning"]) == {"lr", "all"} and tuned.instruments(tuning="default").empty
    same = ob.run("wine-mlp", ["gd", "adam"], lr=[1e-7, 0.01], first_seed=20, **facts)  # adam's default is 1e-3
    one = same.reported.groupby(["optimizer", "seed", "id"])["tuning"].agg(set)
    assert (same.runs["id"].value_counts() == 1).all() and len(one)
    equal = same.reported.groupby(["optimizer", "seed", "lr"])["id"].nunique()
    assert (equal == 1).all()  # a setting that is chosen twice is one run


def broken_problem(**facts):
    problem = tiny(tanh, [1, 2], [0, 0])
    return replace(problem, **facts)


def raising(*arguments):
    raise ZeroDivisionError("no layers here")


@pytest.mark.parametrize(
    ("facts", "lost"),
    [
        ({"saturation": raising}, {"saturation"}),
        ({"saturation": lambda w, x: {"tanh2": np.zeros(17)}}, {"saturation"}),
        ({"saturation": lambda w, x: 3}, {"saturation"}),
        ({"layers": (None,)}, {"gradient_norm", "update_ratio"}),
        ({"hessian_product": raising}, {"sharpness"}),
    ],
)
def test_an_instrument_that_fails_is_left_out_and_said_and_nothing_else_changes(facts, lost, tmp_path):
    problem, whole = broken_problem(**facts), broken_problem()
    one = cohort("gd", [{"lr": 0.1}] * 2, 200, {0}, batch=3)
    outcome, healthy = trained(one, problem), trained(one, whole)
    assert [ending.final for ending in outcome.endings] == [ending.final for ending in healthy.endings]
    assert outcome.endings[0].status is Status.FINISHED and {*outcome.readings.failed} == lost
    names = {name.partition(":")[0] for name in read(outcome, 0)}
    assert names == {name.partition(":")[0] for name in read(healthy, 0)} - lost
    results = ob.run(problem, "gd", lr=0.1, seeds=4, steps=200, tune="none", out=tmp_path)
    for name in lost:
        reasons = results.runs.set_index("seed")[f"unmeasured:{name}"]
        assert reasons[[0, 1, 2]].str.len().gt(0).all() and pd.isna(reasons[3])
        assert name not in set(results.instruments()["instrument"])
        assert any(f"{name} could not be measured in 3 runs" in line for line in results.compare().caveats)


def test_problems_with_noise_kinks_or_a_solver_have_the_instruments_that_mean_something():
    x = np.random.default_rng(0).standard_normal((40, 3))
    noisy = Network((3,), [Dense(4), tanh, Dropout(0.5), Dense(1)], mse)
    noisy = network_problem("noisy", noisy, ((x, x[:, :1]), (), ()))
    columns = read(trained(cohort("gd", [{"lr": 0.1}], 400, {0}, batch=40), noisy), 0)
    assert np.isfinite([*columns["sharpness"].values()]).all() and len(columns["sharpness"]) > 1
    kinked = broken_problem(smooth=False)
    columns = read(trained(cohort("gd", [{"lr": 0.1}], 400, {0}, batch=3), kinked), 0)
    assert "sharpness" not in columns and "saturation:tanh2" in columns
    columns = read(trained(cohort("l-bfgs-b", [{}], 40, {0}, batch=3), broken_problem()), 0)
    assert not any(name.startswith(("gradient_norm", "learning_rate")) for name in columns)
    assert "update_ratio:dense1" in columns


def test_a_run_that_ends_early_keeps_what_was_read_before():
    problem = FOUND.get("problem", "wine-mlp")()
    diverging = trained(cohort("gd", [{"lr": 1e30}], 100, {0}, batch=106), problem)
    (ending,) = diverging.endings
    steps = read(diverging, 0)["update_ratio:dense1"]
    assert ending.status is Status.DIVERGED and steps and max(steps) <= ending.diverged_at
    limited = replace(cohort("gd", [{"lr": 0.1}], 100, {0}, batch=106), limit=37)
    assert 20 < max(read(trained(limited, problem), 0)["update_ratio:dense1"]) <= 37
