"""Learning-rate schedules: (t, total) -> factor, t from 1 to total.

A length is a number of steps if it is a whole number, and a share of the budget if it is a fraction: ``warmup=100`` is
100 steps, ``warmup=0.1`` a tenth of all.
"""

from __future__ import annotations

from itertools import pairwise
from math import cos, pi

from optibench.errors import SettingError
from optibench.plugin.functions import Schedule, schedule
from optibench.plugin.hookspecs import hookimpl

HAIR = 1e-6  # steps: what rounding may do to a share, as 0.07 * 100 is 7.000000000000001


def steps(name: str, length: float, total: int) -> float:
    """A length in steps; an error where it is longer than the budget."""
    count = length if isinstance(length, int) else length * total
    if not 0 <= count <= total:
        raise SettingError(
            f"{name} = {length:g} is {'below 0' if count < 0 else f'longer than the budget of {total} steps'}; give a "
            f"whole number of steps up to {total}, or a fraction of the budget such as 0.1"
        )
    return round(count) if abs(count - round(count)) < HAIR else count


def repeated(name: str, length: float, total: int) -> float:
    """A length that comes again and again: one step at least."""
    if length == 0:
        raise SettingError(
            f"{name} = 0 never ends; give at least 1 step, or a fraction of the budget such as 0.1", name
        )
    return max(steps(name, length, total), 1)


