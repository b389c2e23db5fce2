"""Nodes of a formula as presentation MathML, in the names that the rule gives them.

A formula stops at nodes that have a name. It is written for one coordinate of arrays: terms of a sum that differ in the
coordinate only are a sum sign, and the root of a sum of squares is a norm.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isnan

from optibench.tracing.graph import Node
from optibench.tracing.notation import Symbol, symbol

#: A formula with more symbols than this is not readable.
MOST_SYMBOLS = 90
#: How tightly an operation holds its arguments together; in parentheses where more is asked for. BIG is the sum sign.
COMPARISON, SUM, NEGATIVE, BIG, PRODUCT, POWER, ATOM = range(7)
INFIX = {
    **{"add": ("+", SUM), "subtract": ("−", SUM), "multiply": ("", PRODUCT), "remainder": ("mod", PRODUCT)},
    **{"greater": ("&gt;", COMPARISON), "less": ("&lt;", COMPARISON), "equal": ("=", COMPARISON)},
    **{"greater_equal": ("≥", COMPARISON), "less_equal": ("≤", COMPARISON), "not_equal": ("≠", COMPARISON)},
    **{"logical_and": ("∧", COMPARISON), "logical_or": ("∨", COMPARISON)},
}
#: What is written around a single argument.
AROUND = {"absolute": ("|", "|"), "floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉")}
FUNCTIONS = {"maximum": "max", "minimum": "min", "trunc": "trunc", "log2": "log₂", "log10": "log₁₀"}
NUMBER = "number"
WORD = "word"
ONE = "<mn>1</mn>"


@dataclass(frozen=True)
class Named:
    """A node that has a name: the symbol, which array it belongs to, and which number of it it is."""

    symbol: Symbol
    owner: int
    place: int = 0
    before: bool = False  # of the state and of w: the value before the step

    @property
    def markup(self) -> str:
        if self.place:
            return self.symbol.at(self.place)
        return self.symbol.before if self.before else self.symbol.now


Names = Mapping[Node, Named]


@dataclass(frozen=True)
class Piece:
    """Markup, how tightly it holds together, and what it begins and ends with: a number, a word or a letter."""

    markup: str
    level: int = ATOM
    first: str = ""
    last: str = ""

    def at(self, level: int) -> str:
        return self.markup if self.level >= level else fenced(self.markup)


def math(markup: str) -> str:
    """A formula that stands by itself."""
    return f'<math displaystyle="true"><mrow>{markup}</mrow></math>'


def mathml(node: Node, names: Names) -> str | None:
    """The formula of a node, without ``<math>``; None where it has more than MOST_SYMBOLS: "see the code"."""
    if size(node, names, MOST_SYMBOLS + 1) > MOST_SYMBOLS:
        return None
    return Writer(names, {}).piece(node).markup


def bracketed(node: Node, names: Names) -> str | None:
    """The same; a condition that is a value stands in brackets, which are 1 where it holds and 0 elsewhere."""
    markup = mathml(node, names)
    return fenced(markup, "[", "]") if markup and node.is_condition and node not in names else markup


def size(node: Node, names: Container[Node], most: int) -> int:
    """How many symbols a formula takes, counted up to ``most``: a shared node is written wherever it is used."""
    total = 1
    for parent in () if node in names else node.parents:
        total += size(parent, names, most - total)
        if total >= most:
            break
    return total


def alike(a: object, b: object, names: Names) -> bool:
    """Whether two nodes are the same formula, of the same coordinate or of two coordinates of the same arrays."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(alike(x, y, names) for x, y in zip(a, b, strict=True))
    if not isinstance(a, Node) or not isinstance(b, Node):
        return a == b
    if a is b:
        return True
    if a in names or b in names:
        return a in names and b in names and names[a].owner == names[b].owner
    if a.op != b.op or a.op in ("const", "draw"):
        return False
    if a.op in ("input", "item"):
        return a.args[0] is b.args[0] or (a.op == "input" and a.args[0] == b.args[0])
    return alike(a.args, b.args, names)


def fenced(markup: str, left: str = "(", right: str = ")") -> str:
    return f'<mrow><mo stretchy="true">{left}</mo>{markup}<mo stretchy="true">{right}</mo></mrow>'


def cases(rows: Sequence[tuple[str, str | None]]) -> str:
    """A brace: a value and its condition a row; the last may have none."""
    cell = '<mtd style="text-align: left">'  # browsers ignore `columnalign`
    ends = ("<mtext>if\u00a0</mtext>" + condition if condition else "<mtext>else</mtext>" for _, condition in rows)
    cells = "".join(
        f"<mtr>{cell}{value}</mtd>{cell}{end}</mtd></mtr>" for (value, _), end in zip(rows, ends, strict=True)
    )
    return f'<mrow><mo stretchy="true">{{</mo><mtable>{cells}</mtable></mrow>'


