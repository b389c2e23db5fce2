"""Which claims of an experiment an independent replication confirms. A claim is a significant pair of methods."""

from __future__ import annotations

import numpy as np
import pandas as pd

CONFIRMED, NOT_CONFIRMED, CONTRADICTED = "confirmed", "not confirmed", "contradicted"


def claims(pairs: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """One row a significant pair of ``pairs``: problem, better, worse, who is better again, and the outcome.

    ``pairs`` and ``again`` are the tables ``pairwise`` of the two experiments. A claim is confirmed if the same method
    is significantly better again, contradicted if the other one is, and not confirmed if neither is.
    """
    keys = ["problem", "a", "b"]
    made = pairs.loc[pairs["better"].fillna("") != "", [*keys, "better"]]
    frame = made.merge(again[[*keys, "better"]].rename(columns={"better": "again"}), on=keys, how="left")
    better, second = frame["better"], frame["again"].fillna("")
    return pd.DataFrame(
        {
            "problem": frame["problem"],
            "better": better,
            "worse": frame["a"].where(frame["b"] == better, frame["b"]),
            "again": second,
            "outcome": np.select([second == better, second != ""], [CONFIRMED, CONTRADICTED], NOT_CONFIRMED),
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
