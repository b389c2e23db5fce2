"""optibench verify: a table, JSON, exit statuses, and what is wrong with a trace file in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RULE = '''
from optibench import hookimpl, optimizer


@optimizer(trace="mine.json", reference="Cauchy 1847")
def mine(w, g, *, lr=1e-2):
    """A rule."""
    return w - lr * g


@hookimpl
def optibench_optimizers():
    return [mine]
'''


def traces(**changes):
    """gd on x^2 / 2 + y^2, at lr 0.5: halves and zeros."""
    case = {"case": "two", "optimizer": "mine", "hyperparameters": {"lr": 0.5}, "reference": "by hand"}
    case |= {"tolerance": 1e-12, "x": [[1.0, 1.0], [0.5, 0.0], [0.25, 0.0]]}
    problem = {"x0": [1.0, 1.0], "H": [[1.0, 0.0], [0.0, 2.0]], "b": [0.0, 0.0]}
    for key, value in changes.items():
        (problem if key in ("x0", "H", "b", "shapes") else case)[key] = value
    return json.dumps({"problem": problem, "cases": [case]})


@pytest.fixture
def plugin(command):
    Path("mine.py").write_text(RULE)
    Path("mine.json").write_text(traces())
    return lambda *more: command("verify", "mine", "--plugins", ".", *more)


def test_a_right_rule_has_a_table_of_what_it_was_compared_with(plugin):
    status, out, err = plugin()
    assert (status, err) == (0, "")
    assert "two: by hand" in out and "resumes" in out and "FAILED" not in out
    assert out.splitlines()[-1].startswith("13 checks (traces 1, identities 0, promises 11, formulas 1): none failed")


def test_a_wrong_rule_is_found_by_its_trace_and_by_the_contract(plugin):
    Path("mine.py").write_text(RULE.replace("w - lr * g", "w - lr * (g + 1e-9 * w.mean(axis=0))"))
    status, out, _ = plugin("--json")
    failed = {check["reference"] for check in json.loads(out) if not check["ok"]}
    assert status == 1 and {"two: by hand", "alone as in a cohort"} <= failed


def test_a_rule_that_raises_fails_its_checks_and_says_why(plugin):
    Path("mine.py").write_text(RULE.replace("return w", "1 / 0\n    return w"))
    status, out, err = plugin()
    assert status == 1 and err == "" and "ZeroDivisionError" in out and "FAILED" in out


def test_a_rule_without_a_formula_is_listed_with_the_reason_and_passes(plugin):
    rule = RULE.replace("return w", "np.sort(g)\n    return w").replace("from", "import numpy as np\nfrom", 1)
    Path("mine.py").write_text(rule)
    status, out, err = plugin()
    assert (status, err) == (0, "") and "not traced: numpy.sort has no formula here" in out
    status, out, _ = plugin("--json")
    assert status == 0 and [c["note"] for c in json.loads(out) if c["kind"] == "formula"] == [
        "numpy.sort has no formula here"
    ]


def test_a_rule_that_is_not_what_its_formula_says_fails(plugin):
    other = "g = g if type(g).__name__ == 'ndarray' else g + 1e-9\n    return w"
    Path("mine.py").write_text(RULE.replace("return w", other))
    status, out, _ = plugin("--json")
    assert status == 1 and [check["kind"] for check in json.loads(out) if not check["ok"]] == ["formula"]


@pytest.mark.parametrize("declared", [1, 2])
def test_a_rule_that_asks_for_more_evaluations_than_it_declares_fails_in_one_clear_line(plugin, declared):
    rule = RULE.replace("(w, g, *", "(w, g, grad, *").replace("lr * g", "lr * grad(w)")
    Path("mine.py").write_text(rule.replace('1847"', f'1847", evaluations={declared}'))
    status, out, _ = plugin("--json")
    failed = {check["reference"]: check["note"] for check in json.loads(out) if not check["ok"]}
    assert status == (1 if declared == 1 else 0) and "unpaid rows are NaN" in out
    words = "'mine' declares evaluations=1 per step and asks for 2; declare evaluations=2, or nan where it varies"
    assert failed == ({"costs what it declares": words} if declared == 1 else {})


def test_a_wrapper_is_checked_around_two_rules_and_all_is_the_default(command):
    status, out, _ = command("verify", "lookahead", "--json")
    assert status == 0 and {row["optimizer"] for row in json.loads(out)} == {"lookahead+gd", "lookahead+adam"}
    status, out, err = command("verify")
    assert (status, err) == (0, "") and "soap" in out and "sam+adam" in out and ": none failed" in out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": [[1.0, 1.0, 1.0]] * 3}, "case 'two': x has shape (3, 3); it must be (steps + 1, 2)"),
        ({"x": [[1.0, 1.0], [0.5]]}, "case 'two': x has shape (0,)"),
        ({"x": [[1.0, 1.0], [float("nan"), 0.0]]}, "case 'two': x has shape (2, 2)"),
        ({"H": [[1.0, 0.0]]}, "H has shape (1, 2); it must be (2, 2)"),
        ({"shapes": [[3]]}, "hold other than the 2 numbers of x0"),
        ({"hyperparameters": {"rate": 0.5}}, "case 'two': 'mine' has no 'rate'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trace_file_with_a_wrong_shape_is_one_line_and_status_2(plugin, changes, words):
    Path("mine.json").write_text(traces(**changes))
    status, out, err = plugin()
    assert status == 2 and out == "" and err.count("\n") == 1
    assert err.startswith("error: trace file '") and words in err


def test_a_trace_file_that_is_none_is_one_line_and_status_2(plugin):
    for text, words in (("{", "Expecting"), ('{"problem": {}}', "no 'cases'"), (None, "cannot be read")):
        Path("mine.json").write_text(text) if text else Path("mine.json").unlink()
        status, out, err = plugin()
        assert status == 2 and out == "" and err.startswith("error: trace file '") and words in err, text
