"""The command line: one line for bad input, exit status 0, 1 or 2, files that say the same as flags."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import optibench as ob
from optibench.runner import store

HERE = Path(__file__).parent.parent
SMALL = ["--problem", "quadratic", "--optimizer", "gd", "--lr", "0.01", "--seeds", "2", "--steps", "10", "--no-report"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--optimizer", "adamm"], "no optimizer named 'adamm'; nearest: adam"),
        (["run", "--problem", "digits-mpl"], "no problem named 'digits-mpl'; nearest: digits-mlp"),
        (["run", "clasic"], "no suite named 'clasic'; nearest: classic"),
        (["run", "--sampler", "shuffle"], "no sampler named 'shuffle'; nearest: reshuffle"),
        (["run", "--schedule", "cosin"], "no schedule named 'cosin'; nearest: cosine"),
        (["run", "--dtype", "float16"], "no dtype named 'float16'"),
        (["run", "--optimizer", "adam:beta=0.5"], "takes no setting 'beta'; nearest: beta"),
        (["run", "--optimizer", "adam:beta1=high"], "beta1 = 'high' must be a number"),
        (
            ["run", "--problem", "quadratic:dimension=0"],
            "problem 'quadratic:dimension=0': dimension = 0 must be at least 1",
        ),
        (["run", "--lr", "1:0.1:5"], "lr '1:0.1:5': LO must not exceed HI"),
        (["run", "--lr", "a:b"], "lr 'a:b': not a grid"),
        (["run", "--lr", "0:1:5"], "a learning rate must be positive"),
        (["run", "--lr", "-0.1"], "a learning rate must be positive"),
        (["run", "--lr", "nan"], "a learning rate must be positive"),
        (["run", "--seeds", "-1"], "seeds = -1: must be a whole number, at least 1"),
        (["run", "--seeds", "0"], "seeds = 0: must be a whole number"),
        (["run", "--batch", "0"], "batch = 0: must be a whole number"),
        (["run", "--batch", "half"], "batch = 'half': must be a whole number, at least 1, or full"),
        (["run", "--epochs", "1", "--steps", "1"], "epochs and steps given together"),
        (["run", "--timeout", "0"], "--timeout 0: must be more than 0"),
        (["run", "missing.toml"], "cannot read 'missing.toml'"),
        (["run", "broken.toml"], "'broken.toml' is not valid TOML"),
        (["run", "empty.toml"], "no problems selected"),
        (["run", "unknown.toml"], "no experiment setting named 'seed'; nearest: seeds"),
        (["run", "--plugins", "nowhere"], "--plugins nowhere: no such folder"),
        (["run", "--plugins", "twice"], "two plugins register the optimizer 'adam'"),
        (["run", *SMALL, "--out", "broken.toml/x"], "cannot write to 'broken.toml/x'"),
        (["run", *SMALL, "--out", "old"], "the store 'old' has format 0"),
        (["report", "nowhere"], "'nowhere' holds no results"),
        (["list", "optimiser"], "no plugin type named 'optimiser'; nearest: optimizer"),
        (["rum"], "no command named 'rum'; nearest: run"),
        (["run", "--optimiser", "adam"], "No such option"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_status_2(command, arguments, words):
    Path("broken.toml").write_text("name = ")
    Path("empty.toml").write_text("problems = []\noptimizers = ['adam']\n")
    Path("unknown.toml").write_text("problems = ['quadratic']\noptimizers = ['adam']\nseed = 3\n")
    Path("twice").mkdir()
    Path("twice/mine.py").write_text(
        "from optibench import hookimpl\nfrom optibench.optimizers import adam\n"
        "@hookimpl\ndef optibench_optimizers():\n    return [adam]\n"
    )
    Path("old").mkdir()
    Path("old/format.json").write_text('{"format": 0}')
    status, out, err = command(*arguments)
    assert status == 2 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and words in err


def test_a_file_says_the_same_as_flags_and_the_resolved_one_repeats_nothing(command):
    assert command("run", *SMALL, "--out", "flags")[0] == 0
    Path("mine.toml").write_text(
        'problems = ["quadratic"]\noptimizers = [{ name = "gd" }]\nlr = 0.01\nseeds = 2\nsteps = 10\n'
    )
    assert command("run", "mine.toml", "--no-report")[0] == 0
    assert ob.load("flags").runs["id"].tolist() == ob.load("reports/mine").runs["id"].tolist()
    before = {path: path.stat().st_mtime_ns for path in Path("flags/runs").iterdir()}
    assert command("run", "flags/experiment.toml", "--no-report", "--out", "flags")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in Path("flags/runs").iterdir()} == before


def test_a_failed_run_gives_status_1_and_the_rest_is_kept(command):
    plugin = ["--plugins", HERE / "broken.py", "--optimizer", "raises"]
    status, _, err = command("run", *SMALL, *plugin, "--steps", "40", "--out", "x")
    assert status == 1 and "failed: raises on quadratic, 2 runs: ValueError: oh no (broken.py" in err
    assert ob.load("x").runs.groupby("optimizer")["status"].first().to_dict() == {"gd": "finished", "raises": "failed"}


def test_a_plugin_with_a_syntax_error_is_left_out_with_a_warning(command):
    Path("bad.py").write_text("from optibench import hookimpl\ndef (\n")
    status, _, err = command("run", *SMALL, "--plugins", ".")
    assert status == 0 and err.startswith("warning: plugin 'bad'") and "left out: syntax error at line 2" in err


def test_a_full_disk_is_one_line_and_what_was_finished_is_kept(command, monkeypatch):
    command("run", *SMALL, "--out", "x")
    whole = store.write_whole

    def full(path, content):
        if path.suffix == ".parquet":
            raise OSError(28, "No space left on device")
        whole(path, content)

    monkeypatch.setattr(store, "write_whole", full)
    status, _, err = command("run", *SMALL, "--seeds", "4", "--out", "x")
    assert status == 2 and err.splitlines()[-1].startswith("error: cannot write to 'x': No space left on device")
    assert len(ob.load("x").runs) == 2


def test_list_and_plugins_print_json(command):
    rows = json.loads(command("list", "--json")[1])
    assert {"kind": "optimizer", "name": "adam"}.items() <= next(row for row in rows if row["name"] == "adam").items()
    assert all(row["summary"] for row in rows)
    assert "optibench.optimizers" in [plugin["name"] for plugin in json.loads(command("plugins", "--json")[1])]


def test_the_terminal_shows_a_leaderboard_and_the_page(command):
    status, out, _ = command("run", "smoke", "--seeds", "1", "--steps", "20", "--lr", "0.001,0.01")
    assert status == 0 and "at default" in out and "all tuned" in out and "runs: " in out
    assert Path(out.split("report: ")[1].strip()).read_text().startswith("<!doctype html>")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "optibench", "run", "--no-report", "--out", "x", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(ob.__file__).parent.parent)}
    return subprocess.Popen(
        line,
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background job ignores it
    )


def wait_for_a_file(folder: Path, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not list((folder / "x/runs").glob("*.parquet")):
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_can_be_read_at_once_and_resumes(tmp_path, how):
    arguments = ["--problem", "quadratic", "--lr", "1e-3:1e-2:40", "--seeds", "30", "--steps", "4000", "--workers", "2"]
    arguments += ["--tune", "none"]
    for name in ("gd", "adam", "momentum", "nesterov", "adamw"):
        arguments += ["--optimizer", name]
    process = start(tmp_path, *arguments)
    wait_for_a_file(tmp_path)
    os.killpg(process.pid, how)
    err = process.communicate()[1]
    if how == signal.SIGINT:
        assert process.returncode == 130 and "run the same command again to go on" in err and "Traceback" not in err
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "x/runs").glob("*.parquet")}
    runs = ob.load(tmp_path / "x").runs
    assert 0 < len(runs) < 5 * 40 * 30 and (runs["status"] == "finished").all()
    process = start(tmp_path, *arguments)
    process.communicate()
    assert process.returncode == 0 and len(ob.load(tmp_path / "x").runs) == 5 * 40 * 30
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in (tmp_path / "x/runs").glob("*.parquet")}.items()


HEAVY = ("pandas", "matplotlib", "scipy.stats", "sklearn", "plotly", "pyarrow")


@pytest.mark.parametrize("arguments", [None, ["--help"], ["list"]])
def test_the_doors_import_nothing_heavy(arguments):
    code = f"""
import sys
import optibench
if {arguments!r} is not None:
    from optibench.cli import main
    sys.argv = ["optibench", *{arguments!r}]
    try:
        main()
    except SystemExit:
        pass
print("heavy:", *[name for name in {HEAVY!r} if name in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code.replace("*None", "")], capture_output=True, text=True, check=True)
    assert out.stdout.strip().endswith("heavy:")
