"""optibench list and optibench plugins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from optibench.plugin.hookspecs import KINDS
from optibench.plugin.registry import registry

OWN = """
from optibench import hookimpl, optimizer
@optimizer
def own(w, g, *, lr=1.0):
    "A rule."
    return w - lr * g
@hookimpl
def optibench_optimizers():
    return [own]
"""


@pytest.mark.parametrize("kind", KINDS)
def test_list_shows_every_piece_of_a_kind_by_singular_and_plural(command, kind):
    status, out, err = command("list", kind)
    assert (status, err) == (0, "") and command("list", KINDS[kind][0])[1] == out
    pieces = registry()[kind]
    assert out.startswith(f"{KINDS[kind][0]} ({len(pieces)})")
    for line, piece in zip(out.splitlines()[1:], pieces.values(), strict=True):
        assert line.split() == [piece.name, *piece.summary.split()]


def test_list_of_everything_is_the_same_in_json(command):
    rows = json.loads(command("list", "--json")[1])
    assert [(row["kind"], row["name"]) for row in rows] == [(kind, name) for kind in KINDS for name in registry()[kind]]
    assert json.loads(command("list", "losses", "--json")[1]) == [row for row in rows if row["kind"] == "loss"]


def test_plugins_shows_where_each_came_from_and_what_failed(command):
    Path("own.py").write_text(OWN)
    Path("bad.py").write_text(OWN + "1 / 0\n")
    status, out, err = command("plugins", "--plugins", ".")
    assert (status, err) == (0, "")  # the table says it
    said = {line.split()[0]: line for line in out.splitlines()}
    assert said["own"].endswith("own.py: 1 optimizer") and "left out: ZeroDivisionError" in said["bad"]
    assert "41 optimizers, 2 wrappers" in said["optibench.optimizers"] and "built-in" in said["optibench.optimizers"]
    rows = {row["name"]: row for row in json.loads(command("plugins", "--plugins", ".", "--json")[1])}
    assert rows["own"]["pieces"] == {"optimizer": ["own"]} and "ZeroDivisionError" in rows["bad"]["error"]


def test_list_with_plugins_shows_theirs(command):
    Path("own.py").write_text(OWN)
    row = next(
        row for row in json.loads(command("list", "optimizer", "--plugins", ".", "--json")[1]) if row["name"] == "own"
    )
    assert row == {
        "kind": "optimizer", "name": "own", "summary": "A rule.", "plugin": "own", "evaluations": 1,
        "hyperparameters": {"lr": 1.0},
    }  # fmt: skip


def test_list_as_json_has_what_a_rule_declares(command):
    rows = {row["name"]: row for row in json.loads(command("list", "optimizer", "--json")[1])}
    assert rows["adam"]["parent"] == "rmsprop" and "1412.6980" in rows["adam"]["reference"]
    assert rows["adam"]["formula"].startswith("w_t = ") and rows["adam"]["space"]["lr"] == [1e-5, 1, "log"]
    assert rows["sophia"]["evaluations"] == 1.1 and "evaluations" not in rows["bfgs"]  # it varies
    problems = {row["name"]: row for row in json.loads(command("list", "problem", "--json")[1])}
    assert problems["digits-mlp"]["parameters"] == {"activation": "tanh", "initial": "xavier"}
