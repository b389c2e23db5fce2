"""What a rule changes of its parent, and the family of rules."""

from __future__ import annotations

import pytest
from odd_rules import FOUND, TRACEABLE, eigen, identity, is_traceable, made, text

import optibench as ob
from optibench.plugin.registry import Registry
from optibench.tracing import Untraceable, changes, family


def kinds(name, parent):
    return {one.name: one.kind for one in changes(FOUND.get("optimizer", name), FOUND.get("optimizer", parent))}


def test_adam_changes_rmsprop():
    assert kinds("adam", "rmsprop") == {
        **{"v": "renamed", "variance": "gone", "b": "gone"},
        **{"m": "new", "m_hat": "new", "v_hat": "new", "w": "changed"},
    }
    (v, variance, *_, w) = changes(FOUND.get("optimizer", "adam"), FOUND.get("optimizer", "rmsprop"))
    assert [text(part) for part in (*v.before, *v.after)] == ["v=ρv_t−1+(1−ρ)g^2", "v=β_2v_t−1+(1−β_2)g^2"]
    assert variance.after == () and text(w.after[0]) == "w=w_t−1−{ηmˆ}/{√(vˆ)+ε}"


def test_other_families():
    assert kinds("sam+adam", "adam") == {**dict.fromkeys(("m", "v", "m_hat", "v_hat", "w"), "same"), "g": "new"}
    assert kinds("lion", "signum") == {"m": "renamed", "direction": "new", "w": "changed"}
    assert kinds("sgd", "gd") == {"w": "same"}
    assert kinds("lbfgs", "lbfgs") == dict.fromkeys(kinds("lbfgs", "gd"), "same")  # even what is too long to be read


def test_renamed_is_one_name_for_one():
    @ob.optimizer
    def one(w, g, m=0, *, lr=0.1, a=0.5, b=0.5):
        """Two rates."""
        m = a * m + b * g
        return w - lr * m, m

    @ob.optimizer
    def other(w, g, m=0, *, lr=0.1, c=0.5):
        """One rate."""
        m = c * m + c * g
        return w - lr * m, m

    @ob.optimizer
    def swapped(w, g, m=0, *, lr=0.1, a=0.5, b=0.5):
        """The same rates, the other way around."""
        m = b * m + a * g
        return w - lr * m, m

    assert [change.kind for change in changes(other, one)] == ["changed", "same"]
    assert [change.kind for change in changes(swapped, one)] == ["renamed", "same"]


@pytest.mark.parametrize("rule", TRACEABLE, ids=identity)
def test_a_rule_changes_nothing_of_itself_and_something_of_its_parent(rule):
    assert {change.kind for change in changes(rule, rule)} <= {"same"}
    parent = FOUND["optimizer"].get(rule.parent)
    if parent and is_traceable(parent):
        found = changes(rule, parent)
        assert found[-1].name == "w" and {change.kind for change in found} <= KINDS
        assert all(change.before for change in found if change.kind != "new")
        assert all(change.after for change in found if change.kind != "gone")


KINDS = {"same", "renamed", "changed", "new", "gone"}


def test_without_a_formula_there_is_nothing_to_compare():
    with pytest.raises(Untraceable, match="eigh"):
        changes(eigen, made)


def test_the_family_of_the_built_in_rules():
    found = family(FOUND)
    assert "adam" in found.children["rmsprop"] and found.roots[0] == "gd"
    assert found.ancestors("adamw") == ("gd", "adagrad", "rmsprop", "adam") and found.ancestors("gd") == ()
    names = [*found.roots, *(child for children in found.children.values() for child in children)]
    assert sorted(names) == sorted(FOUND["optimizer"])


def test_unknown_parents_and_circles_have_roots():
    def rule(name, parent):
        return ob.optimizer(lambda w, g, *, lr=0.1: w - lr * g, name=name, parent=parent)

    registry = Registry()
    registry.add_local(
        "optimizer", [rule("orphan", "gone"), rule("a", "c"), rule("b", "a"), rule("c", "b"), rule("own", "own")]
    )
    found = family(registry)
    assert {"orphan", "a", "own"} <= {*found.roots} and found.ancestors("c") == ("a", "b")
    names = [*found.roots, *(child for children in found.children.values() for child in children)]
    assert sorted(names) == sorted(registry["optimizer"])
