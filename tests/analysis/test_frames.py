"""Frames of the analysis: by hand, for whatever is permuted or doubled, and where little can be concluded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from results_made import made

from optibench import InputError
from optibench.analysis.declaration import analyses
from optibench.analysis.equal_cost import at_cost
from optibench.analysis.pairs import ALL, BEYOND
from optibench.analysis.sensitivity import around_best
from optibench.analysis.stats.adjust import holm, replicates_needed
from optibench.analysis.stats.rank_bootstrap import resampled, share_first
from optibench.analysis.tuning import self_checks
from optibench.results import Results

KINDS = ("performance", "data", "ecdf", "area", "algoperf")
TEN = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9]


def target(problem, value):
    return {"problem": problem, "target": value, "epsilon": None, "provenance": "by hand"}


LITTLE = {
    "one optimizer": (made({"p": {"a": [1, 2]}, "q": {"a": [1, 2]}}), "only one optimizer, a"),
    "one problem": (made({"p": {"a": [1, 2], "b": [2, 3]}}), "only one problem, p"),
    "one replicate": (made({"p": {"a": [1], "b": [2]}, "q": {"a": [1], "b": [2]}}), "p: only one replicate"),
    "all diverged": (made({"p": {"a": [None] * 3, "b": [None] * 3}}), "p: no run of any optimizer finished"),
    "unequal replicates": (
        made({"p": {"a": [1, 2, 3], "b": [2, 3]}, "q": {"a": [1], "b": [1]}}),
        "p: b has fewer replicates",
    ),
    "missing": (
        made({"p": {"a": [1, 2], "b": [2, 3]}, "q": {"a": [1, 2]}}),
        "q: no run of b, so it is excluded from ranks",
    ),
    "mixed fingerprints": (
        made({"p": {"a": [1, 2], "b": [2, 3]}, "q": {"a": [1, 2], "b": [1, 3]}}, runs={"p/a/0": {"fingerprint": "g"}}),
        "p: its runs have 2 different fingerprints",
    ),
    "mixed everywhere": (
        made({"p": {"a": [1, 2], "b": [2, 3]}}, runs={"p/a/0": {"fingerprint": "g"}}),
        "there are no runs to compare",
    ),
    "mixed versions": (
        made({"p": {"a": [1, 2], "b": [2, 3]}}, runs={"p/a/0": {"version": "2"}}),
        "runs of optibench 1, 2 are mixed",
    ),
    "stopped in tuning": (made({"p": {"a": [1, 2], "b": [2, 3]}}, rows=[]), "no evaluation runs yet"),
}


@pytest.mark.parametrize("case", LITTLE)
@pytest.mark.parametrize("targets", [[], [target("p", 2.0), target("q", 1.5)]])
def test_where_little_can_be_concluded_a_sentence_says_so_and_nothing_crashes(case, targets):
    results, words = LITTLE[case]
    results.protocol["targets"] = targets
    assert any(words in line for line in results.compare().caveats), results.compare().caveats
    for name, frame in results.tables().items():
        assert list(frame) == list(analyses(Results)[name].columns), name
    for kind in KINDS:
        assert isinstance(results.profile(kind), pd.DataFrame)
    assert results.verdict()["sentence"].str.len().gt(10).all()


def mixed(**columns):
    """Two methods on two problems; ``columns``: two values of further columns, one for even and one for odd seeds."""
    names = [f"{problem}/{name}/{seed}" for problem in "pq" for name in "ab" for seed in range(10)]
    runs = {run: {column: values[int(run[-1]) % 2] for column, values in columns.items()} for run in names}
    return made({name: {"a": TEN, "b": TEN} for name in "pq"}, runs=runs).compare().caveats


def test_mixed_environments_are_named_in_one_caveat():
    (caveat,) = mixed(numpy=["2.4.6", "2.3.1"], blas=["openblas", "openblas"], python=["3.11", "3.12"])
    assert caveat.startswith("runs from different environments are mixed (python 3.11, 3.12; numpy 2.3.1, 2.4.6): ")
    assert mixed(numpy=["2.4.6", "2.4.6"]) == mixed(processor=["x", None]) == []  # older rows do not have it


def test_a_metric_that_could_not_be_measured_has_one_caveat_with_its_first_reason():
    caveats = mixed(**{"unmeasured:auc": ["ValueError: no", "KeyError: x"], "unmeasured:f1": [None, ""]})
    assert caveats == ["metric auc could not be measured in 40 runs: ValueError: no"]
    (caveat,) = mixed(**{"unmeasured:auc": ["", "ValueError: no"]})
    assert caveat == "metric auc could not be measured in 20 runs: ValueError: no"


def test_what_is_complete_has_no_caveat():
    assert made({"p": {"a": TEN, "b": TEN}, "q": {"a": TEN, "b": TEN}}).compare().caveats == []


def test_too_few_replicates_are_said_to_be_so():
    few = TEN[:7]
    caveats = made({"p": {"a": few, "b": few}, "q": {"a": few, "b": few}}).compare().caveats
    assert caveats == [
        "7 replicates are too few to test all pairs of 2 methods on 2 problems: at least 8 are needed, so no "
        "difference on a problem is claimed"
    ]


def test_mixed_rows_are_not_compared_and_the_others_are():
    results = LITTLE["mixed fingerprints"][0]
    assert set(results.leaderboard()["problem"]) == {"q"}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"problem": "quadratc"}, "no problem in the results named 'quadratc'; nearest: quadratic"),
        ({"optimizer": ["adam", "adm"]}, "no optimizer in the results named 'adm'; nearest: adam"),
        ({"seed": 7}, "no seed in the results named '7'"),
        ({"tuning": "defualt"}, "no tuning in the results named 'defualt'; nearest: default"),
    ],
)
def test_an_unknown_filter_says_the_nearest(chosen, words):
    results = made({"quadratic": {"adam": [1, 2], "gd": [2, 3]}}, tunings=("lr", "default"))
    with pytest.raises(InputError, match=words):
        results.leaderboard(**chosen)


def test_filters_choose_problems_methods_and_seeds():
    results = made({name: {"a": [1, 2, 3], "b": [3, 1, 2], "c": [9, 9, 9]} for name in "pqr"})
    board = results.leaderboard(problem=["p", "q"], optimizer=["a", "c"], seed=[0, 1])
    assert set(board["problem"]) == {"p", "q"} and set(board["optimizer"]) == {"a", "c"}
    assert board["runs"].eq(2).all()


def test_a_score_is_the_test_loss_or_the_loss_and_a_run_that_did_not_finish_is_last():
    runs = {f"p/a/{seed}": {"test_loss": 7.0} for seed in range(3)} | {"p/b/0": {"status": "failed"}}
    board = made({"p": {"a": [1, 1, 1], "b": [2, 3, 4], "c": [None, 5, None]}}, runs=runs).leaderboard()
    assert board.set_index("optimizer")["score"].to_dict() == {"a": 7, "b": 4, "c": np.inf}
    assert board["optimizer"].tolist() == ["b", "a", "c"] and board["rank"].tolist() == [1, 2, 3]
    assert board.set_index("optimizer")["failed"].to_dict() == {"a": 0, "b": 1, "c": 0}


def test_ranks_are_of_medians_before_any_rounding_and_ties_share():
    close = made({"p": {"a": [1.0], "b": [1.0 + 1e-15], "c": [1.0]}}).leaderboard()
    assert close.set_index("optimizer")["rank"].to_dict() == {"a": 1, "c": 1, "b": 3}


def test_mean_ranks_by_hand_with_their_probability_of_rank_one():
    table = {"p": {"a": TEN, "b": [x + 1 for x in TEN]}, "q": {"a": TEN, "b": [x + 1 for x in TEN]}}
    table = made(table).ranks()
    assert table[["rank", "optimizer", "mean_rank", "p_first", "first_on"]].to_numpy().tolist() == [
        [1, "a", 1.0, 1.0, 2],
        [2, "b", 2.0, 0.0, 0],
    ]
    even = made({"p": {"a": TEN, "b": TEN[::-1], "c": TEN[5:] + TEN[:5]}}).ranks()
    assert abs(even["p_first"].sum() - 1) < 1e-12 and even["p_first"].between(0.2, 0.5).all()
    turning = made({"p": {"a": [1, 2, 3], "b": [2, 1, 4]}, "q": {"a": [1, 1, 2], "b": [1, 3, 1]}}).ranks()
    assert turning["mean_rank"].tolist() == [(1.25 + 1.5 + 1.5) / 3, (1.75 + 1.5 + 1.5) / 3]  # replicate by replicate


def test_a_mean_rank_lies_in_its_interval():
    rng = np.random.default_rng(5)
    for scale in (0.0, 0.3, 5.0):
        table = {
            f"p{i}": {name: list(rng.normal(size=9) + scale * j) for j, name in enumerate("abc")} for i in range(4)
        }
        ranks = made(table).ranks()
        assert (ranks["low"] <= ranks["mean_rank"]).all() and (ranks["mean_rank"] <= ranks["high"]).all()
        assert ranks["low"].ge(1).all() and ranks["high"].le(3).all() and (ranks["low"] < ranks["high"]).all()


def test_the_bootstrap_draws_replicates_with_all_methods_and_problems():
    shared = np.random.default_rng(0).standard_normal(10) * 100
    results = made({"p": {"a": list(shared), "b": list(shared + 0.01)}})  # b loses in every replicate, by little
    assert results.ranks().set_index("optimizer")["p_first"].to_dict() == {"a": 1, "b": 0}
    ranks = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    drawn = resampled(ranks, 4000)
    assert np.allclose(drawn.sum(axis=1), 3) and np.allclose(drawn.mean(axis=0), ranks.mean(axis=0), atol=0.02)
    np.testing.assert_array_equal(drawn, resampled(ranks, 4000))
    assert share_first(drawn)[0] == pytest.approx(20 / 27, abs=0.02)  # two or three of three draws are rows 0 or 2
    assert share_first(np.array([[1.0, 1.0], [1.0, 2.0]])).tolist() == [0.75, 0.25]


scores = st.lists(
    st.lists(st.one_of(st.integers(0, 6).map(float), st.none()), min_size=4, max_size=4), min_size=2, max_size=4
)
tables = st.lists(scores, min_size=1, max_size=3).filter(lambda table: len({len(rows) for rows in table}) == 1)


def named(table, names):
    return {f"p{i}": dict(zip(names, rows, strict=True)) for i, rows in enumerate(table)}


@settings(max_examples=25, deadline=None)
@given(tables, st.randoms())
def test_permuting_methods_permutes_the_results(table, random):
    names = list("abcd"[: len(table[0])])
    other = names[:]
    random.shuffle(other)
    renamed = dict(zip(names, other, strict=True))
    one, two = made(named(table, names)), made(named(table, other))
    a, b = one.ranks().set_index("optimizer"), two.ranks().set_index("optimizer")
    for name in names:
        assert a.loc[name, "mean_rank"] == b.loc[renamed[name], "mean_rank"]
        np.testing.assert_allclose(a.loc[name, "p_first"], b.loc[renamed[name], "p_first"], atol=1e-12)
    first, second = (x.pairwise().set_index(["problem", "a", "b"])["p_adjusted"] for x in (one, two))
    for (problem, x, y), p in first.items():
        key = (problem, *sorted((renamed[x], renamed[y])))
        np.testing.assert_allclose(p, second[key], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(tables)
def test_a_monotone_transform_of_the_losses_leaves_ranks_unchanged(table):
    names = "abcd"[: len(table[0])]
    bent = [[[None if x is None else np.exp(x / 2) - 3 for x in row] for row in rows] for rows in table]
    one, two = made(named(table, names)), made(named(bent, names))
    assume(all(results.leaderboard()["solved"].isna().all() for results in (one, two)))  # a gap has a width
    columns = ["problem", "optimizer", "rank"]
    pd.testing.assert_frame_equal(one.leaderboard()[columns], two.leaderboard()[columns])
    pd.testing.assert_frame_equal(one.ranks(), two.ranks())
    over, other = (x.pairwise(problem=one.compare().problems).query("problem == @ALL") for x in (one, two))
    pd.testing.assert_frame_equal(over, other)


@settings(max_examples=25, deadline=None)
@given(tables)
def test_a_twin_never_differs_significantly_from_its_twin(table):
    names = "abcd"[: len(table[0])]
    doubled = {problem: {**rows, "a2": rows["a"]} for problem, rows in named(table, names).items()}
    results = made(doubled)
    pairs = results.pairwise("a", "a2")
    assert pairs["p_adjusted"].eq(1).all() and pairs["better"].eq("").all()
    groups = results.ranks().set_index("optimizer")["groups"]
    assert set(groups["a"]) & set(groups["a2"])
    for row in results.verdict().to_dict("records"):
        for one, other in (("a", "a2"), ("a2", "a")):
            assert (one in row["leaders"]) == (other in row["leaders"])
            assert (one in row["worse"]) == (other in row["worse"])
        if row["leaders"]:
            assert row["problem"] == BEYOND or "in every replicate" in row["sentence"]


def test_all_equal_data_give_p_one_and_no_nan():
    results = made({name: {"a": [2.0] * 5, "b": [2.0] * 5, "c": [2.0] * 5} for name in "pqrs"})
    pairs = results.pairwise()
    assert pairs["p_adjusted"].eq(1).all() and pairs[["p", "improvement", "cliffs_delta"]].notna().all().all()
    ranks = results.ranks()
    assert ranks["mean_rank"].eq(2).all() and ranks.attrs["friedman"].p == ranks.attrs["friedman"].p_f == 1
    assert ranks.drop(columns=["optimizer", "groups"]).notna().all().all()
    assert results.verdict()["sentence"][2] == (
        "On p all 3 methods have the same loss, 2, in every replicate, so they are not statistically distinguishable."
    )


def test_pairs_by_hand():
    a, b = [1.0, 2.0, 3.0, 4.0, 5.0, -6.0], [2.0, 3.0, 4.0, 5.0, 6.0, -6.5]
    row = made({"p": {"a": a, "b": b}}).pairwise("a", "b").iloc[0]
    assert (row["n"], row["wins"], row["ties"], row["losses"]) == (6, 5, 0, 1)
    assert (row["effect"], row["estimate"], row["low"], row["high"]) == ("difference", -1, -1, 0.5)
    assert row["improvement"] == sum((x < y) + (x == y) / 2 for x in a for y in b) / 36
    assert row["cliffs_delta"] == 2 * row["improvement"] - 1
    back = made({"p": {"a": a, "b": b}}).pairwise("b", "a").iloc[0]
    assert back["estimate"] == -row["estimate"] and back["p"] == row["p"] == 2 / 64 * 2


def test_where_all_losses_are_positive_the_effect_is_their_ratio():
    table = {"p": {"a": TEN, "b": [2 * x for x in TEN]}}
    row = made(table).pairwise("a", "b").iloc[0]
    assert row["effect"] == "ratio" and [*row[["estimate", "low", "high"]]] == pytest.approx([0.5] * 3)
    lost = made({"p": {"a": TEN, "b": [None] * 10}}).pairwise("a", "b").iloc[0]
    assert (lost["effect"], lost["estimate"], lost["better"]) == ("ratio", 0, "a")


def test_over_problems_mean_ranks_of_replicates_are_tested():
    table = {f"p{i}": {"a": [x * 10.0**i for x in TEN], "b": [(x + 2) * 10.0**i for x in TEN]} for i in range(7)}
    pairs = made(table).pairwise("a", "b")
    row = pairs[pairs["problem"] == ALL].iloc[0]
    assert (row["n"], row["wins"], row["improvement"], row["p"], row["better"]) == (10, 7, 1.0, 2 / 2**10, "a")
    assert (row["effect"], row["estimate"]) == ("mean rank", -1)


def test_the_family_is_all_pairs_on_all_problems_at_half_of_the_level():
    rng = np.random.default_rng(0)
    table = {name: {each: list(rng.normal(size=10) + j) for j, each in enumerate("abc")} for name in "pq"}
    results = made(table)
    pairs = results.pairwise()
    on = pairs[pairs["problem"].isin(["p", "q"])]
    np.testing.assert_allclose(on["p_adjusted"], np.minimum(1, 2 * holm(on["p"])))
    over = pairs[pairs["problem"] == ALL]
    np.testing.assert_allclose(over["p_adjusted"], np.minimum(1, 2 * holm(over["p"])))
    some = results.pairwise("b", "c")  # asking for one pair leaves its p as it is on the page
    assert some["p_adjusted"].tolist() == pairs.query("a == 'b' and b == 'c'")["p_adjusted"].tolist()
    alone = made({"p": table["p"]}).pairwise()
    np.testing.assert_allclose(alone["p_adjusted"], holm(alone["p"]))  # one problem, one family


def test_beyond_these_problems_many_are_needed_and_a_difference_over_them():
    def pairs(problems, worse):
        table = {f"p{i}": {"a": TEN, "b": [x + worse for x in TEN]} for i in range(problems)}
        return made(table).pairwise().query("problem == @BEYOND").iloc[0]

    assert pairs(9, 2)["p_adjusted"] < 0.05 and pairs(9, 2)["better"] == "" and pairs(9, 2)["more"] == 1
    assert pairs(10, 2)["better"] == "a" and pairs(10, 2)["n"] == 10
    few = {f"p{i}": {"a": TEN[:4], "b": [x + 2 for x in TEN[:4]]} for i in range(12)}
    row = made(few).pairwise().query("problem == @BEYOND").iloc[0]
    assert row["p_adjusted"] < 0.05 and row["better"] == ""  # four replicates show nothing over these problems


def test_more_replicates_are_as_many_as_the_test_can_tell_with():
    rows = made({"p": {"a": [1.0, 1.1, 1.2], "b": [1.5, 1.7, 1.6], "c": [2.0, 2.1, 2.2]}}).pairwise()
    assert rows["better"].eq("").all()
    assert (rows["more"] >= replicates_needed(3, 1) - 3).all()  # a t-test would think three enough


def test_a_pair_uses_all_replicates_that_the_two_have():
    results = made({"p": {"a": [1, 2, 3, 4], "b": [2, 3, 4, 5], "c": [1]}})
    pairs = results.pairwise().set_index(["problem", "a", "b"])["n"]
    assert pairs["p", "a", "b"] == 4 and pairs["p", "a", "c"] == 1


REACH = made(
    {"p": {"a": [1.0, 1.0, 5.0], "b": [2.0, 2.0, 2.0]}},
    points={("p", "a"): [(0, 10.0), (4, 3.0), (6, 8.0), (10, 1.0)], ("p", "b"): [(0, 10.0), (5, 4.0), (20, 2.0)]},
    targets=[target("p", 3.5), target("p", 1.5), target("p", 0.1)],
)


def test_the_first_hit_counts_and_a_miss_is_censored():
    table = REACH.time_to_target().set_index(["target", "optimizer"])
    assert (
        table.loc[(3.5, "a"), "median"] == 4 and table.loc[(3.5, "b"), "median"] == 20
    )  # later records do not move it
    assert table.loc[(1.5, "a"), "ert"] == 10 and table.loc[(1.5, "b"), "ert"] == np.inf
    assert table.loc[(1.5, "b"), ["successes", "rate", "median", "par10"]].tolist() == [0, 0.0, np.inf, 200]
    assert table.loc[(3.5, "a"), "rank"] == 1 and table.loc[(1.5, "b"), "rank"] == 2
    assert REACH.time_to_target(target=4.0)["median"].tolist() == [4, 5]


def test_unsolved_problems_stay_in_the_denominator_and_the_field_matters():
    profile = REACH.profile("performance").set_index(["optimizer", "x"])["share"]
    assert profile["a", 1.0] == 2 / 3 and profile["a", 100.0] == 2 / 3
    assert profile["b", 1.0] == 0 and profile["b", 100.0] == 1 / 3
    alone = REACH.profile("performance", optimizer="b").set_index("x")["share"]
    assert alone[1.0] == 1 / 3  # among itself it is the best
    assert REACH.profile("algoperf").query("optimizer == 'a'")["share"].tolist() == [2 / 3, 2 / 3]


def test_equal_cost_looks_where_the_one_that_spent_least_has_ended():
    comparison = REACH.compare()
    assert at_cost(REACH, comparison, "steps").rows.groupby("optimizer")["score"].first().to_dict() == {"a": 1, "b": 4}
    assert at_cost(REACH, comparison, "steps", 0.5).rows.groupby("optimizer")["score"].first().to_dict() == {
        "a": 3,
        "b": 4,
    }
    lost = made(
        {"p": {"a": [None], "b": [2.0]}}, points={("p", "a"): [(0, 9.0), (4, 3.0)], ("p", "b"): [(0, 9.0), (20, 2.0)]}
    )
    found = at_cost(lost, lost.compare(), "steps").rows.set_index("optimizer")["score"]
    assert found.to_dict() == {"a": np.inf, "b": 9.0}


def test_crossings_are_pairs_whose_order_turns():
    points = {("p", "a"): [(0, 9.0), (1, 1.0), (10, 0.9)], ("p", "b"): [(0, 9.0), (1, 5.0), (10, 0.1)]}
    results = made({"p": {"a": [0.9] * 3, "b": [0.1] * 3}}, points=points)
    assert results.crossings().to_numpy().tolist() == [["p", "a", "b"]]
    rows = results.stability().set_index(["varied", "level"])["leaders"]
    assert rows["horizon", "10%"] == ["a"] and rows["horizon", "100%"] == ["b"]


def test_the_leader_is_made_anew_for_everything_that_is_left_out():
    results = made({"p": {"a": [1, 1], "b": [2, 2], "c": [3, 3]}, "q": {"a": [3, 3], "b": [1, 1], "c": [2, 2]}})
    table = results.stability().set_index(["varied", "level"])
    assert table.loc[("as run", "lr"), "leaders"] == ["b"]
    without = table.loc[["problem left out", "optimizer left out"], ["leaders", "changed"]].reset_index("level")
    assert without.to_numpy().tolist() == [
        ["p", ["b"], False],
        ["q", ["a"], True],
        ["a", ["b"], False],
        ["b", ["a", "c"], False],  # it cannot lead where it is left out
        ["c", ["a", "b"], True],
    ]
    assert abs(table.loc["replicates", "share"].sum() - 1) < 1e-12


def test_the_good_rates_are_the_unbroken_range_around_the_best():
    gaps = [9.0, 1.9, 1.0, 1.5, 5.0, 1.2, np.inf]
    tried = [("p", "a", "lr", 10.0**place, gap) for place, gap in enumerate(gaps)]
    table = made({"p": {"a": [1, 2], "b": [1, 2]}}, tried=tried).sensitivity()
    assert table["good"].tolist() == [False, True, True, True, False, False, False]
    assert table["decades"].unique().tolist() == [2.0] and table["best_lr"].unique().tolist() == [100.0]
    assert not around_best(np.array([np.inf, np.inf])).any()


def test_a_known_minimum_makes_scores_gaps():
    tried = [("p", "a", "lr", lr, score) for lr, score in ((0.1, 10.5), (1.0, 11.0), (10.0, 13.0))]
    runs = {f"p/a/{seed}": {"minimum": 10.0} for seed in range(2)}
    table = made({"p": {"a": [11, 12]}}, tried=tried, runs=runs).sensitivity()
    assert table["good"].tolist() == [True, True, False]


def test_the_optimism_of_tuning_is_the_fresh_score_less_the_one_that_chose():
    results = made({"p": {"a": [3.0, 5.0, 4.0], "b": [1, 1, 1]}})
    results.protocol["rows"][0] |= {"scores": [3.5, 2.0, 3.7], "on_boundary": 2}
    row = results.tuning().set_index("optimizer").loc["a"]
    assert (row["tuning_score"], row["fresh_score"], row["on_boundary"]) == (3.5, 4.0, 2)
    assert row["optimism"] == pytest.approx(0.3)  # the median of -0.5, 3.0 and 0.3: within replicates
    chosen = {f"p/a/{seed}": {"validation_loss": 9.0} for seed in range(3)}
    assert made({"p": {"a": [3, 5, 4]}}, runs=chosen).tuning()["fresh_score"].tolist() == [9.0]


@pytest.mark.parametrize(("worse", "said"), [(8, True), (7, False)])
def test_tuned_settings_that_are_worse_than_the_defaults_in_nearly_all_replicates_overfit(worse, said):
    tuned = [2.0] * worse + [0.5] * (9 - worse)
    results = made({"p": {"a": tuned, "b": [1.0] * 9, "c": [1.0] * 9}})
    rows = results.protocol["rows"]
    of_c = next(row["runs"] for row in rows if row["optimizer"] == "c")
    rows += [{"problem": "p", "optimizer": "a", "tuning": "default", "trials": 0, "runs": of_c}]
    lines = self_checks(results, results.compare())
    words = f"a on p is worse with its learning rate tuned than at its default in {worse} of 9 replicates"
    assert [line.startswith(words) for line in lines] == [True] * said


def test_the_expected_best_of_k_trials_by_hand():
    tried = [("p", "a", "all", 1.0, score) for score in (3.0, 1.0, 2.0)]
    found = made({"p": {"a": [1, 2]}}, tried=tried).expected()
    np.testing.assert_allclose(found["expected"], [2, (1 + 1 + 2) / 3, 1])


def test_other_tunings_stand_beside_the_one_that_is_shown():
    results = made({"p": {"a": [1.0], "b": [2.0]}})
    results.protocol["rows"] += [
        {"problem": "p", "optimizer": "a", "tuning": "default", "trials": 0, "runs": ["p/b/0"]}
    ]
    board = results.leaderboard().set_index("optimizer")
    assert (
        board.loc["a", "score"] == 1
        and board.loc["a", "default_score"] == 2
        and np.isnan(board.loc["b", "default_score"])
    )
