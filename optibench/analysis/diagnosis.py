"""Why runs ended badly or slowly, in words: from what was measured at their ends, the most telling cause first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

#: A run ended well if its loss is within this share of the fall from the start to the best loss on its problem.
WELL = 0.01
#: What is told: consecutive steps as opposed as this, a gradient this much shorter than at the start, this share of the
#: fall in the second half of the budget, this share of units that are dead, a
#: gradient still so long.
OPPOSED, SMALL, LATE, DEAD, STEEP = -0.5, 1e-3, 0.01, 0.5, 0.1

Row = Mapping[str, Any]


def why(runs: pd.DataFrame) -> pd.Series:
    """A sentence for every run that ended badly or slowly, empty for the others."""
    told = [explain(row) if slow else "" for row, slow in zip(runs.to_dict("records"), _ended_badly(runs), strict=True)]
    return pd.Series(told, index=runs.index, dtype=object)


def every(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a run that ended badly or slowly, with the sentence."""
    told = runs.assign(why=why(runs))
    columns = ["id", "part", "problem", "optimizer", "lr", "seed", "status", "why"]
    return told.loc[told["why"] != "", columns].reset_index(drop=True)


def causes(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a problem, contender and cause: how many runs, their rates, and the sentence of the first."""
    columns = ["problem", "optimizer", "cause", "runs", "lowest_lr", "highest_lr", "sentence"]
    told = runs.assign(sentence=why(runs))
    told = told[told["sentence"] != ""]
    if told.empty:
        return pd.DataFrame(columns=columns)
    told = told.assign(cause=told["sentence"].str.replace(r":.*| at step.*| at a saddle.*| where.*", "", regex=True))
    groups = told.groupby(["problem", "optimizer", "cause"], sort=True)
    table = groups.agg(
        runs=("id", "size"), lowest_lr=("lr", "min"), highest_lr=("lr", "max"), sentence=("sentence", "first")
    )
    return table.reset_index()[columns]


def _ended_badly(runs: pd.DataFrame) -> list[bool]:
    """Not finished, or further from the best on its problem than WELL of the way there from the start."""
    finished = runs["status"] == "finished"
    loss = runs["loss"].where(finished)
    minimum = runs["minimum"].astype(float) if "minimum" in runs else pd.Series(np.nan, index=runs.index)
    best = minimum.fillna(loss.groupby(runs["problem"]).transform("min"))
    start = _column(runs, "start_loss")
    slow = ~(loss - best <= WELL * (start - best).clip(lower=0))
    return [bool(value) for value in ~finished | slow]


def _column(runs: pd.DataFrame, name: str) -> pd.Series:
    return runs[name].astype(float) if name in runs else pd.Series(np.nan, index=runs.index)


def explain(row: Row) -> str:
    """The first cause that the numbers of a run show."""
    for cause in CAUSES:
        said = cause(row)
        if said:
            return said
    return "slow, and nothing that was measured says why"


def _broken(row: Row) -> str:
    if row["status"] in ("finished", "diverged"):
        return ""
    return f"{row['status']}: {row['reason']}"


def _diverged(row: Row) -> str:
    if row["status"] != "diverged":
        return ""
    begin = f"diverged at step {row['diverged_at']:.0f}: "
    product, overshoot = _value(row, "lr_times_curvature"), _value(row, "overshoot")
    if _value(row, "last_loss") < min(_value(row, "start_loss"), 0):
        return f"{begin}the loss fell without bound"
    if product > 2.01:
        return f"{begin}lr x largest curvature = {product:.2g} > 2"
    if overshoot > 2:
        return f"{begin}its first step was {overshoot:.2g} times as long as to the minimum along it, and 2 is too long"
    if product > 0:
        return f"{begin}lr x largest curvature was {product:.2g} at the start, so the curvature grew on the way"
    return f"{begin}the loss grew beyond bounds"


def _saddle(row: Row) -> str:
    low = _value(row, "lowest_curvature")
    if not (_still(row) and low < -SMALL * abs(_value(row, "largest_curvature"))):
        return ""
    return f"stalled at a saddle: gradient norm {row['gradient_norm']:.1g}, a negative eigenvalue, {low:.2g}"


def _dead(row: Row) -> str:
    dead, units = _value(row, "dead_units"), _value(row, "units")
    if not dead > DEAD * units:
        return ""
    what = f"{row['unit']} outputs are zero" if row["unit"] == "relu" else f"{row['unit']} units pass nothing back"
    return f"dead units: {dead:.0f} of {units:.0f} {what}"


def _oscillates(row: Row) -> str:
    found = _value(row, "step_cosine")
    return f"oscillates: consecutive steps at cosine {found:.2g}" if found < OPPOSED else ""


def _still_point(row: Row) -> str:
    if not _still(row):
        return ""
    return (
        f"stopped where the gradient is small, norm {row['gradient_norm']:.1g}, and no eigenvalue that was found is "
        "negative: another minimum, or a plateau"
    )


def _descending(row: Row) -> str:
    late = _value(row, "late_share")
    if not late > LATE:
        return ""
    return f"still descending when the budget ended: its last half brought {late:.0%} of the fall".replace("%", " %")


def _levelled(row: Row) -> str:
    if not _value(row, "late_share") <= LATE:
        return ""
    said = "levelled out: the last half of the budget brought nothing"
    ratio = _value(row, "gradient_norm") / (_value(row, "start_gradient_norm") or 1.0)
    return f"{said}, at a gradient {ratio:.2g} times as long as at the start" if ratio > 0 else said


def _steep(row: Row) -> str:
    ratio = _value(row, "gradient_norm") / (_value(row, "start_gradient_norm") or 1.0)
    return f"far from the end: its gradient is still {ratio:.2g} times as long as at the start" if ratio > STEEP else ""


def _still(row: Row) -> bool:
    return _value(row, "gradient_norm") < SMALL * _value(row, "start_gradient_norm")


def _value(row: Row, name: str) -> float:
    """nan where it was not measured: no comparison with it holds."""
    value = row.get(name)
    return float("nan") if value is None else float(value)


#: From the most telling on.
CAUSES: tuple[Callable[[Row], str], ...] = (
    _broken, _diverged, _saddle, _dead, _oscillates, _still_point, _descending, _levelled, _steep,
)  # fmt: skip
