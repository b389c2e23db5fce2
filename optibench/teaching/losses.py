"""The lines of NumPy that give the loss of a network's output, and its derivative by it, where the way back starts."""

from __future__ import annotations

from optibench.networks.network import Network
from optibench.teaching.layers import Line, Place, derivative, latex

#: Losses of these modules are written out by their name; any other is called.
WRITTEN = ("optibench.losses", "optibench.problems.networks")


def loss_lines(network: Network, last: Place, count: int) -> tuple[list[Line], list[Line]]:
    """The lines of the loss of ``count`` examples, and those of the first delta; ``last`` is the last layer."""
    z, d, name = last.out, last.delta, network.loss.name
    Z, over = latex(z), "" if count == 1 else f" / {count}"
    slope = f"{latex(d)} = {derivative(z)}"
    known = name if network.loss.function.__module__ in WRITTEN else ""
    shape = network.shapes[-1]
    if known == "cross_entropy" and len(shape) == 1:
        by_output = Line(f"{slope} = p - y", f"{d} = {_mean('p - y', count)}", (d,))
        return (_logistic if shape == (1,) else _softmax)(z, over), [by_output]
    if known == "half_squares":
        return [
            Line(f"e = {Z} - y", f"e = {z} - y", ("e", "y")),
            Line(r"L = \frac{1}{2} \sum_k e_k^2", f"loss = (e**2).sum() / 2{over}", ("loss",)),
        ], [Line(f"{slope} = e", f"{d} = e{over}", (d,))]
    if known == "mse":
        return [
            Line(f"e = {Z} - y", f"e = {z} - y", ("e", "y")),
            Line(r"L = \frac{1}{K} \sum_k e_k^2", "loss = (e**2).mean()", ("loss",)),
        ], [Line(rf"{slope} = \frac{{2}}{{K}} e", f"{d} = 2 * e / e.size", (d,))]
    called = f"loss, slope = network.loss({z}[None], y[None])  # {name}\nloss = loss[0]"
    return [Line(rf"L = \ell({Z}, y)", called, ("y", "loss"))], [Line(slope, f"{d} = slope[0]", (d,))]


def _logistic(z: str, over: str) -> list[Line]:
    value = f"loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(){over}"
    return [
        Line(rf"p = \frac{{1}}{{1 + e^{{-{latex(z)}}}}}", f"p = 1 / (1 + np.exp(-{z}))", ("p", "y")),
        Line(r"L = -y \log p - (1 - y) \log(1 - p)", value, ("loss",)),
    ]


def _softmax(z: str, over: str) -> list[Line]:
    """The largest output is subtracted first, which changes no probability and cannot overflow."""
    probabilities = f"e = np.exp({z} - {z}.max(axis=1, keepdims=True))\np = e / e.sum(axis=1, keepdims=True)"
    return [
        Line(rf"p_k = \frac{{e^{{z_k}}}}{{\sum_j e^{{z_j}}}}, \quad z = {latex(z)}", probabilities, ("p", "y")),
        Line(r"L = -\sum_k y_k \log p_k", f"loss = -(y * np.log(p)).sum(){over}", ("loss",)),
    ]


def _mean(error: str, count: int) -> str:
    return error if count == 1 else f"({error}) / {count}"
