"""Why runs ended badly or slowly: from what was measured at their ends, the most telling cause first."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import NamedTuple

import numpy as np
import pandas as pd

from optibench.plugin.types import Facts

#: A run ended well if its loss is within this share of the fall from the start to the best loss on its problem.
WELL = 0.01
#: What counts as a cause: consecutive steps as opposed as this, a gradient this much shorter than at the start, this
#: share of the fall in the second half of the budget, this share of units that are dead, a gradient still so long.
OPPOSED, SMALL, LATE, DEAD, STEEP = -0.5, 1e-3, 0.01, 0.5, 0.1
#: A gradient this much shorter than at the start, or so short at all, is none: the run stands still.
NONE, TINY = 1e-6, 1e-8


class Cause(NamedTuple):
    """Why a run ended as it did: what such runs are counted by, and the same in full, with this run's numbers."""

    cause: str
    sentence: str


UNEXPLAINED = Cause("unexplained", "slow, and no measured quantity explains why")


def diagnoses(runs: pd.DataFrame) -> pd.DataFrame:
    """``cause`` and ``sentence`` of every run that ended badly or slowly, empty for the others."""
    left = _left(runs)
    badly = ((runs["status"] != "finished") | (left > WELL) | _stuck(runs, left)).to_numpy(bool)
    causes = [explain(row) for row in runs.assign(left=left)[badly].to_dict("records")]
    frame = pd.DataFrame("", index=runs.index, columns=list(Cause._fields), dtype=object)
    for index, name in enumerate(Cause._fields):
        frame.loc[badly, name] = np.array([cause[index] for cause in causes], object)
    return frame


def explained(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a run that ended badly or slowly, with its cause and the sentence."""
    columns = ["id", "part", "problem", "optimizer", "lr", "seed", "status", "cause", "sentence"]
    frame = runs.assign(**diagnoses(runs))
    return frame.loc[frame["cause"] != "", columns].reset_index(drop=True)


def causes(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a problem, method and cause: how many runs, their rates, and the sentence of the first."""
    columns = ["problem", "optimizer", "cause", "runs", "lowest_lr", "highest_lr", "sentence"]
    frame = runs.assign(**diagnoses(runs))
    frame = frame[frame["cause"] != ""]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    table = frame.groupby(["problem", "optimizer", "cause"], sort=True).agg(
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


def explain(row: Facts) -> Cause:
    """The first cause that the numbers of a run show."""
    return next((cause for find in CAUSES if (cause := find(row))), UNEXPLAINED)


def _broken(row: Facts) -> Cause | None:
    if row["status"] in ("finished", "diverged"):
        return None
    return Cause(row["status"], f"{row['status']}: {row['reason']}")


def _diverged(row: Facts) -> Cause | None:
    if row["status"] != "diverged":
        return None
    if isnan(_value(row, "diverged_at")):
        return Cause("diverged", "diverged, at a step that was not recorded")
    return Cause("diverged", f"diverged at step {row['diverged_at']:.0f}: {_why_diverged(row)}")


def _why_diverged(row: Facts) -> str:
    product, overshoot = _value(row, "lr_times_curvature"), _value(row, "overshoot")
    if _value(row, "last_loss") < min(_value(row, "start_loss"), 0):
        return "the loss decreased without bound"
    if product > 2:
        return f"lr x largest curvature = {_above(product, 2)} > 2"
    if overshoot > 2:
        return (
            f"its first step was {_above(overshoot, 2)} times the distance to the minimum along its direction; beyond "
            "2 the loss increases"
        )
    if product > 0:
        batches = ", or single batches have larger curvature" if row.get("sampler", "full") != "full" else ""
        return (
            f"lr x largest curvature was {product:.2g} at the start: the curvature increased during training{batches}"
        )
    return "the loss grew beyond the divergence threshold"


def _saddle(row: Facts) -> Cause | None:
    low = _value(row, "lowest_curvature")
    if not (_still(row) and low < -SMALL * abs(_value(row, "largest_curvature"))):
        return None
    numbers = f"gradient norm {row['gradient_norm']:.1g}, negative Hessian eigenvalue {low:.2g}"
    return Cause("saddle point", f"stalled at a saddle point: {numbers}")


def _dead(row: Facts) -> Cause | None:
    dead, units = _value(row, "dead_units"), _value(row, "units")
    if not dead > DEAD * units:
        return None
    state = f"{row['unit']} outputs are zero" if row["unit"] == "relu" else f"{row['unit']} units have zero gradient"
    return Cause("dead units", f"dead units: {dead:.0f} of {units:.0f} {state}")


def _oscillates(row: Facts) -> Cause | None:
    cosine = _value(row, "step_cosine")
    if not cosine < OPPOSED:
        return None
    return Cause("oscillation", f"oscillates: the cosine of consecutive steps is {cosine:.2g}")


def _still_point(row: Facts) -> Cause | None:
    if not _still(row):
        return None
    return Cause(
        "vanishing gradient",
        f"stopped at a small gradient, norm {row['gradient_norm']:.1g}, with no negative Hessian eigenvalue found: "
        "another minimum or a plateau",
    )


def _hardly(row: Facts) -> Cause | None:
    left, cosine = _value(row, "left"), _value(row, "step_cosine")
    if not (1 - WELL < left <= 1 and cosine > -OPPOSED):
        return None
    share = f"{100 * (1 - left):.2g} %"
    return Cause(
        "learning rate too small",
        f"hardly moved: {share} of the way to the best loss, with aligned steps: the learning rate is too small",
    )


def _descending(row: Facts) -> Cause | None:
    late = _value(row, "late_share")
    if not late > LATE:
        return None
    return Cause(
        "still descending",
        f"still descending at the end of the budget: its second half brought {100 * late:.0f} % of the decrease",
    )


def _plateau(row: Facts) -> Cause | None:
    late = _value(row, "late_share")
    if not late <= LATE:
        return None
    brought = f"at most {100 * LATE:.0f} % of the decrease" if late > 0 else "no decrease"
    sentence = f"plateaued: the second half of the budget brought {brought}"
    ratio = _gradient_ratio(row)
    return Cause(
        "plateau", f"{sentence}; the gradient norm is {ratio:.2g} times its initial value" if ratio > 0 else sentence
    )


def _steep(row: Facts) -> Cause | None:
    ratio = _gradient_ratio(row)
    if not ratio > STEEP:
        return None
    return Cause(
        "large gradient", f"far from converged: the gradient norm is still {ratio:.2g} times its initial value"
    )


def _gradient_ratio(row: Facts) -> float:
    return _value(row, "gradient_norm") / (_value(row, "start_gradient_norm") or 1.0)


def _still(row: Facts) -> bool:
    norm, start = _value(row, "gradient_norm"), _value(row, "start_gradient_norm")
    return norm < max(TINY, NONE * start) or (norm < SMALL * start and not _value(row, "late_share") > LATE)


def _above(value: float, bound: float) -> str:
    """In two digits, or in as many as show that it is above."""
    short = f"{value:.2g}"
    return short if float(short) > bound else repr(value)


def _value(row: Facts, name: str) -> float:
    """nan where it was not measured: no comparison with it holds."""
    value = row.get(name)
    return float("nan") if value is None else float(value)


#: From the most telling on.
CAUSES: tuple[Callable[[Facts], Cause | None], ...] = (
    _broken, _diverged, _saddle, _dead, _oscillates, _still_point, _hardly, _descending, _plateau, _steep,
)  # fmt: skip
