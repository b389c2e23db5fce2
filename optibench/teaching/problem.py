"""The page of a problem: its map or its spectrum, what makes it hard, two descents, and its network on one example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from optibench.errors import InputError, PluginError, quoted, reason
from optibench.experiment.choices import one_choice
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry
from optibench.plugin.types import Array, Facts
from optibench.report.data import to_json
from optibench.report.page import LIBRARY, static
from optibench.runner.worker import one_thread
from optibench.teaching.landscape import Curvature, Descent, Landscape, landscape
from optibench.teaching.layers import said
from optibench.teaching.network import Backpropagation, Stage, backpropagation, network_of
from optibench.teaching.page import own, template
from optibench.teaching.sentences import counted, hardness, short, verdict

#: What the page uses of the report's scripts, in order, and its own.
SHARED = ("text.js", "markup.js", "colours.js", "axes.js", "charts.js", "relief.js", "readout.js", "page.js")
OWN = ("map.js", "problem.js")
#: The optimizers that descend the problem.
RULES = ("gd", "adam")
#: Points along each side of the map.
CELLS = 72
#: Rows and columns of a matrix that are shown.
MOST = 6


@dataclass(frozen=True)
class Matrix:
    """An array as a table: rows of texts, clipped to MOST by MOST, and its shape in words."""

    name: str
    shape: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Written:
    """A line as the page shows it: code, formula in MathML, and the arrays that it gives."""

    code: str
    formula: str
    matrices: tuple[Matrix, ...]


@dataclass(frozen=True)
class Part:
    """A stage as the page shows it."""

    title: str
    says: str
    given: tuple[Matrix, ...]
    lines: tuple[Written, ...]


def problem_page(name: str, registry: Registry) -> str:
    """The page of a problem, which may have settings: ``quadratic:dimension=2``.

    UnknownName or SettingError for what cannot be built; PluginError for a problem that raises.
    """
    choice = one_choice("problem", name, registry)
    problem = registry.problem(choice)
    rules = [registry.get("optimizer", rule) for rule in RULES if rule in registry["optimizer"]]
    network = network_of(problem)
    try:
        with one_thread():
            land = landscape(problem, rules)
            example = backpropagation(problem, network, choice) if network and problem.train else None
            live = _live(land)
    except InputError:
        raise
    except Exception as error:
        raise PluginError(f"problem {quoted(problem.name)} failed: {reason(error)}") from error
    factory = registry["problem"][choice[0]]
    return template("problem.html.j2").render(
        name=problem.name,
        summary=factory.summary or "It has no docstring; what follows is derived from its code.",
        source=problem.source,
        owner=registry.owner("problem", choice[0]),
        facts=_facts(problem),
        style=f"{static('page.css')}\n{own('lesson.css')}",
        scripts=[static(LIBRARY), *map(static, SHARED), *map(own, OWN)],
        data=to_json(live),
        above=problem.minimum is not None,
        planar="map" in live,
        spectrum=_has_spectrum(land),
        verdict=verdict(land),
        hardness=hardness(land),
        points=_points(land),
        best_is=land.best_is,
        descents=[(one, _ended(one, land)) for one in land.descents],
        steps=land.steps,
        measured_on=_measured_on(land),
        check=land.check,
        data_rows=_data_rows(problem),
        **(_network_facts(example) if example else {"network": None}),
    )


def _facts(problem: Problem) -> str:
    minimum = "its minimum is not known" if problem.minimum is None else f"its minimum is {short(problem.minimum)}"
    return f"{counted(problem.size, 'parameter')}; {minimum}; {'smooth' if problem.smooth else 'not smooth'}"


def _measured_on(land: Landscape) -> str:
    if not land.small.train:
        return "Measured in float64"
    count, all_of = len(land.small.train[0]), land.problem.examples
    part = f"all {all_of}" if count == all_of else f"the first {count} of {all_of:,}"
    noise = " and one fixed draw of its noise" if land.problem.draws is not None else ""
    return f"Measured in float64 on {part} training examples{noise}"


def _points(land: Landscape) -> list[tuple[str, Curvature]]:
    pairs = (("the start of seed 0", land.start), (land.best_is, land.best))
    return [(words, point) for words, point in pairs if point is not None]


def _ended(one: Descent, land: Landscape) -> str:
    if one.diverged:
        return "diverged at every rate that was tried"
    gap = one.losses - (land.problem.minimum or 0.0)
    words = f"{short(float(one.losses[-1]))}"
    if land.problem.minimum is not None:
        words += f", {short(float(gap[-1]))} above the minimum"
    return words


def _data_rows(problem: Problem) -> list[tuple[str, str]]:
    """What the data are, as rows of a table; none without data."""
    if not problem.train:
        return []
    splits = (("training", problem.train), ("validation", problem.validation), ("test", problem.test))
    rows = [("examples", ", ".join(f"{len(part[0]):,} for {word}" for word, part in splits if part and len(part[0])))]
    inputs = np.asarray(problem.train[0], float)
    shape = " × ".join(map(str, inputs.shape[1:]))
    spread = f"mean {short(inputs.mean())}, deviation {short(inputs.std())}"
    limits = f"from {short(inputs.min())} to {short(inputs.max())}"
    rows.append(("inputs", f"{shape} numbers an example, {limits}, {spread}"))
    if len(problem.train) > 1:
        targets = np.asarray(problem.train[1], float)
        each = "1 number" if targets.shape[1:] == (1,) else f"{' × '.join(map(str, targets.shape[1:]))} numbers"
        rows.append(("targets", f"{each} an example"))
        if problem.classes:
            counts = targets.sum(axis=0) if targets.shape[1:] != (1,) else np.array(
                [(targets <= 0).sum(), (targets > 0).sum()]
            )  # fmt: skip
            rows.append(("training examples by class", ", ".join(f"{int(count):,}" for count in counts[:12])))
    return rows


# What the scripts draw


def _live(land: Landscape) -> Facts:
    minimum = land.problem.minimum
    floor = 0.0 if minimum is None else minimum
    curves = [
        {"name": one.name, "losses": [_digits(value - floor) for value in one.losses if np.isfinite(value)]}
        for one in land.descents
    ]
    facts: Facts = {"curves": curves, "above": minimum is not None}
    if land.problem.size == 2:
        shown = _map(land)
        if any(value is not None for value in shown["values"]):
            facts["map"] = shown
    elif _has_spectrum(land):
        facts["spectra"] = [[_digits(value) for value in point.values] for _, point in _points(land)]
    return facts


def _has_spectrum(land: Landscape) -> bool:
    return bool(land.start and land.start.exact and land.problem.size > 2)


def _map(land: Landscape) -> Facts:
    """Losses on a grid, rows from the lowest y, and the paths."""
    problem, small = land.problem, land.small
    start = np.asarray(land.start.w if land.start else land.small.start(np.random.default_rng(0)), float)
    domain = [[float(end) for end in pair] for pair in problem.domain]
    if not domain:
        ends = np.array([start, problem.minimizer if problem.minimizer is not None else start])
        room = 0.6 * np.maximum(np.ptp(ends, axis=0), 1 + 0.5 * np.abs(ends).max(axis=0))
        domain = np.column_stack([ends.min(axis=0) - room, ends.max(axis=0) + room]).tolist()
    x, y = (np.linspace(low, high, CELLS) for low, high in domain)
    grid = np.stack([np.tile(x, CELLS), np.repeat(y, CELLS)], axis=1)
    batch = tuple(array[None] for array in small.train)
    with np.errstate(all="ignore"):
        values = np.concatenate([small.loss(some, *batch) for some in np.array_split(grid, CELLS)])
    tracks = []
    for index, one in enumerate(land.descents):
        path = one.points if one.points is not None else np.empty((0, 2))
        tracks.append({"name": one.name, "index": index, "points": [
            [_digits(place, 6) for place in point] for point in path if np.isfinite(point).all()
        ]})  # fmt: skip
    return {
        "problem": problem.name,
        "xlim": domain[0],
        "ylim": domain[1],
        "start": [float(value) for value in start],
        "minimizer": None if problem.minimizer is None else [float(value) for value in problem.minimizer],
        "values": [_digits(value, 4) for value in values],
        "tracks": tracks,
    }


def _digits(value: float, digits: int = 5) -> float | None:
    return float(f"{float(value):.{digits}g}") if np.isfinite(value) else None


# The network


def _network_facts(example: Backpropagation) -> Facts:
    network, teacher = example.network, example.teacher
    values = example.values
    gradient = np.concatenate([values[f"g_{block}"].ravel() for block in _blocks(example)])
    return {
        "network": network,
        "layers": _layers(example),
        "loss": network.loss,
        "forward": [_part(stage, example) for stage in example.forward],
        "back": [_part(stage, example) for stage in example.back],
        "setup": example.setup,
        "text": example.text,
        "examples": example.examples.stop - example.examples.start,
        "first": example.examples.start,
        "agreements": example.agreements,
        "worst": max((one.package for one in example.agreements), default=0.0),
        "worst_quotient": max((one.quotient for one in example.agreements), default=0.0),
        "loss_value": float(values["loss"]),
        "predicted": example.lr * float(gradient @ gradient),
        "stepped": example.stepped,
        "step": example.lr,
        "teacher": teacher,
        "teacher_lines": [
            Written(line.code, "", _matrices(tuple(f"teacher_{name}" for name in line.shown), values))
            for line in (teacher.lines if teacher else ())
        ],
        "ours": matrix("ours", teacher.ours) if teacher else None,
    }


def _blocks(example: Backpropagation) -> list[str]:
    return [name for stage in example.forward for name in stage.given if f"g_{name}" in example.values]


def _layers(example: Backpropagation) -> list[tuple[str, str, str, str, int]]:
    """Rows of the table of layers: name, what it computes, output shape, parameters, their number."""
    network, rows = example.network, []
    for layer, blocks, shape, stage in zip(
        network.stack, network.own, network.shapes[1:], example.forward, strict=False
    ):
        parameters = ", ".join(f"{block.name} {_shape(block.shape)}" for block in blocks)
        count = sum(int(np.prod(block.shape)) for block in blocks)
        words = said(layer, back=False) or (type(layer).__doc__ or "").partition("\n")[0]
        activation = getattr(layer, "activation", None)
        rows.append((stage.title, activation.summary if activation else words, _shape(shape), parameters, count))
    return rows


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "1"


def _part(stage: Stage, example: Backpropagation) -> Part:
    lines = tuple(
        Written(line.code, _mathml(line.formula), _matrices(line.shown, example.values)) for line in stage.lines
    )
    return Part(stage.title, stage.says, _matrices(stage.given, example.values), lines)


def _matrices(names: Sequence[str], values: object) -> tuple[Matrix, ...]:
    assert isinstance(values, dict)
    return tuple(matrix(name.removeprefix("teacher_"), values[name]) for name in names if name in values)


def matrix(name: str, array: Array) -> Matrix:
    """An array as a table of texts; more than two axes become rows of the last one."""
    flat = array.reshape(1, -1) if array.ndim < 2 else array.reshape(-1, array.shape[-1])
    rows = [
        [*(short(float(value)) for value in row[:MOST]), *(["…"] if flat.shape[1] > MOST else [])]
        for row in flat[:MOST]
    ]
    if len(flat) > MOST:
        rows.append(["…"] * len(rows[0]))
    shape = "" if array.ndim == 0 else _shape(array.shape)
    if array.ndim > 2:
        shape += f", as {_shape(flat.shape)}"
    return Matrix(name, shape, tuple(map(tuple, rows)))


@lru_cache(maxsize=512)
def _mathml(formula: str) -> str:
    """A formula of this package, in which a plugin's layer may have put names that LaTeX cannot read: then none."""
    from latex2mathml.converter import convert  # heavy

    try:
        formulas = [str(convert(one)) for one in formula.splitlines()]
        return "".join(f"<div>{one}</div>" for one in formulas).replace('display="inline"', 'displaystyle="true"')
    except Exception:  # it has no common error
        return ""
