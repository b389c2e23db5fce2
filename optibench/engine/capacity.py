"""How many runs to train together."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem


def capacity(problem: Problem, rule: Optimizer, batch: int, itemsize: int) -> int:
    """How many runs to train together, 8 to 4096: as many as keep what an operation sees within the core's L2 cache.

    Fewer where 8 would not keep theirs within MEMORY.
    """
    parameters = problem.size * (6 + len(rule.state))  # w, g, the new w, three temporaries, the state
    run = itemsize * (parameters + max(batch, 1) * problem.width)
    return max(1, min(int(np.clip(L2_SHARE * l2_bytes() // run, 8, 4096)), MEMORY // run))


#: What a step's arrays fill together, in L2 caches: an operation sees a few of them.
L2_SHARE = 4


#: Bytes that the arrays of a cohort's step may take.
MEMORY = 2**28


@lru_cache
def l2_bytes() -> int:
    """The size of one core's L2 cache; 1 MiB where the system does not tell."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.rstrip("KM")) * {"K": 1024, "M": 1024**2}.get(text[-1], 1)
    except (OSError, ValueError):
        return 1024**2
