"""Which claims of an experiment an independent replication confirms. A claim is a significant pair of methods."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optibench.analysis.stats.adjust import ALPHA, holm

CONFIRMED, NOT_CONFIRMED, CONTRADICTED = "confirmed", "not confirmed", "contradicted"


def claims(pairs: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """One row a significant pair of ``pairs``: problem, better, worse, the adjusted p of its replication, the outcome.

    ``pairs`` and ``again`` are the tables ``pairwise`` of the two experiments. A replication tests the claims and
    nothing else, each in the direction that it names: p is one-sided, and adjusted by Holm for as many tests as there
    are claims. A claim is confirmed if p is below ALPHA, contradicted if the test of the other direction is.
    """
    keys = ["problem", "a", "b"]
    made = pairs.loc[pairs["better"].fillna("") != "", [*keys, "better"]]
    frame = made.merge(again[[*keys, "effect", "estimate", "p"]], on=keys, how="left")
    better = frame["better"]
    lead = (frame["effect"] == "ratio").astype(float) - frame["estimate"]  # above 0: a is better again
    side = np.sign(lead.fillna(0.0)) * np.where(better == frame["a"], 1, -1)
    half = frame["p"].fillna(1.0) / 2
    same = holm(np.where(side > 0, half, 1 - half))
    opposite = holm(np.where(side < 0, half, 1 - half))
    return pd.DataFrame(
        {
            "problem": frame["problem"],
            "better": better,
            "worse": frame["a"].where(frame["b"] == better, frame["b"]),
            "p_adjusted": same,
            "outcome": np.select([same < ALPHA, opposite < ALPHA], [CONFIRMED, CONTRADICTED], NOT_CONFIRMED),
        }
    )


def summary(table: pd.DataFrame) -> str:
    """The table of claims in a sentence."""
    if table.empty:
        return "No pair of methods differs significantly, so there is no claim to replicate."
    made, count = len(table), table["outcome"].value_counts()
    confirmed, open_, contradicted = (int(count.get(name, 0)) for name in (CONFIRMED, NOT_CONFIRMED, CONTRADICTED))
    return (
        f"{confirmed} of {made} claim{'s' * (made != 1)} came out again ({confirmed / made:.0%}), "
        f"{open_} {_was(open_)} not confirmed, {contradicted} {_was(contradicted)} contradicted.".replace("%", " %")
    )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
