"""Everything that README and docs show runs; what they list is what there is.

Python blocks are executed, TOML blocks are saved under their name and run, and every line of a ``console`` block is
called, in order and in an empty folder. ``sh`` blocks are the two set-up commands: they make environments, and one runs
these tests, so here only their form is checked; CI runs the second to the letter.

Run this file to write the generated tables anew.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import optibench as ob
from optibench.analysis.declaration import analyses
from optibench.experiment.settings import rows
from optibench.plugin.figure import KEYS
from optibench.plugin.hookspecs import KINDS
from optibench.plugin.registry import Registry, Sources
from optibench.results import Results

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?<=writes this table -->\n).*?(?=<!-- end -->)", re.DOTALL)  # one, or several in their order
README = (ROOT / "README.md").read_text()
PLUGINS = (ROOT / "docs/plugins.md").read_text()
OPTIMIZERS = (ROOT / "docs/optimizers.md").read_text()
PROBLEMS = (ROOT / "docs/problems.md").read_text()
STATISTICS = (ROOT / "docs/statistics.md").read_text()
COMMANDS = (ROOT / "docs/command-line.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "reports/README.md"]


def blocks(text: str, kind: str) -> list[str]:
    return [body for language, body in BLOCK.findall(text) if language == kind]


def follow(text: str, command) -> None:
    """Do what a page says, from top to bottom."""
    for language, body in BLOCK.findall(text):
        if language == "python" and "hookimpl" in body:
            Path(re.search(r"def (\w+)", body)[1] + ".py").write_text(body)
        elif language == "python":
            exec(compile(body, "page", "exec"), {})
        elif language == "toml":
            Path(tomllib.loads(body)["name"] + ".toml").write_text(body)
        elif language == "console":
            for line in body.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "optibench", line
                status, out, err = command(*arguments)
                assert status == 0, (line, out, err)


def test_the_readme_works_from_top_to_bottom(command):
    follow(README, command)
    assert Path("cautious_lion.py").exists()
    assert Path("reports/custom/index.html").exists()
    assert command("run", "mine.toml", "--no-report", "--workers", "1")[0] == 0


def test_the_page_on_the_command_line_works_from_top_to_bottom(command):
    follow(COMMANDS, command)
    for folder in ("reports/smoke", "reports/ravine", "mine"):
        assert (Path(folder) / "index.html").exists()


def test_the_page_on_the_report_works_from_top_to_bottom(command):
    follow((ROOT / "docs/report.md").read_text(), command)
    assert Path("page.html").exists() and Path("paper/figures/ranks.pdf").exists() and Path("ranks.pdf").exists()


def test_pages_hold_no_block_that_no_test_runs():
    for page in PAGES:
        assert {language for language, _ in BLOCK.findall(page.read_text())} <= {"python", "console", "toml", "sh"}, (
            page
        )


def test_the_readme_shows_a_picture_and_two_one_line_set_up_commands():
    picture = (ROOT / re.search(r"!\[.*?\]\((.*?)\)", README)[1]).stat().st_size
    assert 10_000 < picture < 400_000
    run, test = (block.strip() for block in blocks(README, "sh"))
    assert "\n" not in run + test
    assert run.startswith("python3 -m venv ") and run.endswith("optibench run")
    assert test.startswith("python3 -m venv ") and test.endswith("tox")


def test_ci_runs_the_test_command_of_the_readme_to_the_letter():
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert blocks(README, "sh")[1].strip() == lines[-1]
    assert "set -euo pipefail" in lines
    assert (ROOT / ".ci/run").stat().st_mode & 0o100


def test_every_link_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert target.startswith("https://") or (page.parent / target).exists(), (page.name, target)
        for script in re.findall(r"`python (\S+\.py)", page.read_text()):
            assert (ROOT / script).exists(), (page.name, script)


def built_in() -> str:
    """The README's table: every kind, and the names that the built-in plugins register."""
    found = Registry()
    rows = ["| kind | built in |", "|---|---|"]
    for kind, (plural, _) in KINDS.items():
        names = (f"`{name}`" for name in found[kind] if found.is_builtin(kind, name))
        rows.append(f"| {plural} | {', '.join(names)} |")
    return "".join(f"{row}\n" for row in rows)


