"""A choice: the name of a registered piece with settings, and how it is written everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Choice = tuple[str, Mapping[str, Any]]
#: What a written choice gives a meaning: names hold neither of the first two, and a value that holds one is quoted.
NAME_ENDS, BETWEEN, EQUALS = ":", ",", "="


def label(name: str, parameters: Mapping[str, object]) -> str:
    """How a choice is written everywhere: ``quadratic:condition=10,dimension=2``."""
    settings = BETWEEN.join(f"{key}{EQUALS}{_plain(value)}" for key, value in sorted(parameters.items()))
    return f"{name}{NAME_ENDS}{settings}" if settings else name


def _plain(value: object) -> str:
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, str):
        ambiguous = not value.isprintable() or {NAME_ENDS, BETWEEN, EQUALS, '"'} & {*value}
        return json.dumps(value, ensure_ascii=False) if ambiguous else value
    return str(getattr(value, "name", value))  # an activation by its name, the same in every process


def is_storable(text: str) -> bool:
    """Whether files can hold a text: UTF-8 has no bytes for half a surrogate pair, and NUL ends a string elsewhere."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
