"""All the code that a function's numbers come from: its file, and what that imports of its own package or folder."""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import CodeType

import numpy as np

from optibench.plugin.types import AnyFunction

PACKAGE = Path(__file__).resolve().parents[1]
#: Modules of this package that every piece imports and that no number comes from: names, messages, registration.
NO_NUMBERS = frozenset(
    PACKAGE / name
    for name in (
        "__init__.py", "errors.py", "plugin/__init__.py", "plugin/figure.py", "plugin/hookspecs.py",
        "plugin/loading.py", "plugin/registry.py", "plugin/setting.py", "plugin/suite.py", "plugin/types.py",
    )
)  # fmt: skip


def digest(functions: Iterable[AnyFunction]) -> str:
    """A hash, 16 hex digits, of the code of these functions and of all that it imports of its own, wherever it lies."""
    paths, parts = set[Path](), []
    for function in functions:
        path, values = _written(function)
        parts += values
        if path is not None:
            paths |= files(path)
    parts += [_parsed(path, path.stat().st_mtime_ns)[0] for path in paths]
    return hashlib.sha256(" ".join(sorted(parts)).encode()).hexdigest()[:16]


def files(path: Path) -> frozenset[Path]:
    """The file and all that it imports, transitively, of its own package, or of its folder if it is in no package."""
    root = path.resolve().parent
    while (root / "__init__.py").exists():
        root = root.parent
    package = path.resolve().relative_to(root).parts[0] if root != path.resolve().parent else ""
    seen, left = set[Path](), [path.resolve()]
    while left:
        path = left.pop()
        if path not in seen and path not in NO_NUMBERS:
            seen.add(path)
            left += _imported(path, path.stat().st_mtime_ns, root, package)
    return frozenset(seen)


@lru_cache(4096)
def _imported(path: Path, changed: int, root: Path, package: str) -> tuple[Path, ...]:
    """The files that a file imports of the package, or of the folder if that is empty, below ``root``."""
    imported = list[Path]()
    for level, module, name in _parsed(path, changed)[1]:
        parts = [part for part in module.split(".") if part]
        if not level and package and parts[0] != package:
            continue
        place = (path.parents[level - 1] if level else root).joinpath(*parts)
        if place.is_relative_to(root):
            imported += (_file(place / name) if name else []) or _file(place)
    return tuple(imported)


def _file(place: Path) -> list[Path]:
    """The file of the module or package of this place, if it is one."""
    return [path for path in (place.with_name(f"{place.name}.py"), place / "__init__.py") if path.is_file()][:1]


def _written(function: AnyFunction) -> tuple[Path | None, list[str]]:
    """The file of a function, and what that does not say: values that are bound, the code where there is no file."""
    if isinstance(function, partial):
        path, values = _written(function.func)
        return path, [*values, _plain((*function.args, *sorted(function.keywords.items())))]
    function = inspect.unwrap(function)
    if not (inspect.isroutine(function) or inspect.isclass(function)):
        function = type(function)
    bound, _ = _variables(function)
    try:
        path = Path(inspect.getfile(function))
    except (OSError, TypeError):  # compiled
        path = None
    if path is None or not path.is_file():  # typed into a shell
        return None, [*_of_code(function, set()), *_values(bound)]
    return path, _values(bound)


def _variables(function: AnyFunction) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """What a function refers to by name: variables of the function around it, and of its module."""
    if not inspect.isfunction(function):
        return {}, {}
    try:
        variables = inspect.getclosurevars(function)
    except ValueError:  # one that has no value yet
        return {}, {}
    return variables.nonlocals, variables.globals


def _values(variables: Mapping[str, object]) -> list[str]:
    return [f"{name}={text}" for name, value in variables.items() if (text := _plain(value))]


def _of_code(function: AnyFunction, seen: set[CodeType]) -> list[str]:
    """The code of a function that no file holds, with the constants and the functions that it names."""
    code = getattr(function, "__code__", None)
    if code is None or code in seen:
        return [getattr(function, "__qualname__", "")]
    seen.add(code)
    _, named = _variables(function)
    others = [part for value in named.values() if inspect.isfunction(value) for part in _of_code(value, seen)]
    return [*_instructions(code), *_values(named), *others]


def _instructions(code: CodeType) -> Iterator[str]:
    yield f"{code.co_code!r} {code.co_names!r}"
    for constant in code.co_consts:
        yield from _instructions(constant) if isinstance(constant, CodeType) else [repr(constant)]


def _plain(value: object) -> str:
    """A number, text, array or tuple of these as text; empty for anything else."""
    if isinstance(value, np.ndarray):
        return hashlib.sha256(f"{value.dtype}{value.shape}".encode() + value.tobytes()).hexdigest()[:16]
    if isinstance(value, tuple):
        return f"({','.join(_plain(item) for item in value)})"
    return repr(value) if isinstance(value, bool | int | float | complex | str | bytes | np.generic) else ""


@lru_cache(4096)
def _parsed(path: Path, changed: int) -> tuple[str, tuple[tuple[int, str, str], ...]]:
    """A hash of the code of a file; and what it imports, in functions too: dots before, module, name from it."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
        code = _code(content.decode(), tree)
    except (SyntaxError, UnicodeDecodeError):  # another language
        return hashlib.sha256(content).hexdigest()[:16], ()
    imports: list[tuple[int, str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports += [(node.level, node.module or "", alias.name) for alias in node.names]
    return hashlib.sha256(code.encode()).hexdigest()[:16], tuple(imports)


def _code(text: str, tree: ast.Module) -> str:
    """A text without comments, docstrings and blank lines."""
    lines = text.splitlines()
    dropped = set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            last = (node.end_lineno or node.lineno) - 1
            if not lines[last].encode()[node.end_col_offset :].strip():
                dropped |= {*range(node.lineno - 1, last + 1)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row, column = token.start[0] - 1, token.start[1]
        if token.type == tokenize.COMMENT:
            lines[row] = lines[row][:column].rstrip()
        elif token.type == tokenize.NL and not lines[row].strip():
            dropped.add(row)
    return "\n".join(line for row, line in enumerate(lines) if row not in dropped)
