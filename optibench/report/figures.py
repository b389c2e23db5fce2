"""The built-in figures, each declared once: data, encoding, caption. Pandas is imported only when drawing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from optibench.plugin.figure import Figure
from optibench.plugin.hookspecs import hookimpl
from optibench.report import sentences

if TYPE_CHECKING:
    import pandas as pd

    from optibench.analysis.comparison import Compared

#: So many single runs of a method are drawn behind its median: those of the first seeds.
SINGLE = 6
QUARTILES = {0.25: "low", 0.5: "median", 0.75: "high"}


def loss_curves(results: Compared) -> pd.DataFrame:
    """Median and quartiles over seeds of the loss, or of its gap to a known minimum; single runs; declared targets."""
    import pandas as pd

    from optibench.analysis.equal_cost import COST, along

    minimum = results.runs.set_index("id")["minimum"].astype(float).fillna(0)
    curves = along(results, results.compare())
    curves = curves.assign(cost=curves[COST], value=curves["loss"].to_numpy() - minimum.loc[curves["id"]].to_numpy())
    for name in ("samples", "seconds"):  # a table from elsewhere may not say them
        curves[name] = curves[name].astype(float) if name in curves else float("nan")
    keys, units = ["problem", "optimizer", "cost"], ["steps", "samples", "seconds"]
    seeds = curves.groupby(["problem", "optimizer"])["id"].transform("nunique")
    spread = curves.groupby(keys)["value"].quantile([*QUARTILES], interpolation="nearest").unstack()
    whole = curves.assign(seeds=seeds).groupby(keys).agg(
        n=("id", "size"), seeds=("seeds", "first"), **{unit: (unit, "median") for unit in units}
    )  # fmt: skip
    spread = spread.join(whole[units])
    spread = spread[2 * whole["n"] >= whole["seeds"]]  # a median of the few that have not diverged would flatter
    shown = curves.groupby(["problem", "optimizer"])["seed"].rank(method="dense") <= SINGLE
    runs = curves.loc[shown, [*keys, *units, "seed", "value"]].rename(columns={"seed": "run", "value": "median"})
    least = results.runs.drop_duplicates("problem").set_index("problem")["minimum"].astype(float).fillna(0)
    targets = results.targets[results.targets["problem"].isin(curves["problem"].unique())]
    targets = targets.assign(target=targets["target"] - targets["problem"].map(least))[["problem", "target"]]
    return pd.concat([spread.rename(columns=QUARTILES).reset_index(), runs, targets], ignore_index=True)


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
    spread = runs.groupby(["problem", "optimizer", "lr"])["value"].quantile([*QUARTILES], interpolation="nearest")
    return spread.unstack().rename(columns=QUARTILES).reset_index()


def sensitivity(results: Compared) -> pd.DataFrame:
    """The range of good rates around the best one."""
    from optibench.analysis.sensitivity import sensitivity

    table = sensitivity(results, results.compare())
    good = table[table["good"].astype(bool)].groupby(["problem", "optimizer"])
    ranges = good.agg(best_lr=("best_lr", "first"), low=("lr", "min"), high=("lr", "max"), decades=("decades", "first"))
    return ranges.reset_index()


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
    paths = paths[paths["problem"].isin(results.surfaces["problem"].unique())]
    return paths[["problem", "optimizer", "step", "w0", "w1"]]


def a_profile(kind: str, results: Compared) -> pd.DataFrame:
    """The share of pairs of a problem and a target, or with every run, that each method reaches along x."""
    from optibench.analysis.profiles import profile

    return profile(results, results.compare(), kind)


def expected_best(results: Compared) -> pd.DataFrame:
    """The expected best tuning score of k trials of everything, k = 1 to all, or its gap to a known minimum."""
    from optibench.analysis.sensitivity import minima
    from optibench.analysis.tuning import expected

    comparison = results.compare()
    frame = expected(results, comparison)
    frame = frame[frame["search"] == "all"]
    known = frame["problem"].map(minima(comparison)).astype(float).fillna(0)
    return frame.assign(expected=frame["expected"].astype(float) - known)


def ranks(results: Compared) -> pd.DataFrame:
    """Mean ranks over problems with their intervals and significance groups."""
    from optibench.analysis.leaderboard import overall

    return overall(results.compare())


def scores(results: Compared) -> pd.DataFrame:
    """The median score of every method on every problem, and its rank there; methods in the order of their names."""
    from optibench.analysis.leaderboard import leaderboard

    board = leaderboard(results, results.compare())
    board = board.sort_values(["problem", "optimizer"], ignore_index=True)
    finite = board["score"].abs() < float("inf")
    return board.assign(shown=board["score"].map("{:.3g}".format).where(finite, "unfinished"))


def pairs(results: Compared) -> pd.DataFrame:
    """The probability that a run of the method of a row is better than one of that of a column, over the problems."""
    import pandas as pd

    from optibench.analysis.pairs import ALL, pairwise

    comparison = results.compare()
    table = pairwise(comparison, problem=ALL)
    if table.empty and len(comparison.problems) == 1:
        table = pairwise(comparison, problem=comparison.problems[0])
    table = table[["a", "b", "improvement"]]
    turned = pd.DataFrame({"a": table["b"], "b": table["a"], "improvement": 1 - table["improvement"]})
    names = sorted({*table["a"], *table["b"]})
    diagonal = pd.DataFrame({"a": names, "b": names})
    return pd.concat([table, turned, diagonal]).sort_values(["a", "b"], ignore_index=True)


CURVES = Figure(
    "loss-curves",
    "Loss along the budget",
    "Tuned, on seeds disjoint from the tuning seeds: median and quartiles over seeds. The loss is the "
    "training loss on at most 256 fixed examples, or, where the minimum is known, the gap to it on all. The axis "
    "counts evaluations of single examples: gradients, losses and Hessian products. A curve ends where more than half "
    "of its runs have diverged. Dotted lines are the declared targets.",
    loss_curves,
    {
        "mark": "curve", "x": "cost", "y": "median", "low": "low", "high": "high", "color": "optimizer",
        "facet": "problem", "run": "run", "references": "target", "x_scale": "log", "y_scale": "log",
        "x_units": {
            "evaluations of examples": "cost", "steps": "steps", "samples": "samples", "seconds": "seconds"
        },
        "y_label": "loss or gap",
    },
    sentences.lowest_at_the_end,
)  # fmt: skip

RATES = Figure(
    "learning-rate",
    "Final loss against learning rate",
    "Median and quartiles over the tuning seeds of the final training loss, on all examples, as the gap to the minimum "
    "where that is known. A cross above the axes marks a learning rate at which at least half of the runs did "
    "not finish.",
    learning_rate,
    {
        "mark": "curve", "x": "lr", "y": "median", "low": "low", "high": "high", "color": "optimizer",
        "facet": "problem", "x_scale": "log", "y_scale": "log", "x_label": "learning rate", "y_label": "loss or gap",
    },
    sentences.rates_that_failed,
)  # fmt: skip

SENSITIVITY = Figure(
    "sensitivity",
    "Sensitivity to the learning rate",
    "The best learning rate by the median tuning score, and the unbroken range of rates around it whose score, or gap "
    "to a known minimum, is within a factor 2 of the best.",
    sensitivity,
    {
        "mark": "interval", "x": "best_lr", "y": "optimizer", "low": "low", "high": "high", "color": "optimizer",
        "facet": "problem", "x_scale": "log", "x_label": "learning rate",
    },
    sentences.widest_range,
)  # fmt: skip

PATHS = Figure(
    "trajectories",
    "Trajectories on the contours of the loss",
    "The first seed of each method, tuned, on problems with two parameters; the points are "
    "recorded evenly in the logarithm of the step.",
    trajectories,
    {"mark": "path", "x": "w0", "y": "w1", "color": "optimizer", "facet": "problem", "x_label": "x", "y_label": "y"},
    sentences.paths,
)

PROFILE = Figure(
    "performance-profile",
    "Performance profile",
    "The share of all pairs of a problem and a target that each method reaches, in the median over seeds, within a "
    "factor of the evaluations that the best method needs. Targets were declared before the run; those not reached "
    "stay in the denominator. Dolan and Moré 2002.",
    partial(a_profile, "performance"),
    {
        "mark": "step", "x": "x", "y": "share", "color": "optimizer", "x_scale": "log", "again": "profile",
        "x_label": "times the evaluations of the best", "y_label": "share reached",
    },
    sentences.reaches_most,
)  # fmt: skip

DATA_PROFILE = Figure(
    "data-profile",
    "Data profile",
    "The share of all pairs of a problem and a target that each method reaches, in the median over seeds, within so "
    "many evaluations of single examples for each parameter plus one. Moré and Wild 2009.",
    partial(a_profile, "data"),
    {
        "mark": "step", "x": "x", "y": "share", "color": "optimizer", "x_scale": "log", "again": "profile",
        "x_label": "evaluations / (parameters + 1)", "y_label": "share reached",
    },
    sentences.reaches_most,
)  # fmt: skip

ECDF = Figure(
    "ecdf",
    "Runs that reach their targets",
    "The share of all triples of a problem, a target and a run that each method reaches within so many evaluations of "
    "single examples: the empirical cumulative distribution of its running times. Hansen et al. 2016.",
    partial(a_profile, "ecdf"),
    {
        "mark": "step", "x": "x", "y": "share", "color": "optimizer", "x_scale": "log", "again": "profile",
        "x_label": "evaluations of examples", "y_label": "share reached",
    },
    sentences.reaches_most,
)  # fmt: skip

BUDGET = Figure(
    "expected-best",
    "Expected best score by number of trials",
    "The expected best score of k trials, or its gap to the minimum where that is known, sampled without replacement "
    "from the random draws of all hyperparameters near the best learning rate: what a smaller tuning budget would "
    "reach. Scores are medians over the tuning seeds.",
    expected_best,
    {
        "mark": "curve", "x": "trials", "y": "expected", "color": "optimizer", "facet": "problem", "y_scale": "log",
        "x_label": "trials", "y_label": "expected best score or gap",
    },
    sentences.half_of_the_trials,
)  # fmt: skip

RANKS = Figure(
    "ranks",
    "Mean ranks over problems",
    "The mean rank of each method over the problems that all of them ran on, with its 95 % interval over replicates. "
    "Methods that share a letter do not differ significantly (Holm's adjustment for all pairs).",
    ranks,
    {
        "mark": "interval", "x": "mean_rank", "y": "optimizer", "low": "low", "high": "high", "color": "optimizer",
        "text": "groups", "again": "ranks", "x_label": "mean rank",
    },
    sentences.lowest_mean_rank,
)  # fmt: skip

SCORES = Figure(
    "scores",
    "Scores of all methods on all problems",
    "The median over replicates of the final test loss, or of the loss where nothing is held out. The colour is the "
    "rank on the problem: the darkest method is first.",
    scores,
    {
        "mark": "cells", "x": "optimizer", "y": "problem", "color": "rank", "text": "shown", "x_label": "",
        "y_label": "", "color_label": "rank",
    },
    sentences.first_on_most,
)  # fmt: skip

PAIRS = Figure(
    "pairs",
    "Probability of improvement",
    "The probability that a run of the method of the row is better than one of the method of the column, in the mean "
    "over problems. Agarwal et al. 2021.",
    pairs,
    {
        "mark": "cells", "x": "b", "y": "a", "color": "improvement", "middle": 0.5, "x_label": "than",
        "y_label": "better", "color_label": "probability",
    },
    sentences.clearest_pair,
)  # fmt: skip


@hookimpl
def optibench_figures() -> list[Figure]:
    return [RANKS, SCORES, PAIRS, PROFILE, DATA_PROFILE, ECDF, CURVES, RATES, SENSITIVITY, BUDGET, PATHS]
