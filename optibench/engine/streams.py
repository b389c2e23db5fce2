"""The separate random streams of a seed."""

from __future__ import annotations

import numpy as np

#: The separate random streams of a seed.
STREAMS = {"start": 0, "order": 1, "noise": 2, "tuning": 3, "dropout": 4}


def stream(seed: int, name: str) -> np.random.Generator:
    """One of a seed's random streams: the same for every optimizer, so that comparisons are paired."""
    return np.random.default_rng(np.random.SeedSequence([seed, STREAMS[name]]))
