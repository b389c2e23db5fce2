"""Where a rule wins and where it loses is measured, kept, and contained."""

from __future__ import annotations

from optibench import optimizer
from optibench.plugin.registry import Registry, Sources, registry
from optibench.teaching.measured import SETTINGS, measure
from optibench.teaching.page import write_optimizer


def test_a_rule_is_measured_against_its_parent_and_the_result_is_kept(tmp_path):
    rule = registry().get("optimizer", "momentum")
    found = measure(rule, registry(), tmp_path, workers=1)
    assert found.other == "gd" and found.reason == "" and len(found.rows) == len(SETTINGS["problems"])
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}
    assert measure(rule, registry(), tmp_path, workers=1) == found
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()} == times
    text = write_optimizer("momentum", registry(), found)
    assert "Where it wins and where it loses" in text and "12 replicates" in text
    for row in found.rows:
        assert (row["better"] != "") == (row["p_adjusted"] < 0.05)


def test_a_rule_that_raises_has_a_page_that_says_so(tmp_path):
    @optimizer
    def broken(w, g, *, lr=0.1):
        raise ValueError("never works")

    known = Registry(Sources())
    known.add_local("optimizer", [broken])
    found = measure(broken, known, tmp_path, workers=1)
    text = write_optimizer("broken", known, found)
    assert found.other == "momentum" and ("never works" in found.reason or found.rows)
    assert "Where it wins and where it loses" in text
