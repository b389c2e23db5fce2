"""An experiment becomes a plan: one row a run, its id a hash of its facts, grouped into cohorts."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from optibench.pieces import Activation, InputError, Loss, Optimizer, Problem, ProblemFactory, Schedule, label, nearest
from optibench.registry import Registry, reason
from optibench.samplers import SAMPLERS
from optibench.transforms import Transforms, transforms

#: Raised when what a run means or stores changes: stores of another format are refused, not mixed.
FORMAT = 1
DEFAULT_LR = "1e-5:10:9"
DEFAULT_BATCH = 32
BUDGETS = ("epochs", "steps", "gradient_evaluations")

Choice = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Experiment:
    """What to run. At most one of epochs, steps and gradient_evaluations; with none, each problem's own epochs."""

    name: str
    problems: tuple[Choice, ...]
    optimizers: tuple[Choice, ...]
    lr: tuple[float, ...]
    seeds: int = 10
    epochs: int | None = None
    steps: int | None = None
    gradient_evaluations: int | None = None
    batch: int | str = DEFAULT_BATCH
    sampler: str = "reshuffle"
    dtype: str = "float32"
    schedule: Choice = ("constant", {})
    l2: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    centralise: bool = False

    def facts(self) -> dict[str, Any]:
        """The fields of an experiment file, those without a value left out."""
        chosen = {kind: [_plain(choice) for choice in getattr(self, kind)] for kind in ("problems", "optimizers")}
        facts = {**asdict(self), **chosen, "schedule": _plain(self.schedule), "lr": list(self.lr)}
        return {key: value for key, value in facts.items() if value is not None}


def experiment(facts: Mapping[str, Any], registry: Registry) -> Experiment:
    """Check the fields of an experiment file, flags or keywords, and resolve them."""
    known = {**Experiment.__dataclass_fields__, "activation": None}
    for key in facts:
        if key not in known:
            raise InputError(f"no experiment setting named '{key}'; {nearest(key, known)}")
    given = {key: value for key, value in facts.items() if value is not None}
    budgets = [key for key in BUDGETS if key in given]
    if len(budgets) > 1:
        raise InputError(f"{' and '.join(budgets)} given together; keep one budget")
    for key in (*budgets, "seeds"):
        if key in given:
            _whole(key, given[key])
    if given.get("batch", "full") != "full":
        _whole("batch", given["batch"])
    _known("sampler", given.get("sampler", "reshuffle"), SAMPLERS)
    _known("dtype", given.get("dtype", "float32"), ("float32", "float64"))
    schedules = choices("schedule", given.get("schedule", "constant"), registry)
    if len(schedules) != 1:
        raise InputError("schedule: one at a time; give one value to each of its settings")
    given["schedule"] = schedules[0]
    transforms(given)
    for kind in ("problems", "optimizers"):
        given[kind] = tuple(
            choice for item in _listed(given.get(kind)) for choice in choices(kind[:-1], item, registry)
        )
        if not given[kind]:
            raise InputError(f"no {kind} selected; name at least one (optibench list {kind[:-1]})")
    given["problems"] = _activated(given["problems"], _listed(given.pop("activation", None)), registry)
    name = str(given.get("name", "custom"))
    if not re.fullmatch(r"[\w.+ -]*\w", name):
        raise InputError(f"name '{name}': results go to a folder of this name; use letters, digits, - and _")
    return Experiment(**{**given, "name": name, "lr": rates(given.get("lr", DEFAULT_LR))})


