"""Names of a rule's code as symbols of the field, in MathML: beta1 is β with index 1, m_hat is m with a hat.

A name is a symbol where its first part is a letter or the name of a Greek one; a word such as ``momentum`` or
``weight_decay`` stays a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

#: Greek letters by the names that code gives them.
GREEK = {
    **dict(zip(("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"), "αβγδεζηθ", strict=True)),
    **dict(zip(("iota", "kappa", "mu", "nu", "xi", "pi", "rho", "sigma", "tau"), "ικμνξπρστ", strict=True)),
    **dict(zip(("phi", "chi", "psi", "omega", "lambd", "lambda_", "lamda"), "φχψωλλλ", strict=True)),
}
#: Whole names by the symbol that the field has for them, unless the rule uses that letter itself.
ALIASES = {"lr": "η", "eps": "ε", "loss": "f"}
#: What a name ends in, by the accent over its letter.
ACCENTS = {"hat": "ˆ", "bar": "¯", "tilde": "˜"}


@dataclass(frozen=True)
class Symbol:
    """A name in MathML: its letter or word, and its index, which may be empty."""

    base: str
    index: str = ""
    #: More than a letter: a product with it needs a dot.
    is_word: bool = False

    @property
    def now(self) -> str:
        return f"<msub>{self.base}<mrow>{self.index}</mrow></msub>" if self.index else self.base

    @property
    def before(self) -> str:
        """The symbol with index t - 1: the value before the step."""
        index = f"{self.index}<mo>,</mo>" if self.index else ""
        return f"<msub>{self.base}<mrow>{index}<mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub>"

    def at(self, place: int) -> str:
        """The symbol with the number of one coordinate, from 1."""
        index = f"{self.index}<mo>,</mo>" if self.index else ""
        return f"<msub>{self.base}<mrow>{index}<mn>{place + 1}</mn></mrow></msub>"


def symbol(name: str) -> Symbol:
    """The symbol of a name by itself."""
    if name in ALIASES:
        return Symbol(f"<mi>{ALIASES[name]}</mi>")
    if name == "f_min":
        return Symbol("<msup><mi>f</mi><mo>∗</mo></msup>")
    whole = Symbol(f"<mi>{escape(name)}</mi>", is_word=len(name) > 1)
    stem, *parts = [name] if name in GREEK else name.split("_")
    letter, digits = re.fullmatch(r"(.*?)(\d*)", stem, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    letter = "ε" if letter == "eps" else GREEK.get(letter, letter)
    if len(letter) != 1 or not all(parts):
        word, _, place = name.rpartition("_")
        return Symbol(f"<mi>{escape(word)}</mi>", f"<mn>{place}</mn>", True) if word and place.isdecimal() else whole
    base = f"<mi>{escape(letter)}</mi>"
    if parts and parts[-1] in ACCENTS:
        base = f'<mover accent="true">{base}<mo stretchy="false">{ACCENTS[parts.pop()]}</mo></mover>'
    indices = [*([f"<mn>{digits}</mn>"] if digits else []), *(f"<mi>{escape(part)}</mi>" for part in parts)]
    return Symbol(base, "<mo>,</mo>".join(indices))


def notation(names: Iterable[str]) -> dict[str, Symbol]:
    """A symbol for each name of a rule, no two the same: where ``eta`` is a name, ``lr`` stays ``lr``."""
    found: dict[str, Symbol] = {}
    for name in sorted({*names}, key=lambda name: (name in ALIASES, name)):
        mark = symbol(name)
        found[name] = Symbol(f"<mi>{escape(name)}</mi>", is_word=True) if mark in found.values() else mark
    return found
