"""A network on one example: its values forward and its derivatives back, by the lines that a reader types.

The lines are executed here, and what they give is compared with the network's own ``value_grad`` and with difference
quotients. All in float64, at the start of seed 0.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from optibench.engine.streams import stream
from optibench.networks.layers import Activate, Dense, Pass
from optibench.networks.network import Network
from optibench.plugin.choice import Choice
from optibench.plugin.problem import Block, Problem
from optibench.plugin.types import Array
from optibench.teaching.checks import quotient
from optibench.teaching.layers import LINES, Line, Place, latex, layer_lines, said
from optibench.teaching.losses import loss_lines

#: Examples of a network that normalises over its batch; one by itself has no deviation.
BATCH = 4
#: The example is one of the first so many.
FEW = 8
#: Learning rates of the one step that shows what the gradient is for; the first that lowers the loss is taken.
RATES = (0.1, 0.01, 0.001, 0.0001)
#: Coordinates of each block that difference quotients are taken of.
COORDINATES = 24


@dataclass(frozen=True)
class Stage:
    """The lines of one layer in one direction, and what they do in words."""

    title: str
    says: str
    lines: tuple[Line, ...]
    given: tuple[str, ...] = ()  # names that the lines use and that are shown before them


@dataclass(frozen=True)
class Agreement:
    """How far a block's gradient is from the package's and from difference quotients, each as a share of the longest
    component of the whole gradient; over how many coordinates the quotients are."""

    block: Block
    package: float
    quotient: float
    coordinates: int


@dataclass(frozen=True)
class Teacher:
    """The per-sample rule of teaching code at the last dense layer, beside the package's.

    ``lines`` give ``theirs``, what is added to w at lr = 1, and ``ours``; both (inputs, units). ``factor``: ours is
    so many times theirs, None where it is not; ``why`` says where it comes from.
    """

    lines: tuple[Line, ...]
    number: int  # of the layer
    theirs: Array
    ours: Array
    factor: float | None
    why: str

    @property
    def difference(self) -> float:
        return float(np.abs(self.ours - self.theirs).max())

    @property
    def is_same(self) -> bool:
        return self.difference <= 1e-12 * (float(np.abs(self.ours).max()) or 1.0)


@dataclass(frozen=True)
class Backpropagation:
    """One example through a network and back. ``setup`` are lines that define what the others use; ``values`` all names
    after the last line, so ``values["delta3"]`` is an array (B, ...)."""

    network: Network
    setup: str
    forward: tuple[Stage, ...]
    back: tuple[Stage, ...]
    values: Mapping[str, Array]
    agreements: tuple[Agreement, ...]
    loss_difference: float
    teacher: Teacher | None
    examples: slice  # of the training data
    lr: float  # of one step of gradient descent
    stepped: float  # the loss after it

    @property
    def text(self) -> str:
        """Every line, as a reader types them."""
        stages = (*self.forward, *self.back)
        return "\n".join([self.setup, *(line.code for stage in stages for line in stage.lines)])


def network_of(problem: Problem) -> Network | None:
    """The network whose loss a problem is; None if it is not one's."""
    owner = getattr(problem.value_grad, "__self__", None)
    return owner if isinstance(owner, Network) else None


def backpropagation(problem: Problem, network: Network, choice: Choice) -> Backpropagation:
    """One example of the training data through ``network``; ``choice`` is how the registry calls the problem."""
    count = min(BATCH if network.sees_its_batch else 1, problem.examples)
    some = slice(first := 0 if count > 1 else _instructive(problem), first + count)
    places = _places(network)
    forward, back = _stages(network, places, count)
    setup, definitions = _setup(network, places, choice, some, problem.draws is not None)
    w = np.asarray(problem.start(stream(0, "start")), float)
    values: dict[str, Any] = {"np": np, "problem": problem, "network": network, "w": w, "Pass": Pass}
    stages = (*forward, *back)
    text = "\n".join([definitions, *(line.code for stage in stages for line in stage.lines)])
    with np.errstate(all="ignore"):  # a loss may overflow; the page shows that it has
        exec(text, values)  # what the page shows is what its own lines give
    teacher = _teacher(network, places, values, count)
    values = {name: np.asarray(value, float) for name, value in values.items() if isinstance(value, np.ndarray | float)}
    batch = tuple(np.asarray(part[some], float)[None] for part in problem.train)
    noise = problem.draws(np.random.default_rng(0), count) if problem.draws is not None else ()
    batch += tuple(np.asarray(part, float)[None] for part in noise)
    loss, gradient = network.value_grad(w[None], *batch)
    losses = network.value_grad(w - np.array(RATES)[:, None] * gradient, *batch)[0]
    best = int(np.argmax(losses < loss)) if (losses < loss).any() else len(RATES) - 1
    return Backpropagation(
        network, setup, forward, back, values, _agreements(network, places, values, gradient[0], w, batch),
        abs(float(values["loss"]) - float(loss[0])), teacher, some, RATES[best], float(losses[best]),
    )  # fmt: skip


