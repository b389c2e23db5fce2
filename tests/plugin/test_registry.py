"""How plugins are found, what is left out and why, and who owns a name."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import optibench
from optibench import InputError, PluginError
from optibench.plugin import hookspecs
from optibench.plugin.registry import BUILTINS, PluginWarning, Registry, Sources, plugin_files

EXAMPLES = Path(__file__).parents[2] / "plugins"


def plugin(name, hook="optimizers", returned=None):
    """The source of a plugin with one optimizer."""
    return dedent(f"""
        from optibench import hookimpl, optimizer

        @optimizer
        def {name}(w, g, *, lr=1.0):
            "A rule."
            return w - lr * g

        @hookimpl
        def optibench_{hook}():
            return {returned or f"[{name}]"}
        """)


@pytest.fixture(autouse=True)
def only_built_ins(monkeypatch):
    monkeypatch.setenv("OPTIBENCH_PLUGINS", "")


@pytest.fixture
def folder(tmp_path):
    """write(name=source, ...) -> Sources of a folder with these files."""

    def write(**files):
        for name, source in files.items():
            (tmp_path / f"{name}.py").write_text(source)
        return Sources(folders=(str(tmp_path),))

    return write


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(entry=source, ...): distributions with entry points, as pip would leave them."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(**entries):
        for entry, source in entries.items():
            module = f"installed_{entry}_{os.path.basename(tmp_path)}".replace("-", "_")
            (site / f"{module}.py").write_text(source)
            about = site / f"{entry}_dist-1.2.dist-info"
            about.mkdir()
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {entry}-dist\nVersion: 1.2\n")
            (about / "entry_points.txt").write_text(f"[optibench]\n{entry} = {module}\n")
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.delenv("OPTIBENCH_PLUGINS")

    return install


# The three ways in.


def test_a_folder_of_single_files_is_found(folder):
    registry = Registry(folder(one=plugin("first"), two=plugin("second"), no_plugin="raise SystemExit"))
    assert {"first", "second"} <= registry["optimizer"].keys()
    assert registry.owner("optimizer", "first") == "one"
    assert registry.plugins["one"].origin.endswith("one.py")
    assert registry.plugins["one"].pieces == {"optimizer": ["first"]}
    assert not registry.is_builtin("optimizer", "first") and registry.is_builtin("optimizer", "adam")


def test_one_file_is_a_folder_of_one(folder, tmp_path):
    folder(one=plugin("first"), two=plugin("second"))
    registry = Registry(Sources(folders=(str(tmp_path / "one.py"),)))
    assert "first" in registry["optimizer"] and "second" not in registry["optimizer"]


def test_tests_and_private_files_of_a_folder_are_no_plugins(folder, tmp_path):
    folder(test_one=plugin("a"), _private=plugin("b"), conftest=plugin("c"), one=plugin("d"))
    assert [path.name for path in plugin_files(tmp_path)] == ["one.py"]


def test_a_module_is_found_by_name(tmp_path, monkeypatch):
    (tmp_path / "some_module_plugin.py").write_text(plugin("first"))
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry(Sources(modules=("some_module_plugin",)))
    assert registry.owner("optimizer", "first") == "some_module_plugin"
    assert registry.plugins["some_module_plugin"].origin == "module"


def test_an_entry_point_is_found_and_names_its_distribution(install):
    install(ours=plugin("first"))
    registry = Registry()
    assert registry.owner("optimizer", "first") == "ours"
    assert registry.plugins["ours"].origin == "entry point of ours-dist 1.2"


@pytest.mark.parametrize("allowed, found", [("a", {"first"}), ("a,b", {"first", "second"}), ("", set())])
def test_the_variable_restricts_the_installed_plugins(install, monkeypatch, allowed, found):
    install(a=plugin("first"), b=plugin("second"))
    monkeypatch.setenv("OPTIBENCH_PLUGINS", allowed)
    assert {"first", "second"} & Registry()["optimizer"].keys() == found


def test_the_variable_leaves_local_files_alone(folder, monkeypatch):
    monkeypatch.setenv("OPTIBENCH_PLUGINS", "")
    assert "first" in Registry(folder(one=plugin("first")))["optimizer"]


def test_the_shipped_examples_load(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES / "optibench-charbonnier/src"))
    registry = Registry(Sources(folders=(str(EXAMPLES),), modules=("optibench_charbonnier",)))
    assert registry.owner("optimizer", "cautious_lion") == "cautious_lion"
    assert (
        registry.owner("loss", "charbonnier")
        == registry.owner("problem", "diabetes-charbonnier")
        == "optibench_charbonnier"
    )


# A broken plugin is left out loudly, and everything else goes on.


@pytest.mark.parametrize(
    "source, complaint",
    [
        ("from optibench import hookimpl\ndef f(:\n", "syntax error at line 2: invalid syntax"),
        ("from optibench import hookimpl\nimport no_such_thing", "ModuleNotFoundError: .*'no_such_thing'"),
        ("from optibench import hookimpl\n\n1 / 0", r"ZeroDivisionError: division by zero \(broken.py:3\)"),
        ("from optibench import hookimpl\nraise SystemExit(3)", "SystemExit: 3"),
        (plugin("x", hook="optimizer"), "no hook named 'optibench_optimizer'; nearest: optibench_optimizers"),
        (plugin("x", hook="metrcs"), "no hook named 'optibench_metrcs'; nearest: optibench_metrics"),
        (plugin("x", returned="x"), "optibench_optimizers returned Optimizer; it must return a list"),
        (plugin("x", returned="None"), "optibench_optimizers returned NoneType; it must return a list"),
        (plugin("x", returned="[x.rule]"), "which is not an optimizer; decorate it with @optimizer"),
        (plugin("x", hook="losses"), "which is not a loss; decorate it with @loss"),
        (plugin("x", returned="[y]"), "NameError: name 'y' is not defined"),
        (plugin("x").replace("w, g,", "w, slope,"), "optimizer 'x': unknown argument 'slope'"),
        (plugin("x").replace("lr=1.0", "lr"), "optimizer 'x': hyperparameter 'lr' needs a default"),
        (plugin("x").replace("_optimizers()", "_optimizers(config)"), "config"),
    ],
)
def test_a_broken_plugin_is_named_with_its_reason_and_the_others_go_on(folder, source, complaint):
    sources = folder(broken=source, good=plugin("fine"))
    with pytest.warns(PluginWarning, match=rf"^plugin 'broken' \(.*broken\.py\) left out: .*{complaint}") as warned:
        registry = Registry(sources)
    assert len(warned) == 1 and "\n" not in str(warned[0].message)
    assert "fine" in registry["optimizer"] and "adam" in registry["optimizer"]
    assert "x" not in registry["optimizer"]
    assert registry.plugins["broken"].error and not registry.plugins["broken"].pieces


def test_an_installed_plugin_that_does_not_import_leaves_the_others(install):
    install(aaa="import no_such_thing", bbb=plugin("fine"))
    with pytest.warns(PluginWarning, match=r"plugin 'aaa' \(entry point of aaa-dist 1.2\) left out: ModuleNotFound"):
        registry = Registry()
    assert "fine" in registry["optimizer"]


def test_a_module_that_is_not_there_is_left_out():
    with pytest.warns(PluginWarning, match=r"plugin 'no_such_module' \(module\) left out: ModuleNotFoundError"):
        Registry(Sources(modules=("no_such_module",)))


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        Registry(Sources(folders=(str(tmp_path / "nowhere"),)))


# Names.


def test_two_plugins_that_claim_one_name_are_both_named(folder):
    with pytest.raises(PluginError, match=r"two plugins register the optimizer 'same': one \(.*one.py\) and two \("):
        Registry(folder(one=plugin("same"), two=plugin("same")))


def test_a_plugin_may_not_take_the_name_of_a_built_in(folder):
    with pytest.raises(PluginError, match=r"the optimizer 'adam': optibench.optimizers \(built-in\) and one \("):
        Registry(folder(one=plugin("adam")))


def test_two_plugins_of_one_name_are_both_named(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.py").write_text(plugin("second"))
    sources = folder(one=plugin("first"))
    with pytest.raises(PluginError, match=r"two plugins named 'one': .*one.py and .*other.*one.py"):
        Registry(Sources(folders=(*sources.folders, str(other))))


def test_an_unknown_name_says_the_nearest():
    registry = Registry()
    with pytest.raises(InputError, match=r"^no optimizer named 'adamm'; nearest: adam$"):
        registry.get("optimizer", "adamm")
    with pytest.raises(InputError, match=r"no problem named 'zzz'; valid names: .*quadratic.*rosenbrock"):
        registry.get("problem", "zzz")
    with pytest.raises(InputError, match="no plugin type named 'optimiser'; nearest: optimizer"):
        registry["optimiser"]


def test_pieces_of_no_plugin_are_local(folder):
    registry = Registry()
    piece = Registry(folder(one=plugin("mine"))).get("optimizer", "mine")
    assert not registry.is_local
    registry.add_local("optimizer", [piece])
    assert registry.is_local and registry.get("optimizer", "mine") is piece
    with pytest.raises(InputError, match="local"):
        registry.add_local("optimizer", [Registry().get("optimizer", "adam")])


def test_a_plugin_file_called_local_is_a_plugin_like_any_other(folder):
    registry = Registry(folder(local=plugin("mine")))
    assert registry.owner("optimizer", "mine") == "local" and not registry.is_local


def test_a_wrapped_optimizer_belongs_to_the_owner_of_each_part(folder):
    registry = Registry(folder(one=plugin("first")))
    assert registry.owner("optimizer", "sam+first") == "optibench.optimizers+one"
    assert registry.owner("optimizer", "sam+adam") == "optibench.optimizers"
    assert not registry.is_builtin("optimizer", "sam+first") and registry.is_builtin("optimizer", "sam+adam")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("a:b", "optimizer 'a:b': ':' ends a name where it is chosen; rename it"),
        ("a,b", "optimizer 'a,b': ',' ends a name"),
        ("a+b", r"optimizer 'a\+b': '\+' ends a name"),
        ("", "optimizer '': files cannot hold this name; rename it"),
        ("a\0", r"optimizer 'a\\x00': files cannot hold this name"),
        ("a\ud800", r"optimizer 'a\\ud800': files cannot hold this name"),
    ],
)
def test_a_name_that_cannot_be_chosen_or_stored_is_refused(folder, name, complaint):
    source = "from dataclasses import replace\n" + plugin("x", returned=f"[replace(x, name={name!r})]")
    with pytest.warns(PluginWarning, match=complaint):
        Registry(folder(one=source))


# Hooks.


def test_every_hook_has_one_spec_line_and_no_other_hook_exists():
    hooks = {f"optibench_{plural}" for plural, _ in hookspecs.KINDS.values()}
    assert {name for name in vars(hookspecs) if name.startswith("optibench_")} == hooks
    for name in hooks:
        line = getattr(hookspecs, name).__doc__
        assert line.endswith(".") and "\n" not in line.strip()


@pytest.mark.parametrize("kind", hookspecs.KINDS)
def test_a_shipped_built_in_uses_the_hook_and_each_piece_says_what_it_is(kind):
    registry = Registry()
    pieces = registry[kind]
    assert pieces and all(registry.is_builtin(kind, name) for name in pieces)
    assert all(piece.summary and "\n" not in piece.summary for piece in pieces.values())


PACKAGE = Path(optibench.__file__).parent
WINGS = ("plugin", "engine", "experiment", "runner", "analysis", "report", "cli")  # verify has rules to compare with
CORE = [path for wing in WINGS for path in (PACKAGE / wing).rglob("[a-z]*.py") if path.stem != "verify_"]
CORE += [path for path in PACKAGE.glob("[a-z]*.py") if f"optibench.{path.stem}" not in BUILTINS]


@pytest.mark.parametrize("path", sorted(CORE), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_names_no_optimizer_and_no_problem(path):
    tree = ast.parse(path.read_text())
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documented}
    registry = Registry()
    said -= {"momentum", "plateau"}  # a hyperparameter too, and a cause
    assert not said & (registry["optimizer"].keys() | registry["problem"].keys())
