"""What is measured, and that a metric which fails costs its own columns only."""

from __future__ import annotations

import pytest

import optibench as ob

FACTS = {"problems": "digits-softmax", "optimizers": ["gd", "adam"], "tune": "none", "lr": 0.1, "seeds": 2, "steps": 30}


def with_metric(tmp_path, body, name="mine", **changes):
    text = f"""
from optibench import hookimpl, metric
import numpy as np
calls = []
@metric
def {name}(problem, w, split):
    calls.append(split)
{body}
@hookimpl
def optibench_metrics():
    return [{name}]
"""
    (tmp_path / f"plugin_{name}.py").write_text(text)
    return ob.run(**{**FACTS, **changes}, plugins=str(tmp_path))


@pytest.fixture(scope="module")
def plain():
    return ob.run(**FACTS)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    1 / 0", r"ZeroDivisionError: division by zero"),
        ("    return np.ones((len(w), 2))", r"returned shape \(\d+, 2\) on the train split; it must be \(R,\) = "),
        ("    return 1.0", r"returned shape \(\) on the train split"),
        ("    return ['much'] * len(w)", r"ValueError: could not convert string to float: 'much'"),
        ("    w[:] = 0", r"ValueError: assignment destination is read-only"),
        ("    return np.ones(len(w)) if len(calls) < 12 else 1 / 0", r"ZeroDivisionError"),  # along the way
        ("    return np.ones(len(w)) if split == 'train' else np.ones((len(w), 1))", r"on the validation split"),
    ],
)
def test_a_metric_that_fails_costs_its_own_columns_only_and_says_why(body, reason, tmp_path, plain):
    results = with_metric(tmp_path, body)
    assert (results.runs["status"] == "finished").all()
    for name in ("loss", "test_loss", "test_accuracy", "steps", "evaluation_share"):
        assert results.runs[name].tolist() == plain.runs[name].tolist()
    assert results.runs["unmeasured:mine"].str.contains(reason).all()
    assert not {"mine", "validation_mine", "test_mine"} & {*results.runs, *results.curves}
    assert len(results.curves) == len(plain.curves)


def test_a_metric_that_works_has_its_columns_beside_the_same_losses(tmp_path, plain):
    results = with_metric(tmp_path, "    return abs(w).max(axis=-1) if split == 'train' else None")
    assert results.runs["loss"].tolist() == plain.runs["loss"].tolist()
    assert results.runs["mine"].gt(0).all() and results.curves["mine"].notna().all()
    assert not any(name.startswith("unmeasured:") for name in results.runs)


def test_without_a_loss_a_run_fails_and_says_why(tmp_path):
    text = "from optibench import hookimpl, metric\n@metric\ndef loss(problem, w, split):\n    1 / 0\n"
    text += "@hookimpl\ndef optibench_metrics():\n    return [loss]\n"
    (tmp_path / "loss.py").write_text(text)
    with pytest.warns(UserWarning, match="replaces the built-in"):
        runs = ob.run(**FACTS, plugins=str(tmp_path)).runs
    assert (runs["status"] == "failed").all() and runs["reason"].str.contains("ZeroDivisionError").all()
