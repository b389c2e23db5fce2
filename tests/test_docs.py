"""Everything that README and docs show runs; what they list is what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import optibench as ob
from optibench.hookspecs import KINDS
from optibench.registry import Registry, Sources

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
README = (ROOT / "README.md").read_text()
PLUGINS = (ROOT / "docs/plugins.md").read_text()
CI = (ROOT / ".ci/run").read_text()


def blocks(text: str, kind: str) -> list[str]:
    return [body for language, body in BLOCK.findall(text) if language == kind]


def test_the_readme_works_from_top_to_bottom(command):
    """The plugin is saved and every console line is run. The two set-up commands make environments: CI runs them."""
    plugin, api = blocks(README, "python")
    Path("lion.py").write_text(plugin)
    Path("mine.toml").write_text(blocks(README, "toml")[0])
    exec(compile(api, "README", "exec"), {})
    for block in blocks(README, "console"):
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "optibench"
            status, out, err = command(*arguments)
            assert status == 0, (line, out, err)
    assert command("run", "mine.toml", "--no-report", "--workers", "1")[0] == 0


def test_the_readme_shows_a_picture_and_two_one_line_set_up_commands():
    assert (ROOT / re.search(r"!\[.*?\]\((.*?)\)", README)[1]).stat().st_size > 10_000
    run, test = (block.strip() for block in blocks(README, "sh"))
    assert "\n" not in run + test and "-m venv" in run and "-m venv" in test
    assert run.endswith("optibench run") and test.endswith("tox")
    assert test in CI  # CI calls the test command to the letter


def test_every_hook_has_a_section_with_an_example_that_registers(tmp_path):
    sections = dict(
        zip(re.findall(r"^## (optibench_\w+)", PLUGINS, re.MULTILINE), blocks(PLUGINS, "python"), strict=True)
    )
    assert set(sections) == {f"optibench_{plural}" for plural, _ in KINDS.values()}
    for kind, (plural, _) in KINDS.items():
        folder = tmp_path / plural
        folder.mkdir()
        (folder / f"doc_{plural}.py").write_text(sections[f"optibench_{plural}"])
        found = Registry(Sources((str(folder),)))
        assert any(owner == f"doc_{plural}" for (of, _), owner in found.owners.items() if of == kind)


def test_the_examples_of_the_docs_train_together(tmp_path):
    for number, block in enumerate(blocks(PLUGINS, "python")):
        (tmp_path / f"doc{number}.py").write_text(block)
    results = ob.run(
        ["sphere", "xor-mlp:activation=softsign"],
        ["adagrad_norm", "gd"],
        lr=[0.1, 0.01],
        seeds=2,
        steps=20,
        schedule="linear",
        executor="backwards",
        plugins=str(tmp_path),
    )
    assert (results.runs["status"] == "finished").all()
    assert results.runs["largest"].notna().all()
    page = results.report(tmp_path / "report", [*Registry(Sources((str(tmp_path),)))["figure"].values()])
    assert "Steps taken" in page.read_text() and "could not be drawn" not in page.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_hook_has_a_built_in_that_uses_it(kind):
    assert Registry()[kind]
