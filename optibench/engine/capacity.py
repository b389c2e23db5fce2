"""How many runs to train together."""

from __future__ import annotations

import numpy as np

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem

#: Bytes of a step's arrays that a cohort fills: with fewer the overhead of calls counts, more leave the caches.
FILLED = 2**23
#: Bytes that they may take where FEWEST runs need more.
MEMORY = 2**28
FEWEST, MOST = 8, 4096


def capacity(problem: Problem, rule: Optimizer, batch: int, itemsize: int) -> int:
    """How many runs to train together: as many as fill FILLED with a step's arrays, from FEWEST to MOST.

    Fewer where FEWEST would not keep theirs within MEMORY.
    """
    parameters = problem.size * (6 + len(rule.state))  # w, g, the new w, three temporaries, the state
    run = itemsize * (parameters + max(batch, 1) * problem.width)
    return max(1, min(int(np.clip(FILLED // run, FEWEST, MOST)), MEMORY // run))
