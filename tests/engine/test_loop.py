"""The loop: batches, streams, what rules may call and what it costs, endings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import optibench as ob
from optibench import Problem, StoreError, optimizer
from optibench.engine import measure
from optibench.engine.batches import Batches
from optibench.engine.gradients import Transforms
from optibench.engine.loop import train
from optibench.engine.records import Status, alone
from optibench.engine.state import Training
from optibench.engine.streams import STREAMS, stream
from optibench.plugin.registry import registry

CLOSURES = str(Path(__file__).parents[1] / "closures.py")
QUADRATIC = {"seeds": 1, "steps": 10, "dtype": "float64"}


def bowl(dimension=3, **facts):
    given = {"start": lambda rng: rng.standard_normal(dimension), "minimum": 0.0, **facts}
    return Problem("bowl", value_grad=lambda w: ((w**2).sum(axis=-1), 2 * w), **given)


def seen(batches, n=20, **facts):
    """A problem that notes the examples of every step."""

    def value_grad(w, x):
        if x.shape[1] < n:
            batches.append(x[..., 0].copy())
        return ((w[:, None, :] - x) ** 2).mean(axis=(1, 2)), w - x.mean(axis=1)

    data = np.arange(n, dtype=float)[:, None]
    return Problem("seen", start=lambda rng: np.zeros(1), value_grad=value_grad, train=(data,), **facts)


def cohort(problem, rule, seeds=(0,), steps=5, lr=0.1, **facts):
    given = {"batch": problem.examples, "budget": ("steps", steps), **facts}
    one = alone(rule, [{"lr": lr}] * len(seeds), steps, given.pop("dtype", "float64"))
    return replace(one, runs=tuple(replace(run, seed=seed) for run, seed in zip(one.runs, seeds, strict=True)), **given)


def training(problem, rule, **facts):
    return Training(cohort(problem, rule, **facts), problem.astype("float64"), rule, lambda t, total: 1.0)


def step(started):
    loss, g, _ = started.evaluate()
    started.step(loss, g)


GD = registry().get("optimizer", "gd")


# Batches and streams.


def test_the_streams_of_a_seed_are_separate_and_those_of_seeds_too():
    draws = {tuple(stream(seed, name).integers(2**62, size=3)) for seed in (0, 1) for name in STREAMS}
    assert len(draws) == 2 * len(STREAMS)
    assert stream(3, "order").random() == stream(3, "order").random()


@pytest.mark.parametrize("sampler", ["reshuffle", "replacement", "fixed"])
def test_the_same_seed_gives_every_optimizer_the_same_batches_and_start(sampler):
    batches = {}
    for name in ("adam", "momentum", "rmsprop"):
        noted = batches[name] = []
        results = ob.run(seen(noted), name, lr=1e-3, seeds=2, steps=9, batch=6, sampler=sampler)
        assert results.curves.query("step == 0")["loss"].nunique() == 1
    first = np.array(batches["adam"][:9])
    assert first.shape == (9, 2, 6)
    for noted in batches.values():
        np.testing.assert_array_equal(np.array(noted[:9]), first)
    assert (first[:, 0] != first[:, 1]).any()  # another seed, another order


def test_an_epoch_has_each_example_once_and_drops_the_remainder():
    noted = []
    ob.run(seen(noted), "adam", seeds=1, lr=0.1, epochs=2, batch=6)
    epochs = np.array(noted[:6])[:, 0].reshape(2, 18)
    assert all(len(set(epoch)) == 18 for epoch in epochs) and (epochs[0] != epochs[1]).any()
    noted.clear()
    ob.run(seen(noted), "adam", seeds=1, lr=0.1, epochs=2, batch=6, sampler="fixed")
    epochs = np.array(noted[:6])[:, 0].reshape(2, 18)
    assert (epochs[0] == epochs[1]).all()
    noted.clear()
    ob.run(seen(noted), "adam", seeds=1, lr=0.1, steps=60, batch=6, sampler="replacement")
    epochs = np.array(noted[:60])[:, 0].reshape(20, 18)
    assert any(len(set(epoch)) < 18 for epoch in epochs)


def test_runs_of_one_seed_share_one_batch_in_memory():
    problem = seen([]).astype("float64")
    facts = cohort(problem, GD, batch=6, sampler="reshuffle")
    assert Batches(problem, facts, [4, 4]).next()[0].shape == (1, 6, 1)
    alone, several = Batches(problem, facts, [4]), Batches(problem, facts, [4, 5, 4])
    for _ in range(7):
        np.testing.assert_array_equal(alone.next()[0][0], several.next()[0][2])


def test_normal_is_each_runs_own_stream():
    @optimizer
    def jump(w, normal, *, lr=1.0):
        return w + lr * normal()

    several, alone = training(bowl(), jump, seeds=(3, 4)), training(bowl(), jump, seeds=(4,))
    for _ in range(3):
        step(several)
        step(alone)
    np.testing.assert_array_equal(several.w[1], alone.w[0])
    assert (several.w[0] != several.w[1]).all()
    several.keep(np.array([False, True]))
    step(several)
    step(alone)
    np.testing.assert_array_equal(several.w, alone.w)


# What a rule may call, and what it costs.


def test_a_run_that_is_masked_does_not_pay():
    @optimizer
    def uneven(w, g, grad, value, *, lr=0.1):
        first = np.arange(len(w))[:, None] == 0
        value(w, where=first)
        return w - lr * grad(w, where=~first)

    started = training(bowl(), uneven, seeds=(0, 1))
    step(started)
    assert started.counts["gradient_evaluations"].tolist() == [1, 2]
    assert started.counts["value_evaluations"].tolist() == [1, 0]


def test_a_hessian_product_by_difference_is_that_of_the_formula():
    @optimizer
    def curved(w, g, hessian_product, *, lr=0.1):
        return hessian_product(w, g)

    def steep(w):
        return (w**4).sum(axis=-1), 4 * w**3

    problem = Problem("steep", start=lambda rng: np.array([1.0, -2.0, 0.5]), value_grad=steep)
    started = training(problem, curved)
    w = started.w
    step(started)
    np.testing.assert_allclose(started.w, 12 * w**2 * (4 * w**3), rtol=1e-7)
    assert started.counts["gradient_evaluations"].tolist() == [3] and not started.counts["hessian_products"].any()


def test_l2_is_added_to_the_gradient_of_the_rule_and_of_all_it_calls():
    @optimizer
    def look(w, g, grad, hessian_product, a=0, b=0, c=0, *, lr=0.1):
        return w, g, grad(2 * w), hessian_product(w, w)

    problem = bowl(hessian_product=lambda w, v: 2 * v)
    facts = cohort(problem, look, transforms=Transforms(l2=0.5))
    started = Training(facts, problem, look, lambda t, total: 1.0)
    w = started.w
    step(started)
    for name, factor in (("a", 2.5), ("b", 5.0), ("c", 2.5)):
        np.testing.assert_allclose(started.supply[name], factor * w)


def test_the_minimum_is_supplied_where_it_is_known_and_an_error_where_not():
    @optimizer
    def polyak_step(w, g, loss, f_min, *, lr=1.0):
        return w - lr * (loss - f_min) / (g**2).sum(axis=-1, keepdims=True) * g

    runs = ob.run([bowl(minimum=None), "rosenbrock"], [polyak_step], lr=1.0, **QUADRATIC).runs.set_index("problem")
    assert runs.loc["bowl", "status"] == "failed" and runs.loc["rosenbrock", "status"] == "finished"
    assert (
        runs.loc["bowl", "reason"]
        == "'polyak_step' asks for f_min, but the minimum of 'bowl' is unknown; choose another"
    )

    runs = ob.run(["breast-cancer-perceptron", "xor-mlp"], ["sophia", "newton-cg"], lr=0.01, seeds=1, steps=3).runs
    refused = runs[runs["problem"] == "breast-cancer-perceptron"]
    assert (refused["status"] == "failed").all() and (runs["status"] == "finished").sum() == 2
    for name, reason in zip(refused["optimizer"], refused["reason"], strict=True):
        assert reason.startswith(f"'{name}' asks for Hessian products, but 'breast-cancer-perceptron' is not smooth")


def test_blocks_are_supplied_in_order():
    @optimizer
    def zero_first(w, blocks, *, lr=1.0):
        keep = np.ones_like(w)
        keep[:, blocks[0].slice] = 0
        return w * keep

    started = training(bowl(blocks=ob.blocks_of(a=(2,), b=(1,))), zero_first)
    w = started.w
    step(started)
    np.testing.assert_array_equal(started.w, w * [0, 0, 1])


def test_the_solution_that_a_rule_declares_is_what_is_measured():
    @optimizer(solution=lambda w, mean: mean)
    def averaged(w, g, t, mean=0, *, lr=0.1):
        w = w - lr * g
        return w, mean + (w - mean) / t

    results = ob.run(bowl(dimension=1, start=lambda rng: np.ones(1)), averaged, lr=0.25, **{**QUADRATIC, "steps": 3})
    assert results.runs["loss"][0] == pytest.approx(np.mean([0.5, 0.25, 0.125]) ** 2)
    assert results.curves["loss"].iloc[-1] == results.runs["loss"][0]


def test_the_schedule_scales_lr_and_nothing_else():
    factors = []

    @optimizer
    def noting(w, g, *, lr=0.1, beta=0.5):
        factors.append((lr.item(), beta.item()))
        return w - lr * g

    ob.run(bowl(), noting, lr=0.1, schedule="cosine", seeds=1, steps=4, dtype="float64")
    expected = [(0.05 * (1 + np.cos(np.pi * t / 4)), 0.5) for t in range(4)]
    np.testing.assert_allclose(factors[:4], expected)


# Read-only.


def test_the_data_of_a_problem_and_all_inputs_of_a_rule_are_read_only():
    writeable = []

    @optimizer
    def looking(w, g, m=0, *, lr=0.1):
        writeable.extend(array.flags.writeable for array in (w, g, m, lr))
        return w - lr * g, m

    def value_grad(w, x):
        writeable.append(x.flags.writeable)
        return (w**2).sum(axis=-1), 2 * w

    problem = Problem("p", start=lambda rng: np.ones(3), value_grad=value_grad, train=(np.ones((8, 2)),))
    assert ob.run(problem, looking, lr=0.1, seeds=1, steps=3, batch="full").runs["status"][0] == "finished"
    assert writeable and not any(writeable)


@pytest.mark.parametrize("changes", ["w", "m", "lr", "nothing"])
def test_only_a_rule_that_changes_an_input_in_place_is_blamed_for_it(changes):
    @optimizer
    def rule(w, g, grad, m=0, *, lr=0.1):
        if changes == "nothing":
            raise ValueError("this text says read-only")
        np.multiply(grad(w), 2, out={"w": w, "m": m, "lr": lr}[changes])
        return w - lr * g, m

    bowl_of_one = bowl(1)  # where w, m and lr have one shape
    run = ob.run(bowl_of_one, rule, lr=0.1, **QUADRATIC).runs.iloc[0]
    assert run["status"] == "failed" and ("a rule returns new arrays" in run["reason"]) == (changes != "nothing")
    assert run["gradient_evaluations"] == 1 + (changes != "nothing")  # looking for the reason costs nothing


def test_a_store_that_cannot_be_written_ends_training_instead_of_failing_runs():
    def full(point):
        raise StoreError("disk full")

    found = registry()
    cohort = alone(found.get("optimizer", "gd"), [{"lr": 0.1}], 3)
    with pytest.raises(StoreError, match="disk full"):
        train(
            cohort, bowl(), found.get("optimizer", "gd"), lambda t, total: 1.0, [found["metric"]["loss"]], on_point=full
        )


# Endings.


@pytest.mark.parametrize("status", Status)
def test_a_status_is_stored_as_its_word(status):
    assert pa.array([status]).to_pylist() == [str(status)] == [json.loads(json.dumps(status))]


def test_divergence_is_noted_at_its_step_and_the_others_have_the_bits_they_have_alone():
    facts = {"seeds": 2, "steps": 400, "dtype": "float64", "tune": "none"}
    together = ob.run("quadratic", ["gd", "adam"], lr=[0.01, 0.019, 0.021, 0.1], **facts)
    runs = together.runs.query("optimizer == 'gd'")
    lost = runs.query("lr > 0.02")
    assert (lost["status"] == "diverged").all() and lost["loss"].isna().all()
    assert (lost["diverged_at"] == lost["steps"]).all() and (lost["steps"] == lost["gradient_evaluations"]).all()
    assert lost.groupby("lr")["diverged_at"].max()[0.1] < lost.groupby("lr")["diverged_at"].min()[0.021]
    alone = ob.run("quadratic", "gd", lr=[0.01], **facts).runs
    assert alone["loss"].tolist() == runs.query("lr == 0.01")["loss"].tolist()


@pytest.mark.parametrize("factor", [1e-12, 1e12])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_problem_times_a_number_diverges_at_the_same_step(factor, dtype):
    def times(factor):
        quadratic = registry().get("problem", "quadratic")()
        return Problem("times", quadratic.start, lambda w: tuple(factor * a for a in quadratic.value_grad(w)))

    facts = {"seeds": 3, "steps": 300, "dtype": dtype, "tune": "none"}
    one = ob.run(times(1.0), "gd", lr=[0.005, 0.03], **facts).runs
    other = ob.run(times(factor), "gd", lr=[0.005 / factor, 0.03 / factor], **facts).runs
    assert other["status"].tolist() == one["status"].tolist() and {"finished", "diverged"} == set(one["status"])
    assert other["diverged_at"].dropna().tolist() == one["diverged_at"].dropna().tolist()


def test_a_loss_that_is_no_number_after_the_last_step_has_diverged_too():
    @optimizer
    def late(w, g, t, *, lr=0.1):
        return w * np.nan if t == 5 else w - lr * g

    run = ob.run(bowl(), late, lr=0.1, seeds=1, steps=5).runs.iloc[0]
    assert (run["status"], run["diverged_at"]) == ("diverged", 5) and np.isnan(run["loss"])


def test_a_state_that_starts_in_a_wrong_shape_is_named():
    @optimizer
    def rows(w, g, a=lambda w: np.zeros(1), *, lr=0.1):
        return w, a

    run = ob.run(bowl(), rows, lr=0.1, seeds=3, steps=5).runs.iloc[0]
    assert run["status"] == "failed" and "optimizer 'rows': state 'a' starts with shape (1,)" in run["reason"]


def test_a_deadline_ends_a_cohort_and_keeps_what_was_recorded():
    outcome = train(
        cohort(bowl(), GD, steps=50), bowl(), GD, lambda t, total: 1.0, list(registry()["metric"].values()), deadline=0
    )
    assert outcome.endings[0].status == "timeout" and len(outcome.points) == 1


# Budgets and measuring.


def test_a_run_that_spends_its_evaluations_leaves_and_the_others_go_on():
    facts = {"seeds": 1, "dtype": "float64", "gradient_evaluations": 60, "plugins": CLOSURES, "tune": "none"}
    together = ob.run("quadratic", "backtracking", lr=[0.01, 10.0], **facts).runs
    spent = together["gradient_evaluations"] + together["value_evaluations"]
    assert (together["status"] == "finished").all() and (spent >= 60).all()
    assert together["steps"][0] == 30 > together["steps"][1]  # one trial a step, and several
    alone = ob.run("quadratic", "backtracking", lr=10.0, **facts).runs
    assert alone["loss"][0] == together["loss"][1] and alone["steps"][0] == together["steps"][1]


def test_a_curve_has_its_first_and_last_step_and_grows():
    curves = ob.run("digits-softmax", "adam", lr=0.01, seeds=2, epochs=20).curves
    for _, curve in curves.groupby("id"):
        assert curve["step"].is_monotonic_increasing and curve["step"].is_unique
        assert (curve["step"].iloc[0], curve["step"].iloc[-1]) == (0, 20 * (1078 // 32))
        assert curve["gradient_evaluations"].tolist() == curve["step"].tolist()
    assert curves.groupby("id").size().min() > 3


def test_runs_that_are_not_observed_have_the_same_numbers_but_no_points_between_and_no_diagnosis():
    problem, adam = registry().problem(("digits-softmax", {})), registry().get("optimizer", "adam")
    metrics = [*registry()["metric"].values()]
    for rule, lr, limit in ((adam, 0.01, None), (adam, 0.01, 300), (GD, 1e12, None)):
        runs = cohort(problem, rule, seeds=(0, 1), steps=400, lr=lr, batch=32, limit=limit, sampler="reshuffle")
        runs = replace(runs, transforms=Transforms(l2=0.1))  # diverges at the high rate
        seen, not_seen = (
            train(replace(runs, observed=observed), problem, rule, lambda t, total: 1.0, metrics)
            for observed in (True, False)
        )
        for one, other in zip(seen.endings, not_seen.endings, strict=True):
            assert one.why and other == replace(one, why={})
        first, last = seen.points[0], seen.points[-1]
        assert len(seen.points) > 2 or lr > 1
        ends = [first] if lr > 1 else [first, last]
        np.testing.assert_equal(not_seen.points, ends)
        assert not_seen.evaluation_share <= seen.evaluation_share


@pytest.mark.parametrize(("problem", "facts"), [("digits-mlp", {"epochs": 5}), ("quadratic", {"steps": 200})])
def test_measuring_costs_at_most_a_quarter_of_a_run_that_is_long_enough_and_is_stated(problem, facts):
    assert 0 < ob.run(problem, "adam", lr=1e-3, seeds=1, **facts).runs["evaluation_share"][0] <= 0.25


def test_a_recording_computes_each_split_once_and_other_points_afresh():
    problem = registry().problem(("digits-softmax", {})).astype("float64")
    calls = []

    def predict(w, x):
        calls.append(len(x[0]))
        return problem.predict(w, x)

    @ob.metric
    def flatness(problem, w, split):
        return problem.loss(w + 1, *(array[None] for array in problem.train))

    w = problem.start(np.random.default_rng(0))[None]
    metrics = [*registry()["metric"].values(), flatness]
    columns = measure.Measures(metrics)(replace(problem, predict=predict), w)
    assert sorted(calls) == sorted([1078, 359, 360] + 3 * [1078])
    assert columns["flatness"] == problem.value_grad(w + 1, *(array[None] for array in problem.train))[0]
    assert columns["test_loss"] == problem.value_grad(w, *(array[None] for array in problem.test))[0]
