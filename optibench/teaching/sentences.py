"""What the page of a problem says in words: sentences that are computed from its numbers."""

from __future__ import annotations

from math import log, log10

from optibench.teaching.landscape import Curvature, Landscape

#: From which condition number on a problem is ill-conditioned, and by which factor curvature changes notably.
ILL, CHANGE = 100.0, 3.0
#: A gradient at the start shorter than this share of the largest curvature is a plateau.
SHALLOW = 1e-2
#: A gradient this much shorter than at the start is that of a stationary point.
STATIONARY = 1e-5
#: A loss above the minimum by more than this share of the start's has not reached it.
FAR = 1e-2
#: A largest curvature this much smaller than at the start has vanished, as where a network fits every example.
VANISHED = 1e-3


def short(value: float) -> str:
    """Three significant digits as a text, as the report's scripts have them: 0.0123, 2510, 1.2e−5."""
    text = f"{value:.3g}"
    size = abs(float(text))
    if 1e3 <= size < 1e5:
        text = f"{float(text):.0f}"
    elif "e" in text:
        base, _, power = text.partition("e")
        text = f"{base}e{int(power)}"
    return text.replace("-", "−")


def counted(count: int, noun: str) -> str:
    """1 parameter, 2 parameters."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def verdict(land: Landscape) -> str:
    """One sentence on what the two descents reached."""
    ends = [one for one in land.descents if not one.diverged]
    if not ends:
        return f"Neither of the optimizers got through {land.steps} steps at any rate that was tried."
    minimum = land.problem.minimum
    words = [f"{one.name} at lr = {one.lr:g} reaches {short(float(one.losses[-1]))}" for one in ends]
    start = f"From a loss of {short(land.start_loss)}, {' and '.join(words)} in {land.steps} steps"
    return f"{start}; the minimum is {short(minimum)}." if minimum is not None else f"{start}."


def hardness(land: Landscape) -> list[str]:
    """What makes the problem hard for an optimizer, each reason with its numbers."""
    said = []
    if not land.problem.smooth:
        said.append("Its gradient jumps, so it has no curvature that an optimizer could use.")
    if land.start is not None and land.best is not None:
        if land.best.size < VANISHED * land.start.size:
            said.append(
                f"At {land.best_is}, the curvature has vanished: its largest is {short(land.best.largest)}, and "
                f"{short(land.start.largest)} at the start. The loss there is {short(land.best.loss)}, and every "
                "direction is nearly flat."
            )
        else:
            said += _at_best(land.best, land.best_is)
    if land.start is not None:
        said += _at_start(land.start, land.problem.size)
    if land.start is not None and land.best is not None and land.best.size >= VANISHED * land.start.size:
        said += _between(land.start, land.best)
        if land.problem.minimum is None and 0 < land.best.gradient < STATIONARY * land.start.gradient:
            said.append(
                f"At {land.best_is}, the gradient has shrunk to {short(land.best.gradient)} while the loss is "
                f"{short(land.best.loss)}: a stationary point, which need not be the lowest."
            )
    said += _stuck(land)
    if land.noise is not None:
        said.append(
            f"The gradient of a single training example deviates from the mean gradient by {short(land.noise)} times "
            f"the length of the mean at the start: a batch of {_batch(land.noise)} or more has less noise than signal "
            "there."
        )
    return said


def _stuck(land: Landscape) -> list[str]:
    """Descents that ended where the gradient is 0 but the loss is far above the known minimum."""
    minimum = land.problem.minimum
    if minimum is None:
        return []
    high = minimum + FAR * (land.start_loss - minimum)
    ended = [
        one
        for one in land.descents
        if not one.diverged and one.losses[-1] > high and one.gradient < STATIONARY * land.start_gradient
    ]
    if not ended:
        return []
    words = [f"{one.name} at a loss of {short(float(one.losses[-1]))}" for one in ended]
    return [
        f"It has stationary points above its minimum of {short(minimum)}: from this start, even at the best of their "
        f"learning rates, {' and '.join(words)} end{'s' if len(ended) == 1 else ''} in one."
    ]


def _batch(noise: float) -> str:
    return f"{max(1, round(noise**2)):,}"


def _at_best(best: Curvature, where: str) -> list[str]:
    if best.condition is not None:
        rate = (best.condition - 1) / (best.condition + 1)
        if best.condition < 1.01:
            return [
                f"At {where}, the curvature is the same in every direction: near it, gradient descent goes straight."
            ]
        steps = log(10) / -log(rate)
        ill = ", ill-conditioned" if best.condition * (1 + 1e-9) >= ILL else ""
        return [
            f"At {where}, the curvature goes from {short(best.lowest)} to {short(best.largest)}, a condition number of "
            f"{short(best.condition)}{ill}. Near it, gradient descent at its best fixed rate, "
            f"2 / ({short(best.lowest)} + {short(best.largest)}), needs about {short(max(1.0, steps))} steps for each "
            "digit of the distance."
        ]
    if best.negative:
        return [
            f"At {where}, the lowest curvature is {short(best.lowest)}: negative, so the loss still falls in a "
            "direction, and this is no minimum."
        ]
    if best.exact and best.flat:
        are = "is" if best.flat == 1 else "are"
        return [
            f"At {where}, {counted(best.flat, 'direction')} of {len(best.values):,} {are} flat: the loss "
            "does not determine those parameters, and the condition number is infinite."
        ]
    bound = "" if best.exact else " at most"
    return [f"At {where}, the lowest curvature is{bound} {short(best.lowest)}, the largest {short(best.largest)}."]


def _at_start(start: Curvature, size: int) -> list[str]:
    said = []
    if start.negative:
        have = "has" if start.negative == 1 else "have"
        many = f"{start.negative} of {size:,} directions {have}" if start.exact else "at least one direction has"
        said.append(
            f"It is not convex: at the start {many} negative curvature, down to {short(start.lowest)}, so it bends "
            "away from a minimum there."
        )
    if start.gradient < SHALLOW * start.size:
        said.append(f"The gradient at the start is short, {short(start.gradient)}: the loss is almost flat there.")
    return said


def _between(start: Curvature, best: Curvature) -> list[str]:
    if not (start.largest > 0 and best.largest > 0):
        return []
    ratio = best.largest / start.largest
    if abs(log10(ratio)) < log10(CHANGE):
        return []
    grows = f"grows {short(ratio)}-fold" if ratio > 1 else f"falls to {short(ratio)} of that"
    return [
        f"The largest curvature is {short(start.largest)} at the start and {grows} at the best known point: the "
        f"largest stable rate of gradient descent, 2 over the curvature, goes from {short(2 / start.largest)} to "
        f"{short(2 / best.largest)}."
    ]
