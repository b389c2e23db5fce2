"""optibench.run: names, specifications and pieces alike; what the frames promise."""

from __future__ import annotations

import numpy as np
import pytest

import optibench as ob
from optibench import InputError, Problem, optimizer
from optibench.optimizers import adam, gd
from optibench.problems import quadratic

FACTS = {"lr": [0.01, 0.1], "seeds": 2, "steps": 15, "dtype": "float64", "tune": "none"}


def same(first, second):
    drop = ["seconds", "id", "plugin"]
    assert first.runs.drop(columns=drop).equals(second.runs.drop(columns=drop))


def test_names_and_registered_pieces_are_the_same_runs():
    first, second = ob.run(["quadratic"], ["gd", "adam"], **FACTS), ob.run(quadratic, (gd, adam), **FACTS)
    same(first, second)
    assert first.runs["id"].tolist() == second.runs["id"].tolist()
    table = ob.run({"name": "quadratic"}, [{"name": "gd"}, "adam"], **FACTS)
    assert table.runs["id"].tolist() == first.runs["id"].tolist()


def test_a_rule_and_a_problem_that_are_registered_nowhere_are_like_any():
    @optimizer
    def mine(w, g, *, lr=0.1):
        return w - lr * g

    own = Problem("own", start=quadratic().start, value_grad=quadratic().value_grad)
    for results in (ob.run("quadratic", mine, **FACTS), ob.run(own, "gd", **FACTS), ob.run([own], [mine], **FACTS)):
        known = ob.run("quadratic", "gd", **FACTS).runs
        np.testing.assert_array_equal(results.runs["loss"], known["loss"])
        assert results.runs["status"].tolist() == known["status"].tolist()


def test_local_pieces_stay_out_of_the_registry():
    @optimizer
    def passing(w, g, *, lr=0.1):
        return w - lr * g

    ob.run("quadratic", passing, **FACTS)
    with pytest.raises(InputError, match="no optimizer named 'passing'"):
        ob.run("quadratic", "passing", **FACTS)


def test_a_local_rule_may_not_take_a_registered_name():
    @optimizer(name="adam")
    def other(w, g, *, lr=0.1):
        return w

    with pytest.raises(InputError, match=r"two plugins register the optimizer 'adam': optibench.optimizers .*local"):
        ob.run("quadratic", other, **FACTS)


def test_a_local_problem_with_the_name_of_a_choice_is_refused_and_not_mistaken_for_it():
    other = Problem("quadratic:dimension=3", quadratic().start, quadratic().value_grad)
    with pytest.raises(InputError, match="problem 'quadratic:dimension=3': ':' ends a name where it is chosen; rename"):
        ob.run(other, "gd", **FACTS)


def test_a_local_rule_may_be_wrapped_by_a_local_wrapper():
    @ob.wrapper
    def twice(step, w, g):
        return step(step(w, g), g)

    wrapped, half = twice(gd), {**FACTS, "lr": [0.02, 0.2]}
    found = ob.run("quadratic", wrapped, **FACTS).runs
    assert set(found["optimizer"]) == {"twice+gd"}
    np.testing.assert_allclose(found["loss"], ob.run("quadratic", "gd", **half).runs["loss"])


def test_two_problems_of_one_name_are_refused():
    problems = [Problem("same", quadratic().start, quadratic().value_grad) for _ in range(2)]
    with pytest.raises(InputError, match="two plugins register the problem 'same'"):
        ob.run(problems, "gd", **FACTS)


@pytest.mark.parametrize(("problems", "optimizers"), [(gd, quadratic), ("quadratic", [quadratic]), ([gd], "gd")])
def test_pieces_in_each_others_place_are_an_error(problems, optimizers):
    with pytest.raises(
        InputError, match=r"^expected an? (problem|optimizer), got the \w+ '\w+'; swap problems and optimizers"
    ):
        ob.run(problems, optimizers, **FACTS)


def test_the_runs_have_the_promised_columns_one_row_a_run():
    runs = ob.run(
        "digits-softmax", ["adam", "momentum:momentum=0.5"], lr=[0.01, 0.1], seeds=3, steps=30, tune="none"
    ).runs
    promised = [
        "problem",
        "optimizer",
        "lr",
        "beta1",
        "momentum",
        "seed",
        "status",
        "loss",
        "test_loss",
        "test_accuracy",
    ]
    promised += ["steps", "gradient_evaluations", "samples", "seconds", "fingerprint"]
    assert set(promised) <= set(runs) and len(runs) == 12 and runs["id"].is_unique
    assert runs.groupby(["optimizer", "lr"])["seed"].apply(list).map(sorted).tolist() == [[0, 1, 2]] * 4
    assert (runs["samples"] == 30 * 32).all() and (runs["seconds"] > 0).all()
    assert runs["fingerprint"].nunique() == 1 and not any(":" in name for name in runs)
    assert runs.query("optimizer == 'adam'")["momentum"].isna().all()


def test_the_curves_have_the_promised_columns_one_row_a_point():
    results = ob.run(["rosenbrock", "digits-softmax"], ["gd", "adam"], lr=[1e-3], seeds=2, steps=30)
    promised = {
        "id",
        "problem",
        "optimizer",
        "lr",
        "seed",
        "step",
        "samples",
        "gradient_evaluations",
        "loss",
        "w0",
        "w1",
    }
    assert promised | {"test_accuracy", "distance"} <= set(results.curves)
    flat = results.curves.query("problem == 'rosenbrock'")
    np.testing.assert_allclose(
        (1 - flat["w0"]) ** 2 + 100 * (flat["w1"] - flat["w0"] ** 2) ** 2, flat["loss"], rtol=1e-3
    )
    assert results.curves.query("problem == 'digits-softmax'")["w0"].isna().all()
    last = results.curves.query("problem == 'rosenbrock'").groupby("id")["loss"].last()
    assert last.tolist() == results.runs.set_index("id").loc[last.index, "loss"].tolist()


def test_without_out_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    results = ob.run("rosenbrock", "gd", **FACTS)
    assert not list(tmp_path.iterdir()) and len(results.curves) and len(results.surfaces)


def test_l2_in_a_run_pulls_as_the_penalty_does_and_is_a_column():
    def penalised(w):
        return (w**2).sum(axis=-1) + 0.25 * (w**2).sum(axis=-1), 2 * w + 0.5 * w

    def start(rng):
        return rng.standard_normal(2)

    own = ob.run(Problem("own", start, penalised), "gd", **FACTS)
    added = ob.run(Problem("own", start, lambda w: ((w**2).sum(axis=-1), 2 * w)), "gd", l2=0.5, **FACTS)
    for axis in ("w0", "w1"):  # the same path; the loss is without the penalty
        np.testing.assert_allclose(added.curves[axis], own.curves[axis], rtol=1e-12)
    np.testing.assert_allclose(1.25 * added.runs["loss"], own.runs["loss"], rtol=1e-12)
    assert (added.runs["l2"] == 0.5).all() and (own.runs["l2"] == 0).all()


def test_load_says_what_is_missing(tmp_path):
    with pytest.raises(InputError, match="holds no results; run `optibench run --out"):
        ob.load(tmp_path / "x")
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="holds no finished run yet; run the same command again"):
        ob.load(tmp_path)
