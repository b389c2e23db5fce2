"""Figures are declared once: bad declarations are refused, and matplotlib draws the numbers that the browser reads."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest

import optibench as ob
from optibench.errors import PluginError, StoreError, UnknownName
from optibench.plugin.figure import KEYS, MARKS, NAMES, SCALES, Figure
from optibench.plugin.registry import Registry, Sources, registry
from optibench.report.draw import STYLES, draw, paint, save
from optibench.report.lettering import width_of
from optibench.report.panels import COLOURS, look, panels
from optibench.report.scales import limits, ticks

METHODS = ["adam", "gd", "momentum"]


@pytest.fixture(scope="module")
def results():
    return ob.run(["rosenbrock", "wine-mlp", "xor-mlp"], METHODS, lr=[1e-4, 1e-2, 10], seeds=3, steps=80)


def declare(frame, sentence=None, **encoding) -> Figure:
    return Figure("made", "Made", "Made up.", lambda results: frame, encoding, sentence)


# What a declaration may say


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ({"mark": "curv"}, "figure 'made': no mark named 'curv'; nearest: curve"),
        ({"colour": "optimizer"}, "figure 'made': no key of an encoding named 'colour'; nearest: color"),
        ({"y_scale": "logg"}, "figure 'made': no y scale named 'logg'; nearest: log"),
        ({"again": "rank"}, "figure 'made': no again named 'rank'; nearest: ranks"),
        ({"x": 3}, "figure 'made': x is 3; expected a text"),
        ({"x": "a", "x_units": ["a"]}, "figure 'made': x_units is ['a']; expected {label: column}"),
        ({"x": "a", "x_units": {"b": "b"}}, "figure 'made': the first column of x_units is not x; put the column of x"),
        ({"references": [None]}, "figure 'made': references holds neither columns nor numbers"),
        ({"cross": []}, "figure 'made': cross is []; expected a column or a number"),
        ({"middle": "a"}, "figure 'made': middle is 'a'; expected a number"),
    ],
)
def test_a_wrong_key_value_or_type_is_refused_with_what_is_right(encoding, message):
    with pytest.raises(PluginError) as error:
        declare(None, **encoding)
    assert str(error.value).startswith(message)


def test_a_plugin_with_a_wrong_mark_is_left_out_when_it_is_loaded(tmp_path):
    text = "from optibench import Figure, hookimpl\n\n\n@hookimpl\ndef optibench_figures():\n    return [{}]\n"
    (tmp_path / "wrong.py").write_text(text.format("Figure('f', 't', 'c', None, {'mark': 'cel'})"))
    with pytest.warns(UserWarning, match="'wrong'.*left out: figure 'f': no mark named 'cel'; nearest: cells"):
        Registry(Sources((str(tmp_path),)))


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a,b", ".a"])
def test_a_name_that_cannot_be_a_file_is_refused(name):
    with pytest.raises(PluginError, match="its name names files"):
        Figure(name, "", "", lambda results: None, {})


def test_every_key_has_a_meaning():
    assert {*NAMES} == {name for names in KEYS for name in names.split(", ")}
    assert all(f"`{word}`" in KEYS["mark"] for word in MARKS)
    assert all(f"`{word}`" in KEYS["x_scale, y_scale"] for word in SCALES)


@pytest.mark.parametrize("key", ["x", "y", "low", "color", "facet", "run", "text", "references", "cross"])
def test_a_missing_column_is_named_with_the_nearest(results, key):
    frame = pd.DataFrame({"x": [1.0], "y": [1.0], "steps": [1.0]})
    encoding = {"x": "x", "y": "y", key: "step"}
    with pytest.raises(PluginError, match=f"no column of its frame, for {key}, named 'step'; nearest: steps"):
        panels(declare(frame, **encoding), results)


def test_without_y_it_says_so(results):
    with pytest.raises(PluginError, match="its encoding has no y; name the column"):
        panels(declare(pd.DataFrame({"x": [1]}), x="x"), results)


# Limits


def test_limits_are_those_of_the_data_and_a_twentieth_more():
    assert limits([np.array([0.0, 10.0])], "linear") == ((-0.5, 10.5), ("", ""))
    (low, high), ends = limits([np.array([1.0, 100.0, np.nan, np.inf])], "log")
    assert (low, high) == pytest.approx((10**-0.1, 10**2.1)) and ends == ("", "")
    (low, high), _ = limits([np.array([0.1, 0.9])], "logit")
    assert low == pytest.approx(1 - high) and 0 < low < 0.1


def test_zero_lies_on_a_log_axis_which_says_so():
    (low, _), ends = limits([np.array([0.0, 1.0, 10.0])], "log")
    assert low == pytest.approx(0.5) and ends == ("0", "")
    assert limits([np.array([-1.0, 1.0])], "log")[1] == ("≤ 0", "")
    assert limits([np.array([0.0, 0.5, 1.0])], "logit")[1] == ("0", "1")
    assert ticks((low, 20.0), "log", ends)[0] == (low, "0")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("values", [[], [0], [1], [1e-300], [1e300], [1e-300, 1e300], [-1e300, 1e300], [0.5], [-5, -5]])
def test_limits_enclose_anything_and_have_ticks(values, scale):
    (low, high), ends = limits([np.array(values, float)], scale)
    assert low < high and math.isfinite(low) and math.isfinite(high)
    at = ticks((low, high), scale, ends)
    assert all(low <= value <= high and text for value, text in at) and len({text for _, text in at}) == len(at)


def test_every_method_has_a_colour_and_a_dash_of_its_own():
    assert len({look(index) for index in range(64)}) == 64
    assert [look(index)[0] for index in range(16)] == [*COLOURS] * 2


# matplotlib against the facts


def random_declaration(seed: int) -> Figure:
    rng = np.random.default_rng(seed)
    mark, count = MARKS[seed % len(MARKS)], 60
    scales = {"x_scale": str(rng.choice(["linear", "log"])), "y_scale": str(rng.choice(["linear", "log"]))}
    x = rng.choice(np.geomspace(0.01, 100, 12), count) * rng.choice([0, 1], count, p=[0.1, 0.9])
    y = 10 ** rng.uniform(-5, 5, count)
    y[rng.random(count) < 0.1], y[rng.random(count) < 0.05] = 0, np.nan
    y[rng.random(count) < 0.15] = np.inf
    methods = rng.choice([*METHODS, "another", "_under $x_1$"], count)
    frame = pd.DataFrame({"x": x, "y": y, "low": y / 2, "high": y * 2, "method": methods, "row": methods})
    frame = frame.assign(facet=rng.choice(["a", "b$c$"], count), number=rng.normal(size=count), target=1e-2)
    encoding = {
        "mark": mark,
        "x": "x",
        "y": "y",
        "low": "low",
        "high": "high",
        "color": "method",
        "references": "target",
    }
    encoding |= scales | ({"facet": "facet"} if seed % 2 else {})
    if mark == "cells":
        frame = frame.drop_duplicates(["method", "facet"])
        encoding = {"mark": mark, "x": "method", "y": "facet", "color": "number"}
    elif mark == "interval":
        frame = frame.drop_duplicates(["row", "facet"])
        encoding |= {"x": "y", "y": "row", "y_scale": "linear"}
    elif seed % 3 == 0:
        frame = frame.assign(run=rng.choice([0, 1, np.nan], count))
        encoding |= {"run": "run"}
    return declare(frame, **encoding)


def on_axis(values, span, scale):
    """Where a renderer draws the numbers of the facts: those that a log axis has no place for at its lower limit."""
    return [math.nan if v is None else span[0] if scale == "log" and v <= 0 else v for v in values]


def same(values, expected) -> None:
    np.testing.assert_allclose(np.asarray(values, float), np.asarray(expected, float), rtol=6e-3)


@pytest.mark.parametrize("seed", range(12))
def test_matplotlib_draws_the_series_limits_references_and_crosses_of_the_facts(results, seed):
    figure = random_declaration(seed)
    shown = panels(figure, results)
    facts, canvas = shown.facts(), paint(shown)
    axes = [axis for axis in canvas.axes if axis.get_label() != "<colorbar>"]
    assert len(axes) == len(facts["facets"]) > 0
    names = dict(enumerate(METHODS))
    for axis, facet in zip(axes, facts["facets"], strict=True):
        assert axis.get_title(loc="left").replace(r"\$", "$") == facet["name"]
        same(axis.get_xlim(), facet["xlim"])
        same(axis.get_ylim(), facet["ylim"])
        if facts["mark"] == "cells":
            (one,), mesh = facet["series"], axis.collections[0].get_array()
            same([mesh[int(row), int(column)] for column, row in zip(one["x"], one["y"], strict=True)], one["v"])
            continue
        lines = [
            line
            for line in axis.lines
            if line.get_label().replace(r"\$", "$") in {*names.values(), "another", "_under $x_1$"}
        ]
        assert len(lines) == len(facet["series"])
        for line, one in zip(lines, facet["series"], strict=True):
            assert line.get_label().replace(r"\$", "$") == names.get(one["o"], one["o"])
            assert line.get_color() == look(one.get("c", one["o"]))[0]
            same(line.get_xdata(), on_axis(one["x"], facet["xlim"], facts["x"]["scale"]))
            same(line.get_ydata(), on_axis(one["y"], facet["ylim"], facts["y"]["scale"]))
        crosses = [line for line in axis.lines if line.get_label() == "_cross"]
        expected = [one["cross"] for one in facet["series"] if "cross" in one]
        for line, places in zip(crosses, expected, strict=True):
            same(line.get_ydata() if facts["mark"] == "interval" else line.get_xdata(), places)
        drawn = [line for line in axis.lines if line.get_label() == "_reference"]
        assert len(drawn) == len(facet.get("references", []))
    assert json.loads(json.dumps(facts).replace("Infinity", "1e999")) == facts


def test_the_facts_have_what_the_page_needs(results):
    facts = {name: panels(figure, results).facts() for name, figure in registry()["figure"].items()}
    curves = facts["loss-curves"]
    assert curves["x"]["units"] == ["evaluations of examples", "steps", "samples", "seconds"]
    one = curves["facets"][0]["series"][0]
    assert METHODS[one["o"]] == "adam" and len(one["x"]) == len(one["y"]) == len(one["l"]) == len(one["h"])
    assert one["u"]["evaluations of examples"] == 1 and {*one["u"]} == {*curves["x"]["units"]} == {
        *curves["facets"][0]["xlims"]
    }
    assert len(one["r"]) == 3 and all(len(run) == len(one["y"]) for run in one["r"])
    assert facts["ranks"]["again"] == "ranks" and facts["ecdf"]["again"] == facts["data-profile"]["again"] == "profile"
    assert facts["scores"]["facets"][0]["columns"] == METHODS and facts["pairs"]["color"]["middle"] == 0.5
    for fact in facts.values():
        assert fact["sentence"][-1] == "." and fact["sentence"].count(". ") == 0 and fact["facets"], fact["name"]


def test_units_are_a_factor_or_a_list(results):
    frame = pd.DataFrame({"x": [0.0, 1, 2], "y": [1.0, 2, 3], "twice": [0.0, 2, 4], "bent": [0.0, 1, 4]})
    figure = declare(frame, x="x", y="y", x_units={"x": "x", "twice": "twice", "bent": "bent"})
    facts = panels(figure, results).facts()
    assert facts["facets"][0]["series"][0]["u"] == {"x": 1, "twice": 2, "bent": [0, 1, 4]}
    assert facts["x"]["label"] == "x"


def test_facet_and_color_may_be_missing(results):
    shown = panels(declare(pd.DataFrame({"x": [1, 2], "y": [3, 4]}), x="x", y="y"), results)
    (panel,) = shown.panels
    assert panel.name == "" and [one.name for one in panel.series] == [""] and len(paint(shown).axes) == 1


def test_a_cross_is_where_the_column_or_the_number_says(results):
    frame = pd.DataFrame({"x": [1, 2, 3], "y": [1.0, 5.0, 2.0], "bad": [True, False, False]})
    for cross, place in (("bad", 1), (4, 2)):
        (one,) = panels(declare(frame, x="x", y="y", cross=cross), results).panels[0].series
        assert one.crosses.tolist() == [place] and np.isnan(one.y[place - 1]) and np.isfinite(one.y).sum() == 2


def test_references_do_not_stretch_an_axis(results):
    frame = pd.DataFrame({"x": [1, 2], "y": [0.0, 10.0], "known": [5.0, 7.0]})
    (panel,) = panels(declare(frame, x="x", y="y", references=["known", 10.5, 11]), results).panels
    assert panel.references == (5.0, 7.0, 10.5) and panel.ylim == (-0.5, 10.5)


def test_an_empty_frame_is_no_picture(results):
    assert draw(declare(pd.DataFrame(), x="x", y="y"), results) is None
    assert draw(declare(None, x="x", y="y"), results) is None
    nothing = pd.DataFrame({"x": [1.0], "y": [np.nan]})
    assert draw(declare(nothing, x="x", y="y"), results) is None


# Pictures


STRANGE = [
    "<script>alert(1)</script>",
    "$x_1$ and $",
    "_under_score",
    "勾配降下法",
    "a" * 200,
    "back\\slash",
    "new\nline",
    "%&#~^{}",
]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("style", STYLES)
def test_strange_names_and_numbers_are_drawn_as_they_are(results, mark, style):
    values = [0.0, 1e-300, 1e300, np.inf, np.nan, 1.0, -1.0, 0.5]
    frame = pd.DataFrame(
        {"x": values[::-1], "y": values, "low": values, "high": values, "name": STRANGE, "number": values}
    )
    encoding = {"mark": mark, "x": "x", "y": "y", "low": "low", "high": "high", "color": "name", "facet": "name"}
    encoding |= {"y_label": "$y_1$", "x_scale": "log", "y_scale": "log"}
    if mark in ("cells", "interval"):
        encoding |= {"y": "name", "y_scale": "linear"}
    if mark == "cells":
        encoding |= {"x": "name", "color": "number", "x_scale": "linear"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for key in ("facet", "color"):
            shown = panels(
                declare(frame, **{k: v for k, v in encoding.items() if k != key or mark == "cells"}), results
            )
            canvas = paint(shown, style)
            for kind in ("svg", "pdf"):
                assert save(canvas, kind, style)


def test_dollars_are_no_mathematics(results):
    names = ["$x_1$ and $x_2$", "$\\frac{a}{b}$"]
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0], "name": names})
    drawn = [box for text, box in boxes(draw(declare(frame, x="x", y="y", color="name"), results)) if "$" in text]
    for box, name in zip(drawn, names, strict=True):
        assert box.width == pytest.approx(width_of(name, 9) * 100, rel=0.2)


def test_names_that_are_no_methods_have_colours_behind_them_or_from_the_first(results):
    for names, colours in ((["gd", "b", "a"], [1, 3, 4]), (["b", "a"], [0, 1])):
        frame = pd.DataFrame({"x": 1.0, "y": 1.0, "name": names})
        (panel,) = panels(declare(frame, x="x", y="y", color="name"), results).panels
        assert [one.colour for one in panel.series] == colours
        assert [one.name for one in panel.series][-2:] == ["a", "b"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_figure_has_the_same_bytes(results, kind, style):
    first, second = (save(results.plot("learning-rate", style), kind, style) for _ in range(2))
    assert first == second and b"Matplotlib" not in first


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("value", [0.0, 1e-300, 1e300, 1.0, np.inf])
def test_one_point_is_a_picture(results, value, scale):
    figure = declare(pd.DataFrame({"x": [value], "y": [value]}), x="x", y="y", x_scale=scale, y_scale=scale)
    shown = panels(figure, results)
    canvas = paint(shown)
    if not np.isinf(value):
        assert save(canvas, "svg") and canvas.axes[0].get_xlim() == shown.panels[0].xlim


def boxes(canvas):
    """The extents of all texts of a picture that say something, in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    renderer = FigureCanvasAgg(canvas).get_renderer()
    canvas.draw(renderer)
    texts = [text for text in canvas.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


@pytest.mark.parametrize("style", STYLES)
def test_no_text_of_a_built_in_figure_is_clipped_or_covers_another(results, style):
    for name, figure in registry()["figure"].items():
        canvas = draw(figure, results, style)
        width, height = canvas.get_size_inches() * canvas.dpi
        texts = boxes(canvas)
        for index, (text, box) in enumerate(texts):
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert inside, (name, text, box, width, height)
            for other, beside in texts[index + 1 :]:
                apart = (
                    box.x1 <= beside.x0 + 1
                    or beside.x1 <= box.x0 + 1
                    or box.y1 <= beside.y0 + 1
                    or beside.y1 <= box.y0 + 1
                )
                assert apart, (name, text, other)


def test_sixty_methods_are_all_in_the_legend(results):
    names = [f"method:number={index}" for index in range(60)]
    frame = pd.DataFrame({"x": [1.0, 2.0] * 60, "y": np.arange(120.0), "name": np.repeat(names, 2)})
    for style in STYLES:
        canvas = draw(declare(frame, x="x", y="y", color="name"), results, style)
        assert {text.get_text() for text in canvas.texts} == {*names}
        width, height = canvas.get_size_inches() * canvas.dpi
        legend = [box for text, box in boxes(canvas) if text in names]
        assert all(box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in legend)


def test_papers_have_columns_of_their_width_and_small_text(results):
    assert results.plot("ranks", "paper").get_size_inches()[0] == pytest.approx(3.3)
    curves = results.plot("learning-rate", style="paper")
    assert curves.get_size_inches()[0] == pytest.approx(6.9)
    assert {round(text.get_fontsize()) for text in curves.texts} == {8}


def test_plot_names_the_nearest_figure_and_style(results):
    with pytest.raises(UnknownName, match="no figure named 'rank'; nearest: ranks"):
        results.plot("rank")
    with pytest.raises(UnknownName, match="no style named 'papr'; nearest: paper"):
        results.plot("ranks", style="papr")
    with pytest.raises(StoreError, match="figure 'made' has nothing to show"):
        results.plot(declare(pd.DataFrame(), x="x", y="y"))
