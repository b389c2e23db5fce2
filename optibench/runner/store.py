"""A folder of results: one Parquet file a cohort, written whole, then renamed; never edited."""

from __future__ import annotations

import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from optibench.engine.records import COUNTS, FORMAT, Cohort, Ending, Known, Outcome
from optibench.errors import InputError
from optibench.experiment.settings import Experiment
from optibench.plugin.choice import label
from optibench.plugin.types import Array


def curve_points(outcome: Outcome, row: int) -> Iterator[dict[str, Any]]:
    """The recorded points of one run, in order."""
    for point in outcome.points:
        places = np.flatnonzero(point["runs"] == row)
        if len(places):
            place = places[0]
            columns = {name: float(value[place]) for name, value in point["columns"].items()}
            counts = {name: int(value[place]) for name, value in point["counts"].items()}
            yield {"step": point["step"], **counts, **columns}


RUNS, PARTIAL, SURFACES = "runs", "partial", "surfaces"


#: What ended without being the run's own doing is tried again: a crash always, a timeout under a longer limit.
RETRIED = ("crashed", "timeout")


class Store:
    """The files of one folder."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def open(self) -> Store:
        """Make the folder, and refuse one that cannot be written or was written in another format."""
        marker = self.folder / "format.json"
        try:
            (self.folder / RUNS).mkdir(parents=True, exist_ok=True)
            (self.folder / PARTIAL).mkdir(exist_ok=True)
            self.check()
            if not marker.exists():
                write_whole(marker, json.dumps({"format": FORMAT}).encode())
            probe = self.folder / PARTIAL / f"probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"cannot write to '{self.folder}': {error.strerror}; choose another folder by --out"
            ) from error
        return self

    def check(self) -> None:
        marker = self.folder / "format.json"
        if not marker.exists():
            return
        try:
            found = json.loads(marker.read_text())["format"]
        except (ValueError, KeyError, TypeError):
            found = "unknown"
        if found != FORMAT:
            raise InputError(
                f"the store '{self.folder}' has format {found}, this optibench reads {FORMAT}; choose another --out, "
                "or read it with the version that wrote it"
            )

    def files(self) -> list[Path]:
        return sorted((self.folder / RUNS).glob("*.parquet"))

    def tables(self) -> tuple[list[Any], list[str]]:
        """The Arrow table of every cohort, and one line for each file that is none of ours or is broken."""
        tables, left_out = [], []
        for path in self.files():
            try:
                table = read(path)
                if (table.schema.metadata or {}).get(b"optibench") != str(FORMAT).encode():
                    raise ValueError("not written by optibench in this format")
                check_columns(table)
            except Exception as error:  # pyarrow has no common error
                text = " ".join(str(error).split())[:120]
                left_out.append(f"{path} left out: {text}; delete it, and run again to fill the gap")
                continue
            tables.append(table)
        return tables, left_out

    def ended(self, cohort: Cohort) -> dict[str, Known]:
        """The runs in the file of a cohort, by id."""
        return dict(_known(read(self.folder / RUNS / f"{cohort.key}.parquet")))

    def done(self, timeout: float | None) -> tuple[dict[str, Known], list[str]]:
        """The runs that need not be repeated, by id, and what was left out."""
        done: dict[str, Known] = {}
        tables, left_out = self.tables()
        for table in tables:
            limits = table["time_limit"].to_pylist()
            for (run, known), limit in zip(_known(table), limits, strict=True):
                longer = limit is not None and (timeout is None or timeout > limit)
                if known.status == "crashed" or (known.status == "timeout" and longer):
                    continue
                done[run] = known
        return done, left_out

    def statuses(self) -> tuple[Counter[str], list[str]]:
        """How the selected runs ended, and what was left out."""
        tables, left_out = self.tables()
        selected = set(json.loads((self.folder / "selection.json").read_text()))
        ended: dict[str, str] = {}
        for table in tables:
            rows = table.select(["id", "status"]).to_pydict()
            for run, status in zip(rows["id"], rows["status"], strict=True):
                if run in selected and ended.get(run, "crashed") in RETRIED:
                    ended[run] = status
        return Counter(ended.values()), left_out

    def write(self, cohort: Cohort, outcome: Outcome, facts: dict[str, Any]) -> None:
        """One row a run: facts, hyperparameters, ending, costs, final metrics and curves."""
        import pyarrow as pa  # heavy
        import pyarrow.parquet as pq

        rows = [_row(cohort, outcome, index, facts) for index in range(len(cohort.runs))]
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})
        table = table.replace_schema_metadata({"optibench": str(FORMAT)})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        write_whole(self.folder / RUNS / f"{cohort.key}.parquet", buffer.getvalue())

    def partial(self, cohort: Cohort) -> PartialPoints:
        return PartialPoints(self.folder / PARTIAL / f"{cohort.key}.npy")

    def write_experiment(self, what: Experiment) -> None:
        """The resolved experiment."""
        write_whole(self.folder / "experiment.toml", to_toml(what.facts()).encode())

    def write_protocol(self, facts: dict[str, Any], ids: Iterable[str]) -> None:
        """What was tuned and chosen so far, and the ids of the runs so far: what a report of this folder is about."""
        write_whole(self.folder / "protocol.json", json.dumps(facts, indent=1, allow_nan=False).encode())
        write_whole(self.folder / "selection.json", json.dumps(sorted({*ids})).encode())

    def write_surface(self, problem: str, x: Array, y: Array, loss: Array) -> None:
        """A 2-D problem on a grid, long form, so that its pictures can be drawn when the plugin is gone."""
        import pyarrow as pa  # heavy
        import pyarrow.parquet as pq

        (self.folder / SURFACES).mkdir(exist_ok=True)
        table = pa.table({"problem": [problem] * len(x), "x": x, "y": y, "loss": loss})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in problem)
        write_whole(self.folder / SURFACES / f"{name}.parquet", buffer.getvalue())


class PartialPoints:
    """The points that a cohort has recorded so far, on disk, for when its process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def _begun(self) -> Path:
        return self.path.with_suffix(".begun")

    def begin(self) -> None:
        self.clear()
        self._begun.touch()

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self._begun.unlink(missing_ok=True)

    def age(self) -> float:
        """Seconds since the cohort began; 0 if it never did."""
        try:
            return time.time() - self._begun.stat().st_mtime
        except OSError:
            return 0.0

    def add(self, point: dict[str, Any]) -> None:
        names = [*point["columns"]]
        numbers = np.column_stack(
            [point["runs"], *(point["counts"][name] for name in COUNTS), *point["columns"].values()]
        )
        with self.path.open("ab") as file:
            np.save(file, np.array([str(point["step"]), *names]))
            np.save(file, numbers.astype(float))

    def outcome(self, size: int, status: str, reason: str) -> Outcome:
        """What is left of a cohort whose process died: its points, and every run ended by ``status``."""
        points = list(self._read())
        endings = [Ending(status, reason) for _ in range(size)]
        for point in points:
            for place, run in enumerate(point["runs"]):
                endings[run].steps = point["step"]
                endings[run].counts = {name: int(count[place]) for name, count in point["counts"].items()}
        return Outcome(endings, points)

    def _read(self) -> Iterator[dict[str, Any]]:
        try:
            with self.path.open("rb") as file:
                while True:
                    step, *names = np.load(file, allow_pickle=False).tolist()
                    numbers = np.load(file, allow_pickle=False).T
                    counts = {name: numbers[1 + place].astype(int) for place, name in enumerate(COUNTS)}
                    columns = dict(zip(names, numbers[1 + len(COUNTS) :], strict=True))
                    yield {"step": int(step), "runs": numbers[0].astype(int), "counts": counts, "columns": columns}
        except (OSError, ValueError, EOFError):
            return  # the end, or a point that was being written


