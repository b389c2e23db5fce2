"""Results from elsewhere: a tidy table as results that every analysis reads. What the table does not say stays empty.

A row is a run's final numbers; with a column ``step`` it is a recorded point, and the last is final. ``unsaid`` says in
plain sentences what can still be concluded, and why no more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from optibench.engine.records import COUNTS, Status
from optibench.errors import StoreError, UnknownName, quoted
from optibench.stored import Protocol, Row, Stored, empty_protocol

Results = TypeVar("Results", bound=Stored)

KEYS = ["problem", "optimizer", "seed"]
#: Columns that are numbers, but no metrics; and words.
NUMBERS = (
    "lr", "diverged_at", "steps", *COUNTS, "samples", "seconds", "evaluation_share", "batch", "minimum", "parameters",
)  # fmt: skip
WORDS = ("plugin", "reason", "budget", "sampler", "dtype", "schedule")
#: Names that analyses give to columns of their own.
TAKEN = ("id", "part", "gap", "tuning", "label", "score")
#: How a run of a table may have ended.
ENDED = [str(status) for status in Status if status is not Status.RUNNING]


def read_csv(path: Path) -> pd.DataFrame:
    """The table in a file; one line for a file that holds none."""
    try:
        return pd.read_csv(path, skipinitialspace=True)
    except pd.errors.EmptyDataError as error:
        raise StoreError(f"'{path}' is empty; it needs the columns {', '.join([*KEYS, 'loss'])}") from error
    except OSError as error:
        raise StoreError(f"cannot read '{path}': {error.strerror or error}; give a CSV file") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, or lines of different lengths
        text = " ".join(str(error).split())[:120]
        raise StoreError(f"'{path}' is not valid CSV ({text}); give a table with a header line") from error


def from_table(kind: type[Results], frame: pd.DataFrame, source: str) -> Results:
    """The results in a table; ``source`` is what errors call it, and its stem is the name of the results."""
    unsaid: list[str] = []
    frame = _columns(frame, source, unsaid)
    frame = _keys(frame, source, unsaid)
    for name in ("loss", "step", "test_loss", *NUMBERS):
        if name in frame:
            frame[name] = _numbers(frame, name, source)
    frame = _distinct(frame, source, unsaid)
    runs = _runs(frame, source, unsaid)
    unsaid += _unsaid(frame, runs)
    protocol: Protocol = {**empty_protocol(), "rows": _rows(runs)}
    name = Path(source).stem
    return kind(
        Path("reports") / name, runs, {"name": name}, protocol, points=_points(frame), unsaid=tuple(unsaid)
    )  # fmt: skip


def _columns(frame: pd.DataFrame, source: str, unsaid: list[str]) -> pd.DataFrame:
    """The columns that are needed, and those of the others that analyses can use."""
    frame = frame.reset_index(drop=frame.index.names == [None])
    frame = frame.rename(columns=lambda name: str(name).strip())
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise StoreError(f"'{source}' has two columns '{twice[0]}'; rename one")
    missing = [name for name in ("problem", "optimizer", "loss") if name not in frame]
    if missing:
        names = ", ".join(map(str, frame.columns))[:120] or "none"
        raise StoreError(f"'{source}' has no column '{missing[0]}' (its columns: {names}); add it, or rename one")
    if "part" in frame and (tuned := frame["part"] == "tuning").any():
        unsaid.append(
            f"{_count(int(tuned.sum()), 'row')} of tuning runs are left out: the table does not say what they chose"
        )
        frame = frame[~tuned]
    if frame.empty:
        raise StoreError(f"'{source}' has no rows; add one for each problem, optimizer and seed")
    gone = [name for name in frame if name in TAKEN and name not in ("id", "part", "gap")]
    gone += [name for name in frame if not is_numeric_dtype(frame[name]) and not _is_words(frame[name])]
    if gone:
        unsaid.append(f"columns left out: {', '.join(gone)}: no numbers or text, or a name of optibench's own")
    return frame.drop(columns=[name for name in frame if name in TAKEN or name in gone]).reset_index(drop=True)


def _is_words(column: pd.Series) -> bool:
    return column.dropna().map(lambda value: isinstance(value, str | int | float | np.number | np.bool_)).all()


def _keys(frame: pd.DataFrame, source: str, unsaid: list[str]) -> pd.DataFrame:
    """Every row with its problem, method and seed; one row a method needs no seed."""
    if "seed" not in frame:
        several = "step" in frame or frame.duplicated(["problem", "optimizer"]).any()
        if several:
            raise StoreError(
                f"'{source}' has no column 'seed': which rows belong together cannot be known, and methods are "
                "compared seed by seed; add the seed of every run"
            )
        unsaid.append("the table has no column 'seed': its only row for each problem and method counts as one seed")
        frame["seed"] = 0
    for name in ("problem", "optimizer"):
        words = frame[name].astype(object)
        empty = words.isna() | (words.astype(str).str.strip() == "")
        if empty.any():
            raise StoreError(f"'{source}', row {_row(empty)}: no {name}; name it, or delete the row")
        frame[name] = words.astype(str).str.strip()
    seeds = _numbers(frame, "seed", source)
    wrong = ~(seeds.abs() < 2**53) | (seeds % 1 != 0)
    if wrong.any():
        value = frame["seed"][wrong].iloc[0]
        raise StoreError(f"'{source}', row {_row(wrong)}: seed {quoted(str(value))} must be a whole number")
    return frame.assign(seed=seeds.astype("int64"))


def _numbers(frame: pd.DataFrame, name: str, source: str) -> pd.Series:
    """A column as numbers; empty cells stay empty, and any other text is an error."""
    column = frame[name]
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
    empty = column.isna() | column.astype(str).str.strip().str.lower().isin(["", "nan", "na", "none"])
    wrong = np.isnan(numbers) & ~empty
    if wrong.any():
        value = quoted(str(column[wrong].iloc[0])[:40])
        raise StoreError(f"'{source}', row {_row(wrong)}: {name} {value} is not a number; write one, or leave it empty")
    return pd.Series(numbers, frame.index)


def _row(wrong: pd.Series) -> int:
    """The first of these rows, counted from 1 below the header."""
    return int(np.argmax(wrong)) + 1


def _distinct(frame: pd.DataFrame, source: str, unsaid: list[str]) -> pd.DataFrame:
    """One row a run, or a run and step: equal rows count once, and a run whose rows differ is left out."""
    keys = [*KEYS, *(["step"] if "step" in frame else [])]
    if "step" in frame and (empty := frame["step"].isna()).any():
        raise StoreError(f"'{source}', row {_row(empty)}: no step; give the step of every row, or drop the column")
    once = frame.drop_duplicates()
    if len(once) < len(frame):
        unsaid.append(f"{_count(len(frame) - len(once), 'row')} that occur twice are counted once")
    twice = once[once.duplicated(keys)]
    if twice.empty:
        return once.sort_values(keys, ignore_index=True)
    runs = pd.MultiIndex.from_frame(once[KEYS])
    differ = runs.isin(pd.MultiIndex.from_frame(twice[KEYS]))
    first = twice.iloc[0]
    where = f"{first['optimizer']} on {first['problem']} at seed {first['seed']}"
    rates = once[differ].groupby(KEYS)["lr"].nunique(dropna=False) if "lr" in once else pd.Series(dtype=int)
    if (rates > 1).any():  # to keep the runs whose rates happen to agree would be a choice by the results
        raise StoreError(
            f"'{source}' has rows of one run with several learning rates, such as {where}; keep those that are to be "
            "compared, or give each rate a name of its own, such as 'adam:lr=0.1'"
        )
    if differ.all():
        raise StoreError(
            f"'{source}' has several different rows for every run, such as {where}: which one counts cannot be known; "
            "keep one, or give settings that differ names of their own, such as 'adam:lr=0.1'"
        )
    unsaid.append(
        f"{_count(runs[differ].nunique(), 'run')} left out, such as {where}: several different rows of one run, and "
        "the table does not say which counts"
    )
    return once[~differ].sort_values(keys, ignore_index=True)


def _runs(frame: pd.DataFrame, source: str, unsaid: list[str]) -> pd.DataFrame:
    """The last row of every run, with how it ended and the columns that analyses read."""
    runs = frame.drop_duplicates(KEYS, keep="last").reset_index(drop=True)
    if "step" in runs:
        runs = runs.assign(steps=runs.get("steps", runs["step"])).drop(columns="step")
    runs = runs.assign(status=_statuses(runs, source, unsaid))
    finished = runs["status"] == "finished"
    for name in _metrics(runs):
        runs[name] = runs[name].astype(float).where(finished)
    if "test_loss" in runs:
        mixed = runs["problem"].isin(runs.loc[finished & runs["test_loss"].isna(), "problem"])
        partly = sorted(set(runs.loc[mixed & runs["test_loss"].notna(), "problem"]))
        unsaid += [
            f"{name}: some finished runs have no test_loss, so all are compared by their loss" for name in partly
        ]
        runs["test_loss"] = runs["test_loss"].where(~mixed)
    for name in NUMBERS:
        runs[name] = runs.get(name, np.nan)
    for name in WORDS:
        runs[name] = runs[name].fillna("").astype(str) if name in runs else ""
    unexplained = ~runs["status"].isin(["finished", "diverged"]) & (runs["reason"] == "")
    runs["reason"] = runs["reason"].where(~unexplained, "the table gives no reason")
    ids = [f"run {number}" for number in range(1, len(runs) + 1)]
    runs = runs.assign(id=ids, part="reporting", gap=runs["loss"] - runs["minimum"])
    first = ["id", "part", "problem", "optimizer", "plugin", "lr", "seed", "status", "reason", "loss"]
    return runs[first + [name for name in runs if name not in first]]


def _statuses(runs: pd.DataFrame, source: str, unsaid: list[str]) -> pd.Series:
    """How each run ended: as the table says, or by whether its loss is finite."""
    finite = np.isfinite(runs["loss"]) & ~np.isinf(runs.get("test_loss", runs["loss"]))
    given = runs["status"] if "status" in runs else pd.Series(None, runs.index, dtype=object)
    given = given.map(lambda value: str(value).strip().lower(), na_action="ignore")
    for value in given.dropna().unique():
        if value not in ENDED:
            raise UnknownName(f"status in '{source}'", value, ENDED)
    status = given.where(given.notna(), np.where(finite, "finished", "diverged"))
    lost = ~finite & (given.isna() | (status == "finished"))
    if lost.any():
        few = "counts as" if lost.sum() == 1 else "count as"
        unsaid.append(f"{_count(int(lost.sum()), 'run')} without a finite loss {few} diverged, last in every rank")
    return status.where(~lost, "diverged")


def _metrics(frame: pd.DataFrame) -> list[str]:
    """The columns that measure how good a run is: numbers that are no setting, cost or truth value."""
    known = {*KEYS, *NUMBERS, "step"}
    numeric = [name for name in frame if is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])]
    return [str(name) for name in numeric if name not in known]


def _rows(runs: pd.DataFrame) -> list[Row]:
    """Every method on every problem, as given."""
    groups = runs.groupby(["problem", "optimizer"])["id"]
    return [
        Row(problem=str(problem), optimizer=str(optimizer), tuning="given", trials=0, runs=ids.tolist())
        for (problem, optimizer), ids in groups
    ]


def _points(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a run, in the order of the runs, with the lists of what was recorded; none without steps."""
    runs = ~frame.duplicated(KEYS)
    if "step" not in frame:
        return pd.DataFrame({name: [np.empty(0)] * int(runs.sum()) for name in ("step", *COUNTS, "loss")})
    counts = {name: frame[name] if name in frame else frame["step"] * 0 for name in COUNTS}
    if not any(name in frame for name in COUNTS):
        counts[COUNTS[0]] = frame["step"]  # a step is counted as one evaluation
    columns = {"step": frame["step"], **counts, **{name: frame[name] for name in _metrics(frame)}}
    starts = np.flatnonzero(runs)[1:]
    return pd.DataFrame({name: np.split(column.to_numpy(float), starts) for name, column in columns.items()})


def _unsaid(frame: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """What no reader of the table can know, and what follows."""
    lines = ["the table does not say how hyperparameters were tuned: a method may lead because it was tuned more"]
    if "fingerprint" not in frame:
        lines.append(
            "the table has no fingerprints: whether all methods had the same problem, data and starting points cannot "
            "be checked"
        )
    if any(name in frame for name in COUNTS):
        return lines
    if "step" not in frame:
        return [*lines, "the table has no costs and no curves: methods are compared by their ends, whatever these cost"]
    lines.append("the table has no costs: a step is counted as one evaluation of one example")
    for problem, group in runs[runs["status"] == "finished"].groupby("problem"):
        steps = group.groupby("optimizer")["steps"].median().sort_values(kind="stable")
        if steps.nunique() > 1:
            ends = f"{steps.index[0]} after {steps.iloc[0]:g} steps, {steps.index[-1]} after {steps.iloc[-1]:g}"
            lines.append(f"{problem}: methods end after different numbers of steps ({ends}), so their budgets differ")
    return lines


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"
