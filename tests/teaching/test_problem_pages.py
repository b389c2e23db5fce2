"""The pages of problems: the lines that a reader types give the package's gradient, and what the page says is true."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from optibench.activations import gelu, relu
from optibench.engine.streams import stream
from optibench.errors import InputError, PluginError, SettingError, UnknownName
from optibench.experiment.choices import one_choice
from optibench.losses import cross_entropy, hinge, mse
from optibench.networks import (
    AveragePool,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    MaxPool,
    Network,
    network_problem,
)
from optibench.networks.layers import Layer, Parameter
from optibench.plugin.problem import Problem, blocks_of, problem
from optibench.plugin.registry import Registry
from optibench.teaching.checks import quotient
from optibench.teaching.landscape import curvature, landscape
from optibench.teaching.network import backpropagation, network_of
from optibench.teaching.pages import kind_of
from optibench.teaching.problem import matrix, problem_page
from optibench.teaching.sentences import hardness, short

REGISTRY = Registry()
#: Some that stand for the others: planar, with a spectrum, too large for one, not smooth, noisy, with data, networks.
PAGES = [
    *("rosenbrock", "quadratic", "quadratic:condition=1000,dimension=2", "saddle", "plateau", "noisy-beale"),
    *("branin", "matrix-factorisation", "breast-cancer-perceptron", "digits-softmax", "xor-mlp", "tutorial-xor"),
    *("digits-cnn", "char-rnn", "xor-mlp:activation=gelu"),
]


def built(name):
    return REGISTRY.problem(one_choice("problem", name, REGISTRY))


def networks():
    names = []
    for name in REGISTRY["problem"]:
        try:
            if network_of(built(name)):
                names.append(name)
        except InputError:  # an optional dependency
            continue
    return names


def agrees(example, value_grad, w, batch):
    """The gradients that the lines gave, against the package's gradient and difference quotients."""
    loss, g = value_grad(w[None], *batch)
    typed = np.concatenate([
        example.values[f"g_{name}"].ravel() for stage in example.forward for name in stage.given if name != "x"
    ])  # fmt: skip
    longest = np.abs(g).max()
    np.testing.assert_allclose(typed, g[0], rtol=0, atol=1e-12 * longest)
    np.testing.assert_allclose(example.values["loss"], loss[0], rtol=1e-12, atol=1e-14)
    some = np.unique(np.linspace(0, len(w) - 1, min(len(w), 60)).astype(int))
    np.testing.assert_allclose(typed[some], quotient(value_grad, w, some, batch), rtol=0, atol=1e-7 * longest)
    return typed


@pytest.mark.parametrize("name", networks())
def test_the_lines_that_a_reader_types_give_the_gradient_of_every_network(name):
    problem = built(name)
    example = backpropagation(problem, network_of(problem), (name, {}))
    scope = {}
    exec(example.text, scope)
    batch = tuple(np.asarray(part[example.examples], float)[None] for part in problem.train)
    typed = agrees(example, problem.value_grad, problem.start(stream(0, "start")), batch)
    again = [scope[f"g_{block.name}"].ravel() for block in problem.blocks]
    np.testing.assert_array_equal(np.concatenate(again), typed)
    assert max(one.package for one in example.agreements) < 1e-12 and example.loss_difference < 1e-12
    assert max(one.quotient for one in example.agreements) < 1e-7
    assert example.stepped < example.values["loss"] or example.values["loss"] == 0


@dataclass(frozen=True)
class Gain(Layer):
    """A layer of a plugin, with a parameter whose name code cannot have."""

    def parameters(self, shape):
        return {"my gain": Parameter(shape, "ones")}

    def forward(self, x, parameters, run):
        def back(delta, grads, inward):
            grads[0][...] = (delta * x).sum(axis=1)
            return delta * parameters[0][:, None] if inward else None

        return x * parameters[0][:, None], back


STACKS = {
    "batch": [Conv2d(3, size=(2, 3)), BatchNorm(), gelu, MaxPool((3, 2)), Flatten(), Dense(5), BatchNorm(), relu],
    "layer": [LayerNorm(), Conv2d(2, size=2), relu, AveragePool((3, 2)), LayerNorm(), Flatten(), Dropout(0.3)],
    "plugin": [Flatten(), Gain(), Dense(6, bias=False), Gain(), relu],
}


