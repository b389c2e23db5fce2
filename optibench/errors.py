"""Errors that users see: one line that names the input, the reason and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class InputError(ValueError):
    """Bad input: one line that names the input, the reason and the mend."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of an error message: the nearest valid name, or all of them."""
    names = sorted(names)
    close = get_close_matches(name, names, 1, 0.5)
    return f"nearest: {close[0]}" if close else f"there are: {', '.join(names) or 'none'}"


def reason(error: BaseException) -> str:
    """An exception in one line, with the place in the plugin where it was raised."""
    if isinstance(error, SyntaxError):
        return f"syntax error at line {error.lineno}: {error.msg}"
    place, trace = "", error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith("<"):
            place = f" ({Path(code.co_filename).name}:{trace.tb_lineno})"
        trace = trace.tb_next
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


class StoreError(InputError):
    """A folder of results that cannot be read or written."""
