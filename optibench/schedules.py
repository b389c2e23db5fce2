"""Learning-rate schedules: (t, total) -> factor, t from 1 to total."""

from __future__ import annotations

from math import cos, pi

from optibench.hookspecs import hookimpl
from optibench.pieces import Schedule, schedule


@schedule(formula="1")
def constant(t: int, total: int) -> float:
    """The declared rate throughout."""
    return 1.0


@schedule(formula=r"\frac{1}{2} (1 + \cos(\pi (t - 1) / T))", reference="Loshchilov and Hutter 2017, arXiv:1608.03983")
def cosine(t: int, total: int) -> float:
    """Half a cosine from 1 at the first step towards 0 after the last."""
    return 0.5 * (1 + cos(pi * (t - 1) / total))


@hookimpl
def optibench_schedules() -> list[Schedule]:
    return [constant, cosine]
