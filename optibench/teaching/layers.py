"""The lines of NumPy that a reader types to pass one example through a layer, forward and back, with their formulas.

A batch is the first axis: x (B, ...). An output is z of a layer with parameters and a of one without, numbered as the
layer is; delta is the derivative of the loss by the output of that number, and ``g_`` a derivative by a parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optibench.networks.convolution import AveragePool, Conv2d, MaxPool, Pool
from optibench.networks.layers import Activate, BatchNorm, Dense, Dropout, Flatten, Layer, LayerNorm, Normalise
from optibench.networks.sequence import Embedding, SimpleRNN

#: Where the built-in activations are: one of that name from elsewhere is called and not written out.
ACTIVATIONS = "optibench.activations"


@dataclass(frozen=True)
class Line:
    """A formula in LaTeX, or several, one a line; its code; and the names whose values are worth seeing."""

    formula: str
    code: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A layer where it stands: its number from 1, the names of input and output, of its parameters, and its input."""

    layer: Layer
    number: int
    into: str
    out: str
    parameters: tuple[str, ...]
    shape: tuple[int, ...]  # of one example before it

    @property
    def delta(self) -> str:
        return f"delta{self.number}"

    @property
    def below(self) -> str:
        """The derivative by its input."""
        return f"delta{self.number - 1}"


#: (place, whether the derivative by the input is asked for) -> the lines forward, the lines back.
Lines = Callable[[Place, bool], tuple[list[Line], list[Line]]]


def latex(name: str) -> str:
    """A name of the code as a symbol: delta3 is \\delta_{3}, weight1 W_{1}, g_weight1 \\partial L / \\partial W_{1}."""
    if name.startswith("g_"):
        return derivative(name[2:])
    base = name.rstrip("0123456789")
    number = name[len(base) :]
    symbols = {"weight": "W", "bias": "b", "recurrent": "U", "table": "E", "delta": r"\delta", "scale": r"\gamma"}
    symbols |= {"shift": r"\beta", "mask": "m"}
    symbol = symbols.get(base, base if len(base) == 1 else rf"\mathrm{{{base}}}".replace("_", " "))
    return f"{symbol}_{{{number}}}" if number else symbol


def derivative(name: str) -> str:
    """The derivative of the loss by a name of the code."""
    return rf"\frac{{\partial L}}{{\partial {latex(name)}}}"