@pytest.mark.parametrize("loss", [mse, hinge, cross_entropy], ids=lambda loss: loss.name)
@pytest.mark.parametrize("stack", STACKS)
def test_every_kind_of_layer_has_lines_that_give_its_gradient(stack, loss):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((12, 8, 7, 2))
    y = np.eye(3)[rng.integers(3, size=12)]
    network = Network((8, 7, 2), [*STACKS[stack], Dense(3)], loss, l2=0.1)
    made = network_problem("made", network, ((x, y), (), ()))
    network = network_of(made)
    example = backpropagation(made, network, ("made", {}))
    count = example.examples.stop - example.examples.start
    batch = [part[example.examples][None] for part in made.train]
    if made.draws is not None:
        batch += [part[None] for part in made.draws(np.random.default_rng(0), count)]
    agrees(example, network.value_grad, made.start(stream(0, "start")), tuple(batch))
    assert count == (4 if stack == "batch" else 1)


def test_a_page_compares_its_lines_with_the_gradient_that_it_claims():
    xor = built("xor-mlp")

    class Wrong(Network):
        def value_grad(self, w, x, y, *draws):
            value, g = super().value_grad(w, x, y, *draws)
            return value, g * 1.01

    network = network_of(xor)
    wrong = Wrong(network.inputs, network.layers, network.loss)
    example = backpropagation(replace(xor, value_grad=wrong.value_grad), wrong, ("xor-mlp", {}))
    assert max(one.package for one in example.agreements) > 1e-3


@pytest.mark.parametrize(
    ("name", "factor"),
    [("tutorial-xor", 1), ("tutorial-digits", 1), ("xor-mlp", 1), ("digits-mlp", 1), ("diabetes-mlp", 2),
     ("digits-autoencoder", 2 / 64), ("breast-cancer-svm", None)],
)  # fmt: skip
def test_the_rule_of_teaching_code_is_ours_up_to_a_factor(name, factor):
    example = backpropagation(built(name), network_of(built(name)), (name, {}))
    teacher = example.teacher
    assert teacher.factor == (None if factor is None else pytest.approx(factor, rel=1e-9))
    if factor:
        np.testing.assert_allclose(teacher.ours, factor * teacher.theirs, rtol=1e-9, atol=1e-15)
    assert teacher.is_same == (factor == 1)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_small_and_the_same_twice(name):
    page = problem_page(name, REGISTRY)
    assert page == problem_page(name, REGISTRY) and len(page.encode()) < 450_000
    assert "default-src 'none'" in page
    sections = {"hard", "descents", "check"} | ({"map"} if built(name).size == 2 else set())
    sections |= {"layers", "forward", "back"} if network_of(built(name)) else set()
    sections |= {"data-set"} if built(name).train else set()
    sections |= {"curvature"} if built(name).smooth else set()
    for section in sections:
        assert f'<section id="{section}"' in page and f'href="#{section}"' in page
    body = page.partition("<body>")[2].partition("<script")[0]
    assert not re.search(r"\b(nan|inf|None|True|False)\b", re.sub(r"<(code|pre).*?</\1>", "", body, flags=re.DOTALL))


def test_the_curvature_is_that_of_the_hessian():
    shape = built("quadratic:condition=1000,dimension=6")
    point = curvature(shape, np.zeros(6))
    np.testing.assert_allclose(point.values, np.geomspace(1, 1000, 6), rtol=1e-10)
    assert point.condition == pytest.approx(1000) and (point.negative, point.flat) == (0, 0)
    saddle = curvature(built("saddle"), np.zeros(2))
    assert saddle.condition is None and saddle.negative == 1
    numeric = replace(shape, hessian_product=None)  # by differences of gradients
    np.testing.assert_allclose(curvature(numeric, np.ones(6)).values, point.values, rtol=1e-6)
    large = curvature(built("digits-softmax"), np.zeros(650))
    assert not large.exact and large.condition is None and large.largest > 0


def test_what_makes_a_problem_hard_has_the_problem_s_own_numbers():
    rules = [REGISTRY.get("optimizer", name) for name in ("gd", "adam")]

    def said(name):
        return " ".join(hardness(landscape(built(name), rules)))

    assert "condition number of 100, ill-conditioned" in said("quadratic") and "not convex" not in said("quadratic")
    assert "about 115 steps for each digit" in said("quadratic")
    assert "the same in every direction" in said("sphere")
    assert "not convex" in said("xor-mlp") and "directions of 9 are flat" in said("xor-mlp")
    assert "times the length of the mean" in said("xor-mlp") and "single training example" not in said("sphere")
    assert "Its gradient jumps" in said("breast-cancer-perceptron")
    assert "no minimum" in said("saddle")
    assert "gd at a loss of 4.97 and adam at a loss of 4.97 end in one" in said("rastrigin")
    assert "stationary point" not in said("rosenbrock") and "grows 22.9-fold" in said("plateau")
    assert "the curvature has vanished" in said("digits-mlp")


