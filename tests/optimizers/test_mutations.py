"""The gate: wrong variants of the rules, made by editing their own source, must each fail a check of theirs."""

from __future__ import annotations

import ast
import inspect
import types

import pytest

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import registry
from optibench.plugin.wrapper import Wrapper
from optibench.verify import verify

FOUND = registry()
#: optimizer or wrapper, what its source says, what the mutant says instead.
MUTANTS = [
    ("gd", "return w - lr * g", "return w + lr * g"),
    ("gd", "return w - lr * g", "return w - lr * (g + 1e-9)"),
    ("momentum", "b = g if t == 1 else momentum", "b = momentum"),  # the first b damped
    ("momentum", "(1 - dampening) * g", "(1 - momentum) * g"),  # an average for a sum
    ("momentum", "return w - lr * b, b", "return w - lr * (g + momentum * b), b"),  # Nesterov's
    ("nesterov", "lr * (g + momentum * b)", "lr * b"),  # the heavy ball's
    ("nesterov", "b = momentum * b + g", "b = momentum * b + (1 - momentum) * g"),
    ("adagrad", "a = a + g**2", "a = 0.999 * a + g**2"),
    ("adagrad", "(sqrt(a) + eps)", "sqrt(a + 1e-8 + eps)"),  # eps in the root, and a larger one
    ("adagrad", "(t - 1) * lr_decay", "t * lr_decay"),
    ("adadelta", "u = rho * u + (1 - rho) * d**2", "u = rho * u + (1 - rho) * g**2"),
    ("adadelta", "sqrt(u + eps)", "sqrt(u)"),
    ("rmsprop", "(sqrt(variance) + eps)", "sqrt(variance + eps)"),  # eps inside the root
    ("rmsprop", "v - m**2 if centered else v", "v"),
    ("rmsprop", "b = momentum * b + g / (", "b = momentum * b + (1 - momentum) * g / ("),
    ("adam", "m / (1 - beta1**t)", "m / (1 - beta1 ** (t + 1))"),  # bias correction off by one
    ("adam", "v / (1 - beta2**t)", "v"),  # no bias correction
    ("adam", "(sqrt(v_hat) + eps)", "sqrt(v_hat + eps)"),  # eps inside the root
    ("adam", "m = beta1 * m + (1 - beta1) * g", "m = beta2 * m + (1 - beta2) * g"),  # swapped betas
    ("adam", "v = beta2 * v + (1 - beta2) * g**2", "v = beta2 * v + (1 - beta2) * abs(g)"),
    ("adam", "v = beta2 * v + (1 - beta2) * g**2", "v = beta2 * v + (1 - beta2) * (g - m) ** 2"),  # AdaBelief's
    ("adamw", "decayed = (1 - lr * weight_decay) * w", "decayed = (1 - weight_decay) * w"),  # not times lr
    ("adamw", "decayed = (1 - lr * weight_decay) * w", "decayed, g = w, g + weight_decay * w"),  # L2 for decay
    ("adamw", "maximum(v_max, v) if amsgrad else v", "v"),  # without its option
    ("adamw", "maximum(v_max, v) if amsgrad else v", "maximum(v_max, v)"),  # always with it
    ("adamw", "v_max / (1 - beta2**t)", "v_max"),  # amsgrad as in the paper
    ("amsgrad", "v_max = maximum(v_max, v)", "v_max = v"),  # Adam
    ("amsgrad", "v_max = maximum(v_max, v)", "v_max = maximum(v_max, v / (1 - beta2**t))"),  # Optax's, corrected twice
    ("adamax", "maximum(beta2 * u, abs(g) + eps)", "maximum(beta1 * u, abs(g) + eps)"),
    ("adamax", "lr / (1 - beta1**t) * ", "lr * "),
    ("nadam", "for step in (t, t + 1)", "for step in (t - 1, t)"),
    ("nadam", "mu_next / (1 - product * mu_next)", "mu_next / (1 - product)"),
    ("radam", "known = rho > 5", "known = rho > 4"),
    ("radam", "longest = 2 / (1 - beta2) - 1", "longest = 2 / (1 - beta2)"),
    ("adabelief", "(g - m) ** 2 + eps", "(g - m) ** 2"),
    ("adabelief", "(g - m) ** 2", "g**2"),
    ("yogi", "sign(v - g**2)", "sign(v - abs(g))"),
    ("yogi", "m=1e-6, v=1e-6", "m=0, v=0"),
    ("adan", "change = g - (g if t == 1 else before)", "change = g - before"),
    ("adan", "(g + beta2 * change) ** 2", "(g + (1 - beta2) * change) ** 2"),  # Optax 0.2.8's
    ("adan", "return w, g, m, d, n", "return w, before, m, d, n"),  # stale gradient
    ("ademamix", "alpha * s", "alpha * s / (1 - beta3**t)"),
    ("prodigy", "d_next * eps", "d * eps"),
    ("prodigy", "beta3 = sqrt(beta2)", "beta3 = beta2"),
    ("prodigy", "dot(g, first - w)", "dot(g, w - first)"),
    ("schedule_free_adamw", "x = x + (z - x) / t", "x = x + (z - x) / (t + 1)"),
    ("schedule_free_sgd", "(1 - momentum) * z + momentum * x", "momentum * z + (1 - momentum) * x"),
    ("asgd", "(t - 1)) ** alpha", "t) ** alpha"),
    ("polyak", "minimum(lr, ", "maximum(lr, "),
    ("polyak", "loss - f_min", "loss"),
    ("polyak", "otherwise=0)) * g", "otherwise=0)) * 1.01 * g"),
    ("signsgd", "lr * sign(g)", "lr * g"),
    ("signum", "lr * sign(m), m", "lr * sign(g), m"),
    ("lion", "beta2 * m + (1 - beta2) * g", "beta1 * m + (1 - beta1) * g"),  # swapped betas
    ("lion", "direction + weight_decay * w", "direction"),
    ("rprop", "g = where(agree < 0, 0, g)", "pass"),
    ("rprop", "return w - sign(g) * q, g, q", "return w - sign(before) * q, g, q"),  # Optax 0.2.8's: a step late
    ("lamb", "+ weight_decay * w", ""),
    ("lamb", "lr * trust(blocks, w, u) * u", "lr * u"),
    ("lars", "+ lr * trust(", "+ trust("),
    ("novograd", "v = square if t == 1 else beta2", "v = beta2"),
    ("novograd", "m = u if t == 1 else beta1 * m + u", "m = beta1 * m + (1 - beta1) * u"),
    ("adafactor", "minimum(each(lr), 1 / sqrt(t))", "each(lr)"),
    ("adafactor", "maximum(1, norm(u) / (size * each(d)))", "1"),
    ("muon", "max(1.0, g.shape[2] / g.shape[1]) ** 0.5", "max(1.0, g.shape[1] / g.shape[2]) ** 0.5"),  # transposed
    ("muon", "1 - mu ** (t + 1)", "1 - mu**t"),
    ("muon", "step = ahead / (", "step = m / (1 - mu**t) / ("),  # vectors by AdamW
    ("shampoo", "power(left, -1 / 4,", "power(left, -1 / 2,"),
    ("soap", "(mean / (sqrt(v) + tiny))", "(seen / (sqrt(v) + tiny))"),
    ("soap", "(True, eigenvectors) if g.ndim > 2", "(True, unturned) if g.ndim > 2"),
    ("soap", "v, rows, columns = refreshed(", "_, rows, columns = refreshed("),  # v in the old basis
    ("sophia", "maximum(gamma * h, eps)", "maximum(h, eps)"),
    ("sophia", "due = (t - 1) % period == 0", "due = t % period == 0"),
    ("lbfgs", "(dot(*pair) > 1e-10)", "(dot(*pair) > 1e3)"),
    ("lbfgs", "return w + step * d, w, g, s, y", "return w + step * d, w_before, g, s, y"),
    ("sam", "step(w, grad(", "step(w + rho * g, grad("),  # steps from the perturbed point
    ("sam", "grad(w + rho", "grad(w - rho"),
    ("sam", "dot(g, g) ** 0.5", "dot(g, g)"),
    ("lookahead", "due = t % k == 0", "due = (t - 1) % k == 0"),
    ("lookahead", "return where(due, slow, fast), slow", "return fast, slow"),
    # What the contract alone must see: the numbers of one run are right.
    ("nesterov", "b = momentum * b + g", "b = momentum * b + g; b = b + 1e-12 * (b - b.mean(axis=0))"),  # sees others
    ("gd", "return w - lr * g", "w -= lr * g\n    return w"),  # in place
    (
        "signsgd",
        "return w - lr * sign(g)",
        "import numpy\n    return w - lr * numpy.float64(1) * sign(g).astype(float)",
    ),
    ("adagrad", "(sqrt(a) + eps)", "sqrt(a)"),  # 0 / 0
    ("sam", "return step(", "grad(w)\n    return step("),  # an evaluation more than it declares
    ("lbfgs", "    if line_search:", "    value(w)\n    if line_search:"),
]


