"""A named experiment."""

from __future__ import annotations

from dataclasses import dataclass

from optibench.plugin.types import Facts


@dataclass(frozen=True)
class Suite:
    """A named experiment: ``facts`` are the fields of an experiment file."""

    name: str
    summary: str
    facts: Facts
