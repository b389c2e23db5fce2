"""Write third-party optimizers' paths in float64, as JSON in the format of optibench/verify/parity.py. Run by hand.

Needs torch 2.13.0, optax 0.2.8, pytorch_optimizer 4.1.0, schedulefree 1.4.1. f(W, b) = |A W + b - Y|^2 / 2, laid out
[W, b] row by row: W is (4, 3) in optibench/verify/traces/matrix.json; (3, 4) in wide.json; (4, 3) with an A of rank 2
in deficient.json; and in soap_bases.json beside this file of shapes whose first gradient has null spaces.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
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
STEPS = 30
SIGNS = (-1.0) ** np.arange(15)


@dataclass(frozen=True, eq=False)
class Problem:
    name: str
    a: np.ndarray
    y: np.ndarray
    x0: np.ndarray

    def parts(self, x):
        inner = self.a.shape[1] * self.y.shape[1]
        return x[:inner].reshape(self.a.shape[1], -1), x[inner:]

    def residual(self, x):
        w, b = self.parts(x)
        return self.a @ w + b - self.y

    def value(self, x):
        return 0.5 * (self.residual(x) ** 2).sum()

    def gradient(self, x):
        r = self.residual(x)
        return np.concatenate([(self.a.T @ r).ravel(), r.sum(axis=0)])

    def facts(self):
        shapes = [list(part.shape) for part in self.parts(self.x0)]
        arrays = {name: array.tolist() for name, array in (("x0", self.x0), ("A", self.a), ("Y", self.y))}
        return {"name": self.name, "shapes": shapes, **arrays}


def problem(name, rows, columns, rank):
    """W (rows, columns) and A (6, rows) of that rank, at random."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((6, rows))
    a = a if rank == rows else a[:, :rank] @ rng.standard_normal((rank, rows))
    y = rng.standard_normal((6, columns))
    return Problem(name, a, y, 0.5 * np.random.default_rng(1).standard_normal((rows + 1) * columns))


MATRIX = problem("matrix", 4, 3, 4)
WIDE = problem("wide", 3, 4, 3)
DEFICIENT = problem("deficient", 4, 3, 2)
NULL_SPACES = [
    problem("2 x 5", 2, 5, 2), problem("5 x 2", 5, 2, 5), problem("a row", 1, 4, 1), problem("a column", 4, 1, 4),
    problem("rank 1", 3, 3, 1), problem("rank 2 of 3 x 5", 3, 5, 2),
]  # fmt: skip


def hessian_diagonal():
    """u * (H u) for alternating signs u."""
    h = np.array([MATRIX.gradient(row) - MATRIX.gradient(np.zeros(15)) for row in np.eye(15)])
    return SIGNS * (h @ SIGNS)


def by_torch(make, prepare=None, evaluated=False, on=MATRIX):
    tensors = [torch.nn.Parameter(torch.tensor(part.copy())) for part in on.parts(on.x0)]
    optimizer = make(tensors)
    points = [on.x0]

    def flat():
        return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])

    def closure():
        for tensor, g in zip(tensors, on.parts(on.gradient(flat())), strict=True):
            tensor.grad = torch.tensor(g.copy())
        return torch.tensor(on.value(flat()))

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


def by_optax(transform, on=MATRIX, **more):
    params = [jnp.asarray(part) for part in on.parts(on.x0)]
    state, points = transform.init(params), [on.x0]
    for _ in range(STEPS):
        x = np.concatenate([np.asarray(part).ravel() for part in params])
        updates, state = transform.update(
            [jnp.asarray(part) for part in on.parts(on.gradient(x))], state, params, **more
        )
        params = optax.apply_updates(params, updates)
        points.append(np.concatenate([np.asarray(part).ravel() for part in params]))
    return points


def sam(base):
    ascent = optax.chain(optax.contrib.normalize(), optax.sgd(0.05))
    transform = optax.contrib.sam(base, ascent, sync_period=2, opaque_mode=True)

    def again(params, _):
        x = np.concatenate([np.asarray(part).ravel() for part in params])
        return [jnp.asarray(part) for part in MATRIX.parts(MATRIX.gradient(x))]

    return by_optax(transform, grad_fn=again)


def sophia(period):
    """SophiaH fed with one fixed Hutchinson draw, alternating signs."""
    diagonal = [torch.tensor(part.copy()) for part in MATRIX.parts(hessian_diagonal())]
    count = [0]

    def step(optimizer, closure):
        due = count[0] % period == 0
        count[0] += 1
        optimizer.step(hessian=diagonal if due else None)

    def make(p):
        return pytorch_optimizer.SophiaH(p, lr=5.0, betas=(0.96, 0.99), p=0.01, eps=1e-10, update_period=10**9)

    return by_torch(make, step)


