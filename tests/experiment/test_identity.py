"""The ids of runs know every fact, every array and all the code that a number comes from, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import optibench as ob
from optibench import optimizer
from optibench.experiment import plan, sources
from optibench.experiment.resolve import resolve
from optibench.experiment.sources import PACKAGE, digest, files
from optibench.plugin.registry import Registry, Sources, registry

FACTS = {"problems": ["quadratic"], "optimizers": ["gd", "adam"], "lr": [0.1, 0.01], "seeds": 3, "steps": 5}


def ids(found=None, **changes):
    found = found or registry()
    what = resolve({**FACTS, **changes}, found)
    return [
        cell.run({**cell.defaults, "lr": lr}, seed).id
        for cell in plan.cells(what, found)
        for seed in range(what.seeds)
        for lr in what.lr
    ]


def test_the_id_of_a_run_knows_nothing_of_the_others_and_of_their_order():
    every = ids()
    assert len(set(every)) == len(every) == 2 * 2 * 3
    turned = ids(optimizers=["adam", "gd"], lr=[0.01, 0.1], problems=["rosenbrock", "quadratic"], name="other")
    assert set(every) < set(turned)
    assert set(ids(optimizers="adam", lr=0.1, seeds=2)) < set(every)


def test_the_id_changes_with_every_fact():
    changes = [{}, {"seeds": 2}, {"lr": 0.2}, {"steps": 6}, {"steps": None, "epochs": 5}, {"dtype": "float64"}]
    changes += [{"steps": None, "gradient_evaluations": 5}, {"schedule": "cosine"}, {"l2": 0.1}, {"batch": 16}]
    changes += [{"sampler": "fixed"}, {"optimizers": "adam:beta1=0.8"}, {"optimizers": "momentum"}]
    changes += [{"problems": "digits-mlp:activation=relu"}, {"problems": "digits-softmax"}]
    base = {"problems": "digits-mlp", "optimizers": "adam", "lr": 0.1, "seeds": 1, "batch": 8}
    last = [ids(**{**base, **change})[-1] for change in changes]
    assert len(set(last)) == len(changes)


PLUGIN = """
import numpy as np
from optibench import Problem, activation, hookimpl, optimizer, problem, schedule
@optimizer
def rule(w, g, *, lr=0.1):
    return w - lr * g{optimizer}
@activation
def bend(z):
    return z{activation}, np.ones_like(z)
@schedule
def fade(t, total):
    return 1.0{schedule}
@problem
def bowl():
    return Problem("bowl", start=lambda rng: np.ones(2), value_grad=lambda w: ((w**2).sum(-1), 2 * w{problem}))
@hookimpl
def optibench_{kind}s():
    return [{piece}]