def catalogue() -> str:
    """The table of docs/optimizers.md: formula, hyperparameters, source and differences of every rule and wrapper."""
    found = Registry()
    rows = ["| name | formula | hyperparameters | what it is | source |", "|---|---|---|---|---|"]
    for kind in ("optimizer", "wrapper"):
        for name, piece in found[kind].items():
            if not found.is_builtin(kind, name):
                continue
            facts = piece.facts if kind == "wrapper" else vars(piece)
            numbers = ", ".join(f"{key} {value:g}" for key, value in piece.hyperparameters.items())
            options = ", ".join(f"{key} {value}" for key, value in piece.options.items())
            formula = "" if getattr(piece, "solver", False) else "${}$".format(facts["formula"]).replace("|", r"\vert ")
            settings = ", ".join(part for part in (numbers, options) if part)
            rows.append(f"| `{name}` | {formula} | {settings} | {piece.summary} | {facts['reference']} |")
    return "".join(f"{row}\n" for row in rows)


def collection() -> str:
    """The table of docs/problems.md: size, examples, minimum and source of every problem."""
    rows = ["| name | what it is | parameters | examples | minimum | source |", "|---|---|---|---|---|---|"]
    found = Registry()
    for name, piece in found["problem"].items():
        if not found.is_builtin("problem", name):
            continue
        if piece.function.__module__.endswith(".extra"):
            rows.append(f"| `{name}` | {piece.summary} | | | | an extra |")
            continue
        built = piece()
        low = "" if built.minimum is None else f"{built.minimum:.6g}"
        rows.append(f"| `{name}` | {piece.summary} | {built.size} | {built.examples or ''} | {low} | {built.source} |")
    return "".join(f"{row}\n" for row in rows)


def settings() -> str:
    """The table of docs/command-line.md: every setting of an experiment, from its row."""
    lines = ["| setting | option of `run` | default | meaning |", "|---|---|---|---|"]
    for row in rows():
        option = f"`{row.option}`".replace("|", r"\|") if row.option else ""
        default = row.default_text if row.unset or row.default is None else f"`{row.default_text}`"
        lines.append(f"| `{row.name}` | {option} | {default} | {row.help_text}. {row.details} |".replace("  |", " |"))
    return "".join(f"{line}\n" for line in lines)


def options(verb: str) -> str:
    """The tables of docs/command-line.md: the options of a command that are no settings."""
    command = import_module(f"optibench.cli.{verb}_").command
    lines = [f"| option of `{verb}` | meaning |", "|---|---|"]
    names = {row.name for row in rows()}
    for parameter in command.params:
        if parameter.name not in names and parameter.opts[0].startswith("-"):
            text = f"{parameter.opts[0]} {parameter.metavar or ''}".strip()
            lines.append(f"| `{text}` | {' '.join(parameter.help.split())} |")
    return "".join(f"{line}\n" for line in lines)


def test_the_tables_list_the_options_and_the_settings():
    assert TABLE.findall(COMMANDS) == [options("run"), options("report"), settings()], "run `python tests/test_docs.py`"


def keys() -> str:
    """The table of docs/plugins.md: every key of a figure's encoding."""
    lines = ["| key | meaning |", "|---|---|"]
    for names, meaning in KEYS.items():
        lines.append(f"| {', '.join(f'`{name}`' for name in names.split(', '))} | {meaning} |")
    return "".join(f"{line}\n" for line in lines)


def tables() -> str:
    """The table of docs/statistics.md: every analysis, and what its columns mean."""
    rows = ["| table | column | meaning |", "|---|---|---|"]
    for name, what in analyses(Results).items():
        rows.append(f"| **`{name}`** | | **{what.summary}** |")
        rows += [f"| | `{column}` | {meaning} |" for column, meaning in what.columns.items()]
    return "".join(f"{row}\n" for row in rows)


def test_the_tables_list_what_is_built_in():
    assert TABLE.search(README)[0] == built_in(), "run `python tests/test_docs.py`"
    assert TABLE.search(OPTIMIZERS)[0] == catalogue(), "run `python tests/test_docs.py`"
    assert TABLE.search(PROBLEMS)[0] == collection(), "run `python tests/test_docs.py`"
    assert TABLE.search(STATISTICS)[0] == tables(), "run `python tests/test_docs.py`"
    assert TABLE.search(PLUGINS)[0] == keys(), "run `python tests/test_docs.py`"


