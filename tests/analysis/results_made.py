"""Results made by hand: a score a seed, None for a run that diverged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from optibench.results import Results


def made(scores, *, tunings=("lr",), points=None, runs=None, **protocol):
    """``scores``: problem -> method -> scores by seed. ``points``: (problem, method) -> rows (step, loss).

    ``runs``: what to change in a row, by id ``problem/method/seed``.
    """
    rows, lists, chosen = [], [], []
    for problem, methods in scores.items():
        for name, values in methods.items():
            ids = [f"{problem}/{name}/{seed}" for seed in range(len(values))]
            for tuning in tunings:
                where = {"problem": problem, "optimizer": name, "tuning": tuning}
                chosen.append({**where, "settings": {"lr": 0.1}, "trials": 3, "runs": ids})
            for seed, (run, value) in enumerate(zip(ids, values, strict=True)):
                bad = value is None
                curve = (points or {}).get((problem, name), [(0, 10.0), (5, 5.0), (10, np.nan if bad else value)])
                row = {
                    "id": run, "part": "reporting", "problem": problem, "optimizer": name, "plugin": "x", "lr": 0.1,
                    "seed": seed, "status": "diverged" if bad else "finished", "reason": "", "diverged_at": None,
                    "steps": curve[-1][0], "gradient_evaluations": curve[-1][0], "value_evaluations": 0,
                    "hessian_products": 0, "samples": curve[-1][0], "seconds": 0.1, "batch": 0, "minimum": None,
                    "fingerprint": "f", "version": "1", "parameters": 4, "loss": np.nan if bad else value,
                }  # fmt: skip
                rows.append({**row, **(runs or {}).get(run, {})})
                lists.append(
                    {
                        "step": np.array([step for step, _ in curve]),
                        "gradient_evaluations": np.array([step for step, _ in curve]),
                        "value_evaluations": np.zeros(len(curve), int),
                        "hessian_products": np.zeros(len(curve), int),
                        "loss": np.array([loss for _, loss in curve], float),
                    }
                )
    facts = {"compare": "optimizer", "rows": chosen, "trials": [], "targets": [], "contains": [], **protocol}
    frame = pd.DataFrame(rows).astype({"minimum": float, "diverged_at": float})
    return Results(Path("nowhere"), frame, protocol=facts, points=pd.DataFrame(lists))
