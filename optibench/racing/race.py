"""Hold a race: optimizers by name on a problem of two parameters, each at its own learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optibench.engine.streams import stream
from optibench.errors import InputError, PluginError, SettingError, UnknownName, nearest, quoted, reason
from optibench.experiment.choices import choices, listed, one_choice
from optibench.plugin.choice import Choice, label
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry
from optibench.plugin.setting import Number, Whole, shown
from optibench.plugin.types import Array
from optibench.racing.notes import notes
from optibench.racing.paths import Paths, Racer
from optibench.racing.train import RATES, train

if TYPE_CHECKING:
    import pandas as pd

#: Every point of every rate that is tried is kept in memory.
MOST_STEPS = 100_000
RateLike = float | Mapping[str, float] | None


@dataclass(frozen=True)
class Race(Paths):
    """A race that was held: its paths as a frame, its animation, and in a notebook its last frame."""

    @cached_property
    def paths(self) -> pd.DataFrame:
        """One row a step: optimizer, step, x, y, loss."""
        import pandas as pd

        columns = ("optimizer", "step", "x", "y", "loss")
        parts = [
            pd.DataFrame(
                dict(zip(columns, (racer.name, range(racer.last + 1), *racer.points.T, racer.loss), strict=True))
            )
            for racer in self.racers
        ]
        return pd.concat(parts, ignore_index=True)

    @property
    def lr(self) -> dict[str, float]:
        """The learning rate of each optimizer; nan for one that has none."""
        return {racer.name: racer.lr for racer in self.racers}

    @property
    def notes(self) -> list[str]:
        """What a reader must know: how the rates were chosen, who diverged, who spent more."""
        return notes(self)

    def gif(self, path: str | Path) -> Path:
        """Write the race as an animated GIF."""
        from optibench.racing.animation import gif  # brings matplotlib

        return gif(self, Path(path))

    def mp4(self, path: str | Path) -> Path:
        """Write the race as a video; needs the program ffmpeg."""
        from optibench.racing.animation import mp4  # brings matplotlib

        return mp4(self, Path(path))

    def _repr_png_(self) -> bytes:
        from optibench.racing.animation import png  # brings matplotlib

        return png(self)


def hold(
    problem: object,
    optimizers: object,
    registry: Registry,
    *,
    lr: RateLike = None,
    steps: int | None = None,
    seed: int = 0,
    start: Sequence[float] | None = None,
    tune: bool = True,
) -> Race:
    """See ``optibench.race``; ``problem`` and ``optimizers`` as there, of this registry."""
    course = _course(problem, registry)
    named = [choice for item in listed(optimizers) for choice in choices("optimizer", item, registry)]
    entered: dict[str, Choice] = {label(*choice): choice for choice in named}
    if not entered:
        raise SettingError("no optimizer races; give at least one, such as adam")
    given = _given(lr, entered, registry)
    steps = course.epochs if steps is None else Whole(1, MOST_STEPS).check("steps", steps)
    seed = Whole(0).check("seed", seed)
    first = course.start(stream(seed, "start")) if start is None else _start(start)
    racers: list[Racer] = []
    failed: dict[str, str] = {}
    for name, (rule_name, settings) in entered.items():
        rule = registry.get("optimizer", rule_name)
        rates: tuple[float, ...]
        if "lr" not in rule.hyperparameters:
            rates, chosen = (), ""
        elif name in given:
            rates, chosen = (given[name],), "given"
        else:
            rates, chosen = (RATES, "tuned") if tune else ((float(rule.hyperparameters["lr"]),), "default")
        try:
            racers.append(train(course, rule, name, settings, rates, steps, seed, np.array(first, float), chosen))
        except Exception as error:  # third-party code: it costs its own racer
            failed[name] = str(error) if isinstance(error, InputError) else reason(error)
    if not racers:
        said = "; ".join(f"{quoted(name)}: {why}" for name, why in failed.items())
        raise PluginError(f"no optimizer could race on '{course.name}': {said}")
    return Race(course, steps, tuple(racers), failed)


def _course(item: object, registry: Registry) -> Problem:
    choice = one_choice("problem", item, registry)
    built = registry.problem(choice)
    if built.size == 2:
        return built
    if "dimension" in built.piece.parameters if built.piece else False:
        fix = f"write {choice[0]}:dimension=2"
    else:
        fix = nearest(choice[0], _planar(registry))
    raise SettingError(f"problem '{built.name}' has {built.size} parameters; a race needs two; {fix}")


def _planar(registry: Registry) -> list[str]:
    """The problems of two parameters; one that cannot be built is none."""
    names = []
    for name in registry["problem"]:
        try:
            if registry.problem((name, {})).size == 2:
                names.append(name)
        except InputError:
            continue
    return names


def _given(lr: RateLike, entered: Mapping[str, Choice], registry: Registry) -> dict[str, float]:
    """The rates that the caller chose, by label: one for all, or each by its label or its optimizer's name."""
    has = [name for name, choice in entered.items() if "lr" in registry.get("optimizer", choice[0]).hyperparameters]
    if lr is None:
        return {}
    rates = lr if isinstance(lr, Mapping) else dict.fromkeys(has, lr)
    chosen: dict[str, float] = {}
    for key, rate in rates.items():
        names = [name for name, (optimizer, _) in entered.items() if key in (name, optimizer)]
        if not names:
            raise UnknownName("optimizer in this race", key, entered)
        if not {*names} <= {*has}:
            raise SettingError(f"lr {key}={shown(rate)}: '{key}' has no learning rate; leave it out")
        value = Number(0.0, above=True).check(f"lr of '{key}'", rate)
        chosen.update(dict.fromkeys(names, value))
    return chosen


def _start(start: Sequence[float]) -> Array:
    try:
        point = np.array([float(number) for number in start])
    except (TypeError, ValueError):
        point = np.array([])
    if point.shape != (2,) or not np.isfinite(point).all():
        raise SettingError(f"start = {shown(start)}: must be two finite numbers, such as -1.2,1")
    return point
