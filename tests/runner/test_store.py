"""What lies on disk: whole files, no pickles, gaps that are filled, other formats refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import optibench as ob
from optibench import StoreError
from optibench.engine.records import COUNTS, FORMAT, Status
from optibench.errors import SettingError
from optibench.experiment.resolve import resolve
from optibench.plugin.choice import label
from optibench.plugin.registry import Registry, Sources
from optibench.runner.run import execute
from optibench.runner.store import PartialPoints, Store, to_toml, write_whole


def run(folder, **changes):
    facts = {"lr": [1e-3, 1e-2], "seeds": 2, "steps": 20, "tune": "none", "out": folder, **changes}
    return ob.run(facts.pop("problems", "rosenbrock"), facts.pop("optimizers", ["gd", "adam"]), **facts)


def times(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "runs").glob("*.parquet")}


def test_the_same_command_in_two_folders_gives_the_same_rows_but_for_seconds(tmp_path):
    for name in ("one", "two"):
        run(tmp_path / name, problems=["rosenbrock", "xor-mlp"])
    names = sorted(path.name for path in times(tmp_path / "one"))
    assert names == sorted(path.name for path in times(tmp_path / "two")) and len(names) == 4
    for name in names:
        one, two = (pq.read_table(tmp_path / folder / "runs" / name).drop(["seconds"]) for folder in ("one", "two"))
        assert one.equals(two)
    for name in ("experiment.toml", "selection.json", "format.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_nothing_but_finished_files_is_left_in_the_folder(tmp_path):
    run(tmp_path)
    assert not list((tmp_path / "partial").iterdir())
    assert not list(tmp_path.rglob(".*"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "experiment.toml", "format.json", "partial", "protocol.json", "runs", "selection.json", "surfaces",
    ]  # fmt: skip


def test_a_write_that_fails_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(self, content):
        with self.open("wb") as file:
            file.write(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("harm", ["truncated", "empty", "garbage", "foreign"])
def test_a_file_that_cannot_be_read_is_one_warning_and_its_gap_is_filled(tmp_path, harm):
    first = run(tmp_path)
    before = times(tmp_path)
    path = sorted(before)[0]
    content = path.read_bytes()
    if harm == "foreign":
        pd.DataFrame({"id": ["x"], "status": ["finished"], "time_limit": [1.0]}).to_parquet(path)
    else:
        path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "garbage": b"\x80" * 99}[harm])
    with pytest.warns(UserWarning, match=r"left out: .*; delete it, and run again to fill the gap") as warned:
        part = ob.load(tmp_path)
    assert len(warned) == 1 and "\n" not in str(warned[0].message) and path.name in str(warned[0].message)
    assert 0 < len(part.runs) < len(first.runs)
    again = run(tmp_path)
    pd.testing.assert_frame_equal(again.runs.drop(columns="seconds"), first.runs.drop(columns="seconds"))
    after = times(tmp_path)
    assert {name: after[name] for name in before if name != path} == {
        name: time for name, time in before.items() if name != path
    }


@pytest.mark.parametrize("text", ['{"format": 99}', '{"format": "1"}', "{}", "[]", "nonsense", ""])
def test_another_format_is_refused_and_nothing_is_written(tmp_path, text):
    run(tmp_path)
    (tmp_path / "format.json").write_text(text)
    before = times(tmp_path)
    for attempt in (lambda: ob.load(tmp_path), lambda: run(tmp_path, seeds=3)):
        with pytest.raises(
            StoreError, match=rf"^the store '.*' has format \S+, this optibench .*{FORMAT}; run into another"
        ):
            attempt()
    assert times(tmp_path) == before


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write to '.*file.*': Not a directory; choose another folder"):
        run(tmp_path / "file" / "x")
    with pytest.raises(StoreError, match="cannot write to"):
        run(tmp_path / "file")


def test_a_full_disk_in_a_worker_is_an_error_too(tmp_path, monkeypatch):
    run(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    monkeypatch.setattr(Store, "open", lambda self: self)  # as when the folder goes away in between
    with pytest.raises(StoreError, match=r"cannot write to '.*': No such file or directory; make room or choose"):
        run(tmp_path, executor="processes", workers=2)


def test_results_are_read_when_the_plugin_is_gone(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from optibench import hookimpl, optimizer\n"
        "@optimizer\ndef mine(w, g, *, lr=0.1, own=3.0):\n    return w - lr * g\n"
        "@hookimpl\ndef optibench_optimizers():\n    return [mine]\n"
    )
    run(tmp_path / "x", optimizers="mine", plugins=str(plugin))
    plugin.unlink()
    runs = ob.load(tmp_path / "x").runs
    assert (runs["own"] == 3.0).all() and (runs["plugin"] == "mine").all()


def test_a_smaller_experiment_in_the_same_folder_shows_its_own_runs_only(tmp_path):
    every = run(tmp_path).runs
    before = times(tmp_path)
    some = run(tmp_path, optimizers="gd", seeds=1).runs
    assert len(every) == 8 and len(some) == 2 and set(some["id"]) < set(every["id"]) and times(tmp_path) == before


def test_the_resolved_experiment_is_toml_that_says_the_same():
    facts = {
        "name": 'a "b"\\',
        "lr": [1e-05, 10.0],
        "steps": 5,
        "x": True,
        "optimizers": ["gd", {"name": "adam", "eps": 1e-8}],
    }
    assert tomllib.loads(to_toml(facts)) == facts


#: Options with everything that TOML, JSON, labels and file names give a meaning.
ODD = "a \"q\" 's' \U0001f600 \\ = , : \n tab\t \N{LATIN SMALL LETTER E WITH ACUTE}"
ODD_PLUGIN = """
import numpy as np
from optibench import Problem, hookimpl, optimizer, problem

