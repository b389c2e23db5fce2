"""What the page of a schedule shows: its factor over the budget, and what it does to a run with noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from optibench.plugin.functions import Schedule
from optibench.plugin.types import Array
from optibench.teaching.sections import Line, Panel, Section, Table, ask, digits, lines_of, listing, parameters, swept

#: Steps of the budget.
TOTAL = 200
STEPS = np.arange(1, TOTAL + 1)
#: The steps in tables.
SHOWN = (1, TOTAL // 10, TOTAL // 4, TOTAL // 2, 3 * TOTAL // 4, TOTAL)
#: The run: gradient descent on (x² + 10 y²) / 2 from (1, 1), with normal noise on the gradient, RUNS times.
CURVATURES, START, NOISE, RUNS = np.array([1.0, 10.0]), 1.0, 1.0, 200
#: Learning rates of the sweep, and the one of the curves.
RATES = np.geomspace(1e-3, 0.3, 25)
RATE = 0.1
#: A mean loss that is not below this has diverged.
DIVERGED = 1e6


def factors(schedule: Schedule, settings: Mapping[str, float] | None = None) -> Array:
    """The factor at steps 1 to TOTAL, (TOTAL,). PluginError if the plugin raises or returns no number."""

    def at(t: int) -> float:
        return float(ask("schedule", schedule, lambda: schedule(t, TOTAL, **(settings or {})), ((),))[0])

    return np.array([at(int(t)) for t in STEPS])


def schedule_sections(schedules: Sequence[Schedule]) -> list[Section]:
    """The sections of a page about one or more schedules. PluginError as `factors`."""
    found = {schedule.name: factors(schedule) for schedule in schedules}
    changed = [section for schedule in schedules for section in _parameters(schedule)]
    # A schedule is compared with none, which is a constant factor.
    beside = {} if any((factor == 1).all() for factor in found.values()) else {"no schedule": np.ones(TOTAL)}
    return [_budget(found), *changed, _run(found | beside), _rates(found | beside)]


def _budget(found: Mapping[str, Array]) -> Section:
    sentences, rows = [], []
    for name, factor in found.items():
        wrong = ~np.isfinite(factor) | (factor < 0)
        rows.append((name, *(digits(float(factor[k - 1])) for k in SHOWN), digits(float(factor.mean()))))
        if wrong.any():
            first = digits(float(factor[wrong][0]))
            sentences.append(
                f"{name} returns {first} at step {int(STEPS[wrong][0])}; a factor is finite and at least 0."
            )
        elif np.ptp(factor) == 0:
            sentences.append(f"{name} has the factor {digits(float(factor[0]))} at every step.")
        else:
            peak = int(factor.argmax())
            sentences.append(
                f"{name} begins at {digits(float(factor[0]))}, is largest at step {peak + 1} with "
                f"{digits(float(factor[peak]))} and ends at {digits(float(factor[-1]))}; its mean is "
                f"{digits(float(factor.mean()))}."
            )
    return Section(
        title="Factor over the budget",
        says=" ".join(sentences),
        panels=(Panel("Factor of the learning rate", "step", (lines_of(found, STEPS),)),),
        table=Table("Factor", ("step", *map(str, SHOWN), "mean"), tuple(rows)),
        note=f"A budget of {TOTAL} steps.",
    )


def _parameters(schedule: Schedule) -> list[Section]:
    return [
        section
        for name in parameters(schedule)
        for section in _parameter(schedule, name, schedule.parameters[name])
    ]  # fmt: skip


def _parameter(schedule: Schedule, name: str, default: float) -> list[Section]:
    def at(value: float) -> Array:
        # A whole number is a number of steps, where a fraction is a share of the budget.
        return factors(schedule, {name: max(1, round(value)) if isinstance(default, int) else value})

    found = swept(float(default), at)
    if len(found) < 2:
        return []
    rows = tuple(
        (digits(v, 3), *(digits(float(f[k - 1])) for k in SHOWN), digits(float(f.mean()))) for v, f in found.items()
    )
    low, high = min(found), max(found)
    return [
        Section(
            title=f"What {name} of {schedule.name} does",
            says=f"The default of {name} is {digits(default)}. From {name} = {digits(low, 3)} to {digits(high, 3)} the "
            f"mean factor goes from {digits(float(found[low].mean()))} to {digits(float(found[high].mean()))}.",
            panels=(
                Panel(
                    "Factor of the learning rate",
                    "step",
                    tuple((Line(f"{name} = {digits(v, 3)}", 0, STEPS, f),) for v, f in found.items()),
                ),
            ),
            table=Table(f"Factor by {name}", (f"{name} \\ step", *map(str, SHOWN), "mean"), rows),
            slider=name,
            positions=tuple(digits(value, 3) for value in found),
            first=[*found].index(float(default)) if float(default) in found else 0,
        )
    ]


def losses(factor: Array, rates: Array) -> Array:
    """The mean loss of RUNS runs before the first step and after each, (steps + 1, rates).

    The noise is the same for all factors and rates.
    """
    rng = np.random.default_rng(0)
    w = np.full((len(rates), RUNS, 2), START)
    mean = [_loss(w)]
    with np.errstate(all="ignore"):
        for f in factor:
            g = w * CURVATURES + NOISE * rng.standard_normal((RUNS, 2))
            w = w - rates[:, None, None] * f * g
            mean.append(_loss(w))
    return np.array(mean)


def _loss(w: Array) -> Array:
    return np.asarray((CURVATURES * w**2).sum(axis=-1).mean(axis=-1) / 2)


def _run(found: Mapping[str, Array]) -> Section:
    ran = {name: losses(factor, np.array([RATE]))[:, 0] for name, factor in found.items()}
    at = (0, *SHOWN[1:])
    ends = [f"{digits(float(loss[-1]), 3)} with {name}" for name, loss in ran.items()]
    return Section(
        title="What it does to a run",
        says=f"After {TOTAL} steps of gradient descent with noisy gradients the mean loss is {listing(ends)}.",
        panels=(
            Panel(f"Mean loss at lr = {RATE}", "step", (lines_of(ran, np.arange(TOTAL + 1)),), y_scale="log"),
        ),
        table=Table(
            "Mean loss", ("step", *map(str, at)),
            tuple((name, *(digits(float(loss[k])) for k in at)) for name, loss in ran.items()),
        ),
        note=f"f(x, y) = (x² + 10 y²) / 2 from (1, 1), gradients with normal noise of deviation {NOISE:g}, the mean of "
        f"{RUNS} runs with the same noise for each schedule. A rate that stays high leaves the noise in the loss; one "
        f"that falls averages it out.",
    )  # fmt: skip


def _rates(found: Mapping[str, Array]) -> Section:
    rows, said, shown = [], [], {}
    for name, factor in found.items():
        loss = losses(factor, RATES)[-1]
        shown[name] = loss = np.where(loss < DIVERGED, loss, np.nan)
        if np.isnan(loss).all():
            rows.append((name, "none", "diverged"))
            continue
        best = int(np.nanargmin(loss))
        rows.append((name, digits(float(RATES[best]), 3), digits(float(loss[best]), 3)))
        said.append(f"{digits(float(RATES[best]), 2)} with {name} (mean loss {digits(float(loss[best]), 2)})")
    panel = Panel(
        f"Mean loss after {TOTAL} steps", "learning rate", (lines_of(shown, RATES),), x_scale="log", y_scale="log"
    )
    return Section(
        title="The learning rate it needs",
        says=f"The best learning rate is {listing(said)}." if said else "Every learning rate diverges.",
        panels=(panel,),
        table=Table("Best learning rate", ("schedule", "best learning rate", "mean loss there"), tuple(rows)),
        note=f"The same runs at {len(RATES)} learning rates from {RATES[0]:g} to {RATES[-1]:g}; those that diverge are "
        f"left out.",
    )
