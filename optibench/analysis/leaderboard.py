"""The best learning rate of every optimizer on every problem, ranked."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Which numbers choose a rate: held-out loss where a problem has it, else its loss. A run that did not finish is inf.
SCORES = ("validation_loss", "loss")


def scores(runs: pd.DataFrame) -> pd.Series:
    """What every run is chosen by; infinite for one that did not finish, so that it is last and never left out."""
    chosen = pd.Series(np.nan, index=runs.index)
    for name in SCORES:
        if name in runs:
            chosen = chosen.fillna(runs[name])
    return chosen.where(runs["status"] == "finished", np.inf).fillna(np.inf)


def quartiles(values: pd.Series) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile as order statistics: no average of a number with infinity."""
    low, median, high = np.quantile(values.to_numpy(), [0.25, 0.5, 0.75], method="inverted_cdf")
    return float(low), float(median), float(high)


def best(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of each problem and optimizer at the rate with the lowest median score over seeds."""
    scored = runs.assign(score=scores(runs), lr=runs["lr"].fillna(0))
    groups = ["problem", "optimizer", "lr"]
    medians = scored.groupby(groups, sort=True)["score"].quantile(0.5, interpolation="lower").reset_index()
    first = medians.sort_values(["score", "lr"], kind="stable").drop_duplicates(["problem", "optimizer"])
    return scored.merge(first[groups], on=groups, how="inner")


def leaderboard(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a problem and optimizer, by rank: the rate that did best and what it reached, over seeds.

    The same seeds choose the rate and are shown. Ranks are of the median score; ties share the lowest; optimizers
    whose best rate still does not finish are last. ``diverged`` is the share over all rates.
    """
    rows = []
    chosen = dict(iter(best(runs).groupby(["problem", "optimizer"])))
    for (problem, optimizer), every in runs.groupby(["problem", "optimizer"], sort=True):
        group = chosen[problem, optimizer]
        finished = group["status"] == "finished"
        loss = quartiles(group["loss"].where(finished, np.inf))
        rates = every["lr"].dropna().unique()
        lr = group["lr"].iloc[0] if len(rates) else np.nan
        rows.append(
            {
                "problem": problem,
                "optimizer": optimizer,
                "lr": lr,
                "score": quartiles(group["score"])[1],
                "loss": loss[1],
                "loss_low": loss[0],
                "loss_high": loss[2],
                "gap": loss[1] - every["minimum"].iloc[0] if "minimum" in every else np.nan,
                "test_loss": _median(group, "test_loss"),
                "test_accuracy": _median(group, "test_accuracy"),
                "diverged": float((every["status"] == "diverged").mean()),
                "ended_badly": int((~every["status"].isin(["finished", "diverged"])).sum()),
                "runs": len(group),
                "lr_at_edge": len(rates) > 1 and lr in (rates.min(), rates.max()),
            }
        )
    board = pd.DataFrame(rows)
    rank = board.groupby("problem")["score"].rank(method="min").astype(int)
    board.insert(1, "rank", rank)
    return board.sort_values(["problem", "rank", "optimizer"], ignore_index=True)


def overall(board: pd.DataFrame) -> pd.DataFrame:
    """One row an optimizer: its mean rank over problems, on how many it is first, of how many."""
    table = board.groupby("optimizer").agg(
        mean_rank=("rank", "mean"), wins=("rank", lambda ranks: int((ranks == 1).sum())), problems=("rank", "size")
    )
    return table.reset_index().sort_values(["mean_rank", "optimizer"], ignore_index=True)


def _median(group: pd.DataFrame, name: str) -> float:
    return float(group[name].median()) if name in group else float("nan")
