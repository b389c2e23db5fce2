"""What the page computes for the methods that are shown equals what Python computes for them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pages import curved, opened, results_of

import optibench as ob
from optibench.analysis.places import places
from optibench.analysis.stats.claims import letters
from optibench.analysis.stats.ranks import critical_difference, friedman, kendalls_w

METHODS = [f"m{i}" for i in range(7)]


def draw(kind, rng, problems=4, replicates=14):
    """Scores of seven methods on some problems, of one kind of loss."""
    shape = (problems, len(METHODS), replicates)
    values = {
        "lognormal": lambda: rng.lognormal(0, 1, shape) * np.arange(1, len(METHODS) + 1)[:, None],
        "tied": lambda: rng.integers(0, 5, shape).astype(float) - 1,
        "whole ratios": lambda: rng.integers(1, 9, shape).astype(float),
        "diverging": lambda: np.where(rng.random(shape) < 0.3, np.inf, rng.lognormal(0, 1, shape)),
        "missing": lambda: np.where(rng.random(shape) < 0.1, np.nan, rng.normal(3, 1, shape)),
        "bimodal": lambda: rng.lognormal(0, 0.1, shape) * np.where(rng.random(shape) < 0.4, 1e-4, 1.0),
        "many": lambda: rng.normal(3, 1, (*shape[:2], 60)) + np.arange(len(METHODS))[:, None] / 9,
    }[kind]()
    if kind == "missing":
        values[0, 6] = np.nan  # a method without a run on a problem
    return {
        f"p{p}": {
            name: [None if value != value else float(value) for value in values[p, k]] for k, name in enumerate(METHODS)
        }
        for p in range(problems)
    }


def fields(rng):
    """All methods, and ten random choices of them."""
    sizes = [len(METHODS), *rng.integers(1, len(METHODS), 10)]
    return [sorted(rng.choice(len(METHODS), size, replace=False).tolist()) for size in sizes]


COMPUTE = """shown => {
  const f = compute(shown);
  const square = tests => tests && {n: tests.n, p: tests.p, adjusted: tests.adjusted, wins: tests.wins};
  return JSON.stringify({
    problems: f.problems, ranks: f.ranks, letters: f.letters, on: f.claims.on.map(square), over: square(f.claims.over),
    standing: f.standing, beyond: f.beyond,
  }, (key, value) => value === Infinity ? "inf" : value);
}"""


def close(page, python):
    expected = np.asarray(python, float)
    given = np.array([float(value) for value in np.ravel(np.array(page, object))]).reshape(expected.shape)
    np.testing.assert_allclose(given, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["lognormal", "tied", "whole ratios", "diverging", "missing", "bimodal", "many"])
def test_ranks_tests_and_places_of_every_field_equal_pythons(browser, tmp_path, kind):
    rng = np.random.default_rng(sum(map(ord, kind)))
    results = results_of(draw(kind, rng))
    with opened(browser, results.report(tmp_path / kind)) as tab:
        for shown in fields(rng):
            names = [METHODS[m] for m in shown]
            comparison = results.compare(optimizer=names)
            page = json.loads(tab.evaluate(COMPUTE, shown))
            assert [f"p{p}" for p in page["problems"]] == comparison.problems
            for problem, tests, standing in zip(comparison.problems, page["on"], page["standing"], strict=True):
                check_tests(tests, comparison.tests(problem))
                expected = places(comparison, problem).methods
                for name, one in zip(comparison.methods, standing, strict=True):
                    place = expected.get(name)
                    assert one["rank"] == (place.rank if place else None)
                    if place:
                        close([one["score"]], [place.score])
                        assert (one["solved"] is None) == (place.solved != place.solved)
            assert (page["over"] is None) == (comparison.claims.over is None)
            if page["over"]:
                check_tests(page["over"], comparison.claims.over)
            table = results.ranks(optimizer=names)
            assert len(page["ranks"]) == len(table)
            for row in table.itertuples():
                place = comparison.methods.index(row.optimizer)
                one = page["ranks"][place]
                close([one["mean"], one["low"], one["high"]], [row.mean_rank, row.low, row.high])
                if len(names) > 1:
                    assert page["letters"][place] == row.groups
            if len(table) and len(names) > 1:
                medians, beyond = comparison.medians, page["beyond"]
                close(beyond["means"], friedman(medians).mean_ranks)
                close([beyond["w"]], [kendalls_w(medians)])
                close([beyond["critical"]], [critical_difference(len(names), len(medians))])


def check_tests(page, tests):
    assert page["n"] == tests.n.tolist() and page["wins"] == tests.wins.tolist()
    close(page["p"], tests.p)
    close(page["adjusted"], tests.adjusted)


def test_groups_of_any_wins_have_the_letters_of_python(browser, tmp_path):
    rng = np.random.default_rng(0)
    with opened(browser, results_of(draw("tied", rng)).report(tmp_path)) as tab:
        for _ in range(60):
            k = int(rng.integers(1, 8))
            wins = np.triu(rng.random((k, k)) < rng.random(), 1)
            order = rng.integers(1, 5, k).astype(float)
            page = tab.evaluate("([wins, order]) => statistics.letters(wins, order)", [wins.tolist(), order.tolist()])
            assert page == letters(wins, order)


def test_the_error_function_is_scipys(browser, tmp_path):
    from scipy.special import erfc

    x = [0.0, 1e-9, 0.3, 1.0, 1.99, 2.0, 2.5, 4.0, 8.0, 20.0, 26.0]
    with opened(browser, results_of(draw("tied", np.random.default_rng(0))).report(tmp_path)) as tab:
        close(tab.evaluate("x => x.map(statistics.erfc)", x), erfc(x))
        ratio = np.array(tab.evaluate("x => x.map(statistics.erfc)", x)) / erfc(x)
        np.testing.assert_allclose(ratio, 1, rtol=1e-12)


@pytest.fixture(scope="module")
def trained():
    facts = {"lr": [1e-3, 1e-2, 0.1], "seeds": 6, "steps": 60}
    return ob.run(["rosenbrock", "quadratic", "wine-mlp"], ["gd", "momentum", "adam", "rmsprop"], **facts)


@pytest.mark.parametrize("kind", ["performance", "data", "ecdf"])
def test_profiles_of_every_field_equal_pythons(browser, tmp_path, trained, kind):
    methods, rng = trained.compare().methods, np.random.default_rng(1)
    with opened(browser, trained.report(tmp_path)) as tab:
        for size in (4, 3, 3, 2, 2, 1):
            shown = sorted(rng.choice(4, size, replace=False).tolist())
            frame = trained.profile(kind, optimizer=[methods[m] for m in shown])
            x = sorted(frame["x"].unique())
            script = """([shown, kind, x]) => {
              field = compute(shown);
              return statistics.profile(profiles.tasks(kind), x);
            }"""
            page = tab.evaluate(script, [shown, kind, x])
            for m, shares in zip(shown, page, strict=True):
                close(shares, frame[frame["optimizer"] == methods[m]].sort_values("x")["share"].to_numpy())


def test_a_curve_that_misses_its_targets_is_in_the_denominator(browser, tmp_path):
    results = curved({"p0": {"a": [1.0] * 6, "b": [5.0] * 6}, "p1": {"a": [2.0] * 6, "b": [np.inf] * 6}})
    with opened(browser, results.report(tmp_path)) as tab:
        assert tab.evaluate("DATA.targets.length") == len(results.targets)
