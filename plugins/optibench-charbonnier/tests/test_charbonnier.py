import tomllib
from pathlib import Path

import numpy as np
import pytest
from optibench_charbonnier import charbonnier, diabetes_charbonnier

from optibench.plugin.registry import Registry, Sources


def test_the_entry_point_registers_both_pieces(monkeypatch):
    monkeypatch.setenv("OPTIBENCH_PLUGINS", "")  # not the installed one a second time
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    registry = Registry(Sources(modules=(project["entry-points"]["optibench"]["charbonnier"],)))
    assert registry.get("loss", "charbonnier") is charbonnier
    assert registry.get("problem", "diabetes-charbonnier") is diabetes_charbonnier


def test_it_is_half_the_square_near_0_and_linear_far_out():
    output = np.array([[[1e-3]], [[0.0]], [[-1e6]]])  # (R, B, K) = (3, 1, 1)
    value, slope = charbonnier(output, np.zeros((1, 1, 1)))
    np.testing.assert_allclose(value, [0.5e-6, 0, 1e6 - 1], rtol=1e-6)
    np.testing.assert_allclose(slope.ravel(), [1e-3, 0, -1], rtol=1e-6)


def test_the_gradient_is_the_difference_quotient():
    problem = diabetes_charbonnier()
    batch = [array[None] for array in problem.train]
    w, h = np.random.default_rng(0).standard_normal((1, problem.size)), 1e-6
    g = problem.value_grad(w, *batch)[1]
    for i, e in enumerate(np.eye(problem.size)):
        difference = (problem.value_grad(w + h * e, *batch)[0] - problem.value_grad(w - h * e, *batch)[0]) / (2 * h)
        assert g[0, i] == pytest.approx(difference[0], abs=1e-6)


def test_float32_stays_float32():
    problem = diabetes_charbonnier().astype("float32")
    w = np.zeros((2, problem.size), "float32")
    loss, g = problem.value_grad(w, *(array[None] for array in problem.train))
    assert loss.dtype == g.dtype == np.float32
