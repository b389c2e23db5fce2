"""What the page needs to race methods on problems of two parameters: recorded paths, and rules as formulas.

A rule is traced as it is registered now, at the settings of the run. Where there is no formula the recorded path is
shown, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.analysis.equal_cost import along
from optibench.errors import InputError
from optibench.experiment.choices import one_choice
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry
from optibench.plugin.types import Facts
from optibench.stored import Stored
from optibench.tracing import PRELUDE, Traced, Untraceable, trace_problem, trace_rule

#: Points along each side of the map of a problem without a formula.
CELLS = 41
#: Digits of points of a path, which the page compares with the formula's, and of losses.
DIGITS, LOSS_DIGITS = 7, 5


class Scripts:
    """Functions in JavaScript, each script once; referred to by its index."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, traced: Traced) -> int:
        script = "\n".join([traced.script, *([traced.solution] if traced.solution else [])])
        return self.add_text(script, [*traced.formulas])

    def add_text(self, script: str, names: list[str]) -> int:
        """The index of a script that defines functions of these names."""
        text = f"(() => {{\n{script}\nreturn {{ {', '.join(names)} }};\n}})()"
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)

    def __str__(self) -> str:
        return f"{PRELUDE}\nconst CODE = [{','.join(self.texts)}];"


def races(results: Stored, comparison: Comparison, registry: Registry, scripts: Scripts) -> list[Facts]:
    """One a problem of two parameters; scripts are added to ``scripts``."""
    if "w0" not in results.curves or results.surfaces.empty:
        return []
    paths = along(results, comparison)
    paths = paths[paths["w0"].notna()]
    shown = sorted({*paths["problem"]} & {*results.surfaces["problem"]})
    return [_race(results, comparison, paths[paths["problem"] == name], registry, scripts) for name in shown]


def _race(results: Stored, comparison: Comparison, paths: pd.DataFrame, registry: Registry, scripts: Scripts) -> Facts:
    name, seed = paths["problem"].iloc[0], int(paths["seed"].min())
    rows = comparison.rows[(comparison.rows["problem"] == name) & (comparison.rows["seed"] == seed)]
    rows = rows.set_index("optimizer")
    paths = paths[(paths["seed"] == seed) & paths["optimizer"].isin(rows.index)]
    grid = results.surfaces[results.surfaces["problem"] == name].pivot(index="y", columns="x", values="loss")
    formula, minimizer = _problem(name, registry, scripts)
    some_row = rows.iloc[0]
    entries = [
        {
            "m": comparison.methods.index(str(method)),
            "path": _path(path),
            "diverged": rows.loc[method, "status"] != "finished",
            **_rule(rows.loc[method], results.hyperparameters, registry, scripts),
        }
        for method, path in paths.groupby("optimizer", sort=True)
    ]
    first = paths.sort_values("step").iloc[0]
    facts: Facts = {
        "problem": name,
        "seed": seed,
        "steps": int(rows["steps"].max()),
        "start": [_digits(first[column], DIGITS) for column in ("w0", "w1")],
        "minimum": None if pd.isna(some_row["minimum"]) else float(some_row["minimum"]),
        "minimizer": minimizer,
        "xlim": [float(grid.columns.min()), float(grid.columns.max())],
        "ylim": [float(grid.index.min()), float(grid.index.max())],
        "valueGrad": formula,
        "factors": _factors(some_row, registry),
        "entries": entries,
    }
    if formula is None:
        every = max(1, len(grid) // CELLS)
        small = grid.iloc[::every, ::every]
        values = [_digits(value, LOSS_DIGITS) for value in small.to_numpy(float).ravel()]
        facts["grid"] = {"columns": small.shape[1], "rows": small.shape[0], "values": values}
    return facts


def _problem(name: str, registry: Registry, scripts: Scripts) -> tuple[int | None, list[float] | None]:
    """The index of its formula, and where its minimum is known to be."""
    try:
        problem = registry.problem(one_choice("problem", name, registry))
        minimizer = None if problem.minimizer is None else [float(value) for value in problem.minimizer]
        if problem.draws is not None:
            return None, minimizer
        return scripts.add(trace_problem(problem)), minimizer
    except Untraceable:
        return None, minimizer
    except InputError:  # its plugin is not here
        return None, None


def _rule(row: pd.Series, hyperparameters: tuple[str, ...], registry: Registry, scripts: Scripts) -> Facts:
    """The index of its formula with the hyperparameters of the run; or the reason why there is none."""
    rates = {name: float(row[name]) for name in ("lr",) if not pd.isna(row[name])}
    none: Facts = {"rule": None, "h": rates}
    try:
        name, _ = one_choice("optimizer", str(row["label"]), registry)
        rule: Optimizer = registry.get("optimizer", name)
    except InputError:
        return {**none, "reason": "no plugin registers it now"}
    if any(not pd.isna(row.get(name)) and row.get(name) for name in ("clip_value", "clip_norm", "l2", "centralise")):
        return {**none, "reason": "its gradients were transformed"}
    if "normal" in rule.arguments:
        return {**none, "reason": "it draws random numbers"}
    settings = {name: row[_column(name, hyperparameters)] for name in (*rule.hyperparameters, *rule.options)
                if _column(name, hyperparameters) in row}  # fmt: skip
    settings = {name: value for name, value in settings.items() if not pd.isna(value)}
    h = {name: float(settings.get(name, default)) for name, default in rule.hyperparameters.items()}
    options = {name: _option(settings.get(name, default), default) for name, default in rule.options.items()}
    try:
        traced = trace_rule(rule, options)
        if traced.fixed:
            traced = trace_rule(rule, options, fixed={name: h[name] for name in traced.fixed})
    except Untraceable as error:
        return {**none, "reason": str(error)}
    return {"rule": scripts.add(traced), "h": h, "reason": ""}


def _column(name: str, hyperparameters: tuple[str, ...]) -> str:
    """The column of a hyperparameter: another name where a column of the runs has its own."""
    return name if name in hyperparameters else f"{name}_setting"


def _option(value: object, default: object) -> bool | str | None:
    if isinstance(default, bool) or isinstance(value, bool | np.bool_):
        return bool(value)
    return None if value is None else str(value)


def _factors(row: pd.Series, registry: Registry) -> list[float | None] | None:
    """The factor of the learning rate in every step; None where it is always 1."""
    if row["schedule"] == "constant":
        return None
    try:
        name, settings = one_choice("schedule", str(row["schedule"]), registry)
        factor: Callable[[int, int], float] = partial(registry.get("schedule", name), **settings)
        return [_digits(factor(t, int(row["steps"])), DIGITS) for t in range(1, int(row["steps"]) + 1)]
    except InputError:
        return None


def _path(points: pd.DataFrame) -> list[list[float | None]]:
    """[step, x, y, loss] of every recorded point."""
    points = points.sort_values("step")
    columns = zip(points["step"], points["w0"], points["w1"], points["loss"], strict=True)
    return [[int(t), _digits(x, DIGITS), _digits(y, DIGITS), _digits(loss, LOSS_DIGITS)] for t, x, y, loss in columns]


def _digits(value: float, digits: int) -> float | None:
    return None if pd.isna(value) else float(f"{float(value):.{digits}g}")
