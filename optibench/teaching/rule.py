"""What the page of an optimizer is made of: its lines, its parent, numbers, and formulas that the browser runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from optibench.errors import InputError
from optibench.plugin.optimizer import RANGES, Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry
from optibench.plugin.types import Facts
from optibench.report.races import Scripts
from optibench.tracing import Untraceable, trace_problem, trace_rule
from optibench.tracing.lineage import Change, Family, changes, family
from optibench.tracing.lines import Lesson, lesson_lines, step_lines
from optibench.tracing.variants import variants
from optibench.tracing.worked import Worked, worked

#: Steps of the live parts, and the learning rate at which rules are compared.
STEPS, RATE = 200, 0.1
#: The problems that come first; all others of two parameters follow by name.
FIRST = ("ravine", "rosenbrock", "beale", "himmelblau", "saddle", "quadratic:dimension=2")
#: Relatives that are shown beside a rule, besides its parent.
BESIDE = ("momentum", "gd")


@dataclass(frozen=True)
class RulePage:
    """What the page of a rule shows. ``live``: data for its scripts; ``scripts``: the formulas as JavaScript.

    ``reason`` says why nothing is live; ``different``: what the rule changes of its parent.
    """

    rule: Optimizer
    family: Family
    lesson: Lesson
    parent: Optimizer | None
    different: tuple[Change, ...]
    numbers: Worked | None
    live: Facts
    scripts: Scripts
    reason: str


def rule_page(name: str, registry: Registry) -> RulePage:
    """The page of an optimizer, or of a wrapped one. UnknownName if there is no such rule."""
    rule: Optimizer = registry.get("optimizer", name)
    rules: Mapping[str, Optimizer] = registry["optimizer"]
    parent = rules.get(rule.parent) if rule.parent else None
    scripts, live, reason = Scripts(), {}, ""
    try:
        live = _live(rule, parent, registry, scripts)
    except Untraceable as error:
        reason = str(error)
    try:
        different = changes(rule, parent) if parent else ()
    except Untraceable:
        different = ()
    return RulePage(
        rule, family(registry), lesson_lines(rule), parent, different, _numbers(rule), live, scripts, reason
    )  # fmt: skip


def _numbers(rule: Optimizer) -> Worked | None:
    """The worked numbers; None where the rule does not run on two parameters."""
    try:
        return worked(rule)
    except Exception:  # a plugin's rule may raise anything
        return None


def _live(rule: Optimizer, parent: Optimizer | None, registry: Registry, scripts: Scripts) -> Facts:
    """The rule, its relatives and its variants as formulas, and the problems to try them on. Raises Untraceable."""
    rules: Mapping[str, Optimizer] = registry["optimizer"]
    shown = [_rule_facts(rule, scripts, "self", lines=True)]
    named = [*([parent.name] if parent else []), *BESIDE]
    for name in dict.fromkeys(named):
        if name != rule.name and name in rules:
            try:
                shown.append(
                    _rule_facts(rules[name], scripts, "parent" if parent and name == parent.name else "relative")
                )
            except Untraceable:
                continue
    for variant in variants(rule):
        shown.append({**shown[0], "name": variant.title, "kind": "without", "code": scripts.add(variant.traced)})
    return {"name": rule.name, "steps": STEPS, "lr": RATE, "rules": shown, "problems": _problems(registry, scripts)}


def _rule_facts(rule: Optimizer, scripts: Scripts, kind: str, lines: bool = False) -> Facts:
    traced = trace_rule(rule)
    facts: Facts = {
        "name": rule.name,
        "kind": kind,
        "code": scripts.add(traced),
        "h": {name: float(value) for name, value in rule.hyperparameters.items()},
        "knobs": [_knob(rule, name) for name in rule.hyperparameters if name not in traced.fixed],
        "memory": sum(int(np.prod(shape)) for shape in traced.state.values()),
    }
    if lines:
        step = step_lines(rule)
        facts["lines"] = scripts.add_text(step.script, ["lines"])
        facts["ways"] = [
            [{"key": place.key, "name": place.name, "size": int(np.prod(place.shape))} for place in way]
            for way in step.ways
        ]
    return facts


def _knob(rule: Optimizer, name: str) -> Facts:
    """The range of a slider: the search space, the range of the name, or three decades around the default."""
    value = float(rule.hyperparameters[name])
    low, high = rule.ranges.get(name, RANGES.get(name, (-np.inf, np.inf)))
    if name in rule.space:
        low, high, scale = rule.space[name]
    elif name == "lr":
        low, high, scale = 1e-5, 10.0, "log"
    elif (low, high) == (0.0, 1.0) and value > 0.5:
        low, high, scale = 0.0, 0.9999, "1 - log"
    elif value > 0:
        low, high, scale = value / 1e3, min(value * 1e3, high if isfinite(high) else np.inf), "log"
    else:
        low, high, scale = 0.0, 1.0, "linear"
    return {"name": name, "low": float(low), "high": float(high), "scale": scale}


def _problems(registry: Registry, scripts: Scripts) -> list[Facts]:
    """The problems of two parameters that have formulas, the most instructive ones first."""
    rows = []
    for name in [*FIRST, *sorted({*registry["problem"]} - {*FIRST})]:
        base, _, options = name.partition(":")
        if base not in registry["problem"]:
            continue
        try:
            settings = {key: int(value) for key, value in [part.split("=") for part in options.split(",") if part]}
            problem: Problem = registry.problem((base, settings))
            if problem.train or problem.draws is not None or problem.size != 2:
                continue
            rows.append(_problem_facts(problem, scripts))
        except (InputError, Untraceable):
            continue
    return rows


def _problem_facts(problem: Problem, scripts: Scripts) -> Facts:
    start = [float(value) for value in problem.start(np.random.default_rng(0))]
    domain = [[float(end) for end in pair] for pair in problem.domain]
    if not domain:
        domain = [[-1.5 * abs(value) - 1, 1.5 * abs(value) + 1] for value in start]
    return {
        "problem": problem.name,
        "valueGrad": scripts.add(trace_problem(problem)),
        "xlim": domain[0],
        "ylim": domain[1],
        "start": start,
        "minimum": problem.minimum,
        "curvature": _curvature(problem),
        "minimizer": None if problem.minimizer is None else [float(value) for value in problem.minimizer],
    }


def _curvature(problem: Problem) -> float | None:
    """The largest curvature of a quadratic problem; None where the curvature is not the same everywhere."""
    step, hessians = 1e-3, []
    for w in np.array([[0.3, -0.2], [-1.1, 0.7], [2.0, 1.3]]):
        columns = [
            (problem.value_grad((w + step * e)[None])[1] - problem.value_grad((w - step * e)[None])[1])[0] / (2 * step)
            for e in np.eye(2)
        ]
        hessians.append(np.array(columns))
    if not all(np.allclose(one, hessians[0], rtol=1e-6, atol=1e-9) for one in hessians):
        return None
    return float(f"{np.linalg.eigvalsh(hessians[0]).max():.9g}")
