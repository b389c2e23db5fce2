"""A folder of results, typed: runs, curves, protocol and selection, read without the code that trains."""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np
import pandas as pd

from optibench.errors import StoreError
from optibench.experiment.settings import FACTORS, TUNING
from optibench.plugin.types import Facts
from optibench.runner.store import RUNS, SURFACES, Store

if TYPE_CHECKING:
    import pyarrow as pa

FIRST = ["id", "part", "problem", "optimizer", "plugin", "lr"]
CURVE, INSTRUMENT, HYPERPARAMETER = "curve:", "instrument:", "hyperparameter:"
FINAL, WHY, UNMEASURED = "final:", "why:", "unmeasured:"


class _Row(TypedDict):
    problem: str
    optimizer: str
    tuning: str
    trials: int
    runs: list[str]


class Row(_Row, total=False):
    """How a method is reported on a problem: its tuning, the trials of a replicate, the id of a run a replicate."""

    scores: list[float]  # of the chosen trial of each replicate, on its tuning seeds; infinite if it did not finish
    on_boundary: int  # in how many replicates the best learning rate lies on the boundary of the widened grid


class Trials(TypedDict):
    """The trials of a method; ``search`` is lr or all. ``runs``: ids by replicate, trial and tuning seed."""

    problem: str
    optimizer: str
    search: str
    runs: list[list[list[str]]]


class Target(TypedDict):
    """A loss that was declared before the evaluation runs; ``epsilon`` is None where no minimum is known."""

    problem: str
    target: float
    epsilon: float | None
    provenance: str


class Protocol(TypedDict):
    """What was tuned, chosen and declared; ``contains``: problem, general rule, special case."""

    compare: str
    rows: list[Row]
    trials: list[Trials]
    targets: list[Target]
    contains: list[list[str]]


def empty_protocol() -> Protocol:
    return Protocol(compare="optimizer", rows=[], trials=[], targets=[], contains=[])


class _Experiment(TypedDict):
    name: str


