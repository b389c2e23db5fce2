"""What must hold for every registered loss, and Rosenblatt's rule."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from optibench.errors import InputError
from optibench.losses import optibench_losses
from optibench.plugin.registry import registry

REGISTRY = registry()
LOSSES = REGISTRY["loss"]
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def distribution(rng, shape):
    weights = rng.integers(4, size=(*shape, 3)) + np.eye(3)[rng.integers(3, size=shape)]  # some are 0
    return weights / weights.sum(axis=-1, keepdims=True)


TARGETS = {  # rng, (R, B) -> (R, B, K): every kind of target that a built-in problem has, or a loss takes
    "one-hot": lambda rng, shape: np.eye(3)[rng.integers(3, size=shape)],
    "0 or 1": lambda rng, shape: rng.integers(2, size=shape)[..., None] * 1.0,
    "-1 or 1": lambda rng, shape: 2.0 * rng.integers(2, size=shape)[..., None] - 1,
    "real": lambda rng, shape: rng.standard_normal((*shape, 1)),
    "distribution": distribution,
    "counts": lambda rng, shape: rng.poisson(2, (*shape, 1)) * 1.0,
    "three of -1 or 1": lambda rng, shape: 2.0 * rng.integers(2, size=(*shape, 3)) - 1,
    "two reals": lambda rng, shape: rng.standard_normal((*shape, 2)),
    "two counts": lambda rng, shape: rng.poisson(2, (*shape, 2)) * 1.0,
}
DISTRIBUTIONS = ("one-hot", "distribution")
SEVERAL = ("three of -1 or 1", "two reals", "two counts")  # columns that do not sum to 1

VARIED = {  # other parameters than the defaults
    "huber:delta=0.3": partial(LOSSES["huber"], delta=0.3),
    "quantile:tau=0.9": partial(LOSSES["quantile"], tau=0.9),
    "cross_entropy:smoothing=0.1": partial(LOSSES["cross_entropy"], smoothing=0.1),
    "focal:gamma=0": partial(LOSSES["focal"], gamma=0.0),
    "focal:gamma=0.5": partial(LOSSES["focal"], gamma=0.5),
    "focal:gamma=3.5": partial(LOSSES["focal"], gamma=3.5),
}
ALL = {**LOSSES, **VARIED}


def fits(name, target):
    """Whether the slope is that of the loss: softmax asks for targets that sum to 1, and a divergence for columns."""
    if name.startswith("cross_entropy"):
        return target not in SEVERAL
    return target in DISTRIBUTIONS if name == "kl_divergence" else True


PAIRS = [(name, target) for name in ALL for target in TARGETS if fits(name, target)]
every_loss_and_target = pytest.mark.parametrize("name, target", PAIRS, ids=[" on ".join(pair) for pair in PAIRS])

#: Outputs up to 1000 are what a loss must bear, but e^1000 is no number.
LARGEST = {"poisson": 80}


def case(target, seed=0, runs=5, batch=4, dtype="float64"):
    rng = np.random.default_rng(seed)
    y = TARGETS[target](rng, (runs, batch))
    return (2 * rng.standard_normal(y.shape)).astype(dtype), y.astype(dtype)


def positive(x):
    return x if x.real > 0 else mp.mpc(0)


def size(x):
    return positive(x) + positive(-x)


def mean(function):
    """Over the outputs of an example."""
    return lambda o, y, **settings: sum(function(a, b, **settings) for a, b in zip(o, y, strict=True)) / len(o)


def added(function):
    return lambda o, y: sum(function(a * b) for a, b in zip(o, y, strict=True))


def log_p(o):
    total = mp.log(sum(mp.exp(each) for each in o))
    return [each - total for each in o]


def surprise(o, y, weight=lambda log_p: 1, smoothing=0):
    if len(o) == 1:  # the two classes as two columns
        o, y = [*o, mp.mpc(0)], [*y, 1 - y[0]]
    y = [(1 - smoothing) * each + smoothing / len(o) for each in y]
    return sum(-each * weight(log) * log for each, log in zip(y, log_p(o), strict=True))


def divergence(o, y):
    return sum(each * (mp.log(each) - log) for each, log in zip(y, log_p(o), strict=True) if each)


#: The formulas as the papers have them, for one example, with complex outputs of mpmath; and the targets they take.
TEXTBOOK = {
    "mse": (mean(lambda o, y: (o - y) ** 2), ("real", "two reals")),
    "mae": (mean(lambda o, y: size(o - y)), ("real", "two reals")),
    "huber": (
        mean(
            lambda o, y, delta=1: (
                (o - y) ** 2 / 2 if size(o - y).real <= delta else delta * (size(o - y) - mp.mpf(delta) / 2)
            )
        ),
        ("real", "two reals"),
    ),
    "log_cosh": (mean(lambda o, y: mp.log(mp.cosh(o - y))), ("real", "two reals")),
    "quantile": (
        mean(lambda o, y, tau=mp.mpf(0.5): tau * positive(y - o) + (1 - tau) * positive(o - y)),
        ("real", "two reals"),
    ),
    "poisson": (mean(lambda o, y: mp.exp(o) - y * o), ("counts", "two counts")),
    "cross_entropy": (surprise, ("0 or 1", *DISTRIBUTIONS)),
    "focal": (
        lambda o, y, gamma=2: surprise(o, y, lambda log_p: (1 - mp.exp(log_p)) ** gamma),
        ("0 or 1", *DISTRIBUTIONS),
    ),
    "kl_divergence": (divergence, DISTRIBUTIONS),
    "perceptron": (added(lambda margin: positive(-margin)), ("-1 or 1", "three of -1 or 1")),
    "hinge": (added(lambda margin: positive(1 - margin)), ("-1 or 1", "three of -1 or 1")),
    "squared_hinge": (added(lambda margin: positive(1 - margin) ** 2), ("-1 or 1", "three of -1 or 1")),
}


def test_every_built_in_has_its_formula_here():
    assert {piece.name for piece in optibench_losses()} == TEXTBOOK.keys()


TAKEN = [(name, target) for name in ALL for target in TEXTBOOK.get(name.partition(":")[0], (0, ()))[1]]
every_loss_and_target_that_it_takes = pytest.mark.parametrize(
    "name, target", TAKEN, ids=[" on ".join(pair) for pair in TAKEN]
)
#: Enough for 50 that are right where e^-furthest is a difference of numbers of about 1.
DIGITS = {80: 150, 700: 700}


def exact(name, output, y):
    """The loss of one example and its slopes, by complex steps, which have no cancellation."""
    kind, _, setting = name.partition(":")
    key, _, number = setting.partition("=")
    formula = partial(TEXTBOOK[kind][0], **({key: mp.mpf(float(number))} if key else {}))
    h, o, y = mp.mpf(10) ** -40, [mp.mpc(float(each)) for each in output], [mp.mpf(float(each)) for each in y]
    steps = [[each + mp.mpc(0, h) * (place == k) for place, each in enumerate(o)] for k in range(len(o))]
    return formula(o, y).real, [formula(step, y).imag / h for step in steps]


def terms(name, output, y):
    """At least how large the numbers are whose difference the loss is, and the slope: 0 where there is none."""
    if name == "poisson":
        return sum(np.exp(output) + y * np.abs(output)) / len(y), sum(np.exp(output) + y) / len(y)
    several = ((y % 1 > 0) | ("smoothing" in name)).any()  # p - y with 0 < y < 1
    return 2 * (name == "kl_divergence"), 1 * several


@every_loss_and_target_that_it_takes
@pytest.mark.parametrize(("dtype", "furthest"), [("float32", 80), ("float64", 700)])
def test_value_and_slope_have_all_their_digits(name, target, dtype, furthest):
    """Of the formula in the paper, computed with 50 digits more than cancellation takes.

    Within 32 eps times the largest output, relatively, or relative to the terms where two terms of any size cancel. A
    number below the smallest normal one has no eps of its own: within the smallest subnormal number times the output.
    """
    rng, number = np.random.default_rng(0), np.finfo(dtype)
    z = np.concatenate([np.linspace(-furthest, furthest, 24), rng.uniform(-40, 40, 12), rng.uniform(-3, 3, 12)])
    y = TARGETS[target](rng, (len(z), 1)).astype(dtype)  # (R, 1, K)
    output = (z[:, None, None] * np.array([1, -1 / 2, 1 / 4])[: y.shape[-1]]).astype(dtype)
    for o, target_of, *found in zip(output[:, 0], y[:, 0], *ALL[name](output, y), strict=True):
        with mp.workdps(DIGITS[furthest]):
            value, slopes = exact(name, o, target_of)
        least = terms(name, o.astype(float), target_of.astype(float))
        pairs = [(found[0], value, least[0]), *((a, b, least[1]) for a, b in zip(found[1][0], slopes, strict=True))]
        for got, true, term in pairs:
            relative = 32 * float(number.eps) * max(abs(true), term)
            bound = max(1, float(np.abs(o).max())) * max(relative, float(number.smallest_subnormal))
            assert abs(float(got) - true) <= bound, f"at {o}, target {target_of}: {got}, exactly {mp.nstr(true, 20)}"


@every_loss_and_target
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_slope_is_the_difference_quotient(name, target, seed):
    output, y = case(target, seed, runs=3)
    loss, h = ALL[name], 1e-5
    slope = loss(output, y)[1]
    for place in np.ndindex(output.shape[1:]):
        step = np.zeros_like(output)
        step[:, *place] = h
        (below, _), (at, _), (above, _) = values = [loss(output + sign * step, y) for sign in (-1, 0, 1)]
        low, here, high = (slopes[:, *place] for _, slopes in values)
        smooth = np.abs(above - 2 * at + below) < 1e-3 * h * (1 + np.abs(at))  # no kink there
        smooth &= np.abs(high - 2 * here + low) < 1e-2 * h * (1 + np.abs(here))  # nor in the slope
        np.testing.assert_allclose(slope[:, *place][smooth], ((above - below) / (2 * h))[smooth], rtol=1e-7, atol=1e-8)


@every_loss_and_target
@both_dtypes
def test_it_is_finite_and_quiet_at_1000(name, target, dtype):
    output, y = case(target, dtype=dtype)
    output = np.where(output > 0, LARGEST.get(name, 1000), -1000).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        value, slope = ALL[name](output, y)
    assert np.isfinite(value).all() and np.isfinite(slope).all()


@every_loss_and_target_that_it_takes
@both_dtypes
def test_it_is_a_number_up_to_the_largest(name, target, dtype):
    output, y = case(target, dtype=dtype)
    for largest in (1e20, np.finfo(dtype).max / 4, np.finfo(dtype).max):
        output = np.where(output > 0, LARGEST.get(name, largest), -largest).astype(dtype)
        with np.errstate(over="ignore"):
            value, slope = ALL[name](output, y)
        assert not np.isnan(value).any() and not np.isnan(slope).any()


@every_loss_and_target
@both_dtypes
def test_loss_and_slope_have_their_shapes_and_the_dtype_of_the_output(name, target, dtype):
    output, y = case(target, dtype=dtype)
    for array in (output, y):
        array.flags.writeable = False
    value, slope = ALL[name](output, y)
    assert (value.shape, value.dtype) == ((5,), output.dtype)
    assert (slope.shape, slope.dtype) == (output.shape, output.dtype)


@every_loss_and_target
@both_dtypes
@pytest.mark.parametrize("batch", [1, 32, 341])
@pytest.mark.parametrize("shared", [False, True], ids=["own batches", "one batch"])
def test_a_run_alone_is_its_row_among_five_bit_for_bit(name, target, dtype, batch, shared):
    output, y = case(target, batch=batch, dtype=dtype)
    y = y[:1] if shared else y
    together = ALL[name](output, y)
    for run in range(5):
        alone = ALL[name](output[run : run + 1].copy(), y if shared else y[run : run + 1].copy())
        for several, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(several[run : run + 1], one)


@every_loss_and_target
def test_it_is_the_mean_over_the_batch(name, target):
    output, y = case(target)
    twice, once = ALL[name](np.tile(output, (1, 2, 1)), np.tile(y, (1, 2, 1))), ALL[name](output, y)
    np.testing.assert_allclose(twice[0], once[0], rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(twice[1][:, :4], once[1] / 2, rtol=1e-14)


def one(name, output, target, **parameters):
    """Loss and slope of one run on one example."""
    value, slope = LOSSES[name](np.array([[output]], float), np.array([[target]], float), **parameters)
    return value[0], slope[0, 0].tolist()


def test_values_known_by_hand():
    def at(name, output, target, **parameters):
        return one(name, output, target, **parameters)[0]

    assert at("mse", [3], [1]) == 4
    assert at("mse", [3, 1], [1, 1]) == 2
    assert at("cross_entropy", [0], [1]) == pytest.approx(np.log(2), rel=1e-15)
    assert at("cross_entropy", [0] * 10, np.eye(10)[3]) == pytest.approx(np.log(10), rel=1e-15)
    assert at("cross_entropy", [-1000], [1]) == 1000
    assert at("cross_entropy", [1000, -1000], [0, 1]) == 2000
    assert at("cross_entropy", [2, -1], [1, 0]) == pytest.approx(at("cross_entropy", [3], [1]), rel=1e-14)
    assert at("perceptron", [-3], [1]) == 3
    assert at("perceptron", [3], [1]) == 0
    assert at("mae", [3, -1], [1, 0]) == 1.5
    assert at("huber", [0.5], [0]) == 0.125
    assert at("huber", [3], [0]) == 2.5
    assert at("huber", [3], [0], delta=2) == 4
    assert at("log_cosh", [1], [0]) == pytest.approx(np.log(np.cosh(1)), rel=1e-15)
    assert at("log_cosh", [1e-9], [0]) == pytest.approx(5e-19, rel=1e-14, abs=0)
    assert at("log_cosh", [1000], [0]) == 1000 - np.log(2)
    assert at("quantile", [1], [3]) == 1
    assert at("quantile", [1], [3], tau=0.75) == 1.5
    assert at("quantile", [3], [1], tau=0.75) == 0.5
    assert at("poisson", [0], [3]) == 1
    assert at("poisson", [1, 0], [2, 5]) == (np.e - 2 + 1) / 2
    assert at("cross_entropy", [0], [1], smoothing=0.2) == pytest.approx(np.log(2), rel=1e-15)
    assert at("cross_entropy", [1000], [1], smoothing=0.2) == pytest.approx(100, rel=1e-13)
    assert at("cross_entropy", [0, -1000], [1, 0], smoothing=0.2) == pytest.approx(100, rel=1e-13)
    assert at("focal", [0], [1]) == pytest.approx(np.log(2) / 4, rel=1e-15)
    assert at("focal", [0, 0, 0], [0, 1, 0]) == pytest.approx(np.log(3) * 4 / 9, rel=1e-15)
    assert at("focal", [-1000], [1]) == at("focal", [-1000, 0], [1, 0]) == 1000
    assert at("kl_divergence", [0, 0], [0.5, 0.5]) == 0
    assert at("kl_divergence", [0, 0], [1, 0]) == pytest.approx(np.log(2), rel=1e-15)
    assert at("kl_divergence", np.log([0.2, 0.8]), [0.5, 0.5]) == pytest.approx(np.log(1.25), rel=1e-14)
    assert at("hinge", [0.25], [1]) == 0.75
    assert at("hinge", [2, 2], [1, -1]) == 3
    assert at("squared_hinge", [2, 2], [1, -1]) == 9


def test_slopes_at_kinks_are_those_of_pytorch():
    assert one("mae", [2], [2]) == (0, [0])
    assert one("quantile", [2], [2], tau=0.75) == (0, [-0.25])
    assert one("huber", [1, -1], [0, 0])[1] == [0.5, -0.5]
    assert one("hinge", [1], [1]) == one("squared_hinge", [1], [1]) == (0, [0])
    assert one("hinge", [0.5], [1])[1] == [-1]


def test_smoothing_gives_its_share_to_all_classes():
    cross = LOSSES["cross_entropy"]
    for target in ("one-hot", "0 or 1"):
        output, y = case(target)
        smooth = 0.7 * y + 0.3 / (3 if target == "one-hot" else 2)
        for got, expected in zip(cross(output, y, smoothing=0.3), cross(output, smooth), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-14)
        for got, expected in zip(cross(output, y, smoothing=0.0), cross(output, y), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("target", ["0 or 1", *DISTRIBUTIONS])
def test_focal_at_gamma_0_is_cross_entropy(target):
    output, y = case(target)
    for got, expected in zip(VARIED["focal:gamma=0"](output, y), LOSSES["cross_entropy"](output, y), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-16)


def test_a_distribution_of_softmax_has_divergence_0_from_itself():
    output = case("distribution")[0]
    p = np.exp(output) / np.exp(output).sum(axis=-1, keepdims=True)
    for array in LOSSES["kl_divergence"](output, p):
        np.testing.assert_allclose(array, 0, atol=1e-15)


@pytest.mark.parametrize("name", TEXTBOOK)
@pytest.mark.parametrize("shape", [(5, 4, 1), (5, 4, 2), (5, 3, 3), (2, 4, 3), (5, 4), (4, 3), (5, 4, 3, 1)], ids=str)
def test_targets_of_another_shape_are_refused_in_one_line(name, shape):
    with pytest.raises(InputError) as error:
        LOSSES[name](np.zeros((5, 4, 3)), np.ones(shape))
    text = str(error.value)
    assert text.startswith(f"loss '{name}': output (5, 4, 3) and target {shape} do not fit; it takes ")
    assert "give the last layer as many units as the target has columns" in text and "\n" not in text


def test_a_divergence_over_one_column_is_refused():
    with pytest.raises(InputError, match=r"'kl_divergence': output \(5, 4, 1\) and target \(1, 4, 1\).*two units"):
        LOSSES["kl_divergence"](np.zeros((5, 4, 1)), np.ones((1, 4, 1)))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_formula_reference_and_a_sentence_that_says_what_it_takes_and_that_it_is_a_mean(loss):
    assert loss.formula and loss.reference
    assert loss.summary.endswith(".") and "mean" in loss.summary.lower() and "batch" in loss.summary
    assert "targets" in loss.summary or "one-hot" in loss.summary


def test_the_perceptron_with_sgd_at_lr_1_is_the_learning_rule_of_rosenblatt():
    problem, sgd = REGISTRY.get("problem", "breast-cancer-perceptron")(), REGISTRY.get("optimizer", "sgd")
    w = np.zeros((1, problem.size))  # the first example is on the boundary
    by_hand, mistakes = w[0].copy(), 0
    for x, y in zip(*problem.train, strict=True):
        w = sgd(w, problem.value_grad(w, x[None, None], y[None, None])[1], lr=np.ones((1, 1)))
        extended = np.append(x, 1)
        if y * (by_hand @ extended) <= 0:
            by_hand, mistakes = by_hand + y * extended, mistakes + 1
        np.testing.assert_array_equal(w[0], by_hand)
    assert 0 < mistakes < len(problem.train[0])
