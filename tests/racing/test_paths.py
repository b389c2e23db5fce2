"""A race: paths to the bit, rates, divergence, faults that cost one racer, and where a path is on the map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optibench as ob
from optibench import InputError, Problem, optimizer
from optibench.engine.loop import train
from optibench.engine.records import Status, alone
from optibench.errors import SettingError
from optibench.plugin.registry import registry
from optibench.racing.paths import cross, inside
from optibench.racing.train import EQUAL, RATES

START = (-1.2, 1.0)


def slope(w):
    x, y = w
    return np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])


def gd(w, steps, lr):
    for _ in range(steps):
        yield (w := w - lr * slope(w))


def momentum(w, steps, lr):
    b = np.zeros(2)
    for _ in range(steps):
        b = 0.9 * b + slope(w)
        yield (w := w - lr * b)


def adam(w, steps, lr):
    m, v = np.zeros(2), np.zeros(2)
    for t in range(1, steps + 1):
        g = slope(w)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        yield (w := w - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8))


@pytest.mark.parametrize(("rule", "lr"), [(gd, 0.001), (momentum, 0.0003), (adam, 0.05)])
def test_every_step_is_that_of_a_loop_by_hand_in_float64(rule, lr):
    race = ob.race("rosenbrock", rule.__name__, lr=lr, steps=200, start=START)
    expected = np.array([START, *rule(np.array(START), 200, lr)])
    frame = race.paths
    assert frame.columns.tolist() == ["optimizer", "step", "x", "y", "loss"]
    assert frame["step"].tolist() == list(range(201))
    np.testing.assert_allclose(frame[["x", "y"]], expected, rtol=1e-12, atol=1e-14)
    x, y = frame["x"], frame["y"]
    np.testing.assert_allclose(frame["loss"], (1 - x) ** 2 + 100 * (y - x * x) ** 2, rtol=1e-9)


def test_the_best_rate_is_raced_with_the_bits_that_it_has_alone():
    tuned = ob.race("rosenbrock", ["adam", "rmsprop"], steps=100)
    assert {racer.chosen for racer in tuned.racers} == {"tuned"}
    alone = ob.race("rosenbrock", ["adam", "rmsprop"], lr=tuned.lr, steps=100)
    assert tuned.paths.equals(alone.paths)
    for name, lr in tuned.lr.items():
        final = [ob.race("rosenbrock", name, lr=rate, steps=100).racers[0] for rate in RATES]
        least = min(racer.loss[-1] for racer in final if not racer.diverged)
        assert tuned.racers[[*tuned.lr].index(name)].loss[-1] <= least + EQUAL * final[0].loss[0] and lr in RATES


def test_of_rates_that_end_equal_the_faster_is_raced():
    race = ob.race("ravine:condition=1", "gd", steps=2000)
    assert race.lr["gd"] == 1.0 and race.racers[0].loss[1] < 1e-20  # one step; slower rates arrive too


def test_rates_are_given_to_all_or_by_name_else_tuned_or_declared():
    pair = ["adam", "adam:beta1=0.5", "gd", "bfgs"]
    assert ob.race("booth", pair, lr=0.01, steps=5).lr | {"bfgs": 0} == {
        "adam": 0.01, "adam:beta1=0.5": 0.01, "gd": 0.01, "bfgs": 0,
    }  # fmt: skip
    race = ob.race("booth", pair, lr={"adam": 0.1, "adam:beta1=0.5": 0.2}, steps=5, tune=False)
    assert [racer.chosen for racer in race.racers] == ["given", "given", "default", ""]
    assert list(race.lr.values())[:3] == [0.1, 0.2, registry().get("optimizer", "gd").hyperparameters["lr"]]
    assert race.notes[:2] == [
        "learning rates of adam, adam:beta1=0.5: as given",
        "learning rate of gd: declared default, not tuned",
    ]


def test_a_diverged_run_ends_where_the_engine_says_and_is_crossed_where_it_leaves_the_map():
    race = ob.race("ravine", ["gd", "adam"], lr={"gd": 0.03, "adam": 0.1}, steps=100, start=(-3, 0.5))
    lost, kept = race.racers
    problem, rule = registry().problem(("ravine", {})), registry().get("optimizer", "gd")
    cohort = alone(rule, [{"lr": 0.03}], 100)
    there = replace(problem, start=lambda rng: np.array([-3, 0.5]))
    (ending,) = train(cohort, there, rule, lambda t, total: 1.0, [registry()["metric"]["loss"]]).endings
    assert ending.status is Status.DIVERGED and lost.diverged and lost.last == ending.diverged_at < 100
    assert not kept.diverged and kept.last == 100
    assert race.ranked(100) == [1, 0] and lost.lost(lost.last) and not lost.lost(lost.last - 1)
    assert f"gd (lr 0.03) diverged after step {lost.last}" in race.notes
    assert abs(cross(lost.points, race.domain)[1]) == 1.0  # ravine's y ends at -1 and 1
    assert len(race.paths) == lost.last + 1 + 101


def test_a_diverged_run_is_last_however_low_it_went():
    race = ob.race("saddle", ["momentum", "gd"], tune=False, steps=300)
    fallen, kept = race.racers
    assert fallen.diverged and fallen.loss[-1] < kept.loss[-1] < 0
    assert race.ranked(300) == [1, 0] and race.ranked(fallen.last - 1) == [0, 1]


def test_every_optimizer_races_through_the_points_of_minimize():
    names = [*registry()["optimizer"], "lookahead+gd", "sam+adam"]
    race = ob.race("rosenbrock", names, steps=7, start=START, tune=False)
    assert not race.failed and [racer.name for racer in race.racers] == names
    value_grad = registry().problem(("rosenbrock", {})).value_grad

    def fun(x):
        loss, g = value_grad(x[None])
        return loss[0], g[0]

    for racer in race.racers:
        if "hessian_product" in registry().get("optimizer", racer.name).arguments or racer.name == "newton-cg":
            continue  # exact here, differences of gradients there
        with np.errstate(all="ignore"):
            trace = ob.minimize(fun, START, jac=True, method=racer.name, maxiter=7, f_min=0.0).trace
        np.testing.assert_allclose(racer.points, trace[: racer.last + 1], rtol=1e-12, err_msg=racer.name)


def test_who_evaluates_more_is_said():
    notes = ob.race("rosenbrock", ["gd", "sam+gd"], lr=1e-4, steps=1500).notes
    assert "evaluations spent: gd 1,500, sam+gd 3,000" in notes


@optimizer
def shaken(w, g, normal, *, lr=0.1):
    return w - lr * (g + normal())


def test_every_rate_has_the_noise_of_the_seed():
    tuned = ob.race("booth", shaken, steps=30, seed=3)
    assert tuned.paths.equals(ob.race("booth", shaken, lr=tuned.lr, steps=30, seed=3).paths)
    other = ob.race("booth", shaken, lr=tuned.lr, steps=30, seed=4, start=tuned.racers[0].points[0])
    assert not tuned.paths.equals(other.paths)


@optimizer
def breaks(w, g, t, *, lr=0.1):
    if t > 3:
        raise RuntimeError("oh no")
    return w - lr * g


def test_a_rule_that_raises_costs_its_own_racer():
    race = ob.race("rosenbrock", ["gd", breaks], lr=1e-3, steps=10)
    without = ob.race("rosenbrock", ["gd"], lr=1e-3, steps=10)
    assert race.paths.equals(without.paths)
    assert race.failed["breaks"].startswith("RuntimeError: oh no")
    with pytest.raises(InputError, match="no optimizer could race on 'rosenbrock': 'breaks': RuntimeError: oh no"):
        ob.race("rosenbrock", breaks)


def test_seed_start_and_steps():
    one, two = ob.race("rosenbrock", "gd", seed=1, lr=1e-4), ob.race("rosenbrock", "gd", seed=2, lr=1e-4)
    assert one.steps == 2000 and (one.racers[0].points[0] != two.racers[0].points[0]).all()
    far = ob.race("rosenbrock", "gd", start=(5, 0), lr=1e-6, steps=1)
    (x0, x1), (y0, y1) = far.domain
    assert x1 > 5 and (x0, y0, y1) == (-2, -1, 3)  # the map holds the start
    assert far.frames == [0, 1]


def test_a_problem_without_a_domain_is_shown_where_it_was_visited_on_all_its_examples():
    race = ob.race("noisy-booth", ["gd", "adam"], lr=0.01, steps=30)
    exact = ob.race("booth", ["gd"], lr=0.01, steps=30)  # its noise comes in pairs that cancel
    np.testing.assert_allclose(race.racers[0].points, exact.racers[0].points, rtol=1e-9)
    low, high = np.array(race.domain).T
    visited = race.paths[["x", "y"]].to_numpy()
    assert (visited > low).all() and (visited < high).all() and "every step uses all 1,000 examples" in race.notes


def test_frames_are_even_in_the_logarithm():
    frames = np.array(ob.race("rosenbrock", "gd", lr=1e-4).frames)
    assert 60 <= len(frames) <= 101 and frames[0] == 0 and frames[-1] == 2000 and (np.diff(frames) > 0).all()
    late = frames[frames > 100]
    assert np.ptp(np.diff(np.log(late))) < 0.02


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"problem": "rosenbrok"}, "no problem named 'rosenbrok'; nearest: rosenbrock"),
        (
            {"problem": "quadratic"},
            "problem 'quadratic' has 10 parameters; a race needs two; write quadratic:dimension=2",
        ),
        ({"problem": "noisy-quadratic-mlp"}, "no problem named"),
        ({"problem": "digits-mlp"}, "'digits-mlp' has 2410 parameters; a race needs two; valid names: ackley, "),
        ({"optimizers": ["adamm"]}, "no optimizer named 'adamm'; nearest: adam"),
        ({"optimizers": []}, "no optimizer races; give at least one"),
        ({"optimizers": ["adam:lr=0.1"]}, "give learning rates by lr"),
        ({"lr": {"adan": 0.1}}, "no optimizer in this race named 'adan'; nearest: adam"),
        ({"lr": 0.0}, "lr of 'adam' = 0.0: must be a finite number, more than 0"),
        ({"lr": {"bfgs": 0.1}, "optimizers": ["bfgs"]}, "'bfgs' has no learning rate; leave it out"),
        ({"start": (1, 2, 3)}, "start = (1, 2, 3): must be two finite numbers"),
        ({"start": (1, float("inf"))}, "must be two finite numbers"),
        ({"start": "here"}, "start = 'here': must be two finite numbers"),
        ({"steps": 0}, "steps = 0: must be a whole number, at least 1"),
        ({"steps": 10**9}, "at most 100000"),
        ({"seed": -1}, "seed = -1: must be a whole number, at least 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(facts, words):
    given = {"problem": "rosenbrock", "optimizers": ["adam"], **facts}
    with pytest.raises(InputError) as error:
        ob.race(given.pop("problem"), given.pop("optimizers"), **given)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_pieces_race_unregistered():
    bowl = Problem("bowl", start=lambda rng: np.ones(2), value_grad=lambda w: ((w**2).sum(axis=-1), 2 * w))
    race = ob.race(bowl, breaks, steps=3, lr=0.25)
    np.testing.assert_array_equal(race.racers[0].points[:, 0], [1, 0.5, 0.25, 0.125])
    with pytest.raises(SettingError, match="expected a problem, got the optimizer 'breaks'"):
        ob.race(breaks, bowl)


BOX = ((-1.0, 1.0), (-2.0, 2.0))
POINTS = st.lists(st.tuples(st.floats(-4, 4), st.floats(-4, 4)), min_size=2, max_size=8)


@given(POINTS)
def test_what_is_inside_lies_in_the_box_and_on_the_path(points):
    path = np.array(points)
    ends, steps = inside(path, BOX)
    low, high = np.array(BOX).T
    assert (ends >= low - 1e-9).all() and (ends <= high + 1e-9).all()
    for (first, second), step in zip(ends, steps, strict=True):
        a, d = path[step - 1], path[step] - path[step - 1]
        for point in (first, second):
            off = (point - a)[0] * d[1] - (point - a)[1] * d[0]
            assert abs(off) < 1e-8 * (1 + d @ d)
    contained = ((path > low) & (path < high)).all(axis=1)
    assert {*np.flatnonzero(contained[1:] & contained[:-1]) + 1} <= {*steps}


def test_a_path_that_overflows_is_crossed_where_it_was_last():
    path = np.array([[0, 0], [0.5, 0], [1.5, 0], [1e300, 1e308], [np.inf, np.nan], [np.nan, np.nan]])
    np.testing.assert_allclose(cross(path, BOX), [1, 0])
    np.testing.assert_allclose(cross(path[[0, 1, 4]], BOX), [0.5, 0])
