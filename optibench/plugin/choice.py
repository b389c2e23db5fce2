"""A choice: the name of a plugin's piece with settings, and how it is written everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Choice = tuple[str, Mapping[str, Any]]


def label(name: str, parameters: Mapping[str, Any]) -> str:
    """How a choice is written everywhere: ``quadratic:condition=10,dimension=2``."""
    settings = ",".join(f"{key}={_plain(value)}" for key, value in sorted(parameters.items()))
    return f"{name}:{settings}" if settings else name


def _plain(value: Any) -> str:
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(getattr(value, "name", value))  # an activation by its name, the same in every process
