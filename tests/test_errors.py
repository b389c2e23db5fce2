"""The tree of errors: what is raised where, and that every error goes between processes whole."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

import optibench as ob
from optibench import errors

SETTING = errors.SettingError("lr = -1 must be at least 0", "lr")
UNKNOWN = errors.UnknownName("optimizer", "adamm", ["gd", "adam"])


def classes():
    return {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.InputError) and kind is not errors.InputError
    }


def test_the_docstring_draws_the_tree_as_it_is():
    drawn = re.findall(r"^( *)[│ ]*[├└]── (\w+)", errors.InputError.__doc__.replace("│", " "), re.MULTILINE)
    parents, tree = {}, {}
    for indent, name in drawn:
        parents[len(indent)] = name
        outer = [parents[depth] for depth in sorted(parents) if depth < len(indent)]
        tree[name] = outer[-1] if outer else "InputError"
    assert tree == {name: kind.__base__.__name__ for name, kind in classes().items()}


def test_all_of_them_are_caught_as_input_errors_and_as_value_errors():
    assert issubclass(errors.InputError, ValueError) and not issubclass(errors.WorkerDied, errors.InputError)
    assert (ob.InputError, ob.PluginError, ob.StoreError) == (errors.InputError, errors.PluginError, errors.StoreError)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SETTING, "lr = -1 must be at least 0"),
        (UNKNOWN, "no optimizer named 'adamm'; nearest: adam"),
        (errors.UnknownName("loss", "zzz", ["mse"]), "no loss named 'zzz'; valid names: mse"),
        (errors.UnknownName("loss", "a\nb", []), "no loss named 'a\\nb'; valid names: none"),
        (errors.StoreError("cannot write"), "cannot write"),
        (errors.WorkerDied(3), "its process died with exit code 3"),
    ],
)
def test_every_error_is_one_line_and_comes_back_whole_from_another_process(error, text):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and str(copy) == str(error) == text and vars(copy) == vars(error)


PACKAGE = Path(ob.__file__).parent


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_read_out_of_the_text_of_an_error_or_the_name_of_a_type(path):
    """What an error means is its class; ``str(error)`` is for people, so nothing compares or searches it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
            assert not any("str(error)" in side or "type(error)" in side for side in sides), ast.unparse(node)
        elif isinstance(node, ast.Call):
            assert not re.match(
                r"str\(error\)\.(startswith|endswith|find|r?split|r?partition)\((?!\))", ast.unparse(node)
            ), path