def piece_of(name):
    return FOUND["wrapper"].get(name) or FOUND.get("optimizer", name)


def mutant(name, old, new):
    """The piece of this name from its module's source, with ``old`` replaced in the lines of its own function."""
    piece = piece_of(name)
    module = inspect.getmodule(piece.function)
    source = inspect.getsource(module)
    (definition,) = (
        node for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == piece.function.__name__
    )  # fmt: skip
    lines = source.splitlines(keepends=True)
    begin, end = definition.lineno - 1, definition.end_lineno
    text = "".join(lines[begin:end])
    assert text.count(old) == 1, f"{name}: '{old}' stands there {text.count(old)} times"
    changed = "".join([*lines[:begin], text.replace(old, new), *lines[end:]])
    wrong = types.ModuleType(module.__name__)
    wrong.__file__ = module.__file__
    exec(compile(changed, module.__file__, "exec"), wrong.__dict__)
    (found,) = (one for one in vars(wrong).values() if type(one) is type(piece) and one.name == name)
    assert isinstance(found, Optimizer | Wrapper)
    return found


@pytest.mark.parametrize(("name", "old", "new"), MUTANTS, ids=[f"{name}: {new[:40]}" for name, _, new in MUTANTS])
def test_a_wrong_rule_fails_a_check(name, old, new):
    wrong = mutant(name, old, new)
    rules = [wrong(FOUND.get("optimizer", base)) for base in ("gd", "adam")] if isinstance(wrong, Wrapper) else [wrong]
    assert any(not check.ok for rule in rules for check in verify(rule, FOUND))


@pytest.mark.parametrize("factor", [1.01, 1 + 1e-8])
def test_a_path_that_is_compared_step_by_step_sees_a_wrong_step(factor):
    wrong = mutant("polyak", "otherwise=0)) * g", f"otherwise=0)) * {factor!r} * g")
    (check,) = (check for check in verify(wrong, FOUND) if check.kind == "trace")
    assert "step by step" in check.reference and not check.ok


def test_the_gate_is_wide_enough():
    assert len(MUTANTS) >= 60 and {name for name, *_ in MUTANTS} >= {*FOUND["wrapper"]}
    without = {name for name, rule in FOUND["optimizer"].items() if rule.solver} | {"sgd", "minibatch"}
    assert {*FOUND["optimizer"]} - {name for name, *_ in MUTANTS} == without


@pytest.mark.parametrize("name", ["gd", "adam", "lbfgs", "lookahead"])
def test_an_edit_that_changes_nothing_passes(name):
    same = mutant(name, "\n    return ", "\n    pass\n    return ")
    rule = same(FOUND.get("optimizer", "adam")) if isinstance(same, Wrapper) else same
    assert rule.rule is not piece_of(name) and all(check.ok for check in verify(rule, FOUND))
