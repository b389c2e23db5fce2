"""A setting is one row: what is declared there is an option, a key, a keyword, a check, an error and a line of docs."""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

import numpy as np
import pytest
import test_docs

import optibench as ob
from optibench import InputError
from optibench.cli import run_  # imported before a test leaves it out
from optibench.engine import gradients
from optibench.engine.gradients import Transforms
from optibench.experiment import settings
from optibench.experiment.choices import Tuning, choices
from optibench.experiment.resolve import resolve
from optibench.experiment.settings import Experiment, rows
from optibench.plugin.choice import label
from optibench.plugin.registry import Registry, registry
from optibench.plugin.setting import Flag, Names, Number, OneOf, Text, Whole, setting, takes

RUN = {"problems": "quadratic", "optimizers": "gd", "lr": 0.01, "seeds": 1, "steps": 3}
FLAGS = ["--problem", "quadratic", "--optimizer", "gd", "--lr", "0.01", "--seeds", "1", "--steps", "3", "--no-report"]


@pytest.fixture
def patience(monkeypatch):
    """One more setting: a field of the experiment, and nothing else."""

    @dataclass(frozen=True)
    class Patient(Experiment):
        patience: int = setting(5, kind=Whole(1, 99), group="Budget", metavar="N", help="Epochs without improvement")

    monkeypatch.setattr(settings, "Experiment", Patient)
    monkeypatch.delitem(sys.modules, run_.__name__)  # made anew, from the rows, where it is called next


def test_one_more_field_is_an_option_with_its_help(patience, command):
    status, out, _ = command("run", "--help")
    budget = out.split("Budget:")[1].split("\n\n")[0]
    assert status == 0 and re.search(r"--patience N +Epochs without improvement\. +\[default: 5\]", budget)


def test_one_more_field_is_checked_wherever_it_comes_from(patience, command):
    words = "patience = {}: must be a whole number, at least 1, at most 99"
    assert command("run", *FLAGS, "--patience", "0") == (2, "", f"error: {words.format(0)}\n")
    assert command("run", *FLAGS, "--patience", "much") == (2, "", "error: {}\n".format(words.format("'much'")))
    Path("mine.toml").write_text('problems = ["quadratic"]\noptimizers = ["gd"]\npatience = 1.5\n')
    assert command("run", "mine.toml") == (2, "", f"error: {words.format(1.5)}\n")
    with pytest.raises(InputError, match=f"^{words.format(100)}$"):
        ob.run(**RUN, patience=100)
    with pytest.raises(InputError, match="no experiment setting named 'patiense'; nearest: patience"):
        ob.run(**RUN, patiense=1)


def test_one_more_field_goes_through_a_file_and_python(patience, command):
    assert command("run", *FLAGS, "--patience", "7", "--out", "x")[0] == 0
    assert tomllib.loads(Path("x/experiment.toml").read_text())["patience"] == 7
    assert command("run", "x/experiment.toml", "--no-report", "--out", "y")[0] == 0
    assert Path("x/experiment.toml").read_bytes() == Path("y/experiment.toml").read_bytes()
    ob.run(**RUN, patience=8, out="z")
    assert tomllib.loads(Path("z/experiment.toml").read_text())["patience"] == 8
    assert resolve(RUN, registry()).patience == 5


def test_one_more_field_is_in_the_signature_and_the_docs(patience):
    @takes(rows())
    def run(problems, optimizers, **settings):
        """Run."""

    assert inspect.signature(run).parameters["patience"].default == 5
    assert "    patience: Epochs without improvement; default: 5.\n" in run.__doc__
    assert "| `patience` | `--patience N` | `5` | Epochs without improvement. |\n" in test_docs.settings()


def test_without_the_field_there_is_no_such_setting(command):
    assert "patience" not in command("run", "--help")[1] + test_docs.settings()
    with pytest.raises(InputError, match="no experiment setting named 'patience'"):
        ob.run(**RUN, patience=1)


def test_the_keywords_of_run_are_the_settings():
    parameters = inspect.signature(ob.run).parameters
    assert list(parameters)[:2] == ["problems", "optimizers"]
    assert not [item for item in parameters.values() if item.kind is item.VAR_KEYWORD]
    how = {"workers", "timeout", "executor", "out", "plugins", "modules"}
    assert set(parameters) - how == {row.name for row in rows()}
    for row in rows():
        assert f" {row.name}: {row.help[:20]}" in ob.run.__doc__ or row.name in ("problems", "optimizers")


def test_minimize_takes_the_gradient_transforms():
    parameters = inspect.signature(ob.minimize).parameters
    for row in gradients.ROWS:
        assert parameters[row.name].default == row.default
    assert {row.name for row in gradients.ROWS} == {field.name for field in fields(Transforms)}
    assert list(parameters)[-1] == "hyperparameters"


