"""Arrows between files go down only, as the table in docs/architecture.md draws them."""

from __future__ import annotations

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "optibench"
PAGE = (ROOT / "docs/architecture.md").read_text()
FILES = sorted(PACKAGE.rglob("*.py"))


def layers() -> list[str]:
    """Files and folders of the package from the top down: the first column of the first table, read as a text is."""
    table = PAGE.split("| files |")[1].split("\n\n")[0]
    first = " ".join(row.split("|")[1] for row in table.splitlines()[2:])
    return [name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`([^`]+)`", first)]


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path) for path in FILES}


def imports(path: Path) -> set[str]:
    """The modules of the package that a file imports, in functions too; ``TYPE_CHECKING`` is no exception."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & MODULES or {node.module}
    return found & MODULES


def test_the_table_names_every_file():
    top = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert sorted(layers()) == sorted(top)


def test_arrows_go_down_only():
    order = layers()
    for path in FILES:
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for target in imports(path):
            other = target.split(".")[1] if "." in target else "__init__"
            assert order.index(name) <= order.index(other), f"{module(path)} imports {target}"


def test_the_way_from_a_command_to_a_loss_is_short():
    table = PAGE.split("| file | functions |")[1].split("\n\n")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines()[2:]]
    way = {file.strip(" `"): re.findall(r"`(\w+)`", names) for file, names in rows}
    lines = 0
    for file, names in way.items():
        nodes = [
            node for node in ast.walk(ast.parse((PACKAGE / file).read_text())) if isinstance(node, ast.FunctionDef)
        ]
        for name in names:
            (node,) = (node for node in nodes if node.name == name)
            lines += node.end_lineno - min(node.lineno, *(one.lineno for one in node.decorator_list), node.lineno) + 1
    assert len(way) <= 8 and 200 < lines <= 400


def test_files_are_short_few_at_the_top_and_typed():
    texts = {path: path.read_text() for path in FILES}
    assert max(len(text.splitlines()) for text in texts.values()) <= 400
    assert len([path for path in FILES if path.parent == PACKAGE]) <= 12
    assert sum(len(re.findall(r"\bAny\b", text)) for text in texts.values()) <= 100


def test_there_is_no_cycle():
    list(TopologicalSorter({module(path): imports(path) - {module(path)} for path in FILES}).static_order())


def test_every_file_says_in_its_first_line_what_it_is():
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_every_dependency_has_its_reason_in_the_docs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    rows = [line.split("|")[1] for line in PAGE.split("## Dependencies")[1].splitlines() if line.startswith("| ")]
    explained = {name.strip() for row in rows[1:] for name in row.split(",")}
    assert explained == {re.split("[>=<~]", dependency)[0] for dependency in project["dependencies"]}


def test_the_docs_name_the_constants_with_their_values():
    from optibench.engine import capacity, loop, measure, streams
    from optibench.runner import executors, run

    assert f"`loop.GROWTH` ({loop.GROWTH:.0e})".replace("e+", "e") in PAGE
    assert f"`measure.PART` ({measure.PART})" in PAGE and measure.EVALUATION_SHARE == 1 / 4
    assert f"up to {measure.MOST_POINTS}" in PAGE
    assert f"{capacity.FILLED // 2**20} MiB (`capacity.FILLED`)" in PAGE and run.SMALL and executors.GRACE
    for name in streams.STREAMS:
        assert name in PAGE.split("`streams.STREAMS`")[1].split(".")[0]