@dataclass(frozen=True)
class Stored:
    """What a folder holds. ``runs``: one row a run; ``curves``: one row a recorded point.

    ``experiment`` has the settings of experiment.toml, ``selection`` the ids of the runs of the last experiment.
    """

    folder: Path
    runs: pd.DataFrame
    experiment: Facts = field(default_factory=dict)
    protocol: Protocol = field(default_factory=empty_protocol, repr=False)
    selection: tuple[str, ...] | None = field(default=None, repr=False)
    points: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)  # a row a run: lists of what was recorded
    hyperparameters: tuple[str, ...] = ("lr",)  # the columns of runs that are hyperparameters or options
    readings: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)  # likewise, of the instruments
    unsaid: tuple[str, ...] = ()  # of a table from elsewhere: what it does not say, one caveat each

    @classmethod
    def read(cls, folder: Path | str) -> Self:
        """Read a folder; of the runs in it, those of the experiment that was last run there."""
        folder = Path(folder)
        if not (folder / RUNS).is_dir():
            raise StoreError(f"'{folder}' holds no results; run `optibench run --out {folder}` first")
        store = Store(folder)
        store.check()
        tables, left_out = store.tables()
        for line in left_out:
            warnings.warn(line, stacklevel=2)
        selection = _read_json(folder / "selection.json", list[str])
        frame = _joined(tables)
        if selection is not None and not frame.empty:
            frame = frame[frame["id"].isin(selection)]
        if frame.empty:
            raise StoreError(f"'{folder}' holds no finished run yet; run the same command again to go on")
        runs, points, readings, hyperparameters = _runs_and_points(frame)
        experiment = _read_experiment(folder / "experiment.toml")
        protocol = _read_json(folder / "protocol.json", Protocol) or empty_protocol()
        ids = None if selection is None else tuple(selection)
        return cls(folder, runs, experiment, protocol, ids, points, hyperparameters, readings)

    @property
    def factor(self) -> str:
        """What is compared: optimizer, or the name of another factor."""
        return self.protocol["compare"]

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row a recorded point: id, problem, optimizer, lr, seed, step, costs so far, metrics."""
        lists = self.points
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
        columns, frames = ["problem", "x", "y", "loss"], []
        for path in sorted((self.folder / SURFACES).glob("*.parquet")):
            try:
                frame = pd.read_parquet(path)[columns].astype({"x": float, "y": float, "loss": float})
            except Exception as error:  # pyarrow has no common error
                text = " ".join(str(error).split())[:120]
                warnings.warn(f"{path} left out: {text}; delete it, and run again to write it anew", stacklevel=2)
                continue
            frames.append(frame[frame["problem"].isin(self.runs["problem"].unique())])
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)

    @cached_property
    def reported(self) -> pd.DataFrame:
        """One row for each way that a run is reported, by ``tuning``: its method at the default, tuned, ...

        ``problem`` and ``optimizer`` are what is compared; ``label`` is the optimizer that ran.
        """
        rows = [
            (row["tuning"], row["problem"], row["optimizer"], run)
            for row in self.protocol["rows"]
            for run in row["runs"]
        ]
        frame = pd.DataFrame(rows, columns=["tuning", "problem", "optimizer", "id"])
        if {*self.runs["id"]}.isdisjoint(frame["id"]):
            return best_so_far(self.runs)
        runs = self.runs.drop(columns="problem").rename(columns={"optimizer": "label"})
        return frame.merge(runs, on="id", how="inner")

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial: problem, optimizer, search, replicate, trial, score, share that diverged, hyperparameters.

        The score is what tuning minimises: the lower median over the tuning seeds of the replicate.
        """
        runs = self.runs.assign(score=tuning_scores(self.runs), diverged=self.runs["status"] == "diverged")
        columns = ["score", "diverged", *self.hyperparameters]
        frame = self.tuning_runs.join(runs.set_index("id")[columns], on="id")
        frame = frame.assign(score=frame["score"].fillna(np.inf), diverged=frame["diverged"].eq(True))
        keys = ["problem", "optimizer", "search", "replicate", "trial"]
        groups = frame.sort_values("score", kind="stable").groupby(keys, sort=False)
        middle = groups["score"].transform("size").sub(1) // 2
        chosen = frame.loc[groups.cumcount()[lambda place: place == middle].index]
        chosen = chosen.assign(diverged=groups["diverged"].transform("mean").astype(float))
        return chosen.sort_index().drop(columns="id").reset_index(drop=True)

    @cached_property
    def tuning_runs(self) -> pd.DataFrame:
        """One row a run of a trial: problem, optimizer, search, replicate, trial, id."""
        rows = [
            (trials["problem"], trials["optimizer"], trials["search"], replicate, number, run)
            for trials in self.protocol["trials"]
            for replicate, of_replicate in enumerate(trials["runs"])
            for number, of_trial in enumerate(of_replicate)
            for run in of_trial
        ]
        return pd.DataFrame(rows, columns=["problem", "optimizer", "search", "replicate", "trial", "id"])

    @property
    def targets(self) -> pd.DataFrame:
        """The targets that were declared before the evaluation runs: problem, target, epsilon, provenance."""
        return pd.DataFrame(self.protocol["targets"], columns=["problem", "target", "epsilon", "provenance"])


def tuning_scores(runs: pd.DataFrame) -> pd.Series:
    """What tuning minimises: final validation loss, or loss; infinite where a run did not finish."""
    held_out = runs["validation_loss"] if "validation_loss" in runs else pd.Series(np.nan, index=runs.index)
    return held_out.fillna(runs["loss"]).where(runs["status"] == "finished", np.inf).fillna(np.inf).astype(float)


def best_so_far(runs: pd.DataFrame) -> pd.DataFrame:
    """Where nothing was reported yet: the runs at the rate with the lowest median score so far, on the same seeds."""
    scored = runs.assign(score=tuning_scores(runs), rate=runs["lr"].fillna(0), tuning="best", label=runs["optimizer"])
    groups = ["problem", "optimizer", "rate"]
    medians = scored.groupby(groups)["score"].agg(_lower_median).reset_index()
    first = medians.sort_values(["score", "rate"], kind="stable").drop_duplicates(["problem", "optimizer"])
    return scored.merge(first[groups], on=groups, how="inner").drop(columns=["rate", "score"])


