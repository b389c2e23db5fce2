"""Activations and losses against PyTorch's autograd, in float64, at kinks too."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from optibench.activations import optibench_activations
from optibench.losses import optibench_losses

torch = pytest.importorskip("torch", reason="torch is not installed")
F = torch.nn.functional

ACTIVATIONS = {piece.name: piece for piece in optibench_activations()}
LOSSES = {piece.name: piece for piece in optibench_losses()}
close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10)

#: What PyTorch calls it, or says it with; and parameters that both take.
SAME_ACTIVATION = {
    "identity": [(lambda z: z, {})],
    "step": [(lambda z: torch.heaviside(z.detach(), torch.ones_like(z)) + 0 * z, {})],
    "sigmoid": [(torch.sigmoid, {})],
    "hard_sigmoid": [(lambda z: F.relu6(z + 3) / 6, {})],  # the slope of F.hardsigmoid is 1/6 to 8 digits only
    "tanh": [(torch.tanh, {})],
    "hard_tanh": [(F.hardtanh, {})],
    "arctan": [(torch.arctan, {})],
    "softsign": [(F.softsign, {})],
    "relu": [(F.relu, {})],
    "leaky_relu": [(F.leaky_relu, {}), (lambda z, alpha: F.leaky_relu(z, alpha), {"alpha": 0.2})],
    "prelu": [(lambda z: torch.nn.PReLU(dtype=torch.float64)(z), {})],
    "elu": [(F.elu, {}), (F.elu, {"alpha": 0.5})],
    "selu": [(F.selu, {})],
    "celu": [(F.celu, {}), (F.celu, {"alpha": 2.5})],
    "gelu": [(F.gelu, {})],
    "gelu_tanh": [(partial(F.gelu, approximate="tanh"), {})],
    "silu": [(F.silu, {})],
    "mish": [(F.mish, {})],
    "softplus": [(partial(F.softplus, threshold=1e9), {})],  # above its threshold, 20, PyTorch's is a straight line
    "swish": [(F.silu, {}), (lambda z, beta: z * torch.sigmoid(beta * z), {"beta": 1.7})],
    "squareplus": [
        (lambda z: (z + torch.sqrt(z**2 + 4)) / 2, {}),
        (lambda z, b: (z + torch.sqrt(z**2 + b)) / 2, {"b": 0.3}),
    ],
}

RANDOM = np.random.default_rng(0)
Z = np.concatenate([np.linspace(-8, 8, 65), 5 * RANDOM.standard_normal(500), [-40, 40]])  # with 0, 1, 3: the kinks


def test_every_activation_is_compared():
    assert SAME_ACTIVATION.keys() == ACTIVATIONS.keys()


ACTIVATION_CASES = [(name, *case) for name, cases in SAME_ACTIVATION.items() for case in cases]


@pytest.mark.parametrize(
    "name, theirs, parameters", ACTIVATION_CASES, ids=[str(case[::2]) for case in ACTIVATION_CASES]
)
def test_value_and_slope_of_an_activation(name, theirs, parameters):
    z = torch.tensor(Z, requires_grad=True)
    a = theirs(z, **parameters)
    (slope,) = torch.autograd.grad(a.sum(), z)
    ours = ACTIVATIONS[name](Z, **parameters)
    close(ours[0], a.detach().numpy())
    close(ours[1], slope.numpy())


def classes(o, y):
    return o, y.argmax(dim=-1)


def margin(o, y, p):
    """Hinges of each output as PyTorch has them: of two classes whose scores differ by o, and halved."""
    o, y = o.reshape(-1), y.reshape(-1)
    each = F.multi_margin_loss(torch.stack([-o / 2, o / 2], dim=-1), (y > 0).long(), p=p, reduction="none")
    return 2 * each.sum()


def torch_focal(o, y, gamma=2.0):
    """From PyTorch's cross-entropy: (1 - p)^gamma times it, with p of the right class."""
    if o.shape[-1] == 1:
        each = F.binary_cross_entropy_with_logits(o, y, reduction="none")
    else:
        each = F.cross_entropy(*classes(o, y), reduction="none")
    return ((1 - torch.exp(-each)) ** gamma * each).mean()


def torch_smoothed(o, y, smoothing):
    if o.shape[-1] == 1:  # as two columns
        o, y = torch.cat([o, 0 * o], dim=-1), torch.cat([y, 1 - y], dim=-1)
    return F.cross_entropy(*classes(o, y), label_smoothing=smoothing)


