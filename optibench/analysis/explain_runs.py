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
#: A gradient this much shorter than at the start, or so short at all, is none: the run stands still.
NONE, TINY = 1e-6, 1e-8

Row = Mapping[str, Any]


def why(runs: pd.DataFrame) -> pd.Series:
    """A sentence for every run that ended badly or slowly, empty for the others."""
    left = _left(runs)
    badly = ((runs["status"] != "finished") | (left > WELL) | _stuck(runs, left)).to_numpy(bool)
    told = np.full(len(runs), "", object)
    told[badly] = [explain(row) for row in runs.assign(left=left)[badly].to_dict("records")]
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


def _left(runs: pd.DataFrame) -> pd.Series:
    """The share of the way from the start to the best loss on its problem that a finished run has left to go."""
    finished = runs["status"] == "finished"
    loss = runs["loss"].where(finished)
    minimum = runs["minimum"].astype(float) if "minimum" in runs else pd.Series(np.nan, index=runs.index)
    best = minimum.fillna(loss.groupby(runs["problem"]).transform("min"))
    way = (_column(runs, "start_loss") - best).clip(lower=0)
    return ((loss - best) / way).where(loss > best, 0.0)  # nan where the start was not measured


def _stuck(runs: pd.DataFrame, left: pd.Series) -> pd.Series:
    """At a saddle: no gradient, but a way down, though nobody may have come further; unless that is the minimum."""
    names = ("gradient_norm", "start_gradient_norm", "lowest_curvature", "largest_curvature", "minimum")
    norm, start, low, high, minimum = (_column(runs, name) for name in names)
    still = norm < (NONE * start).clip(lower=TINY)
    return still & (low < -WELL * high.abs()) & ~(minimum.notna() & (left <= WELL))


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
    if product > 2:
        return f"{begin}lr x largest curvature = {_above(product, 2)} > 2"
    if overshoot > 2:
        long = _above(overshoot, 2)
        return f"{begin}its first step was {long} times as long as to the minimum along it, and beyond 2 the loss rises"
    if product > 0:
        batches = " or single batches have more" if row.get("sampler", "full") != "full" else ""
        return f"{begin}lr x largest curvature was {product:.2g} at the start: the curvature grew on the way{batches}"
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


def _hardly(row: Row) -> str:
    left, found = _value(row, "left"), _value(row, "step_cosine")
    if not (1 - WELL < left <= 1 and found > -OPPOSED):
        return ""
    share = f"{100 * (1 - left):.2g} %"
    return f"hardly moved: {share} of the way to the best loss, in steps that agree: the rate is too small"


def _descending(row: Row) -> str:
    late = _value(row, "late_share")
    if not late > LATE:
        return ""
    return f"still descending when the budget ended: its last half brought {late:.0%} of the fall".replace("%", " %")


def _levelled(row: Row) -> str:
    late = _value(row, "late_share")
    if not late <= LATE:
        return ""
    brought = f"at most {LATE:.0%} of the fall".replace("%", " %") if late > 0 else "nothing"
    said = f"levelled out: the last half of the budget brought {brought}"
    ratio = _value(row, "gradient_norm") / (_value(row, "start_gradient_norm") or 1.0)
    return f"{said}, at a gradient {ratio:.2g} times as long as at the start" if ratio > 0 else said


def _steep(row: Row) -> str:
    ratio = _value(row, "gradient_norm") / (_value(row, "start_gradient_norm") or 1.0)
    return f"far from the end: its gradient is still {ratio:.2g} times as long as at the start" if ratio > STEEP else ""


def _still(row: Row) -> bool:
    norm, start = _value(row, "gradient_norm"), _value(row, "start_gradient_norm")
    return norm < max(TINY, NONE * start) or (norm < SMALL * start and not _value(row, "late_share") > LATE)


def _above(value: float, bound: float) -> str:
    """In two digits, or in as many as show that it is above."""
    short = f"{value:.2g}"
    return short if float(short) > bound else repr(value)


def _value(row: Row, name: str) -> float:
    """nan where it was not measured: no comparison with it holds."""
    value = row.get(name)
    return float("nan") if value is None else float(value)


#: From the most telling on.
CAUSES: tuple[Callable[[Row], str], ...] = (
    _broken, _diverged, _saddle, _dead, _oscillates, _still_point, _hardly, _descending, _levelled, _steep,
)  # fmt: skip
