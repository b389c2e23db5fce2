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

from optibench.analysis.comparison import Comparison
from optibench.errors import StoreError
from optibench.experiment.settings import TUNING
from optibench.runner.store import RUNS, SURFACES, Store

FIRST = ["id", "part", "problem", "optimizer", "plugin", "lr"]
CURVE = "curve:"


@dataclass(frozen=True)
class Results:
    """What a store holds. ``runs``: one row a run; ``curves``: one row a recorded point."""

    folder: Path
    runs: pd.DataFrame
    experiment: dict[str, Any] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict, repr=False)  # what was tuned, chosen and declared
    _points: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    _compared: dict[str, Comparison] = field(default_factory=dict, repr=False, compare=False)

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

    @cached_property
    def reported(self) -> pd.DataFrame:
        """One row for each way that a run is reported, by ``tuning``: its contender at the default, tuned, ...

        ``problem`` and ``optimizer`` are what is compared; ``label`` is the optimizer that ran.
        """
        from optibench.analysis.tuning import best, rows_of

        rows = rows_of(self.protocol)
        if rows.empty or not rows["id"].isin(self.runs["id"]).any():
            return best(self.runs)
        runs = self.runs.drop(columns="problem").rename(columns={"optimizer": "label"})
        return rows.merge(runs, on="id", how="inner")

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial of tuning: problem, optimizer, search, its settings, its score."""
        from optibench.analysis.tuning import trials_of

        return trials_of(self.protocol, self.runs)

    @property
    def targets(self) -> pd.DataFrame:
        """The targets that were declared before the reported runs: problem, target, epsilon, provenance."""
        columns = ["problem", "target", "epsilon", "provenance"]
        return pd.DataFrame(self.protocol.get("targets", []), columns=columns)

    def compare(self, tuning: Any = None, problem: Any = None, optimizer: Any = None, seed: Any = None) -> Comparison:
        """The scores that every analysis below is made of; ``tuning`` is lr, all, default or given.

        ``problem``, ``optimizer`` and ``seed`` are a name or a list of them; ``caveats`` says what cannot be concluded.
        """
        from optibench.analysis.comparison import compare

        key = repr((tuning, problem, optimizer, seed))
        if key not in self._compared:
            factor = self.protocol.get("compare", "optimizer")
            self._compared[key] = compare(self.reported, factor, tuning, problem, optimizer, seed)
        return self._compared[key]

    def leaderboard(self, **chosen: Any) -> pd.DataFrame:
        """One row a problem and contender, by rank: what it reached at its default, and tuned. Filters: see compare."""
        from optibench.analysis.leaderboard import leaderboard

        return leaderboard(self, self.compare(**chosen))

    def ranks(self, **chosen: Any) -> pd.DataFrame:
        """One row a contender: its mean rank over problems with a bootstrap interval, and whom it is not told from."""
        from optibench.analysis.leaderboard import overall

        return overall(self.compare(**chosen))

    def pairwise(self, a: str | None = None, b: str | None = None, **chosen: Any) -> pd.DataFrame:
        """One row a problem and pair (all of them, or a against b), and one for all problems together."""
        from optibench.analysis.pairs import pairwise

        return pairwise(self.compare(**chosen), a, b)

    def time_to_target(self, target: float | None = None, **chosen: Any) -> pd.DataFrame:
        """One row a problem, target and contender: how many runs reach it, and at what cost. Misses are censored."""
        from optibench.analysis.time_to_target import time_to_target

        return time_to_target(self, self.compare(**chosen), target)

    def profile(self, kind: str = "performance", **chosen: Any) -> pd.DataFrame:
        """A profile over problems and targets: performance, data, ecdf, area or algoperf."""
        from optibench.analysis.time_to_target import profile

        return profile(self, self.compare(**chosen), kind)

    def sensitivity(self, **chosen: Any) -> pd.DataFrame:
        """One row a problem, contender and rate tried: its score, its share of the best, how many runs diverged."""
        from optibench.analysis.sensitivity import sensitivity

        return sensitivity(self, self.compare(**chosen))

    def stability(self, **chosen: Any) -> pd.DataFrame:
        """Who would lead if seeds, problems, contenders, cost unit, horizon or tuning had been others."""
        from optibench.analysis.stability import stability

        return stability(self, self.compare(**chosen))

    def tuning(self, **chosen: Any) -> pd.DataFrame:
        """One row a problem and contender: scores at its default and tuned, and the optimism of tuning."""
        from optibench.analysis.tuning import tuning

        return tuning(self, self.compare(**chosen))

    def expected(self, **chosen: Any) -> pd.DataFrame:
        """The expected best score of k trials, k = 1 to all, so that a tuning budget can be read off."""
        from optibench.analysis.tuning import expected

        return expected(self, self.compare(**chosen))

    def crossings(self, **chosen: Any) -> pd.DataFrame:
        """Pairs whose medians change order along the budget."""
        from optibench.analysis.stability import crossings

        return crossings(self, self.compare(**chosen))

    def why(self, tuning: Any = None, problem: Any = None, optimizer: Any = None, seed: Any = None) -> pd.DataFrame:
        """One row a run that ended badly or slowly, those of tuning too, with a sentence that says why."""
        from optibench.analysis.comparison import chosen
        from optibench.analysis.explain_runs import every

        runs = self.runs if tuning is None else self.compare(tuning).rows
        return every(chosen(runs, problem=problem, optimizer=optimizer, seed=seed))

    def causes(self, **chosen: Any) -> pd.DataFrame:
        """Why the compared runs ended badly or slowly: one row a problem, contender and cause, with an example."""
        from optibench.analysis.explain_runs import causes

        return causes(self.compare(**chosen).rows)

    def verdict(self, **chosen: Any) -> pd.DataFrame:
        """The comparison in words: a sentence for the whole, in the first row, and one a problem, with the numbers."""
        from optibench.analysis.verdict import verdict

        return verdict(self.compare(**chosen))

    def report(self, folder: Path | str | None = None, figures: list[Any] | None = None) -> Path:
        """Write index.html, figures/ and tables/ into ``folder`` (the store's own by default); returns the page."""
        from optibench.plugin.registry import registry
        from optibench.report.page import write_report

        shown = list(registry()["figure"].values()) if figures is None else figures
        return write_report(self, Path(folder or self.folder), shown)


def _chosen(path: Path) -> dict[str, Any]:
    """What was chosen, with the score of a trial that did not finish as infinite: JSON has no infinity."""
    try:
        protocol: dict[str, Any] = json.loads(path.read_text())
        for told in (*protocol["rows"], *protocol["trials"]):
            if "score" in told and told["score"] is None:
                told["score"] = float("inf")
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"'{path}' cannot be read; give the same command again, and it is written anew") from error
    return protocol


