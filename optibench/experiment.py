"""What to run: an experiment, checked and resolved, from a file, flags or keywords."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from math import isfinite
from typing import Any

import numpy as np

from optibench.pieces import InputError, Optimizer, Schedule, label, nearest
from optibench.registry import Registry
from optibench.samplers import SAMPLERS
from optibench.transforms import transforms

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

Choice = tuple[str, Mapping[str, Any]]


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


def experiment(facts: Mapping[str, Any], registry: Registry) -> Experiment:
    """Check the fields of an experiment file, flags or keywords, and resolve them."""
    known = {**Experiment.__dataclass_fields__, "activation": None, "initialisation": None}
    for key in facts:
        if key not in known:
            raise InputError(f"no experiment setting named '{key}'; {nearest(key, known)}")
    given = {key: value for key, value in facts.items() if value is not None}
    budgets = [key for key in BUDGETS if key in given]
    if len(budgets) > 1:
        raise InputError(f"{' and '.join(budgets)} given together; keep one budget")
    for key in (*budgets, "seeds", "tuning_seeds"):
        if key in given:
            _whole(key, given[key])
    given["batch"] = tuple(_listed(given.get("batch", DEFAULT_BATCH)))
    for key in ("batch", "schedule"):
        if key in given and not _listed(given[key]):
            raise InputError(f"{key}: none given; give one, or several to compare")
    for batch in given["batch"]:
        if batch != "full":
            _whole("batch", batch)
    _known("sampler", given.get("sampler", "reshuffle"), SAMPLERS)
    _known("dtype", given.get("dtype", "float32"), ("float32", "float64"))
    transforms(given)
    for kind in ("problems", "optimizers"):
        given[kind] = _chosen(kind[:-1], given.get(kind), registry)
        if not given[kind]:
            raise InputError(f"no {kind} selected; name at least one (optibench list {kind[:-1]})")
    given["schedule"] = _chosen("schedule", given.get("schedule", "constant"), registry)
    levels = {factor: _listed(given.pop(factor, None)) for factor, parameter in FACTORS.items() if parameter}
    for factor, names in levels.items():
        given["problems"] = _swept(given["problems"], factor, names, registry)
    given["tune"] = _tune(given.get("tune", "grid"))
    seeds = given.setdefault("seeds", 10)
    if seeds >= TUNING:
        raise InputError(f"seeds = {seeds}: at most {TUNING - 1}; from {TUNING} on they are for tuning")
    given.setdefault("tuning_seeds", min(seeds, TUNING_SEEDS))
    name = str(given.get("name", "custom"))
    if not re.fullmatch(r"[\w.+ -]*\w", name):
        raise InputError(f"name '{name}': results go to a folder of this name; use letters, digits, - and _")
    grid = given.get("lr", () if given["tune"] == "none" else DEFAULT_LR)
    what = Experiment(**{**given, "name": name, "lr": rates(grid) if grid != () else ()})
    _check_comparison(what, registry)
    return what


def _chosen(kind: str, items: Any, registry: Registry) -> tuple[Choice, ...]:
    return tuple(choice for item in _listed(items) for choice in choices(kind, item, registry))


def _tune(how: Any) -> str:
    """ "grid", "random:K" or "none"."""
    text = str(how)
    count = text.removeprefix("random:")
    if text in ("grid", "none") or (text != count and count.isdecimal() and int(count) > 0):
        return text
    raise InputError(f"tune '{how}': must be grid, none or random:K with K trials, such as random:20")


def _check_comparison(what: Experiment, registry: Registry) -> None:
    """A factor that is compared has several levels everywhere; one that is not has one."""
    _known("factor to compare", what.compare, FACTORS)
    levels = {"batch": len(what.batch), "schedule": len(what.schedule), "optimizer": 2}
    for factor in ("batch", "schedule"):
        if levels[factor] > 1 and what.compare != factor:
            raise InputError(f"{factor}: {levels[factor]} are given; compare them by --compare {factor}, or keep one")
    parameter = FACTORS[what.compare]
    if parameter:
        for name, extra in what.problems:
            if parameter not in extra:
                raise InputError(
                    f"compare {what.compare}: problem '{name}' has none that was chosen; leave it out, or give levels "
                    f"by --{what.compare} a,b"
                )
        levels[what.compare] = len({extra[parameter] for _, extra in what.problems})
    if levels[what.compare] < 2:
        raise InputError(f"compare {what.compare}: one level only; give at least two by --{what.compare} a,b")
    if what.compare == "batch":
        for name, _ in what.optimizers:
            own = registry.get("optimizer", name).batch
            if own is not None:
                raise InputError(f"compare batch: optimizer '{name}' declares its own, {own}; choose another")
    if what.reference is not None:
        _known("reference among the optimizers", what.reference, [label(*choice) for choice in what.optimizers])


def _swept(problems: tuple[Choice, ...], factor: str, names: Sequence[Any], registry: Registry) -> tuple[Choice, ...]:
    """Every problem that takes this factor as a parameter, and sets none, with each of its levels."""
    if not names:
        return problems
    parameter = FACTORS[factor]
    if factor in registry.kinds:
        for name in names:
            _known(factor, name, registry[factor])
    taking = [
        parameter in registry.get("problem", name).parameters and parameter not in extra for name, extra in problems
    ]
    if not any(taking):
        raise InputError(f"{factor}: none of the problems takes one; choose a network (optibench list problem)")
    return tuple(
        (name, {**extra, parameter: one} if takes else extra)
        for (name, extra), takes in zip(problems, taking, strict=True)
        for one in (names if takes else [None])
    )


def scheduled(schedule: Any, registry: Registry) -> Callable[[int, int], float]:
    """(t, total) -> factor, from a name, a name with settings, or a schedule itself."""
    if isinstance(schedule, Schedule):
        return schedule
    ((name, extra),) = choices("schedule", schedule, registry)
    return partial(registry.get("schedule", name), **extra)


def _plain(choice: Choice) -> Any:
    """A choice as an experiment file writes it."""
    name, extra = choice
    return {"name": name, **extra} if extra else name


def _single(items: list[Any]) -> Any:
    """One thing by itself, several as a list."""
    return items[0] if len(items) == 1 else items


def rates(lr: Any) -> tuple[float, ...]:
    """Learning rates from "LO:HI:COUNT" (a log grid, ends included), "a,b,c", a number or a list; sorted, unique."""
    try:
        if isinstance(lr, str) and ":" in lr:
            low, high, count = lr.split(":")
            first, last = float(low), float(high)
            if int(count) < 1 or first > last or (int(count) == 1 and first != last):
                raise InputError(f"lr '{lr}': LO must not exceed HI, COUNT must be at least 2; for example 1e-4:1:9")
            usable = first > 0 and isfinite(last)
            values = (
                [float(f"{rate:.6g}") for rate in np.geomspace(first, last, int(count))] if usable else [first, last]
            )
        elif isinstance(lr, str):
            values = [float(part) for part in lr.split(",")]
        else:
            if isinstance(lr, bool):
                raise TypeError
            values = [float(part) for part in (lr if isinstance(lr, Iterable) else [lr])]
    except InputError:
        raise
    except (TypeError, ValueError):
        raise InputError(f"lr {lr!r}: not a grid; write LO:HI:COUNT such as 1e-4:1:9, or a,b,c") from None
    for rate in values:
        if not (rate > 0 and isfinite(rate)):
            raise InputError(f"lr {rate:g}: a learning rate must be positive and finite; for example 1e-4:1:9")
    if not values:
        raise InputError("lr: no learning rate given; for example 1e-4:1:9")
    return tuple(sorted(set(values)))


def _whole(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{key} = {value!r}: must be a whole number, at least 1")


def _known(key: str, value: Any, names: Iterable[str]) -> None:
    if not isinstance(value, str) or value not in names:
        raise InputError(f"no {key} named '{value}'; {nearest(str(value), names)}")


def _listed(items: Any) -> Sequence[Any]:
    if items is None:
        return []
    return items if isinstance(items, list | tuple) and not _is_choice(items) else [items]


def _is_choice(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], Mapping)


def choices(kind: str, item: Any, registry: Registry) -> list[Choice]:
    """``"adam:beta1=0.8"`` or ``{"name": "adam", "beta1": [0.8, 0.9]}`` -> one choice a combination."""
    if isinstance(item, str):
        name, _, settings = item.partition(":")
        extra: dict[str, Any] = dict(_setting(kind, item, part) for part in settings.split(",") if settings)
    elif isinstance(item, Mapping):
        if "name" not in item:
            raise InputError(f'{kind} {dict(item)}: no name; write name = "..."')
        name, extra = str(item["name"]), {key: value for key, value in item.items() if key != "name"}
    elif _is_choice(item):
        name, extra = item[0], dict(item[1])
    else:
        raise InputError(f"{kind} {item!r}: must be a name or a table with a name")
    piece = registry.get(kind, name)
    declared = {**piece.hyperparameters, **piece.options} if isinstance(piece, Optimizer) else dict(piece.parameters)
    if isinstance(piece, Optimizer) and piece.batch is not None:
        declared["batch"] = piece.batch  # gd is full batch, and gd:batch=128 is not
    for key, value in extra.items():
        if key not in declared or key == "lr":
            mend = "give rates by lr" if key == "lr" else nearest(key, set(declared) - {"lr"})
            raise InputError(f"{kind} '{name}' takes no setting '{key}'; {mend}")
        for one in value if isinstance(value, list) else [value]:
            if key == "batch" and declared[key] is getattr(piece, "batch", None):
                if one != "full":
                    _whole(f"{kind} '{name}': batch", one)
                continue
            _check_type(f"{kind} '{name}'", key, one, declared[key])
            if isinstance(piece, Optimizer) and key in piece.hyperparameters:
                piece.check(key, one)
    swept = [value if isinstance(value, list) else [value] for value in extra.values()]
    return [(name, dict(zip(extra, values, strict=True))) for values in product(*swept)]


def _setting(kind: str, item: str, part: str) -> tuple[str, Any]:
    key, equals, text = part.partition("=")
    if not equals or not text:
        raise InputError(f"{kind} '{item}': '{part}' is no setting; write NAME:KEY=VALUE,KEY=VALUE")
    if text in ("true", "True", "false", "False"):
        return key, text.lower() == "true"
    for parse in (int, float):
        try:
            return key, parse(text)
        except ValueError:
            continue
    return key, text


def _check_type(owner: str, key: str, value: Any, default: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, int | float) and not isinstance(default, bool):
        if not number or not isfinite(value):
            raise InputError(f"{owner}: {key} = {value!r} must be a number; its default is {default}")
    elif isinstance(default, bool) and not isinstance(value, bool):
        raise InputError(f"{owner}: {key} = {value!r} must be true or false; its default is {default}")
