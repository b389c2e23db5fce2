"""The figures of instruments, one each, with a facet for every layer. Pandas is imported only when drawing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from optibench.plugin.figure import Figure
from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.types import Facts
from optibench.report import sentences

if TYPE_CHECKING:
    import pandas as pd

    from optibench.analysis.comparison import Compared


def along(instrument: str, results: Compared) -> pd.DataFrame:
    """Median and quartiles over replicates of one instrument, by problem and layer."""
    from optibench.analysis.instruments import instruments

    frame = instruments(results, results.compare())
    return _spread(frame[frame["instrument"] == instrument])


def against_stability(results: Compared) -> pd.DataFrame:
    """Likewise of the sharpness times the learning rate of the same step."""
    from optibench.analysis.instruments import instruments

    frame = instruments(results, results.compare())
    keys = ["problem", "optimizer", "seed", "step"]
    rate = frame[frame["instrument"] == "learning_rate"].set_index(keys)["value"].rename("rate")
    sharpness = frame[frame["instrument"] == "sharpness"].join(rate, on=keys, how="inner")
    return _spread(sharpness.assign(value=sharpness["value"] * sharpness["rate"]))


def _spread(frame: pd.DataFrame) -> pd.DataFrame:
    if frame.empty:
        return frame
    layer = frame["layer"].where(frame["layer"] == "", " · " + frame["layer"])
    frame = frame.assign(facet=frame["problem"] + layer)
    groups = frame.groupby(["facet", "optimizer", "step"])["value"]
    spread = groups.quantile([0.25, 0.5, 0.75], interpolation="nearest").unstack()
    return spread.rename(columns={0.25: "low", 0.5: "median", 0.75: "high"}).reset_index()


def _figure(
    name: str,
    title: str,
    caption: str,
    data: Callable[[Compared], pd.DataFrame],
    y_label: str,
    y_scale: str,
    sentence: Callable[[pd.DataFrame], str],
    reference: float | None = None,
) -> Figure:
    encoding: Facts = {
        "mark": "curve", "x": "step", "y": "median", "low": "low", "high": "high", "color": "optimizer",
        "facet": "facet", "x_scale": "log", "y_scale": y_scale, "x_label": "step", "y_label": y_label,
    }  # fmt: skip
    if reference is not None:
        encoding["references"] = reference
    spread = " Median and quartiles over the first replicates, at the compared settings."
    return Figure(name, title, caption + spread, data, encoding, sentence)


GRADIENTS = _figure(
    "gradient-norm",
    "Gradient norm by layer",
    "The Euclidean norm of the gradient that the rule is given, by layer, its bias included. Norms that differ by "
    "orders of magnitude from layer to layer are vanishing or exploding gradients.",
    partial(along, "gradient_norm"),
    "gradient norm",
    "log",
    sentences.layers_apart,
)
UPDATES = _figure(
    "update-ratio",
    "Update-to-weight ratio by layer",
    "The length of a step divided by the length of the parameters after it, by layer. A rule of thumb is about 1e-3: "
    "far below it a layer hardly learns, far above it training is unstable. Karpathy 2022, Building makemore, part 3.",
    partial(along, "update_ratio"),
    "|step| / |parameters|",
    "log",
    sentences.near_a_thousandth,
    reference=1e-3,
)
SATURATION = _figure(
    "saturation",
    "Saturated units by hidden layer",
    "The share of hidden units whose slope stays below 1 % of the largest slope of their activation on all of at most "
    "256 training examples: units in a tail of a sigmoid, and rectifiers that are dead. Glorot and Bengio 2010.",
    partial(along, "saturation"),
    "share of units",
    "linear",
    sentences.most_saturated,
)
COSINES = _figure(
    "step-cosine",
    "Cosine of consecutive steps",
    "The cosine of the angle between a step and the one before it: near 1 along a straight path, near -1 where steps "
    "zigzag across a ravine.",
    partial(along, "step_cosine"),
    "cosine",
    "linear",
    sentences.zigzags,
)
SHARPNESS = _figure(
    "sharpness",
    "Largest curvature against the limit of stability",
    "The sharpness (largest eigenvalue of the Hessian, on at most 256 training examples) times the learning rate of "
    "the step. Gradient descent is stable while the sharpness is below 2 / lr, so the product below 2; full-batch "
    "training often rises to this limit and stays there. Cohen et al. 2021, arXiv:2103.00065. Rules with momentum, or "
    "that scale the gradient, such as adam, have other limits.",
    against_stability,
    "sharpness x learning rate",
    "log",
    sentences.above_stability,
    reference=2.0,
)


@hookimpl
def optibench_figures() -> list[Figure]:
    return [GRADIENTS, UPDATES, SATURATION, COSINES, SHARPNESS]
