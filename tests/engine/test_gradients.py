"""What is done to gradients before a rule sees them: recorded, in order, in every company."""

from __future__ import annotations

import numpy as np
import pytest

import optibench as ob
from optibench.engine.gradients import Transforms
from optibench.plugin.problem import blocks_of

BLOCKS = blocks_of(matrix=(3, 2), bias=(2,), kernel=(2, 2, 3))
RNG = np.random.default_rng(0)
G, W = RNG.standard_normal((2, 4, 20))


def test_centralise_leaves_no_mean_over_the_inputs_of_any_output():
    found = Transforms(centralise=True)(G, W, BLOCKS)
    matrix, bias, kernel = (block.of(found) for block in BLOCKS)
    np.testing.assert_allclose(matrix.mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(kernel.mean(axis=(1, 2)), 0, atol=1e-15)
    np.testing.assert_array_equal(bias, BLOCKS[1].of(G))
    before = BLOCKS[0].of(G)
    np.testing.assert_allclose(matrix, before - before.mean(axis=1, keepdims=True))


def test_the_order_is_clip_value_clip_norm_l2_centralise():
    every = Transforms(clip_value=0.5, clip_norm=1.0, l2=0.1, centralise=True)
    g = G
    for name in ("clip_value", "clip_norm", "l2", "centralise"):
        g = Transforms(**{name: getattr(every, name)})(g, W, BLOCKS)
    np.testing.assert_array_equal(every(G, W, BLOCKS), g)
    np.testing.assert_allclose(np.linalg.norm(Transforms(clip_norm=1.0)(G, W, BLOCKS), axis=1), 1)


def test_nothing_is_done_that_was_not_asked_for():
    np.testing.assert_array_equal(Transforms()(G, W, BLOCKS), G)
    zero = np.zeros_like(G)
    np.testing.assert_array_equal(Transforms(clip_norm=1.0)(zero, W, BLOCKS), zero)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_alone_is_its_row_among_four_bit_for_bit(dtype):
    every, g, w = Transforms(clip_value=0.5, clip_norm=1.0, l2=0.1, centralise=True), G.astype(dtype), W.astype(dtype)
    together = every(g, w, BLOCKS)
    assert together.dtype == dtype
    for run in range(4):
        np.testing.assert_array_equal(every(g[run : run + 1], w[run : run + 1], BLOCKS)[0], together[run])


def test_a_run_records_them_and_their_numbers_differ():
    facts = {"lr": 0.1, "seeds": 1, "steps": 5}
    plain = ob.run("digits-softmax", "gd", **facts).runs.iloc[0]
    seen = {plain["loss"]}
    for change in ({"clip_value": 0.01}, {"clip_norm": 0.1}, {"l2": 0.1}, {"centralise": True}):
        run = ob.run("digits-softmax", "gd", **facts, **change).runs.iloc[0]
        assert all(run[name] == value for name, value in change.items()) and run["id"] != plain["id"]
        seen.add(run["loss"])
    assert len(seen) == 5 and not plain["centralise"]
