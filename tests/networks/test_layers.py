"""Every layer: gradients are difference quotients, a run cannot see another, stacks that do not fit are refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optibench.activations import sigmoid, tanh
from optibench.errors import InputError
from optibench.losses import cross_entropy, mse
from optibench.networks import (
    AveragePool,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    MaxPool,
    Network,
    SimpleRNN,
)
from optibench.networks.initial import INITIAL
from optibench.networks.layers import Pass

IMAGE = (6, 5, 2)
STACKS = {
    "dense": Network((4,), [Dense(3), tanh, Dense(2)], mse),
    "dense with a penalty": Network((4,), [Dense(3, bias=False), sigmoid, Dense(3)], cross_entropy, l2=0.1),
    "convolution": Network(IMAGE, [Conv2d(3), tanh, Conv2d(2, size=2), tanh, Flatten(), Dense(3)], cross_entropy),
    "max pool": Network(IMAGE, [Conv2d(2), MaxPool(), Flatten(), Dense(2)], mse),
    "average pool": Network(IMAGE, [Conv2d(2), tanh, AveragePool(), Flatten(), Dense(2)], mse),
    "pool of 3": Network(IMAGE, [Conv2d(2, size=2), MaxPool(3), Flatten(), Dense(2)], mse),
    "tall windows": Network(
        (9, 2, 1), [Conv2d(2, size=(3, 1)), tanh, AveragePool((2, 1)), MaxPool((1, 2)), Flatten(), Dense(2)], mse
    ),
    "dropout": Network((4,), [Dense(5), tanh, Dropout(0.4), Dense(3), Dropout(0.2), Dense(2)], mse),
    "layer norm": Network((4,), [Dense(5), LayerNorm(), tanh, Dense(2)], mse),
    "layer norm of images": Network(IMAGE, [Conv2d(2), LayerNorm(), tanh, Flatten(), Dense(2)], mse),
    "batch norm": Network((4,), [Dense(5), BatchNorm(), tanh, Dense(2)], mse),
    "batch norm of images": Network(IMAGE, [Conv2d(2), BatchNorm(), tanh, Flatten(), Dense(2)], mse),
    "embedding and rnn": Network((7,), [Embedding(5, 3), SimpleRNN(4), Dense(5)], cross_entropy),
    "rnn below rnn": Network((4, 3), [SimpleRNN(4), tanh, Dense(2)], mse),
}
every_stack = pytest.mark.parametrize("network", STACKS.values(), ids=STACKS)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def case(network, runs=3, batch=4, shared=False, seed=0, dtype="float64"):
    """(w, x, y, *draws) with parameters of their own, or data that the runs share."""
    rng = np.random.default_rng(seed)
    w = np.array([network.start(np.random.default_rng(run)) for run in range(runs)])
    w = w + 0.1 * rng.standard_normal(w.shape)
    many = 1 if shared else runs
    if isinstance(network.stack[0], Embedding):
        x = rng.integers(network.stack[0].tokens, size=(many, batch, *network.inputs)).astype(float)
    else:
        x = rng.standard_normal((many, batch, *network.inputs))
    (classes,) = network.shapes[-1]
    y = np.eye(classes)[rng.integers(classes, size=(many, batch))]
    draws = [np.stack(every) for every in zip(*(network.draws(rng, batch) for _ in range(many)), strict=True)]
    return tuple(np.asarray(array, dtype) for array in (w, x, y, *draws))


@every_stack
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32), shared=st.booleans())
def test_the_gradient_is_the_difference_quotient(network, seed, shared):
    """Of fourth order, within 1e-8 of the largest slope; where two step sizes disagree there is a kink."""
    w, *batch = case(network, shared=shared, seed=seed)
    value, g = network.value_grad(w, *batch)
    np.testing.assert_array_equal(network.value(w, *batch), value)

    def quotient(along, h):
        def apart(step):
            return network.value(w + step * along, *batch) - network.value(w - step * along, *batch)

        return (8 * apart(h) - apart(2 * h)) / (12 * h)

    smooth = 0
    for place in np.random.default_rng(seed).permutation(w.shape[1])[:12]:
        along = np.eye(w.shape[1])[place]
        wide, narrow, scale = quotient(along, 1e-3), quotient(along, 5e-4), 1e-8 * np.abs(g).max()
        usable = np.abs(wide - narrow) < scale
        smooth += usable.mean()
        np.testing.assert_allclose(g[usable, place], narrow[usable], rtol=0, atol=scale)
    assert smooth >= 6


@every_stack
@both_dtypes
def test_a_run_alone_is_its_row_bit_for_bit_and_dtype_is_kept(network, dtype):
    for shared, size in product((False, True), (1, 4)):
        w, *batch = case(network, runs=5, batch=size, shared=shared, dtype=dtype)
        together = (*network.value_grad(w, *batch), network.predict(w, batch[0]))
        for run in range(5):
            rows = [array if len(array) == 1 else array[run : run + 1].copy() for array in batch]
            one = w[run : run + 1].copy()
            alone = (*network.value_grad(one, *rows), network.predict(one, rows[0]))
            for several, single in zip(together, alone, strict=True):
                assert single.dtype == dtype
                np.testing.assert_array_equal(several[run : run + 1], single)


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-30, 1e-30, -1e-320, 1e-200, -1e-200, 3e38]


@both_dtypes
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), runs=st.integers(1, 40), inputs=st.integers(1, 65), units=st.integers(1, 33),
    shared=st.booleans(), sliced=st.booleans(),
)  # fmt: skip
def test_the_gradient_of_one_example_has_the_bits_of_the_product_of_matrices(
    dtype, seed, runs, inputs, units, shared, sliced
):
    """Signed zeros and underflow included: -0 becomes 0 in both. Of nan no sign is compared."""
    rng = np.random.default_rng(seed)

    def numbers(*shape):
        drawn = rng.standard_normal(shape) * 10.0 ** rng.integers(-40, 38, shape)
        drawn = np.where(rng.random(shape) < 0.5, rng.choice(SPECIAL, shape), drawn)
        return drawn.astype(dtype)[:, 1:2] if sliced else drawn[:, :1].astype(dtype)

    with np.errstate(all="ignore"):
        x, delta = numbers(1 if shared else runs, 3, inputs), numbers(runs, 3, units)
        g = np.full((runs, inputs * units + units), 7.0, dtype)  # views of one row a run, as networks fill them
        weight, bias = g[:, : inputs * units].reshape(runs, inputs, units), g[:, inputs * units :]
        _, back = Dense(units).forward(x, [np.zeros_like(weight), np.zeros_like(bias)], None)
        back(delta, [weight, bias], False)
        expected = x.swapaxes(1, 2) @ delta, (np.ones((1, 1), dtype) @ delta)[:, 0]
    for ours, theirs in zip((weight, bias), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        numbered = ~np.isnan(theirs)
        np.testing.assert_array_equal(np.signbit(ours[numbered]), np.signbit(theirs[numbered]))


def test_a_convolution_is_the_sum_over_its_window():
    network = Network((4, 5, 2), [Conv2d(3, size=2), Flatten(), Dense(2)], mse)
    w, x, _ = case(network, runs=1)
    weight, bias = (block.of(w)[0] for block in network.own[0])
    y, _ = network.stack[0].forward(x, [weight[None], bias[None]], None)
    for i, j, out in np.ndindex(3, 4, 3):
        expected = (x[0, :, i : i + 2, j : j + 2] * weight[..., out]).sum(axis=(1, 2, 3)) + bias[out]
        np.testing.assert_allclose(y[0, :, i, j, out], expected)


def test_a_tie_in_a_window_goes_to_the_first():
    x, delta = np.ones((1, 1, 2, 2, 1)), np.full((1, 1, 1, 1, 1), 3.0)
    y, back = MaxPool().forward(x, [], None)
    assert y.ravel().tolist() == [1] and back(delta, [], True).ravel().tolist() == [3, 0, 0, 0]


def test_normalised_batches_have_mean_0_and_deviation_1_and_another_pass_has_fixed_statistics():
    x = 5 + 3 * np.random.default_rng(0).standard_normal((2, 64, 4))
    y, _ = BatchNorm().forward(x, [np.ones((2, 4)), np.zeros((2, 4))], Pass(training=True))
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=1), 1, rtol=1e-5)
    network = replace(STACKS["batch norm"], reference=np.random.default_rng(1).standard_normal((32, 4)))
    w, x, _ = case(network)
    together = network.predict(w, x)
    np.testing.assert_allclose(network.predict(w, x[:, :1]), together[:, :1], rtol=1e-12)  # no example sees another


def test_dropout_drops_its_share_keeps_the_mean_and_does_nothing_outside_training():
    (mask,) = STACKS["dropout"].draws(np.random.default_rng(0), 4000)[:1]
    assert (mask == 0).mean() == pytest.approx(0.4, abs=0.02) and mask.mean() == pytest.approx(1, abs=0.03)
    network = STACKS["dropout"]
    w, x, *_ = case(network)
    plain = Network((4,), [Dense(5), tanh, Dense(3), Dense(2)], mse)
    np.testing.assert_array_equal(network.predict(w, x), plain.predict(w, x))


@pytest.mark.parametrize(
    ("name", "variance"), [("he", 2 / 400), ("lecun", 1 / 400), ("xavier", 2 / 600), ("normal", 0.01)]
)
def test_initialisations_have_their_variance(name, variance):
    drawn = INITIAL[name](np.random.default_rng(0), (400, 200), 400, 200)
    assert drawn.var() == pytest.approx(variance, rel=0.05) and abs(drawn.mean()) < 0.01


def test_orthogonal_columns_or_rows_are_orthonormal_and_the_others_constant():
    tall, wide = (INITIAL["orthogonal"](np.random.default_rng(0), shape, 1, 1) for shape in ((7, 3), (3, 7)))
    np.testing.assert_allclose(tall.T @ tall, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(wide @ wide.T, np.eye(3), atol=1e-12)
    assert (INITIAL["zeros"](None, (2, 2), 1, 1) == 0).all() and (INITIAL["ones"](None, (2,), 1, 1) == 1).all()


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            [Dense(3), Conv2d(2)],
            "layer 2 (conv2d) takes an image (height, width, channels), but layer 1 (dense) gives (3,)",
        ),
        ([Embedding(3, 2), Dense(2)], "layer 2 (dense) takes a flat (inputs,), but layer 1 (embedding) gives (4, 2)"),
        ([MaxPool()], "layer 1 (maxpool) takes an image (height, width, channels), but the inputs are (4,)"),
        ([tanh, SimpleRNN(3)], "layer 2 (simplernn) takes a sequence (length, size), but layer 1 (tanh) gives (4,)"),
    ],
)
def test_a_stack_that_does_not_fit_names_the_layer_and_both_shapes(layers, words):
    with pytest.raises(InputError) as error:
        Network((4,), layers, mse)
    assert str(error.value) == f"{words}; change one of the two"
    with pytest.raises(InputError, match=r"layer 1 \(conv2d\) takes an image of at least 5 x 5, but .* \(4, 4, 1\)"):
        Network((4, 4, 1), [Conv2d(2, size=5)], mse)
    with pytest.raises(InputError, match="no initialisation named 'hee'; nearest: he"):
        Network((4,), [Dense(2, start="hee")], mse).start(np.random.default_rng(0))