def dense(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    x, z, d, below = place.into, place.out, place.delta, place.below
    weight, *bias = place.parameters
    X, Z, D, W = map(latex, (x, z, d, weight))
    add, plus = (f" + {bias[0]}", f" + {latex(bias[0])}") if bias else ("", "")
    forward = [Line(f"{Z} = {X} {W}{plus}", f"{z} = {x} @ {weight}{add}", (z,))]
    by_weight = rf"{latex('g_' + weight)} = \frac{{\partial {Z}}}{{\partial {W}}} {D} = {X}^{{\top}} {D}"
    back = [Line(by_weight, f"g_{weight} = {x}.T @ {d}", (f"g_{weight}",))]
    if bias:
        b = bias[0]
        back.append(Line(rf"{latex('g_' + b)} = \sum_{{B}} {D}", f"g_{b} = {d}.sum(axis=0)", (f"g_{b}",)))
    if inward:
        chain = rf"{latex(below)} = {derivative(x)} = {D} \frac{{\partial {Z}}}{{\partial {X}}} = {D} {W}^{{\top}}"
        back.append(Line(chain, f"{below} = {d} @ {weight}.T", (below,)))
    return forward, back


#: The value of an activation of z, its derivative, and both as formulas; {a} is the value.
WRITTEN = {
    "tanh": ("np.tanh({z})", "(1 - {a}**2)", r"\tanh({Z})", "(1 - {A}^2)"),
    "sigmoid": ("1 / (1 + np.exp(-{z}))", "{a} * (1 - {a})", r"\frac{{1}}{{1 + e^{{-{Z}}}}}", r"{A} \odot (1 - {A})"),
    "relu": ("np.maximum({z}, 0)", "({z} > 0)", r"\max({Z}, 0)", r"[{Z} > 0]"),
    "identity": ("{z}", "1", "{Z}", "1"),
}  # fmt: skip


def activate(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    z, a, d, below = place.into, place.out, place.delta, place.below
    Z, A, D, BELOW = map(latex, (z, a, d, below))
    assert isinstance(place.layer, Activate)
    activation = place.layer.activation
    written = WRITTEN.get(activation.name) if activation.function.__module__ == ACTIVATIONS else None
    if written:
        value, slope, value_formula, slope_formula = (part.format(z=z, a=a, Z=Z, A=A) for part in written)
        forward = [Line(f"{A} = {value_formula}", f"{a} = {value}", (a,))]
    else:
        slope = f"slope{place.number}"
        forward = [Line(
            rf"{A} = \varphi({Z}), \quad s_{{{place.number}}} = \varphi'({Z})",
            f"{a}, {slope} = network.stack[{place.number - 1}].activation({z})  # {activation.name}", (a, slope),
        )]  # fmt: skip
        slope_formula = f"s_{{{place.number}}}"
    chain = rf"{BELOW} = {derivative(z)} = {D} \frac{{\partial {A}}}{{\partial {Z}}} = {D} \odot {slope_formula}"
    back = [Line(chain, f"{below} = {d} * {slope}", (below,))]
    return forward, back if inward else []


def flatten(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    x, a, d, below = place.into, place.out, place.delta, place.below
    forward = [Line(rf"{latex(a)} = \mathrm{{rows}}({latex(x)})", f"{a} = {x}.reshape(len({x}), -1)", ())]
    back = Line(rf"{latex(below)} = \mathrm{{shape}}({latex(d)})", f"{below} = {d}.reshape({x}.shape)", ())
    return forward, [back] if inward else []


def dropout(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    x, a, d, below = place.into, place.out, place.delta, place.below
    mask = f"mask{place.number}"
    M = latex(mask)
    forward = [Line(rf"{latex(a)} = {latex(x)} \odot {M}", f"{a} = {x} * {mask}", (mask, a))]
    back = Line(rf"{latex(below)} = {latex(d)} \odot {M}", f"{below} = {d} * {mask}", (below,))
    return forward, [back] if inward else []


def normalise(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    """Ioffe and Szegedy 2015, section 3; the derivative passes through the mean and the deviation too."""
    assert isinstance(place.layer, Normalise)
    x, z, d, below, k = place.into, place.out, place.delta, place.below, place.number
    scale, shift = place.parameters
    whole = tuple(range(1, len(place.shape) + 1))
    over = whole if isinstance(place.layer, LayerNorm) else (0, *whole[:-1])
    left = (0,) if isinstance(place.layer, LayerNorm) else over
    mean = f"axis={over}, keepdims=True"
    X, Z, D, N, G = latex(x), latex(z), latex(d), f"n_{{{k}}}", latex(scale)
    forward = [
        Line(rf"r_{{{k}}} = 1 / \sqrt{{\mathrm{{var}}({X}) + \varepsilon}}",
             f"r{k} = 1 / np.sqrt({x}.var({mean}) + {place.layer.eps!r})", (f"r{k}",)),
        Line(rf"{N} = ({X} - \mathrm{{mean}}({X})) \, r_{{{k}}}",
             f"n{k} = ({x} - {x}.mean({mean})) * r{k}", (f"n{k}",)),
        Line(rf"{Z} = {N} {G} + {latex(shift)}", f"{z} = n{k} * {scale} + {shift}", (z,)),
    ]  # fmt: skip
    g_scale, g_shift = f"g_{scale}", f"g_{shift}"
    back = [
        Line(rf"{latex(g_scale)} = \sum {D} \odot {N}", f"{g_scale} = ({d} * n{k}).sum(axis={left})", (g_scale,)),
        Line(rf"{latex(g_shift)} = \sum {D}", f"{g_shift} = {d}.sum(axis={left})", (g_shift,)),
    ]
    if inward:
        s = f"s_{{{k}}}"
        back.append(Line(rf"{s} = {D} {G}", f"s{k} = {d} * {scale}", (f"s{k}",)))
        back.append(Line(
            rf"{latex(below)} = ({s} - \mathrm{{mean}}({s}) - {N} \, \mathrm{{mean}}({s} {N})) \, r_{{{k}}}",
            f"{below} = (s{k} - s{k}.mean({mean}) - n{k} * (s{k} * n{k}).mean({mean})) * r{k}", (below,),
        ))  # fmt: skip
    return forward, back


def convolution(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    """The derivative by the input is a convolution of delta, with room around it, by the window turned around."""
    assert isinstance(place.layer, Conv2d)
    x, z, d, below, k = place.into, place.out, place.delta, place.below, place.number
    weight, bias = place.parameters
    X, Z, D, W, B = map(latex, (x, z, d, weight, bias))
    size = place.layer.size
    height, width = (size, size) if isinstance(size, int) else size
    view = "np.lib.stride_tricks.sliding_window_view"
    forward = [
        Line(rf"v_{{{k}}} = \mathrm{{windows}}({X})", f"v{k} = {view}({x}, ({height}, {width}), axis=(1, 2))", ()),
        Line(rf"{Z} = v_{{{k}}} * {W} + {B}", f'{z} = np.einsum("bhwcij,ijco->bhwo", v{k}, {weight}) + {bias}', (z,)),
    ]
    g_weight, g_bias = f"g_{weight}", f"g_{bias}"
    back = [
        Line(rf"{latex(g_weight)} = \sum_{{\mathrm{{places}}}} v_{{{k}}} {D}",
             f'{g_weight} = np.einsum("bhwcij,bhwo->ijco", v{k}, {d})', (g_weight,)),
        Line(rf"{latex(g_bias)} = \sum_{{\mathrm{{places}}}} {D}", f"{g_bias} = {d}.sum(axis=(0, 1, 2))", (g_bias,)),
    ]  # fmt: skip
    if inward:
        room = f"((0, 0), ({height - 1}, {height - 1}), ({width - 1}, {width - 1}), (0, 0))"
        back.append(Line(
            rf"{latex(below)} = \mathrm{{windows}}({D}) * \mathrm{{turned}}({W})",
            f"u{k} = {view}(np.pad({d}, {room}), ({height}, {width}), axis=(1, 2))\n"
            f'{below} = np.einsum("bhwoij,ijco->bhwc", u{k}, {weight}[::-1, ::-1])', (below,),
        ))  # fmt: skip
    return forward, back


def pool(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    """Each window's numbers lie along axis 3 of c; of equal ones ``argmax`` takes the first."""
    assert isinstance(place.layer, Pool)
    x, a, d, below, k = place.into, place.out, place.delta, place.below, place.number
    size = place.layer.size
    height, width = (size, size) if isinstance(size, int) else size
    rows, columns, channels = place.layer.output(place.shape)
    cut = f"{x}[:, :{rows * height}, :{columns * width}]"
    cells = f"c{k} = {cut}.reshape(-1, {rows}, {height}, {columns}, {width}, {channels}).swapaxes(2, 3)"
    cells += f".reshape(-1, {rows}, {columns}, {height * width}, {channels})"
    is_max = isinstance(place.layer, MaxPool)
    word = "max" if is_max else "mean"
    A, D, BELOW = latex(a), latex(d), latex(below)
    forward = [
        Line(rf"{A} = \mathrm{{{word}}}_{{\mathrm{{window}}}}({latex(x)})", f"{cells}\n{a} = c{k}.{word}(axis=3)", (a,))
    ]
    if not inward:
        return forward, []
    if is_max:
        spread = f"s{k} = np.zeros_like(c{k})\n"
        spread += f"np.put_along_axis(s{k}, c{k}.argmax(axis=3)[:, :, :, None], {d}[:, :, :, None], axis=3)\n"
        formula = rf"{BELOW} = {D} \ \mathrm{{where\ the\ maximum\ was,\ else}}\ 0"
    else:
        spread = f"s{k} = np.repeat({d}[:, :, :, None], {height * width}, axis=3) / {height * width}\n"
        formula = rf"{BELOW} = {D} / {height * width}"
    home = f".reshape(-1, {rows}, {columns}, {height}, {width}, {channels}).swapaxes(2, 3)"
    home += f".reshape(-1, {rows * height}, {columns * width}, {channels})"
    put = f"{below} = np.zeros_like({x})\n{below}[:, :{rows * height}, :{columns * width}] = s{k}{home}"
    return forward, [Line(formula, spread + put, (below,))]


def embedding(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    x, z, d = place.into, place.out, place.delta
    (table,) = place.parameters
    g = f"g_{table}"
    forward = [Line(f"{latex(z)} = {latex(table)}[{latex(x)}]", f"{z} = {table}[{x}.astype(int)]", (z,))]
    back = Line(
        rf"{latex(g)}[t] = \sum_{{{latex(x)} = t}} {latex(d)}",
        f"{g} = np.zeros_like({table})\nnp.add.at({g}, {x}.astype(int), {d})", (g,),
    )  # fmt: skip
    return forward, [back]


def recurrent(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    """Backpropagation through time: Werbos 1990, doi:10.1109/5.58337."""
    assert isinstance(place.layer, SimpleRNN)
    x, z, d, below, k, units = place.into, place.out, place.delta, place.below, place.number, place.layer.units
    weight, inner, bias = place.parameters
    X, W, U, B = map(latex, (x, weight, inner, bias))
    length = place.shape[0]
    forward = [Line(
        f"x = {X}\n" + rf"h_t = \tanh(x_t {W} + h_{{t-1}} {U} + {B})" + f"\n{latex(z)} = h_{{{length}}}",
        f"h{k} = [np.zeros((len({x}), {units}))]\nfor t in range({length}):\n"
        f"    h{k}.append(np.tanh({x}[:, t] @ {weight} + h{k}[t] @ {inner} + {bias}))\n{z} = h{k}[-1]", (z,),
    )]  # fmt: skip
    names = [f"g_{name}" for name in place.parameters]
    g_weight, g_inner, g_bias = names
    zeros = "".join(f"{g} = np.zeros_like({name})\n" for g, name in zip(names, place.parameters, strict=True))
    back = [Line(
        "\n".join((
            r"\delta_t = \frac{\partial L}{\partial h_t} \odot (1 - h_t^2)",
            rf"\frac{{\partial L}}{{\partial h_{{t-1}}}} = \delta_t {U}^{{\top}}",
            rf"{latex(g_weight)} = \sum_t x_t^{{\top}} \delta_t",
            rf"{latex(g_inner)} = \sum_t h_{{t-1}}^{{\top}} \delta_t",
            rf"{latex(g_bias)} = \sum_t \delta_t",
        )),
        f"{zeros}{below} = np.zeros_like({x})\nback = {d}\nfor t in reversed(range({length})):\n"
        f"    back = back * (1 - h{k}[t + 1] ** 2)\n    {g_weight} += {x}[:, t].T @ back\n"
        f"    {g_inner} += h{k}[t].T @ back\n    {g_bias} += back.sum(axis=0)\n"
        f"    {below}[:, t] = back @ {weight}.T\n    back = back @ {inner}.T", (*names, below),
    )]  # fmt: skip
    return forward, back


def foreign(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    """A layer that is not of the package: its own ``forward``, with an axis of one run, and what that returns."""
    x, z, d, below, k = place.into, place.out, place.delta, place.below, place.number
    given = "".join(f"{name}[None], " for name in place.parameters)
    filled = "".join(f"g_{name}[None], " for name in place.parameters)
    noise = f"iter([mask{k}[None]])" if place.layer.noise(np.random.default_rng(0), 1, place.shape) is not None else ""
    forward = [Line(
        rf"{latex(z)} = f_{{{k}}}({latex(x)})",
        f"{z}, back{k} = network.stack[{k - 1}].forward({x}[None], [{given}], Pass(True, {noise or 'iter(())'}))\n"
        f"{z} = {z}[0]", (z,),
    )]  # fmt: skip
    zeros = "".join(f"g_{name} = np.zeros_like({name})\n" for name in place.parameters)
    take = f"{below} = back{k}({d}[None], [{filled}], {inward})" + ("[0]" if inward else "")
    names = tuple(f"g_{name}" for name in place.parameters)
    formula = rf"{latex(below)} = {latex(d)} \frac{{\partial {latex(z)}}}{{\partial {latex(x)}}}"
    return forward, [Line(formula, zeros + take, (*names, *([below] if inward else [])))]


#: By the layer's own type: a subclass may do anything.
LINES: dict[type[Layer], Lines] = {
    Dense: dense, Activate: activate, Flatten: flatten, Dropout: dropout, LayerNorm: normalise, BatchNorm: normalise,
    Conv2d: convolution, MaxPool: pool, AveragePool: pool, Embedding: embedding, SimpleRNN: recurrent,
}  # fmt: skip


def layer_lines(place: Place, inward: bool) -> tuple[list[Line], list[Line]]:
    """The lines of a layer forward, and back; ``inward`` asks for the derivative by its input."""
    return LINES.get(type(place.layer), foreign)(place, inward)


#: What a layer does to the values, and to the derivative on its way back.
SAYS: dict[type[Layer], tuple[str, str]] = {
    Dense: (
        "Each unit adds its inputs, weighted, and its bias.",
        "The derivative by a weight is its input times the δ of its unit. δ passes to the inputs through the same "
        "weights, transposed.",
    ),
    Activate: (
        "The activation bends each number by itself.",
        "Each δ is multiplied by the slope of the activation at its own number: where the slope is near 0, the layers "
        "below learn nothing.",
    ),
    Flatten: ("The numbers of an example become one row.", "δ gets the shape back that the numbers had."),
    Dropout: ("The mask sets some numbers to 0 and scales the others.", "δ passes where the mask let the number pass."),
    LayerNorm: (
        "The numbers of an example get mean 0 and deviation 1, then a scale and a shift of their own.",
        "The mean and the deviation depend on every number, so δ loses its mean and its part along n.",
    ),
    BatchNorm: (
        "Each channel gets mean 0 and deviation 1 over the batch, then a scale and a shift of its own.",
        "The mean and the deviation depend on the whole batch, so δ loses its mean and its part along n.",
    ),
    Conv2d: (
        "Every window of the image is multiplied by the same weights.",
        "Every place used the same weights, so their derivatives are sums over places. δ passes back by the same "
        "window, turned around.",
    ),
    MaxPool: (
        "The largest number of each window is kept.", "δ goes to the number that was the largest; the others get 0.",
    ),
    AveragePool: ("Each window becomes its mean.", "Every number of a window gets an equal share of δ."),
    Embedding: ("Each token is replaced by its row of the table.", "A row of the table collects the δ of its tokens."),
    SimpleRNN: (
        "The state is computed again at every place of the sequence, from the input there and the state before.",
        "Backpropagation through time: δ walks the sequence from its end to its start, and the weights, used at every "
        "place, collect a term at each.",
    ),
}  # fmt: skip


def said(layer: Layer, back: bool) -> str:
    """What a layer does in one direction, in words; empty of a layer that is not of the package."""
    return SAYS.get(type(layer), ("", ""))[back]
