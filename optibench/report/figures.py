"""The built-in figures, each declared once: data, encoding, caption. Pandas is imported only when drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optibench.plugin.figure import Figure
from optibench.plugin.hookspecs import hookimpl

if TYPE_CHECKING:
    import pandas as pd

    from optibench.analysis.comparison import Compared


def loss_curves(results: Compared) -> pd.DataFrame:
    """Median and quartiles over seeds of the loss, or of its gap to a known minimum."""
    import numpy as np

    from optibench.analysis.equal_cost import COST, along

    curves = along(results, results.compare())
    minimum = results.runs.set_index("id")["minimum"].reindex(curves["id"]).fillna(0).to_numpy()
    cost = np.where(curves[COST] > 0, curves[COST], 0.5)  # the start, on a logarithmic axis
    curves = curves.assign(cost=cost, value=curves["loss"].to_numpy() - minimum)
    keys = ["problem", "optimizer", "cost"]
    seeds = curves.groupby(["problem", "optimizer"])["id"].transform("nunique")
    spread = curves.groupby(keys)["value"].quantile([0.25, 0.5, 0.75], interpolation="nearest").unstack()
    whole = curves.assign(seeds=seeds).groupby(keys).agg(n=("id", "size"), seeds=("seeds", "first"))
    spread = spread[2 * whole["n"] >= whole["seeds"]]  # a median of the few that have not diverged would flatter
    return spread.rename(columns={0.25: "low", 0.5: "median", 0.75: "high"}).reset_index()


def learning_rate(results: Compared) -> pd.DataFrame:
    """Median and quartiles over seeds of the final loss at every rate; infinite where most runs did not finish."""
    import numpy as np
    import pandas as pd

    from optibench.analysis.tuning import grid

    if results.unsaid:  # a table from elsewhere does not say which rates were tried
        return pd.DataFrame()
    runs = grid(results)
    final = (runs["loss"] - runs["minimum"].fillna(0)).where(runs["status"] == "finished", np.inf)
    runs = runs.assign(value=final)[runs["lr"].notna()]
    spread = runs.groupby(["problem", "optimizer", "lr"])["value"].quantile([0.25, 0.5, 0.75], interpolation="nearest")
    return spread.unstack().rename(columns={0.25: "low", 0.5: "median", 0.75: "high"}).reset_index()


def trajectories(results: Compared) -> pd.DataFrame:
    """The path of the first seed of each method, on problems of two parameters."""
    import pandas as pd

    from optibench.analysis.equal_cost import along

    if "w0" not in results.curves or results.surfaces.empty:
        return pd.DataFrame()
    comparison = results.compare()
    ids = comparison.rows.sort_values("seed").drop_duplicates(["problem", "optimizer"])["id"]
    paths = along(results, comparison)
    paths = paths[paths["id"].isin(ids) & paths["w0"].notna()]
    paths = paths[paths["problem"].isin(results.surfaces["problem"])]
    return paths[["problem", "optimizer", "step", "w0", "w1"]]


def performance_profile(results: Compared) -> pd.DataFrame:
    """The share of (problem, target) pairs that each method reaches within a factor of the best's cost."""
    from optibench.analysis.profiles import profile

    frame = profile(results, results.compare())
    return frame.assign(low=frame["share"], high=frame["share"], facet="all problems and targets")


def expected_best(results: Compared) -> pd.DataFrame:
    """The expected best tuning score of k trials of everything, k = 1 to all."""
    from optibench.analysis.tuning import expected

    frame = expected(results, results.compare())
    frame = frame[frame["search"] == "all"]
    return frame.assign(low=frame["expected"], high=frame["expected"])


CURVES = Figure(
    "loss-curves",
    "Loss along the budget",
    "Tuned, on seeds disjoint from the tuning seeds: median and quartiles over seeds. The loss is the "
    "training loss on at most 256 fixed examples, or, where the minimum is known, the gap to it on all. The axis "
    "counts evaluations of single examples: gradients, losses and Hessian products. A curve ends where more than half "
    "of its runs have diverged.",
    loss_curves,
    {
        "mark": "curve", "x": "cost", "y": "median", "low": "low", "high": "high", "color": "optimizer",
        "facet": "problem", "x_scale": "log", "y_scale": "log", "x_label": "evaluations of examples",
        "y_label": "loss or gap",
    },
)  # fmt: skip

RATES = Figure(
    "learning-rate",
    "Final loss against learning rate",
    "Median and quartiles over the tuning seeds of the final training loss, on all examples, as the gap to the minimum "
    "where that is known. A cross at the upper edge marks a learning rate at which at least half of the runs did "
    "not finish.",
    learning_rate,
    {
        "mark": "curve", "x": "lr", "y": "median", "low": "low", "high": "high", "color": "optimizer",
        "facet": "problem", "x_scale": "log", "y_scale": "log", "x_label": "learning rate", "y_label": "loss or gap",
    },
)  # fmt: skip

PATHS = Figure(
    "trajectories",
    "Trajectories on the contours of the loss",
    "The first seed of each method, tuned, on problems with two parameters; the points are "
    "recorded evenly in the logarithm of the step.",
    trajectories,
    {"mark": "path", "x": "w0", "y": "w1", "color": "optimizer", "facet": "problem", "x_label": "x", "y_label": "y"},
)


PROFILE = Figure(
    "performance-profile",
    "Performance profile",
    "The share of all pairs of a problem and a target that each method reaches, in the median over seeds, within a "
    "factor of the evaluations that the best method needs. Targets were declared before the run; those not reached "
    "stay in the denominator. Dolan and Moré 2002.",
    performance_profile,
    {
        "mark": "curve", "x": "x", "y": "share", "low": "low", "high": "high", "color": "optimizer", "facet": "facet",
        "x_scale": "log", "x_label": "times the evaluations of the best", "y_label": "share reached",
    },
)  # fmt: skip

BUDGET = Figure(
    "expected-best",
    "Expected best score by number of trials",
    "The expected best score of k trials, sampled without replacement from the random draws of all hyperparameters "
    "near the best learning rate: what a smaller tuning budget would reach. Scores are medians over the tuning seeds.",
    expected_best,
    {
        "mark": "curve", "x": "trials", "y": "expected", "low": "low", "high": "high", "color": "optimizer",
        "facet": "problem", "y_scale": "log", "x_label": "trials", "y_label": "expected best score",
    },
)  # fmt: skip


@hookimpl
def optibench_figures() -> list[Figure]:
    return [CURVES, RATES, PATHS, PROFILE, BUDGET]
