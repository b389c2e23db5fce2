"""Every rule line by line: its statements, the formula of each, and values that are the rule's own."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from functools import partial

import numpy as np
import pytest
from odd_rules import CAUTIOUS, FOUND, RULES, TRACEABLE, early, eigen, identity, instance, long_name, made, short, text
from odd_rules import undocumented as odd

import optibench as ob
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import blocks_of
from optibench.tracing import Untraceable, evaluate, lesson_lines, step_lines
from optibench.tracing.assignments import followed
from optibench.tracing.follow import follow_rule
from optibench.tracing.mathml import MOST_SYMBOLS
from optibench.verify.formula import TOLERANCE, relative


def shown(rule):
    """The formulas of each line as texts, with the line."""
    return [
        (line.text, [None if markup is None else text(markup) for markup in line.formulas.values()])
        for line in lesson_lines(rule).lines
    ]


def get(name):
    return FOUND.get("optimizer", name)


def test_adam_reads_as_in_its_paper():
    lines = lesson_lines(get("adam"))
    assert shown(get("adam")) == [
        ("m = beta1 * m + (1 - beta1) * g", ["m=β_1m_t−1+(1−β_1)g"]),
        ("v = beta2 * v + (1 - beta2) * g**2", ["v=β_2v_t−1+(1−β_2)g^2"]),
        ("m_hat = m / (1 - beta1**t)", ["mˆ={m}/{1−β_1^t}"]),
        ("v_hat = v / (1 - beta2**t)", ["vˆ={v}/{1−β_2^t}"]),
        ("return w - lr * m_hat / (sqrt(v_hat) + eps), m, v", ["w=w_t−1−{ηmˆ}/{√(vˆ)+ε}"]),
    ]
    assert [line.names for line in lines.lines] == [("m",), ("v",), ("m_hat",), ("v_hat",), ("w",)]
    assert len({line.key for line in lines.lines}) == 5 and not lines.reason
    hat = '<mover accent="true"><mi>m</mi><mo stretchy="false">ˆ</mo></mover>'
    assert hat in lines.lines[2].formulas["m_hat"]
    assert '<mfrac displaystyle="true">' in lines.lines[2].formulas["m_hat"]


@pytest.mark.parametrize(
    ("name", "line", "formula"),
    [
        ("momentum", 0, "b={g if t=1 ;momentum⋅b_t−1+(1−dampening)⋅g else ;"),  # an if opens cases
        ("asgd", 0, "η={lr}/{(1+λ⋅lr⋅(t−1))^α}"),  # the rule has an eta of its own
        ("polyak", 0, "w=w_t−1−min(η,{{f−f^∗}/{∑g^2} if ∑g^2≠0 ;0 else ;)g"),
        ("rmsprop", 4, "b=momentum⋅b_t−1+{g}/{√(variance)+ε}"),  # the name that the line reads
        ("adamax", 1, "u=max(β_2u_t−1,|g|+ε)"),
        ("radam", 5, "known=[ρ>5]"),
        ("rprop", 1, "factor={grow if agree>0 ;shrink if agree<0 ;1 else ;"),
        ("rprop", 2, "q=clip(q_t−1⋅factor,min(smallest,η),largest)"),
        ("rprop", 3, "g←{0 if agree<0 ;g else ;"),  # assigned again from its own value
        ("novograd", 0, "square=‖g‖^2"),
        ("sophia", 3, "u∼𝒩(0,1)"),
        ("sophia", 4, "h={β_2h_t−1+(1−β_2)u⋅∇^2f(w_t−1)u if due ;h_t−1 else ;"),
        ("sophia", 5, "w=(1−η⋅weight_decay)⋅w_t−1−η⋅clip({m}/{max(γh,ε)},−1,1)"),  # one h, whether due or not
        ("adafactor", 3, "row=row_t−1+new⋅(matrix^2−row_t−1)"),  # inside a function
        ("adafactor", 6, "u={g}/{√(v)}"),
        ("muon", 10, "w=(1−rate⋅decay)⋅w_t−1−rate⋅step"),  # what a function inside returns
        ("soap", 0, "due=[(t−1)modfrequency=0]"),
        ("sam+adam", 0, "g←∇f(w_t−1+ρ({{g}/{‖g‖} if ‖g‖≠0 ;0 else ;))"),  # what the rule inside is handed
        ("lookahead+adam", 3, "w={slow if due ;fast else ;"),
    ],
)
def test_formulas_are_in_the_notation_of_the_field(name, line, formula):
    assert shown(get(name))[line][1][0] == formula


def test_a_plugin_of_a_folder_has_lines_too():
    assert shown(CAUTIOUS)[1:3] == [
        ("agree = (direction * g > 0).astype(w.dtype)", ["agree=[direction⋅g>0]"]),
        ("share = (agree.sum(axis=-1, keepdims=True) + 1) / w.shape[-1]", ["share={∑agree+1}/{2}"]),
    ]


def test_loops_branches_and_broken_lines():
    assert shown(odd) == [
        ("a = 0.9 * a + g", ["a=0.9⋅a_t−1+g"]),
        ("x = a", ["x=a"]),
        ("for _i in range(3):", []),
        ("x = 1.5 * x - 0.5 * x**3", ["x←1.5⋅x−0.5⋅x^3"]),
        ("if t == 1:", []),
        ("b = g", ["b=g"]),
        ("c = g**2", ["c=g^2"]),
        ("elif t < 5:", []),
        ("b = b + x; c = c + 1", ["b=b_t−1+x", "c=c_t−1+1"]),
        ("else:", []),
        ("b = b + x.sum(axis=-1, keepdims=True)", ["b=b_t−1+∑x"]),
        ("return (w - lr * b, a, b, c)", ["w=w_t−1−ηb"]),
    ]
    assert [line.depth for line in lesson_lines(odd).lines] == [0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0]
    assert shown(early) == [
        ("if t == 1:", []),
        ("return w - g", ["w=w_t−1−g"]),
        ("return w - 2 * lr * g", ["w=w_t−1−2⋅ηg"]),
    ]


def test_state_that_only_another_branch_assigns_is_the_state_before():
    @ob.optimizer
    def branched(w, g, t, m=0, n=0, *, lr=0.1):
        """After the branches m is one name; inside the other branch it is the state before."""
        if t == 1:
            m = m + g
        else:
            n = 2 * m
        return w - lr * m * n, m, n

    assert [formulas for _, formulas in shown(branched)] == [*([], ["m=m_t−1+g"], [], ["n=2⋅m_t−1"], ["w=w_t−1−ηmn"])]


def test_a_change_in_place_is_a_line_of_its_own():
    step = [formula for _, formula in shown(long_name)]
    assert step == [["step=e^−g+log(1+|g|)"], ["step←step+1"], ["w=w_t−1−{η⋅step}/{‖step‖}"]]


def test_what_is_missing_has_a_reason():
    shampoo = lesson_lines(get("shampoo"))
    for lesson in (shampoo, lesson_lines(eigen)):
        assert lesson.reason == "numpy.linalg.eigh has no formula here"
        assert lesson.lines and not any(line.formulas for line in lesson.lines)
    for rule, reason in (
        (made, "the source of 'made' is not in a file"),
        (instance, "the rule of 'instance' is not a Python function"),
        (get("bfgs"), "an external solver takes its own steps and has no formula"),
    ):
        assert lesson_lines(rule).lines == () and lesson_lines(rule).reason == reason
    assert [formulas for _, formulas in shown(short)] == [["w=w_t−1−ηg"]]
    with pytest.raises(Untraceable, match="eigh"):
        step_lines(eigen)


def test_what_is_too_long_is_left_to_the_code():
    lbfgs = dict(shown(get("lbfgs")))
    assert lbfgs["d = -quasi_newton(g, s, y, memory)"] == [None]
    assert lbfgs["return w + step * d, w, g, s, y"][0] == "w=w_t−1+step⋅d"
    wolfe = lesson_lines(get("lbfgs"), {"line_search": "strong_wolfe"})
    assert not wolfe.reason and wolfe.lines[8].formulas == {"step": None}


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_every_formula_is_well_formed_and_short(rule):
    lesson = lesson_lines(rule)
    assert lesson.reason or lesson.lines
    for line in lesson.lines:
        assert line.text == line.text.strip() and "\n" not in line.text
        for name, markup in line.formulas.items():
            if markup is not None:
                assert ET.fromstring(markup).get("displaystyle") == "true"
                assert len(text(markup)) < 5 * MOST_SYMBOLS and name


@pytest.mark.parametrize("rule", TRACEABLE, ids=identity)
def test_the_values_after_each_line_are_those_of_the_rule(rule):
    script = step_lines(rule)
    assert script.script.startswith("function lines(w, g, t, s, h, loss, f_min, env) {\n")
    for t in (1, 2, 11):
        given, env, expected = a_step(rule, t)
        way, *flat = evaluate(script.formula, given, env)
        places, values = script.ways[int(way)], np.array(flat)
        assert sum(int(np.prod(place.shape)) for place in places) == len(values)
        begin, last = 0, {}
        for place in places:
            end = begin + int(np.prod(place.shape))
            last[place.name] = values[begin:end]
            begin = end
        keys = {line.key for line in lesson_lines(rule).lines}
        assert {place.key for place in places} <= keys or not keys
        for name, numbers in last.items():
            number = expected[name]
            assert relative(numbers, number, np.abs(number) + 1e-3) <= 100 * TOLERANCE, (t, name)


def a_step(rule: Optimizer, t):
    """A step at random numbers: the arguments of its formula, its functions, and what its lines assigned last."""
    rng = np.random.default_rng(t)
    curve = np.array([1.0, 3.0])
    noise = rng.standard_normal((1, 2))
    supply = {
        **{"w": rng.standard_normal((1, 2)), "g": rng.standard_normal((1, 2)), "t": t, "normal": lambda: noise},
        **{"loss": np.array([[2.0]]), "f_min": np.array([[0.5]])},
        **{"grad": lambda w, where=None: w * curve, "hessian_product": lambda w, v, where=None: v * curve},
        "value": lambda w, where=None: (w * w * curve).sum(axis=-1, keepdims=True) / 2,
    }
    supply["blocks"] = blocks_of(w=(2,))
    h = {name: np.array([[float(value)]]) for name, value in rule.hyperparameters.items()}
    state = rule.initial_state(supply["w"], blocks=supply["blocks"], **h, **rule.options)
    state = [np.abs(rng.standard_normal(array.shape)) for array in state]
    supply |= dict(zip(rule.state, state, strict=True))
    call = partial(rule.rule, *(supply[name] for name in rule.arguments), **h, **rule.options)
    with np.errstate(all="ignore"):
        returned, assigned = followed(rule, call)
    returned = returned if isinstance(returned, tuple) else (returned,)
    last = {one.name: np.ravel(one.value).astype(float) for one in assigned if one.name}
    last |= {name: np.ravel(array) for name, array in zip(("w", *rule.state), returned, strict=True)}
    given = {
        **{"w": supply["w"][0], "g": supply["g"][0], "t": t, "loss": 2.0, "f_min": 0.5},
        "s": np.concatenate([np.zeros(0), *(np.ravel(array) for array in state)]),
        "h": rule.hyperparameters,
    }
    env = {
        "grad": lambda w: np.array(w) * curve,
        "hessian_product": lambda w, v: np.array(v) * curve,
        "value": lambda w: [(np.array(w) ** 2 * curve).sum() / 2],
        "normal": lambda: noise[0],
    }
    return given, env, last


def test_following_leaves_the_debugger_as_it_was():
    def tracer(frame, event, argument):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        follow_rule(get("adam"))
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
