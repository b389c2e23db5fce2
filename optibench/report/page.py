"""One page: what was run, who won, the pictures, what went wrong. Offline, in one file, with its figures beside it."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from matplotlib.figure import Figure as Canvas

from optibench.analysis.leaderboard import overall
from optibench.pieces import Figure, InputError
from optibench.registry import reason
from optibench.report.draw import STYLE, draw
from optibench.store import write_whole


def write_report(results: Any, folder: Path, figures: list[Figure]) -> Path:
    """Write index.html, figures/*.png and *.svg, tables/*.csv into ``folder``; returns the path of the page."""
    board = results.leaderboard()
    ranks = overall(board)
    try:
        for name in ("figures", "tables"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        drawn = [shown for figure in figures if (shown := _drawn(figure, results, folder / "figures"))]
        for name, table in {"leaderboard": board, "overall": ranks, "runs": results.runs}.items():
            write_whole(folder / "tables" / f"{name}.csv", table.to_csv(index=False).encode())
        page = folder / "index.html"
        write_whole(page, _render(results, board, ranks, drawn).encode())
    except OSError as error:
        raise InputError(f"cannot write the report to '{folder}': {error.strerror}; choose another folder") from error
    return page


def _drawn(figure: Figure, results: Any, folder: Path) -> dict[str, str] | None:
    """A figure's files and what the page needs of it; None where it has nothing to show.

    A figure that raises costs itself only.
    """
    shown = {"name": figure.name, "title": figure.title, "caption": figure.caption, "image": "", "error": ""}
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


def _render(results: Any, board: pd.DataFrame, ranks: pd.DataFrame, figures: list[dict[str, str]]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("optibench.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    runs = results.runs
    return environment.get_template("index.html.j2").render(
        name=results.experiment.get("name", "results"),
        summary=sentence(ranks, board),
        facts=_facts(results),
        problems=_problems(runs),
        ranks=ranks.to_dict("records"),
        boards=[(name, group.to_dict("records")) for name, group in board.groupby("problem")],
        figures=figures,
        unfinished=_unfinished(runs),
    )


def sentence(ranks: pd.DataFrame, board: pd.DataFrame) -> str:
    """The first thing that a reader sees: who leads, and how far that can be trusted."""
    problems, seeds = board["problem"].nunique(), int(board["runs"].max())
    if len(ranks) == 1:
        return f"{ranks['optimizer'][0]} was run on {problems} problem{'s' * (problems != 1)}, with {seeds} seeds."
    top = ranks[ranks["mean_rank"] == ranks["mean_rank"].min()]
    names = " and ".join(top["optimizer"])
    have = "has" if len(top) == 1 else "have"
    last = ranks.iloc[-1]
    return (
        f"{names} {have} the best mean rank, {top['mean_rank'].iloc[0]:.2f} of {len(ranks)}, over {problems} "
        f"problem{'s' * (problems != 1)}; {last['optimizer']} has the worst, {last['mean_rank']:.2f}. Every optimizer "
        f"is shown at its best learning rate, chosen on the same {seeds} seeds that are shown; ranks are of medians "
        "and carry no test of significance."
    )


def _facts(results: Any) -> list[tuple[str, str]]:
    runs, given = results.runs, results.experiment
    statuses = ", ".join(f"{count:,} {status}" for status, count in runs["status"].value_counts().items())
    rates = sorted(runs["lr"].dropna().unique())
    grid = f"{len(rates)}, from {number(rates[0])} to {number(rates[-1])}" if rates else "none"
    return [
        ("Runs", f"{len(runs):,}: {statuses}"),
        ("Optimizers", ", ".join(sorted(runs["optimizer"].unique()))),
        ("Learning rates", grid),
        ("Seeds", str(runs["seed"].nunique())),
        ("Precision", ", ".join(sorted(runs["dtype"].unique()))),
        ("Schedule", ", ".join(sorted(runs["schedule"].unique()))),
        ("Gradient transforms", _transforms(runs)),
        ("Default batch", str(given.get("batch", ""))),
    ]


def _transforms(runs: pd.DataFrame) -> str:
    """What was done to gradients, in words; never silent."""
    said = [
        f"{name} {', '.join(f'{value:g}' for value in sorted(runs[name].dropna().unique()))}"
        for name in ("clip_value", "clip_norm", "l2")
        if name in runs and runs[name].fillna(0).any()
    ]
    return ", ".join(said + ["centralise"] * bool(runs.get("centralise", pd.Series([False])).any())) or "none"


def _problems(runs: pd.DataFrame) -> list[dict[str, Any]]:
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


def _unfinished(runs: pd.DataFrame) -> list[dict[str, Any]]:
    bad = runs[runs["status"] != "finished"]
    if bad.empty:
        return []
    table = bad.groupby(["problem", "optimizer", "status"]).agg(
        runs=("id", "size"), lowest=("lr", "min"), first=("diverged_at", "min"), reason=("reason", "first")
    )
    return [{**row} for row in table.reset_index().to_dict("records")]


def number(value: Any) -> str:
    """Three significant digits; an empty cell for what does not apply."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and math.isinf(value):
        return "unfinished"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