"""
PIECES = {"optimizer": "rule", "activation": "bend", "schedule": "fade", "problem": "bowl"}


@pytest.mark.parametrize("kind", PIECES)
def test_the_id_changes_with_the_source_of_the_plugin_and_not_with_its_place(kind, tmp_path):
    facts = {
        "optimizer": {"optimizers": "rule"},
        "activation": {"problems": "xor-mlp:activation=bend"},
        "schedule": {"schedule": "fade"},
        "problem": {"problems": "bowl"},
    }[kind]

    def written(folder: str, change: str) -> list[str]:
        (tmp_path / folder).mkdir()
        changes = {**dict.fromkeys(PIECES, ""), kind: change}
        (tmp_path / folder / "mine.py").write_text(PLUGIN.format(**changes, kind=kind, piece=PIECES[kind]))
        return ids(Registry(Sources((str(tmp_path / folder),))), **facts)

    assert written("one", "") == written("other", "")
    assert not set(written("third", " * 1")) & set(written("fourth", ""))


# All the code that a number comes from, and no other.

CELLS = {"quadratic": "gd", "digits-mlp": "adam", "spirals-mlp": "sam+adam", "diabetes-linear": "bfgs"}
EVERY = {*CELLS}
NETWORKS = {"digits-mlp", "spirals-mlp"}
CONCERNED = {
    **{f"engine/{name}.py": EVERY for name in ("batches", "external", "gradients", "loop", "measure", "probe")},
    **{f"engine/{name}.py": EVERY for name in ("records", "state", "streams")},
    **{f"plugin/{name}.py": EVERY for name in ("choice", "functions", "optimizer", "problem")},
    "metrics.py": EVERY,
    "schedules.py": EVERY,
    "networks/layers.py": NETWORKS | {"diabetes-linear"},  # problems/linear.py takes its initialisation from there
    "networks/convolution.py": NETWORKS,
    "problems/networks.py": NETWORKS,
    "problems/data.py": NETWORKS | {"diabetes-linear"},
    "problems/linear.py": NETWORKS | {"diabetes-linear"},
    "problems/analytic.py": {"quadratic"},
    "optimizers/descent.py": {"quadratic"},
    "optimizers/adam.py": NETWORKS,
    "optimizers/wrappers.py": {"spirals-mlp"},
    "plugin/wrapper.py": {"spirals-mlp"},
    "optimizers/scipy_methods.py": {"diabetes-linear"},
}
NOBODY = ["engine/capacity.py", "experiment/protocol.py", "runner/run.py", "runner/store.py", "errors.py", "suites.py"]
NOBODY += [
    "plugin/registry.py",
    "plugin/setting.py",
    "results.py",
    "report/page.py",
    "cli/run_.py",
    "optimizers/matrix.py",
    "__init__.py",
]


@pytest.mark.parametrize("path", [*CONCERNED, *NOBODY])
def test_a_changed_file_of_the_package_changes_the_ids_of_the_runs_that_it_can_change(path, monkeypatch):
    assert (PACKAGE / path).exists()
    parsed = sources._parsed

    def changed(file, time):
        code, imports = parsed(file, time)
        return (f"{code} changed" if file == PACKAGE / path else code), imports

    facts = [{"problems": problem, "optimizers": rule, "seeds": 1, "lr": 0.1} for problem, rule in CELLS.items()]
    before = [ids(**fact) for fact in facts]
    monkeypatch.setattr(sources, "_parsed", changed)
    after = [ids(**fact) for fact in facts]
    assert {name for name, old, new in zip(CELLS, before, after, strict=True) if old != new} == CONCERNED.get(
        path, set()
    )


TEXT = (
    '"""What it is."""\n\nX = 1  # one\n\n\ndef rule(w):\n    """Doc."""\n    return f"{w!r:>{X}}" + """a\n\n# b"""\n'
)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# one", "# the first", True),
        ("  # one", "", True),
        ("What it is.", "What it is.\n\nMore of it.\n", True),
        ('    """Doc."""\n', '    """Doc."""\n\n    # why\n', True),
        ("X = 1", "\n\nX = 1", True),
        ("X = 1", "X = 2", False),
        ("# b", "# c", False),
        ("a\n\n#", "a\n#", False),
        ("!r", "!s", False),
        ('"""Doc."""', '"""Doc."""; X = 1', False),
    ],
)
def test_comments_docstrings_and_blank_lines_are_no_code(old, new, same, tmp_path):
    for name, text in (("one.py", TEXT), ("two.py", TEXT.replace(old, new))):
        (tmp_path / name).write_text(text)
    assert TEXT.replace(old, new) != TEXT
    one, two = (sources._parsed(tmp_path / name, 0)[0] for name in ("one.py", "two.py"))
    assert (one == two) == same


def test_what_a_file_imports_of_its_own_package_or_folder_is_followed_in_every_way_of_writing_it(tmp_path):
    loose = {"mine.py": "import helper, numpy\ndef f():\n    from deep.inner import c\n", "helper.py": "import mine\n"}
    loose |= {"deep/inner.py": "from ..further import d\nfrom ...out import e\n", "further.py": "", "../out.py": ""}
    package = {
        "pkg/__init__.py": "from .rules import rule\n",
        "pkg/rules.py": "from . import constants\nimport outside\n",
    }
    package |= {"pkg/constants.py": "from pkg.sub.leaf import x\nfrom .sub import y\n", "pkg/unused.py": ""}
    package |= {"pkg/sub/__init__.py": "y = 1\n", "pkg/sub/leaf.py": "from .. import constants\n"}
    for name, text in {**loose, **package}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def names(path):
        return {str(file.relative_to(tmp_path)) for file in files(tmp_path / path)}

    assert names("mine.py") == {"mine.py", "helper.py", "deep/inner.py", "further.py"}
    assert names("pkg/rules.py") == {"pkg/rules.py", "pkg/constants.py", "pkg/sub/leaf.py", "pkg/sub/__init__.py"}
    assert names("pkg/__init__.py") == names("pkg/rules.py") | {"pkg/__init__.py"}