def _instructive(problem: Problem) -> int:
    """The first of a few examples with the fewest inputs that are 0: a weight whose input is 0 has no gradient."""
    inputs = np.asarray(problem.train[0][:FEW])
    return int(np.argmin((inputs.reshape(len(inputs), -1) == 0).sum(axis=1)))


def _places(network: Network) -> list[Place]:
    places, into = [], "x"
    for index, (layer, blocks) in enumerate(zip(network.stack, network.own, strict=True)):
        names = tuple(_identifier(block.name, index + 1, part) for part, block in enumerate(blocks))
        out = f"{'z' if names else 'a'}{index + 1}"
        places.append(Place(layer, index + 1, into, out, names, network.shapes[index]))
        into = out
    return places


def _identifier(name: str, number: int, part: int) -> str:
    """A block's name, or one made up where code cannot have it."""
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"p{number}_{part}"


def _setup(network: Network, places: list[Place], choice: Choice, some: slice, noisy: bool) -> tuple[str, str]:
    """The lines before the first layer, and those of them that need no import."""
    settings = {key: getattr(value, "name", value) for key, value in choice[1].items()}
    first = (
        "import numpy as np\n"
        "from optibench.engine.streams import stream\n"
        "from optibench.networks.layers import Pass\n"
        "from optibench.plugin.registry import registry\n\n"
        f"problem = registry().problem(({choice[0]!r}, {settings!r}))\n"
        "network = problem.value_grad.__self__\n"
        'w = problem.start(stream(0, "start"))\n'
    )
    if all(type(place.layer) in LINES for place in places):
        first = first.replace("from optibench.networks.layers import Pass\n", "")
    lines = [f"x, y = (part[{some.start}:{some.stop}].astype(float) for part in problem.train)"]
    for place, blocks in zip(places, network.own, strict=True):
        for name, block in zip(place.parameters, blocks, strict=True):
            cut = f"w[{block.slice.start}:{block.slice.stop}]"
            shaped = f"{cut}.reshape{block.shape}" if len(block.shape) > 1 else cut
            lines.append(f"{name} = {shaped}")
    masks = [
        f"mask{place.number}"
        for place in places
        if place.layer.noise(np.random.default_rng(0), 1, place.shape) is not None
    ]
    if noisy and masks:
        lines.append(f"{', '.join(masks)}, = problem.draws(np.random.default_rng(0), {some.stop - some.start})")
    definitions = "\n".join(lines)
    return first + definitions, definitions


def _stages(network: Network, places: list[Place], count: int) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    forward, back = [], []
    for index, place in enumerate(places):
        ahead, behind = layer_lines(place, index > network.first)
        title = f"{place.layer.name}{place.number}"
        given = ("x", *place.parameters) if index == 0 else place.parameters
        forward.append(Stage(title, said(place.layer, back=False), tuple(ahead), given))
        if index >= network.first and behind:
            back.append(Stage(title, said(place.layer, back=True), tuple(behind)))
    last = places[-1]
    ahead, behind = loss_lines(network, last, count)
    penalty = [line for block in network.weights for line in _penalty(network, places, block)]
    if network.weights:
        names = [_name_of(network, places, block) for block in network.weights]
        squares = " + ".join(f"({name}**2).sum()" for name in names)
        formula = rf"L \leftarrow L + \frac{{\lambda}}{{2}} \sum {' + '.join(latex(name) + '^2' for name in names)}"
        ahead.append(Line(formula, f"loss = loss + {network.l2 / 2!r} * ({squares})", ("loss",)))
    forward.append(Stage("loss", f"{network.loss.name}: {network.loss.summary}", tuple(ahead)))
    derivative = "The way back starts with the derivative of the loss by the output of the network."
    back = [Stage("loss", derivative, tuple(behind)), *reversed(back)]
    if penalty:
        back.append(
            Stage(
                "penalty",
                f"The penalty λ / 2 times the squared weights, λ = {network.l2:g}, adds λ times each weight.",
                tuple(penalty),
            )
        )
    return tuple(forward), tuple(back)


