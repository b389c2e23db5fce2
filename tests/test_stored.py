"""A folder is read without the code that trains; what cannot be read is one line that names the file and the fix."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import optibench as ob
from optibench import InputError
from optibench.engine.records import FORMAT
from optibench.errors import StoreError
from optibench.results import load
from optibench.stored import Protocol, Stored, Target, fits

FLAGS = ["--problem", "rosenbrock", "--optimizer", "gd", "--optimizer", "adam", "--lr", "1e-3,1e-2", "--seeds", 2]
RUN = ["run", *FLAGS, "--tuning-seeds", 2, "--steps", 10, "--workers", 1, "--no-report"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    facts = {"lr": "1e-3,1e-2", "seeds": 2, "tuning_seeds": 2, "steps": 10}
    ob.run("rosenbrock", ["gd", "adam"], **facts, out=folder / "x")
    return folder / "x"


@pytest.fixture
def folder(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "x"))


def test_reading_a_folder_imports_no_training_loop(finished):
    code = """
import sys
from optibench.stored import Stored
stored = Stored.read(sys.argv[1])
assert len(stored.runs) and len(stored.curves) and len(stored.reported) and len(stored.trials) and len(stored.targets)
print(*[name for name in sys.modules if name.startswith("optibench.")])
"""
    done = subprocess.run([sys.executable, "-c", code, finished], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "optibench.stored" in loaded
    assert not loaded & {
        "optibench.engine.loop", "optibench.engine.state", "optibench.plugin.registry", "optibench.experiment.plan",
        "optibench.experiment.protocol", "optibench.experiment.resolve", "optibench.runner.worker",
    }  # fmt: skip


def test_the_protocol_is_typed_and_whole(finished):
    stored = Stored.read(finished)
    assert set(stored.protocol) == set(Protocol.__annotations__) and stored.factor == "optimizer"
    assert stored.targets.columns.tolist() == [*Target.__annotations__]
    assert set(stored.selection) == set(stored.runs["id"])
    assert stored.experiment["tuning_seeds"] == 2


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1, float, True), (True, float, False), (True, int, False), (1.5, int, False), ("1", float, False),
        (None, float | None, True), ("", float | None, False), ([1.0, 2], list[float], True),
        ([1, ""], list[float], False), ({"a": 1}, dict[str, float], True), ({"a": ""}, dict[str, float], False),
        ([], dict[str, float], False),
        ({"problem": "p", "target": 1, "epsilon": None, "provenance": ""}, Target, True),
        ({"problem": "p"}, Target, False), ("abc", list[str], False), (None, str, False),
    ],
)  # fmt: skip
def test_plain_data_is_held_against_types(value, kind, expected):
    assert fits(value, kind) is expected


def changed(name, change):
    """The text of a JSON file after a change of what it holds."""

    def write(path):
        value = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps(change(value)))

    return write


BROKEN = {
    ("selection.json", "not UTF-8"): lambda path: (path / "selection.json").write_bytes(b"\xff\xfe\x00"),
    ("selection.json", "not JSON"): lambda path: (path / "selection.json").write_text("[1, "),
    ("selection.json", "deeply nested"): lambda path: (path / "selection.json").write_text("[" * 100_000),
    ("selection.json", "a table"): changed("selection.json", lambda ids: {"ids": ids}),
    ("selection.json", "numbers"): changed("selection.json", lambda ids: [1, 2]),
    ("protocol.json", "not UTF-8"): lambda path: (path / "protocol.json").write_bytes(b"\xff\xfe\x00"),
    ("protocol.json", "not JSON"): lambda path: (path / "protocol.json").write_text("{"),
    ("protocol.json", "a list"): changed("protocol.json", lambda facts: [facts]),
    ("protocol.json", "no rows"): changed("protocol.json", lambda facts: {**facts, "rows": None}),
    ("protocol.json", "a key missing"): changed("protocol.json", lambda facts: {"rows": facts["rows"]}),
    ("protocol.json", "a row without runs"): changed(
        "protocol.json", lambda facts: {**facts, "rows": [{"problem": "p"}]}
    ),
    ("protocol.json", "a score in words"): changed(
        "protocol.json", lambda facts: {**facts, "rows": [{**facts["rows"][0], "scores": ["low"]}]}
    ),
    ("protocol.json", "a text as target"): changed("protocol.json", lambda facts: {**facts, "targets": ["low"]}),
    ("protocol.json", "an unknown factor"): changed("protocol.json", lambda facts: {**facts, "compare": "weather"}),
    ("experiment.toml", "not UTF-8"): lambda path: (path / "experiment.toml").write_bytes(b"name = '\xff'"),
    ("experiment.toml", "not TOML"): lambda path: (path / "experiment.toml").write_text("name ="),
    ("experiment.toml", "no name"): lambda path: (path / "experiment.toml").write_text("seeds = 3"),
    ("experiment.toml", "a number as name"): lambda path: (path / "experiment.toml").write_text("name = 3"),
}


@pytest.mark.parametrize("case", BROKEN, ids=" ".join)
def test_a_file_that_cannot_be_read_is_one_line_and_its_fix_works(case, folder, command):
    BROKEN[case](folder)
    with pytest.raises(StoreError, match=rf"{case[0]}' cannot be read .*; run the same command again"):
        load(folder)
    for verb in ("report", "analyse"):
        status, _, err = command(verb, folder)
        assert status == 2 and case[0] in err and "run the same command again" in err, err
        assert err.count("\n") == 1
    status, _, err = command(*RUN, "--out", folder)
    assert status == 0 and all(line.startswith("note: 2 replicates") for line in err.splitlines())
    assert command("analyse", folder)[0] == 0


def test_a_file_that_is_a_folder_is_one_line(folder, command):
    (folder / "selection.json").unlink()
    (folder / "selection.json").mkdir()
    status, _, err = command("analyse", folder)
    assert status == 2 and "selection.json' cannot be read" in err and err.count("\n") == 1


def rewritten(change):
    """The first file of runs with another table, and our metadata."""

    def write(folder):
        path = sorted((folder / "runs").glob("*.parquet"))[0]
        table = change(pq.read_table(path))
        pq.write_table(table.replace_schema_metadata({"optibench": str(FORMAT)}), path)
        return path

    return write


def replaced(name, values):
    def change(table):
        column = pa.array([values] * len(table))
        place = table.schema.names.index(name)
        return table.set_column(place, name, column)

    return change


FOREIGN = {
    "no id": lambda table: table.drop_columns(["id"]),
    "no status": lambda table: table.drop_columns(["status"]),
    "no batch": lambda table: table.drop_columns(["batch"]),
    "no step of the curves": lambda table: table.drop_columns(["curve:step"]),
    "an empty id": replaced("id", None),
    "seed as text": replaced("seed", "zero"),
    "seed as a fraction": replaced("seed", 0.5),
    "problem as a number": replaced("problem", 3),
    "minimum as text": replaced("minimum", "low"),
    "loss as text": replaced("final:loss", "low"),
    "curve of numbers": replaced("curve:loss", 1.0),
    "curve of texts": replaced("curve:loss", ["low"]),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_file_of_runs_with_other_columns_is_left_out_with_one_line(case, folder, command):
    path = rewritten(FOREIGN[case])(folder)
    with pytest.warns(UserWarning, match=f"{path.name} left out: .*; delete it, and run again to fill the gap"):
        results = load(folder)
    assert 0 < len(results.runs) < len(results.selection)
    for verb in ("report", "analyse"):
        status, _, err = command(verb, folder)
        assert status == 0 and err.count("\n") == 1 and f"{path.name} left out" in err, err
    status, _, err = command(*RUN, "--out", folder)
    assert status == 0 and "Traceback" not in err and f"{path.name} left out" in err
    assert len(load(folder).runs) == len(results.selection)  # the same command fills the gap


def test_a_folder_of_foreign_files_only_is_one_line(folder, command):
    for path in (folder / "runs").glob("*.parquet"):
        pq.write_table(pa.table({"x": [1]}).replace_schema_metadata({"optibench": str(FORMAT)}), path)
    with pytest.warns(UserWarning), pytest.raises(InputError, match="holds no finished run yet"):
        load(folder)
    assert command("analyse", folder)[0] == 2


def test_a_broken_surface_is_left_out_with_one_line(folder):
    (path,) = (folder / "surfaces").glob("*.parquet")
    for content in (b"nothing", None):
        if content is None:
            pq.write_table(pa.table({"problem": ["rosenbrock"], "x": ["left"], "y": [1.0], "loss": [1.0]}), path)
        else:
            path.write_bytes(content)
        with pytest.warns(UserWarning, match=r"rosenbrock-\w+.parquet left out: .*; delete it, and run again"):
            assert load(folder).surfaces.empty


def test_a_hyperparameter_that_is_a_word_elsewhere_is_a_word(folder):
    rewritten(replaced("hyperparameter:lr", "exact"))(folder)
    values = set(load(folder).runs["lr"])
    assert "exact" in values and all(isinstance(value, str) for value in values)
