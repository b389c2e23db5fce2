"""DeepOBS's published results on quadratic_deep against ours: 72 settings, ten seeds each."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import numpy as np

from optibench.experiment.resolve import resolve
from optibench.plugin.registry import Registry
from optibench.results import load
from optibench.runner.run import execute

PUBLISHED = Path(__file__).with_name("deepobs_quadratic_deep.csv")
SUITE = "deepobs-quadratic"


@dataclass(frozen=True)
class Comparison:
    """One setting: the published final test loss and ours, nan where it diverged."""

    optimizer: str
    lr: float
    published: float
    mean: float
    deviation: float  # of our seeds
    diverged: int
    seeds: int

    @property
    def allowed(self) -> float:
        """Three standard deviations of our seeds or 1e-3 of the published loss, whichever is wider."""
        return max(3 * self.deviation, 1e-3 * abs(self.published))

    @property
    def ok(self) -> bool:
        if np.isnan(self.published):
            return self.diverged == self.seeds
        return self.diverged == 0 and abs(self.mean - self.published) <= self.allowed


def compare(registry: Registry, workers: int | None = None) -> Iterator[Comparison]:
    """Run the suite, whose learning rates are the published ones, and compare each setting with its published loss."""
    facts = {**registry.get("suite", SUITE).facts, "name": SUITE}
    with tempfile.TemporaryDirectory(prefix="optibench-") as folder:
        execute(resolve(facts, registry), registry, folder, workers=workers)
        runs = load(folder).runs
    with PUBLISHED.open() as file:
        for row in csv.DictReader(file):
            momentum = 0.0 if row["optimizer"] == "gd" else 0.99
            chosen = runs[(runs["momentum"] == momentum) & np.isclose(runs["lr"], float(row["lr"]), rtol=1e-4)]
            finished = chosen.loc[chosen["status"] == "finished", "test_loss"]
            yield Comparison(
                row["optimizer"],
                float(row["lr"]),
                float(row["final_test_loss_mean"] or nan),
                float(finished.mean()) if len(finished) else inf,
                float(finished.std()) if len(finished) > 1 else 0.0,
                int((chosen["status"] == "diverged").sum()),
                len(chosen),
            )
