"""A named experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Suite:
    """A named experiment: ``facts`` are the fields of an experiment file."""

    name: str
    summary: str
    facts: Mapping[str, Any]