@optimizer
def spoken(w, g, *, lr=0.1, word="plain"):
    return w - lr * g

@problem
def named(*, word="plain"):
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    return Problem("", lambda rng: rng.random(2), lambda w: ((w**2).sum(axis=-1), 2 * w), domain=domain)

@hookimpl
def optibench_optimizers():
    return [spoken]

@hookimpl
def optibench_problems():
    return [named]
"""


def test_options_of_any_text_survive_the_round_trip_and_nothing_runs_twice(tmp_path):
    plugin, out = tmp_path / "odd.py", tmp_path / "out"
    plugin.write_text(ODD_PLUGIN)
    problems = [("named", {"word": text}) for text in (ODD, "x?", "x!")]
    optimizers = [("spoken", {"word": ODD}), "spoken"]
    first = run(out, problems=problems, optimizers=optimizers, plugins=str(plugin), tune="grid")
    before = times(out)
    facts = tomllib.loads((out / "experiment.toml").read_text("utf-8"))
    assert facts["problems"][0]["word"] == facts["optimizers"][0]["word"] == ODD
    found = Registry(Sources((str(plugin),)))
    execute(resolve(facts, found), found, out)
    again = ob.load(out)
    assert times(out) == before and tomllib.loads((out / "experiment.toml").read_text("utf-8")) == facts
    pd.testing.assert_frame_equal(again.runs, first.runs)
    assert set(again.runs["status"]) == {"finished"}
    assert sorted(again.runs["id"]) == json.loads((out / "selection.json").read_text())
    rows = json.loads((out / "protocol.json").read_text())["rows"]
    names = {"spoken", label("spoken", {"word": ODD})}
    assert {row["optimizer"] for row in rows} == set(again.leaderboard()["optimizer"]) == names
    surfaces = again.surfaces.groupby("problem").size()  # x? and x! have file names of their own
    assert set(surfaces.index) == set(again.runs["problem"]) and (surfaces == 81**2).all() and len(surfaces) == 3


def test_the_surface_of_a_problem_has_the_name_that_its_runs_have(tmp_path):
    results = run(tmp_path, problems=["quadratic:dimension=2", "rosenbrock:dimension=2"], steps=2)
    assert set(results.surfaces["problem"]) == set(results.runs["problem"])


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_that_no_file_can_hold_is_one_line_and_nothing_is_written(tmp_path, text):
    plugin = tmp_path / "odd.py"
    plugin.write_text(ODD_PLUGIN)
    for changes in ({"problems": [("named", {"word": text})]}, {"optimizers": [("spoken", {"word": text})]}):
        with pytest.raises(SettingError, match=r"^'a\\\w+b': files cannot hold NUL or half a surrogate pair") as error:
            run(tmp_path / "out", **{"problems": "named", "optimizers": "spoken", **changes}, plugins=str(plugin))
        assert str(error.value).isascii() and str(error.value).isprintable() and not (tmp_path / "out").exists()
    with pytest.raises(StoreError, match=r"cannot write to '.*a\\\w+b': no folder can have this name; choose another"):
        run(tmp_path / text)


def test_toml_leaves_none_out_and_writes_numbers_of_numpy_and_pieces_plainly():
    facts = {
        "a": None,
        "b": np.float64(0.5),
        "c": [np.int64(2), np.array([1.0])],
        "d": ob.loss(lambda o, y: o, name="l"),
    }
    assert tomllib.loads(to_toml(facts)) == {"b": 0.5, "c": [2, [1.0]], "d": "l"}


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def points(folder, count=3):
    partial = PartialPoints(Store(folder), "x.npy")
    partial.path.parent.mkdir(exist_ok=True)
    for step in range(count):
        counts = {name: np.array([step, step]) for name in COUNTS}
        partial.add(
            {"step": step, "runs": np.array([0, 2]), "counts": counts, "columns": {"loss": np.array([0.5, np.nan])}}
        )
    return partial


def test_the_points_of_a_process_that_died_are_read_back_to_the_last_whole_one(tmp_path):
    partial = points(tmp_path)
    partial.path.write_bytes(partial.path.read_bytes()[:-5])
    outcome = partial.outcome(3, Status.CRASHED, "why")
    assert [point["step"] for point in outcome.points] == [0, 1]
    assert [ending.steps for ending in outcome.endings] == [1, 0, 1]
    assert {ending.status for ending in outcome.endings} == {"crashed"}
    assert outcome.points[1]["columns"]["loss"][0] == 0.5


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    partial = points(tmp_path, 1)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    with partial.path.open("ab") as file:
        file.write(buffer.getvalue())
    assert len(partial.outcome(3, Status.CRASHED, "").points) == 1
    assert not Path("exploded").exists()


def marked(folder, **changes):
    """Rewrite every stored run with another ending."""
    for path in times(folder):
        table = pq.read_table(path)
        for name, value in changes.items():
            place = table.column_names.index(name)
            table = table.set_column(place, name, [[value] * len(table)])
        pq.write_table(table.replace_schema_metadata({"optibench": str(FORMAT)}), path)


@pytest.mark.parametrize(
    ("status", "limit", "repeated"),
    [
        ("finished", None, False),
        ("diverged", None, False),
        ("failed", None, False),
        ("crashed", None, True),
        ("timeout", 5.0, False),
        ("timeout", 10.0, True),
        ("timeout", None, True),
    ],
)
def test_only_what_was_not_the_runs_own_doing_is_tried_again(tmp_path, status, limit, repeated):
    first = set(run(tmp_path, timeout=5.0, executor="inline").runs["status"])
    marked(tmp_path, status=status)
    statuses = set(run(tmp_path, timeout=limit, executor="inline").runs["status"])
    assert statuses == (first if repeated else {status})


def test_the_selection_names_the_runs_of_the_experiment(tmp_path):
    results = run(tmp_path)
    assert sorted(results.runs["id"]) == json.loads((tmp_path / "selection.json").read_text())