def test_code_without_a_file_is_known_by_its_instructions_constants_and_what_it_names():
    def made(text, **variables):
        scope = dict(variables)
        exec(text, scope)
        return digest([scope["rule"]])

    simple = "def rule(w):\n    return w * {}\n"
    assert made(simple.format(1)) != made(simple.format(2))
    assert made(simple.format(1)) == made("\n\n" + simple.format(1))
    assert made(simple.format("c"), c=1.0) != made(simple.format("c"), c=2.0)
    assert made(simple.format("c"), c=np.ones(2)) != made(simple.format("c"), c=np.zeros(2))
    calls = "def helper(w):\n    return w * {}\ndef rule(w):\n    return helper(w)\n"
    assert made(calls.format(1)) != made(calls.format(2))
    assert digest([eval("lambda w: w * 1")]) == digest([eval("lambda w: w * 1")])


def test_a_rule_that_a_function_makes_is_known_by_what_it_holds():
    def make(factor):
        @optimizer
        def scaled(w, g, *, lr=0.1):
            return w - factor * lr * g

        return scaled

    assert digest([make(1.0).rule]) == digest([make(1.0).rule]) != digest([make(2.0).rule])
    facts = {"problems": "quadratic", "lr": 1e-3, "seeds": 1, "steps": 5}
    one, two = (ob.run(optimizers=[make(factor)], **facts).runs.iloc[0] for factor in (1.0, 2.0))
    assert one["id"] != two["id"] and one["loss"] != two["loss"]


# Through the store: what is changed runs again, and what is not does not.

SCRIPT = """
import json, sys, warnings
from collections import Counter
from optibench.experiment.resolve import resolve
from optibench.plugin.registry import Registry, Sources
from optibench.runner.run import execute
import optibench as ob
facts, folder, plugins = json.loads(sys.argv[1]), sys.argv[2], tuple(sys.argv[3:])
registry = Registry(Sources(plugins))
seen = []
execute(resolve(facts, registry), registry, folder, executor="inline", on_progress=seen.append)
runs = ob.load(folder).runs
columns = [name for name in runs if runs[name].dtype.kind == "f" and name != "seconds"]
print(json.dumps({"kept": seen[-1].kept, "all": len(runs), "loss": runs["loss"].tolist(), "columns": columns,
                  "unmeasured": {n: runs[n].iloc[0] for n in runs if n.startswith("unmeasured:")}}))
"""
ONCE = {"tune": "none", "lr": 0.01, "seeds": 1, "steps": 4, "dtype": "float64"}


def again(facts, folder, *plugins, package=PACKAGE):
    """The command in a process of its own, with the sources as they are now."""
    own = {"PYTHONPATH": str(package.parent), "OPTIBENCH_PLUGINS": "", "PYTHONDONTWRITEBYTECODE": "1"}
    arguments = [json.dumps({**ONCE, **facts}), str(folder), *map(str, plugins)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, *arguments],
        cwd=folder.parent,  # not beside the package itself
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_breaking_a_layer_runs_networks_again_and_nothing_else(tmp_path):
    package = shutil.copytree(
        PACKAGE, tmp_path / "copy/optibench", ignore=shutil.ignore_patterns("__pycache__", "traces")
    )
    networks, formulas = {"problems": "xor-mlp", "optimizers": "gd"}, {"problems": "quadratic", "optimizers": "gd"}

    def both():
        return [again(facts, tmp_path / facts["problems"], package=package) for facts in (networks, formulas)]

    first = both()
    assert [one["kept"] for one in first] == [0, 0]
    edit(package / "networks/layers.py", "import numpy as np\n", "import numpy as np\n\n# a remark\n")
    edit(package / "report/page.py", "import jinja2\n", "import jinja2\n\nMORE = 1\n")
    assert [one["kept"] for one in both()] == [1, 1]
    edit(package / "networks/layers.py", "x @ ", "x * 1.5 @ ")
    second = both()
    assert [one["kept"] for one in second] == [0, 1]
    assert second[0]["loss"] != first[0]["loss"] and second[1]["loss"] == first[1]["loss"]


