"""Rules that a page must serve too, and MathML as short texts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

import optibench as ob
from optibench.plugin.loading import import_plugin
from optibench.plugin.registry import registry
from optibench.tracing import Untraceable, trace_rule

FOUND = registry()
CAUTIOUS = import_plugin(Path(__file__).parents[2] / "plugins/cautious_lion.py").cautious_lion


@ob.optimizer
def undocumented(w, g, t, a=0, b=0, c=0, *, lr=0.1):
    a = 0.9 * a + g
    x = a
    for _i in range(3):
        x = 1.5 * x - 0.5 * x**3
    if t == 1:
        b = g
        c = g**2
    elif t < 5:
        b = b + x; c = c + 1  # fmt: skip  # noqa: E702
    else:
        b = b + x.sum(axis=-1, keepdims=True)
    return (
        w
        - lr * b,  # a comment
        a, b, c,
    )  # fmt: skip


@ob.optimizer(name="n" * 200)
def long_name(w, g, *, lr=0.1):
    """In place, in its own array."""
    step = np.exp(-g) + np.log1p(abs(g))
    step += 1
    return w - lr * step / np.sqrt((step * step).sum(axis=-1, keepdims=True))


@ob.optimizer
def early(w, g, t, *, lr=0.1):
    """Two returns."""
    if t == 1:
        return w - g
    return w - 2 * lr * g


@ob.optimizer
def eigen(w, g, *, lr=0.1):
    """Without a formula."""
    values = np.linalg.eigh(g[:, :, None] * g[:, None, :])[0]
    return w - lr * g / (1 + values[:, -1:])


_made: dict = {}
exec("def made(w, g, m=0, *, lr=0.1):\n    m = m + g\n    return w - lr * m, m", _made)
made = ob.optimizer(_made["made"])
short = ob.optimizer(lambda w, g, *, lr=0.1: w - lr * g, name="short")


class _Instance:
    def __call__(self, w, g, *, lr=0.1):
        return w - lr * g


instance = ob.optimizer(_Instance(), name="instance")
WRAPPED = [FOUND.get("optimizer", name) for name in ("sam+adam", "lookahead+adam", "lookahead+sam+sophia")]
ODD = [undocumented, long_name, early, eigen, made, short, instance]
RULES = [rule for rule in [*FOUND["optimizer"].values(), *WRAPPED, CAUTIOUS, *ODD] if not rule.solver]


def is_traceable(rule):
    try:
        trace_rule(rule)
    except Untraceable:
        return False
    return True


TRACEABLE = [rule for rule in RULES if is_traceable(rule)]


def identity(value):
    """The id of a test's parameter."""
    return getattr(value, "name", str(value))[:30]


def text(markup):
    """MathML as a text: a fraction is {a}/{b}, an index x_i, a power x^e; rows of cases end with a semicolon."""
    return _text(ET.fromstring(markup)).replace("\u2062", "").replace("\u2061", "").replace("\u00a0", " ")


def _text(node):
    parts = [_text(child) for child in node]
    forms = {"mfrac": "{%s}/{%s}", "msub": "%s_%s", "msup": "%s^%s", "msubsup": "%s_%s^%s"}
    if node.tag in forms:
        return forms[node.tag] % tuple(parts)
    inside = (node.text or "") + "".join(parts)
    return {"msqrt": f"√({inside})", "mtr": f"{inside};", "mtd": f"{inside} "}.get(node.tag, inside)
