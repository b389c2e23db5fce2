"""optibench compares optimizers honestly: the Python API, on one screen.

>>> import optibench as ob
>>> results = ob.run(problems=["quadratic"], optimizers=["gd", "adam"], lr="1e-3:1:4", seeds=3, steps=200)
>>> results.leaderboard()["optimizer"].tolist()
['gd', 'adam']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from optibench.engine.gradients import ROWS as TRANSFORMS
from optibench.errors import InputError, PluginError, StoreError
from optibench.experiment.choices import LearningRates, OptimizerLike, ProblemLike, ScheduleLike
from optibench.experiment.settings import rows
from optibench.plugin import VERSION
from optibench.plugin.figure import Figure
from optibench.plugin.functions import activation, executor, loss, metric, schedule
from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.optimizer import optimizer
from optibench.plugin.problem import Problem, blocks_of, problem
from optibench.plugin.setting import takes
from optibench.plugin.suite import Suite
from optibench.plugin.types import AnyFunction, Array
from optibench.plugin.wrapper import wrapper

if TYPE_CHECKING:
    import pandas as pd
    from scipy.optimize import OptimizeResult

    from optibench.racing.race import Race
    from optibench.results import Results

__version__ = VERSION
__all__ = [
    "Figure", "InputError", "LearningRates", "OptimizerLike", "PluginError", "Problem", "ProblemLike", "ScheduleLike",
    "StoreError", "Suite", "activation", "blocks_of", "executor", "from_frame", "hookimpl", "load", "loss", "metric",
    "minimize", "optimizer", "problem", "race", "replicate", "run", "schedule", "wrapper",
]  # fmt: skip


@takes(rows())
def run(
    problems: ProblemLike | Sequence[ProblemLike],
    optimizers: OptimizerLike | Sequence[OptimizerLike],
    *,
    workers: int | None = 1,
    timeout: float | None = None,
    executor: str | None = None,
    out: str | Path | None = None,
    plugins: str | Path | Sequence[str | Path] = (),
    modules: str | Sequence[str] = (),
    **settings: object,
) -> Results:
    """Tune every optimizer on every problem, then run it on fresh seeds, at its default and as tuned.

    ``problems`` and ``optimizers``, one or a list: names, ``"adam:beta1=0.8"``, tables with a name and settings, or
    the pieces themselves, registered or not. Results stay in ``out``, where the same call finds them again; without it
    they live in memory. With one worker, the default, all happens in this process, and a plugin that ends its process
    ends yours; with more, call from under ``if __name__ == "__main__"``. ``plugins`` are folders of plugin files,
    ``modules`` are plugin modules. Raises InputError, one line, on what makes no sense.
    """
    from optibench.api import run_experiment  # brings pandas

    return run_experiment(
        problems, optimizers, settings, workers=workers, timeout=timeout, executor=executor, out=out, plugins=plugins,
        modules=modules,
    )  # fmt: skip


def replicate(
    folder: str | Path,
    *,
    workers: int | None = 1,
    timeout: float | None = None,
    out: str | Path | None = None,
    plugins: str | Path | Sequence[str | Path] = (),
    modules: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Run the experiment in ``folder`` again on seeds that are not used there: one row a claim, and what became of it.

    A claim is a significant pair of methods: problem, better, worse; ``again`` is who is significantly better now, and
    ``outcome`` is confirmed, not confirmed or contradicted. Results go to ``out``, or to ``<folder>-replication``.
    """
    from optibench.api import replicate  # brings pandas

    return replicate(folder, workers=workers, timeout=timeout, out=out, plugins=plugins, modules=modules)


def load(path: str | Path) -> Results:
    """The results of a folder that ``run`` or the command line has filled, or of a CSV file as ``from_frame`` reads."""
    from optibench.results import load  # brings pandas

    return load(path)


def from_frame(frame: pd.DataFrame, name: str = "table") -> Results:
    """Results from elsewhere, with every analysis and a report; the caveats say what the table does not tell.

    Columns: problem, optimizer, seed, loss, and if known status, test_loss, test_accuracy, lr, costs and more. One row
    a run, or with a column ``step`` one row a recorded point. Numbers of an unknown name are metrics.
    """
    from optibench.results import from_frame  # brings pandas

    return from_frame(frame, name)


@takes(TRANSFORMS, only=False)
def minimize(
    fun: AnyFunction,
    x0: ArrayLike,
    *,
    jac: AnyFunction | bool | None = None,
    method: OptimizerLike = "adam",
    maxiter: int = 1000,
    callback: Callable[[Array], object] | None = None,
    schedule: ScheduleLike = "constant",
    f_min: float | None = None,
    **hyperparameters: object,
) -> OptimizeResult:
    """Minimise ``fun`` from ``x0`` (n,) by a registered optimizer, with SciPy's meaning of ``fun`` and ``jac``.

    ``jac`` is a function, True (fun returns both) or None (differences by SciPy, counted in ``nfev``). ``callback(x)``
    may stop by StopIteration. ``f_min`` is the known minimum, for rules that ask for it; ``schedule`` and the gradient
    transforms are those of ``run``. The result has ``nit``, ``nfev``, ``njev`` and ``trace``, (nit + 1, n).
    """
    from optibench.minimizer import minimize  # brings scipy.optimize

    return minimize(
        fun, x0, jac=jac, method=method, maxiter=maxiter, callback=callback, schedule=schedule, f_min=f_min,
        hyperparameters=hyperparameters,
    )  # fmt: skip


def race(
    problem: ProblemLike,
    optimizers: OptimizerLike | Sequence[OptimizerLike],
    *,
    lr: float | Mapping[str, float] | None = None,
    steps: int | None = None,
    seed: int = 0,
    start: Sequence[float] | None = None,
    tune: bool = True,
    plugins: str | Path | Sequence[str | Path] = (),
    modules: str | Sequence[str] = (),
) -> Race:
    """Let optimizers race on a problem of two parameters, from one start, in float64; every step is kept.

    Each has the learning rate that ``lr`` gives (one for all, or by name), else the one with the lowest final loss of
    25, else (``tune=False``) its declared default. The result has ``paths``, a frame of optimizer, step, x, y and loss,
    and ``lr``, ``notes``, ``failed``, ``.gif(path)`` and ``.mp4(path)``; a notebook shows its last frame. A rule that
    raises is left out, and ``failed`` says why. ``steps`` is the problem's own budget by default.
    """
    from optibench.api import race

    return race(
        problem, optimizers, lr=lr, steps=steps, seed=seed, start=start, tune=tune, plugins=plugins, modules=modules
    )
