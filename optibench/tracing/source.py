"""The source of a function as statements, each on one line."""

from __future__ import annotations

import ast
import inspect
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from optibench.errors import InputError
from optibench.plugin.types import AnyFunction

SPACING = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)


class NoSource(InputError):
    """The source of a function cannot be read; the message says why."""


@dataclass(frozen=True)
class Statement:
    """A statement, or what opens a block of them, such as ``if t == 1:``; comments are left out."""

    text: str
    first: int  # its lines in the file
    last: int
    depth: int  # how many blocks of the function it is in

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it assigns."""
        parsed = self._parsed()
        targets = parsed.targets if isinstance(parsed, ast.Assign) else [getattr(parsed, "target", None)]
        inside = (node for target in targets if target for node in ast.walk(target))
        return tuple(node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))

    @property
    def reads(self) -> frozenset[str]:
        """The names that it uses."""
        names = (node for node in ast.walk(self._parsed()) if isinstance(node, ast.Name))
        return frozenset(node.id for node in names if isinstance(node.ctx, ast.Load))

    @property
    def is_loop(self) -> bool:
        return isinstance(self._parsed(), ast.For | ast.While)

    def _parsed(self) -> ast.stmt:
        try:
            (parsed,) = ast.parse(f"{self.text} pass" if self.text.endswith(":") else self.text).body
        except (SyntaxError, ValueError):  # a part of a statement: `else:`, `except ValueError:`
            return ast.Pass()
        return parsed


@lru_cache(maxsize=256)  # a page asks for them several times, and tokenizing takes longer than following a rule
def statements(function: AnyFunction) -> tuple[Statement, ...]:
    """The statements of a function's body, without its docstring. Raises NoSource."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        lines, begin = inspect.getsourcelines(function)
        logical = [*_logical(lines)]
    except (OSError, TypeError):
        raise NoSource(f"the source of '{name}' is not in a file") from None
    except (tokenize.TokenError, SyntaxError):
        raise NoSource(f"the source of '{name}' is not a function of its own") from None
    heads = [i for i, (_, depth, _) in enumerate(logical) if not depth]
    body = [line for line in logical[heads[-1] + 1 :] if line[1]]
    if not body:  # a lambda, or all on the line of `def`
        body = [logical[heads[-1]]]
    elif all(token.type == tokenize.STRING for token in body[0][0]):
        body = body[1:]
    least = min((depth for _, depth, _ in body), default=0)
    return tuple(
        Statement(text, begin + tokens[0].start[0] - 1, begin + tokens[-1].end[0] - 1, depth - least)
        for tokens, depth, text in body
    )


def _logical(lines: list[str]) -> Iterator[tuple[list[tokenize.TokenInfo], int, str]]:
    """The tokens, depth and text of each logical line; the first line is at depth 0."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    stripped = iter([line[indent:] if not line[:indent].strip() else line for line in lines])
    tokens: list[tokenize.TokenInfo] = []
    depth = 0
    for token in tokenize.generate_tokens(lambda: next(stripped, "")):
        depth += (token.type == tokenize.INDENT) - (token.type == tokenize.DEDENT)
        if token.type == tokenize.NEWLINE:
            if tokens:
                yield tokens, depth, _text(tokens)
            tokens = []
        elif token.type not in SPACING and token.type != tokenize.ENDMARKER:
            tokens.append(token)


def _text(tokens: list[tokenize.TokenInfo]) -> str:
    """Tokens on one line, spaced as they were written; a line break inside brackets is a space."""
    text = tokens[0].string
    for before, token in pairwise(tokens):
        same = before.end[0] == token.start[0]
        gap = token.start[1] - before.end[1] if same else int(before.string not in "([{" and token.string not in ")]}")
        text += " " * gap + token.string
    return re.sub(r",([)\]}])", r"\1", text) if tokens[0].start[0] != tokens[-1].end[0] else text
