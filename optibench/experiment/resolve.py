"""Check the settings of an experiment, and resolve them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from optibench.engine.batches import SAMPLERS
from optibench.engine.gradients import transforms
from optibench.errors import SettingError, UnknownName
from optibench.experiment.choices import _known, _listed, _whole, choices, rates
from optibench.experiment.settings import BUDGETS, DEFAULT_BATCH, DEFAULT_LR, FACTORS, TUNING, TUNING_SEEDS, Experiment
from optibench.plugin.choice import Choice, label
from optibench.plugin.registry import Registry


def experiment(facts: Mapping[str, Any], registry: Registry) -> Experiment:
    """Check the fields of an experiment file, flags or keywords, and resolve them."""
    known = {**Experiment.__dataclass_fields__, "activation": None, "initialisation": None}
    for key in facts:
        if key not in known:
            raise UnknownName("experiment setting", key, known)
    given = {key: value for key, value in facts.items() if value is not None}
    budgets = [key for key in BUDGETS if key in given]
    if len(budgets) > 1:
        raise SettingError(f"{' and '.join(budgets)} given together; keep one budget")
    for key in (*budgets, "seeds", "tuning_seeds"):
        if key in given:
            _whole(key, given[key])
    given["batch"] = tuple(_listed(given.get("batch", DEFAULT_BATCH)))
    for key in ("batch", "schedule"):
        if key in given and not _listed(given[key]):
            raise SettingError(f"{key}: none given; give one, or several to compare")
    for batch in given["batch"]:
        if batch != "full":
            _whole("batch", batch)
    _known("sampler", given.get("sampler", "reshuffle"), SAMPLERS)
    _known("dtype", given.get("dtype", "float32"), ("float32", "float64"))
    transforms(given)
    for kind in ("problems", "optimizers"):
        given[kind] = _chosen(kind[:-1], given.get(kind), registry)
        if not given[kind]:
            raise SettingError(f"no {kind} selected; name at least one (optibench list {kind[:-1]})")
    given["schedule"] = _chosen("schedule", given.get("schedule", "constant"), registry)
    levels = {factor: _listed(given.pop(factor, None)) for factor, parameter in FACTORS.items() if parameter}
    for factor, names in levels.items():
        given["problems"] = _swept(given["problems"], factor, names, registry)
    given["tune"] = _tune(given.get("tune", "grid"))
    seeds = given.setdefault("seeds", 10)
    if seeds >= TUNING:
        raise SettingError(f"seeds = {seeds}: at most {TUNING - 1}; from {TUNING} on they are for tuning")
    given.setdefault("tuning_seeds", min(seeds, TUNING_SEEDS))
    name = str(given.get("name", "custom"))
    if not re.fullmatch(r"[\w.+ -]*\w", name):
        raise SettingError(f"name '{name}': results go to a folder of this name; use letters, digits, - and _")
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
    raise SettingError(f"tune '{how}': must be grid, none or random:K with K trials, such as random:20")


def _check_comparison(what: Experiment, registry: Registry) -> None:
    """A factor that is compared has several levels everywhere; one that is not has one."""
    _known("factor to compare", what.compare, FACTORS)
    levels = {"batch": len(what.batch), "schedule": len(what.schedule), "optimizer": 2}
    for factor in ("batch", "schedule"):
        if levels[factor] > 1 and what.compare != factor:
            raise SettingError(f"{factor}: {levels[factor]} are given; compare them by --compare {factor}, or keep one")
    parameter = FACTORS[what.compare]
    if parameter:
        for name, extra in what.problems:
            if parameter not in extra:
                raise SettingError(
                    f"compare {what.compare}: problem '{name}' has none that was chosen; leave it out, or give levels "
                    f"by --{what.compare} a,b"
                )
        levels[what.compare] = len({extra[parameter] for _, extra in what.problems})
    if levels[what.compare] < 2:
        raise SettingError(f"compare {what.compare}: one level only; give at least two by --{what.compare} a,b")
    if what.compare == "batch":
        for name, _ in what.optimizers:
            own = registry.get("optimizer", name).batch
            if own is not None:
                raise SettingError(f"compare batch: optimizer '{name}' declares its own, {own}; choose another")
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
        raise SettingError(f"{factor}: none of the problems takes one; choose a network (optibench list problem)")
    return tuple(
        (name, {**extra, parameter: one} if takes else extra)
        for (name, extra), takes in zip(problems, taking, strict=True)
        for one in (names if takes else [None])
    )
