"""A folder of results with its analyses, and what is made of them: the page, files, pictures, notebooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from optibench.analysis.analyses import Analyses
from optibench.analysis.comparison import Compared
from optibench.analysis.declaration import analyses
from optibench.analysis.foreign import from_table, read_csv
from optibench.analysis.pairs import pairwise
from optibench.analysis.replication import claims
from optibench.errors import StoreError, quoted
from optibench.plugin.figure import Figure
from optibench.plugin.registry import Registry
from optibench.runner.store import RUNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas  # heavy

    from optibench.report.notebook import Interactive


@dataclass(frozen=True)
class Results(Analyses):
    """What a folder holds, and its analyses. ``runs``: one row a run; ``curves``: one row a recorded point."""

    def claims(self, replication: Compared) -> pd.DataFrame:
        """One row a significant pair of these results, and whether an independent replication confirms it."""
        return claims(pairwise(self.compare()), pairwise(replication.compare()))

    def tables(self) -> dict[str, pd.DataFrame]:
        """The frame of every analysis by its name."""
        return {name: getattr(self, name)() for name in analyses(type(self))}

    def report(
        self, folder: Path | str | None = None, figures: list[Figure] | None = None, known: Registry | None = None
    ) -> Path:
        """Write index.html, figures/ and tables/ into ``folder`` (the store's own by default); returns the page.

        ``figures``: all that are registered by default; ``known``: the registry of the rules that the page runs.
        """
        from optibench.plugin.registry import registry
        from optibench.report.page import write_report

        known = known or registry()
        shown = list(known["figure"].values()) if figures is None else figures
        return write_report(self, self.tables(), self._target(folder), shown, known)

    def write(
        self,
        folder: Path | str | None = None,
        only: Sequence[str] = (),
        formats: Sequence[str] = (),
        style: str = "screen",
        figures: list[Figure] | None = None,
        known: Registry | None = None,
    ) -> list[Path]:
        """Write the figures and tables that ``only`` names, all by default, into ``folder``; returns the files.

        ``formats``: png, svg and pdf for figures, csv, md and latex for tables, html for the page; by default svg and
        csv. ``style`` of figures: screen, or paper (columns of 3.3 and 6.9 inches, 8 points).
        """
        from optibench.plugin.registry import registry
        from optibench.report.files import PAGE, chosen, write_files

        known = known or registry()
        there = known["figure"] if figures is None else {figure.name: figure for figure in figures}
        declared, target = analyses(type(self)), self._target(folder)
        tables: dict[str, Callable[[], pd.DataFrame]] = {name: getattr(self, name) for name in declared}
        tables["runs"] = lambda: self.runs
        titles = {name: what.summary for name, what in declared.items()}
        files = write_files(self, there, tables, target, only, formats, style, titles)
        if PAGE in formats:
            names = chosen(only, there, tables)
            files.append(self.report(target, [figure for name, figure in there.items() if name in names], known))
        return files

    def plot(self, figure: str | Figure, style: str = "screen") -> Canvas:
        """A figure, by its name or as declared, as matplotlib's; ``style`` is screen or paper."""
        from optibench.plugin.registry import registry
        from optibench.report.draw import draw

        shown: Figure = registry().get("figure", figure) if isinstance(figure, str) else figure
        canvas = draw(shown, self, style)
        if canvas is None:
            raise StoreError(f"figure {quoted(shown.name)} has nothing to show for these results; choose another")
        return canvas

    def show(self, figure: str | Figure) -> Interactive:
        """A figure of the page, by its name or as declared, interactive in a notebook."""
        from optibench.plugin.registry import registry
        from optibench.report.notebook import interactive

        known = registry()
        shown: Figure = known.get("figure", figure) if isinstance(figure, str) else figure
        return interactive(self, self.tables(), shown, known)

    def to_html(self, path: Path | str) -> Path:
        """Write the page alone, one file without pictures and tables beside it; returns its path."""
        from optibench.plugin.registry import registry
        from optibench.report.page import write_page

        known = registry()
        return write_page(self, self.tables(), Path(path), list(known["figure"].values()), known)

    def _repr_html_(self) -> str:
        from optibench.report.notebook import summary

        return summary(self.verdict(), self.ranks())

    def _target(self, folder: Path | str | None) -> Path:
        """Where files go: the store's own folder by default, but not the results of others for a table."""
        target = Path(folder or self.folder)
        if self.unsaid and (target / RUNS).is_dir():
            raise StoreError(f"'{target}' holds results of its own; choose another folder for the report of the table")
        return target


def load(path: Path | str) -> Results:
    """Read a folder, of its runs those of the experiment that was last run there; or a table from elsewhere, a file."""
    path = Path(path)
    if path.is_dir() or not (path.is_file() or path.suffix == ".csv"):
        return Results.read(path)
    return from_table(Results, read_csv(path), str(path))


def from_frame(frame: pd.DataFrame, name: str = "table") -> Results:
    """The results in a table from elsewhere: a row a run, or with a column ``step`` a row a recorded point."""
    return from_table(Results, frame, name)
