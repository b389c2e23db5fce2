"""A formula as a graph: numbers, the operations between them, and the ways that an ``if`` opens.

A function is run on symbols and leaves behind what it computed. Every number is a `Node`, an operation with its
arguments, and equal nodes are one object. A Python ``if`` on a node is answered True and remembered; the function is
then run again for the other answer. What comes out is a `Formula`: blocks of nodes in the order of their computation.
Nothing here knows in what language a formula is written.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from optibench.errors import InputError

#: A function with more ways through its ``if``s than this has no readable formula.
MOST_WAYS = 256
#: The operations of a formula by NumPy's name, each as a function of float64 scalars. Where Python's operator gives the
#: same bits as the ufunc it stands here, because it is several times as fast.
OPERATIONS: dict[str, Callable[..., object]] = {
    **{"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv},
    **{"negative": operator.neg, "square": lambda a: a * a, "reciprocal": lambda a: 1 / a},
    **{"greater": operator.gt, "greater_equal": operator.ge, "less": operator.lt, "less_equal": operator.le},
    **{"equal": operator.eq, "not_equal": operator.ne},
    **{"logical_and": lambda a, b: a and b, "logical_or": lambda a, b: a or b, "logical_not": operator.not_},
    "where": lambda condition, a, b: a if condition else b,
    **{
        name: getattr(np, name)
        for name in (
            *("power", "remainder", "floor_divide", "maximum", "minimum", "arctan2", "hypot"),
            *("absolute", "sign", "sqrt", "cbrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10"),
            *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh"),
            *("arctanh", "floor", "ceil", "trunc", "isnan", "isfinite", "isinf"),
        )
    },
}
#: Operations whose value is True or False.
CONDITIONS = {
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    *("logical_and", "logical_or", "logical_not", "isnan", "isfinite", "isinf"),
}
#: What `power` is at these exponents, as in NumPy's ``**``.
POWERS = {0.5: "sqrt", 2.0: "square", -1.0: "reciprocal"}


class Untraceable(InputError):
    """A function did something with a symbol that has no formula; ``nodes`` are the numbers that it wanted to know."""

    def __init__(self, message: str, nodes: tuple[Node, ...] = ()) -> None:
        self.nodes = nodes
        super().__init__(message)


def no_formula(name: str) -> Untraceable:
    return Untraceable(f"{name} has no formula here")


@dataclass(frozen=True, eq=False)
class Node:
    """One number of a formula. Equal nodes are one object, so they are compared by identity.

    ``op`` is a key of OPERATIONS, whose ``args`` are nodes, or one of

    - ``const``: args (value,), a float or a bool
    - ``input``: args (name,) or (name, key): an argument of the formula, or an item of it
    - ``call``: args (function, *lists of nodes): a function of the page or the loop, called with arrays
    - ``draw``: args (place,): the noise that the function draws the place-th time
    - ``item``: args (call or draw, index)
    """

    op: str
    args: tuple[object, ...]
    number: int  # in the order in which nodes were made: arguments come before what they are used in

    @property
    def parents(self) -> tuple[Node, ...]:
        """The nodes that must be known first."""
        flat = (part for arg in self.args for part in (arg if isinstance(arg, tuple) else (arg,)))
        return tuple(part for part in flat if isinstance(part, Node))

    @property
    def is_condition(self) -> bool:
        return self.op in CONDITIONS or (self.op == "const" and isinstance(self.args[0], bool))

    @property
    def value(self) -> float | bool | None:
        """The number of a constant; None for all others."""
        return self.args[0] if self.op == "const" else None  # type: ignore[return-value]  # as the class says

    # An array takes a bare node out of itself only where it wants a number or a truth, not a formula.

    def __float__(self) -> float:
        if self.value is None:
            raise Untraceable(
                f"it needs the value of {described(self)}, not a formula, as float(), int(), math functions and "
                "assignment into numpy.zeros(...) do",
                (self,),
            )
        return float(self.value)

    def __int__(self) -> int:
        return int(float(self))

    def __bool__(self) -> bool:
        return truth(self)


def described(node: Node) -> str:
    """A node as a message names it: an argument or a hyperparameter by its name."""
    if node.op != "input":
        return "a result"
    return str(node.args[-1] if isinstance(node.args[-1], str) else node.args[0])


@dataclass
class Trace:
    """One run of a function on symbols: the nodes of all runs, and what its ``if``s were answered."""

    nodes: dict[tuple[object, ...], Node]
    answers: list[bool]
    questions: dict[Node, bool] = field(default_factory=dict)
    draws: int = 0


_trace: ContextVar[Trace] = ContextVar("trace")


def current() -> Trace:
    return _trace.get()


@contextmanager
def recording(trace: Trace) -> Iterator[None]:
    """Nodes that are made inside belong to this trace."""
    token = _trace.set(trace)
    try:
        yield
    finally:
        _trace.reset(token)


def _made(op: str, *args: object) -> Node:
    nodes = current().nodes
    # By repr, because 0.0 == -0.0 == False and nan differs from itself; nodes are equal where they are one.
    key = (op, *(arg if isinstance(arg, Node | tuple) else repr(arg) for arg in args))
    if key not in nodes:
        nodes[key] = Node(op, args, len(nodes))
    return nodes[key]


def const(value: object) -> Node:
    """A constant; what is not a number or a truth has no formula."""
    if isinstance(value, bool | np.bool_):
        return _made("const", bool(value))
    try:
        return _made("const", float(value))  # type: ignore[arg-type]  # raises on what is not a number
    except (TypeError, ValueError):
        raise Untraceable(f"{type(value).__name__} is not a number") from None


def given(name: str, key: str | int | None = None) -> Node:
    """An argument of the formula, or its item."""
    return _made("input", name) if key is None else _made("input", name, key)


def call(function: str, lists: Iterable[tuple[Node, ...]], width: int) -> list[Node]:
    """What ``function`` of these arrays gives, ``width`` numbers."""
    made = _made("call", function, *lists)
    return [_made("item", made, i) for i in range(width)]


def draw(width: int) -> list[Node]:
    """Fresh noise: two draws are never one node."""
    trace = current()
    trace.draws += 1
    made = _made("draw", trace.draws - 1)
    return [_made("item", made, i) for i in range(width)]


def apply(op: str, *args: Node) -> Node:
    """The node of an operation; of constants, the constant that NumPy computes."""
    if op not in OPERATIONS:
        raise no_formula(f"numpy.{op}")
    if op.startswith("logical_"):
        args = tuple(arg if arg.is_condition else apply("not_equal", arg, const(0.0)) for arg in args)
    elif op == "where":
        condition, a, b = args
        if not condition.is_condition:
            condition = apply("not_equal", condition, const(0.0))
        if a.is_condition and b.is_condition:
            either = apply("logical_and", condition, a), apply("logical_and", apply("logical_not", condition), b)
            return apply("logical_or", *either)
        args = condition, number(a), number(b)
    else:
        args = tuple(map(number, args))
    values = [arg.value for arg in args]
    if None not in values:
        with np.errstate(all="ignore"):
            return const(OPERATIONS[op](*map(as_numpy, values)))
    if op in ("logical_and", "logical_or") and (values[0] is not None or values[1] is not None):
        known, open_ = (values[0], args[1]) if values[0] is not None else (values[1], args[0])
        return open_ if known is (op == "logical_and") else const(known)
    if op == "where" and values[0] is not None:
        return args[1] if values[0] else args[2]
    return _made(op, *args)


def as_numpy(value: object) -> bool | np.float64:
    """A number as NumPy computes with it, dividing by 0 too; a truth as it is."""
    return value if isinstance(value, bool) else np.float64(value)  # type: ignore[arg-type]  # a number


def number(node: Node) -> Node:
    """A truth as 1 or 0, as arithmetic takes it."""
    return apply("where", node, const(1.0), const(0.0)) if node.is_condition else node


def power(base: Node, exponent: Node) -> Node:
    """A power, with the shortcuts of NumPy's ``**``."""
    e = exponent.value
    if e == 1:
        return number(base)
    return apply(POWERS[e], base) if e in POWERS else apply("power", base, exponent)