def within(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise SettingError(f"{name} = {value:g} must lie between {low:g} and {high:g}", name)
    return value


def ratio(name: str, value: float) -> float:
    """A factor that is applied again and again; 0 would end the run."""
    if value <= 0:
        raise SettingError(f"{name} = {value:g} must lie above 0, up to 1", name)
    return within(name, value, 0, 1)


def half_cosine(share: float) -> float:
    """From 1 at share 0 to 0 at share 1."""
    return 0.5 * (1 + cos(pi * share))


@schedule(formula="1")
def constant(t: int, total: int) -> float:
    """The declared rate throughout."""
    return 1.0


@schedule(formula=r"\gamma^{\lfloor (t - 1) / s \rfloor}", reference="PyTorch StepLR")
def step(t: int, total: int, *, every: float = 0.3, gamma: float = 0.1) -> float:
    """Times gamma after every so many steps."""
    return ratio("gamma", gamma) ** int((t - 1 + HAIR) / repeated("every", every, total))


@schedule(formula=r"\gamma^{|\{m \le t - 1\}|}", reference="PyTorch MultiStepLR")
def multistep(t: int, total: int, *, milestones: str = "0.5/0.75", gamma: float = 0.1) -> float:
    """Times gamma at each milestone: lengths from the start, such as 0.5/0.75 or 300/450."""
    try:
        lengths = [float(text) if "." in text or "e" in text else int(text) for text in str(milestones).split("/")]
    except ValueError:
        raise SettingError(f"milestones '{milestones}': write lengths such as 0.5/0.75 or 300/450") from None
    counts = [steps("milestones", length, total) for length in lengths]
    if any(first >= second for first, second in pairwise(counts)):
        raise SettingError(f"milestones '{milestones}': each must come after the one before")
    return ratio("gamma", gamma) ** sum(t - 1 >= count for count in counts)


@schedule(formula=r"f^{(t - 1) / T}", reference="PyTorch ExponentialLR with gamma = f^(1 / T)")
def exponential(t: int, total: int, *, floor: float = 0.01) -> float:
    """A constant ratio from step to step, that falls to ``floor`` over the budget."""
    return ratio("floor", floor) ** ((t - 1) / total)


@schedule(formula=r"f + (1 - f) (1 - (t - 1) / T)^p", reference="PyTorch PolynomialLR")
def polynomial(t: int, total: int, *, power: float = 2.0, floor: float = 0.0) -> float:
    """A power of what is left of the budget."""
    within("floor", floor, 0, 1)
    return floor + (1 - floor) * (1 - (t - 1) / total) ** within("power", power, 0, 100)


@schedule(formula=r"a + (b - a) (t - 1) / T", reference="PyTorch LinearLR")
def linear(t: int, total: int, *, start: float = 1.0, end: float = 0.0) -> float:
    """A straight line over the budget."""
    return within("start", start, 0, 1) + (within("end", end, 0, 1) - start) * (t - 1) / total


@schedule(formula=r"1 / (1 + r (t - 1) / T)", reference="Robbins and Monro 1951; Keras InverseTimeDecay")
def inverse_time(t: int, total: int, *, rate: float = 10.0) -> float:
    """One over a straight line: 1 / (1 + rate) at the end of the budget."""
    return 1 / (1 + within("rate", rate, 0, float("inf")) * (t - 1) / total)


@schedule(
    formula=r"f + \frac{1 - f}{2} (1 + \cos(\pi (t - 1) / T))",
    reference="Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5; PyTorch CosineAnnealingLR",
)
def cosine(t: int, total: int, *, floor: float = 0.0) -> float:
    """Half a cosine from 1 at the first step towards ``floor`` after the last."""
    return within("floor", floor, 0, 1) + (1 - floor) * half_cosine((t - 1) / total)


@schedule(
    formula=r"t / w \text{ up to } w, \text{ then a cosine over } T - w",
    reference="Goyal et al. 2017, arXiv:1706.02677, section 2.2; Loshchilov and Hutter 2017",
)
def warmup_cosine(t: int, total: int, *, warmup: float = 0.1, floor: float = 0.0) -> float:
    """A straight rise to 1 at the last step of the warm-up, then half a cosine towards ``floor``."""
    rise = steps("warmup", warmup, total)
    within("floor", floor, 0, 1)
    if t <= rise:
        return t / rise
    past = max(t - 1 - rise, 0)  # a warm-up may end between two steps
    return floor + (1 - floor) * half_cosine(past / (total - rise))


@schedule(
    formula=r"\frac{1}{2} (1 + \cos(\pi\, c / P)), \quad c = (t - 1) \bmod P",
    reference="Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5; PyTorch CosineAnnealingWarmRestarts",
)
def cosine_restarts(t: int, total: int, *, period: float = 0.25, multiplier: float = 1.0, floor: float = 0.0) -> float:
    """Half cosines, each ``multiplier`` times as long as the one before."""
    length, at = repeated("period", period, total), t - 1.0
    within("multiplier", multiplier, 1, 100)
    while at > length - HAIR:
        at, length = at - length, length * multiplier
    return within("floor", floor, 0, 1) + (1 - floor) * half_cosine(at / length)


@schedule(
    formula=r"\text{cosine from } 1/d \text{ to } 1 \text{ up to } p, \text{ then to } 1/(d e)",
    reference="Smith and Topin 2018, arXiv:1708.07120; PyTorch OneCycleLR without momentum cycles",
)
def one_cycle(t: int, total: int, *, peak: float = 0.3, div: float = 25.0, final_div: float = 1e4) -> float:
    """Up from 1 / div to 1 at the peak, down to 1 / (div final_div) at the last step, in two half cosines."""
    within("div", div, 1, float("inf")), within("final_div", final_div, 1, float("inf"))
    top, last = max(steps("peak", peak, total) - 1, 0), total - 1
    if t - 1 <= top:
        return 1 + (1 / div - 1) * half_cosine((t - 1) / top) if top else 1.0
    end = 1 / (div * final_div)
    return end + (1 - end) * half_cosine((t - 1 - top) / (last - top))


@schedule(
    formula=r"\min(t / w,\ 1,\ f + (1 - f) (T - t + 1) / d)",
    reference="Hu et al. 2024, arXiv:2404.06395, section 4; linear decay",
)
def wsd(t: int, total: int, *, warmup: float = 0.1, decay: float = 0.2, floor: float = 0.0) -> float:
    """Warm-up, stable, decay: a straight rise, a plateau at 1, a straight fall towards ``floor``."""
    rise, fall = steps("warmup", warmup, total), steps("decay", decay, total)
    if rise + fall > total + HAIR:
        raise SettingError(f"warmup = {warmup:g} and decay = {decay:g} exceed the budget of {total} steps; shorten one")
    within("floor", floor, 0, 1)
    left = total - t + 1
    return min(t / rise if t < rise else 1.0, floor + (1 - floor) * left / fall if left < fall else 1.0)


@hookimpl
def optibench_schedules() -> list[Schedule]:
    return [
        *(constant, step, multistep, exponential, polynomial, linear, inverse_time),
        *(cosine, warmup_cosine, cosine_restarts, one_cycle, wsd),
    ]
