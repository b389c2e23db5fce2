"""Frames in the terminal."""

from __future__ import annotations

import math

import pandas as pd
from rich.console import Console
from rich.table import Table

from optibench.analysis.declaration import flat
from optibench.analysis.leaderboard import other_scores
from optibench.results import Results


def print_leaderboard(results: Results) -> None:
    """Every problem's methods by rank: score as shown, at the default, with everything tuned, and what diverged."""
    board = results.leaderboard()
    titles = other_scores(board, results.compare().tuning)
    factor = results.factor
    width = max([len(factor), *board["optimizer"].str.len()])
    for problem, rows in board.groupby("problem"):
        table = Table(box=None, pad_edge=False, header_style="dim", title=str(problem), title_justify="left")
        table.title_style = "bold"
        table.add_column(factor, min_width=width, no_wrap=True)
        for name in ("rank", "lr", "score", *titles.values(), "accuracy", "diverged"):
            table.add_column(name, justify="right", min_width=max(len(name), 8 if name != "rank" else 0), no_wrap=True)
        for row in rows.to_dict("records"):
            table.add_row(
                row["optimizer"],
                str(row["rank"]),
                number(row["lr"]) + ("*" if row["lr_on_boundary"] else ""),
                number(row["score"]),
                *(number(row[name]) for name in titles),
                "" if math.isnan(row["test_accuracy"]) else f"{row['test_accuracy']:.1%}",
                f"{row['diverged']:.0%}" if row["diverged"] else "",
            )
        Console().print(table)
        Console().print()


def print_frame(frame: pd.DataFrame) -> None:
    """Any frame, a row a line; an empty one is called so."""
    if frame.empty:
        Console().print("  no rows", style="dim")
        return
    table, frame = Table(box=None, pad_edge=False, header_style="bold"), flat(frame)
    for name in frame:
        table.add_column(str(name), overflow="fold", justify="right" if frame[name].dtype.kind in "fiu" else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(number(value) if isinstance(value, float) else str(value) for value in row))
    wide = Console(width=1000)
    needed = wide.measure(table).maximum  # a row stays a line, however wide
    Console(width=max(Console().width, needed)).print(table, markup=False)


def number(value: float) -> str:
    """Three significant digits; empty where there is none, and a word for what did not finish."""
    if math.isinf(value):
        return "unfinished" if value > 0 else "-inf"
    return "" if math.isnan(value) else f"{value:.3g}"
