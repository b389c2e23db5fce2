"""Errors that users see: one line that names the input, the reason and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class InputError(ValueError):
    """Bad input: one line that names the input, the reason and the fix.

    Catch this one for all of them::

        InputError
          ├── UnknownName      no plugin, setting or column has this name; says the nearest
          ├── SettingError     a setting, hyperparameter or argument does not take this value
          ├── PluginError      a plugin cannot be loaded, or what it registers breaks its contract
          │     └── RuleError  an optimizer breaks its contract while it trains; in results, the reason of a run
          ├── TraceError       a file of reference traces cannot be read
          └── StoreError       a folder of results cannot be read or written

    WorkerDied stands outside: a process that ends costs the runs it was training, and no input is to blame.
    """


class UnknownName(InputError):
    """No ``kind`` has this name; the message says which names do, the nearest first."""

    def __init__(self, kind: str, name: object, names: Iterable[str]) -> None:
        self.kind, self.name, self.names = kind, str(name), tuple(names)
        super().__init__(kind, self.name, self.names)  # what pickle calls the class with

    def __str__(self) -> str:
        return f"no {self.kind} named {quoted(self.name)}; {nearest(self.name, self.names)}"


class SettingError(InputError):
    """A setting, hyperparameter or argument does not take this value; ``setting`` is its name, where it is known."""

    def __init__(self, message: str, setting: str = "") -> None:
        self.setting = setting
        super().__init__(message, setting)

    def __str__(self) -> str:
        return str(self.args[0])


class PluginError(InputError):
    """A plugin cannot be loaded, shares a name with another, or registers something that breaks its contract."""


class RuleError(PluginError):
    """What an optimizer returned is not what its signature declares."""


class TraceError(InputError):
    """A file of reference traces cannot be read."""


class StoreError(InputError):
    """A folder of results cannot be read or written."""


class WorkerDied(Exception):
    """A worker process ended before its cohort did."""

    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode
        super().__init__(exitcode)

    def __str__(self) -> str:
        return f"its process died with exit code {self.exitcode}"


def quoted(name: str) -> str:
    """A name as messages show it: in quotes and on one line."""
    return f"'{name}'" if name.isprintable() else ascii(name)


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of an error message: the nearest valid name, or all of them."""
    names = sorted(names)
    close = get_close_matches(name, names, 1, 0.5)
    return f"nearest: {close[0]}" if close else f"valid names: {', '.join(names) or 'none'}"


def reason(error: BaseException) -> str:
    """An exception in one line, with the plugin's file and line that raised it."""
    if isinstance(error, SyntaxError):
        return f"syntax error at line {error.lineno}: {error.msg}"
    where, trace = "", error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith("<"):  # as Python itself names code that no file holds
            where = f" ({Path(code.co_filename).name}:{trace.tb_lineno})"
        trace = trace.tb_next
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"
