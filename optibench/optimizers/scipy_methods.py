"""SciPy's minimisers as reference curves: each takes its own steps, on all examples, its evaluations counted."""

from __future__ import annotations

from optibench.plugin.optimizer import Optimizer

#: name -> (SciPy's method, what else it takes, reference, summary)
METHODS = {
    "bfgs": ("BFGS", ("jac",), "Nocedal and Wright 2006, Algorithm 6.1", "BFGS with a line search"),
    "cg": ("CG", ("jac",), "Polak and Ribière 1969; Nocedal and Wright 2006, ch. 5.2", "Nonlinear conjugate gradients"),
    "newton-cg": ("Newton-CG", ("jac", "hessp"), "Nocedal and Wright 2006, Algorithm 7.1", "Truncated Newton"),
    "l-bfgs-b": ("L-BFGS-B", ("jac",), "Byrd et al. 1995, doi:10.1137/0916069", "Limited-memory BFGS with bounds"),
    "nelder-mead": ("Nelder-Mead", (), "Nelder and Mead 1965, doi:10.1093/comjnl/7.4.308", "The simplex, no gradients"),
}


def solver(name: str) -> Optimizer:
    method, takes, reference, words = METHODS[name]

    def solve(run, x, steps):
        from scipy.optimize import minimize  # heavy

        given = {"jac": True, "hessp": run.hessian_product}
        minimize(
            run.value_grad if "jac" in takes else run.value,
            x,
            method=method,
            callback=run.note,
            options={"maxiter": steps},
            **{key: given[key] for key in takes},
        )

    solve.__doc__ = f"{words}, scipy.optimize.minimize(method='{method}'). {reference}."
    return Optimizer(
        name, solve, (), {}, {}, {}, batch="full", reference=reference, formula=r"\text{see reference}",
        evaluations=float("nan"), coordinatewise=False, solver=True,
    )  # fmt: skip


SOLVERS = [solver(name) for name in METHODS]
