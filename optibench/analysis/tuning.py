"""What tuning chose: which runs are reported as what, every trial, and how far the choice can be trusted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, lower_median
from optibench.analysis.pairs import ALPHA
from optibench.analysis.stats.effects import paired
from optibench.analysis.stats.hitting_times import expected_best


def rows_of(protocol: dict[str, Any]) -> pd.DataFrame:
    """tuning, problem, optimizer and id of every run that is reported; a run may be reported as several."""
    rows = [
        (row["tuning"], row["problem"], row["optimizer"], run)
        for row in protocol.get("rows", [])
        for run in row["runs"]
    ]
    return pd.DataFrame(rows, columns=["tuning", "problem", "optimizer", "id"])


def trials_of(protocol: dict[str, Any], runs: pd.DataFrame) -> pd.DataFrame:
    """problem, optimizer, search ("lr" or "all"), trial from 0, score, share that diverged, hyperparameters."""
    columns = ["problem", "optimizer", "search", "trial", "score", "diverged"]
    status, rows, count = runs.set_index("id")["status"], [], Counter[tuple[str, ...]]()
    for trial in protocol.get("trials", []):
        where = (trial["problem"], trial["optimizer"], trial["search"])
        diverged = float((status.reindex(trial["runs"]) == "diverged").mean())
        told = (*where, count[where], trial["score"], diverged)
        rows.append({**dict(zip(columns, told, strict=True)), **trial["settings"]})
        count[where] += 1
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*columns, *(name for row in rows for name in row)])))


def grid(results: Any) -> pd.DataFrame:
    """Every run along the rates, with problem and contender: those of tuning, or the reported if nothing was tuned."""
    rows = [
        (trial["problem"], trial["optimizer"], run)
        for trial in results.protocol.get("trials", [])
        if trial["search"] == "lr"
        for run in trial["runs"]
    ]
    if not rows:
        return results.reported.assign(optimizer=results.reported["label"])
    runs = results.runs.drop(columns=["problem", "optimizer"])
    return pd.DataFrame(rows, columns=["problem", "optimizer", "id"]).merge(runs, on="id")


def tuning_scores(runs: pd.DataFrame) -> pd.Series:
    """What tuning minimises: final validation loss, or loss; infinite where a run did not finish."""
    held_out = runs["validation_loss"] if "validation_loss" in runs else pd.Series(np.nan, index=runs.index)
    return held_out.fillna(runs["loss"]).where(runs["status"] == "finished", np.inf).fillna(np.inf).astype(float)


def best(runs: pd.DataFrame) -> pd.DataFrame:
    """Where nothing was reported yet: the runs at the rate with the lowest median score so far, on the same seeds."""
    scored = runs.assign(score=tuning_scores(runs), rate=runs["lr"].fillna(0), tuning="best", label=runs["optimizer"])
    groups = ["problem", "optimizer", "rate"]
    medians = scored.groupby(groups)["score"].agg(lambda values: lower_median(values.to_numpy())).reset_index()
    first = medians.sort_values(["score", "rate"], kind="stable").drop_duplicates(["problem", "optimizer"])
    return scored.merge(first[groups], on=groups, how="inner").drop(columns=["rate", "score"])


def tuning(results: Any, comparison: Comparison) -> pd.DataFrame:
    """One row a problem and contender: what its default, its tuned rate and everything tuned reach on fresh seeds.

    ``optimism`` is the median score of the chosen trial on fresh seeds minus that on the seeds that chose it: both of
    what tuning sees, the validation loss where there is one. ``at_edge``: the best rate is the last of a widened grid.
    """
    reported = results.reported
    scored = reported.assign(seen=tuning_scores(reported))
    seen = scored.groupby(["problem", "optimizer", "tuning"])["seen"].agg(lambda one: lower_median(one.to_numpy()))
    rows = []
    for row in results.protocol.get("rows", []):
        where = (row["problem"], row["optimizer"], row["tuning"])
        if row["problem"] not in comparison.problems or row["optimizer"] not in comparison.optimizers:
            continue
        fresh, chosen = seen.get(where, np.nan), row.get("score", np.nan)
        both_infinite = np.isinf(fresh) and np.isinf(chosen)
        rows.append(
            {
                **{name: row[name] for name in ("problem", "optimizer", "tuning", "trials")},
                "settings": ", ".join(f"{name}={value:g}" for name, value in sorted(row["settings"].items())),
                "tuning_score": chosen,
                "fresh_score": fresh,
                "optimism": 0.0 if both_infinite else fresh - chosen,
                "at_edge": bool(row.get("edge", False)),
            }
        )
    first = ["problem", "optimizer", "tuning", "trials", "settings"]
    return pd.DataFrame(rows, columns=[*first, "tuning_score", "fresh_score", "optimism", "at_edge"])


def expected(results: Any, comparison: Comparison) -> pd.DataFrame:
    """Expected best score of k trials, k = 1 to all, of every search: problem, optimizer, search, trials, expected."""
    rows = []
    trials = results.trials
    wanted = trials["problem"].isin(comparison.problems) & trials["optimizer"].isin(comparison.optimizers)
    for (problem, optimizer, search), group in trials[wanted].groupby(["problem", "optimizer", "search"]):
        for k, value in enumerate(expected_best(group["score"].to_numpy(float)), start=1):
            rows.append((problem, optimizer, search, k, value))
    return pd.DataFrame(rows, columns=["problem", "optimizer", "search", "trials", "expected"])


def undertuned(results: Any, comparison: Comparison) -> list[str]:
    """A rule that is another one at some settings cannot lose to it, unless its tuning did not find them."""
    said = []
    for problem, general, special in results.protocol.get("contains", []):
        a, b = comparison.pair(problem, general, special)
        if len(a) > 1 and (a != b).any():
            difference = paired(a, b)
            if difference.better == "b" and difference.p < ALPHA:
                said.append(
                    f"{general} on {problem} loses to its own special case {special}, by {difference.median:.2g} in "
                    "the median: it is under-tuned here, its trials were too few"
                )
    return said
