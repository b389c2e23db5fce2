"""What the built-in figures show in one sentence each, computed from their frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optibench.analysis.words import count, listing

if TYPE_CHECKING:
    import pandas as pd


def lowest_at_the_end(frame: pd.DataFrame) -> str:
    """Of loss curves: who ends lowest on how many problems."""
    summary = frame[frame["run"].isna() & frame["median"].notna()]
    last = summary.sort_values("cost", kind="stable").drop_duplicates(["problem", "optimizer"], keep="last")
    least = last.groupby("problem")["median"].transform("min")
    firsts = last[last["median"] == least]["optimizer"].value_counts()
    names, problems = sorted(firsts.index[firsts == firsts.max()]), int(last["problem"].nunique())
    return f"{listing(names)} {_ends(names)} with the lowest median on {_of(int(firsts.max()), problems)}."


def rates_that_failed(frame: pd.DataFrame) -> str:
    """Of the learning-rate figure: how much of the grid fails."""
    bad = (frame["median"] == float("inf")).groupby(frame["optimizer"]).mean()
    if not bad.any():
        return "At every learning rate at least half of the runs finished."
    worst, best = sorted(bad.index[bad == bad.max()]), sorted(bad.index[bad == bad.min()])
    if bad.max() == bad.min():
        return f"At {bad.max():.0%} of their learning rates most runs of every method did not finish."
    share = f"{bad.min():.0%}" if bad.min() else "none"
    return (
        f"Most runs did not finish at {bad.max():.0%} of the learning rates of {listing(worst)}, and at {share} of "
        f"those of {listing(best)}."
    )


def widest_range(frame: pd.DataFrame) -> str:
    """Of the sensitivity figure: whose range of good rates is widest in the median over problems."""
    decades = frame.groupby("optimizer")["decades"].median()
    widest = sorted(decades.index[decades == decades.max()])
    return (
        f"{listing(widest)} {_has(widest)} the widest range of good learning rates: {decades.max():.2g} decades in the "
        "median over problems."
    )


def paths(frame: pd.DataFrame) -> str:
    """Of trajectories: what is drawn."""
    methods, problems = int(frame["optimizer"].nunique()), int(frame["problem"].nunique())
    return f"Shown {'is' if methods == 1 else 'are'} {count(methods, 'path')} on {count(problems, 'problem')}."


def reaches_most(frame: pd.DataFrame) -> str:
    """Of profiles: who reaches the largest share in the end."""
    last = frame.groupby("optimizer")["share"].max()
    most = sorted(last.index[last == last.max()])
    return f"{listing(most)} {_reaches(most)} the largest share of the targets: {last.max():.0%}."


def half_of_the_trials(frame: pd.DataFrame) -> str:
    """Of the expected best score: what half of the trials lose, in the median over problems and methods."""
    most = frame.groupby(["problem", "optimizer"])["trials"].transform("max")
    whole = frame[frame["trials"] == most].set_index(["problem", "optimizer"])["expected"]
    half = frame[frame["trials"] == (most + 1) // 2].set_index(["problem", "optimizer"])["expected"]
    ratio = (half / whole)[(whole > 0) & (half < float("inf"))].median()
    if not ratio < float("inf"):
        return "How much fewer trials would lose cannot be said."
    return f"With half of the trials the expected best score is {ratio:.3g} times as large in the median."


def lowest_mean_rank(frame: pd.DataFrame) -> str:
    """Of the ranks: who has the lowest mean rank."""
    least = frame["mean_rank"].min()
    names, problems = sorted(frame.loc[frame["rank"] == 1, "optimizer"]), int(frame["problems"].iloc[0])
    return f"{listing(names)} {_has(names)} the lowest mean rank, {least:.3g}, over {count(problems, 'problem')}."


def first_on_most(frame: pd.DataFrame) -> str:
    """Of the scores: who is first on most problems."""
    firsts = frame.loc[frame["rank"] == 1, "optimizer"].value_counts()
    names, problems = sorted(firsts.index[firsts == firsts.max()]), int(frame["problem"].nunique())
    return f"{listing(names)} {_is(names)} first on {_of(int(firsts.max()), problems)}."


def clearest_pair(frame: pd.DataFrame) -> str:
    """Of the pairs: the one with the largest probability."""
    best = frame.loc[frame["improvement"].idxmax()]
    return (
        f"The largest probability of improvement is {best['improvement']:.3g}: that a run of {best['a']} is better "
        f"than one of {best['b']}."
    )


def _of(part: int, whole: int) -> str:
    return f"{part} of {count(whole, 'problem')}"


def _ends(names: list[str]) -> str:
    return "ends" if len(names) == 1 else "each end"


def _has(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are each"


def _reaches(names: list[str]) -> str:
    return "reaches" if len(names) == 1 else "reach"


def layers_apart(frame: pd.DataFrame) -> str:
    """Of gradient norms by layer: where the layers of a network lie furthest apart at the end."""
    last = _last(frame).assign(problem=lambda rows: rows["facet"].str.partition(" · ")[0])
    ends = last[last["median"] > 0].groupby(["problem", "optimizer"])["median"].agg(["min", "max", "size"])
    ends = ends[ends["size"] > 1]
    if ends.empty:
        return "No network has gradients in two layers at the end."
    problem, method = (ends["max"] / ends["min"]).idxmax()
    factor = float(ends.loc[(problem, method), "max"] / ends.loc[(problem, method), "min"])
    return f"At the end the layers' gradients lie furthest apart for {method} on {problem}, by a factor {factor:.3g}."


def near_a_thousandth(frame: pd.DataFrame) -> str:
    """Of update-to-weight ratios: how many lie near the rule of thumb half way."""
    middle = _last(frame[frame["step"] <= frame.groupby(["facet", "optimizer"])["step"].transform("median")])
    near = int(middle["median"].between(1e-4, 1e-2).sum())
    return f"Half way along the recorded points {near} of {count(len(middle), 'curve')} lie within a factor 10 of 1e-3."


def most_saturated(frame: pd.DataFrame) -> str:
    """Of saturated units: the largest share at the end."""
    last = _last(frame)
    row = last.loc[last["median"].idxmax()]
    if not row["median"] > 0:
        return "At the end no hidden unit is saturated."
    return f"At the end {row['optimizer']} on {row['facet']} has the most saturated units, {row['median']:.0%}."


def zigzags(frame: pd.DataFrame) -> str:
    """Of cosines of consecutive steps: who turns most at the end."""
    last = _last(frame)
    row = last.loc[last["median"].idxmin()]
    return (
        f"At the end the steps of {row['optimizer']} on {row['facet']} turn most, with a cosine of {row['median']:.2f}."
    )


def above_stability(frame: pd.DataFrame) -> str:
    """Of sharpness times learning rate: how many curves end above the limit of gradient descent."""
    last = _last(frame)
    above = int((last["median"] > 2).sum())
    return f"{above} of {count(len(last), 'curve')} end above 2, the limit of plain gradient descent."


def _last(frame: pd.DataFrame) -> pd.DataFrame:
    """The last point of every curve."""
    return frame.sort_values("step", kind="stable").drop_duplicates(["facet", "optimizer"], keep="last")
