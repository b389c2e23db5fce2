"""Pages of activations, losses and schedules: every registered one has its page, with the plugin's own numbers."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from optibench.activations import optibench_activations
from optibench.errors import InputError, PluginError, SettingError, UnknownName
from optibench.losses import optibench_losses
from optibench.plugin.functions import activation, loss, schedule
from optibench.plugin.registry import Registry, Sources, registry
from optibench.schedules import optibench_schedules
from optibench.teaching.activation import GAINS, LAYERS, Z, deep, saturation
from optibench.teaching.loss import Case, best_constant, is_convex, outlier_share, scene_of
from optibench.teaching.pages import PAGES, kind_of
from optibench.teaching.schedule import TOTAL, factors, losses
from optibench.tracing import Untraceable
from optibench.tracing.elementwise import trace_elementwise

REGISTRY = registry()
BUILT_IN = {
    "activation": [one.name for one in optibench_activations()],
    "loss": [one.name for one in optibench_losses()],
    "schedule": [one.name for one in optibench_schedules()],
}
every_piece = pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in BUILT_IN.items() for name in names]
)


def page_of(kind, name, known=REGISTRY):
    return PAGES[kind](name, known)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["sections"]


def text_of(page):
    """The page as it is read without scripts."""
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def sentences(page):
    return [html.unescape(text) for text in re.findall(r'<p class="says">(.*?)</p>', page)]


def with_plugin(kind, piece):
    known = Registry(Sources())
    known.add_local(kind, [piece])
    return known


@every_piece
def test_every_built_in_has_a_page_that_is_the_same_twice(kind, name):
    page = page_of(kind, name)
    assert page == page_of(kind, name) and len(page) < 450_000
    assert "Content-Security-Policy" in page and "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    piece = REGISTRY.get(kind, name)
    assert piece.summary.replace("``", "") in text_of(page) and piece.reference in html.unescape(page)
    assert all(len(text) > 20 for text in sentences(page)) and "nan" not in text_of(page).split()


@every_piece
def test_every_section_with_a_chart_has_a_table_and_a_sentence(kind, name):
    page = page_of(kind, name)
    parts = page.split("<section ")[1:]
    assert len(parts) == len(data_of(page)) + 1
    for part in parts[1:]:
        assert "<table" in part and '<p class="says">' in part


@every_piece
def test_no_built_in_slope_deviates_from_the_difference_quotient(kind, name):
    text = text_of(page_of(kind, name))
    assert "not the derivative" not in text and "is not a number" not in text
    assert kind == "schedule" or "agrees with the difference quotient: the largest deviation is" in text


@pytest.mark.parametrize("name", BUILT_IN["activation"])
def test_the_curves_of_an_activation_are_the_plugins_numbers(name):
    value, slope = data_of(page_of("activation", name))[0]["panels"]
    for panel, expected in zip((value, slope), REGISTRY.get("activation", name)(Z), strict=True):
        ((line,),) = panel["frames"]
        np.testing.assert_allclose(line["x"], Z, rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(line["y"], expected, rtol=1e-5, atol=1e-300)


@pytest.mark.parametrize("name", BUILT_IN["schedule"])
def test_the_curve_of_a_schedule_is_its_factor_at_every_step(name):
    ((line,),) = data_of(page_of("schedule", name))[0]["panels"][0]["frames"]
    piece = REGISTRY.get("schedule", name)
    assert line["x"] == [*range(1, TOTAL + 1)]
    np.testing.assert_allclose(line["y"], [piece(t, TOTAL) for t in range(1, TOTAL + 1)], rtol=1e-5)


def test_the_curves_of_a_loss_are_the_plugins_numbers():
    for name, target, columns in (("mse", 0, 1), ("hinge", 1, 1), ("cross_entropy", 1, 1), ("kl_divergence", 1, 2)):
        piece = REGISTRY.get("loss", name)
        value, slope = data_of(page_of("loss", name))[0]["panels"]
        line, steep = value["frames"][0][-1], slope["frames"][0][-1]
        for o, at, by in list(zip(line["x"], line["y"], steep["y"], strict=True))[::20]:
            output, y = np.zeros((1, 1, columns)), np.zeros((1, 1, columns))
            output[0, 0, 0], y[0, 0, 0] = o, target
            one, its_slope = piece(output, y)
            assert at == pytest.approx(one[0], rel=1e-5, abs=1e-12)
            assert by == pytest.approx(its_slope[0, 0, 0], rel=1e-5, abs=1e-12)


def test_saturation_is_what_is_known_by_hand():
    def of(name):
        return saturation(REGISTRY.get("activation", name))

    relu, identity, step, tanh = of("relu"), of("identity"), of("step"), of("tanh")
    assert (relu.below, relu.above, relu.zero) == (0, None, 0.5)
    assert relu.mean == pytest.approx((2 * np.pi) ** -0.5, rel=1e-3)  # of max(0, z) for a standard normal z
    assert (identity.below, identity.above, identity.flat) == (None, None, 0)
    assert (step.below, step.above, step.flat) == (0, 0, 1)
    edge = np.arccosh(10)  # 1 / cosh^2 is 1/100 there
    assert tanh.below == pytest.approx(-edge, abs=0.011) and tanh.above == pytest.approx(edge, abs=0.011)
    assert of("leaky_relu").below is None  # its slope below 0 is 1/100


def test_signals_through_a_deep_network_follow_the_theory():
    """Under He's initialization relu halves the variance that the weights double; identity keeps LeCun's."""
    relu, identity = REGISTRY.get("activation", "relu"), REGISTRY.get("activation", "identity")
    for piece, gain in ((relu, 2**0.5), (identity, 1.0)):
        assert gain in GAINS
        kept = deep(piece, gain)
        assert 0.2 < kept.signal[-1] / kept.signal[0] < 5 and 0.2 < kept.gradient[0] / kept.gradient[-1] < 5
    shrunk, half = deep(relu, 1.0), deep(identity, 0.5)
    steps = LAYERS - 1
    assert shrunk.signal[-1] / shrunk.signal[0] == pytest.approx(0.5 ** (steps / 2), rel=1)
    assert half.gradient[0] / half.gradient[-1] == pytest.approx(0.5**steps, rel=1)
    assert deep(REGISTRY.get("activation", "step"), 1.0).dead == 1
    assert 0 < deep(relu, 1.0).dead < 0.5 and deep(identity, 1.0).dead == 0


def test_the_gradient_goes_back_through_the_transposed_weights():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((LAYERS, 100, 100)) / 10
    a, g = rng.standard_normal((2, 100, 100))
    for each in weights:
        a = a @ each
    for each in weights[:0:-1]:
        g = g @ each.T
    found = deep(REGISTRY.get("activation", "identity"), 1.0)
    assert found.signal[-1] == pytest.approx(np.sqrt((a**2).mean()))
    assert found.gradient[0] == pytest.approx(np.sqrt((g**2).mean()))


def test_what_an_outlier_does_is_what_is_known_by_hand():
    def case(name):
        piece = REGISTRY.get("loss", name)
        return Case(piece, scene_of(piece), scene_of(piece).targets[-1])

    # Nine normal quantiles: one of them is 0, where the slope of mae is 0, so eight others pull as hard as the outlier.
    assert outlier_share(case("mae")) == pytest.approx(1 / 9)
    # Of ordinary margins from 0.25 to 2, four are below 1, and on the wrong side the outlier is a fifth.
    assert outlier_share(case("hinge")) == pytest.approx(1 / 5)
    shares = [outlier_share(case(name))[-1] for name in ("mse", "huber", "mae")]
    assert shares == sorted(shares, reverse=True)
    assert best_constant(REGISTRY.get("loss", "mse"), 10.0) == pytest.approx(1, abs=0.005)  # the mean
    assert best_constant(REGISTRY.get("loss", "mae"), 10.0) == best_constant(REGISTRY.get("loss", "mae"), 5.0)
    assert is_convex(case("mse")) and is_convex(case("hinge")) and not is_convex(case("focal"))


def test_every_kind_of_target_is_found():
    found = {name: scene_of(REGISTRY.get("loss", name)) for name in BUILT_IN["loss"]}
    assert {name for name, scene in found.items() if scene.columns == 2} == {"kl_divergence"}
    assert {name for name, scene in found.items() if scene.targets == (-1, 1)} == {
        "perceptron",
        "hinge",
        "squared_hinge",
    }
    assert {name for name, scene in found.items() if scene.is_real} == {"mse", "mae", "huber", "log_cosh", "quantile"}


def test_a_schedule_that_is_constant_leaves_the_noise_that_theory_says():
    """The mean loss of gradient descent with noise ends at the sum of lr / (2 (2 - lr h)) over the curvatures h."""
    rate = np.array([0.1])
    found = losses(np.ones(TOTAL), rate)[-50:, 0].mean()
    expected = sum(0.1 / (2 * (2 - 0.1 * h)) for h in (1, 10))
    assert found == pytest.approx(expected, rel=0.05)
    assert losses(np.ones(TOTAL), rate)[0, 0] == 5.5
    falling = losses(factors(REGISTRY.get("schedule", "cosine")), rate)[-1, 0]
    assert falling < found / 5


def test_several_stand_side_by_side():
    page = page_of("activation", "relu,tanh,gelu")
    curves, *_, network = data_of(page)
    assert [line["name"] for line in curves["panels"][0]["frames"][0]] == ["relu", "tanh", "gelu"]
    assert len(network["panels"][1]["frames"]) == len(network["positions"]) == len(GAINS)
    assert kind_of("relu,tanh", REGISTRY) == "activation" and kind_of("hinge, mae", REGISTRY) == "loss"
    assert kind_of("step,wsd", REGISTRY) == "schedule"  # wsd is no activation
    assert page_of("activation", "relu,relu") == page_of("activation", "relu")


def test_the_formula_comes_from_the_code():
    formulas = trace_elementwise(REGISTRY.get("activation", "relu").function, "z", ("a", "slope"))
    assert len(formulas) == 2 and "max" in formulas[0] and "&gt;" in formulas[1]
    assert "α" in "".join(trace_elementwise(REGISTRY.get("activation", "elu").function, "z", ("a", "slope")))

    def sorted_(z):
        return np.sort(z), z

    with pytest.raises(Untraceable):
        trace_elementwise(sorted_, "z", ("a", "slope"))
    traced = [name for name in BUILT_IN["activation"] if "<math display" in page_of("activation", name)]
    assert len(traced) >= 18


def test_a_wrong_slope_is_told():
    @activation
    def doubled(z):
        """Its slope is twice what it should be."""
        return np.tanh(z), 2 / np.cosh(z) ** 2

    (_, says, *_) = sentences(page_of("activation", "doubled", with_plugin("activation", doubled)))
    assert says == "The slope of doubled is not the derivative of its value: it deviates by up to 1, at z = 0."

    @loss
    def halved(output, target):
        """Targets are real numbers."""
        return ((output - target) ** 2).mean(axis=(1, 2)), (output - target) / output.shape[1]

    page = page_of("loss", "halved", with_plugin("loss", halved))
    assert "The slope of halved (y = 0) is not the derivative of its value: it deviates by up to 4" in text_of(page)


def test_values_that_are_not_numbers_are_told():
    @activation
    def holed(z):
        with np.errstate(all="ignore"):
            return np.log(z), 1 / z

    page = page_of("activation", "holed", with_plugin("activation", holed))
    assert "Value or slope of holed is not a number at 120 of 241 points, first at z = −6." in text_of(page)
    assert "It has no docstring" in page

    @activation
    def nothing(z):
        return z * np.nan, z * np.nan

    assert "could not be checked" in text_of(page_of("activation", "nothing", with_plugin("activation", nothing)))

    @schedule
    def broken(t, total):
        return float("nan") if t > 5 else -1.0

    page = page_of("schedule", "broken", with_plugin("schedule", broken))
    assert "broken returns −1 at step 1; a factor is finite and at least 0." in text_of(page)


def test_what_cannot_be_called_is_an_error_in_one_line():
    @activation
    def raising(z):
        raise ZeroDivisionError("no")

    @activation
    def shrinking(z):
        return z[:3], z

    @activation
    def single(z):
        return z

    @activation
    def worded(z):
        return "a", z

    for piece, message in (
        (raising, "activation 'raising' has no page, it raised ZeroDivisionError: no"),
        (shrinking, "activation 'shrinking' returned the shape (3,); it must be (723,)"),
        (single, "activation 'single' returned 1 value; it must return 2 values"),
        (worded, "activation 'worded' returned str, which is not a number or an array"),
    ):
        with pytest.raises(PluginError) as error:
            page_of("activation", piece.name, with_plugin("activation", piece))
        assert str(error.value).startswith(message) and "\n" not in str(error.value)

    @loss
    def flat(output, target):
        return output.mean(), output

    with pytest.raises(PluginError, match=r"loss 'flat' returned the shape \(\); it must be \("):
        page_of("loss", "flat", with_plugin("loss", flat))

    @schedule
    def texts(t, total):
        return "fast"

    with pytest.raises(PluginError, match="schedule 'texts' returned str"):
        page_of("schedule", "texts", with_plugin("schedule", texts))


def test_names_and_texts_of_others_are_escaped_and_odd_functions_have_pages():
    @activation(name='<script>"x"', reference="<b>", formula=r"\unknown{")
    def odd(z, *, sharpness=2, mode="soft", at=float("inf"), flag=True):
        """Its </script> docstring & <i>more</i>."""
        z *= 1  # in place
        return np.tanh(sharpness * z), sharpness / np.cosh(sharpness * z) ** 2

    page = page_of("activation", '<script>"x"', with_plugin("activation", odd))
    assert '<script>"x"' not in page and "</script> docstring" not in page and "<i>more" not in page
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert [title for title in titles if "What" in title] == ["What sharpness of &lt;script&gt;&#34;x&#34; does"]

    class Callable_:
        __name__ = "callable_"

        def __call__(self, z):
            return z, np.ones_like(z)

    piece = activation(Callable_())
    assert "The code" in page_of("activation", "callable_", with_plugin("activation", piece))

    @loss
    def silent(output, target):
        output *= 1  # in place
        error = output - target
        return (error**4).mean(axis=(1, 2)), 4 * error**3 / (error.shape[1] * error.shape[2])

    assert "silent (y = 0) is convex" in text_of(page_of("loss", "silent", with_plugin("loss", silent)))

    @schedule
    def counted(t, total, *, warm=20):
        return min(1.0, t / warm)

    page = page_of("schedule", "counted", with_plugin("schedule", counted))
    assert "The default of warm is 20. From warm = 5 to 80 the mean factor goes" in text_of(page)


def test_bad_names_are_errors_that_say_what_is_right():
    known = "no optimizer, activation, loss, schedule or problem"
    with pytest.raises(UnknownName, match=f"{known} named 'reluu'; nearest: relu"):
        kind_of("tanh,reluu", REGISTRY)
    with pytest.raises(UnknownName, match="no activation named 'mse'"):
        kind_of("relu,mse", REGISTRY, "activation")
    with pytest.raises(SettingError, match="'relu,mse' has no page: side by side are plugins of one type"):
        kind_of("relu,mse", REGISTRY)
    with pytest.raises(SettingError, match="'step' is activation and schedule; say which by --kind activation"):
        kind_of("step", REGISTRY)
    with pytest.raises(UnknownName, match="no plugin type with a page named 'activations'; nearest: activation"):
        kind_of("relu", REGISTRY, "activations")
    with pytest.raises(SettingError, match="a page shows up to 8 side by side"):
        page_of("activation", ",".join(BUILT_IN["activation"][:9]))
    with pytest.raises(InputError):
        kind_of("", REGISTRY)


def test_the_command_writes_the_page(command, tmp_path):
    status, out, _ = command("explain", "relu,tanh")
    assert (status, out) == (0, "page: explain-relu_tanh.html\n") and (tmp_path / "explain-relu_tanh.html").exists()
    status, _, err = command("explain", "step")
    assert status == 2 and err.count("\n") == 1 and "--kind activation" in err
    assert command("explain", "step", "--kind", "schedule", "--out", "page.html")[0] == 0
    assert "Factor over the budget" in (tmp_path / "page.html").read_text()


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['optibench', 'explain', '--help']\n"
        "from optibench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'matplotlib', 'pandas', 'scipy.stats', 'jinja2'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
