"""The leaderboard in the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from optibench.results import Results


def print_leaderboard(results: Results) -> None:
    """Every problem's optimizers by rank: the rate that did best, the median loss over seeds, what diverged."""
    board = results.leaderboard()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("problem", "optimizer"):
        table.add_column(name, overflow="fold")
    for name in ("rank", "best lr", "loss", "test accuracy", "diverged"):
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
            _number(row["lr"]),
            _number(row["loss"]),
            "" if math.isnan(row["test_accuracy"]) else f"{row['test_accuracy']:.1%}",
            f"{row['diverged']:.0%}" if row["diverged"] else "",
        )
    Console().print(table)


def _number(value: float) -> str:
    if math.isinf(value):
        return "unfinished"
    return "" if math.isnan(value) else f"{value:.3g}"
