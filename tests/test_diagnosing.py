"""What is measured at the ends of runs, against explicit Hessians and cases made for it."""

from __future__ import annotations

import numpy as np
import pytest

import optibench as ob
from optibench import Problem, diagnosing
from optibench.activations import relu
from optibench.losses import cross_entropy
from optibench.networks.layers import Dense
from optibench.networks.network import Network
from optibench.networks.problem import network_problem
from optibench.registry import registry


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
    low, high = diagnosing.extremes(problem, rng.standard_normal((3, size)), 20)
    values = np.linalg.eigvalsh(h)
    np.testing.assert_allclose(low, values[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(high, values[-1], rtol=1e-6, atol=1e-6)


def test_few_products_find_the_largest_and_a_negative_one_among_many():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((200, 200)))
    values = np.concatenate([[-1.0, 10.0], np.linspace(0, 1, 198)])
    problem = bowl((q * values) @ q.T, np.zeros(200))
    low, high = diagnosing.extremes(problem, np.ones((1, 200)), 20)
    np.testing.assert_allclose([low[0], high[0]], [-1, 10], rtol=1e-3)


@pytest.mark.parametrize("values", [[3.0] * 4, [-3.0] * 4, [0.0] * 4, [2.0, 2.0, 5.0, 5.0]])
def test_a_space_that_is_exhausted_early_adds_no_false_value(values):
    low, high = diagnosing.extremes(bowl(np.diag(values), np.zeros(4)), np.ones((2, 4)), 20)
    np.testing.assert_allclose(low, min(values), atol=1e-9)
    np.testing.assert_allclose(high, max(values), atol=1e-9)


def test_hessian_products_of_networks_are_those_of_its_gradient():
    problem = registry().get("problem", "xor-mlp")()
    w = np.random.default_rng(0).standard_normal((2, problem.size))
    hessian = np.stack([diagnosing.product(problem, w, np.tile(e, (2, 1))) for e in np.eye(problem.size)], axis=1)
    np.testing.assert_allclose(hessian, hessian.swapaxes(1, 2), atol=1e-7)
    low, high = diagnosing.extremes(problem, w, 20)
    np.testing.assert_allclose(np.column_stack([low, high]), np.linalg.eigvalsh(hessian)[:, [0, -1]], atol=1e-6)


def test_the_cosine_is_the_median_over_consecutive_steps_of_each_run():
    zigzag = [np.array([[0.0, 0], [0, 0]]), np.array([[1.0, 0], [1, 0]]), np.array([[0.0, 0], [2, 0]])]
    np.testing.assert_allclose(diagnosing.cosine([*zigzag, np.array([[1.0, 0], [2, 1]])]), [-1, 0.5])
    assert np.isnan(diagnosing.cosine(zigzag[:2])).all()


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
    facts = run(bowl(np.eye(1) * 2, [1.0]), "gd", lr=0.01, steps=100)
    curve = ob.run(bowl(np.eye(1) * 2, [1.0]), "gd", lr=0.01, seeds=1, steps=100, dtype="float64").curves
    first, last = curve["loss"].iloc[0], curve["loss"].iloc[-1]
    half = curve.loc[curve["step"] <= 50, "loss"].iloc[-1]
    np.testing.assert_allclose(facts["late_share"], (half - last) / (first - last))
    assert facts["start_loss"].iloc[0] == first == 1


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


@pytest.mark.parametrize("where", ["gradient", "product", "units"])
def test_a_diagnosis_that_raises_costs_nothing(where, monkeypatch):
    def broken(*arguments):
        raise ValueError("no")

    plain = run("wine-mlp", "gd", lr=[0.01, 1e6], steps=50)
    if where == "units":
        monkeypatch.setattr(Network, "units", broken)
    else:
        monkeypatch.setattr(diagnosing, where, broken)
    same = ["id", "status", "loss", "steps", "diverged_at", "gradient_evaluations"]
    found = run("wine-mlp", "gd", lr=[0.01, 1e6], steps=50)
    assert found[same].equals(plain[same])


def test_diagnosis_is_charged_to_nobody():
    runs = run("quadratic", "gd", lr=[0.01, 0.1], steps=50)
    assert (runs["gradient_evaluations"] == runs["steps"]).all() and (runs["hessian_products"] == 0).all()


def test_problems_with_jumps_or_dropout_are_diagnosed_as_far_as_they_go():
    runs = run("breast-cancer-perceptron", ["gd", "adam"], lr=[1e-3, 1e300], steps=20)
    assert set(runs["status"]) == {"finished", "diverged"}
    assert "start_curvature" not in runs or runs["start_curvature"].isna().all()
    assert runs["gradient_norm"].notna().any()
