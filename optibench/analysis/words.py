"""Numbers and names in sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

#: A part of a sentence leads somewhere: to a method, a problem, or a section of the page. It is marked by characters
#: that no name holds, so that sentences are put together as text.
OPEN, LEADS, CLOSE = "\x02", "\x1f", "\x03"
MARKED = re.compile(f"{OPEN}([^{LEADS}]*){LEADS}([^{LEADS}]*){LEADS}([^{CLOSE}]*){CLOSE}")


@dataclass(frozen=True)
class Part:
    """``kind``: method, problem, section, or nothing; ``target``: which one."""

    text: str
    kind: str = ""
    target: str = ""


def part(kind: str, target: str, text: str = "") -> str:
    """Text that leads to a method, a problem or a section; its name by default."""
    clean = [re.sub("[\x00-\x1f]", " ", word) for word in (kind, target, text or target)]
    return f"{OPEN}{LEADS.join(clean)}{CLOSE}"


def parts(sentence: str) -> list[Part]:
    """The parts of a marked sentence, in order."""
    found, end = [], 0
    for match in MARKED.finditer(sentence):
        found += [Part(sentence[end : match.start()]), Part(match[3], match[1], match[2])]
        end = match.end()
    return [one for one in (*found, Part(sentence[end:])) if one.text]


def plain(sentence: str) -> str:
    """A marked sentence as it reads."""
    return MARKED.sub(r"\3", sentence)


def named_methods(names: list[str]) -> str:
    """Methods in a list."""
    return listing([part("method", name) for name in names])


def named_problems(names: list[str]) -> str:
    """Problems in a list."""
    return listing([part("problem", name) for name in names])


def listing(names: list[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def count(number: int, word: str) -> str:
    """1 seed, 2 seeds."""
    return f"{number} {word}{'s' * (number != 1)}"


def about(p: float) -> str:
    """A p-value."""
    return "p < .001" if p < 0.001 else f"p = {digits(p)}"


def at_most(p: float) -> str:
    """The largest of several p-values."""
    return "p < .001" if p < 0.001 else f"p <= {digits(p)}"


def at_least(p: float) -> str:
    """The smallest of several p-values."""
    return about(p) if p > 0.995 else f"p >= {digits(p)}"


def digits(p: float) -> str:
    """Of a number from 0 to 1, without the leading zero, three digits below .1 lest .049 and .051 look alike."""
    text = f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"
    return text.removeprefix("0")


def span(low: float, high: float, form: str = ".3g", inside: bool = False) -> str:
    """A 95 % interval, in brackets of its own or after a comma; nothing where too few values give none."""
    if not (isfinite(low) or isfinite(high)):
        return ""
    ends = f"95 % interval {_end(low, form)} to {_end(high, form)}"
    return f", {ends}" if inside else f" ({ends})"


def _end(value: float, form: str) -> str:
    return f"{value:{form}}" if isfinite(value) else "unfinished" if value > 0 else "-inf"