def number(value: float | bool | None) -> Piece:
    """A constant, with six digits."""
    if isinstance(value, bool) or value is None:
        return Piece(f"<mtext>{'true' if value else 'false'}</mtext>")
    if isnan(value):
        return Piece("<mtext>nan</mtext>")
    sign, size = "−" if value < 0 else "", abs(value)
    mantissa, e, exponent = f"{size:.6g}".partition("e")
    digits = "<mi>∞</mi>" if size == inf else f"<mn>{mantissa}</mn>"
    if e:
        power = f"<mn>{abs(int(exponent))}</mn>"
        ten = f"<msup><mn>10</mn><mrow>{'<mo>−</mo>' if int(exponent) < 0 else ''}{power}</mrow></msup>"
        digits = ten if mantissa == "1" else f"{digits}<mo>⋅</mo>{ten}"
    if sign:
        return Piece(f"<mrow><mo>−</mo>{digits}</mrow>", NEGATIVE, NUMBER, NUMBER)
    return Piece(digits if not e else f"<mrow>{digits}</mrow>", PRODUCT if e else ATOM, NUMBER, NUMBER)


@dataclass(frozen=True)
class Writer:
    """Writes nodes by these names, where some conditions are known to hold or not."""

    names: Names
    known: Mapping[Node, bool]

    def piece(self, node: Node) -> Piece:
        if node in self.names:
            named = self.names[node]
            word = WORD if named.symbol.is_word else ""
            return Piece(named.markup, ATOM, word, word)
        if node.op == "const":
            return number(node.value)
        if node.op == "input":
            name = str(node.args[-1] if isinstance(node.args[-1], str) else node.args[0])
            mark = symbol(name)
            return Piece(mark.now, ATOM, *(WORD if mark.is_word else "",) * 2)
        if node.op == "item":
            return self._from_outside(node.parents[0])
        special: Callable[[Node], Piece] | None = getattr(self, f"_{node.op}", None)
        if special:
            return special(node)
        if node.op in INFIX:
            return self._infix(node)
        if node.op in AROUND:
            return Piece(fenced(self.piece(*node.parents).markup, *AROUND[node.op]))
        return self._called(FUNCTIONS.get(node.op, node.op.replace("arc", "ar")), node.parents)

    def _called(self, name: str, arguments: Sequence[Node]) -> Piece:
        inside = "<mo>,</mo>".join(self.piece(argument).markup for argument in arguments)
        return Piece(f"<mrow><mi>{name}</mi><mo>&#8289;</mo>{fenced(inside)}</mrow>", ATOM, WORD)

    def _infix(self, node: Node) -> Piece:
        sign, level = INFIX[node.op]
        first, second = node.parents
        left, right = self.piece(first), self.piece(second)
        tighter = level + (node.op == "subtract" or level == COMPARISON)
        if right.level == NEGATIVE:
            tighter = max(level, BIG)
        after = right.at(tighter)
        if not sign:
            dot = left.last or right.first
            sign = "⋅" if dot else "&#8290;"
        return Piece(f"<mrow>{left.at(level + (level == COMPARISON))}<mo>{sign}</mo>{after}</mrow>", level,
                     left.first, right.last if right.level >= tighter else "")  # fmt: skip

    def _add(self, node: Node) -> Piece:
        for first, second in (node.parents, node.parents[::-1]):
            if first not in self.names and is_zero(first):
                return self.piece(second)
        term = self._summand(node)
        if term is not None:
            return Piece(f"<mrow><mo>∑</mo>{self.piece(term).at(PRODUCT)}</mrow>", BIG)
        return self._infix(node)

    def _summand(self, node: Node) -> Node | None:
        """The first term of a sum over coordinates, which is added from left to right; None of any other sum."""
        if node in self.names or node.op != "add":
            return None
        rest, last = node.parents
        while not self._is_other(rest, last) and rest.op == "add" and self._is_other(rest.parents[1], last):
            rest = rest.parents[0]
        return rest if self._is_other(rest, last) else None

    def _is_other(self, a: Node, b: Node) -> bool:
        """Whether two nodes differ in their coordinate only."""
        return a is not b and alike(a, b, self.names)

    # Arrays of zeros and ones give a number the shape of another: ``1 + 0 * loss`` is written as 1.

    def _multiply(self, node: Node) -> Piece:
        first, second = node.parents
        if is_zero(node):
            return number(0.0)
        for one, other in (node.parents, node.parents[::-1]):
            if self.piece(one).markup == ONE:
                return self.piece(other)
        return self._square(node) if first is second else self._infix(node)

    def _divide(self, node: Node) -> Piece:
        if node.parents[1].value == 1:
            return self.piece(node.parents[0])
        above, below = (self.piece(parent).markup for parent in node.parents)
        return Piece(f'<mfrac displaystyle="true"><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>', PRODUCT)

    def _reciprocal(self, node: Node) -> Piece:
        below = self.piece(*node.parents).markup
        return Piece(f'<mfrac displaystyle="true"><mn>1</mn><mrow>{below}</mrow></mfrac>', PRODUCT)

    def _negative(self, node: Node) -> Piece:
        inside = self.piece(*node.parents)
        return Piece(f"<mrow><mo>−</mo>{inside.at(PRODUCT)}</mrow>", NEGATIVE, "", inside.last)

    def _sqrt(self, node: Node) -> Piece:
        (inside,) = node.parents
        term = self._summand(inside)
        if term is not None and term not in self.names and (base := squared(term)) is not None:
            return Piece(fenced(self.piece(base).markup, "‖", "‖"))
        return Piece(f"<msqrt>{self.piece(inside).markup}</msqrt>")

    def _square(self, node: Node) -> Piece:
        return self._raised(node.parents[0], "<mn>2</mn>")

    def _power(self, node: Node) -> Piece:
        return self._raised(node.parents[0], self.piece(node.parents[1]).markup)

    def _raised(self, node: Node, exponent: str) -> Piece:
        base = self.piece(node)
        inside = base.markup.removeprefix("<msub>")
        if node in self.names and inside != base.markup and base.markup.endswith("</msub>"):
            return Piece(
                f"<msubsup>{inside.removesuffix('</msub>')}<mrow>{exponent}</mrow></msubsup>", POWER, base.first
            )
        return Piece(f"<msup>{base.at(ATOM)}<mrow>{exponent}</mrow></msup>", POWER, base.first)

    def _exp(self, node: Node) -> Piece:
        return Piece(f"<msup><mi>e</mi><mrow>{self.piece(*node.parents).markup}</mrow></msup>", POWER)

    def _log1p(self, node: Node) -> Piece:
        inside = f"<mn>1</mn><mo>+</mo>{self.piece(*node.parents).at(SUM)}"
        return Piece(f"<mrow><mi>log</mi><mo>&#8289;</mo>{fenced(inside)}</mrow>", ATOM, WORD)

    def _logical_not(self, node: Node) -> Piece:
        return Piece(f"<mrow><mo>¬</mo>{self.piece(*node.parents).at(POWER)}</mrow>", POWER)

    def _minimum(self, node: Node) -> Piece:
        """The minimum, or clip(x, low, high)."""
        first, high = node.parents
        if first not in self.names and first.op == "maximum" and len(first.parents) == 2:
            return self._called("clip", (*first.parents, high))
        return self._extreme(node)

    def _maximum(self, node: Node) -> Piece:
        return self._extreme(node)

    def _extreme(self, node: Node) -> Piece:
        """The extreme of two numbers, or of an array's coordinates."""
        same = self._is_other(*node.parents)
        return self._called(FUNCTIONS[node.op], node.parents[:1] if same else node.parents)

    def _where(self, node: Node) -> Piece:
        """Cases; [condition] is 1 where it holds and 0 elsewhere."""
        rows: list[tuple[str, str | None]] = []
        known, rest = dict(self.known), node
        while rest.op == "where" and (not rows or rest not in self.names):
            condition, then, otherwise = rest.parents
            inside = replace(self, known=known)
            if condition in known:
                rest = then if known[condition] else otherwise
                if not rows:
                    return inside.piece(rest)
                continue
            if not rows and (then.value, otherwise.value) == (1.0, 0.0):
                return Piece(fenced(self.piece(condition).markup, "[", "]"))
            held = replace(self, known={**known, condition: True})
            rows.append((held.piece(then).markup, inside.piece(condition).markup))
            known[condition], rest = False, otherwise
        return Piece(cases([*rows, (replace(self, known=known).piece(rest).markup, None)]), SUM)

    def _from_outside(self, node: Node) -> Piece:
        """What a function of the loop gives: a gradient, loss or Hessian product at other points, or noise."""
        if node.op == "draw":
            return Piece("<mrow><mi>𝒩</mi><mo>&#8289;</mo><mo>(</mo><mn>0</mn><mo>,</mo><mn>1</mn><mo>)</mo></mrow>")
        name, *arrays = node.args
        point, *vector = (self.piece(array[0]) for array in arrays if isinstance(array, tuple))
        mark = {"grad": "<mo>∇</mo><mi>f</mi>", "value": "<mi>f</mi>"}.get(str(name), "")
        if vector:
            mark = "<msup><mo>∇</mo><mn>2</mn></msup><mi>f</mi>"
        after = f"<mo>&#8290;</mo>{vector[0].at(PRODUCT)}" if vector else ""
        level = PRODUCT if vector else ATOM
        return Piece(f"<mrow>{mark}<mo>&#8289;</mo>{fenced(point.markup)}{after}</mrow>", level, WORD)


def is_zero(node: Node) -> bool:
    """Whether a node is 0, or a product with 0."""
    return node.value == 0 or (node.op == "multiply" and any(parent.value == 0 for parent in node.parents))


def squared(node: Node) -> Node | None:
    """x of x squared; None of anything else."""
    if node.op == "square" or (node.op == "multiply" and node.parents[0] is node.parents[1]):
        return node.parents[0]
    return None
