"""Results made by hand: a score a seed, None for a run that diverged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from optibench.results import Results


def made(scores, *, tunings=("lr",), points=None, runs=None, tried=(), **protocol):
    """``scores``: problem -> method -> scores by seed. ``points``: (problem, method) -> rows (step, loss).

    ``runs``: what to change in a row, by id ``problem/method/seed``. ``tried``: (problem, method, search, lr, score) of
    every trial of one replicate.
    """
    rows, lists, chosen = [], [], []
    for problem, methods in scores.items():
        for name, values in methods.items():
            ids = [f"{problem}/{name}/{seed}" for seed in range(len(values))]
            for tuning in tunings:
                where = {"problem": problem, "optimizer": name, "tuning": tuning}
                chosen.append({**where, "trials": 3, "runs": ids})
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
    trials: dict[tuple[str, str, str], list[list[str]]] = {}
    for number, (problem, name, search, lr, score) in enumerate(tried):
        own = {"id": f"trial {number}", "part": "tuning", "problem": problem, "optimizer": name, "seed": 10**6}
        ended = {"status": "finished" if np.isfinite(score) else "diverged", "lr": lr, "loss": score}
        rows.append({**rows[0], **own, **ended, **(runs or {}).get(f"trial {number}", {})})
        lists.append(lists[0])
        trials.setdefault((problem, name, search), []).append([f"trial {number}"])
    parts = [
        {"problem": problem, "optimizer": name, "search": search, "runs": [ids]}
        for (problem, name, search), ids in trials.items()
    ]
    facts = {"compare": "optimizer", "rows": chosen, "trials": parts, "targets": [], "contains": [], **protocol}
    frame = pd.DataFrame(rows).astype({"minimum": float, "diverged_at": float})
    return Results(Path("nowhere"), frame, protocol=facts, points=pd.DataFrame(lists))
