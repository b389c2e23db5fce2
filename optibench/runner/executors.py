"""Where cohorts are trained: in this process, or in a pool of processes with a time limit for each cohort.

An executor is ``(task, stages, workers, timeout) -> iterator of (cohort, None or exception)``, as they end. A stage is
a list of cohorts; the next is asked for when all of it has been handed back, for what it holds may depend on that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from optibench.engine.records import Cohort
from optibench.errors import InputError, WorkerDied
from optibench.plugin.functions import Executor, executor
from optibench.plugin.hookspecs import hookimpl

#: A worker ends a cohort at its time limit by itself; one that does not is killed this many seconds later.
GRACE = 60.0
#: What a worker reads when it starts. One BLAS thread; and memory that a step frees is kept for the next step's arrays
#: (by glibc; others ignore it), not handed back to the system and cleared anew: a seventh of the time of digits-mlp.
ENVIRONMENT = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # bytes; the most that it takes
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}

Stages = Iterator[list[Cohort]]
Ended = Iterator[tuple[Cohort, BaseException | None]]


@executor
def inline(task: Callable[[Cohort], None], stages: Stages, workers: int, timeout: float | None) -> Ended:
    """In this process, one cohort after the other."""
    for cohort in (cohort for cohorts in stages for cohort in cohorts):
        try:
            task(cohort)
            yield cohort, None
        except Exception as error:
            yield cohort, error


@executor
def processes(task: Callable[[Cohort], None], stages: Stages, workers: int, timeout: float | None) -> Ended:
    """In a pool of fresh processes, one BLAS thread each; a hung or crashed one costs its own cohort only."""
    from concurrent.futures.process import BrokenProcessPool  # these are heavy, and `optibench list` needs none
    from multiprocessing import get_context
    from queue import SimpleQueue

    from pebble import ProcessExpired, ProcessPool

    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    ended: SimpleQueue[Any] = SimpleQueue()
    pool: Any = ProcessPool(max_workers=workers, context=get_context("spawn"), initializer=_start)
    try:
        limit = None if timeout is None else timeout + GRACE
        for cohorts in stages:
            futures = {pool.schedule(task, args=[cohort], timeout=limit): cohort for cohort in cohorts}
            for future in futures:
                future.add_done_callback(ended.put)
            for _ in futures:
                future = ended.get()
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    raise InputError(
                        'worker processes cannot start; call optibench.run from under `if __name__ == "__main__":`, or '
                        "with workers=1; finished runs are kept"
                    ) from error
                yield futures[future], WorkerDied(error.exitcode) if isinstance(error, ProcessExpired) else error
        pool.close()
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.join()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start() -> None:
    """A worker leaves Ctrl-C to the process that started it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


@hookimpl
def optibench_executors() -> list[Executor]:
    return [inline, processes]
