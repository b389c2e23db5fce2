"""How to test a rule: without a harness, against numbers that someone else has computed."""

import json
from pathlib import Path

import numpy as np

from optibench.registry import Registry, Sources

HERE = Path(__file__).parent
LION = Registry(Sources(folders=(str(HERE / "lion.py"),))).get("optimizer", "lion")


def test_lion_follows_the_reference_trace():
    traces = json.loads((HERE.parent / "tests/reference/optimizer_traces.json").read_text())
    hessian, b = np.array(traces["problem"]["H"]), np.array(traces["problem"]["b"])
    case = next(case for case in traces["cases"] if case["case"] == "lion")
    assert case["hyperparameters"].pop("weight_decay") == 0  # ours has none
    hyperparameters = {
        name: np.full((1, 1), value) for name, value in {**LION.hyperparameters, **case["hyperparameters"]}.items()
    }
    w = np.array([case["x"][0]])  # (1, 6)
    m = np.zeros_like(w)
    for expected in case["x"][1:]:
        w, m = LION(w, w @ hessian - b, m, **hyperparameters)
        assert np.abs(w - expected).max() <= case["tolerance"] * max(1, np.abs(expected).max())


def test_every_coordinate_moves_by_lr():
    w, g = np.zeros((2, 3)), np.array([[1.0, -2.0, 3e-9], [-1e9, 5.0, -6.0]])
    moved, _ = LION(w, g, np.zeros_like(w), lr=0.5, beta1=0.9, beta2=0.99)
    np.testing.assert_array_equal(moved, -0.5 * np.sign(g))
