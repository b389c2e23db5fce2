"""Rules against traces of third-party implementations, each a JSON file of one problem and many paths.

A file holds ``problem``: ``x0`` (n,), ``shapes`` of the parameter blocks, and either ``H`` (n, n) and ``b`` (n,), for
f(x) = x'Hx / 2 - b'x, or ``A`` (m, p) and ``Y`` (m, q), for f(W, b) = |A W + b - Y|^2 / 2 with x = [W, b]; and
``cases``: ``case``, ``optimizer``, ``hyperparameters`` (``l2`` is the harness's), ``reference``, ``tolerance``, ``x``
(steps + 1, n).

A path is compared as a whole, unless it is chaotic: where a start that differs in its last bit ends further off than
the tolerance, so does a right rule on a processor that adds in another order. Then every step is taken from the
reference's own point and compared with its next one.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from optibench.engine.gradients import Transforms
from optibench.errors import TraceError
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem, blocks_of
from optibench.plugin.types import Array
from optibench.verify.follow import Walk, deviation, follow

BUILT_IN = Path(__file__).parent / "traces"


def files(rule: Optimizer) -> list[Path]:
    """The built-in trace files, and the one that the rule's plugin declares beside itself."""
    own = [name for name in (rule.trace, rule.reference) if name.endswith(".json")]
    return sorted(BUILT_IN.glob("*.json")) + [Path(inspect.getfile(rule.function)).parent / name for name in own]


@lru_cache
def read(path: Path) -> tuple[Problem, Array, list[dict[str, Any]]]:
    """The problem of a trace file, its x0 and its cases; a clear line where something has a wrong shape."""
    try:
        traces = json.loads(path.read_text())
        facts, cases = traces["problem"], traces["cases"]
        arrays = {name: np.array(facts[name], float) for name in ("x0", "H", "b", "A", "Y") if name in facts}
        shapes = [tuple(shape) for shape in facts.get("shapes", [[len(arrays["x0"])]])]
        names = [(case["case"], case["optimizer"], case["reference"], case["tolerance"]) for case in cases]
    except OSError as error:
        raise TraceError(f"trace file '{path}': cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise TraceError(f"trace file '{path}': {reason}; see optibench/verify/parity.py for the format") from error
    n = arrays["x0"].size
    expected = {"x0": (n,), "H": (n, n), "b": (n,)}
    for name, array in arrays.items():
        if array.shape != expected.get(name, array.shape):
            raise TraceError(f"trace file '{path}': {name} has shape {array.shape}; it must be {expected[name]}")
    if sum(int(np.prod(shape)) for shape in shapes) != n:
        raise TraceError(f"trace file '{path}': shapes {shapes} hold other than the {n} numbers of x0")
    for (case, *_), facts_of in zip(names, cases, strict=True):
        try:
            x = np.array(facts_of["x"], float)
        except (ValueError, KeyError):
            x = np.empty(0)
        if x.ndim != 2 or x.shape[1] != n or len(x) < 2 or not np.isfinite(x).all():
            raise TraceError(f"trace file '{path}': case '{case}': x has shape {x.shape}; it must be (steps + 1, {n})")
    return _problem(path, arrays, shapes, facts.get("fstar")), arrays["x0"], cases


def _signs(n: int) -> Callable[[int], Array]:
    """The draw that a reference with noise was fed, at every step: 1, -1, 1, ..."""
    return lambda t: (-1.0) ** np.arange(n)


def _problem(path: Path, arrays: dict[str, Array], shapes: list[tuple[int, ...]], minimum: Any) -> Problem:
    blocks = blocks_of(**{f"block{place}": shape for place, shape in enumerate(shapes)})
    if "H" in arrays and "b" in arrays:
        h, b = arrays["H"], arrays["b"]

        def value_grad(w: Array) -> tuple[Array, Array]:
            # each run by the plain products of the reference: Polyak's step magnifies a last bit to any size
            return np.array([0.5 * x @ h @ x - b @ x for x in w]), np.array([h @ x - b for x in w])

        def product(w: Array, v: Array) -> Array:
            return v @ h
    elif "A" in arrays and "Y" in arrays:
        a, y = arrays["A"], arrays["Y"]
        inner = a.shape[1] * y.shape[1]

        def residual(w: Array, target: Array) -> Array:
            return a @ w[:, :inner].reshape(-1, a.shape[1], y.shape[1]) + w[:, None, inner:] - target

        def gradient(r: Array) -> Array:
            return np.concatenate([(a.T @ r).reshape(len(r), -1), r.sum(axis=1)], axis=1)

        def value_grad(w: Array) -> tuple[Array, Array]:
            r = residual(w, y)
            return 0.5 * (r**2).sum(axis=(1, 2)), gradient(r)

        def product(w: Array, v: Array) -> Array:
            return gradient(residual(v, np.zeros_like(y)))
    else:
        raise TraceError(f"trace file '{path}': the problem has neither H and b nor A and Y")
    return Problem(
        path.stem, lambda rng: arrays["x0"], value_grad, hessian_product=product, blocks=blocks, minimum=minimum
    )


def parity(rule: Optimizer) -> Iterator[tuple[str, float, float]]:
    """(reference, largest deviation, tolerance) for every stored trace that names the optimizer."""
    for path in files(rule):
        problem, x0, cases = read(path)
        for case in cases:
            if case["optimizer"] != rule.name:
                continue
            for name in case["hyperparameters"]:
                if name not in rule.hyperparameters and name not in rule.options and name != "l2":
                    raise TraceError(f"trace file '{path}': case '{case['case']}': '{rule.name}' has no '{name}'")
            x = np.array(case["x"])
            found, how = _walk(rule, problem, moved(x0), case).points, ""
            if chaotic(rule, found, case["tolerance"]):
                found, how = _walk(rule, problem, x0[None], case, forced=x).points, ", step by step from its points"
            yield f"{case['case']}: {case['reference']}{how}", float(deviation(found[:, 0], x).max()), case["tolerance"]


def by_steps(rule: Optimizer, problem: Problem, x0: Array, case: dict[str, Any]) -> bool:
    """Whether a case is compared step by step."""
    return chaotic(rule, _walk(rule, problem, moved(x0), case).points, case["tolerance"])


def moved(x0: Array) -> Array:
    """A start, and the same with one coordinate moved to the next number up or down, (1 + 2 n, n)."""
    one = np.eye(len(x0), dtype=bool)
    return np.concatenate([x0[None], *(np.where(one, np.nextafter(x0, end), x0) for end in (np.inf, -np.inf))])


def chaotic(rule: Optimizer, points: Array, tolerance: float) -> bool:
    """Whether the paths (steps + 1, R, n) from ``moved`` starts part by more than the tolerance.

    Never for a rule that is judged elsewhere than it steps: its w cannot be set from the reference's points.
    """
    apart = max(float(deviation(path, points[:, 0]).max()) for path in points.swapaxes(0, 1)[1:])
    return rule.solution is None and apart > tolerance


def _walk(rule: Optimizer, problem: Problem, starts: Array, case: dict[str, Any], forced: Array | None = None) -> Walk:
    given = dict(case["hyperparameters"])
    changes = Transforms(l2=given.pop("l2", 0.0))
    steps, noise = len(case["x"]) - 1, _signs(starts.shape[1])
    runs = [given] * len(starts)
    return follow(rule, problem, starts, runs, steps, transforms=changes, normal=noise, forced=forced)
