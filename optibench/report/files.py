"""Chosen figures and tables as files of chosen formats, for papers and other programs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from optibench.analysis.comparison import Compared
from optibench.errors import SettingError, StoreError, UnknownName, quoted, reason
from optibench.plugin.figure import Figure
from optibench.report.draw import draw, save
from optibench.report.layout import STYLES
from optibench.report.tables import FORMATS as TABLES
from optibench.runner.store import write_whole

FIGURES = ("png", "svg", "pdf")
PAGE = "html"
FORMATS = (*FIGURES, *TABLES, PAGE)
#: What is written of the chosen names if no format is.
DEFAULT = ("svg", "csv")
#: Names of several figures and tables at once.
GROUPS = {"profiles": ("performance-profile", "data-profile", "ecdf", "profile")}

Tables = Mapping[str, Callable[[], pd.DataFrame]]


def write_files(
    results: Compared, figures: Mapping[str, Figure], tables: Tables, folder: Path, only: Sequence[str],
    formats: Sequence[str], style: str, titles: Mapping[str, str],
) -> list[Path]:  # fmt: skip
    """Write figures/NAME.FORMAT and tables/NAME.FORMAT into a folder; returns their paths.

    ``only``: names of figures, tables or GROUPS, all of them if empty; ``titles``: what each table shows. A figure that
    fails or has nothing to show is left out with a warning. UnknownName for a name, format or style that there is not;
    SettingError where no name is of a format's kind; StoreError if nothing could be written.
    """
    names = chosen(only, figures, tables)
    shown = [figure for name, figure in figures.items() if name in names]
    listed = {name: make for name, make in tables.items() if name in names}
    for given in formats:
        if given not in FORMATS:
            raise UnknownName("format", given, FORMATS)
        kind, there, valid = ("figure", shown, figures) if given in FIGURES else ("table", listed, tables)
        if given != PAGE and not there:
            names_of_kind = ", ".join(sorted(valid))
            raise SettingError(
                f"format {given} is for {kind}s, and {', '.join(only)} names none; name one of {names_of_kind}"
            )
    if style not in STYLES:
        raise UnknownName("style", style, STYLES)
    wanted = formats or DEFAULT
    try:
        pictures = [given for given in FIGURES if given in wanted]
        paths = [path for figure in shown if pictures for path in _figure(figure, results, folder, pictures, style)]
        for name, make in listed.items():
            table = make() if any(given in TABLES for given in wanted) else pd.DataFrame()
            for given in (given for given in TABLES if given in wanted):
                ending, text = TABLES[given]
                content = text(table, results.factor, f"{name}: {titles.get(name, 'one row a run')}")
                paths.append(_write(folder / "tables" / f"{name}.{ending}", content.encode()))
    except OSError as error:
        raise StoreError(f"cannot write to '{folder}': {error.strerror}; choose another folder") from error
    if not paths and PAGE not in wanted:
        raise StoreError("nothing was written: no chosen figure could be drawn; choose others")
    return paths


def chosen(only: Sequence[str], figures: Mapping[str, Figure], tables: Tables) -> set[str]:
    """The names that are meant, groups as their members."""
    valid = {*figures, *tables, *GROUPS}
    for name in only:
        if name not in valid:
            raise UnknownName("figure or table", name, valid)
    return {member for name in only for member in GROUPS.get(name, (name,))} if only else {*figures, *tables}


def _figure(figure: Figure, results: Compared, folder: Path, formats: Sequence[str], style: str) -> list[Path]:
    try:
        canvas = draw(figure, results, style)
        if canvas is None:
            warnings.warn(f"figure {quoted(figure.name)} has nothing to show for these results", stacklevel=2)
            return []
        contents = {given: save(canvas, given, style) for given in formats}
    except Exception as error:  # a plugin may raise anything
        warnings.warn(f"figure {quoted(figure.name)} could not be drawn: {reason(error)}", stacklevel=2)
        return []
    return [_write(folder / "figures" / f"{figure.name}.{given}", content) for given, content in contents.items()]


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return path