def test_gradient_descent_needs_the_steps_for_a_digit_that_the_page_says():
    """At its best fixed rate, on the quadratic of condition 100: 115 steps for each digit of the distance."""
    shape = built("quadratic")
    w = shape.minimizer + curvature(shape, np.zeros(10)).w + 1.0
    lengths = []
    for _ in range(1400):
        w = w - 2 / 101 * shape.value_grad(w[None])[1][0]
        lengths.append(np.linalg.norm(w))
    digits = np.log10(lengths[699] / lengths[1389])
    assert 690 / digits == pytest.approx(115, rel=0.01)


def test_the_gradient_check_finds_a_wrong_gradient():
    good = built("rosenbrock")

    def value_grad(w):
        loss, g = good.value_grad(w)
        return loss, g * np.array([1.0, 1.001])

    assert landscape(good, []).check.deviation < 1e-8
    assert landscape(replace(good, value_grad=value_grad), []).check.deviation > 1e-5


def test_an_optimizer_that_is_shown_reaches_what_its_curve_says():
    (one,) = landscape(built("ravine"), [REGISTRY.get("optimizer", "gd")]).descents
    w = built("ravine").start(stream(0, "start"))
    for loss in one.losses:
        assert float(built("ravine").value_grad(w[None])[0][0]) == pytest.approx(loss, rel=1e-12)
        w = w - one.lr * built("ravine").value_grad(w[None])[1][0]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("xor-mpl", UnknownName, "named 'xor-mpl'; nearest: xor-mlp"),
        ("quadratic:dimension=0", SettingError, "problem 'quadratic:dimension=0': dimension = 0 must be at least 1"),
        ("quadratic:dimenson=2", SettingError, "problem 'quadratic' takes no setting 'dimenson'; nearest: dimension"),
        ("adam:beta1=0.8", SettingError, "optimizer 'adam' is explained without settings; leave out 'beta1=0.8'"),
        ("raises", PluginError, "problem 'raises' failed: RuntimeError: no"),
        ("endless", PluginError, "problem 'endless': at the start of seed 0 its loss is nan"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_said_in_one_line(name, error, words):
    registry = Registry()
    registry.add_local("problem", [raises, endless])
    with pytest.raises(error) as caught:
        kind_of(name, registry)
        problem_page(name, registry)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def made_of(name, value_grad, size=2):
    return Problem(
        name, start=lambda rng: rng.standard_normal(size), value_grad=value_grad, blocks=blocks_of(w=(size,))
    )


@problem
def raises():
    """It raises."""

    def value_grad(w):
        raise RuntimeError("no")

    return made_of("raises", value_grad)


@problem
def endless():
    """It is not a number."""
    return made_of("endless", lambda w: (np.full(len(w), np.nan), w))


@problem
def flat():
    """<script>alert(1)</script>"""
    return made_of("flat", lambda w: (np.zeros(len(w)), 0 * w), 5)


def test_texts_of_plugins_are_escaped_and_a_flat_problem_has_a_page():
    registry = Registry()
    registry.add_local("problem", [flat])
    page = problem_page("flat", registry)
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert "5 directions of 5 are flat" in page


def test_a_matrix_is_clipped_and_says_its_shape():
    small = matrix("w", np.array([[1.0, -0.5]]))
    assert small.rows == (("1", "−0.5"),) and small.shape == "1 × 2"
    large = matrix("w", np.arange(80.0).reshape(2, 4, 10))
    assert large.shape == "2 × 4 × 10, as 8 × 10" and len(large.rows) == 7
    assert [(len(row), row[-1]) for row in large.rows] == [(7, "…")] * 7 and large.rows[1][0] == "10"
    assert [short(value) for value in (0.0, 1234.5, 123456.0, -1.5e-7)] == ["0", "1230", "1.23e5", "−1.5e−7"]


def test_the_command_writes_the_page_of_a_problem(command, tmp_path):
    status, out, err = command("explain", "quadratic:dimension=2", "--out", str(tmp_path / "page.html"))
    assert (status, err) == (0, "") and out == f"page: {tmp_path / 'page.html'}\n"
    assert "<h1>quadratic:dimension=2</h1>" in (tmp_path / "page.html").read_text()
