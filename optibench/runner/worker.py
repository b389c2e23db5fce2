"""One cohort, from its names and numbers to its file: what an executor calls, here or in another process."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from optibench.engine.loop import CohortTimeout, train
from optibench.engine.records import Cohort, Status
from optibench.plugin import VERSION
from optibench.plugin.choice import label
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry, Sources, registry
from optibench.runner.environment import environment
from optibench.runner.store import Store


@dataclass(frozen=True)
class Task:
    """Train a cohort and write its file. ``local`` is a registry that only this process can have."""

    folder: Path
    sources: Sources
    timeout: float | None = None
    local: Registry | None = None

    def __call__(self, cohort: Cohort) -> None:
        found = self.local or _registry(self.sources)
        problem = found.problem(cohort.problem)
        store = Store(self.folder)
        points = store.partial(cohort)
        points.begin()
        deadline = float("inf") if self.timeout is None else time.monotonic() + self.timeout
        with one_thread(), _alarm(self.timeout), _watchdog(None if self.local else self.timeout):
            outcome = train(
                cohort,
                problem,
                found.get("optimizer", cohort.optimizer),
                partial(found.get("schedule", cohort.schedule[0]), **cohort.schedule[1]),
                list(found["metric"].values()),
                deadline,
                None if self.local else points.add,
            )
        store.write(cohort, outcome, facts(cohort, found, problem, self.timeout))
        points.clear()

    def lost(self, cohort: Cohort, found: Registry, reason: str) -> None:
        """Write what is left of a cohort whose process died: every point recorded before."""
        store = Store(self.folder)
        points = store.partial(cohort)
        status = Status.CRASHED
        if self.timeout is not None and points.age() >= self.timeout:
            status = Status.TIMEOUT
            reason = f"the time limit of its cohort, {self.timeout:g} s, ran out; its process was ended"
        outcome = points.outcome(len(cohort.runs), status, reason)
        store.write(cohort, outcome, facts(cohort, found, found.problem(cohort.problem), self.timeout))
        points.clear()


def facts(cohort: Cohort, found: Registry, problem: Problem, timeout: float | None) -> dict[str, Any]:
    """What stands in every row of a cohort besides its own fields."""
    return {
        "problem": label(*cohort.problem),
        "optimizer": cohort.label,
        "plugin": found.owner("optimizer", cohort.optimizer),
        "minimum": problem.minimum,
        "has_data": bool(problem.train),
        "parameters": problem.size,
        "version": VERSION,
        **environment(),
        "time_limit": timeout,
    }


@lru_cache
def _registry(sources: Sources) -> Registry:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the process that started this one has said them
        return registry(sources)


@lru_cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController  # looks at every loaded library

    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """One BLAS thread: cohorts are the parallel axis, and a product split over threads has other bits."""
    with _threads().limit(limits=1):
        yield


#: A rule that swallows the alarm, or hangs in C, has this many seconds more before its process is ended.
GRACE = 0.4


@contextmanager
def _watchdog(seconds: float | None) -> Iterator[None]:
    """End this worker process when the alarm did not help; faulthandler's thread needs no interpreter lock."""
    if seconds is None:
        yield
        return
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    """Interrupt Python code that never returns; needs the main thread of a POSIX process."""
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if seconds is None or not usable:
        yield
        return

    def ring(signum: int, frame: Any) -> None:
        raise CohortTimeout

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