def load(folder: Path | str) -> Results:
    """Read a store; of the runs in it, those of the experiment that was last run there."""
    import pyarrow as pa  # heavy

    folder = Path(folder)
    if not (folder / RUNS).is_dir():
        raise StoreError(f"'{folder}' holds no results; run `optibench run --out {folder}` first")
    store = Store(folder)
    store.check()
    tables, left_out = store.tables()
    for line in left_out:
        warnings.warn(line, stacklevel=2)
    if not tables:
        raise StoreError(f"'{folder}' holds no finished run yet; run the same command again to go on")
    frame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    selection = folder / "selection.json"
    if selection.exists():
        frame = frame[frame["id"].isin(json.loads(selection.read_text()))]
    retried = frame["status"].isin(["crashed", "timeout"])
    frame = frame[~retried | ~frame["id"].isin(frame.loc[~retried, "id"])].drop_duplicates("id", keep="last")
    plain = [name for name in frame if not name.startswith(("hyperparameter:", CURVE))]
    short = {name: name.removeprefix("final:") for name in plain}
    taken = {*short.values()}
    for name in plain:
        if name.startswith("why:") and (bare := name.removeprefix("why:")) not in taken:  # a metric may have that name
            short[name] = bare
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
    frame.insert(1, "part", np.where(frame["seed"] >= TUNING, "tuning", "reporting"))
    frame["gap"] = frame["loss"] - frame["minimum"].astype(float)  # nan where no minimum is known
    frame = frame.sort_values(["problem", "optimizer", "lr", "seed", "id"], ignore_index=True)
    rest = [name for name in frame if name not in FIRST and name not in lists]
    described = folder / "experiment.toml"
    facts = tomllib.loads(described.read_text("utf-8")) if described.exists() else {}
    protocol = folder / "protocol.json"
    chosen = _chosen(protocol) if protocol.exists() else {}
    points = frame[lists].rename(columns=lambda name: name.removeprefix(CURVE))
    return Results(folder, frame[FIRST + rest], facts, chosen, points)