def _row(cohort: Cohort, outcome: Outcome, index: int, facts: dict[str, Any]) -> dict[str, Any]:
    run, ending = cohort.runs[index], outcome.endings[index]
    per_gradient = max(cohort.batch, 1)
    row = {
        "id": run.id,
        **facts,
        "optimizer": cohort.label,
        "seed": run.seed,
        "status": ending.status,
        "reason": ending.reason,
        "diverged_at": ending.diverged_at,
        "steps": ending.steps,
        **{name: ending.counts.get(name, 0) for name in COUNTS},
        "samples": ending.counts.get("gradient_evaluations", 0) * per_gradient,
        "seconds": ending.steps * outcome.seconds_per_step,
        "evaluation_share": outcome.evaluation_share,
        "budget": f"{cohort.budget[1]} {cohort.budget[0]}",
        "batch": cohort.batch,
        "sampler": cohort.sampler,
        "dtype": cohort.dtype,
        "schedule": label(*cohort.schedule),
        **asdict(cohort.transforms),
        "fingerprint": cohort.fingerprint,
        **{f"hyperparameter:{key}": value for key, value in run.hyperparameters.items()},
        **{f"hyperparameter:{key}": str(value) for key, value in cohort.options.items()},
        **{f"final:{key}": value for key, value in ending.final.items()},
        **{f"why:{key}": value for key, value in ending.why.items()},
        **{f"unmeasured:{metric}": reason for metric, reason in outcome.unmeasured.items()},
    }
    points = list(curve_points(outcome, index))
    for name in points[0] if points else ():
        row[f"curve:{name}"] = [point[name] for point in points]
    return row


