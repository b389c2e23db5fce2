"""What was run, in words and rows: what the page says beside what it draws."""

from __future__ import annotations

import math

import pandas as pd

from optibench.analysis.comparison import Compared
from optibench.plugin.types import Facts


def header(results: Compared) -> list[tuple[str, str]]:
    """The numbers under the title: a number and what it counts."""
    runs, comparison = results.runs, results.compare()
    counts = [
        (len(comparison.methods), "method"),
        (len(comparison.problems), "problem"),
        (int(comparison.rows["seed"].nunique()), "replicate"),
        (len(runs), "run"),
    ]
    return [(f"{number:,}", word + "s" * (number != 1)) for number, word in counts]


def what_was_run(results: Compared) -> list[tuple[str, str]]:
    """Rows of a table: a setting and its value; of a table from elsewhere those that it tells."""
    runs, given, factor = results.runs, results.experiment, results.factor
    statuses = ", ".join(f"{count:,} {status}" for status, count in runs["status"].value_counts().items())
    rates = sorted(runs["lr"].dropna().unique())
    grid = f"{len(rates)}, from {number(rates[0])} to {number(rates[-1])}" if rates else "none"
    rows = [("Runs", f"{len(runs):,}: {statuses}"), ("Compared", f"{factor}: {', '.join(results.compare().methods)}")]
    if results.unsaid:
        rates_row = [("Learning rates", grid)] if rates else []
        return [*rows, ("Seeds", str(runs["seed"].nunique())), *rates_row]
    seeds = runs.loc[runs["part"] == "reporting", "seed"].nunique()
    return [
        *rows,
        ("Optimizers", ", ".join(sorted(runs["optimizer"].unique()))),
        ("Learning rates", grid),
        ("Tuning", tuning(results)),
        ("Evaluation seeds", f"{seeds}, disjoint from the tuning seeds"),
        ("Precision", ", ".join(sorted(runs["dtype"].unique()))),
        ("Schedule", ", ".join(sorted(runs["schedule"].unique()))),
        ("Gradient transforms", transforms(runs)),
        ("Default batch", str(given.get("batch", ""))),
        ("optibench", ", ".join(sorted(map(str, runs["version"].dropna().unique())))),
    ]


def tuning(results: Compared) -> str:
    """What every method was given, in words."""
    trials, seeds = results.trials, results.experiment.get("tuning_seeds", 0)
    if trials.empty:
        return "none"
    counts = trials.groupby(["problem", "optimizer", "replicate"])["search"].value_counts().unstack(fill_value=0)
    counts = counts.reindex(columns=["lr", "all"], fill_value=0)
    ends = zip(counts.min(), counts.max(), strict=True)
    rates, draws = (f"{low} to {high}" if low != high else str(low) for low, high in ends)
    return (
        f"{results.experiment.get('tune', 'grid')}: in every replicate the same trials and budget for all methods on a "
        f"problem, {rates} learning rates, then {draws} random draws of all hyperparameters near the best rate, each "
        f"on {seeds} tuning seed{'s' * (seeds != 1)} of its own; the trial with the lowest median validation loss is "
        "chosen, or loss where nothing is held out, and evaluated on a fresh seed"
    )


def transforms(runs: pd.DataFrame) -> str:
    """What was done to gradients, in words; never silent."""
    parts = [
        f"{name} {', '.join(f'{value:g}' for value in sorted(runs[name].dropna().unique()))}"
        for name in ("clip_value", "clip_norm", "l2")
        if name in runs and runs[name].fillna(0).any()
    ]
    return ", ".join(parts + ["centralise"] * bool(runs.get("centralise", pd.Series([False])).any())) or "none"


def problem_rows(runs: pd.DataFrame) -> list[Facts]:
    """One row a problem: its budget, its data, its fingerprint."""
    return [
        {
            "problem": name,
            "budget": ", ".join(group["budget"].unique()),
            "batch": ", ".join(str(batch or "no data") for batch in sorted(group["batch"].unique())),
            "sampler": ", ".join(sorted(group["sampler"].unique())),
            "minimum": group["minimum"].iloc[0],
            "evaluation": f"{group['evaluation_share'].max():.0%}",
            "fingerprint": ", ".join(group["fingerprint"].unique()),
        }
        for name, group in runs.groupby("problem")
    ]


def unfinished(runs: pd.DataFrame) -> list[Facts]:
    """Failed and diverged runs, counted by problem, optimizer and status."""
    bad = runs[runs["status"] != "finished"]
    if bad.empty:
        return []
    table = bad.groupby(["problem", "optimizer", "status"]).agg(
        runs=("id", "size"), lowest=("lr", "min"), first=("diverged_at", "min"), reason=("reason", "first")
    )
    return [{**row} for row in table.reset_index().to_dict("records")]


def overtaken(crossings: pd.DataFrame, verdict: pd.DataFrame) -> list[Facts]:
    """Whom the first on each problem overtook on the way: who led earlier would have looked better on less budget."""
    first = crossings.merge(verdict[["problem", "leaders"]].explode("leaders"), on="problem")
    late = first[first["ahead_at_last"] == first["leaders"]]
    rows = late.groupby(["problem", "leaders"], sort=True)["ahead_at_first"].agg(", ".join).reset_index()
    return [{**row} for row in rows.to_dict("records")]


def number(value: object) -> str:
    """Three significant digits; an empty cell for what does not apply."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and math.isinf(value):
        return "unfinished" if value > 0 else "-inf"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def interval(low: float, high: float) -> str:
    """Both ends; an empty cell where there are too few values for any."""
    return "" if (low, high) == (-math.inf, math.inf) else f"{number(low)} – {number(high)}"
