"""A folder of results: one Parquet file a cohort, written whole, then renamed; never edited."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from optibench.engine.records import COUNTS, FORMAT, RETRIED, Cohort, Ending, Known, Outcome, Point, Status
from optibench.errors import SettingError, StoreError, quoted
from optibench.plugin.choice import is_storable, label
from optibench.plugin.types import Array, Facts

if TYPE_CHECKING:
    from pyarrow import Array as Column
    from pyarrow import Table  # heavy

RUNS, PARTIAL, SURFACES = "runs", "partial", "surfaces"


def curve_points(points: Iterable[Point], run: int) -> Iterator[dict[str, float]]:
    """The recorded points of one run, in order."""
    for point in points:
        rows = np.flatnonzero(point["runs"] == run)
        if len(rows):
            row = rows[0]
            columns = {name: float(value[row]) for name, value in point["columns"].items()}
            counts = {name: int(value[row]) for name, value in point["counts"].items()}
            yield {"step": point["step"], **counts, **columns}


class Store:
    """The files of one folder."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def open(self) -> Store:
        """Make the folder, and refuse one that cannot be written or was written in another format."""
        marker = self.folder / "format.json"
        self.check()
        try:
            (self.folder / RUNS).mkdir(parents=True, exist_ok=True)
            (self.folder / PARTIAL).mkdir(exist_ok=True)
            if not marker.exists():
                write_whole(marker, json.dumps({"format": FORMAT}).encode())
            probe = self.folder / PARTIAL / f"probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"cannot write to '{self.folder}': {error.strerror}; choose another folder by --out"
            ) from error
        except ValueError as error:  # a NUL, or half a surrogate pair
            raise StoreError(
                f"cannot write to {quoted(str(self.folder))}: no folder can have this name; choose another by --out"
            ) from error
        return self

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn an OSError into one line that names the folder."""
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"cannot write to '{self.folder}': {error.strerror or error}; make room or choose another --out; "
                "finished runs are kept"
            ) from error

    def check(self) -> None:
        """Refuse a folder that was written in another format."""
        marker = self.folder / "format.json"
        if not marker.exists():
            return
        try:
            written = json.loads(marker.read_text())["format"]
        except (ValueError, KeyError, TypeError):
            written = "unknown"
        except OSError as error:
            raise StoreError(f"cannot read '{marker}': {error.strerror}; check its permissions") from error
        if written != FORMAT:
            raise StoreError(
                f"the store '{self.folder}' has format {written}, this optibench reads and writes format {FORMAT}; run "
                "into another folder by --out, or read it with the version that wrote it"
            )

    def files(self) -> list[Path]:
        return sorted((self.folder / RUNS).glob("*.parquet"))

    def tables(self) -> tuple[list[Table], list[str]]:
        """The Arrow table of every cohort, and one line for each file that is broken or not optibench's."""
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
                if known.status is Status.CRASHED or (known.status is Status.TIMEOUT and longer):
                    continue
                done[run] = known
        return done, left_out

    def statuses(self) -> tuple[Counter[str], list[str]]:
        """How the selected runs ended, and what was left out."""
        tables, left_out = self.tables()
        selected = set(json.loads((self.folder / "selection.json").read_text()))
        ended: dict[str, Status] = {}
        for table in tables:
            rows = table.select(["id", "status"]).to_pydict()
            for run, status in zip(rows["id"], rows["status"], strict=True):
                if run in selected and ended.get(run, Status.CRASHED) in RETRIED:
                    ended[run] = Status(status)
        return Counter(map(str, ended.values())), left_out

    def write(self, cohort: Cohort, outcome: Outcome, facts: Facts) -> None:
        """One row a run: facts, hyperparameters, ending, costs, final metrics and curves."""
        import pyarrow as pa  # heavy
        import pyarrow.parquet as pq

        rows = [_row(cohort, outcome, index, facts) for index in range(len(cohort.runs))]
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})
        table = table.replace_schema_metadata({"optibench": str(FORMAT)})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        with self.writing():
            write_whole(self.folder / RUNS / f"{cohort.key}.parquet", buffer.getvalue())

    def partial(self, cohort: Cohort) -> PartialPoints:
        return PartialPoints(self, f"{cohort.key}.npy")

    def write_experiment(self, described: str) -> None:
        """The resolved experiment, by ``to_toml``."""
        with self.writing():
            write_whole(self.folder / "experiment.toml", described.encode())

    def write_protocol(self, facts: Facts, ids: Iterable[str]) -> None:
        """What was tuned and chosen so far, and the ids of the runs so far: what a report of this folder is about."""
        with self.writing():
            write_whole(self.folder / "protocol.json", json.dumps(facts, allow_nan=False).encode())
            write_whole(self.folder / "selection.json", json.dumps(sorted({*ids})).encode())

    def write_surface(self, problem: str, x: Array, y: Array, loss: Array) -> None:
        """A 2-D problem on a grid, long form, so that its pictures can be drawn when the plugin is gone."""
        import pyarrow as pa  # heavy
        import pyarrow.parquet as pq

        table = pa.table({"problem": [problem] * len(x), "x": x, "y": y, "loss": loss})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        with self.writing():
            (self.folder / SURFACES).mkdir(exist_ok=True)
            write_whole(self.folder / SURFACES / f"{file_name(problem)}.parquet", buffer.getvalue())


