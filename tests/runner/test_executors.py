"""An experiment to a filled store: progress, which executor, time limits in this process and in others."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

import optibench as ob
from optibench import InputError, StoreError
from optibench.errors import WorkerDied
from optibench.experiment.resolve import resolve
from optibench.plugin.registry import Registry, Sources, registry
from optibench.runner.run import execute

BROKEN = str(Path(__file__).parents[1] / "broken.py")
FACTS = {
    "problems": ["quadratic"],
    "optimizers": ["gd", "adam"],
    "lr": [0.01, 0.1],
    "seeds": 2,
    "steps": 20,
    "tune": "none",
}


def progress(folder, found=None, how=None, **changes):
    found, said = found or registry(), []
    what = resolve({**FACTS, **changes}, found)
    execute(what, found, folder, **(how or {}), on_progress=said.append)
    return said


def test_progress_counts_runs_and_statuses_from_what_is_kept_to_all(tmp_path):
    said = progress(tmp_path, optimizers="gd")
    assert [one.runs for one in said] == [0, 4] and said[-1].statuses == {"finished": 2, "diverged": 2}
    said = progress(tmp_path)
    assert (said[0].runs, said[0].kept, said[0].total, said[0].work) == (4, 4, 8, 0)
    assert (said[-1].runs, said[-1].work) == (8, 1) and said[-1].statuses == {"finished": 4}
    assert said[-1].now == "evaluating: quadratic · adam"
    assert [one.runs for one in progress(tmp_path)] == [8]  # nothing is repeated


@pytest.mark.parametrize(
    ("how", "changes", "expected"),
    [
        ({"workers": 2}, {}, "inline"),  # small, and built in
        ({"workers": 2}, {"steps": 10**6}, "processes"),
        ({"workers": 1}, {"steps": 10**6}, "inline"),
        ({"workers": 1}, {"optimizers": ["raises"]}, "processes"),  # what is not built in may hang
        ({"workers": 1, "executor": "inline"}, {"optimizers": ["raises"]}, "inline"),
    ],
)
def test_foreign_code_and_long_experiments_run_in_processes(tmp_path, monkeypatch, how, changes, expected):
    found, asked = Registry(Sources((BROKEN,))), []
    get = found.get

    def noting(kind, name):
        if kind == "executor":
            asked.append(name)
            return lambda task, cohorts, workers, timeout: iter(())
        return get(kind, name)

    monkeypatch.setattr(found, "get", noting)
    progress(tmp_path, found, how, **changes)
    assert asked == [expected]


def test_a_piece_that_only_this_process_has_cannot_go_to_another():
    @ob.optimizer
    def mine(w, g, *, lr=0.1):
        return w - lr * g

    with pytest.raises(
        InputError, match="executor 'processes': plugins that are not registered run in this process only"
    ):
        ob.run("quadratic", mine, lr=0.1, seeds=1, steps=5, executor="processes", workers=2)


def test_an_unknown_executor_says_the_nearest():
    with pytest.raises(InputError, match="no executor named 'process'; nearest: processes"):
        ob.run("quadratic", "gd", lr=0.1, seeds=1, steps=5, executor="process")


@pytest.mark.parametrize("blocked", ["busy", "asleep"])
def test_a_rule_that_hangs_in_this_process_is_interrupted_and_keeps_its_points(blocked):
    @ob.optimizer
    def hang(w, g, t, *, lr=0.1):
        while t > 5:
            if blocked == "asleep":
                time.sleep(60)
        return w - lr * g

    begin = time.monotonic()
    results = ob.run("quadratic", [hang, "gd"], lr=0.01, seeds=2, steps=20, timeout=0.3)
    assert time.monotonic() - begin < 30  # a watchdog: asleep it would take a minute
    runs = results.runs.set_index("optimizer")
    assert (runs.loc["hang", "status"] == "timeout").all() and (runs.loc["gd", "status"] == "finished").all()
    assert (runs.loc["hang", "steps"] == 5).all()
    assert (runs.loc["hang", "reason"] == "the time limit of its cohort ran out").all()
    assert results.curves.query("optimizer == 'hang'")["step"].max() >= 4


def test_a_process_that_died_says_its_exit_code_and_is_tried_again(tmp_path):
    facts = {"lr": 1e-3, "seeds": 2, "steps": 40, "plugins": BROKEN, "out": tmp_path, "workers": 2}
    first = ob.run("quadratic", ["dies", "gd"], **facts)
    runs = first.runs.set_index("optimizer")
    assert (runs.loc["dies", "reason"] == "its process died with exit code 3").all()
    assert (runs.loc["dies", "steps"] > 10).all() and (runs.loc["gd", "status"] == "finished").all()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}
    again = ob.run("quadratic", ["dies", "gd"], **facts)
    now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}
    assert len(again.runs) == len(first.runs) and kept.keys() == now.keys()
    assert sum(kept[name] != now[name] for name in kept) == 1


class Broken:
    """A pool whose workers cannot start."""

    def __init__(self, **facts):
        pass

    def schedule(self, task, args, timeout):
        future = Future()
        future.set_exception(BrokenProcessPool("All workers expired"))
        return future

    def stop(self):
        pass

    join = stop


def test_workers_that_cannot_start_are_one_line_and_the_environment_is_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr("pebble.ProcessPool", Broken)
    before = dict(os.environ)
    with pytest.raises(InputError, match=r"^worker processes cannot start; call optibench.run from under `if .*kept$"):
        progress(tmp_path, how={"executor": "processes", "workers": 2})
    assert dict(os.environ) == before


def test_an_executor_of_a_plugin_says_that_a_process_died_by_its_class(tmp_path):
    @ob.executor
    def dying(task, stages, workers, timeout):
        for cohort in next(stages):
            yield cohort, WorkerDied(9)

    found = Registry()
    found.add_local("executor", [dying])
    execute(resolve({**FACTS, "optimizers": "gd", "lr": 0.1}, found), found, tmp_path, executor="inline")
    found["executor"]["inline"] = dying
    execute(resolve(FACTS, found), found, tmp_path, executor="inline")
    runs = ob.load(tmp_path).runs
    lost = runs[runs["status"] == "crashed"]
    assert set(lost["reason"]) == {"its process died with exit code 9"} and len(lost) == 6 < len(runs)


def test_a_store_that_cannot_be_written_stops_the_experiment_and_no_run_is_blamed(tmp_path):
    @ob.executor
    def full(task, stages, workers, timeout):
        for cohort in next(stages):
            yield cohort, StoreError("cannot write")

    found = Registry()
    found["executor"]["inline"] = full
    with pytest.raises(StoreError, match="cannot write"):
        execute(resolve(FACTS, found), found, tmp_path, executor="inline")
    assert not list((tmp_path / "runs").iterdir())


def test_a_sampler_with_nothing_to_choose_is_said(tmp_path):
    said = []
    facts = {"problems": ["digits-softmax", "xor-mlp"], "optimizers": ["adam", "gd"], "steps": 2, "lr": 0.1, "seeds": 1}
    for sampler in ("reshuffle", "replacement"):
        execute(resolve({**facts, "sampler": sampler}, registry()), registry(), tmp_path, on_warning=said.append)
    assert said == ["sampler replacement does nothing where a batch is all examples: on xor-mlp"]
