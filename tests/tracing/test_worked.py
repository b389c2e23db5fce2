"""Worked numbers are the rule's own, and the lines for the shell give them."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from odd_rules import CAUTIOUS, FOUND, RULES, identity, made

import optibench as ob
from optibench.errors import RuleError, SettingError
from optibench.tracing import worked


def typed(text, rule):
    """The names of a shell after these lines."""
    names = {} if "# rule is the optimizer" not in text else {"rule": rule}
    with contextlib.redirect_stdout(io.StringIO()) as out, np.errstate(all="ignore"):
        exec(text, names)
    return names, out.getvalue()


def rows(found, place=0):
    return {(row.name, row.when): row.values[place] for row in found.rows}


def test_adam_in_numbers():
    found = worked(FOUND.get("optimizer", "adam"))
    assert found.steps == (1, 2, 3, 10, 100) and found.settings["lr"] == 0.1
    assert [(row.name, row.when) for row in found.rows] == [
        *(("w", "before"), ("g", "before")),
        *(("m", "line"), ("v", "line"), ("m_hat", "line"), ("v_hat", "line")),
        *(("step", "after"), ("w", "after"), ("f", "after")),
    ]
    first, last = rows(found), rows(found, 4)
    assert first["g", "before"] == (1, 10) and first["m", "line"] == pytest.approx([0.1, 1])
    assert first["m_hat", "line"] == pytest.approx([1, 10]) and first["step", "after"] == pytest.approx([-0.1, -0.1])
    assert first["f", "after"] == pytest.approx([4.455])
    assert last["w", "after"] == pytest.approx([0.0029367, 0.0029367], rel=1e-4)
    assert found.text.splitlines() == [
        "import numpy as np",
        "from numpy import sqrt",
        "",
        "lr, beta1, beta2, eps = 0.1, 0.9, 0.999, 1e-08",
        "w = np.array([1.0, 1.0])",
        "m = np.zeros(2)",
        "v = np.zeros(2)",
        "for t in range(1, 101):",
        "    g = w * [1.0, 10.0]",
        "    m = beta1 * m + (1 - beta1) * g",
        "    v = beta2 * v + (1 - beta2) * g**2",
        "    m_hat = m / (1 - beta1**t)",
        "    v_hat = v / (1 - beta2**t)",
        "    w, m, v = w - lr * m_hat / (sqrt(v_hat) + eps), m, v",
        "    f = (w**2 * [1.0, 10.0]).sum() / 2",
        "    if t in (1, 2, 3, 10, 100):",
        "        print(t, w, m, v, f)",
    ]


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_typing_the_lines_gives_the_numbers(rule):
    for t in (1, 2, 3, 10, 100):
        found = worked(rule, (t,))
        names, out = typed(found.text, rule)
        own = "rule" not in names
        assert out.startswith(f"{t} ")
        compared = 0
        for (name, when), numbers in rows(found).items():
            if when == "before" or name == "step" or name[-2:] in ("_1", "_2"):
                continue  # changed by now, or a part of a tuple
            if own or when == "after" or name in rule.state:
                typed_numbers = np.broadcast_to(np.ravel(names[name]).astype(float), len(numbers))
                assert np.allclose(typed_numbers, numbers, rtol=1e-9, atol=0, equal_nan=True), (t, name)
                compared += 1
        assert compared >= 2 + len(rule.state)


def test_a_rule_that_is_a_list_of_assignments_stands_alone():
    alone = {rule.name for rule in RULES if "rule" not in typed(worked(rule, (1,)).text, rule)[0]}
    assert {"adam", "lion", "lbfgs", "sophia", "lamb", "cautious_lion"} <= alone
    assert not {"muon", "soap", "sam+adam", "made", "early"} & alone
    assert "optibench" not in worked(CAUTIOUS).text and "optibench" not in worked(FOUND.get("optimizer", "adan")).text


def test_a_rule_that_is_not_registered_is_said_to_be_missing():
    assert "# rule is the optimizer 'made', from where it is defined\n" in worked(made).text
    assert "rule = registry().get(\"optimizer\", 'muon')\n" in worked(FOUND.get("optimizer", "muon")).text


def test_a_name_that_a_step_does_not_assign_is_none():
    rows = {row.name: row.values for row in worked(FOUND.get("optimizer", "sophia"), (1, 2)).rows}
    assert rows["u"][0] is not None and rows["u"][1] is None


def test_the_rate_is_a_choice():
    gd = FOUND.get("optimizer", "gd")
    assert worked(gd, (1,), lr=None).settings == {"lr": 0.01}
    assert rows(worked(gd, (1,), lr=0.05))["w", "after"] == pytest.approx([0.95, 0.5])


@pytest.mark.parametrize("steps", [(), (0,), (1.5,), (-1, 2)])
def test_steps_are_whole_numbers(steps):
    with pytest.raises(SettingError, match="must be whole numbers from 1"):
        worked(FOUND.get("optimizer", "gd"), steps)


def test_what_fails_says_so_in_a_line():
    with pytest.raises(SettingError, match="'bfgs' is an external solver without a rule; choose a rule"):
        worked(FOUND.get("optimizer", "bfgs"))

    @ob.optimizer
    def in_place(w, g, *, lr=0.1):
        """Changes what it was given."""
        w -= lr * g
        return w

    with pytest.raises(RuleError, match=r"optimizer 'in_place' failed at step 1: .*read-only"):
        worked(in_place)
    assert rows(worked(FOUND.get("optimizer", "gd"), (1,)))["w", "before"] == (1, 1)