def _activated(problems: tuple[Choice, ...], names: Sequence[Any], registry: Registry) -> tuple[Choice, ...]:
    """Every problem that takes an activation, and names none, with each of these."""
    if not names:
        return problems
    for name in names:
        _known("activation", name, registry["activation"])
    taking = [
        "activation" in registry.get("problem", name).parameters and "activation" not in extra
        for name, extra in problems
    ]
    if not any(taking):
        raise InputError("activation: none of the problems takes one; choose a network (optibench list problem)")
    return tuple(
        (name, {**extra, "activation": one} if takes else extra)
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
    for key, value in extra.items():
        if key not in declared or key == "lr":
            mend = "give rates by lr" if key == "lr" else nearest(key, set(declared) - {"lr"})
            raise InputError(f"{kind} '{name}' takes no setting '{key}'; {mend}")
        for one in value if isinstance(value, list) else [value]:
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


@dataclass(frozen=True)
class Run:
    """One training: the numbers that tell it from the others of its cohort."""

    id: str
    seed: int
    hyperparameters: Mapping[str, float]


@dataclass(frozen=True)
class Cohort:
    """Runs trained together: names and numbers only, so that it can go to another process."""

    problem: Choice
    optimizer: str
    label: str  # the optimizer with the settings that were chosen for it
    options: Mapping[str, Any]
    runs: tuple[Run, ...]
    budget: tuple[str, int]
    batch: int  # examples a step; 0 without data
    sampler: str
    dtype: str
    schedule: Choice
    transforms: Transforms
    fingerprint: str
    steps: int  # at most

    @property
    def key(self) -> str:
        """The name of its file: a hash of its runs' ids."""
        return hashlib.sha256(" ".join(run.id for run in self.runs).encode()).hexdigest()[:16]


def alone(
    rule: Optimizer, runs: Sequence[Mapping[str, float]], steps: int, dtype: str = "float64", **facts: Any
) -> Cohort:
    """Runs of one optimizer by their hyperparameters, outside any experiment; ``facts`` are fields of Cohort."""
    numbers = [
        {**rule.hyperparameters, **{key: run[key] for key in run if key in rule.hyperparameters}} for run in runs
    ]
    given = {"options": dict(rule.options), "schedule": ("constant", {}), "transforms": Transforms(), **facts}
    return Cohort(
        problem=("fun", {}),
        optimizer=rule.name,
        label=rule.name,
        runs=tuple(Run("", seed, one) for seed, one in enumerate(numbers)),
        budget=("steps", steps),
        batch=0,
        sampler="full",
        dtype=dtype,
        fingerprint="",
        steps=steps,
        **given,
    )


def build(registry: Registry, choice: Choice) -> Problem:
    """The problem of this name and these parameters; activations and losses are named."""
    name, parameters = choice
    factory: ProblemFactory = registry.get("problem", name)
    pieces = _pieces(registry, factory, parameters)
    try:
        return factory(**pieces)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"problem '{label(name, parameters)}' cannot be built: {reason(error)}") from error


