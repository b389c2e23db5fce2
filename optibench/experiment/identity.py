"""What makes a run the run that it is: the hash of its facts and of its code."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from optibench.engine.records import FORMAT, Cohort
from optibench.plugin.functions import Activation, Loss
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem, ProblemFactory
from optibench.plugin.registry import Registry


def _prefix(cohort: Cohort, problem: Problem, rule: Optimizer, registry: Registry) -> str:
    """What the id of every run of a cell hashes besides seed and hyperparameters, the plugins' sources included."""
    factory: ProblemFactory = registry.get("problem", cohort.problem[0])
    pieces = {**factory.parameters, **registry.parameters(cohort.problem)}
    named = [piece for _, piece in sorted(pieces.items()) if isinstance(piece, Activation | Loss)]
    schedule = registry.get("schedule", cohort.schedule[0])
    written = [piece.function for piece in (rule, factory, schedule, *named)] + [*rule.wraps, problem.value_grad]
    shared = {
        **{key: value for key, value in asdict(cohort).items() if key not in ("runs", "label")},
        "format": FORMAT,
        "sources": [source(function) for function in written],
    }
    return json.dumps(shared, sort_keys=True, default=lambda piece: getattr(piece, "name", str(piece)))


def source(function: Any) -> str:
    """A hash of the file that a function was written in, or of its code where there is no file."""
    try:
        path = Path(inspect.getfile(function))
        return _digest(path, path.stat().st_mtime_ns)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = repr(function) if code is None else f"{code.co_code!r} {code.co_consts!r} {code.co_names!r}"
        return hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", text).encode()).hexdigest()[:16]


@lru_cache
def _digest(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
