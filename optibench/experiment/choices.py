"""What a caller may pass as problems, optimizers, learning rates, tuning and batches, and how each is parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from optibench.errors import InputError, SettingError, nearest
from optibench.plugin.choice import BETWEEN, EQUALS, NAME_ENDS, Choice
from optibench.plugin.functions import Schedule
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem, ProblemFactory
from optibench.plugin.setting import Kind, Whole, shown
from optibench.plugin.types import Facts

if TYPE_CHECKING:
    from optibench.plugin.registry import Registry  # plain data is read without it

#: The settings of a written choice: quoted values may hold what stands between settings.
SETTINGS = re.compile(rf'(?:"(?:[^"\\]|\\.)*"|[^{BETWEEN}])+', re.DOTALL)
#: A problem, an optimizer, a schedule: ``"NAME:KEY=VALUE"``, a table with a name and settings, both apart, or itself.
ProblemLike = str | Mapping[str, object] | Choice | Problem | ProblemFactory
OptimizerLike = str | Mapping[str, object] | Choice | Optimizer
ScheduleLike = str | Mapping[str, object] | Choice | Schedule
#: ``"LO:HI:COUNT"``, ``"a,b,c"``, a number or several.
LearningRates = str | float | Iterable[float]


@dataclass(frozen=True)
class Tuning:
    """How hyperparameters are tuned: by "grid", by "random" draws, or "none"."""

    method: str = "grid"
    draws: int | None = None

    def __str__(self) -> str:
        return self.method if self.draws is None else f"{self.method}:{self.draws}"


def tuning(name: str, value: object) -> Tuning:
    """``grid``, ``random:K`` or ``none``."""
    method, _, count = str(value).partition(":")
    if value in ("grid", "none"):
        return Tuning(method)
    if method == "random" and count.isascii() and count.isdecimal() and int(count) > 0:
        return Tuning(method, int(count))
    raise SettingError(
        f"{name} = {shown(value)}: must be grid, none or random:K with at least one trial, such as random:20"
    )


def rates(lr: object) -> tuple[float, ...]:
    """Learning rates from "LO:HI:COUNT" (a log grid, ends included), "a,b,c", a number or a list; sorted, unique."""
    try:
        if isinstance(lr, str) and ":" in lr:
            values = _grid(lr)
        elif isinstance(lr, str):
            values = [float(part) for part in lr.split(",")]
        elif isinstance(lr, Iterable):
            values = [float(part) for part in lr]
        elif isinstance(lr, bool):
            raise TypeError
        else:
            values = [float(lr)]  # type: ignore[arg-type]  # raises on what is not a number
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError):
        raise SettingError(f"lr {shown(lr)}: not a grid; write LO:HI:COUNT such as 1e-4:1:9, or a,b,c") from None
    for rate in values:
        if not (rate > 0 and isfinite(rate)):
            raise SettingError(f"lr {rate:g}: a learning rate must be positive and finite; for example 1e-4:1:9")
    if not values:
        raise SettingError("lr: no learning rate given; for example 1e-4:1:9")
    return tuple(sorted(set(values)))


def _grid(lr: str) -> list[float]:
    low, high, count = lr.split(":")
    first, last = float(low), float(high)
    if int(count) < 1 or first > last or (int(count) == 1 and first != last):
        raise SettingError(f"lr '{lr}': LO must not exceed HI, COUNT must be at least 2; for example 1e-4:1:9")
    if first > 0 and isfinite(last):
        return [float(f"{rate:.6g}") for rate in np.geomspace(first, last, int(count))]
    return [first, last]


def batch_size(name: str, value: object) -> int | str:
    """A whole number of examples, or all of them."""
    if value == "full":
        return "full"
    try:
        return Whole().check(name, value)
    except InputError as error:
        raise SettingError(f"{error}, or full") from None


def choices(kind: str, item: object, registry: Registry) -> list[Choice]:
    """``"adam:beta1=0.8"`` or ``{"name": "adam", "beta1": [0.8, 0.9]}`` -> one choice for each combination."""
    name, settings = _parsed(kind, item, registry)
    piece: Optimizer | ProblemFactory | Schedule = registry.get(kind, name)
    owner = f"{kind} {name!r}"
    declared = _declared(piece)
    for key, value in settings.items():
        if key not in declared or key == "lr":
            fix = "give learning rates by lr" if key == "lr" else nearest(key, declared.keys() - {"lr"})
            raise SettingError(f"{owner} takes no setting {key!r}; {fix}")
        for level in value if isinstance(value, list) else [value]:
            if isinstance(piece, Optimizer) and key == "batch" and piece.batch is not None:
                batch_size(f"{owner}: batch", level)
                continue
            _check_type(owner, key, level, declared[key])
            if isinstance(piece, Optimizer) and key in piece.hyperparameters:
                piece.check(key, level)
    swept = [value if isinstance(value, list) else [value] for value in settings.values()]
    return [(name, dict(zip(settings, levels, strict=True))) for levels in product(*swept)]


def one_choice(kind: str, item: object, registry: Registry) -> Choice:
    """The choice that an item is, where it may not be a sweep."""
    combinations = choices(kind, item, registry)
    if len(combinations) != 1:
        raise SettingError(f"{kind} {shown(item)}: expected one value for each setting, got a sweep")
    return combinations[0]


def _parsed(kind: str, item: object, registry: Registry) -> tuple[str, Facts]:
    """The name that an item gives, and the settings, unchecked."""
    if isinstance(item, str):
        name, _, settings = item.partition(NAME_ENDS)
        registry.get(kind, name)  # an unknown name is reported before a setting that cannot be read
        return name, dict(_setting(kind, item, part) for part in SETTINGS.findall(settings))
    if isinstance(item, Mapping):
        if "name" not in item:
            raise SettingError(f'{kind} {shown(dict(item))}: no name; write name = "..."')
        return str(item["name"]), {key: value for key, value in item.items() if key != "name"}
    if isinstance(item, tuple) and _is_choice(item):
        return item[0], dict(item[1])
    raise SettingError(f"{kind} {shown(item)}: must be a name or a table with a name")


def _setting(kind: str, item: str, part: str) -> tuple[str, int | float | bool | str]:
    key, equals, text = part.partition(EQUALS)
    if not equals or not text:
        raise SettingError(f"{kind} {item!r}: expected KEY=VALUE, got {part!r}; write NAME:KEY=VALUE,KEY=VALUE")
    if text in ("true", "True", "false", "False"):
        return key, text.lower() == "true"
    for parse in (json.loads,) if text.startswith('"') else (int, float):
        try:
            return key, parse(text)
        except ValueError:
            continue
    return key, text


def _declared(piece: Optimizer | ProblemFactory | Schedule) -> Facts:
    """The settings that a piece takes, with their defaults; ``gd`` is full batch, and ``gd:batch=128`` is not."""
    if isinstance(piece, Optimizer):
        own = {} if piece.batch is None else {"batch": piece.batch}
        return {**piece.hyperparameters, **piece.options, **own}
    return dict(piece.parameters)


def _check_type(owner: str, key: str, value: object, default: object) -> None:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise SettingError(f"{owner}: {key} = {shown(value)} must be true or false; its default is {default}")
    elif isinstance(default, int | float) and (
        isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value)
    ):
        raise SettingError(f"{owner}: {key} = {shown(value)} must be a number; its default is {default}")


def scheduled(schedule: ScheduleLike, registry: Registry) -> Callable[[int, int], float]:
    """(t, total) -> factor, from a name, a name with settings, or a schedule itself."""
    if isinstance(schedule, Schedule):
        return schedule
    name, settings = one_choice("schedule", schedule, registry)
    return partial(registry.get("schedule", name), **settings)


def listed(items: object) -> Sequence[object]:
    """Several as they are, one by itself as a list."""
    return items if isinstance(items, list | tuple) and not _is_choice(items) else [items]


def _is_choice(item: Sequence[object]) -> bool:
    """Whether it is a name with its settings, and not two items of a list."""
    if not isinstance(item, tuple) or len(item) != 2:
        return False
    name, settings = item
    return isinstance(name, str) and isinstance(settings, Mapping) and "name" not in settings


def _single(items: list[object]) -> object:
    """One thing by itself, several as a list."""
    return items[0] if len(items) == 1 else items


@dataclass(frozen=True)
class Pieces(Kind):
    """Choices of a plugin type; a registry is needed to know them. ``single``: a file has one by itself, not a list."""

    plugin: str
    single: bool = False
    python = "str | Mapping | list"

    def choose(self, value: object, registry: Registry) -> tuple[Choice, ...]:
        return tuple(choice for item in listed(value) for choice in choices(self.plugin, item, registry))

    def write(self, value: object) -> object:
        assert isinstance(value, tuple)
        items: list[object] = [{"name": name, **settings} if settings else name for name, settings in value]
        return _single(items) if self.single else items


@dataclass(frozen=True)
class Rates(Kind):
    """Learning rates."""

    python = "LearningRates"

    def check(self, name: str, value: object) -> tuple[float, ...]:
        return rates(value)

    def write(self, value: object) -> object:
        assert isinstance(value, tuple)
        return list(value) or None


@dataclass(frozen=True)
class Tunings(Kind):
    """A Tuning, written as text."""

    def check(self, name: str, value: object) -> Tuning:
        return tuning(name, value)

    def write(self, value: object) -> object:
        return str(value)


@dataclass(frozen=True)
class Batches(Kind):
    """One batch size, or several."""

    python = "int | str | list[int | str]"

    def read(self, text: str) -> object:
        return [Whole().read(part) for part in text.split(",")]

    def check(self, name: str, value: object) -> tuple[int | str, ...]:
        sizes = tuple(batch_size(name, size) for size in listed(value))
        if not sizes:
            raise SettingError(f"{name}: none given; give one, or several to compare")
        return sizes

    def write(self, value: object) -> object:
        assert isinstance(value, tuple)
        return _single(list(value))
