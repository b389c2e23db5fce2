"""Schedules against PyTorch's, against their closed form, and what they refuse."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from math import cos, pi
from pathlib import Path

import pytest

import optibench as ob
from optibench import InputError
from optibench.plugin.registry import registry

SCHEDULES = registry()["schedule"]
CASES = json.loads((Path(__file__).parent / "reference/schedules.json").read_text())


def curve(name, total, **parameters):
    return [SCHEDULES[name](t, total, **parameters) for t in range(1, total + 1)]


def test_the_twelve_are_there():
    assert {*SCHEDULES} >= {
        *("constant", "step", "multistep", "exponential", "polynomial", "linear", "inverse_time", "cosine"),
        *("warmup_cosine", "cosine_restarts", "one_cycle", "wsd"),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["reference"])
def test_it_is_pytorch_s(case):
    found = curve(case["schedule"], case["total"], **case["parameters"])
    assert found == pytest.approx(case["factors"], abs=1e-12)


def test_every_one_with_a_twin_in_pytorch_is_compared_with_it():
    assert {case["schedule"] for case in CASES} == {*SCHEDULES} - {"constant", "inverse_time", "warmup_cosine", "wsd"}


def test_those_without_a_twin_have_their_closed_form():
    assert curve("constant", 3) == [1, 1, 1]
    assert curve("inverse_time", 4, rate=8.0) == pytest.approx([1, 1 / 3, 1 / 5, 1 / 7])
    assert curve("warmup_cosine", 6, warmup=2) == pytest.approx(
        [1 / 2, 1, 1, (2 + 2**0.5) / 4, 1 / 2, (2 - 2**0.5) / 4]
    )
    assert curve("warmup_cosine", 6, warmup=2, floor=0.2)[4:] == pytest.approx([0.6, 0.2 + 0.2 * (2 - 2**0.5)])
    assert curve("polynomial", 4, power=2, floor=0.2) == pytest.approx([1, 0.65, 0.4, 0.25])  # PyTorch's has no floor
    assert curve("warmup_cosine", 3, warmup=0) == pytest.approx(curve("cosine", 3))
    assert curve("wsd", 8, warmup=0.25, decay=4) == pytest.approx([1 / 2, 1, 1, 1, 1, 3 / 4, 1 / 2, 1 / 4])
    assert curve("wsd", 4, warmup=0, decay=2, floor=0.5) == pytest.approx([1, 1, 1, 3 / 4])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3, 10, 97])
def test_with_its_defaults_it_stays_between_0_and_1_for_any_budget(name, total):
    assert all(0 <= factor <= 1 for factor in curve(name, total))


@pytest.mark.parametrize(
    ("name", "length"),
    [("step", "every"), ("cosine_restarts", "period"), ("warmup_cosine", "warmup"), ("one_cycle", "peak"),
     ("wsd", "warmup"), ("wsd", "decay"), ("multistep", "milestones")],
)  # fmt: skip
def test_a_share_that_is_a_whole_number_of_steps_is_that_number(name, length):
    """0.07 * 100 is 7.000000000000001, and 0.29 * 100 is 28.999999999999996."""
    as_given = str if length == "milestones" else lambda value: value
    for total, percent in [(100, percent) for percent in range(1, 81)] + [(50, 14), (50, 58), (1000, 57)]:
        share = curve(name, total, **{length: as_given(percent / 100)})
        whole = curve(name, total, **{length: as_given(percent * total // 100)})
        assert share == pytest.approx(whole, abs=1e-9), (total, percent)


@pytest.mark.parametrize("total", [24, 28, 34, 97])
@pytest.mark.parametrize("parts", [3, 4, 7, 10])
def test_shares_between_two_steps_begin_anew_where_fractions_say(total, parts):
    length = max(Fraction(total, parts), 1)
    expected = [0.5 * (1 + cos(pi * float(t % length / length))) for t in range(total)]
    assert curve("cosine_restarts", total, period=1 / parts) == pytest.approx(expected, abs=1e-9)
    expected = [0.5 ** (t // length) for t in range(total)]
    assert curve("step", total, every=1 / parts, gamma=0.5) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["warmup_cosine", "wsd"])
@pytest.mark.parametrize("warmup", [0, 0.0, 0.1, 0.25, 0.5, 0.97, 0.999, 1.0])
@pytest.mark.parametrize("total", [1, 2, 3, 10, 97, 100])
def test_after_a_warm_up_of_any_length_it_only_falls_from_1(name, warmup, total):
    factors = curve(name, total, warmup=warmup, **({"decay": 0} if name == "wsd" else {}))
    rise = int(warmup * total)  # the steps that end within the warm-up
    assert factors[:rise] == pytest.approx([t / (warmup * total) for t in range(1, rise + 1)])
    after = factors[rise:]
    assert after[:1] in ([], [1.0]) and all(first >= second for first, second in pairwise(after))


def test_warm_up_and_decay_may_fill_the_budget():
    for total in (10, 50, 97, 100):
        for percent in range(1, 100):
            assert max(curve("wsd", total, warmup=percent / 100, decay=(100 - percent) / 100)) <= 1


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("warmup_cosine", {"warmup": 500}, "warmup = 500 is longer than the budget of 100 steps"),
        ("warmup_cosine", {"warmup": -1}, "warmup = -1 is below 0"),
        ("step", {"every": 1.5}, "every = 1.5 is longer than the budget"),
        ("step", {"every": 0}, "every = 0 never ends; give at least 1 step, or"),
        ("step", {"gamma": 2}, "gamma = 2 must lie between 0 and 1"),
        ("step", {"gamma": 0}, "gamma = 0 must lie above 0, up to 1"),
        ("multistep", {"gamma": -0.5}, "gamma = -0.5 must lie above 0, up to 1"),
        ("exponential", {"floor": 0}, "floor = 0 must lie above 0, up to 1"),
        ("polynomial", {"power": -1}, "power = -1"),
        ("polynomial", {"floor": 1.5}, "floor = 1.5"),
        ("linear", {"start": 2}, "start = 2"),
        ("linear", {"end": -1}, "end = -1"),
        ("inverse_time", {"rate": -1}, "rate = -1"),
        ("warmup_cosine", {"floor": -0.1}, "floor = -0.1"),
        ("multistep", {"milestones": "0.5/x"}, "milestones '0.5/x': write lengths"),
        ("multistep", {"milestones": "50/20"}, "each must come after"),
        ("multistep", {"milestones": "50/200"}, "milestones = 200 is longer than the budget"),
        ("cosine", {"floor": -0.1}, "floor = -0.1"),
        ("cosine_restarts", {"period": 101}, "period = 101 is longer"),
        ("cosine_restarts", {"period": 0.0}, "period = 0 never ends"),
        ("cosine_restarts", {"multiplier": 0.5}, "multiplier = 0.5"),
        ("cosine_restarts", {"floor": 2}, "floor = 2"),
        ("one_cycle", {"peak": 101}, "peak = 101 is longer"),
        ("one_cycle", {"div": 0.5}, "div = 0.5"),
        ("one_cycle", {"final_div": 0.5}, "final_div = 0.5"),
        ("wsd", {"decay": -1}, "decay = -1 is below 0"),
        ("wsd", {"floor": 1.1}, "floor = 1.1"),
        ("wsd", {"warmup": 0.6, "decay": 0.6}, "warmup = 0.6 and decay = 0.6 exceed the budget"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_is_refused_before_the_first_step(name, parameters, words):
    with pytest.raises(InputError, match=words) as error:
        ob.run("quadratic", "gd", lr=0.1, seeds=1, steps=100, schedule={"name": name, **parameters})
    assert "\n" not in str(error.value) and f"schedule '{name}' on quadratic" in str(error.value)
    with pytest.raises(InputError, match=words):
        ob.minimize(sum, [1.0], maxiter=100, schedule={"name": name, **parameters})


def test_a_schedule_multiplies_the_rate_everywhere():
    def halves(x):
        return 0.5 * x @ x

    found = ob.minimize(halves, [1.0], jac=lambda x: x, method="gd", lr=0.5, maxiter=2, schedule="linear:end=0.5")
    assert found.trace[:, 0].tolist() == [1, 0.5, 0.5 * (1 - 0.5 * 0.75)]
    runs = ob.run("quadratic", "gd", lr=0.01, seeds=1, steps=5, schedule="step:every=2,gamma=0.5").runs
    assert runs["schedule"].tolist() == ["step:every=2,gamma=0.5"]


def test_a_schedule_that_raises_costs_its_runs_only(tmp_path):
    (tmp_path / "bad.py").write_text(
        "from optibench import hookimpl, schedule\n\n\n@schedule\ndef broken(t, total):\n    return 1 / 0\n\n\n"
        "@hookimpl\ndef optibench_schedules():\n    return [broken]\n"
    )
    run = ob.run("quadratic", "gd", lr=0.1, seeds=1, steps=5, schedule="broken", plugins=str(tmp_path)).runs.iloc[0]
    assert run["status"] == "failed" and run["reason"] == "ZeroDivisionError: division by zero (bad.py:6)"
