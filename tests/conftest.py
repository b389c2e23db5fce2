"""What several tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from optibench.plugin.registry import Registry, Sources, registry

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def closures() -> Registry:
    """The registry with the rules of tests/closures.py, a plugin of what the contract must carry."""
    return registry(Sources((str(HERE / "closures.py"),)))


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Call the command line in this process, in an empty folder: command("run", ...) -> (status, out, err)."""
    from optibench.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["optibench", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call
