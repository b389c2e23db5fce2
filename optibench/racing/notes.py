"""What a reader of a race must know, in sentences: how learning rates were chosen, who diverged, who spent more."""

from __future__ import annotations

from collections import Counter

from optibench.racing.paths import Paths
from optibench.racing.train import RATES

#: How the learning rate of a racer was chosen.
CHOSEN = {"tuned": "lowest final loss of {count} tried", "given": "as given", "default": "declared default, not tuned"}


def rates(paths: Paths) -> list[str]:
    """How the learning rates were chosen: a line for all, or one for each way, with its optimizers."""
    lines = []
    for chosen, text in CHOSEN.items():
        names = [racer.name for racer in paths.racers if racer.chosen == chosen]
        if names:
            plain = all(racer.chosen in (chosen, "") for racer in paths.racers)
            whose = "" if plain else f" of {', '.join(names)}"
            lines.append(f"learning rate{'s' * (len(names) > 1)}{whose}: {text.format(count=len(RATES))}")
    return lines


def summary(paths: Paths) -> str:
    """How the learning rates were chosen, in one short line."""
    counts = Counter(racer.chosen for racer in paths.racers if racer.chosen)
    if len(counts) > 1:
        return f"learning rates: {', '.join(f'{count} {chosen}' for chosen, count in counts.items())}"
    return "".join(rates(paths))


def notes(paths: Paths) -> list[str]:
    """One line each; none is empty."""
    lines = rates(paths)
    if any(racer.chosen == "tuned" for racer in paths.racers):
        lines.append(
            f"tuned from {RATES[0]:g} to {RATES[-1]:g} on this very start: a demonstration; optibench run compares on "
            "fresh seeds"
        )
    for racer in paths.racers:
        rate = f" (lr {racer.lr:.3g})" if racer.chosen else ""
        if racer.diverged:
            lines.append(f"{racer.name}{rate} diverged after step {racer.last:,}")
        elif racer.chosen == "tuned" and racer.lr in (RATES[0], RATES[-1]):
            lines.append(f"{racer.name}{rate}: best value on the grid boundary")
    spent = {racer.name: racer.evaluations for racer in paths.racers if not racer.diverged}
    if len({*spent.values()}) > 1:
        lines.append(f"evaluations spent: {', '.join(f'{name} {count:,}' for name, count in spent.items())}")
    if paths.problem.train:
        lines.append(f"every step uses all {paths.problem.examples:,} examples")
    return lines
