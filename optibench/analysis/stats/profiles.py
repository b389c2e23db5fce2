"""How many problems are solved within how much: profiles, runtime distributions and areas under them.

``costs`` is (N, k): what optimizer j spent until it solved problem i, inf where it did not. Shares are of all N, solved
or not. Where a cost is measured against the best of the field, the curves of all change when an optimizer joins or
leaves, and so may their order (Gould & Scott 2016, ACM TOMS 43(2), 15): compute them again for the optimizers shown.
"""

from __future__ import annotations

from math import inf

import numpy as np

from optibench.errors import InputError
from optibench.plugin.types import Array


def performance_profile(costs: object, factors: object) -> Array:
    """(k, T): share of problems solved within factor tau of the best on that problem, for T factors.

    rho of Dolan & Moré 2002, Math. Programming 91, 201-213. The best is the best of these k: see above.
    """
    array = _costs(costs)
    return _shares(_ratios(array), np.isfinite(array), factors)


def data_profile(costs: object, sizes: object, budgets: object) -> Array:
    """(k, T): share of problems solved within kappa (n_p + 1) evaluations, for T budgets kappa; sizes (N,) are n_p.

    d of Moré & Wild 2009, SIAM J. Optim. 20, 172-191. It depends on the field if the field's best sets the target.
    """
    array, n = _costs(costs), np.asarray(sizes, float)
    if n.shape != array.shape[:1] or not np.all(n >= 0):
        raise InputError(f"sizes have shape {n.shape}; there must be one number of parameters for each of {len(array)}")
    return _shares(array / (n[:, None] + 1), np.isfinite(array), budgets)


def ecdf(hits: object, budgets: object) -> Array:
    """(k, T): share of all (problem, target, run) triples that were hit within each budget; hits (M, k), inf a miss.

    COCO's runtime distribution (Hansen et al. 2021, Optim. Methods & Software 36, 114-144), without its simulated
    restarts. It depends on the field only where targets do.
    """
    array = _costs(hits)
    return _shares(array, np.isfinite(array), budgets)


def algoperf(costs: object, tau_max: float = 4.0, exact: bool = False) -> Array:
    """(k,): the performance profile's mean over tau from 1 to tau_max, 1 if always the best; depends on the field.

    AlgoPerf's benchmark score (Dahl et al. 2023, arXiv:2306.07179). As in its scoring code a trapezoid over 100 equally
    spaced tau, or the ``exact`` integral of the steps, which is within 1/198 of it.
    """
    if not 1 < tau_max < inf:
        raise InputError(f"algoperf: tau_max = {tau_max:g} must be above 1 and finite")
    array = _costs(costs)
    if exact:
        return np.maximum(tau_max - _ratios(array), 0.0).mean(axis=0) / (tau_max - 1)
    tau = np.linspace(1, tau_max, 100)
    return np.trapezoid(performance_profile(array, tau), tau, axis=1) / (tau_max - 1)


def area_over_curve(
    steps: object, losses: object, low: float, high: float, budget: float, log_cost: bool = False
) -> float:
    """Anytime performance of one run, 0 to 1, higher is better: the area over its best loss so far, as a step function.

    steps (T,) ascending are costs, losses (T,) clipped to [low, high], on a log scale if low > 0. Cost goes from 0 to
    the budget, or ``log_cost`` from 1; ahead of its first point a run is at ``high``, and a nan improves nothing.
    Equivalent to the ECDF of all targets between low and high: López-Ibáñez, Vermetten, Dreo & Doerr 2024, IEEE Trans.
    Evol. Comp., doi:10.1109/TEVC.2024.3462758.
    """
    cost, loss = np.asarray(steps, float), np.asarray(losses, float)
    first = 1.0 if log_cost else 0.0
    if cost.shape != loss.shape or cost.ndim != 1 or not np.all(np.diff(cost) >= 0):
        raise InputError(f"a curve has steps {cost.shape} and losses {loss.shape}; they must pair up, steps ascending")
    if not -inf < low <= high < inf:
        raise InputError(f"losses between low = {low:g} and high = {high:g}: low must be at most high, both finite")
    if not first < budget < inf:
        raise InputError(f"budget = {budget:g} must be above {first:g} and finite")
    best = np.minimum.accumulate(np.where(np.isnan(loss), inf, loss))
    edges = np.append(np.clip(cost, first, budget), budget)
    widths = np.diff(np.log(edges) / np.log(budget) if log_cost else edges / budget)
    return float(np.clip(widths @ _quality(best, low, high), 0.0, 1.0))


def _quality(loss: Array, low: float, high: float) -> Array:
    """1 at low, 0 at high, linear or logarithmic between; a single target is hit or not."""
    if low == high:
        return (loss <= low).astype(float)
    scale = np.log if low > 0 else np.asarray
    top, bottom = scale(high), scale(low)
    return (top - scale(np.clip(loss, low, high))) / (top - bottom)


def _costs(costs: object) -> Array:
    array = np.asarray(costs, float)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"costs have shape {array.shape}; they must be (problems, optimizers), at least one of each")
    if not np.all(array >= 0):
        row, column = np.argwhere(~(array >= 0))[0]
        raise InputError(f"costs[{row}, {column}] is {array[row, column]:g}; a cost is 0 or more, inf if not solved")
    return array


def _ratios(costs: Array) -> Array:
    """(N, k): r of Dolan & Moré 2002, cost over the problem's lowest; of a lowest of 0, 1 for it and inf for others."""
    best = costs.min(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(np.isinf(costs), inf, np.where(costs == best, 1.0, costs / best))


def _shares(values: Array, solved: Array, limits: object) -> Array:
    """(k, T): share of the rows that are solved and not above each limit; an infinite limit leaves out the unsolved."""
    at = np.asarray(limits, float)
    if at.ndim != 1 or np.isnan(at).any():
        raise InputError(f"factors and budgets must be one row of numbers, not {at}")
    columns = zip(values.T, solved.T, strict=True)
    return np.stack([np.searchsorted(np.sort(v[s]), at, side="right") for v, s in columns]) / len(values)