def test_every_field_of_an_experiment_has_a_row_and_a_default_that_passes_its_own_check():
    for field in fields(Experiment):
        assert "setting" in field.metadata or field.name == "transforms"
        assert field.default is not MISSING
    for row in rows():
        if row.default not in (None, ()):
            written = row.kind.write(row.default)
            assert resolve({**RUN, "steps": None, row.name: written}, registry()) is not None, row.name


def test_a_resolved_experiment_is_resolved_to_itself():
    facts = {**RUN, "tune": "random:3", "lr": [0.01, 0.1], "l2": 1, "clip_norm": 2.5, "centralise": True}
    facts |= {"optimizers": ["adam:beta1=0.8", "momentum"], "schedule": "step:every=3", "batch": "full"}
    experiment = resolve(facts, registry())
    assert resolve(experiment.facts(), registry()) == experiment
    assert experiment.tune == Tuning("random", 3) and experiment.facts()["tune"] == "random:3"
    assert experiment.transforms == Transforms(l2=1.0, clip_norm=2.5, centralise=True)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Whole(1, 9), [1, 9, np.int64(3)], [0, 10, 1.0, "1", True, None, []]),
        (Number(), [0, 0.5, 10**300, np.float32(2)], [-1, "1", True, float("nan"), float("inf"), 10**400, []]),
        (Number(above=True), [1e-300, 3], [0, 0.0, -1]),
        (Flag(), [True, False], [0, 1, "true", None]),
        (OneOf(lambda: ("a", "b")), ["a"], ["c", 1, None, [], "a\nb"]),
        (Names(), ["a", ["a", "b"], ("c",)], [[], "", [1], 3, {}]),
        (Text(), ["a", "a\nb"], ["", 3, None]),
    ],
)
def test_a_kind_takes_its_values_and_refuses_others_in_one_line(kind, right, wrong):
    for value in right:
        assert kind.check("x", kind.check("x", value)) == kind.check("x", value)
    for value in wrong:
        with pytest.raises(InputError, match="x") as error:
            kind.check("x", value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [{"clip_value": 0}, {"clip_norm": -1}, {"l2": "x"}, {"centralise": 1}])
def test_gradient_transforms_are_checked_alike_everywhere(change):
    messages = set()
    for call in (
        lambda: Transforms(**change),
        lambda: ob.run(**RUN, **change),
        lambda: ob.minimize(sum, [0], **change),
    ):
        with pytest.raises(InputError) as error:
            call()
        messages.add(str(error.value))
    assert len(messages) == 1


PLUGIN = """
from optibench import hookimpl, optimizer, problem
from optibench.problems import quadratic

NAME = {name!r}

@optimizer(name=NAME)
def rule(w, g, *, lr=0.1, kind="plain"):
    return w - lr * g

@problem(name=NAME)
def bowl(*, text="x"):
    return quadratic()

@hookimpl
def optibench_optimizers():
    return [rule]

@hookimpl
def optibench_problems():
    return [bowl]
"""


@pytest.mark.parametrize("name", ["☃🙂", 'it\'s "quoted"', "two\nlines", "a = sign", "[red]"])
def test_any_name_can_be_an_option_and_a_label(command, name):
    Path("odd.py").write_text(PLUGIN.format(name=name))
    flags = ["--plugins", ".", "--lr", "0.01", "--seeds", "1", "--steps", "3", "--no-report", "--out", "x"]
    status, _, err = command("run", "--problem", name, "--optimizer", f"{name}:kind=🙂 new", *flags)
    assert (status, err) == (0, "")
    runs = ob.load("x").runs
    assert set(runs["problem"]) == {name} and set(runs["optimizer"]) == {f"{name}:kind=🙂 new"}
    status, _, err = command("run", "--problem", f"{name}!", "--optimizer", "gd", *flags)
    assert status == 2 and err.startswith("error: no problem named '") and err.count("\n") == 1


@pytest.mark.parametrize("value", ["a,b", "a=b:c", 'say "no", twice', "two\nlines", "back\\slash", '"', "plain", "🙂"])
def test_a_label_is_read_as_what_it_was_written_from(value):
    @ob.optimizer
    def rule(w, g, *, lr=0.1, kind="x", other="y"):
        return w - lr * g

    found = Registry()
    found.add_local("optimizer", [rule])
    chosen = {"kind": value, "other": f"{value},{value}"}
    assert choices("optimizer", label("rule", chosen), found) == [("rule", chosen)]


def test_a_piece_with_any_name_runs_from_python():
    @ob.optimizer(name="b = 1 ☃")
    def rule(w, g, *, lr=0.1):
        return w - lr * g

    assert set(ob.run("quadratic", rule, lr=0.01, seeds=1, steps=3).runs["optimizer"]) == {"b = 1 ☃"}