SIGNS, REALS, BITS, ONE_HOT, DISTRIBUTION, COUNTS = "-1 or 1", "real", "0 or 1", "one-hot", "distribution", "counts"
SAME_LOSS = {  # what PyTorch says it with on one run (B, K), targets, parameters
    "mse": [(F.mse_loss, REALS, {})],
    "mae": [(F.l1_loss, REALS, {})],
    "huber": [(F.huber_loss, REALS, {}), (F.huber_loss, REALS, {"delta": 0.5})],
    "log_cosh": [(lambda o, y: torch.log(torch.cosh(o - y)).mean(), REALS, {})],
    "quantile": [
        (lambda o, y: F.l1_loss(o, y) / 2, REALS, {}),
        (lambda o, y, tau: torch.maximum(tau * (y - o), (tau - 1) * (y - o)).mean(), REALS, {"tau": 0.9}),
    ],
    "poisson": [(partial(F.poisson_nll_loss, log_input=True, full=False), COUNTS, {})],
    "cross_entropy": [
        (F.binary_cross_entropy_with_logits, BITS, {}),
        (lambda o, y: F.cross_entropy(*classes(o, y)), ONE_HOT, {}),
        (F.cross_entropy, DISTRIBUTION, {}),
        (torch_smoothed, BITS, {"smoothing": 0.1}),
        (torch_smoothed, ONE_HOT, {"smoothing": 0.1}),
        (lambda o, y, smoothing: F.cross_entropy(o, y, label_smoothing=smoothing), DISTRIBUTION, {"smoothing": 0.1}),
    ],
    "focal": [
        (torch_focal, BITS, {}),
        (torch_focal, ONE_HOT, {}),
        (torch_focal, BITS, {"gamma": 3.5}),
        (torch_focal, ONE_HOT, {"gamma": 3.5}),
    ],
    "kl_divergence": [
        (lambda o, y: F.kl_div(F.log_softmax(o, dim=-1), y, reduction="batchmean"), DISTRIBUTION, {}),
        (lambda o, y: F.kl_div(F.log_softmax(o, dim=-1), y, reduction="batchmean"), ONE_HOT, {}),
    ],
    "perceptron": [(lambda o, y: F.relu(-y * o).sum() / len(o), SIGNS, {})],
    "hinge": [(lambda o, y: margin(o, y, 1) / len(o), SIGNS, {})],
    "squared_hinge": [(lambda o, y: margin(o, y, 2) / len(o), SIGNS, {})],
}
RUNS, BATCH = 3, 16
TARGETS = {
    REALS: RANDOM.standard_normal((RUNS, BATCH, 2)),
    COUNTS: RANDOM.poisson(2, (RUNS, BATCH, 2)) * 1.0,
    BITS: RANDOM.integers(2, size=(RUNS, BATCH, 1)) * 1.0,
    ONE_HOT: np.eye(3)[RANDOM.integers(3, size=(RUNS, BATCH))],
    DISTRIBUTION: RANDOM.dirichlet(np.ones(3), (RUNS, BATCH)),
    SIGNS: 2.0 * RANDOM.integers(2, size=(RUNS, BATCH, 2)) - 1,
}
TARGETS[DISTRIBUTION][:, ::2] = TARGETS[ONE_HOT][:, ::2] / 2 + TARGETS[ONE_HOT][:, 1::2] / 2  # with zeros


def test_every_loss_is_compared():
    assert SAME_LOSS.keys() == LOSSES.keys()


LOSS_CASES = [(name, *case) for name, cases in SAME_LOSS.items() for case in cases]


@pytest.mark.parametrize("kink", [False, True], ids=["random", "at 0 and at the target"])
@pytest.mark.parametrize(
    "name, theirs, target, parameters", LOSS_CASES, ids=[str((name, *case)) for name, _, *case in LOSS_CASES]
)
def test_value_and_slope_of_a_loss(name, theirs, target, parameters, kink):
    y = TARGETS[target]
    output = 3 * np.random.default_rng(1).standard_normal(y.shape)
    if kink:
        output[:, ::3], output[:, 1::3] = y[:, ::3], 0
        if name == "perceptron":  # on the boundary Rosenblatt's slope is -y, that of PyTorch's relu 0
            output[:, 1::3] = y[:, 1::3]
    value, slope = LOSSES[name](output, y, **parameters)
    for run in range(RUNS):
        o = torch.tensor(output[run], requires_grad=True)
        loss = theirs(o, torch.tensor(y[run]), **parameters)
        close(value[run], loss.item())
        close(slope[run], torch.autograd.grad(loss, o)[0].numpy())