def _known(table: Any) -> Iterator[tuple[str, Known]]:
    """(id, what tuning sees) of every row."""
    columns = ["id", "status", "final:validation_loss", "final:loss", "curve:loss"]
    there = {name: table[name].to_pylist() if name in table.column_names else [None] * len(table) for name in columns}
    for run, status, held_out, loss, curve in zip(*there.values(), strict=True):
        score = loss if held_out is None else held_out
        yield run, Known(status, nan if score is None else score, curve[-1] if curve else nan)


#: The columns that every file has, without an empty cell.
TEXTS = (
    "id", "problem", "optimizer", "plugin", "version", "status", "reason", "budget", "sampler", "dtype", "schedule",
    "fingerprint",
)  # fmt: skip
WHOLE = ("seed", "parameters", "steps", *COUNTS, "samples", "batch")
#: The columns of numbers that may be empty.
NUMBERS = ("minimum", "time_limit", "diverged_at", "seconds", "evaluation_share")


def check_columns(table: Any) -> None:
    """Refuse a table that readers of results would stumble over, whatever its metadata say."""
    from pyarrow import types  # heavy

    def number(kind: Any) -> bool:
        return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind))

    def points(kind: Any) -> bool:
        return bool(types.is_null(kind) or (types.is_list(kind) and number(kind.value_type)))

    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    curves = [name for name in kinds if name.startswith("curve:")]
    needed = [*TEXTS, *WHOLE, *NUMBERS, *(f"curve:{name}" for name in ("step", *COUNTS) if curves)]
    missing = [name for name in needed if name not in kinds]
    if missing:
        raise ValueError(f"no column '{missing[0]}'")
    final = [name for name in kinds if name.startswith("final:")]
    wrong = [name for name in TEXTS if not types.is_string(kinds[name])]
    wrong += [name for name in WHOLE if not types.is_integer(kinds[name])]
    wrong += [name for name in (*NUMBERS, *final) if not number(kinds[name])]
    wrong += [name for name in curves if not points(kinds[name])]
    wrong += [name for name in (*TEXTS, *WHOLE) if table[name].null_count]
    if wrong:
        raise ValueError(f"column '{wrong[0]}' does not hold what it should")


def _column(name: str, values: list[Any]) -> Any:
    import pyarrow as pa  # heavy

    if name in ("diverged_at",):
        return pa.array(values, pa.int64())
    if name in ("time_limit", "minimum"):
        return pa.array(values, pa.float64())
    return pa.array(values)


def read(path: Path, columns: list[str] | None = None) -> Any:
    """A Parquet file as an Arrow table, without pyarrow.dataset, which imports pandas."""
    from pyarrow.parquet import ParquetFile  # heavy

    with ParquetFile(path) as file:
        return file.read(columns)


def write_whole(path: Path, content: bytes) -> None:
    """Write beside, then rename: a reader sees the old file or the new one, never half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def to_toml(facts: dict[str, Any]) -> str:
    """A flat table of scalars, lists and one level of tables, as experiment files are."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in facts.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(getattr(value, "name", value))
