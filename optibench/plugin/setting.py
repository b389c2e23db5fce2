"""A setting is one row, from which come its option, its key in a file, its keyword, its docs and its errors."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from math import isfinite, nan
from numbers import Integral, Real
from typing import TypeVar, cast

from optibench.errors import SettingError, UnknownName

T = TypeVar("T")
Called = TypeVar("Called", bound=Callable[..., object])


class Kind:
    """What the values of a setting are: ``read`` from the text of an option, ``check``ed, and written to a file."""

    python = "str"  # the type that a signature shows

    def read(self, text: str) -> object:
        """The value that an option's text means; text that means none is left for ``check`` to refuse."""
        return text

    def check(self, name: str, value: object) -> object:
        """The value as it is kept, or an error of one line that names the setting."""
        return value

    def write(self, value: object) -> object:
        """The value as a file has it; None is left out."""
        return value


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number from ``low`` to ``high``; ``note`` says why not more."""

    low: int = 1
    high: int | None = None
    note: str = ""
    python = "int"

    def read(self, text: str) -> object:
        return _read(int, text)

    def check(self, name: str, value: object) -> int:
        if isinstance(value, Integral) and not isinstance(value, bool):
            number = int(value)
            if number >= self.low and (self.high is None or number <= self.high):
                return number
        most = "" if self.high is None else f", at most {self.high}"
        raise SettingError(f"{name} = {shown(value)}: must be a whole number, at least {self.low}{most}{self.note}")


@dataclass(frozen=True)
class Number(Kind):
    """A finite number, at least ``low``, or above it."""

    low: float = 0.0
    above: bool = False
    python = "float"

    def read(self, text: str) -> object:
        return _read(float, text)

    def check(self, name: str, value: object) -> float:
        number = nan
        if isinstance(value, Real) and not isinstance(value, bool):
            number = cast(float, _read(float, str(value)))
        if isfinite(number) and (number > self.low if self.above else number >= self.low):
            return number
        least = f"more than {self.low:g}" if self.above else f"at least {self.low:g}"
        raise SettingError(f"{name} = {shown(value)}: must be a finite number, {least}")


@dataclass(frozen=True)
class Flag(Kind):
    """True or false."""

    python = "bool"

    def check(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise SettingError(f"{name} = {shown(value)}: must be true or false")
        return value


@dataclass(frozen=True)
class OneOf(Kind):
    """One of some names, which may be declared later than the setting; ``noun`` is what errors call it."""

    names: Callable[[], Collection[str]]
    noun: str = ""

    def check(self, name: str, value: object) -> str:
        if not isinstance(value, str) or value not in self.names():
            raise UnknownName(self.noun or name, value, self.names())
        return value


@dataclass(frozen=True)
class Text(Kind):
    """A text that matches a pattern; ``right`` says what would."""

    pattern: str = r"(?s).+"
    right: str = "must be a text that is not empty"

    def check(self, name: str, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise SettingError(f"{name} = {shown(value)}: {self.right}")
        return value


@dataclass(frozen=True)
class Names(Kind):
    """One name, or a list of them."""

    python = "str | list[str]"

    def read(self, text: str) -> object:
        return text.split(",")

    def check(self, name: str, value: object) -> list[str]:
        items = value if isinstance(value, list | tuple) else [value]
        names = [item for item in items if isinstance(item, str) and item]
        if not names or len(names) < len(items):
            raise SettingError(f"{name} = {shown(value)}: must be a name, or a list of names")
        return names


@dataclass(frozen=True)
class Setting:
    """One row: everything that is said about a setting anywhere."""

    name: str
    default: object
    kind: Kind
    help: str  # one sentence, without its full stop
    group: str
    flag: str | None = ""  # of `optibench run`: --NAME by default; None where it has no option
    metavar: str = ""
    repeatable: bool = False  # whether its option may be given several times
    details: str = ""  # what the docs say besides
    unset: str = ""  # the default in words, where it depends on something else
    factor: str = ""  # the name under which `compare` compares its levels
    parameter: str = ""  # the parameter of problems that it sets, if it is one

    @property
    def switch(self) -> str:
        """Its option, with that which turns it off if it is on by default; empty where it has none."""
        return f"{self.flag}/--no-{self.flag[2:]}" if self.flag and self.default is True else self.flag or ""

    @property
    def option(self) -> str:
        """Its option with what follows it."""
        return f"{self.switch} {self.metavar}".strip()

    @property
    def default_text(self) -> str:
        """The default as a file would have it, or in words."""
        written = self.kind.write(self.default)
        return self.unset or ("none" if written is None else json.dumps(written))

    @property
    def help_text(self) -> str:
        """Its help, with the names to choose from, as the command line and docstrings show it."""
        names = [*self.kind.names()] if isinstance(self.kind, OneOf) else []
        return self.help + (f": {', '.join(names[:-1])} or {names[-1]}" if names else "")

    def check(self, value: object) -> object:
        return self.kind.check(self.name, value)


def setting(
    default: T,
    *,
    kind: Kind,
    help: str,
    group: str,
    flag: str | None = "",
    metavar: str = "",
    repeatable: bool = False,
    details: str = "",
    unset: str = "",
    factor: str = "",
) -> T:
    """A dataclass field that carries its row; see Setting."""
    row = Setting("", default, kind, help, group, flag, metavar, repeatable, details, unset, factor)
    return field(default=default, metadata={"setting": row})


def rows_of(declaration: type) -> list[Setting]:
    """The rows of a dataclass, one for each field that ``setting`` declares."""
    return [
        named(replace(item.metadata["setting"], name=item.name))
        for item in fields(declaration)
        if "setting" in item.metadata
    ]


def named(row: Setting) -> Setting:
    """A row whose option is called after its setting where it has no other name."""
    return replace(row, flag=f"--{row.name.replace('_', '-')}") if row.flag == "" else row


def takes(rows: Iterable[Setting], *, only: bool = True) -> Callable[[Called], Called]:
    """Decorate a function with ``**keywords``: its signature and docstring show the rows as keyword arguments.

    ``only``: it takes no others.
    """

    def documented(function: Called) -> Called:
        signature = inspect.signature(function)
        own = [item for item in signature.parameters.values() if item.kind is not item.VAR_KEYWORD]
        rest = [] if only else [item for item in signature.parameters.values() if item.kind is item.VAR_KEYWORD]
        names = {item.name for item in own}
        shown_rows = [row for row in rows if row.name not in names]
        keywords = [_parameter(row) for row in shown_rows]
        lines = [
            textwrap.fill(
                f"{row.name}: {row.help_text}; default: {row.default_text}.", 116, initial_indent=" " * 4,
                subsequent_indent=" " * 8, break_on_hyphens=False,
            )
            for row in shown_rows
        ]  # fmt: skip
        function.__signature__ = signature.replace(parameters=[*own, *keywords, *rest])  # type: ignore[attr-defined]  # any may
        function.__doc__ = "\n".join([inspect.getdoc(function) or "", "", "Settings:", *lines])
        return function

    return documented


def _parameter(row: Setting) -> inspect.Parameter:
    default = None if row.unset else row.kind.write(row.default)
    optional = row.kind.python if default is not None else f"{row.kind.python} | None"
    return inspect.Parameter(row.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=optional)


def shown(value: object) -> str:
    """A value in an error message: on one line, and not long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _read(parse: Callable[[str], object], text: str) -> object:
    try:
        return parse(text)
    except ValueError:
        return text