def truth(node: Node) -> bool:
    """The answer to ``if node``: of a constant its own, else the next prescribed one, or True."""
    if node.value is not None:
        return bool(node.value)
    if node.op == "logical_not":
        (inside,) = node.parents
        return not truth(inside)
    if not node.is_condition:
        node = apply("not_equal", node, const(0.0))
    trace = current()
    if node not in trace.questions:
        place = len(trace.questions)
        trace.questions[node] = trace.answers[place] if place < len(trace.answers) else True
    return trace.questions[node]


@dataclass(frozen=True, eq=False)
class Choice:
    """An ``if`` of the formula."""

    condition: Node
    then: Block
    otherwise: Block


@dataclass(frozen=True, eq=False)
class Block:
    """Nodes in the order of computation, then an ``if``, or the values of the formula."""

    nodes: tuple[Node, ...]
    end: Choice | tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Formula:
    """A function of numbers: its name, its arguments in order, and what it computes."""

    name: str
    arguments: tuple[str, ...]
    body: Block


def explore(name: str, arguments: tuple[str, ...], function: Callable[[], Iterable[Node]]) -> Formula:
    """The formula of a function that makes nodes, with every way through its ``if``s. Raises Untraceable."""
    nodes: dict[tuple[object, ...], Node] = {}
    ways = 0

    def follow(answers: list[bool]) -> Choice | tuple[Node, ...]:
        """The way with these answers, and with True to every later question; then those that branch off it."""
        nonlocal ways
        ways += 1
        if ways > MOST_WAYS:
            raise Untraceable(f"it has more than {MOST_WAYS} ways through its if statements")
        trace = Trace(nodes, answers)
        with recording(trace):
            end: Choice | tuple[Node, ...] = tuple(function())
        questions = [*trace.questions]
        for place in reversed(range(len(answers), len(questions))):
            other = follow([*answers, *[True] * (place - len(answers)), False])
            end = Choice(questions[place], Block((), end), Block((), other))
        return end

    return Formula(name, arguments, _ordered(follow([]), frozenset()))


