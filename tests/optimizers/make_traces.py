"""Write optibench/verify/traces/matrix.json: third-party optimizers on a matrix and a vector, in float64. Run by hand.

Needs torch 2.13.0, optax 0.2.8, pytorch_optimizer 4.1.0, schedulefree 1.4.1; the format is that of
quad6.json beside it. f(W, b) = |A W + b - Y|^2 / 2 with W (4, 3) and b (3), laid out [W, b] row by row.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytorch_optimizer
import schedulefree
import torch

jax.config.update("jax_enable_x64", True)
torch.set_default_dtype(torch.float64)
RNG = np.random.default_rng(0)
A, Y = RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))
X0 = 0.5 * np.random.default_rng(1).standard_normal(15)
STEPS = 30
SIGNS = (-1.0) ** np.arange(15)


def residual(x):
    return A @ x[:12].reshape(4, 3) + x[12:] - Y


def value(x):
    return 0.5 * (residual(x) ** 2).sum()


def gradient(x):
    r = residual(x)
    return np.concatenate([(A.T @ r).ravel(), r.sum(axis=0)])


def hessian_diagonal():
    """u * (H u) for alternating signs u."""
    h = np.array([gradient(row) - gradient(np.zeros(15)) for row in np.eye(15)])
    return SIGNS * (h @ SIGNS)


def parts(x):
    return x[:12].reshape(4, 3), x[12:]


def by_torch(make, prepare=None, evaluated=False):
    tensors = [torch.nn.Parameter(torch.tensor(part.copy())) for part in parts(X0)]
    optimizer = make(tensors)
    points = [X0]

    def flat():
        return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])

    def closure():
        for tensor, g in zip(tensors, parts(gradient(flat())), strict=True):
            tensor.grad = torch.tensor(g.copy())
        return torch.tensor(value(flat()))

    if evaluated:
        optimizer.train()
    for _ in range(STEPS):
        closure()
        if prepare:
            prepare(optimizer, closure)
        else:
            optimizer.step(closure if isinstance(optimizer, torch.optim.LBFGS) else None)
        if evaluated:
            optimizer.eval()
        points.append(flat())
        if evaluated:
            optimizer.train()
    return points


def by_optax(transform, **more):
    params = [jnp.asarray(part) for part in parts(X0)]
    state, points = transform.init(params), [X0]
    for _ in range(STEPS):
        x = np.concatenate([np.asarray(part).ravel() for part in params])
        updates, state = transform.update([jnp.asarray(part) for part in parts(gradient(x))], state, params, **more)
        params = optax.apply_updates(params, updates)
        points.append(np.concatenate([np.asarray(part).ravel() for part in params]))
    return points


def sam(base):
    ascent = optax.chain(optax.contrib.normalize(), optax.sgd(0.05))
    transform = optax.contrib.sam(base, ascent, sync_period=2, opaque_mode=True)

    def again(params, _):
        x = np.concatenate([np.asarray(part).ravel() for part in params])
        return [jnp.asarray(part) for part in parts(gradient(x))]

    return by_optax(transform, grad_fn=again)


def sophia(period):
    """SophiaH fed with one fixed Hutchinson draw, alternating signs."""
    diagonal = [torch.tensor(part.copy()) for part in parts(hessian_diagonal())]
    count = [0]

    def step(optimizer, closure):
        due = count[0] % period == 0
        count[0] += 1
        optimizer.step(hessian=diagonal if due else None)

    def make(p):
        return pytorch_optimizer.SophiaH(p, lr=5.0, betas=(0.96, 0.99), p=0.01, eps=1e-10, update_period=10**9)

    return by_torch(make, step)


def soap(frequency):
    single = torch.float32
    torch.float32 = torch.float64  # it casts to float32 before its QR, for bfloat16's sake
    try:
        return by_torch(
            lambda p: pytorch_optimizer.SOAP(
                p,
                lr=0.05,
                betas=(0.95, 0.95),
                eps=1e-2,  # the first statistic of W has rank 3 of 4: with less, rounding in its null direction grows
                weight_decay=0.01,
                precondition_frequency=frequency,
                shampoo_beta=0.95,
            )
        )
    finally:
        torch.float32 = single


def case(name, optimizer, x, library, call, tolerance=1e-10, **hyperparameters):
    x = np.array(x)
    assert np.isfinite(x).all() and (np.abs(np.diff(x, axis=0)).max(axis=1) > 0).sum() > 5, name
    print(f"{name:28} f from {value(x[0]):.3f} to {value(x[-1]):.3g}")
    return {
        "case": name, "optimizer": optimizer, "hyperparameters": hyperparameters,
        "reference": f"{library} {version(library).partition('+')[0]}: {call}", "tolerance": tolerance, "x": x.tolist(),
    }  # fmt: skip


def cases():
    T, P = torch.optim, pytorch_optimizer
    yield case("matrix_gd", "gd", by_torch(lambda p: T.SGD(p, lr=0.05)), "torch", "SGD(lr)", lr=0.05)
    yield case("matrix_adamw", "adamw", by_torch(lambda p: T.AdamW(p, lr=0.05, weight_decay=0.1)), "torch",
               "AdamW(lr, weight_decay=.1)", lr=0.05, weight_decay=0.1)  # fmt: skip
    for lr, d, decay in ((0.1, 1.0, 0.0), (0.8, 1.0, 0.1)):
        x = by_torch(lambda p, lr=lr, d=d, decay=decay: T.Adafactor(p, lr=lr, d=d, weight_decay=decay))
        yield case(f"adafactor_lr{lr:g}", "adafactor", x, "torch", f"Adafactor(lr, d={d}, weight_decay={decay})",
                   lr=lr, d=d, weight_decay=decay)  # fmt: skip
    x = by_optax(optax.adabelief(0.05, eps=1e-3, eps_root=1e-3))
    yield case("adabelief_eps1e-3", "adabelief", x, "optax", "adabelief(lr, eps=1e-3, eps_root=1e-3)", lr=0.05,
               eps=1e-3)  # fmt: skip
    for nesterov in (True, False):
        transform = optax.chain(
            optax.partition(
                {
                    "matrix": optax.contrib.muon(0.05, beta=0.95, eps=1e-8, nesterov=nesterov, weight_decay=0.1),
                    "vector": optax.adamw(0.05, weight_decay=0.1),
                },
                ["matrix", "vector"],
            )
        )
        yield case(f"muon_nesterov_{nesterov}", "muon", by_optax(transform), "optax",
                   f"contrib.muon(lr, nesterov={nesterov}, weight_decay=.1) on W, adamw(lr, weight_decay=.1) on b",
                   lr=0.05, momentum=0.95, nesterov=nesterov, weight_decay=0.1, eps=1e-8)  # fmt: skip
    x = by_torch(lambda p: P.Shampoo(p, lr=0.3, momentum=0.0, preconditioning_compute_steps=1, matrix_eps=1e-6))
    yield case("shampoo", "shampoo", x, "pytorch_optimizer", "Shampoo(lr, preconditioning_compute_steps=1)", lr=0.3,
               matrix_eps=1e-6)  # fmt: skip
    for frequency in (1, 3, 10):
        yield case(f"soap_every{frequency}", "soap", soap(frequency), "pytorch_optimizer",
                   f"SOAP(lr, eps=.01, precondition_frequency={frequency}, weight_decay=.01), its QR in float64",
                   lr=0.05, beta1=0.95, beta2=0.95, eps=1e-2, weight_decay=0.01, frequency=frequency)  # fmt: skip
    for period in (1, 10):
        yield case(f"sophia_every{period}", "sophia", sophia(period), "pytorch_optimizer",
                   "SophiaH(lr / p, p=.01, eps=1e-10); Hutchinson's u is (-1)^i at every draw",
                   lr=0.05, beta1=0.96, beta2=0.99, gamma=0.01, eps=1e-12, period=period)  # fmt: skip
    for base, inner in (("gd", T.SGD), ("adam", T.Adam)):
        outer = {"gd": optax.sgd, "adam": optax.adam}[base](0.05)
        yield case(f"sam_{base}", f"sam+{base}", sam(outer), "optax",
                   "contrib.sam(base, chain(contrib.normalize(), sgd(.05)), sync_period=2)",
                   lr=0.05, rho=0.05)  # fmt: skip
        x = by_torch(lambda p, inner=inner: P.Lookahead(inner(p, lr=0.05), k=5, alpha=0.5, pullback_momentum="none"))
        yield case(f"lookahead_{base}", f"lookahead+{base}", x, "pytorch_optimizer",
                   f"Lookahead({inner.__name__}, k=5, alpha=.5)", lr=0.05, k=5, alpha=0.5)  # fmt: skip
    x = by_optax(optax.lamb(0.05, eps=1e-6, weight_decay=0.01))
    yield case("matrix_lamb", "lamb", x, "optax", "lamb(lr, eps=1e-6, weight_decay=.01)", lr=0.05, eps=1e-6,
               weight_decay=0.01)  # fmt: skip
    x = by_optax(optax.lars(1.0, trust_coefficient=0.01, momentum=0.9, weight_decay=0.1))
    yield case("matrix_lars", "lars", x, "optax", "lars(1, trust_coefficient=.01, momentum=.9, weight_decay=.1)",
               lr=1.0, momentum=0.9, trust_coefficient=0.01, weight_decay=0.1)  # fmt: skip
    x = by_optax(optax.novograd(0.05, b1=0.95, b2=0.98, eps=1e-8, weight_decay=0.1))
    yield case("matrix_novograd", "novograd", x, "optax", "novograd(lr, b1=.95, b2=.98, eps=1e-8, weight_decay=.1)",
               lr=0.05, beta1=0.95, beta2=0.98, eps=1e-8, weight_decay=0.1)  # fmt: skip
    x = by_optax(optax.contrib.prodigy(1.0))
    yield case("matrix_prodigy", "prodigy", x, "optax", "contrib.prodigy(1.0)", lr=1.0)
    x = by_optax(optax.contrib.prodigy(1.0, estim_lr0=1e-2, weight_decay=0.1))
    yield case("prodigy_d0_1e-2", "prodigy", x, "optax", "contrib.prodigy(1, estim_lr0=.01, weight_decay=.1)", lr=1.0,
               d0=1e-2, weight_decay=0.1)  # fmt: skip
    x = by_torch(lambda p: T.LBFGS(p, lr=0.1, max_iter=1, history_size=3, tolerance_grad=0, tolerance_change=0))
    yield case("matrix_lbfgs", "lbfgs", x, "torch", "LBFGS(lr, max_iter=1, history_size=3)", 1e-8, lr=0.1, memory=3)
    x = by_torch(lambda p: schedulefree.AdamWScheduleFree(p, lr=0.1, weight_decay=0.1), evaluated=True)
    yield case("matrix_schedule_free_adamw", "schedule_free_adamw", x, "schedulefree",
               "AdamWScheduleFree(lr, weight_decay=.1), evaluation point x", lr=0.1, weight_decay=0.1)  # fmt: skip


if __name__ == "__main__":
    about = (__doc__ or "").replace("\n", " ").strip()
    problem = {"name": "matrix", "x0": X0.tolist(), "shapes": [[4, 3], [3]], "A": A.tolist(), "Y": Y.tolist()}
    traces = {"about": about, "problem": problem, "cases": list(cases())}
    path = Path(__file__).parents[2] / "optibench/verify/traces/matrix.json"
    path.write_text(json.dumps(traces) + "\n")
