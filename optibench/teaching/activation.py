"""What the page of an activation shows: value and slope, saturation, and signals through a deep network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np

from optibench.plugin.functions import Activation
from optibench.plugin.types import Array
from optibench.teaching.sections import Panel, Section, Table, ask, digits, lines_of, listing, parameters, percent
from optibench.teaching.slopes import Curve, curve, panels, parameter_section, slope_sentence

#: The range that curves are drawn on, and the values in tables.
Z = np.linspace(-6, 6, 241)
TITLES = ("Value a", "Slope da/dz")
SHOWN = (-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0)
#: The range that is searched for saturation, a slope below FLAT in size.
FAR = np.linspace(-50, 50, 10001)
FLAT = 0.01
#: A network without biases: layers, units of each, examples. Inputs are standard normal.
LAYERS, UNITS, EXAMPLES = 20, 100, 100
#: Standard deviations of the weights times the square root of the units; 1 is LeCun's, the root of 2 is He's.
GAINS = (0.5, 0.71, 1.0, 1.19, 2**0.5, 1.68, 2.0, 2.83, 4.0)
NAMED = {1.0: "LeCun", 2**0.5: "He"}


def call(activation: Activation, z: Array, settings: Mapping[str, float] | None = None) -> tuple[Array, ...]:
    """Value and slope at z, any shape. PluginError if the plugin raises or returns other shapes."""
    return ask("activation", activation, lambda: activation(z.copy(), **(settings or {})), (z.shape, z.shape))


def activation_sections(activations: Sequence[Activation]) -> list[Section]:
    """The sections of a page about one or more activations. PluginError as `call`."""
    changed = [section for activation in activations for section in _parameters(activation)]
    return [_curves(activations), _saturation(activations), *changed, _deep(activations)]


def _curves(activations: Sequence[Activation]) -> Section:
    curves = {activation.name: curve(Z, partial(call, activation)) for activation in activations}
    rows = []
    for activation in activations:
        a, slope = call(activation, np.array(SHOWN))
        rows.append((f"{activation.name}: a", *map(digits, a)))
        rows.append((f"{activation.name}: slope", *map(digits, slope)))
    return Section(
        title="Value and slope",
        says=" ".join(slope_sentence(name, "z", found) for name, found in curves.items()),
        panels=panels(TITLES, "z", [curves]),
        table=Table("Value and slope", ("z", *map(digits, SHOWN)), tuple(rows)),
        note=f"The difference quotient of the plugin's own values at z ± 0.00001, at {len(Z)} points.",
    )


def _parameters(activation: Activation) -> list[Section]:
    def at(name: str, value: float) -> Curve:
        return curve(Z, lambda z: call(activation, z, {name: value}))

    return [
        section
        for name, default in parameters(activation).items()
        for section in parameter_section(activation.name, (name, default), partial(at, name), TITLES, "z", SHOWN)
    ]


@dataclass(frozen=True)
class Saturation:
    """From which z on the slope is below FLAT in size, outwards; None where it is not.

    ``flat`` and ``zero``: the shares of standard normal inputs with such a slope, and with slope 0. ``mean`` and
    ``deviation``: of the value at these inputs.
    """

    below: float | None
    above: float | None
    flat: float
    zero: float
    mean: float
    deviation: float


def saturation(activation: Activation) -> Saturation:
    """Where an activation saturates, within 50 of 0, and its moments at a standard normal input."""
    _, slope = call(activation, FAR)
    steep = np.flatnonzero(~(np.abs(slope) < FLAT))
    last = len(FAR) - 1
    below = above = 0.0 if not len(steep) else None
    if len(steep):
        below = float(FAR[steep[0] - 1]) if steep[0] > 0 else None
        above = float(FAR[steep[-1] + 1]) if steep[-1] < last else None
    normal = np.array([NormalDist().inv_cdf((k + 0.5) / 2000) for k in range(2000)])
    a, at = call(activation, normal)
    with np.errstate(all="ignore"):
        shares = float((np.abs(at) < FLAT).mean()), float((at == 0).mean())
        return Saturation(below, above, *shares, float(a.mean()), float(a.std()))


def _saturation(activations: Sequence[Activation]) -> Section:
    sentences, rows = [], []
    for activation in activations:
        name, found = activation.name, saturation(activation)
        ends = {"below": found.below, "above": found.above}
        sides = [f"{side} {digits(end)}" for side, end in ends.items() if end is not None]
        if found.below == found.above == 0:
            sentences.append(f"The slope of {name} is below 1/100 in size everywhere.")
        elif sides:
            sentences.append(f"The slope of {name} is below 1/100 in size for z {listing(sides)}.")
        else:
            sentences.append(f"{name} does not saturate between −50 and 50.")
        words = [("never" if end is None else digits(end)) for end in ends.values()]
        moments = (digits(0.0 if abs(value) < 1e-12 else value) for value in (found.mean, found.deviation))
        rows.append((name, *words, percent(found.flat), percent(found.zero), *moments))
    heads = (
        *("activation", "saturated below", "saturated above", "saturated inputs", "inputs with slope 0"),
        *("mean of a", "deviation of a"),
    )
    return Section(
        title="Saturation",
        says=" ".join(sentences),
        table=Table("Saturation", heads, tuple(rows)),
        note="Saturated: a slope below 1/100 in size. The last four columns are for standard normal z.",
    )


@dataclass(frozen=True)
class Deep:
    """A deep network by layer, (LAYERS,) each: root mean square of the activations and of the gradient by z.

    ``dead``: the share of units, of all layers, whose slope is 0 at every example. ``flat``: of saturated slopes.
    """

    signal: Array
    gradient: Array
    dead: float
    flat: float


def deep(activation: Activation, gain: float) -> Deep:
    """Forward and backward through LAYERS dense layers with normal weights; the gradient at the output is normal."""
    from threadpoolctl import threadpool_limits  # looks at every loaded library

    rng = np.random.default_rng(0)  # the same weights for every activation and gain
    weights = rng.standard_normal((LAYERS, UNITS, UNITS)) * (gain / UNITS**0.5)
    a, g = rng.standard_normal((2, EXAMPLES, UNITS))
    signal, gradient, slopes = [], [], []
    # Matrices this small are faster on one thread, which also gives the same bits on any number of cores.
    with np.errstate(all="ignore"), threadpool_limits(1):
        for layer in range(LAYERS):
            a, slope = call(activation, a @ weights[layer])
            signal.append(_rms(a))
            slopes.append(slope)
        for layer in reversed(range(LAYERS)):
            g = g * slopes[layer]
            gradient.append(_rms(g))
            g = g @ weights[layer].T
        every = np.array(slopes)
    dead = (every == 0).all(axis=1).mean()
    return Deep(np.array(signal), np.array(gradient[::-1]), float(dead), float((np.abs(every) < FLAT).mean()))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _deep(activations: Sequence[Activation]) -> Section:
    found = {gain: {activation.name: deep(activation, gain) for activation in activations} for gain in GAINS}
    layers = np.arange(1, LAYERS + 1)
    signals = tuple(lines_of({name: it.signal for name, it in nets.items()}, layers) for nets in found.values())
    gradients = tuple(lines_of({name: it.gradient for name, it in nets.items()}, layers) for nets in found.values())
    sentences, rows = [], []
    for gain, initial in NAMED.items():
        kept = []
        for name, net in found[gain].items():
            ratio = digits(_ratio(net.gradient[0], net.gradient[-1]), 2) if net.gradient[-1] else "none"
            kept.append(f"{ratio} times that in layer {LAYERS} for {name}" if net.gradient[-1] else f"0 for {name}")
            ends = digits(net.signal[0]), digits(net.signal[-1])
            rows.append((f"{name}, {initial}", *ends, ratio, percent(net.flat), percent(net.dead)))
        sentences.append(f"With {initial}'s initialization the gradient in layer 1 is {listing(kept)}.")
    heads = (
        *("activation, initialization", "signal in layer 1", f"signal in layer {LAYERS}"),
        *(f"gradient, layer 1 / layer {LAYERS}", "saturated", "dead units"),
    )
    note = (
        f"{LAYERS} dense layers of {UNITS} units without biases, {EXAMPLES} standard normal inputs, and a standard "
        f"normal gradient at the output. Dead: slope 0 at every example. The weights are normal with deviation "
        f"gain / √{UNITS}: 1 is LeCun's initialization, 1.414 is He's."
    )
    return Section(
        title=f"Through {LAYERS} layers",
        says=" ".join(sentences),
        panels=(
            Panel("Signal: root mean square of a", "layer", signals, y_scale="log", references=(1.0,)),
            Panel("Gradient: root mean square by z", "layer", gradients, y_scale="log", references=(1.0,)),
        ),
        table=Table("Signal and gradient", heads, tuple(rows)),
        note=note,
        slider="gain of the weights",
        positions=tuple(f"{gain:.4g}" for gain in GAINS),
        first=GAINS.index(1.0),
    )


def _ratio(a: float, b: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))
