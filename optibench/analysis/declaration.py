"""An analysis, declared once on its method: what it shows and what its columns mean. Everything else finds it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd
from pandas.api.types import is_object_dtype

Method = TypeVar("Method", bound=Callable[..., pd.DataFrame])


@dataclass(frozen=True)
class Analysis:
    """``summary``: what the table shows; ``columns``: every column of it, in order, with its meaning."""

    summary: str
    columns: Mapping[str, str]


def analysis(summary: str, columns: Mapping[str, str]) -> Callable[[Method], Method]:
    """Declare a method of Results as an analysis: it takes the filters and returns a frame with these columns."""

    def declare(method: Method) -> Method:
        method.analysis = Analysis(summary, columns)  # type: ignore[attr-defined]  # functions have any
        return method

    return declare


def analyses(owner: type) -> dict[str, Analysis]:
    """The analyses of a class by the names of their methods, in the order in which they are written."""
    members = {name: member for part in reversed(owner.__mro__) for name, member in vars(part).items()}
    declared = {name: getattr(member, "analysis", None) for name, member in members.items()}
    return {name: what for name, what in declared.items() if isinstance(what, Analysis)}


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame for print and CSV: lists joined by "; ", settings as name value."""
    columns = [name for name in frame if is_object_dtype(frame[name])]
    return frame.assign(**{name: frame[name].map(_flat) for name in columns})


def _flat(cell: object) -> object:
    if isinstance(cell, list):
        return "; ".join(map(str, cell))
    if isinstance(cell, dict):
        return "; ".join(f"{name} {value}" for name, value in sorted(cell.items()))
    return cell
