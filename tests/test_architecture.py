"""Arrows between files go down only."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "optibench"
#: From the ground up; a file may import those of its own layer that do not import it, and all below.
LAYERS = [
    ["pieces"],
    ["hookspecs"],
    ["registry"],
    ["samplers", "activations", "schedules", "metrics", "suites"],
    ["losses"],
    ["networks"],
    ["problems", "optimizers"],
    ["plan"],
    ["executors", "recording"],
    ["train"],
    ["store"],
    ["work"],
    ["execute"],
    ["analysis"],
    ["report"],
    ["results"],
    ["api", "minimizer"],
    ["cli", "__init__"],
    ["__main__"],
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}


def imports(path: Path) -> set[str]:
    """The top-level files of the package that a file imports, lazily or not."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "optibench":
            found |= {f"optibench.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.split(".")[1] for name in found if name.startswith("optibench.")}


def test_arrows_go_down_only():
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for target in imports(path) - {name}:
            assert HEIGHT[target] < HEIGHT[name], f"{path.name} imports {target}"


def test_every_file_says_in_its_first_line_what_it_is():
    for path in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_every_dependency_has_its_reason_in_the_docs():
    page = (ROOT / "docs/architecture.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for dependency in project["dependencies"]:
        assert dependency.split(">")[0] in page.split("## Dependencies")[1]
