"""One page: what was run, who won, the figures, what went wrong. Offline, in one file, with its figures next to it."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path

import jinja2
import pandas as pd
from matplotlib.figure import Figure as Canvas

from optibench.analysis.budgets import budgets_differ
from optibench.analysis.comparison import TUNINGS, Compared
from optibench.analysis.declaration import flat
from optibench.analysis.leaderboard import other_scores
from optibench.analysis.stats.adjust import ALPHA
from optibench.analysis.tuning import self_checks
from optibench.errors import StoreError, reason
from optibench.plugin.figure import Figure
from optibench.plugin.types import Facts
from optibench.report.draw import STYLE, draw
from optibench.runner.store import write_whole

#: The caption of every figure of a table from elsewhere: how its columns came about is not known.
FROM_A_TABLE = "Drawn from the columns of the table alone; the caveats say what it does not tell."


def write_report(results: Compared, tables: dict[str, pd.DataFrame], folder: Path, figures: list[Figure]) -> Path:
    """Write index.html, figures/*.png and *.svg, tables/*.csv into ``folder``; returns the path of the page.

    ``tables``: the frame of every analysis by its name.
    """
    try:
        for name in ("figures", "tables"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        drawn = [picture for figure in figures if (picture := _drawn(figure, results, folder / "figures"))]
        files = {**tables, "runs": results.runs}
        for name, table in files.items():
            write_whole(folder / "tables" / f"{name}.csv", flat(table).to_csv(index=False).encode())
        page = folder / "index.html"
        write_whole(page, _render(results, tables, [*files], drawn).encode())
    except OSError as error:
        raise StoreError(f"cannot write the report to '{folder}': {error.strerror}; choose another folder") from error
    return page


def _drawn(figure: Figure, results: Compared, folder: Path) -> dict[str, str] | None:
    """A figure's files and what the page needs of it; None where it has nothing to show.

    A figure that raises costs itself only.
    """
    caption = FROM_A_TABLE if results.unsaid else figure.caption
    shown = {"name": figure.name, "title": figure.title, "caption": caption, "image": "", "error": ""}
    try:
        canvas = draw(figure, results)
    except Exception as error:
        return {**shown, "error": reason(error)}
    if canvas is None:
        return None
    vector = _bytes(canvas, "svg")
    write_whole(folder / f"{figure.name}.svg", vector)
    write_whole(folder / f"{figure.name}.png", _bytes(canvas, "png"))
    return {**shown, "image": "data:image/svg+xml;base64," + base64.b64encode(vector).decode()}


def _bytes(canvas: Canvas, kind: str) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}  # the same figure, the same bytes
    with matplotlib.rc_context(STYLE):
        canvas.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _render(results: Compared, tables: dict[str, pd.DataFrame], files: list[str], figures: list[dict[str, str]]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("optibench.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "interval": interval}
    runs, comparison = results.runs, results.compare()
    return environment.get_template("index.html.j2").render(
        name=results.experiment.get("name", "results"),
        factor=comparison.factor,
        inf=math.inf,
        tuned=TUNINGS[comparison.tuning],
        others=other_scores(tables["leaderboard"], comparison.tuning),
        budgets=budgets_differ(comparison),
        caveats=comparison.caveats + self_checks(results, comparison),
        facts=_facts(results),
        elsewhere=bool(results.unsaid),
        problems=[] if results.unsaid else _problems(runs),
        boards=[(name, group.to_dict("records")) for name, group in tables["leaderboard"].groupby("problem")],
        **{name: tables["ranks"].attrs.get(name) for name in ("friedman", "kendalls_w", "critical_difference")},
        alpha=ALPHA,
        widths=_widths(tables["sensitivity"]),
        figures=figures,
        files=files,
        overtaken=_overtaken(tables["crossings"], tables["verdict"]),
        unfinished=_unfinished(runs),
        **{name: flat(table).to_dict("records") for name, table in tables.items() if name in SHOWN},
    )


#: The tables that the page shows whole.
SHOWN = ("verdict", "ranks", "pairwise", "tuning", "time_to_target", "stability", "causes")


def _overtaken(crossings: pd.DataFrame, verdict: pd.DataFrame) -> list[Facts]:
    """Whom the first on each problem overtook on the way: who led earlier would have looked better on less budget."""
    first = crossings.merge(verdict[["problem", "leaders"]].explode("leaders"), on="problem")
    late = first[first["ahead_at_last"] == first["leaders"]]
    rows = late.groupby(["problem", "leaders"], sort=True)["ahead_at_first"].agg(", ".join).reset_index()
    return [{**row} for row in rows.to_dict("records")]


def _widths(sensitivity: pd.DataFrame) -> list[Facts]:
    """One row a problem and method: its best rate, and how wide the range of good ones is."""
    groups = sensitivity.groupby(["problem", "optimizer"], as_index=False)
    table = groups.agg(best_lr=("best_lr", "first"), decades=("decades", "first"), diverged=("diverged", "mean"))
    return [{**row} for row in table.to_dict("records")]


def _facts(results: Compared) -> list[tuple[str, str]]:
    runs, given, factor = results.runs, results.experiment, results.factor
    statuses = ", ".join(f"{count:,} {status}" for status, count in runs["status"].value_counts().items())
    rates = sorted(runs["lr"].dropna().unique())
    grid = f"{len(rates)}, from {number(rates[0])} to {number(rates[-1])}" if rates else "none"
    if results.unsaid:  # of a table no more is known
        return [
            ("Runs", f"{len(runs):,}: {statuses}"),
            ("Compared", f"{factor}: {', '.join(results.compare().methods)}"),
            ("Seeds", str(runs["seed"].nunique())),
            *([("Learning rates", grid)] if rates else []),
        ]
    return [
        ("Runs", f"{len(runs):,}: {statuses}"),
        ("Compared", f"{factor}: {', '.join(results.compare().methods)}"),
        ("Optimizers", ", ".join(sorted(runs["optimizer"].unique()))),
        ("Learning rates", grid),
        ("Tuning", _tuning(results)),
        (
            "Evaluation seeds",
            f"{runs.loc[runs['part'] == 'reporting', 'seed'].nunique()}, disjoint from the tuning seeds",
        ),
        ("Precision", ", ".join(sorted(runs["dtype"].unique()))),
        ("Schedule", ", ".join(sorted(runs["schedule"].unique()))),
        ("Gradient transforms", _transforms(runs)),
        ("Default batch", str(given.get("batch", ""))),
    ]


def _tuning(results: Compared) -> str:
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


def _transforms(runs: pd.DataFrame) -> str:
    """What was done to gradients, in words; never silent."""
    parts = [
        f"{name} {', '.join(f'{value:g}' for value in sorted(runs[name].dropna().unique()))}"
        for name in ("clip_value", "clip_norm", "l2")
        if name in runs and runs[name].fillna(0).any()
    ]
    return ", ".join(parts + ["centralise"] * bool(runs.get("centralise", pd.Series([False])).any())) or "none"


def _problems(runs: pd.DataFrame) -> list[Facts]:
    rows = []
    for name, group in runs.groupby("problem"):
        rows.append(
            {
                "problem": name,
                "budget": ", ".join(group["budget"].unique()),
                "batch": ", ".join(str(batch or "no data") for batch in sorted(group["batch"].unique())),
                "sampler": ", ".join(sorted(group["sampler"].unique())),
                "minimum": group["minimum"].iloc[0],
                "evaluation": f"{group['evaluation_share'].max():.0%}",
                "fingerprint": ", ".join(group["fingerprint"].unique()),
            }
        )
    return rows


def _unfinished(runs: pd.DataFrame) -> list[Facts]:
    bad = runs[runs["status"] != "finished"]
    if bad.empty:
        return []
    table = bad.groupby(["problem", "optimizer", "status"]).agg(
        runs=("id", "size"), lowest=("lr", "min"), first=("diverged_at", "min"), reason=("reason", "first")
    )
    return [{**row} for row in table.reset_index().to_dict("records")]


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
