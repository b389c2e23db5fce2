"""The leaderboard in the terminal."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from optibench.results import Results


def print_leaderboard(results: Results) -> None:
    """Every problem's contenders by rank: score as shown, at the default, with everything tuned, and what diverged."""
    board = results.leaderboard()
    titles = {"default_score": "at default", "all_score": "all tuned"}
    tunings = [name for name in titles if name in board]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("problem", results.protocol.get("compare", "optimizer")):
        table.add_column(name, overflow="fold")
    for name in ("rank", "lr", "score", "quartiles", *(titles[name] for name in tunings), "test accuracy", "diverged"):
        table.add_column(name, justify="right")
    shown = ""
    for row in board.to_dict("records"):
        new = row["problem"] != shown
        if new and shown:
            table.add_section()
        shown = row["problem"]
        table.add_row(
            shown if new else "",
            row["optimizer"],
            str(row["rank"]),
            number(row["lr"]) + ("*" if row["lr_at_edge"] else ""),
            number(row["score"]),
            f"{number(row['score_low'])} to {number(row['score_high'])}",
            *(number(row[name]) for name in tunings),
            "" if math.isnan(row["test_accuracy"]) else f"{row['test_accuracy']:.1%}",
            f"{row['diverged']:.0%}" if row["diverged"] else "",
        )
    Console().print(table)


def print_frame(frame: Any) -> None:
    """Any frame, a row a line; what an empty one means is said."""
    if frame.empty:
        Console().print("  nothing to show", style="dim")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame:
        table.add_column(str(name), overflow="fold", justify="right" if frame[name].dtype.kind in "fiu" else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(number(value) if isinstance(value, float) else str(value) for value in row))
    Console().print(table, markup=False)


def number(value: float) -> str:
    """Three significant digits; empty where there is none, and a word for what did not finish."""
    if math.isinf(value):
        return "unfinished" if value > 0 else "-inf"
    return "" if math.isnan(value) else f"{value:.3g}"
