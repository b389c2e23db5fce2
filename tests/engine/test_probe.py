"""What is measured at the ends of runs, against explicit Hessians and cases made for it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

import optibench as ob
from optibench import Problem
from optibench.activations import relu
from optibench.engine import probe
from optibench.losses import cross_entropy
from optibench.networks.layers import Dense
from optibench.networks.network import Network
from optibench.networks.problem import network_problem
from optibench.plugin.registry import registry
from optibench.runner.store import read


def bowl(hessian, start, **facts):
    """w'Hw / 2 with any H."""
    h = np.asarray(hessian, float)
    facts = {"hessian_product": lambda w, v: v @ h.astype(v.dtype), **facts}
    return Problem(
        "bowl",
        lambda rng: np.array(start, float),
        lambda w: (((w @ h) * w).sum(-1) / 2, w @ h.astype(w.dtype)),
        **facts,
    )


def run(problem, rule, **facts):
    return ob.run(problem, rule, **{"seeds": 1, "dtype": "float64", "tune": "none", **facts}).runs


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 12])
def test_the_extreme_curvatures_are_the_extreme_eigenvalues(size, exact):
    rng = np.random.default_rng(size)
    h = rng.standard_normal((size, size))
    h = h + h.T
    problem = bowl(h, np.zeros(size), **({} if exact else {"hessian_product": None}))
    low, high = probe.extremes(problem, rng.standard_normal((3, size)), 20)
    values = np.linalg.eigvalsh(h)
    np.testing.assert_allclose(low, values[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(high, values[-1], rtol=1e-6, atol=1e-6)


def test_few_products_find_the_largest_and_a_negative_one_among_many():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((200, 200)))
    values = np.concatenate([[-1.0, 10.0], np.linspace(0, 1, 198)])
    problem = bowl((q * values) @ q.T, np.zeros(200))
    low, high = probe.extremes(problem, np.ones((1, 200)), 20)
    np.testing.assert_allclose([low[0], high[0]], [-1, 10], rtol=1e-3)


@pytest.mark.parametrize("values", [[3.0] * 4, [-3.0] * 4, [0.0] * 4, [2.0, 2.0, 5.0, 5.0]])
def test_a_space_that_is_exhausted_early_adds_no_false_value(values):
    low, high = probe.extremes(bowl(np.diag(values), np.zeros(4)), np.ones((2, 4)), 20)
    np.testing.assert_allclose(low, min(values), atol=1e-9)
    np.testing.assert_allclose(high, max(values), atol=1e-9)


def test_hessian_products_of_networks_are_those_of_its_gradient():
    problem = registry().get("problem", "xor-mlp")()
    w = np.random.default_rng(0).standard_normal((2, problem.size))
    hessian = np.stack([probe.product(problem, w, np.tile(e, (2, 1))) for e in np.eye(problem.size)], axis=1)
    np.testing.assert_allclose(hessian, hessian.swapaxes(1, 2), atol=1e-7)
    low, high = probe.extremes(problem, w, 20)
    np.testing.assert_allclose(np.column_stack([low, high]), np.linalg.eigvalsh(hessian)[:, [0, -1]], atol=1e-6)


def test_the_cosine_is_the_median_over_consecutive_steps_of_each_run():
    zigzag = [np.array([[0.0, 0], [0, 0]]), np.array([[1.0, 0], [1, 0]]), np.array([[0.0, 0], [2, 0]])]
    np.testing.assert_allclose(probe.cosine([*zigzag, np.array([[1.0, 0], [2, 1]])]), [-1, 0.5])
    assert np.isnan(probe.cosine(zigzag[:2])).all()
    turn = [
        np.array([[0.0, 0]]),
        np.array([[1.0, 0]]),
        np.array([[2.0, 0]]),
        np.array([[3.0, 0]]),
        np.array([[2.0, 0]]),
    ]
    assert probe.cosine(turn) == 1  # of 1, 1, -1


def test_gradient_descent_beyond_two_by_the_curvature_is_measured_so():
    facts = run(bowl(np.diag([1.0, 10.0]), [1, 1]), "gd", lr=[0.25, 0.1], steps=300).set_index("lr")
    assert facts.loc[0.25, "status"] == "diverged" and facts.loc[0.1, "status"] == "finished"
    assert round(facts.loc[0.25, "lr_times_curvature"], 6) == 2.5
    np.testing.assert_allclose(facts.loc[0.25, "start_curvature"], 10)
    g = np.array([1.0, 10.0])
    np.testing.assert_allclose(facts.loc[0.25, "overshoot"], 0.25 * (g @ np.diag([1, 10]) @ g) / (g @ g))
    assert np.isnan(facts.loc[0.1, "lr_times_curvature"])


def test_a_rule_with_state_or_another_direction_has_no_rate_times_curvature():
    @ob.optimizer
    def away(w, g, *, lr=0.1):
        return w * (1 + lr)

    runs = run(bowl(np.diag([1.0, 10.0]), [1, 1]), ["momentum", away], lr=3.0, steps=400).set_index("optimizer")
    assert (runs["status"] == "diverged").all() and runs.loc["momentum", "overshoot"] > 2
    assert "lr_times_curvature" not in runs or runs["lr_times_curvature"].isna().all()


def test_every_seed_has_the_curvature_of_its_own_start():
    quartic = Problem("quartic", lambda rng: rng.standard_normal(1) + 3, lambda w: ((w**4).sum(-1), 4 * w**3))
    runs = run(quartic, "gd", lr=[5.0, 50.0], seeds=4, steps=30)
    starts = [quartic.start(np.random.default_rng(np.random.SeedSequence([seed, 0])))[0] for seed in runs["seed"]]
    assert (runs["status"] == "diverged").all()
    np.testing.assert_allclose(runs["start_curvature"], 12 * np.array(starts) ** 2, rtol=1e-6)


def test_the_units_of_the_output_are_not_hidden():
    runs = run(["tutorial-xor", "digits-mlp-deep"], "gd", lr=0.1, steps=2).set_index("problem")
    assert runs["units"].to_dict() == {"tutorial-xor": 3, "digits-mlp-deep": 160}


def test_a_run_that_stalls_at_a_saddle_has_a_small_gradient_and_a_negative_curvature():
    facts = run(bowl(np.diag([1.0, -0.5]), [1.0, 1e-12]), "gd", lr=0.5, steps=30).iloc[0]
    assert facts["gradient_norm"] < 1e-3 * facts["start_gradient_norm"]
    np.testing.assert_allclose([facts["lowest_curvature"], facts["largest_curvature"]], [-0.5, 1], rtol=1e-9)
    np.testing.assert_allclose(facts["start_gradient_norm"], 1)


def test_a_step_just_short_of_too_long_oscillates():
    facts = run(bowl(np.diag([0.01, 10.0]), [1, 1]), "gd", lr=0.199, steps=30).iloc[0]
    assert facts["step_cosine"] < -0.9
    smooth = run(bowl(np.diag([0.01, 10.0]), [1, 1]), "gd", lr=0.01, steps=30).iloc[0]
    assert smooth["step_cosine"] > 0.9


def test_the_late_share_is_that_of_the_second_half_of_the_fall():
    facts = run(bowl(np.eye(1) * 2, [1.0]), "gd", lr=0.01, steps=101)
    curve = ob.run(bowl(np.eye(1) * 2, [1.0]), "gd", lr=0.01, seeds=1, steps=101, dtype="float64").curves
    first, last = curve["loss"].iloc[0], curve["loss"].iloc[-1]
    half = np.interp(50.5, curve["step"], curve["loss"])
    np.testing.assert_allclose(facts["late_share"], (half - last) / (first - last))
    assert facts["start_loss"].iloc[0] == first == 1


def test_a_run_that_its_evaluations_end_has_its_half_and_its_last_steps_where_it_ended():
    def careful(w, g, grad, *, lr=0.1):
        grad(w)
        return w - lr * g

    facts = {"seeds": 1, "epochs": 100, "dtype": "float64", "tune": "none"}
    results = ob.run("quadratic", [ob.optimizer(careful)], lr=[0.001, 0.0199], **facts)
    for (_, row), (_, curve) in zip(results.runs.iterrows(), results.curves.groupby("lr"), strict=True):
        assert row["steps"] == 50 and curve["step"].max() == 50
        first, half, last = curve["loss"].iloc[0], np.interp(25, curve["step"], curve["loss"]), curve["loss"].iloc[-1]
        np.testing.assert_allclose(row["late_share"], (half - last) / (first - last), rtol=1e-9)
    assert results.runs["step_cosine"].iloc[0] > 0.9 and results.runs["step_cosine"].iloc[1] < -0.5


def test_too_few_points_near_the_half_give_no_late_share():
    watch = watching(steps=100)
    for t, loss in ((0, 10.0), (20, 5.0), (100, 1.0)):
        watch.at(t, loss)
    assert np.isnan(watch.losses[1, 0])
    watch = watching(steps=100)
    for t, loss in ((0, 10.0), (30, 5.0), (70, 1.0), (100, 0.0)):
        watch.at(t, loss)
    np.testing.assert_allclose(watch.losses[:, 0], [10, 3, 0])


def test_the_share_of_the_budget_is_that_of_the_runs_that_are_recorded():
    training = SimpleNamespace(w=np.ones((3, 2)), alive=np.arange(3), rule=None, t=10)
    training.counts = {"gradient_evaluations": np.array([10, 20, 100])}
    cohort = SimpleNamespace(observed=True, steps=100, batch=0, limit=100, transforms=SimpleNamespace(l2=0.0))
    watch = probe.Watch(cohort, bowl(np.eye(2), [1, 1]), training)
    watch.recorded(training, np.array([False, True, True]), np.array([5.0, 6.0]))
    assert watch.shares.tolist() == [0, 0.2, 1]


def watching(steps):
    """A Watch of one run, which is told of points."""
    training = SimpleNamespace(w=np.ones((1, 2)), alive=np.arange(1), rule=None, t=0)
    cohort = SimpleNamespace(observed=True, steps=steps, batch=0, limit=None, transforms=SimpleNamespace(l2=0.0))
    watch = probe.Watch(cohort, bowl(np.eye(2), [1, 1]), training)

    def at(t, loss):
        training.t = t
        watch.recorded(training, np.array([True]), np.array([loss]))

    watch.at = at
    return watch


def test_a_penalty_and_a_warmup_belong_to_the_rate_times_curvature():
    facts = run(bowl(np.diag([1.0, 10.0]), [1, 1]), "gd", lr=0.1, l2=20.0, steps=300).iloc[0]
    np.testing.assert_allclose([facts["start_curvature"], facts["lr_times_curvature"]], [30, 3])
    for exact in ({}, {"hessian_product": None}):
        problem = probe.penalised(bowl(np.diag([1.0, 10.0]), [1, 1], **exact), 20.0)
        np.testing.assert_allclose(probe.extremes(problem, np.ones((1, 2)), 9), [[21], [30]], rtol=1e-6)
    warm = run(bowl(np.diag([1.0, 10.0]), [1, 1]), "gd", lr=0.4, schedule="wsd:warmup=0.5", steps=300).iloc[0]
    assert warm["status"] == "diverged" and 2 < warm["lr_times_curvature"] <= 4


def test_the_curvature_at_a_start_is_looked_at_once(monkeypatch):
    looked, extremes = [], probe.extremes
    monkeypatch.setattr(probe, "extremes", lambda p, w, n: looked.extend(w.tolist()) or extremes(p, w, n))
    runs = run("quadratic", "gd", lr=[0.03, 0.1, 1.0, 10.0], seeds=3, steps=300)
    assert (runs["status"] == "diverged").all() and runs["diverged_at"].nunique() > 3
    assert len(looked) == 3


def test_every_start_has_its_own_curvature():
    runs = run("rosenbrock", "gd", lr=[0.1, 1.0], seeds=4, steps=30).set_index("seed")
    for seed, row in runs.iterrows():
        w = np.random.default_rng(np.random.SeedSequence([seed, 0]))
        problem = registry().get("problem", "rosenbrock")()
        x, y = problem.start(w)
        hessian = [[1200 * x * x - 400 * y + 2, -400 * x], [-400 * x, 200]]
        np.testing.assert_allclose(row["start_curvature"], np.linalg.eigvalsh(hessian)[-1], rtol=1e-6)
    assert runs["start_curvature"].nunique() == 4


def test_the_overshoot_of_a_method_that_steps_by_itself_is_by_the_gradient():
    facts = run("saddle", "newton-cg", steps=60).iloc[0]  # its g is not a gradient
    assert facts["status"] == "diverged" and "lr_times_curvature" not in facts.dropna()
    problem = registry().get("problem", "saddle")()
    start = problem.start(np.random.default_rng(np.random.SeedSequence([0, 0])))
    curves = ob.run("saddle", "newton-cg", seeds=1, steps=60, dtype="float64", tune="none").curves.set_index("step")
    step = curves.loc[1, ["w0", "w1"]].to_numpy(float) - start
    slope = -(np.array([2, -2]) * start) @ step
    np.testing.assert_allclose(facts["overshoot"], step @ (np.array([2, -2]) * step) / slope)


def test_a_method_that_steps_by_itself_has_no_rate_and_a_rule_that_climbs_no_minimum_along_its_step():
    runs = run(bowl(-np.eye(2), [1.0, 1.0]), "newton-cg", steps=60)
    assert runs["status"].tolist() == ["diverged"] and "lr_times_curvature" not in runs.dropna(axis=1)

    def climb(w, g, m=0, *, lr=1.0):
        return w + lr * g, m

    up = run(bowl(np.eye(2), [1.0, 1.0]), ob.optimizer(climb), steps=60)
    assert up["status"].tolist() == ["diverged"] and up["overshoot"].isna().all()


def test_a_run_that_starts_where_no_gradient_is_has_its_curvature_looked_at():
    for start in ([0.0, 0.0], [1e-9, 1e-12]):
        facts = run(bowl(np.diag([1.0, -0.5]), start), "gd", lr=0.5, steps=30).iloc[0]
        assert facts["lowest_curvature"] == -0.5
    assert "lowest_curvature" not in run(bowl(np.diag([1.0, -0.5]), [1, 0]), "gd", lr=1e-3, steps=30)


def test_an_activation_on_the_inputs_counts_alike_in_any_company():
    network = Network((4,), [relu, Dense(2), relu, Dense(1)], cross_entropy)
    x = -np.ones((1, 5, 4))
    w = np.random.default_rng(0).standard_normal((4, network.blocks[-1].slice.stop))
    w[:, network.own[1][1].slice] = [[-100, -100], [-100, 100], [100, 100], [100, -100]]
    dead, count, names = network.units(w, x)
    assert dead.tolist() == [6, 5, 4, 5] and (count, names) == (6, "relu")
    assert [int(network.units(row[None], x)[0][0]) for row in w] == dead.tolist()


def test_a_metric_may_have_the_name_of_a_measured_number(tmp_path):
    ob.run("quadratic", "gd", lr=0.001, seeds=1, steps=9, tune="none", out=tmp_path)
    (file,) = (tmp_path / "runs").glob("*.parquet")
    table = read(file)
    parquet.write_table(table.append_column("final:gradient_norm", [[42.0]]), file)
    runs = ob.load(tmp_path).runs
    assert runs.columns.is_unique and runs["gradient_norm"].iloc[0] == 42 and runs["why:gradient_norm"].iloc[0] > 0


def test_dead_units_are_counted():
    network = Network((2,), [Dense(8), relu, Dense(4), relu, Dense(1)], cross_entropy)
    x = np.random.default_rng(0).standard_normal((50, 2))
    y = (x[:, :1] > 0).astype(float)

    def start(rng):
        w = network.start(rng)
        w[network.own[0][1].slice] = [-100.0] * 5 + [0.0] * 3  # five biases that no example gets over
        return w

    whole = network_problem("dying", network, ((x, y), (), ()), classes=True)
    problem = Problem(**{**{name: getattr(whole, name) for name in whole.__dataclass_fields__}, "start": start})
    facts = run(problem, "gd", lr=1e-6, steps=20).iloc[0]
    slopes = []
    w = start(np.random.default_rng(np.random.SeedSequence([0, 0])))[None]
    hidden = x @ network.own[0][0].of(w)[0] + network.own[0][1].of(w)[0]
    slopes.append((hidden > 0).any(axis=0))
    second = np.maximum(hidden, 0) @ network.own[2][0].of(w)[0] + network.own[2][1].of(w)[0]
    slopes.append((second > 0).any(axis=0))
    assert (facts["dead_units"], facts["units"], facts["unit"]) == (int((~np.concatenate(slopes)).sum()), 12, "relu")
    assert facts["dead_units"] >= 5


def test_a_run_has_the_same_facts_alone_and_in_any_company():
    facts = ["gradient_norm", "step_cosine", "late_share", "start_curvature", "overshoot", "lr_times_curvature"]
    facts += ["lowest_curvature", "dead_units"]
    how = {"seeds": 3, "epochs": 60, "dtype": "float32", "tune": "none"}
    every = ob.run(["quadratic", "wine-mlp"], ["gd", "momentum"], lr=[0.01, 0.025, 1.0, 30.0], **how).runs
    alone = ob.run(["wine-mlp", "quadratic"], ["momentum", "gd"], lr=[0.025], **how).runs
    assert len(alone) == 12 and {"finished", "diverged"} <= set(alone["status"])
    of_alone = alone.set_index("id").reindex(columns=facts).astype(float)
    of_every = every.set_index("id").reindex(columns=facts).astype(float).loc[of_alone.index]
    assert of_alone["gradient_norm"].notna().any() and of_alone["lr_times_curvature"].notna().any()
    assert of_every.equals(of_alone)


def test_runs_that_their_evaluations_end_have_the_same_facts_alone_and_in_any_company():
    def halving(w, g, loss, value, *, lr=0.1):
        for _ in range(8):
            failing = value(w - lr * g, where=lr > 1e-3) > loss
            lr = np.where(failing, lr / 2, lr).astype(w.dtype)
        return w - lr * g

    rules = [ob.optimizer(halving), "newton-cg", "lbfgs"]
    how = {"seeds": 4, "epochs": 80, "dtype": "float32", "tune": "none"}
    every = ob.run("rosenbrock", rules, lr=[0.5, 0.01, 1e-4], **how).runs
    alone = pd.concat([ob.run("rosenbrock", rules, lr=[lr], **how).runs for lr in (0.01, 1e-4)])
    both = every.merge(alone.drop_duplicates("id"), on="id", suffixes=("", "_alone"))
    assert len(both) >= 16 and both["steps"].nunique() > 2
    for name in ["gradient_norm", "step_cosine", "late_share"]:
        np.testing.assert_array_equal(both[name].astype(float), both[f"{name}_alone"].astype(float), err_msg=name)


@pytest.mark.parametrize("where", ["gradient", "product", "units"])
def test_a_diagnosis_that_raises_costs_nothing(where, monkeypatch):
    def broken(*arguments):
        raise ValueError("no")

    plain = run(["wine-mlp", "quadratic"], "gd", lr=[0.01, 1e6], steps=50)
    assert {*plain["status"]} == {"finished", "diverged"}
    if where == "units":
        monkeypatch.setattr(Network, "units", broken)
    else:
        monkeypatch.setattr(probe, where, broken)
    same = ["id", "status", "loss", "steps", "diverged_at", "gradient_evaluations"]
    found = run(["wine-mlp", "quadratic"], "gd", lr=[0.01, 1e6], steps=50)
    assert found[same].equals(plain[same])


def test_diagnosis_is_charged_to_nobody():
    runs = run("quadratic", "gd", lr=[0.01, 0.1], steps=50)
    assert (runs["gradient_evaluations"] == runs["steps"]).all() and (runs["hessian_products"] == 0).all()


def test_problems_with_jumps_or_dropout_are_diagnosed_as_far_as_they_go():
    runs = run("breast-cancer-perceptron", ["gd", "adam"], lr=[1e-3, 1e300], steps=20)
    assert set(runs["status"]) == {"finished", "diverged"}
    assert "start_curvature" not in runs or runs["start_curvature"].isna().all()
    assert runs["gradient_norm"].notna().any()