def test_the_pages_on_optimizers_and_problems_work_from_top_to_bottom(command):
    follow(OPTIMIZERS, command)
    follow(PROBLEMS, command)


def test_the_page_on_statistics_works_from_top_to_bottom(command):
    follow(STATISTICS, command)


def words(heading: str) -> set[str]:
    """The code words in the first column of the table under this heading."""
    table = COMMANDS.split(f"| {heading} |")[1].split("\n\n")[0].split("\n<!--")[0]
    first = " ".join(row.split("|")[1] for row in table.splitlines()[2:])
    return {word for code in re.findall(r"`([^`]+)`", first) for word in code.split()}


def test_every_option_of_run_is_explained():
    from optibench.cli.run_ import command

    known = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    listed = words("option of `run`") | {row.flag for row in rows() if row.flag}
    assert {word for word in listed if word.startswith("-")} == known


def test_every_setting_is_explained_in_one_sentence_without_its_full_stop():
    for row in rows():
        assert row.help and row.help[0].isupper() and row.help[-1] not in ".;:" and row.group, row.name
        assert not row.details or row.details.endswith("."), row.name


def test_every_column_of_the_runs_is_explained():
    runs = ob.run(["quadratic", "xor-mlp"], "gd", lr=[0.01, 1.0], seeds=1, steps=600, tune="none").runs
    assert set(runs) - words("column of `runs`") <= set(Registry()["metric"])
    assert words("column of `runs`") - set(runs) <= {"validation_loss", "test_loss", "unmeasured:METRIC", "..."}


def test_every_hook_has_a_section_with_an_example_that_registers(tmp_path):
    sections = dict(re.findall(r"^## optibench_(\w+)\n(.*?)(?=^## |\Z)", PLUGINS, re.MULTILINE | re.DOTALL))
    assert set(sections) == {plural for plural, _ in KINDS.values()}
    for kind, (plural, _) in KINDS.items():
        folder = tmp_path / plural
        folder.mkdir()
        files = [folder / f"doc_{plural}{number}.py" for number, _ in enumerate(blocks(sections[plural], "python"))]
        for file, body in zip(files, blocks(sections[plural], "python"), strict=True):
            file.write_text(body)
        found = Registry(Sources((str(folder),)))
        owners = {plugin.name for name in found[kind] for plugin in found.owners(kind, name)}
        assert files and owners >= {file.stem for file in files}


def test_the_page_on_plugins_works_from_top_to_bottom(command):
    follow(PLUGINS, command)


def test_the_examples_of_the_docs_train_together(tmp_path):
    for number, block in enumerate(blocks(PLUGINS, "python")):
        (tmp_path / f"doc{number}.py").write_text(block)
    results = ob.run(
        ["paraboloid", "iris-mlp", "xor-mlp:activation=bent_identity"],
        ["adagrad_norm", "slow_start+gd"],
        lr=[0.1, 0.01],
        seeds=2,
        steps=20,
        schedule="sawtooth",
        executor="backwards",
        tune="none",
        plugins=str(tmp_path),
    )
    assert (results.runs["status"] == "finished").all()
    assert results.runs["largest"].notna().all()
    page = results.report(tmp_path / "report", [*Registry(Sources((str(tmp_path),)))["figure"].values()])
    assert "Steps taken" in page.read_text() and "could not be drawn" not in page.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_hook_has_a_built_in_that_uses_it(kind):
    assert Registry()[kind]


if __name__ == "__main__":
    (ROOT / "README.md").write_text(TABLE.sub(lambda _: built_in(), README))
    (ROOT / "docs/optimizers.md").write_text(TABLE.sub(lambda _: catalogue(), OPTIMIZERS))
    (ROOT / "docs/problems.md").write_text(TABLE.sub(lambda _: collection(), PROBLEMS))
    all_three = iter([options("run"), options("report"), settings()])
    (ROOT / "docs/command-line.md").write_text(TABLE.sub(lambda _: next(all_three), COMMANDS))
    (ROOT / "docs/plugins.md").write_text(TABLE.sub(lambda _: keys(), PLUGINS))
    (ROOT / "docs/statistics.md").write_text(TABLE.sub(lambda _: tables(), STATISTICS))
