"""The settings of an experiment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from optibench.plugin.choice import Choice

DEFAULT_LR = "1e-5:10:9"


DEFAULT_BATCH = 32


BUDGETS = ("epochs", "steps", "gradient_evaluations")


#: What may be compared: optimizers, or a factor of which several levels are given. Its name in an experiment, and the
#: parameter of a problem that it is, if it is one.
FACTORS = {"optimizer": "", "activation": "activation", "initialisation": "initial", "batch": "", "schedule": ""}


#: Seeds below this number are for reporting, those from it on for tuning.
TUNING = 1_000_000


#: Seeds that a trial is tuned on, unless there are fewer to report on.
TUNING_SEEDS = 5


@dataclass(frozen=True)
class Experiment:
    """What to run. At most one of epochs, steps and gradient_evaluations; with none, each problem's own epochs."""

    name: str
    problems: tuple[Choice, ...]
    optimizers: tuple[Choice, ...]
    lr: tuple[float, ...]  # the grid that is tuned on; empty where nothing is tuned and no rate was given
    tune: str = "grid"  # or random:K, or none
    seeds: int = 10
    tuning_seeds: int = TUNING_SEEDS
    reference: str | None = None  # the optimizer whose tuned loss is the target where no minimum is known
    compare: str = "optimizer"
    epochs: int | None = None
    steps: int | None = None
    gradient_evaluations: int | None = None
    batch: tuple[int | str, ...] = (DEFAULT_BATCH,)
    sampler: str = "reshuffle"
    dtype: str = "float32"
    schedule: tuple[Choice, ...] = (("constant", {}),)
    l2: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    centralise: bool = False

    def facts(self) -> dict[str, Any]:
        """The fields of an experiment file, those without a value left out."""
        facts = {**asdict(self), "lr": list(self.lr) or None}
        for kind in ("problems", "optimizers"):
            facts[kind] = [_plain(choice) for choice in getattr(self, kind)]
        facts["schedule"] = _single([_plain(choice) for choice in self.schedule])
        facts["batch"] = _single(list(self.batch))
        return {key: value for key, value in facts.items() if value is not None}

    @property
    def draws(self) -> int | None:
        """K of ``random:K``."""
        return int(self.tune.partition(":")[2]) if self.tune.startswith("random") else None

    @property
    def tunes(self) -> bool:
        """Whether there is anything to choose."""
        return self.tune != "none" and (len(self.lr) > 1 or self.draws is not None)


def _plain(choice: Choice) -> Any:
    """A choice as an experiment file writes it."""
    name, extra = choice
    return {"name": name, **extra} if extra else name


def _single(items: list[Any]) -> Any:
    """One thing by itself, several as a list."""
    return items[0] if len(items) == 1 else items