def _ordered(end: Choice | tuple[Node, ...], known: frozenset[Node]) -> Block:
    """The block that computes what ``end`` needs and is not yet known."""
    wanted = needed((end.condition,) if isinstance(end, Choice) else end, known)
    if not isinstance(end, Choice):
        return Block(wanted, end)
    known = known.union(wanted)
    return Block(wanted, Choice(end.condition, _ordered(end.then.end, known), _ordered(end.otherwise.end, known)))


def selected(formula: Formula, name: str, choose: Callable[[tuple[Node, ...]], tuple[Node, ...]]) -> Formula:
    """The formula of some of the values only."""

    def chosen(end: Choice | tuple[Node, ...]) -> Choice | tuple[Node, ...]:
        if not isinstance(end, Choice):
            return choose(end)
        then, otherwise = (Block((), chosen(side.end)) for side in (end.then, end.otherwise))
        return Choice(end.condition, then, otherwise)

    return Formula(name, formula.arguments, _ordered(chosen(formula.body.end), frozenset()))


def substituted(formula: Formula, by: Mapping[Node, Node]) -> Formula:
    """The formula with each of these nodes replaced by one that it is computed from."""
    made: dict[Node, Node] = {}

    def again(part: object) -> object:
        return tuple(map(again, part)) if isinstance(part, tuple) else made[part] if isinstance(part, Node) else part

    def remade(end: Choice | tuple[Node, ...]) -> Choice | tuple[Node, ...]:
        for node in needed((end.condition,) if isinstance(end, Choice) else end, frozenset(made)):
            args = tuple(map(again, node.args))
            if node in by:
                made[node] = made[by[node]]
            elif node.op in OPERATIONS:
                made[node] = apply(node.op, *args)  # type: ignore[arg-type]  # the arguments of operations are nodes
            else:
                made[node] = _made(node.op, *args)
        if not isinstance(end, Choice):
            return tuple(made[node] for node in end)
        condition, sides = made[end.condition], [Block((), remade(side.end)) for side in (end.then, end.otherwise)]
        return Choice(condition, *sides) if condition.value is None else sides[not condition.value].end

    with recording(Trace({}, [])):
        end = remade(formula.body.end)
    return Formula(formula.name, formula.arguments, _ordered(end, frozenset()))


def needed(wanted: Iterable[Node], known: frozenset[Node] = frozenset()) -> tuple[Node, ...]:
    """``wanted`` and all that it depends on, but for what is known, in the order of computation."""
    found: set[Node] = set()
    todo = [*wanted]
    while todo:
        node = todo.pop()
        if node not in found and node not in known:
            found.add(node)
            todo += node.parents
    return tuple(sorted(found, key=lambda node: node.number))


def inputs(nodes: Iterable[Node]) -> set[Node]:
    """The arguments, draws and calls that these nodes depend on."""
    return {node for node in needed(nodes) if node.op in ("input", "call", "draw")}