RULE = """
from optibench import hookimpl, optimizer
{import_}
@optimizer
def mine(w, g, *, lr=0.1):
    return w - SCALE * lr * g
@hookimpl
def optibench_optimizers():
    return [mine]
"""


@pytest.mark.parametrize("module", [".helper", "helper", ".deep.er"])
def test_a_constant_in_a_helper_beside_a_plugin_runs_its_rules_again(module, tmp_path):
    plugins = tmp_path / "plugins"
    (plugins / "deep").mkdir(parents=True)
    (plugins / "mine.py").write_text(RULE.format(import_=f"from {module} import SCALE"))
    (plugins / "helper.py").write_text("SCALE = 1.0\n")
    (plugins / "unused.py").write_text("SCALE = 1.0\n")
    (plugins / "deep/er.py").write_text("from ..helper import SCALE\n")
    facts = {"problems": "quadratic", "optimizers": ["mine", "gd"]}
    first = again(facts, tmp_path / "out", plugins)
    edit(plugins / "unused.py", "1.0", "2.0")
    assert again(facts, tmp_path / "out", plugins)["kept"] == 2
    edit(plugins / "helper.py", "1.0", "1.5")
    second = again(facts, tmp_path / "out", plugins)
    assert second["kept"] == 1 and second["all"] == 2
    assert len({*first["loss"]}) == 1 and len({*second["loss"]}) == 2


METRIC = """
from optibench import hookimpl, metric
@metric
def size(problem, w, split):
    return {value} if split == "train" else None
@hookimpl
def optibench_metrics():
    return [size]
"""


def test_a_metric_that_is_added_mended_or_removed_leaves_no_stale_and_no_missing_column(tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    facts = {"problems": "quadratic", "optimizers": "gd"}
    without = again(facts, tmp_path / "out", plugins)
    (plugins / "size.py").write_text(METRIC.format(value="abs(w).max(axis=-1) * (1 // (0 * len(w)))"))
    broken = again(facts, tmp_path / "out", plugins)
    (plugins / "size.py").write_text(METRIC.format(value="abs(w).max(axis=-1)"))
    mended = again(facts, tmp_path / "out", plugins)
    (plugins / "size.py").unlink()
    removed = again(facts, tmp_path / "out", plugins)
    assert [one["loss"] for one in (broken, mended, removed)] == 3 * [without["loss"]]  # no run is lost to it
    assert ["size" in one["columns"] for one in (without, broken, mended, removed)] == [False, False, True, False]
    assert (
        list(broken["unmeasured"]) == ["unmeasured:size"]
        and "ZeroDivisionError" in broken["unmeasured"]["unmeasured:size"]
    )
    assert not any(one["unmeasured"] for one in (without, mended, removed))
    assert removed["kept"] == 1  # the runs of the beginning


def test_a_helper_of_the_same_name_in_another_folder_is_an_error_that_says_how_to_import_it(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_rule.py").write_text(
            RULE.format(import_="from common_helper import SCALE").replace("mine", name)
        )
        (tmp_path / name / "common_helper.py").write_text("SCALE = 1.0\n")
    with pytest.warns(
        UserWarning,
        match=r"'two_rule'.*left out: 'import common_helper' finds .*one/common_helper.py.*write `from .common_helper",
    ):
        found = Registry(Sources((str(tmp_path / "one"), str(tmp_path / "two"))))
    assert "one" in found["optimizer"] and "two" not in found["optimizer"]