def _name_of(network: Network, places: list[Place], block: Block) -> str:
    pairs = chain.from_iterable(
        zip(place.parameters, blocks, strict=True) for place, blocks in zip(places, network.own, strict=True)
    )
    return next(name for name, other in pairs if other is block)


def _penalty(network: Network, places: list[Place], block: Block) -> list[Line]:
    name = _name_of(network, places, block)
    g = latex(f"g_{name}")
    line = Line(
        rf"{g} \leftarrow {g} + \lambda {latex(name)}", f"g_{name} = g_{name} + {network.l2!r} * {name}", (f"g_{name}",)
    )
    return [line]


def _agreements(
    network: Network, places: list[Place], values: Mapping[str, Array], g: Array, w: Array, batch: tuple[Array, ...]
) -> tuple[Agreement, ...]:
    longest = float(np.abs(g).max()) or 1.0
    rows = []
    for place, blocks in zip(places, network.own, strict=True):
        for name, block in zip(place.parameters, blocks, strict=True):
            typed = values[f"g_{name}"].ravel()
            size = len(typed)
            some = np.unique(np.linspace(0, size - 1, min(size, COORDINATES)).round().astype(int))
            measured = quotient(network.value_grad, w, block.slice.start + some, batch)
            rows.append(Agreement(
                block, float(np.abs(typed - g[block.slice]).max()) / longest,
                float(np.abs(typed[some] - measured).max()) / longest, len(some),
            ))  # fmt: skip
    return tuple(rows)


def _teacher(network: Network, places: list[Place], values: dict[str, Array], count: int) -> Teacher | None:
    """The rule that adds ``lr * layer.T.dot(delta)``, on the last layer; None where it does not end in a dense one."""
    ends = isinstance(places[-1].layer, Activate)
    place = places[-2] if ends and len(places) > 1 else places[-1]
    if type(place.layer) is not Dense or count != 1:
        return None
    last, name = places[-1], network.loss.name
    output = "p" if name == "cross_entropy" and "p" in values else last.out
    lines = [Line("", f"layer = {place.into}", ()), Line("", f"error = y - {output}", ("error",))]
    if ends:
        behind = layer_lines(last, True)[1][0].code.partition(" * ")[2]  # the derivative of the activation
        lines.append(Line("", f"delta = error * {behind}", ("delta",)))
    else:
        lines.append(Line("", "delta = error", ("delta",)))
    lines.append(Line("", "step = layer.T.dot(delta)", ("step",)))
    scope = dict(values)
    exec("\n".join(line.code for line in lines), scope)
    theirs = np.asarray(scope["step"], float)
    ours = -np.asarray(values[place.into]).T @ np.asarray(values[place.delta])
    square = float((theirs**2).sum())
    factor: float | None = float((theirs * ours).sum()) / square if square else 1.0
    if not (output == "p" or network.loss.name in ("half_squares", "mse")):
        factor = None  # with one output any two rows are parallel, which says nothing
    for line in lines:
        for shown in line.shown:
            values[f"teacher_{shown}"] = np.asarray(scope[shown], float)
    return Teacher(tuple(lines), place.number, theirs, ours, factor, _why(network, ends, output))


def _why(network: Network, ends: bool, output: str) -> str:
    outputs = network.shapes[-1][-1]
    if output == "p":
        return (
            "The error is y − p, with no derivative of the logistic function or of softmax: in the derivative of "
            "cross-entropy it cancels."
        )
    if network.loss.name == "half_squares":
        return "The loss is half the sum of squared errors, and the 1/2 cancels the 2 of the derivative."
    if network.loss.name == "mse":
        slope = "twice the error" if outputs == 1 else f"2/{outputs} of the error"
        return (
            f"The loss is the mean of squared errors over {outputs} output{'s' if outputs > 1 else ''}, without a "
            f"factor 1/2: its derivative is {slope}."
        )
    return f"The derivative of {network.loss.name} is not the plain error, so the two rules minimise different losses."
