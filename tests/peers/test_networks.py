"""Layers against PyTorch's autograd, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from optibench.activations import relu, tanh
from optibench.losses import cross_entropy, mse
from optibench.networks import (
    AveragePool,
    BatchNorm,
    Conv2d,
    Dense,
    Embedding,
    Flatten,
    LayerNorm,
    MaxPool,
    Network,
    SimpleRNN,
)

torch = pytest.importorskip("torch", reason="torch is not installed")
F = torch.nn.functional


def dense(x, weight, bias):
    return x @ weight + bias


def conv(x, weight, bias):
    return F.conv2d(x.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), bias).permute(0, 2, 3, 1)


def pooled(pool):
    return lambda x: pool(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def batch_norm(x, scale, shift):
    channels = x.reshape(-1, x.shape[-1])
    return F.batch_norm(channels, None, None, scale, shift, training=True).reshape(x.shape)


def layer_norm(x, scale, shift):
    return F.layer_norm(x, x.shape[1:], scale, shift)


def embedding(x, table):
    return F.embedding(x.long(), table)


def rnn(x, weight, recurrent, bias):
    module = torch.nn.RNN(x.shape[-1], len(recurrent), batch_first=True, dtype=torch.float64)
    named = {"weight_ih_l0": weight.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias, "bias_hh_l0": 0 * bias}
    return torch.func.functional_call(module, named, (x,))[1][0]


CASES = {
    "dense": (Network((4,), [Dense(3), tanh, Dense(3)], cross_entropy), [dense, torch.tanh, dense]),
    "convolutions": (
        Network((7, 6, 2), [Conv2d(3), relu, Conv2d(2, size=2), Flatten(), Dense(3)], cross_entropy),
        [conv, torch.relu, conv, lambda x: x.flatten(1), dense],
    ),
    "max pool": (
        Network((6, 6, 1), [Conv2d(2), MaxPool(), Flatten(), Dense(2)], mse),
        [conv, pooled(F.max_pool2d), lambda x: x.flatten(1), dense],
    ),
    "average pool": (
        Network((6, 6, 1), [Conv2d(2), tanh, AveragePool(), Flatten(), Dense(2)], mse),
        [conv, torch.tanh, pooled(F.avg_pool2d), lambda x: x.flatten(1), dense],
    ),
    "batch norm": (
        Network((5, 5, 1), [Conv2d(2), BatchNorm(), tanh, Flatten(), Dense(4), BatchNorm(), Dense(2)], mse),
        [conv, batch_norm, torch.tanh, lambda x: x.flatten(1), dense, batch_norm, dense],
    ),
    "layer norm": (
        Network((5, 5, 1), [Conv2d(2), LayerNorm(), tanh, Flatten(), Dense(4), LayerNorm(), Dense(2)], mse),
        [conv, layer_norm, torch.tanh, lambda x: x.flatten(1), dense, layer_norm, dense],
    ),
    "embedding and rnn": (
        Network((7,), [Embedding(5, 3), SimpleRNN(4), Dense(5)], cross_entropy),
        [embedding, rnn, dense],
    ),
}


@pytest.mark.parametrize(("network", "theirs"), CASES.values(), ids=CASES)
def test_value_and_gradient_are_pytorch_s(network, theirs):
    rng = np.random.default_rng(0)
    w = np.array([network.start(rng) for _ in range(2)]) + 0.1 * rng.standard_normal((2, len(network.start(rng))))
    shape = (2, 6, *network.inputs)
    tokens = isinstance(network.stack[0], Embedding)
    x = rng.integers(5, size=shape).astype(float) if tokens else rng.standard_normal(shape)
    (classes,) = network.shapes[-1]
    y = np.eye(classes)[rng.integers(classes, size=(2, 6))]
    value, g = network.value_grad(w, x, y)
    for run in range(2):
        flat = torch.tensor(w[run], requires_grad=True)
        out = torch.tensor(x[run])
        for function, blocks in zip(theirs, network.own, strict=True):
            parts = [flat[block.slice].reshape(block.shape) for block in blocks]
            out = function(out, *parts)
        target = torch.tensor(y[run])
        loss = F.cross_entropy(out, target) if network.loss.name == "cross_entropy" else F.mse_loss(out, target)
        loss.backward()
        assert loss.item() == pytest.approx(value[run], rel=1e-10)
        np.testing.assert_allclose(g[run], flat.grad.numpy(), rtol=1e-10, atol=1e-12)