def _lower_median(values: pd.Series) -> float:
    """An order statistic: no average with infinity."""
    return float(np.sort(values.to_numpy())[(len(values) - 1) // 2])


def _joined(tables: list[pa.Table]) -> pd.DataFrame:
    """All files as one frame. A hyperparameter that is a number of one rule and a word of another is a word."""
    import pyarrow as pa  # heavy

    if not tables:
        return pd.DataFrame()
    fields = [field for table in tables for field in table.schema if field.name.startswith(HYPERPARAMETER)]
    words = {field.name for field in fields if pa.types.is_string(field.type)}
    mixed = {field.name for field in fields if field.name in words and not pa.types.is_string(field.type)}
    for index, table in enumerate(tables if mixed else []):
        schema = [pa.field(field.name, pa.string()) if field.name in mixed else field for field in table.schema]
        tables[index] = table.cast(pa.schema(schema))
    return pa.concat_tables(tables, promote_options="permissive").to_pandas()


def _runs_and_points(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """A row a run under the names that people read, the lists that it recorded, and which columns are hyperparameters.

    A retry replaces a crash.
    """
    retried = frame["status"].isin(["crashed", "timeout"])
    if retried.any():
        frame = frame[~retried | ~frame["id"].isin(frame.loc[~retried, "id"])]
    frame = frame.drop_duplicates("id", keep="last")
    measured = [name for name in frame if name.startswith((FINAL, UNMEASURED, CURVE, INSTRUMENT))]
    frame = frame.drop(columns=[name for name in measured if frame[name].isna().all()])  # of metrics of other runs
    lists = [name for name in frame if name.startswith((CURVE, INSTRUMENT))]
    short = _short_names([name for name in frame if name not in lists])
    frame = frame.rename(columns=short)
    for name in ("lr", "loss"):
        if name not in frame:
            frame[name] = np.nan
    frame.insert(1, "part", np.where(frame["seed"] >= TUNING, "tuning", "reporting"))
    frame["gap"] = frame["loss"] - frame["minimum"].astype(float)  # nan where no minimum is known
    frame = frame.sort_values(["problem", "optimizer", "lr", "seed", "id"], ignore_index=True)
    rest = [name for name in frame if name not in FIRST and name not in lists]
    points, readings = (
        frame[[name for name in lists if name.startswith(kind)]].rename(columns=lambda name: name.partition(":")[2])
        for kind in (CURVE, INSTRUMENT)
    )
    settings = [short[name] for name in short if name.startswith(HYPERPARAMETER)]
    return frame[FIRST + rest], points, readings, tuple(dict.fromkeys(["lr", *settings]))


def _short_names(names: list[str]) -> dict[str, str]:
    """Columns without the prefixes of the store, where that leaves them unique."""
    plain = [name for name in names if not name.startswith(HYPERPARAMETER)]
    short = {name: name.removeprefix(FINAL) for name in plain}
    taken = {*short.values()}
    for name in plain:
        if name.startswith(WHY) and (bare := name.removeprefix(WHY)) not in taken:  # a metric may have that name
            short[name] = bare
    taken = {*short.values()}
    for name in names:
        if name.startswith(HYPERPARAMETER):
            bare = name.removeprefix(HYPERPARAMETER)
            short[name] = f"{bare}_setting" if bare in taken else bare  # a rule may call its own setting `steps`
    return short


def _read_json(path: Path, kind: Any) -> Any:
    """What a JSON file holds, of this type; None without the file. JSON has no infinity: a score of null is one."""

    def parse(text: str) -> object:
        return json.loads(text, object_hook=_scored)

    value = _read(path, parse)
    if value is not None and not fits(value, kind):
        raise _unreadable(path, "it holds something else")
    if kind is Protocol and value is not None and value["compare"] not in FACTORS:
        raise _unreadable(path, f"there is no factor '{value['compare']}'")
    return value


def _scored(facts: Facts) -> Facts:
    if isinstance(facts.get("scores"), list):
        facts["scores"] = [np.inf if score is None else score for score in facts["scores"]]
    return facts


def _read_experiment(path: Path) -> Facts:
    """The settings of an experiment file; none without it."""
    facts = _read(path, tomllib.loads)
    if facts is not None and not fits(facts, _Experiment):
        raise _unreadable(path, "it is not an experiment: it has no name")
    return facts or {}


def _read(path: Path, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, not TOML
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, why: str) -> StoreError:
    return StoreError(f"'{path}' cannot be read ({why}); run the same command again to write it anew")


def fits(value: object, kind: Any) -> bool:
    """Whether plain data has this type; a whole number is a float too, and True is no number."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is list:
        plain = isinstance(value, list) and inside[0] is str and {*map(type, value)} <= {str}  # long lists of ids
        return plain or (isinstance(value, list) and all(fits(item, inside[0]) for item in value))
    if origin is dict:
        return isinstance(value, dict) and all(fits(item, inside[1]) for item in value.values())
    if origin in (Union, UnionType):
        return any(fits(value, option) for option in inside)
    if is_typeddict(kind):
        if not isinstance(value, dict) or not kind.__required_keys__ <= value.keys():
            return False
        return all(fits(value[name], hint) for name, hint in _hints(kind).items() if name in value)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
