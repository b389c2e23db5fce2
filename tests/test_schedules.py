"""Schedules against PyTorch's, against their closed form, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import optibench as ob
from optibench import InputError
from optibench.registry import registry

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
    assert curve("warmup_cosine", 3, warmup=0) == pytest.approx(curve("cosine", 3))
    assert curve("wsd", 8, warmup=0.25, decay=4) == pytest.approx([1 / 2, 1, 1, 1, 1, 3 / 4, 1 / 2, 1 / 4])
    assert curve("wsd", 4, warmup=0, decay=2, floor=0.5) == pytest.approx([1, 1, 1, 3 / 4])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3, 10, 97])
def test_with_its_defaults_it_stays_between_0_and_1_for_any_budget(name, total):
    assert all(0 <= factor <= 1 for factor in curve(name, total))


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("warmup_cosine", {"warmup": 500}, "warmup = 500 is longer than the budget of 100 steps"),
        ("warmup_cosine", {"warmup": -1}, "warmup = -1 is below 0"),
        ("step", {"every": 1.5}, "every = 1.5 is longer than the budget"),
        ("step", {"gamma": 2}, "gamma = 2 must lie between 0 and 1"),
        ("multistep", {"milestones": "0.5/x"}, "milestones '0.5/x': write lengths"),
        ("multistep", {"milestones": "50/20"}, "each must come after"),
        ("multistep", {"milestones": "50/200"}, "milestones = 200 is longer than the budget"),
        ("cosine", {"floor": -0.1}, "floor = -0.1"),
        ("cosine_restarts", {"period": 101}, "period = 101 is longer"),
        ("cosine_restarts", {"multiplier": 0.5}, "multiplier = 0.5"),
        ("one_cycle", {"div": 0.5}, "div = 0.5"),
        ("wsd", {"warmup": 0.6, "decay": 0.6}, "warmup = 0.6 and decay = 0.6 are longer"),
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
