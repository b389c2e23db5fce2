"""Write tests/reference/schedules.json: PyTorch's schedulers, as factors of the base rate. Run by hand; needs torch."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler as S

warnings.simplefilter("ignore")
CASES = [
    ("step", {"every": 7, "gamma": 0.5}, 30, S.StepLR, {"step_size": 7, "gamma": 0.5}),
    ("step", {"every": 0.3}, 40, S.StepLR, {"step_size": 12, "gamma": 0.1}),
    ("multistep", {"milestones": "5/20", "gamma": 0.3}, 30, S.MultiStepLR, {"milestones": [5, 20], "gamma": 0.3}),
    ("multistep", {}, 40, S.MultiStepLR, {"milestones": [20, 30], "gamma": 0.1}),
    ("exponential", {"floor": 0.01}, 40, S.ExponentialLR, {"gamma": 0.01 ** (1 / 40)}),
    ("polynomial", {}, 25, S.PolynomialLR, {"total_iters": 25, "power": 2.0}),
    ("polynomial", {"power": 0.5}, 25, S.PolynomialLR, {"total_iters": 25, "power": 0.5}),
    ("linear", {}, 25, S.LinearLR, {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 25}),
    ("linear", {"start": 0.1, "end": 0.8}, 25, S.LinearLR, {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 25}),
    ("cosine", {}, 33, S.CosineAnnealingLR, {"T_max": 33}),
    ("cosine", {"floor": 0.1}, 33, S.CosineAnnealingLR, {"T_max": 33, "eta_min": 0.1}),
    ("cosine_restarts", {"period": 0.25}, 40, S.CosineAnnealingWarmRestarts, {"T_0": 10}),
    ("cosine_restarts", {"period": 6, "multiplier": 2, "floor": 0.05}, 50, S.CosineAnnealingWarmRestarts,
     {"T_0": 6, "T_mult": 2, "eta_min": 0.05}),
    ("one_cycle", {}, 50, S.OneCycleLR, {"max_lr": 1.0, "total_steps": 50, "cycle_momentum": False}),
    ("one_cycle", {"peak": 0.5, "div": 10, "final_div": 100}, 40, S.OneCycleLR,
     {"max_lr": 1.0, "total_steps": 40, "pct_start": 0.5, "div_factor": 10, "final_div_factor": 100,
      "cycle_momentum": False}),
]  # fmt: skip


def factors(kind, arguments, total):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = kind(optimizer, **arguments), []
    for t in range(total):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if t < total - 1:
            scheduler.step()
    return found


if __name__ == "__main__":
    cases = [
        {
            "schedule": name, "parameters": parameters, "total": total, "factors": factors(kind, arguments, total),
            "reference": f"torch {torch.__version__.partition('+')[0]}: {kind.__name__}({arguments})",
        }
        for name, parameters, total, kind, arguments in CASES
    ]  # fmt: skip
    path = Path(__file__).parent / "reference/schedules.json"
    path.write_text(json.dumps(cases, indent=1) + "\n")
