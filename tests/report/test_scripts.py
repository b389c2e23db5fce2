"""The page's scripts are plain, strict and short, and the page includes each of them once."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from optibench.report.page import SCRIPTS

STATIC = files("optibench.report") / "static"
DOCS = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_every_script_is_in_the_page_and_in_the_docs():
    stored = {path.name for path in STATIC.iterdir() if path.name.endswith(".js")}
    assert sorted(SCRIPTS) == sorted(stored)
    section = DOCS.read_text(encoding="utf-8").partition("## The scripts of the page")[2].partition("\n## ")[0]
    assert re.findall(r"`(\w+\.js)`", section) == [*SCRIPTS]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_strict_says_what_it_holds_and_is_short(name):
    lines = (STATIC / name).read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ['"use strict";', ""] and lines[2].startswith("// ")
    assert len(lines) <= 400 and max(map(len, lines)) <= 120


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "markup.js"])
def test_markup_is_written_by_its_builder_only(name):
    text = (STATIC / name).read_text(encoding="utf-8")
    assert "innerHTML" not in text and not re.findall(r"[\"'`]\s*</?[a-z]", text)
