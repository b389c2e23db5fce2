"""Every analysis of results, each declared once: its method, what it shows, its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import pandas as pd

from optibench.analysis import explain_runs, profiles, time_to_target
from optibench.analysis.comparison import Compared, Filters
from optibench.analysis.declaration import analysis
from optibench.analysis.instruments import instruments
from optibench.analysis.leaderboard import leaderboard, overall
from optibench.analysis.pairs import pairwise
from optibench.analysis.sensitivity import sensitivity
from optibench.analysis.stability import crossings, stability
from optibench.analysis.tuning import expected, tuning
from optibench.analysis.verdict import verdict

PROBLEM = {"problem": "the problem"}
METHOD = {"optimizer": "the method: an optimizer, or a level of the factor that is compared"}


@dataclass(frozen=True)
class Analyses(Compared):
    """A folder of results, and a table for every question: one method each."""

    @analysis(
        "the comparison in words",
        {
            "problem": "the problem; empty for all problems together; or `beyond these problems`",
            "sentence": "the result in words",
            "leaders": "who is first: by median score (if bimodal by the share of solved replicates), or mean rank",
            "tied": "the methods that are not statistically distinguishable from a leader",
            "worse": "the methods that are significantly worse than every leader",
            "better": "methods that are significantly better than a leader in pairs, though placed behind it",
            "score": "the leaders' median score on the problem; for all problems their mean rank",
            "low": "the lower end of its 95 % interval",
            "high": "the upper end",
            "p_tied": "the smallest adjusted p of those tied",
            "p_worse": "the largest adjusted p of those worse",
            "more": "about how many more replicates the closest of those tied needs; beyond these problems, problems",
        },
    )
    def verdict(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """The comparison in words: a sentence for the whole, in the first row, and one a problem, with the numbers."""
        return verdict(self.compare(**filters))

    @analysis(
        "methods ranked on every problem",
        {
            **PROBLEM,
            "rank": "by the median score, if bimodal by the share of solved replicates first; equals share one",
            **METHOD,
            "groups": "significance groups on the problem: two methods share a letter unless they differ significantly",
            "lr": "the learning rate",
            "score": "the median over replicates of the final test loss, or of the loss where nothing is held out",
            "low": "the lower end of its exact 95 % interval",
            "high": "the upper end",
            "lower_quartile": "the lower quartile of the scores",
            "upper_quartile": "the upper quartile",
            "mean": "the interquartile mean of the scores",
            "mean_low": "the lower end of its 95 % interval",
            "mean_high": "the upper end",
            "solved": "the share of replicates that solve the problem, where outcomes are bimodal; else empty",
            "default_score": "the median score with declared defaults",
            "lr_score": "the median score with the learning rate tuned",
            "all_score": "the median score with all hyperparameters tuned",
            "loss": "the median final training loss",
            "gap": "the median final loss minus the known minimum",
            "test_accuracy": "the median test accuracy",
            "diverged": "the share of the tuning runs that diverged; of the shown runs if nothing was tuned",
            "failed": "how many of the shown runs failed, timed out or crashed",
            "runs": "how many runs are shown",
            "lr_on_boundary": "whether the best learning rate lies on the boundary of the widened grid",
        },
    )
    def leaderboard(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a problem and method, by rank: what it reached at its default, and tuned. Filters: see compare."""
        return leaderboard(self, self.compare(**filters))

    @analysis(
        "mean ranks over problems",
        {
            "rank": "by the mean rank; equals share the lower number",
            **METHOD,
            "mean_rank": "the mean over replicates of the mean rank over the problems that all methods ran on",
            "low": "the lower end of its 95 % interval over replicates",
            "high": "the upper end",
            "p_first": "how often it has the lowest mean rank when replicates are resampled",
            "first_on": "on how many problems it is first, alone or with equals",
            "problems": "how many problems are ranked",
            "replicates": "how many replicates",
            "groups": "significance groups: two methods share a letter unless they differ significantly",
        },
    )
    def ranks(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a method: its mean rank over problems with an interval, and its significance groups."""
        return overall(self.compare(**filters))

    @analysis(
        "pairs of methods, on every problem and over all",
        {
            "problem": "the problem, `all problems`, or `beyond these problems`",
            "a": "one method",
            "b": "the other",
            "n": "common replicates; beyond these problems, how many problems",
            "effect": "what is estimated: ratio (of a's loss to b's), difference (a minus b), or that of mean ranks",
            "estimate": "Hodges and Lehmann's, of the pairs; below 1, or 0, where a is better; beyond, of mean ranks",
            "low": "the lower end of its 95 % interval, of this pair alone; beyond, of all pairs together",
            "high": "the upper end",
            "improvement": "the probability that a run of a is better than one of b; over problems its mean",
            "cliffs_delta": "twice that, minus one",
            "wins": "in how many replicates a is better; of all problems, on how many its median is",
            "ties": "in how many they are equal",
            "losses": "in how many b is better",
            "p": "of Wilcoxon's signed-rank test over replicates, exact; beyond, normal, of mean ranks",
            "p_adjusted": "adjusted for all pairs on all problems, or over them; beyond these problems Nemenyi's",
            "better": "the significantly better one: p_adjusted below .05; empty if neither is",
            "more": "about how many more replicates a significant difference needs; beyond, how many more problems",
        },
    )
    def pairwise(self, a: str | None = None, b: str | None = None, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a problem and pair (all of them, or a against b), one for all problems, and one beyond them."""
        return pairwise(self.compare(**filters), a, b)

    @analysis(
        "what tuning chose, and the optimism of tuning",
        {
            **PROBLEM,
            **METHOD,
            "tuning": "what was tuned: default (nothing), lr, all; or given",
            "trials": "how many trials a replicate chose from",
            "settings": "what the replicates chose: a value and how many chose it, or the median and the range",
            "tuning_score": "the median over replicates of the score on the tuning seeds that chose them",
            "fresh_score": "the median over replicates of the same score on a fresh seed",
            "optimism": "the median over replicates of fresh score minus tuning score",
            "on_boundary": "in how many replicates the best learning rate is on the boundary of the widened grid",
        },
    )
    def tuning(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a problem, method and tuning: settings, scores, and the optimism of tuning."""
        return tuning(self, self.compare(**filters))

    @analysis(
        "expected best score of k trials",
        {
            **PROBLEM,
            **METHOD,
            "search": "what the trials varied: lr or all",
            "trials": "k, the number of trials",
            "expected": "the expected lowest tuning score of k of them, drawn without replacement",
        },
    )
    def expected(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """The expected best score of k trials, k = 1 to all, so that a tuning budget can be read off."""
        return expected(self, self.compare(**filters))

    @analysis(
        "scores over the grid of learning rates",
        {
            **PROBLEM,
            **METHOD,
            "lr": "the learning rate",
            "score": "the median score over the tuning seeds",
            "good": "whether it, or its gap to a known minimum, is within a factor 2 of the best",
            "diverged": "the share of runs that diverged",
            "decades": "the width of the range of good rates around the best, in powers of ten",
            "best_lr": "the best learning rate",
        },
    )
    def sensitivity(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a problem, method and learning rate tried: its score, and how many runs diverged."""
        return sensitivity(self, self.compare(**filters))

    @analysis(
        "how many runs reach the declared targets, and at what cost",
        {
            **PROBLEM,
            "target": "the loss to reach",
            "epsilon": "its gap to the known minimum as a share of the gap at the start",
            "provenance": "how the target was set",
            "rank": "by expected running time",
            **METHOD,
            "runs": "how many runs",
            "successes": "how many reach it",
            "rate": "their share",
            "low": "the lower end of its 95 % Wilson interval",
            "high": "the upper end",
            "ert": "the expected running time, in evaluations of single examples",
            "par10": "the mean cost, a miss counted as ten budgets",
            "median": "the median cost; infinite where most runs miss",
        },
    )
    def time_to_target(self, target: float | None = None, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a problem, target and method: how many runs reach it, and at what cost. Misses are censored."""
        return time_to_target.time_to_target(self, self.compare(**filters), target)

    @analysis(
        "performance profile over problems and targets",
        {
            **METHOD,
            "x": "how many times the cost of the best method; of other kinds of profile another scale",
            "share": "the share of all problems and targets that the method reaches within it",
        },
    )
    def profile(self, kind: str = "performance", **filters: Unpack[Filters]) -> pd.DataFrame:
        """A profile over problems and targets: performance, data, ecdf, area or algoperf."""
        return profiles.profile(self, self.compare(**filters), kind)

    @analysis(
        "robustness of the ranking: who leads if something else is chosen",
        {
            "varied": "what is varied",
            "level": "to which level",
            "leaders": "the method with the lowest mean rank then; several if they are level",
            "share": "how often, when replicates are resampled",
            "changed": "whether the leader differs from that of the comparison as run",
        },
    )
    def stability(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """Who leads with other replicates, problems, methods, cost units, horizons or tuning."""
        return stability(self, self.compare(**filters))

    @analysis(
        "pairs of methods whose order changes along the budget",
        {
            **PROBLEM,
            "ahead_at_first": "the method with the lower median at a tenth of the budget",
            "ahead_at_last": "the one with the lower median at the end",
        },
    )
    def crossings(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """Pairs whose medians change order along the budget."""
        return crossings(self, self.compare(**filters))

    @analysis(
        "why the compared runs ended badly or slowly, counted by cause",
        {
            **PROBLEM,
            **METHOD,
            "cause": "the cause",
            "runs": "how many runs",
            "lowest_lr": "their lowest learning rate",
            "highest_lr": "their highest learning rate",
            "sentence": "the first of them, in words",
        },
    )
    def causes(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """Why the compared runs ended badly or slowly: one row a problem, method and cause, with an example."""
        return explain_runs.causes(self.compare(**filters).rows)

    @analysis(
        "why each run ended badly or slowly; tuning runs by their status only",
        {
            "id": "the id of the run",
            "part": "tuning or reporting",
            **PROBLEM,
            "optimizer": "the optimizer",
            "lr": "the learning rate",
            "seed": "the seed",
            "status": "how the run ended",
            "cause": "the cause",
            "sentence": "the cause in words, with this run's numbers",
        },
    )
    def why(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a run that ended badly or slowly, with a sentence that says why; tuning runs by status."""
        return explain_runs.explained(self.some(**filters))

    @analysis(
        "gradients, updates, saturation, steps and curvature along the first compared runs",
        {
            **PROBLEM,
            **METHOD,
            "seed": "the seed, one of the first three replicates",
            "step": "after which step",
            "layer": "the layer; empty for the whole model",
            "instrument": "gradient_norm, update_ratio, saturation, step_cosine, learning_rate or sharpness",
            "value": "what it shows",
        },
    )
    def instruments(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """One row a run, step, instrument and layer, of problems with several blocks of parameters."""
        return instruments(self, self.compare(**filters))