def _pieces(registry: Registry, factory: ProblemFactory, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A problem's parameters, with the piece itself where an activation or a loss is named."""
    return {
        key: registry.get(type(factory.parameters[key]).__name__.lower(), value)
        if isinstance(factory.parameters[key], Activation | Loss) and isinstance(value, str)
        else value
        for key, value in parameters.items()
    }


def plan(what: Experiment, registry: Registry) -> list[Cohort]:
    """The cohorts of an experiment."""
    cohorts: list[Cohort] = []
    for choice in what.problems:
        problem = build(registry, choice)
        for name, extra in what.optimizers:
            rule: Optimizer = registry.get("optimizer", name)
            cohort = _cohort(what, choice, problem, rule, extra, registry)
            runs = cohort.runs
            size = capacity(problem, rule, cohort.batch, np.dtype(what.dtype).itemsize)
            cohorts += [replace(cohort, runs=runs[begin : begin + size]) for begin in range(0, len(runs), size)]
    return cohorts


def remaining(cohorts: list[Cohort], done: set[str]) -> list[Cohort]:
    """A plan minus the runs that are done."""
    left = [replace(cohort, runs=tuple(run for run in cohort.runs if run.id not in done)) for cohort in cohorts]
    return [cohort for cohort in left if cohort.runs]


def _cohort(
    what: Experiment, choice: Choice, problem: Problem, rule: Optimizer, extra: Mapping[str, Any], registry: Registry
) -> Cohort:
    """All runs of one problem and optimizer."""
    options = {key: extra.get(key, default) for key, default in rule.options.items()}
    numbers = {key: float(extra.get(key, default)) for key, default in rule.hyperparameters.items()}
    wanted = what.batch if rule.batch is None else rule.batch
    batch = problem.examples if wanted == "full" else min(int(wanted), problem.examples)
    sampler = "full" if batch == problem.examples else what.sampler
    if sampler == "full":
        batch = problem.examples
    kind = next((key for key in BUDGETS if getattr(what, key) is not None), "epochs")
    amount = getattr(what, kind) or problem.epochs
    steps = amount * (problem.examples // batch if batch else 1) if kind == "epochs" else amount
    cohort = Cohort(
        choice,
        rule.name,
        label(rule.name, extra),
        options,
        (),
        (kind, amount),
        batch,
        sampler,
        what.dtype,
        what.schedule,
        transforms(what),
        problem.fingerprint,
        steps,
    )
    schedule = registry.get("schedule", what.schedule[0])
    try:
        schedule(1, steps, **what.schedule[1])
    except InputError as error:
        raise InputError(f"schedule '{schedule.name}' on {label(*choice)}: {error}") from None
    except Exception:  # a bug in a plugin costs its runs only, and they say it
        pass
    factory: ProblemFactory = registry.get("problem", choice[0])
    pieces = {**factory.parameters, **_pieces(registry, factory, choice[1])}
    named = [piece for _, piece in sorted(pieces.items()) if isinstance(piece, Activation | Loss)]
    written = [piece.function for piece in (rule, factory, schedule, *named)] + [*rule.wraps, problem.value_grad]
    shared = {
        **{key: value for key, value in asdict(cohort).items() if key not in ("runs", "label")},
        "format": FORMAT,
        "sources": [source(function) for function in written],
    }
    prefix = json.dumps(shared, sort_keys=True, default=lambda piece: getattr(piece, "name", str(piece)))
    rates = what.lr if "lr" in numbers else (None,)
    runs = []
    for seed, rate in product(range(what.seeds), rates):
        hyperparameters = numbers if rate is None else {**numbers, "lr": rate}
        facts = f"{prefix} {seed} {sorted(hyperparameters.items())}"
        runs.append(Run(hashlib.sha256(facts.encode()).hexdigest()[:20], seed, hyperparameters))
    return replace(cohort, runs=tuple(runs))


def source(function: Any) -> str:
    """A hash of the file that a function was written in, or of its code where there is no file."""
    try:
        path = Path(inspect.getfile(function))
        return _digest(path, path.stat().st_mtime_ns)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = repr(function) if code is None else f"{code.co_code!r} {code.co_consts!r} {code.co_names!r}"
        return hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", text).encode()).hexdigest()[:16]


@lru_cache
def _digest(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def capacity(problem: Problem, rule: Optimizer, batch: int, itemsize: int) -> int:
    """How many runs to train together: as many as keep their arrays within the core's L2 cache, 8 to 4096.

    Fewer where 8 would not keep theirs within MEMORY.
    """
    parameters = problem.size * (6 + len(rule.state))  # w, g, the new w, three temporaries, the state
    run = itemsize * (parameters + max(batch, 1) * problem.width)
    return max(1, min(int(np.clip(L2_SHARE * l2_bytes() // run, 8, 4096)), MEMORY // run))


L2_SHARE = 2
#: Bytes that the arrays of a cohort's step may take.
MEMORY = 2**28


@lru_cache
def l2_bytes() -> int:
    """The size of one core's L2 cache; 1 MiB where the system does not tell."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.rstrip("KM")) * {"K": 1024, "M": 1024**2}.get(text[-1], 1)
    except (OSError, ValueError):
        return 1024**2