class PartialPoints:
    """The points that a cohort has recorded so far, on disk, in case its process dies."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.path = store, store.folder / PARTIAL / name

    @property
    def _begun(self) -> Path:
        return self.path.with_suffix(".begun")

    def begin(self) -> None:
        self.clear()
        with self.store.writing():
            self._begun.touch()

    def clear(self) -> None:
        with self.store.writing():
            self.path.unlink(missing_ok=True)
            self._begun.unlink(missing_ok=True)

    def age(self) -> float:
        """Seconds since the cohort began; 0 if it never did."""
        try:
            return time.time() - self._begun.stat().st_mtime
        except OSError:
            return 0.0

    def add(self, point: Point) -> None:
        """Append three arrays: the step, the names of the columns, and their numbers."""
        numbers = np.column_stack(
            [point["runs"], *(point["counts"][name] for name in COUNTS), *point["columns"].values()]
        )
        with self.store.writing(), self.path.open("ab") as file:
            np.save(file, np.array(point["step"]))
            np.save(file, np.array([*point["columns"]]))
            np.save(file, numbers.astype(float))

    def outcome(self, size: int, status: Status, reason: str) -> Outcome:
        """What is left of a cohort whose process died: its points, and every run ended by ``status``."""
        points = list(self._read())
        endings = [Ending(status, reason) for _ in range(size)]
        for point in points:
            for row, run in enumerate(point["runs"]):
                endings[run].steps = point["step"]
                endings[run].counts = {name: int(count[row]) for name, count in point["counts"].items()}
        return Outcome(endings, points)

    def _read(self) -> Iterator[Point]:
        try:
            with self.path.open("rb") as file:
                while True:
                    step, names, numbers = (np.load(file, allow_pickle=False) for _ in range(3))
                    runs, *rest = numbers.T
                    counts = {name: count.astype(int) for name, count in zip(COUNTS, rest, strict=False)}
                    columns = dict(zip(names.tolist(), rest[len(COUNTS) :], strict=True))
                    yield Point(step=int(step), runs=runs.astype(int), counts=counts, columns=columns)
        except (OSError, ValueError, EOFError):
            return  # the end, or a point that was being written


def _row(cohort: Cohort, outcome: Outcome, index: int, facts: Facts) -> Facts:
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
        "instrument_share": outcome.readings.share if run.instrumented else 0.0,
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
    if run.instrumented:
        row |= {f"unmeasured:{instrument}": reason for instrument, reason in outcome.readings.failed.items()}
    for kind, recorded in (("curve", outcome.points), ("instrument", outcome.readings.points)):
        points = list(curve_points(recorded, index))
        for name in dict.fromkeys(name for point in points for name in point):
            row[f"{kind}:{name}"] = [point.get(name) for point in points]
    return row


def _known(table: Table) -> Iterator[tuple[str, Known]]:
    """(id, what tuning sees) of every row."""
    columns = ["id", "status", "final:validation_loss", "final:loss", "curve:loss"]
    cells = [table[name].to_pylist() if name in table.column_names else [None] * len(table) for name in columns]
    for run, status, held_out, loss, curve in zip(*cells, strict=True):
        score = loss if held_out is None else held_out
        yield run, Known(Status(status), nan if score is None else score, curve[-1] if curve else nan)


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
    wrong += [name for name in kinds if name.startswith(("curve:", "instrument:")) and not points(kinds[name])]
    wrong += [name for name in (*TEXTS, *WHOLE) if table[name].null_count]
    if wrong:
        raise ValueError(f"column '{wrong[0]}' does not hold what it should")


def _column(name: str, values: list[object]) -> Column:
    import pyarrow as pa  # heavy

    if name in ("diverged_at",):
        return pa.array(values, pa.int64())
    if name in ("time_limit", "minimum"):
        return pa.array(values, pa.float64())
    return pa.array(values)


def read(path: Path, columns: list[str] | None = None) -> Table:
    """A Parquet file as an Arrow table, without pyarrow.dataset, which imports pandas."""
    from pyarrow.parquet import ParquetFile  # heavy

    with ParquetFile(path) as file:
        return file.read(columns)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of another name, then rename it: a reader sees the old file or the new one, never half of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def file_name(text: str) -> str:
    """A name for the file of a label: its letters and digits, and a hash that keeps similar labels apart."""
    letters = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in text[:40])
    return f"{letters}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def to_toml(facts: Facts) -> str:
    """The fields of an experiment as a file that ``optibench run`` reads, those that are None left out."""
    return tomli_w.dumps(_plain(facts))


def _plain(value: object) -> Any:
    """Values that TOML has: plugins by their names, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    value = getattr(value, "name", value)
    if isinstance(value, str) and not is_storable(value):
        raise SettingError(f"{quoted(value)}: files cannot hold NUL or half a surrogate pair; use other characters")
    return value
