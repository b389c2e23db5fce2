"""optibench compares optimizers honestly: the Python API, on one screen.

>>> import optibench as ob
>>> results = ob.run(problems=["quadratic"], optimizers=["gd", "adam"], lr="1e-3:1:4", seeds=3, steps=200)
>>> results.leaderboard()["optimizer"].tolist()
['gd', 'adam']
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from optibench.errors import InputError, PluginError, StoreError
from optibench.plugin import VERSION
from optibench.plugin.figure import Figure
from optibench.plugin.functions import activation, executor, loss, metric, schedule
from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.optimizer import optimizer
from optibench.plugin.problem import Problem, blocks_of, problem
from optibench.plugin.suite import Suite
from optibench.plugin.wrapper import wrapper

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

    from optibench.results import Results

__version__ = VERSION
__all__ = [
    "Figure", "InputError", "PluginError", "Problem", "StoreError", "Suite", "activation", "blocks_of", "executor",
    "hookimpl", "load", "loss", "metric", "minimize", "optimizer", "problem", "run", "schedule", "wrapper",
]  # fmt: skip


def run(
    problems: Any,
    optimizers: Any,
    *,
    lr: Any = None,
    tune: str | None = None,
    compare: str | None = None,
    activation: Any = None,
    initialisation: Any = None,
    seeds: int = 10,
    tuning_seeds: int | None = None,
    reference: str | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    gradient_evaluations: int | None = None,
    batch: Any = None,
    sampler: str | None = None,
    schedule: Any = None,
    l2: float | None = None,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    centralise: bool | None = None,
    dtype: str | None = None,
    workers: int | None = 1,
    timeout: float | None = None,
    executor: str | None = None,
    out: str | Path | None = None,
    plugins: Any = (),
    modules: Any = (),
) -> Results:
    """Tune every optimizer on every problem, then run it on fresh seeds, at its default and as tuned.

    ``problems`` and ``optimizers`` are names, ``"adam:beta1=0.8"``, tables with a name and settings, or the pieces
    themselves, registered or not; ``lr`` is "LO:HI:COUNT", "a,b,c", a number or a list: the grid that is tuned on, or
    with ``tune="none"`` the rates that are run. ``compare`` names another factor, whose levels are a list. Results
    stay in ``out``, where the same call finds them again; without it they live in memory. With one worker, the default,
    all happens in this process, and a plugin that ends its process ends yours; with more, call from under
    ``if __name__ == "__main__"``. Raises InputError, one line, on what makes no sense.
    """
    from optibench.api import run_experiment  # brings pandas

    facts = {
        "problems": problems, "optimizers": optimizers, "lr": lr, "tune": tune, "compare": compare,
        "activation": activation, "initialisation": initialisation, "seeds": seeds, "tuning_seeds": tuning_seeds,
        "reference": reference, "epochs": epochs, "steps": steps,
        "gradient_evaluations": gradient_evaluations, "batch": batch, "sampler": sampler, "schedule": schedule,
        "dtype": dtype, "l2": l2, "clip_value": clip_value, "clip_norm": clip_norm, "centralise": centralise,
    }  # fmt: skip
    return run_experiment(facts, out, plugins, modules, workers=workers, timeout=timeout, executor=executor)


def load(folder: str | Path) -> Results:
    """The results of a folder that ``run`` or the command line has filled."""
    from optibench.results import load  # brings pandas

    return load(folder)


def minimize(
    fun: Any,
    x0: Any,
    *,
    jac: Any = None,
    method: Any = "adam",
    maxiter: int = 1000,
    callback: Any = None,
    schedule: Any = "constant",
    f_min: float | None = None,
    l2: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    centralise: bool = False,
    **hyperparameters: Any,
) -> OptimizeResult:
    """Minimise ``fun`` from ``x0`` (n,) by a registered optimizer, with SciPy's meaning of ``fun`` and ``jac``.

    ``jac`` is a function, True (fun returns both) or None (differences by SciPy, counted in ``nfev``). ``callback(x)``
    may stop by StopIteration. ``f_min`` is the known minimum, for rules that ask for it; ``schedule`` and the gradient
    transforms are those of ``run``. The result has ``nit``, ``nfev``, ``njev`` and ``trace``, (nit + 1, n).
    """
    from optibench.minimizer import minimize  # brings scipy.optimize

    changes = {"l2": l2, "clip_value": clip_value, "clip_norm": clip_norm, "centralise": centralise}
    return minimize(
        fun, x0, jac=jac, method=method, maxiter=maxiter, callback=callback, schedule=schedule, f_min=f_min,
        changes=changes, hyperparameters=hyperparameters,
    )  # fmt: skip
