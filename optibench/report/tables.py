"""Tables as files: CSV with every digit; Markdown and LaTeX for people, with 4 digits and both ends of an interval."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pandas as pd

from optibench.analysis.declaration import flat

#: What LaTeX reads as commands, and what prints it.
LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip
#: A column with a longer text than this is broken into lines.
LONGEST = 60


def csv(table: pd.DataFrame, factor: str = "optimizer", title: str = "") -> str:
    """The table with all of its columns and digits."""
    return flat(table).to_csv(index=False)


def markdown(table: pd.DataFrame, factor: str = "optimizer", title: str = "") -> str:
    """The table for a page in Markdown; the method's column has the name of the compared factor."""
    columns = _columns(table, factor)
    lines = [[_markdown(name) for name, _ in columns], ["---:" if _is_number(cells) else "---" for _, cells in columns]]
    lines += [[_markdown(_text(cell)) for cell in row] for row in zip(*(cells for _, cells in columns), strict=True)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def latex(table: pd.DataFrame, factor: str = "optimizer", title: str = "") -> str:
    """The table as a ``tabular`` with the rules of booktabs; the method's column has the name of the factor."""
    columns = _columns(table, factor)
    shape = "".join(_alignment(cells) for _, cells in columns)
    rows = zip(*(cells for _, cells in columns), strict=True)
    return "\n".join(
        [
            f"% {' '.join(title.split())}; needs \\usepackage{{booktabs}}",
            f"\\begin{{tabular}}{{{shape}}}",
            "\\toprule",
            " & ".join(_latex(name) for name, _ in columns) + " \\\\",
            "\\midrule",
            *(" & ".join(_latex_cell(cell) for cell in row) + " \\\\" for row in rows),
            "\\bottomrule",
            "\\end{tabular}\n",
        ]
    )


#: format -> the ending of its files, and what writes it.
FORMATS: dict[str, tuple[str, Callable[[pd.DataFrame, str, str], str]]] = {
    "csv": ("csv", csv),
    "md": ("md", markdown),
    "latex": ("tex", latex),
}


def _columns(table: pd.DataFrame, factor: str) -> list[tuple[str, list[object]]]:
    """Headings and cells; the columns ``low`` and ``high`` are one, and those of any other interval."""
    table = flat(table)
    columns: list[tuple[str, list[object]]] = []
    for name in table:
        cells = table[name].astype(object).tolist()
        if name.endswith("low") and (other := f"{name[:-3]}high") in table:
            cells = [(low, high) for low, high in zip(cells, table[other], strict=True)]
            columns.append((f"{name[:-3].replace('_', ' ')}95 % interval", cells))
        elif not (name.endswith("high") and f"{name[:-4]}low" in table):
            columns.append((factor if name == "optimizer" else str(name).replace("_", " "), cells))
    return columns


def _text(cell: object) -> str:
    """A cell in words: numbers with 4 significant digits, nothing where there is none."""
    if isinstance(cell, tuple):
        return "" if not any(map(_is_finite, cell)) else f"[{_text(cell[0])}, {_text(cell[1])}]"
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}" if math.isfinite(cell) else "unfinished" if cell > 0 else "-inf"
    return " ".join(str(cell).split())


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _latex_cell(cell: object) -> str:
    if isinstance(cell, tuple) and any(map(_is_finite, cell)):
        return f"[{_latex_cell(cell[0])}, {_latex_cell(cell[1])}]"
    text = _text(cell)
    if isinstance(cell, float) and math.isfinite(cell):
        mantissa, _, power = text.partition("e")
        return f"${mantissa} \\times 10^{{{int(power)}}}$" if power else f"${text}$"
    return _latex(text) or "--"


def _is_finite(cell: object) -> bool:
    return isinstance(cell, int | float) and math.isfinite(cell)


def _is_number(cells: list[object]) -> bool:
    return all(isinstance(cell, int | float | tuple) and not isinstance(cell, bool) for cell in cells if cell == cell)


def _alignment(cells: list[object]) -> str:
    if _is_number(cells):
        return "r"
    return r"p{0.4\linewidth}" if max((len(_text(cell)) for cell in cells), default=0) > LONGEST else "l"
