"""Choices and learning rates, parsed and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from math import isfinite
from typing import Any

import numpy as np

from optibench.errors import InputError, SettingError, UnknownName, nearest
from optibench.plugin.choice import Choice
from optibench.plugin.functions import Schedule
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry


def scheduled(schedule: Any, registry: Registry) -> Callable[[int, int], float]:
    """(t, total) -> factor, from a name, a name with settings, or a schedule itself."""
    if isinstance(schedule, Schedule):
        return schedule
    ((name, extra),) = choices("schedule", schedule, registry)
    return partial(registry.get("schedule", name), **extra)


def rates(lr: Any) -> tuple[float, ...]:
    """Learning rates from "LO:HI:COUNT" (a log grid, ends included), "a,b,c", a number or a list; sorted, unique."""
    try:
        if isinstance(lr, str) and ":" in lr:
            low, high, count = lr.split(":")
            first, last = float(low), float(high)
            if int(count) < 1 or first > last or (int(count) == 1 and first != last):
                raise SettingError(f"lr '{lr}': LO must not exceed HI, COUNT must be at least 2; for example 1e-4:1:9")
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
        raise SettingError(f"lr {lr!r}: not a grid; write LO:HI:COUNT such as 1e-4:1:9, or a,b,c") from None
    for rate in values:
        if not (rate > 0 and isfinite(rate)):
            raise SettingError(f"lr {rate:g}: a learning rate must be positive and finite; for example 1e-4:1:9")
    if not values:
        raise SettingError("lr: no learning rate given; for example 1e-4:1:9")
    return tuple(sorted(set(values)))


def _whole(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingError(f"{key} = {value!r}: must be a whole number, at least 1")


def _known(key: str, value: Any, names: Iterable[str]) -> None:
    if not isinstance(value, str) or value not in names:
        raise UnknownName(key, value, names)


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
            raise SettingError(f'{kind} {dict(item)}: no name; write name = "..."')
        name, extra = str(item["name"]), {key: value for key, value in item.items() if key != "name"}
    elif _is_choice(item):
        name, extra = item[0], dict(item[1])
    else:
        raise SettingError(f"{kind} {item!r}: must be a name or a table with a name")
    piece = registry.get(kind, name)
    declared = {**piece.hyperparameters, **piece.options} if isinstance(piece, Optimizer) else dict(piece.parameters)
    if isinstance(piece, Optimizer) and piece.batch is not None:
        declared["batch"] = piece.batch  # gd is full batch, and gd:batch=128 is not
    for key, value in extra.items():
        if key not in declared or key == "lr":
            mend = "give rates by lr" if key == "lr" else nearest(key, set(declared) - {"lr"})
            raise SettingError(f"{kind} '{name}' takes no setting '{key}'; {mend}")
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
        raise SettingError(f"{kind} '{item}': '{part}' is no setting; write NAME:KEY=VALUE,KEY=VALUE")
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
            raise SettingError(f"{owner}: {key} = {value!r} must be a number; its default is {default}")
    elif isinstance(default, bool) and not isinstance(value, bool):
        raise SettingError(f"{owner}: {key} = {value!r} must be true or false; its default is {default}")
