"""The page of an optimizer says what its code does, for every registered rule and for odd ones."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from optibench import optimizer
from optibench.errors import UnknownName
from optibench.plugin.registry import Registry, Sources, registry
from optibench.teaching.page import optimizer_page
from optibench.teaching.pages import PAGES, kind_of, write_page
from optibench.teaching.rule import rule_page

RULES = [*registry()["optimizer"], "sam+adam", "lookahead+sgd"]


def plain(text):
    body = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_page_of_a_reasonable_size(name):
    text = optimizer_page(name, registry())
    assert len(text.encode()) < 450_000 or name == "lbfgs"
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", text) and "default-src 'none'" in text
    page = rule_page(name, registry())
    for line in page.lesson.lines:
        assert html.escape(line.text, quote=False).replace("'", "&#39;").replace('"', "&#34;") in text
    assert bool(page.live) != bool(page.reason)
    assert ("does not run on the page" in plain(text)) == bool(page.reason)


def test_the_same_rule_has_the_same_bytes():
    assert optimizer_page("adam", registry()) == optimizer_page("adam", Registry(Sources()))


def test_the_page_of_adam():
    text = plain(optimizer_page("adam", registry()))
    assert "Kingma and Ba 2015" in text and "What changed from rmsprop" in text
    page = rule_page("adam", registry())
    assert [rule["name"] for rule in page.live["rules"]] == [
        "adam", "rmsprop", "momentum", "gd", "without m_hat", "without v_hat", "without m_hat and v_hat"
    ]  # fmt: skip
    assert [knob["name"] for knob in page.live["rules"][0]["knobs"]] == ["lr", "beta1", "beta2", "eps"]
    assert page.family.ancestors("adam") == ("gd", "adagrad", "rmsprop")
    assert {name["problem"] for name in page.live["problems"]} >= {"ravine", "rosenbrock", "beale"}


@optimizer
def bare(w, g, *, lr=0.1):
    return w - lr * g


@optimizer
def branching(w, g, a=0, b=0, c=0, *, lr=0.1, size=1.0):
    """Three states and a branch."""
    if lr > size:
        g = g / 2
    a, b = a + g, b + g**2
    c = c + 1
    return w - lr * a / (np.sqrt(b) + c), a, b, c


@optimizer(name="n" * 200)
def long(w, g, *, lr=0.1):
    """<b>Bold</b> & "quoted"."""
    return w - lr * np.tanh(g)


@optimizer
def raising(w, g, *, lr=0.1):
    """Works on one parameter only."""
    raise ValueError(f"{w.shape[1]} parameters")


@optimizer
def turned(w, g, *, lr=0.1):
    """By an eigenvalue decomposition."""
    values, vectors = np.linalg.eigh(g[:, :, None] * g[:, None, :])
    return w - lr * vectors[..., -1] * values[:, -1:]


@optimizer
def noisy(w, g, normal, *, lr=0.1):
    """With noise of its own."""
    return w - lr * (g + normal())


def made():
    space = {}
    exec("from optibench import optimizer\n@optimizer\ndef made(w, g, *, lr=0.1):\n    return w - lr * g\n", space)
    return space["made"]


ODD = [bare, branching, long, raising, turned, noisy, made()]


@pytest.mark.parametrize("rule", ODD, ids=lambda rule: rule.name[:12])
def test_odd_rules_have_pages_that_say_what_is_missing(rule):
    known = Registry(Sources())
    known.add_local("optimizer", [rule])
    text = optimizer_page(rule.name, known)
    read = plain(text)
    assert rule.name in read and "<b>Bold" not in text
    if rule in (raising, turned):
        assert "This rule does not run on the page" in read
    if rule.name == "made":
        assert "No lines" in read
    if rule is bare:
        assert "It has no docstring" in read


def test_a_name_means_a_plugin_type(tmp_path):
    assert kind_of("adam", registry()) == "optimizer" and kind_of("adam", registry(), "optimizer") == "optimizer"
    with pytest.raises(UnknownName, match="nearest: adam"):
        kind_of("adamm", registry())
    with pytest.raises(UnknownName, match="plugin type with a page"):
        kind_of("adam", registry(), "optimiser")
    path = write_page("gd", tmp_path / "deep" / "gd.html", registry())
    assert path.read_text().startswith("<!doctype html>") and "optimizer" in PAGES


def test_the_curvature_of_quadratic_problems_is_known_and_of_others_not():
    problems = {one["problem"]: one["curvature"] for one in rule_page("momentum", registry()).live["problems"]}
    assert problems["rosenbrock"] is None and problems["booth"] == pytest.approx(
        18.0, rel=1e-6
    )  # of [[10, 8], [8, 10]]
