"""Check the settings of an experiment, and resolve them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optibench.engine import gradients
from optibench.engine.gradients import Transforms
from optibench.errors import SettingError, UnknownName
from optibench.experiment import settings
from optibench.experiment.choices import Pieces
from optibench.experiment.settings import BUDGETS, FACTORS, SWEEPS, TUNING, Experiment, rows
from optibench.plugin.choice import Choice, label
from optibench.plugin.registry import Registry
from optibench.plugin.setting import OneOf, Setting
from optibench.plugin.types import Facts


def resolve(facts: Mapping[str, object], registry: Registry) -> Experiment:
    """Check the settings that a file, options or keywords give, and resolve them; None means not given."""
    known = {row.name: row for row in rows()}
    for name in facts:
        if name not in known:
            raise UnknownName("experiment setting", name, known)
    given: Facts = {name: value for name, value in facts.items() if value is not None}
    budgets = [name for name in BUDGETS if name in given]
    if len(budgets) > 1:
        raise SettingError(f"{' and '.join(budgets)} given together; keep one budget")
    transforms = Transforms(**{row.name: given.pop(row.name) for row in gradients.ROWS if row.name in given})
    checked: Facts = {name: _checked(row, given[name], registry) for name, row in known.items() if name in given}
    for row in known.values():
        if isinstance(row.kind, Pieces) and not checked.get(row.name, row.default):
            raise SettingError(f"no {row.name} selected; name at least one (optibench list {row.kind.plugin})")
    for sweep in SWEEPS:
        if sweep.name in checked:
            checked["problems"] = _swept(checked["problems"], sweep, checked.pop(sweep.name), registry)
    experiment = settings.Experiment(**checked, transforms=transforms)
    if experiment.tune.method == "none":
        experiment = settings.Experiment(**{"lr": (), **checked}, transforms=transforms)
    if experiment.first_seed + experiment.seeds > TUNING:
        raise SettingError(f"first_seed = {experiment.first_seed}: seeds from {TUNING} on are for tuning; lower it")
    _check_comparison(experiment, registry)
    return experiment


def _checked(row: Setting, value: object, registry: Registry) -> object:
    return row.kind.choose(value, registry) if isinstance(row.kind, Pieces) else row.check(value)


def _check_comparison(experiment: Experiment, registry: Registry) -> None:
    """A factor that is compared has several levels everywhere; one that is not has one."""
    compare = experiment.compare
    levels = {"optimizer": 2, "batch": len(experiment.batch), "schedule": len(experiment.schedule)}
    for factor, count in levels.items():
        if factor != "optimizer" and count > 1 and compare != factor:
            raise SettingError(f"{factor}: {count} are given; compare them by --compare {factor}, or keep one")
    parameter = FACTORS[compare]
    if parameter:
        for name, parameters in experiment.problems:
            if parameter not in parameters:
                raise SettingError(
                    f"compare {compare}: no {compare} is given for problem '{name}'; leave the problem out, or give "
                    f"levels by --{compare} a,b"
                )
        levels[compare] = len({parameters[parameter] for _, parameters in experiment.problems})
    if levels[compare] < 2:
        raise SettingError(f"compare {compare}: one level only; give at least two by --{compare} a,b")
    if compare == "batch":
        for name, _ in experiment.optimizers:
            own = registry.get("optimizer", name).batch
            if own is not None:
                raise SettingError(f"compare batch: optimizer '{name}' has a fixed batch size, {own}; choose another")
    if experiment.reference is not None:
        labels = [label(*choice) for choice in experiment.optimizers]
        OneOf(lambda: labels, "reference among the optimizers").check("reference", experiment.reference)


def _swept(problems: Sequence[Choice], sweep: Setting, levels: Sequence[str], registry: Registry) -> tuple[Choice, ...]:
    """Every problem that takes this factor as a parameter, and sets none, with each of its levels."""
    if sweep.name in registry.kinds:
        for level in levels:
            OneOf(lambda: registry[sweep.name]).check(sweep.name, level)
    taking = [
        sweep.parameter in registry.get("problem", name).parameters and sweep.parameter not in parameters
        for name, parameters in problems
    ]
    if not any(taking):
        raise SettingError(f"{sweep.name}: none of the problems takes one; choose a network (optibench list problem)")
    return tuple(
        choice
        for (name, parameters), takes in zip(problems, taking, strict=True)
        for choice in (
            [(name, {**parameters, sweep.parameter: level}) for level in levels] if takes else [(name, parameters)]
        )
    )
