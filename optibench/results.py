"""A store as tidy frames: runs and curves. Needs no plugin: the rows say all."""

from __future__ import annotations

import json
import tomllib
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optibench.pieces import InputError
from optibench.store import RUNS, SURFACES, Store

FIRST = ["id", "problem", "optimizer", "plugin", "lr"]
CURVE = "curve:"


@dataclass(frozen=True)
class Results:
    """What a store holds. ``runs``: one row a run; ``curves``: one row a recorded point."""

    folder: Path
    runs: pd.DataFrame
    experiment: dict[str, Any] = field(default_factory=dict)
    _points: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row a recorded point: id, problem, optimizer, lr, seed, step, costs so far, metrics."""
        lists = self._points
        if lists.empty:
            return pd.DataFrame(columns=["id", "problem", "optimizer", "lr", "seed", "step"])
        lengths = np.array([0 if steps is None else len(steps) for steps in lists["step"]])
        keys = self.runs[["id", "problem", "optimizer", "lr", "seed"]]
        frame = keys.loc[keys.index.repeat(lengths)].reset_index(drop=True)
        for name in lists:
            filled = [
                value if isinstance(value, np.ndarray) else np.full(length, np.nan)
                for value, length in zip(lists[name], lengths, strict=True)
            ]
            frame[name] = np.concatenate(filled) if filled else []
        batch = self.runs["batch"].clip(lower=1).repeat(lengths).to_numpy()
        frame.insert(6, "samples", frame["gradient_evaluations"].to_numpy() * batch)
        return frame

    @cached_property
    def surfaces(self) -> pd.DataFrame:
        """The losses of 2-D problems on a grid: problem, x, y, loss."""
        files = sorted((self.folder / SURFACES).glob("*.parquet"))
        frames = [pd.read_parquet(path) for path in files]
        frames = [frame[frame["problem"].isin(self.runs["problem"])] for frame in frames]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["problem", "x", "y", "loss"])

    def leaderboard(self) -> pd.DataFrame:
        """The best learning rate of every optimizer on every problem, ranked."""
        from optibench.analysis.leaderboard import leaderboard

        return leaderboard(self.runs)

    def report(self, folder: Path | str | None = None, figures: list[Any] | None = None) -> Path:
        """Write index.html, figures/ and tables/ into ``folder`` (the store's own by default); returns the page."""
        from optibench.registry import registry
        from optibench.report.page import write_report

        shown = list(registry()["figure"].values()) if figures is None else figures
        return write_report(self, Path(folder or self.folder), shown)


def load(folder: Path | str) -> Results:
    """Read a store; of the runs in it, those of the experiment that was last run there."""
    import pyarrow as pa  # heavy

    folder = Path(folder)
    if not (folder / RUNS).is_dir():
        raise InputError(f"'{folder}' holds no results; run `optibench run --out {folder}` first")
    store = Store(folder)
    store.check()
    tables, left_out = store.tables()
    for line in left_out:
        warnings.warn(line, stacklevel=2)
    if not tables:
        raise InputError(f"'{folder}' holds no finished run yet; run the same command again to go on")
    frame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    selection = folder / "selection.json"
    if selection.exists():
        frame = frame[frame["id"].isin(json.loads(selection.read_text()))]
    retried = frame["status"].isin(["crashed", "timeout"])
    frame = frame[~retried | ~frame["id"].isin(frame.loc[~retried, "id"])].drop_duplicates("id", keep="last")
    short = {name: name.removeprefix("final:") for name in frame if not name.startswith(("hyperparameter:", CURVE))}
    taken = {*short.values()}
    for name in frame:
        if name.startswith("hyperparameter:"):
            bare = name.removeprefix("hyperparameter:")
            short[name] = f"{bare}_setting" if bare in taken else bare  # a rule may call its own setting `steps`
    lists = [name for name in frame if name.startswith(CURVE)]
    frame = frame.rename(columns=short)
    if "lr" not in frame:
        frame["lr"] = np.nan
    if "loss" not in frame:
        frame["loss"] = np.nan
    frame["gap"] = frame["loss"] - frame["minimum"].astype(float)  # nan where no minimum is known
    frame = frame.sort_values(["problem", "optimizer", "lr", "seed", "id"], ignore_index=True)
    rest = [name for name in frame if name not in FIRST and name not in lists]
    described = folder / "experiment.toml"
    facts = tomllib.loads(described.read_text()) if described.exists() else {}
    points = frame[lists].rename(columns=lambda name: name.removeprefix(CURVE))
    return Results(folder, frame[FIRST + rest], facts, points)
