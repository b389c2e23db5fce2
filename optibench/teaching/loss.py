"""What the page of a loss shows: value and slope against the output, curvature, and what one outlier does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np

from optibench.errors import PluginError
from optibench.plugin.functions import Loss
from optibench.plugin.types import Array
from optibench.teaching.sections import Panel, Section, Table, ask, digits, lines_of, listing, parameters, percent
from optibench.teaching.slopes import Curve, H, curve, panels, parameter_section, slope_sentence

#: The outputs that curves are drawn on, and those in tables.
OUTPUTS = np.linspace(-4, 4, 161)
TITLES = ("Loss", "Slope by the output")
SHOWN = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)
#: How far the outlier is on the wrong side, and how many ordinary examples are beside it.
DISTANCES = np.geomspace(0.1, 10, 41)
ORDINARY = 9
NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / ORDINARY) for k in range(ORDINARY)])
#: The constants among which the best is searched.
CONSTANTS = np.linspace(-3, 12, 3001)
#: Curvatures closer than this share are equal: the rounding of difference quotients.
ROUNDING = 1e-4


@dataclass(frozen=True)
class Scene:
    """One output o per example, and targets that suit the loss.

    ``targets``: of the curves. ``columns``: how many the loss takes; with two, o is the difference of two logits.
    For the last target ``centre`` is an output from which distances are counted, and ``sign`` the side on which it is
    missed: -1 where targets are classes. ``is_real``: a constant output can be the best guess of several targets.
    """

    targets: tuple[float, ...]
    columns: int
    sign: float
    centre: float
    is_real: bool = False


#: By words of the docstring, as the built-in losses say what targets they take; the first that is found.
SCENES: Mapping[str, Scene] = {
    "-1 or 1": Scene((-1.0, 1.0), 1, -1, 0),
    "0 or 1": Scene((0.0, 1.0), 1, -1, 0),
    "counts": Scene((0.0, 1.0, 3.0), 1, 1, float(np.log(3))),
    "distributions": Scene((0.0, 1.0), 2, -1, 0),
    "one-hot": Scene((0.0, 1.0), 2, -1, 0),
    "real numbers": Scene((0.0,), 1, 1, 0, is_real=True),
}
#: Where the docstring says nothing of targets.
UNSAID = Scene((0.0, 1.0), 1, 1, 1)


def scene_of(loss: Loss) -> Scene:
    """Targets for a loss: those that its docstring names, else 0 and 1; two columns if it takes no single one."""
    text = loss.function.__doc__ or ""
    scene = next((scene for words, scene in SCENES.items() if words in text), UNSAID)
    try:
        call(loss, scene, np.zeros((1, 1)), scene.targets[-1])
    except PluginError:
        if scene.columns > 1:
            raise
        two = SCENES["one-hot"]
        try:
            call(loss, two, np.zeros((1, 1)), 1.0)
        except PluginError:
            return scene  # the first complaint is the one to read
        return two
    return scene


def call(
    loss: Loss, scene: Scene, o: Array, target: float | Array, settings: Mapping[str, float] | None = None
) -> tuple[Array, Array]:
    """The loss (R,) and its slope by the output (R, B) for outputs o (R, B), the mean over B. PluginError as `ask`."""
    output, wanted = o[..., None], np.broadcast_to(target, o.shape)[..., None].astype(float)  # (R, B, 1)
    if scene.columns == 2:
        output = np.concatenate([output, np.zeros_like(output)], axis=2)
        wanted = np.concatenate([wanted, 1 - wanted], axis=2)
    shapes = (len(o),), output.shape
    value, slope = ask("loss", loss, lambda: loss(output.copy(), wanted, **(settings or {})), shapes)
    return value, slope[..., 0]


@dataclass(frozen=True)
class Case:
    """A loss with the targets that suit it, and one of them."""

    loss: Loss
    scene: Scene
    target: float

    @property
    def name(self) -> str:
        return f"{self.loss.name} (y = {digits(self.target)})"

    def __call__(self, o: Array, settings: Mapping[str, float] | None = None) -> tuple[Array, ...]:
        """Loss and slope of one example at each output, (N,) each: an output is a run."""
        value, slope = call(self.loss, self.scene, o[:, None], self.target, settings)
        return value, slope[:, 0]


def loss_sections(losses: Sequence[Loss]) -> list[Section]:
    """The sections of a page about one or more losses. PluginError as `call`.

    Of one loss there is a curve for each of its targets, of several one for the last target of each.
    """
    scenes = {loss.name: scene_of(loss) for loss in losses}
    last = [Case(loss, scenes[loss.name], scenes[loss.name].targets[-1]) for loss in losses]
    cases = [Case(one.loss, one.scene, y) for one in last for y in one.scene.targets] if len(losses) == 1 else last
    changed = [section for case in last for section in _parameters(case)]
    constant = [_constant(last)] if any(case.scene.is_real for case in last) else []
    return [_curves(cases), _curvature(cases), *changed, _outlier(last), *constant]


def _curves(cases: Sequence[Case]) -> Section:
    curves = {case.name: curve(OUTPUTS, case) for case in cases}
    rows = []
    for case in cases:
        value, slope = case(np.array(SHOWN))
        rows.append((case.name, *map(digits, value)))
        rows.append((f"{case.name}: slope", *map(digits, slope)))
    note = "One example with one output o and target y."
    if any(case.scene.columns == 2 for case in cases):
        note += " For softmax there are two outputs, o and 0, and the target is (y, 1 − y)."
    return Section(
        title="Value and slope",
        says=" ".join(slope_sentence(name, "o", found) for name, found in curves.items()),
        panels=panels(TITLES, "output o", [curves]),
        table=Table("Loss and slope", ("output o", *map(digits, SHOWN)), tuple(rows)),
        note=note,
    )


def _parameters(case: Case) -> list[Section]:
    def at(name: str, value: float) -> Curve:
        return curve(OUTPUTS, lambda o: case(o, {name: value}))

    return [
        section
        for name, default in parameters(case.loss).items()
        for section in parameter_section(
            case.loss.name,
            (name, default),
            partial(at, name),
            TITLES,
            "output o",
            SHOWN,
            f"For y = {digits(case.target)}.",
        )
    ]


def curvature(case: Case) -> Array:
    """The difference quotient of the slope, (N,) at OUTPUTS; NaN at kinks of the loss and of its slope."""
    kinks = np.isin(OUTPUTS, curve(OUTPUTS, case).kinks)
    (_, before), (_, at), (_, after) = case(OUTPUTS - H), case(OUTPUTS), case(OUTPUTS + H)
    with np.errstate(all="ignore"):
        left, right, middle = (at - before) / H, (after - at) / H, (after - before) / (2 * H)
        bent = np.abs(left - right) > 0.1 * np.maximum(1, np.abs(middle))
        return np.where(kinks | bent, np.nan, middle)


def is_convex(case: Case) -> bool:
    """Whether the slope never decreases along OUTPUTS, but for rounding."""
    _, slope = case(OUTPUTS)
    return bool((np.diff(slope) >= -1e-12 * np.maximum(1, np.abs(slope[1:]))).all())


def _curvature(cases: Sequence[Case]) -> Section:
    found = {case.name: curvature(case) for case in cases}
    sentences, rows = [], []
    for case in cases:
        bend = found[case.name]
        known = np.isfinite(bend)
        word = "is convex" if is_convex(case) else "is not convex"
        if not known.any():
            sentences.append(f"{case.name} {word} on this range.")
            rows.append((case.name, word.removeprefix("is "), "none", "none"))
            continue
        low, high = (0.0 if abs(end) < ROUNDING else float(end) for end in (bend[known].min(), bend[known].max()))
        if high - low <= ROUNDING * max(1, abs(high)):
            place = "everywhere" if known.all() else "everywhere but at kinks"
            size = f"its curvature is {digits(high)} {place}"
        else:
            size = f"its largest curvature is {digits(high)}, at o = {digits(float(OUTPUTS[np.nanargmax(bend)]))}"
        sentences.append(f"{case.name} {word} on this range; {size}.")
        rows.append((case.name, word.removeprefix("is "), digits(low), digits(high)))
    return Section(
        title="Curvature",
        says=" ".join(sentences),
        panels=(Panel("Curvature", "output o", (lines_of(found, OUTPUTS),)),),
        table=Table("Curvature", ("loss", "convex", "least curvature", "largest curvature"), tuple(rows)),
        note="The difference quotient of the slope; there is none at a kink. Gradient descent on the output itself "
        "diverges at learning rates above 2 / curvature.",
    )


def outlier_share(case: Case) -> Array:
    """The outlier's part of the sum of the slopes' sizes in a batch, (N,) at DISTANCES.

    Beside it are ORDINARY examples of the same target: at normal quantiles around a faultless output where the target
    is a number, else from 0.25 to 2 on the right side.
    """
    scene = case.scene
    o = np.empty((len(DISTANCES), ORDINARY + 1))  # (R, B): a run for each distance
    o[:, :-1] = scene.centre + NORMAL if scene.sign > 0 else np.linspace(0.25, 2, ORDINARY)
    o[:, -1] = scene.centre + scene.sign * DISTANCES
    _, slope = call(case.loss, scene, o, case.target)
    with np.errstate(all="ignore"):
        size = np.abs(slope)
        return np.asarray(size[:, -1] / size.sum(axis=1))


def _outlier(cases: Sequence[Case]) -> Section:
    shares = {case.loss.name: outlier_share(case) for case in cases}
    shown = (0.1, 1.0, 2.0, 5.0, 10.0)
    at = [int(np.abs(DISTANCES - distance).argmin()) for distance in shown]
    said = [f"{percent(float(share[-1]))} under {name}" for name, share in shares.items()]
    return Section(
        title="What an outlier does",
        says=f"One of {ORDINARY + 1} examples is an outlier. At a distance of 10 on the wrong side its share of the "
        f"sum of the gradients' sizes is {listing(said)}; an equal share is {percent(1 / (ORDINARY + 1))}.",
        panels=(
            Panel(
                "The outlier's share of the gradient", "distance of the outlier", (lines_of(shares, DISTANCES),),
                x_scale="log", references=(1 / (ORDINARY + 1),),
            ),
        ),
        table=Table(
            "The outlier's share", ("distance", *(digits(float(DISTANCES[k]), 2) for k in at)),
            tuple((name, *(percent(float(share[k])) for k in at)) for name, share in shares.items()),
        ),
        note="The other examples have the same target and ordinary outputs: normal errors where targets are numbers, "
        "0.25 to 2 on the right side where they are classes.",
    )  # fmt: skip


def best_constant(loss: Loss, outlier: float) -> float:
    """The constant output of least loss for ORDINARY normal targets around 0 and one outlier; the middle of a tie."""
    y = np.array([*NORMAL, outlier])
    value, _ = call(loss, SCENES["real numbers"], np.repeat(CONSTANTS[:, None], len(y), axis=1), y)
    if not np.isfinite(value).any():
        return float("nan")
    least = np.nanmin(value)
    return float(CONSTANTS[value <= least + 1e-12 * max(1, abs(least))].mean())


def _constant(cases: Sequence[Case]) -> Section:
    places = np.linspace(0, 10, 21)
    real = [case.loss for case in cases if case.scene.is_real]
    found = {loss.name: np.array([best_constant(loss, float(place)) for place in places]) for loss in real}
    said = [f"{digits(float(best[-1]), 2)} under {name}" for name, best in found.items()]
    at = (0, 4, 10, 20)
    median = digits(float(np.median([*NORMAL, 10.0])), 2)
    return Section(
        title="The best constant",
        says=f"With an outlier at 10 among {ORDINARY} normal targets around 0 the best constant output is "
        f"{listing(said)}; the mean of the targets is then 1 and their median {median}.",
        panels=(
            Panel(
                "Best constant output",
                "target of the outlier",
                (lines_of(found, places, [case.loss.name for case in cases]),),
            ),
        ),
        table=Table(
            "Best constant output",
            ("target of the outlier", *(digits(float(places[k])) for k in at)),
            tuple((name, *(digits(float(best[k]), 3) for k in at)) for name, best in found.items()),
        ),
        note="Searched on a grid with steps of 0.005.",
    )
