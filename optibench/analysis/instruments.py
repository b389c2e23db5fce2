"""What instruments recorded along the compared runs, tidy: gradients, updates, saturation, steps and curvature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.stored import Stored

COLUMNS = ["problem", "optimizer", "seed", "step", "layer", "instrument", "value"]


def instruments(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """One row a run, step, instrument and layer (empty for the whole model); none of what was not measured."""
    keys = ["problem", "optimizer", "seed"]
    rows = comparison.rows[[*keys, "id"]].reset_index(drop=True)
    names = [name for name in stored.readings if name != "step"]
    if not names or rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    lists = stored.readings.set_axis(stored.runs["id"]).reindex(rows["id"]).reset_index(drop=True)
    lengths = np.array([len(steps) if isinstance(steps, np.ndarray) else 0 for steps in lists["step"]])
    at = rows[keys].loc[rows.index.repeat(lengths)].reset_index(drop=True)
    at["step"] = _joined(lists["step"], lengths).astype(int)
    frames = []
    for name in names:
        instrument, _, layer = name.partition(":")
        frames.append(at.assign(layer=layer, instrument=instrument, value=_joined(lists[name], lengths)))
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[frame["value"].notna()]
    return frame.sort_values([*keys, "instrument", "layer", "step"], kind="stable", ignore_index=True)[COLUMNS]


def _joined(lists: pd.Series, lengths: np.ndarray[tuple[int], np.dtype[np.int_]]) -> pd.Series:
    """The numbers of all runs in one column; nan for a run that has no list of this name."""
    filled = [
        values if isinstance(values, np.ndarray) else np.full(length, np.nan)
        for values, length in zip(lists, lengths, strict=True)
    ]
    return pd.Series(np.concatenate(filled), dtype=float)
