"""Every way to extend optibench, on one page. Each hook takes nothing, returns a list, and is called once, at start."""

from __future__ import annotations

import pluggy

from optibench.plugin.figure import Figure
from optibench.plugin.functions import Activation, Executor, Function, Loss, Metric, Schedule
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import ProblemFactory
from optibench.plugin.suite import Suite
from optibench.plugin.wrapper import Wrapper

hookspec = pluggy.HookspecMarker("optibench")
hookimpl = pluggy.HookimplMarker("optibench")


@hookspec
def optibench_optimizers() -> list[Optimizer]:
    """Update rules, made by ``@optimizer``."""


@hookspec
def optibench_wrappers() -> list[Wrapper]:
    """Rules around another optimizer, made by ``@wrapper``: named ``sam+adam``."""


@hookspec
def optibench_activations() -> list[Activation]:
    """Activation functions, made by ``@activation``: z -> (a, slope)."""


@hookspec
def optibench_losses() -> list[Loss]:
    """Losses, made by ``@loss``: (output, target) -> (loss, slope)."""


@hookspec
def optibench_schedules() -> list[Schedule]:
    """Learning-rate schedules, made by ``@schedule``: (t, total) -> factor."""


@hookspec
def optibench_problems() -> list[ProblemFactory]:
    """What is minimised, made by ``@problem``: a function that returns a Problem."""


@hookspec
def optibench_metrics() -> list[Metric]:
    """Columns of the results, made by ``@metric``: (problem, w, split) -> (R,)."""


@hookspec
def optibench_suites() -> list[Suite]:
    """Named experiments."""


@hookspec
def optibench_figures() -> list[Figure]:
    """Pictures of a report: data, encoding and caption."""


@hookspec
def optibench_executors() -> list[Executor]:
    """Where cohorts are trained, made by ``@executor``."""


Piece = Optimizer | Wrapper | Function | ProblemFactory | Suite | Figure
#: kind -> what its hook's list may hold. A kind's plural names its hook: optibench_<plural>.
KINDS: dict[str, tuple[str, type[Piece]]] = {
    "optimizer": ("optimizers", Optimizer),
    "wrapper": ("wrappers", Wrapper),
    "activation": ("activations", Activation),
    "loss": ("losses", Loss),
    "schedule": ("schedules", Schedule),
    "problem": ("problems", ProblemFactory),
    "metric": ("metrics", Metric),
    "suite": ("suites", Suite),
    "figure": ("figures", Figure),
    "executor": ("executors", Executor),
}


def kind_of(piece: object) -> str:
    """The kind of what a plugin registers: ``activation`` of a relu."""
    return next(kind for kind, (_, allowed) in KINDS.items() if isinstance(piece, allowed))