def soap(frequency, on=MATRIX, eps=1e-2, bases=None):
    """Where W's statistics are singular, with less eps the rounding in their null directions grows.

    ``bases`` is filled with the eigenvectors after the first step, of rows and of columns.
    """

    def step(optimizer, closure):
        optimizer.step()
        if bases is not None and not bases:
            w = optimizer.param_groups[0]["params"][0]
            bases.extend(q.numpy().tolist() for q in optimizer.state[w]["Q"])

    def make(p):
        return pytorch_optimizer.SOAP(
            p, lr=0.05, betas=(0.95, 0.95), eps=eps, weight_decay=0.01, precondition_frequency=frequency,
            shampoo_beta=0.95,
        )  # fmt: skip

    single = torch.float32
    torch.float32 = torch.float64  # it casts to float32 before its QR, for bfloat16's sake
    try:
        return by_torch(make, step, on=on)
    finally:
        torch.float32 = single


def case(name, optimizer, x, library, call, tolerance=1e-10, **hyperparameters):
    x = np.array(x)
    assert np.isfinite(x).all() and (np.abs(np.diff(x, axis=0)).max(axis=1) > 0).sum() > 5, name
    print(f"{name:28} |x - x0| = {np.abs(x[-1] - x[0]).max():.3g}")
    return {
        "case": name, "optimizer": optimizer, "hyperparameters": hyperparameters,
        "reference": f"{library} {version(library).partition('+')[0]}: {call}", "tolerance": tolerance, "x": x.tolist(),
    }  # fmt: skip


def muon(on, suffix=""):
    for nesterov in (True, False):
        transform = optax.contrib.muon(0.05, beta=0.95, eps=1e-8, nesterov=nesterov, weight_decay=0.1,
                                       adam_weight_decay=0.1)  # fmt: skip
        yield case(f"muon_nesterov_{nesterov}{suffix}", "muon", by_optax(transform, on), "optax",
                   f"contrib.muon(lr, nesterov={nesterov}, weight_decay=.1, adam_weight_decay=.1)",
                   lr=0.05, momentum=0.95, nesterov=nesterov, weight_decay=0.1, eps=1e-8)  # fmt: skip


def soaps(on, *frequencies, suffix=""):
    for frequency in frequencies:
        yield case(f"soap_every{frequency}{suffix}", "soap", soap(frequency, on), "pytorch_optimizer",
                   f"SOAP(lr, eps=.01, precondition_frequency={frequency}, weight_decay=.01), its QR in float64",
                   lr=0.05, beta1=0.95, beta2=0.95, eps=1e-2, weight_decay=0.01, frequency=frequency)  # fmt: skip


def from_bases():
    """SOAP's paths with the eigenvectors that it chose in the null spaces of the first gradient."""
    for on in NULL_SPACES:
        for frequency in (3, 10):  # until there is no null space, or QR chooses as well
            bases = []
            x = soap(frequency, on, bases=bases)
            yield {"problem": on.facts(), "frequency": frequency, "rows": bases[0], "columns": bases[1],
                   "x": np.array(x).tolist()}  # fmt: skip


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
    x = by_torch(lambda p: T.AdamW(p, lr=0.5, betas=(0.5, 0.9), weight_decay=0.1, amsgrad=True))
    yield case("adamw_amsgrad", "adamw", x, "torch", "AdamW(lr, betas=(.5, .9), weight_decay=.1, amsgrad=True)",
               lr=0.5, beta1=0.5, beta2=0.9, weight_decay=0.1, amsgrad=True)  # fmt: skip
    yield from muon(MATRIX)
    x = by_torch(lambda p: P.Shampoo(p, lr=0.3, momentum=0.0, preconditioning_compute_steps=1, matrix_eps=1e-6))
    yield case("shampoo", "shampoo", x, "pytorch_optimizer", "Shampoo(lr, preconditioning_compute_steps=1)", lr=0.3,
               matrix_eps=1e-6)  # fmt: skip
    yield from soaps(MATRIX, 1, 3, 10)
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
    here = Path(__file__).parent
    found = {
        MATRIX: cases(),
        WIDE: (*muon(WIDE, "_wide"), *soaps(WIDE, 1, 3, suffix="_wide")),
        DEFICIENT: soaps(DEFICIENT, 1, 3, suffix="_deficient"),
    }
    for on, several in found.items():
        traces = {"about": about, "problem": on.facts(), "cases": list(several)}
        (here.parents[1] / f"optibench/verify/traces/{on.name}.json").write_text(json.dumps(traces) + "\n")
    (here / "soap_bases.json").write_text(json.dumps({"about": about, "paths": list(from_bases())}) + "\n")
