"""The page: one offline file, with its pictures and tables next to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd

from optibench.analysis.budgets import budgets_differ
from optibench.analysis.comparison import TUNINGS, Compared
from optibench.analysis.declaration import flat
from optibench.analysis.leaderboard import other_scores
from optibench.analysis.pairs import ALL, BEYOND
from optibench.analysis.stats.adjust import ALPHA
from optibench.analysis.tuning import self_checks
from optibench.errors import StoreError, reason
from optibench.plugin.figure import Figure
from optibench.plugin.registry import Registry
from optibench.plugin.types import Facts
from optibench.report import facts
from optibench.report.data import page_data, to_json
from optibench.report.draw import paint, save
from optibench.report.panels import panels
from optibench.report.races import Scripts, races
from optibench.runner.store import write_whole

#: The caption of every figure of a table from elsewhere: how its columns came about is not known.
FROM_A_TABLE = "Drawn from the columns of the table alone; the caveats say what it does not tell."
#: Where the built-in figures stand; those of plugins have a section of their own. Sections that the page computes
#: itself show the picture without scripts.
SECTIONS = {
    "curves": ("Loss along the budget", ["loss-curves"]),
    "rates": ("Learning rate and tuning", ["learning-rate", "sensitivity", "expected-best"]),
    "instruments": (
        "Instruments of networks",
        ["gradient-norm", "update-ratio", "saturation", "step-cosine", "sharpness"],
    ),
}
COMPUTED = {
    "profile": ["performance-profile", "data-profile", "ecdf"],
    "race": ["trajectories"],
    "ranking": ["ranks", "pairs"],
    "scores": ["scores"],
}
#: The parts of the page's script, in order: later ones use earlier ones.
STYLES = "page.css"
SCRIPTS = (
    *("text.js", "markup.js", "colours.js", "statistics.js"),
    *("axes.js", "charts.js", "ranks.js", "relief.js", "readout.js"),
    *("page.js", "address.js", "field.js"),
    *("leaderboard.js", "scores.js", "robustness.js", "ranking.js", "profiles.js", "figures.js"),
    *("environment.js", "paths.js", "basins.js", "surface.js", "racemap.js", "races.js"),
    "report.js",
)
LIBRARY = "vendor/d3.min.js"
#: The tables that the page shows whole.
SHOWN = ("leaderboard", "ranks", "pairwise", "tuning", "time_to_target", "stability", "causes")
#: So many rows of a table at most; the file beside the page has all.
MOST = 500


def write_report(
    results: Compared, tables: dict[str, pd.DataFrame], folder: Path, figures: list[Figure], registry: Registry
) -> Path:
    """Write index.html, figures/*.svg, tables/*.csv into ``folder``; returns the path of the page.

    ``tables``: the frame of every analysis by its name. The registry holds the rules and problems that the page runs.
    """
    try:
        for name in ("figures", "tables"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        attempts = (_attempted(figure, lambda one: _drawn(one, results, folder / "figures")) for figure in figures)
        drawn = [shown for shown in attempts if shown]
        written = {**tables, "runs": results.runs}
        for name, table in written.items():
            write_whole(folder / "tables" / f"{name}.csv", flat(table).to_csv(index=False).encode())
        page = folder / "index.html"
        write_whole(page, render(results, tables, [*written], drawn, registry).encode())
    except OSError as error:
        raise StoreError(f"cannot write the report to '{folder}': {error.strerror}; choose another folder") from error
    return page


def write_page(
    results: Compared, tables: dict[str, pd.DataFrame], path: Path, figures: list[Figure], registry: Registry
) -> Path:
    """Write the page alone: one file that needs no other; returns its path."""
    attempts = (_attempted(figure, lambda one: numbers(one, results)) for figure in figures)
    shown = [data for data in attempts if data]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, render(results, tables, [], shown, registry, Extent(beside=False)).encode())
    except OSError as error:
        raise StoreError(f"cannot write the page to '{path}': {error.strerror}; choose another file") from error
    return path


def _drawn(figure: Figure, results: Compared, folder: Path) -> Facts | None:
    """A figure's numbers, and its pictures as files; None where it has nothing to show."""
    shown = panels(figure, results)
    canvas = paint(shown)
    if canvas is None:
        return None
    write_whole(folder / f"{figure.name}.svg", save(canvas, "svg"))
    return _captioned(shown.facts(), results)


def _attempted(figure: Figure, make: Callable[[Figure], Facts | None]) -> Facts | None:
    """What is made of a figure; one that raises costs itself only."""
    try:
        return make(figure)
    except OSError:
        raise
    except Exception as error:
        return {"name": figure.name, "title": figure.title, "caption": figure.caption, "error": reason(error)}


def numbers(figure: Figure, results: Compared) -> Facts | None:
    """A figure's numbers; None where it has nothing to show."""
    shown = panels(figure, results)
    return _captioned(shown.facts(), results) if shown.panels else None


def _captioned(data: Facts, results: Compared) -> Facts:
    return {**data, "caption": FROM_A_TABLE} if results.unsaid else data


@dataclass(frozen=True)
class Extent:
    """What of the page is wanted: ``sections`` by id, all by default; ``beside``: whether its files lie next to it."""

    sections: tuple[str, ...] = ()
    beside: bool = True


def render(
    results: Compared,
    tables: dict[str, pd.DataFrame],
    written: list[str],
    figures: list[Facts],
    registry: Registry,
    extent: Extent = Extent(),
) -> str:
    """The text of the page."""
    comparison, scripts, elsewhere = results.compare(), Scripts(), bool(results.unsaid)
    raced = races(results, comparison, registry, scripts) if "race" in (extent.sections or ("race",)) else []
    index = {figure["name"]: place for place, figure in enumerate(figures)}
    placed = {name: [index[figure] for figure in names if figure in index] for name, names in COMPUTED.items()}
    sections = _sections(figures, index)
    contents = _contents(sections, profile=not tables["time_to_target"].empty, race=bool(raced))
    board, pairs, ranks = tables["leaderboard"], tables["pairwise"], tables["ranks"]
    on_one = ~pairs["problem"].isin([ALL, BEYOND])
    shown = {**tables, "pairwise": pd.concat([pairs[~on_one], pairs[on_one]])}
    data = page_data(results, comparison, tables) | {"figures": _embedded(figures, placed), "races": raced}
    return _template().render(
        name=results.experiment.get("name", "results"),
        style=static(STYLES),
        scripts=[static(LIBRARY), *map(static, SCRIPTS), str(scripts)],
        data=to_json(data),
        whole=not extent.sections,
        shown=extent.sections or [id_ for id_, _ in contents],
        beside=extent.beside,
        header=facts.header(results),
        protocol=_protocol(results),
        sentences=tables["verdict"].attrs["parts"],
        contents=contents,
        sections=sections,
        placed=placed,
        figures=figures,
        races=raced,
        methods=comparison.methods,
        problems=comparison.problems,
        scores={(row["problem"], row["optimizer"]): row["score"] for row in board.to_dict("records")},
        factor=comparison.factor,
        inf=math.inf,
        tuned=TUNINGS[comparison.tuning],
        others=other_scores(board, comparison.tuning),
        budgets=budgets_differ(comparison),
        caveats=comparison.caveats + self_checks(results, comparison),
        facts=facts.what_was_run(results),
        elsewhere=elsewhere,
        problem_rows=[] if elsewhere else facts.problem_rows(results.runs),
        **{name: ranks.attrs.get(name) for name in ("friedman", "kendalls_w", "critical_difference")},
        alpha=f"{100 * ALPHA:.0f}",
        files=written,
        sources=results.targets.to_dict("records"),
        overtaken=facts.overtaken(tables["crossings"], tables["verdict"]),
        unfinished=facts.unfinished(results.runs),
        **{name: flat(shown[name].head(MOST)).to_dict("records") for name in SHOWN},
        counts={name: _count(len(shown[name]), name) for name in SHOWN},
    )


def _sections(figures: list[Facts], index: dict[str, int]) -> list[tuple[str, str, list[int]]]:
    """Sections of figures: id, title, and the places of their figures; those that have none are left out."""
    known = {name for names in (*COMPUTED.values(), *(names for _, names in SECTIONS.values())) for name in names}
    rows = [(id_, title, [index[name] for name in names if name in index]) for id_, (title, names) in SECTIONS.items()]
    rows.append(("more", "More figures", [place for name, place in index.items() if name not in known]))
    return [row for row in rows if row[2]]


def _contents(sections: list[tuple[str, str, list[int]]], profile: bool, race: bool) -> list[tuple[str, str]]:
    """The ids and titles of all sections, in their order."""
    return [
        ("leaderboard", "Leaderboard"),
        ("scores", "Scores"),
        ("robustness", "Robustness"),
        ("ranking", "Ranking"),
        *([("profile", "Profiles")] if profile else []),
        *((id_, title) for id_, title, _ in sections),
        *([("race", "Race")] if race else []),
        ("notes", "Caveats"),
        ("run", "What was run"),
    ]


def _embedded(figures: list[Facts], placed: dict[str, list[int]]) -> list[Facts]:
    """The numbers of the figures that are drawn from them: not of those that the page computes itself."""
    computed = {place for places in placed.values() for place in places}
    names = ("name", "title", "error")
    return [
        {name: figure[name] for name in names if name in figure} | {"error": figure.get("error") or "computed"}
        if place in computed
        else {key: value for key, value in figure.items() if key not in ("caption", "sentence")}
        for place, figure in enumerate(figures)
    ]


def _count(rows: int, name: str) -> str:
    """How many rows of a table the page shows."""
    return f"{rows} rows" if rows <= MOST else f"{MOST} of {rows:,} rows, all in tables/{name}.csv"


def _protocol(results: Compared) -> str:
    """How the numbers came about, in a sentence."""
    comparison = results.compare()
    words = TUNINGS[comparison.tuning]
    words = words[0].upper() + words[1:]
    if results.unsaid:
        return f"{words}: the numbers of a table."
    trials, seeds = results.trials, results.experiment.get("tuning_seeds", 0)
    if trials.empty:
        return f"{words}; nothing was tuned."
    rates = trials.loc[trials["search"] == "lr"].groupby(["problem", "optimizer", "replicate"]).size()
    count = f"{rates.min()} to {rates.max()}" if rates.min() < rates.max() else str(rates.max())
    return (
        f"{words}: every replicate is a whole experiment, in which each method tries {count} rates on "
        f"{seeds} tuning seed{'s' * (seeds != 1)} and is evaluated on a fresh one. Cost is counted in evaluations of "
        "single examples."
    )


@lru_cache
def static(name: str) -> str:
    """A style sheet or script of the page."""
    return (files("optibench.report") / "static" / name).read_text(encoding="utf-8").strip()


@lru_cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("optibench.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": facts.number, "interval": facts.interval}
    return environment.get_template("report.html.j2")
