"""What a race leaves: the path of every optimizer, step by step, and where it runs on the map.

Shapes: a path (T + 1, 2), from the start to step T; a domain ((low, high), (low, high)) of x and y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optibench.plugin.problem import Problem
from optibench.plugin.types import Array

Domain = tuple[tuple[float, float], ...]
#: Of the optimizers, in their order; at least 3:1 on white, and distinct for colour-blind readers.
COLOURS = ("#0095ff", "#ff5595", "#aa8000", "#6a15d4", "#405500", "#80406a", "#00006a", "#2a1500")
#: Frames of an animation, at most: fewer where several of them would show the same step.
FRAMES = 100


@dataclass(frozen=True)
class Racer:
    """One optimizer's run: ``points`` (T + 1, 2), ``loss`` (T + 1,); T < steps where it diverged after step T."""

    name: str
    lr: float  # nan where it has none
    chosen: str  # how lr was: "tuned", "given" or "default"; empty where it has none
    points: Array
    loss: Array
    evaluations: int  # of gradient, loss or Hessian product
    diverged: bool = False

    @property
    def last(self) -> int:
        """T, its last step."""
        return len(self.loss) - 1

    def at(self, step: int) -> int:
        """The step where it is when the race is at ``step``."""
        return min(step, self.last)

    def lost(self, step: int) -> bool:
        """Whether it has diverged when the race is at ``step``."""
        return self.diverged and step >= self.last


@dataclass(frozen=True)
class Paths:
    """Who raced on which problem, and who could not: ``failed`` says why."""

    problem: Problem
    steps: int
    racers: tuple[Racer, ...]
    failed: Mapping[str, str]

    @cached_property
    def domain(self) -> Domain:
        """What the map shows: the problem's own domain with the start; without one, all paths that did not diverge."""
        kept = [self.racers[0].points[:1]]
        if not self.problem.domain:
            kept += [racer.points for racer in self.racers if not racer.diverged]
            kept += [np.array([self.problem.minimizer])] if self.problem.minimizer else []
        points = np.concatenate(kept)
        low, high = points.min(axis=0), points.max(axis=0)
        if self.problem.domain:
            sides = np.array(self.problem.domain)
            margin = 0.05 * (sides[:, 1] - sides[:, 0])
            low = np.where(low < sides[:, 0], low - margin, sides[:, 0])
            high = np.where(high > sides[:, 1], high + margin, sides[:, 1])
        else:
            margin = 0.15 * np.where(high > low, high - low, 1.0)
            low, high = low - margin, high + margin
        return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))

    @cached_property
    def frames(self) -> list[int]:
        """The steps that an animation shows: the start, then evenly in the logarithm, each once."""
        return [0, *np.unique(np.geomspace(1, self.steps, FRAMES).round().astype(int)).tolist()]

    def ranked(self, step: int) -> list[int]:
        """The racers by their loss at ``step``, diverged ones last."""

        def key(index: int) -> tuple[bool, float]:
            racer = self.racers[index]
            loss = float(racer.loss[racer.at(step)])
            return racer.lost(step), loss if np.isfinite(loss) else np.inf

        return sorted(range(len(self.racers)), key=key)


def inside(points: Array, domain: Domain) -> tuple[Array, Array]:
    """The part of a path (T + 1, 2) inside a domain: the ends of its segments (S, 2, 2), and their steps (S,) from 1.

    Liang and Barsky 1984, doi:10.1145/357332.357333: a segment a + t d is inside for t from ``enter`` to ``leave``.
    """
    low, high = np.array(domain).T
    with np.errstate(all="ignore"):
        a, d = points[:-1], np.diff(points, axis=0)
        first, second = (low - a) / d, (high - a) / d
        enter = np.fmax(np.fmin(first, second).max(axis=1), 0)
        leave = np.fmin(np.fmax(first, second).min(axis=1), 1)
        kept = (enter <= leave) & np.isfinite(a).all(axis=1) & np.isfinite(d).all(axis=1)
        ends = np.stack([a + enter[:, None] * d, a + leave[:, None] * d], axis=1)[kept]
    return ends, np.flatnonzero(kept) + 1


def cross(points: Array, domain: Domain) -> Array:
    """Where a diverging path leaves the domain for good, (2,), or is last where it does not leave it."""
    ends, _ = inside(points, domain)
    last: Array = ends[-1, 1] if len(ends) else points[0]
    return last
