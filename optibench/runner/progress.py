"""How far an experiment is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from optibench.engine.records import Cohort, Status
from optibench.plugin.choice import label


@dataclass(frozen=True)
class Progress:
    """How far an experiment is, after each cohort: counts of runs by status; ``now`` is what ended last.

    ``total`` is an estimate until the last stage has begun: what is tried next depends on what was found.
    """

    runs: int
    total: int
    kept: int
    statuses: Counter[str]
    work: float  # the share of the work that is done, approximately
    now: str


@dataclass
class Count:
    """Runs and their work, planned so far and done; ``expected`` runs in all, of which later stages may need others."""

    expected: float
    planned: int = 0
    kept: int = 0
    runs: int = 0
    work: float = 0.0
    spent: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    now: str = ""
    stage: str = ""

    def begin(self, stage: str, cohorts: list[Cohort], left: list[Cohort]) -> None:
        self.stage, total = stage, sum(len(cohort.runs) for cohort in cohorts)
        kept = total - sum(len(cohort.runs) for cohort in left)
        self.planned += total
        self.kept += kept
        self.runs += kept
        self.work += sum(work(cohort) for cohort in left)

    def end(self, cohort: Cohort, statuses: list[Status]) -> None:
        self.runs += len(statuses)
        self.spent += work(cohort)
        self.statuses.update(statuses)
        self.now = f"{self.stage}: {label(*cohort.problem)} · {cohort.label}"

    def progress(self) -> Progress:
        """Work that no stage has planned yet is taken to be like that of the planned ones, run by run."""
        total = max(self.expected, self.planned)
        expected = (self.work or 1.0) * total / max(self.planned - self.kept, 1)
        share = 1.0 if self.runs >= total else self.spent / expected
        return Progress(self.runs, round(total), self.kept, Counter(self.statuses), share, self.now or self.stage)


def work(cohort: Cohort) -> float:
    """A rough measure of a cohort's time: steps x (the step's overhead + its examples)."""
    return cohort.steps * (1 + len(cohort.runs) * max(cohort.batch, 1) / 500)
