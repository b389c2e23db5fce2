"""The verdict in words: every branch, and every number from a table."""

from __future__ import annotations

import numpy as np
import pytest
from results_made import made

from optibench.analysis.pairs import BEYOND
from optibench.analysis.words import about, at_least, at_most, digits, span

UP = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9]
WORSE = [x + 1 for x in UP]
MIXED = [x + 0.3 * (-1) ** place for place, x in enumerate(UP)]
LOST = [None] * 10


def sentence_of(methods):
    return made({"p": methods}).verdict()["sentence"][1]


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"a": LOST, "b": LOST}, "On p no run finished, so no ranking is possible."),
        (
            {"a": UP},
            "On p only a was run, with a median loss of 1.4 (95 % interval 1.1 to 1.8): there is nothing to compare.",
        ),
        (
            {"a": [1.0], "b": [2.0]},
            "On p a has the lowest median loss, 1; 1 replicate is too few to test 2 methods: at least 6 are needed, "
            "so no difference is claimed.",
        ),
        (
            {"a": [2.0] * 3, "b": [2.0] * 3},
            "On p all 2 methods have the same loss, 2, in every replicate, so they are not statistically "
            "distinguishable.",
        ),
        (
            {"a": UP, "b": WORSE},
            "On p a has the lowest median loss, 1.4 (95 % interval 1.1 to 1.8) and is significantly better than b "
            "(adjusted p = .002, loss ratio 0.586, 95 % interval 0.545 to 0.627).",
        ),
        (
            {"a": UP, "b": WORSE, "c": LOST},
            "On p a has the lowest median loss, 1.4 (95 % interval 1.1 to 1.8) and is significantly better than b and "
            "c (adjusted p <= .006, loss ratio at most 0.586, 95 % interval 0.545 to 0.627).",
        ),
        (
            {"a": UP, "b": [x + 0.03 for x in MIXED], "c": WORSE},
            "On p a has the lowest median loss, 1.4 (95 % interval 1.1 to 1.8) and is significantly better than c "
            "(adjusted p = .006, loss ratio 0.586, 95 % interval 0.545 to 0.627); it is not statistically "
            "distinguishable from b (p = .85).",
        ),
        (
            {"a": [-x for x in WORSE], "b": [-x for x in UP]},
            "On p a has the lowest median loss, -2.5 (95 % interval -2.8 to -2.1) and is significantly better than b "
            "(adjusted p = .002, difference -1, 95 % interval -1 to -1).",
        ),
        (
            {"a": UP, "b": UP, "c": WORSE},
            "On p a and b share the lowest median loss, 1.4 (95 % interval 1.1 to 1.8) and both are significantly "
            "better than c (adjusted p <= .006, loss ratio at most 0.586, 95 % interval 0.545 to 0.627). a and b are "
            "identical in every replicate.",
        ),
        (
            {"a": UP, "b": [*UP[:6], *LOST[:4]], "c": [x + 0.001 for x in UP]},
            "On p outcomes are bimodal, so the share of replicates that finish comes first: a and c 100 %, b 60 %; a "
            "is first, with a median loss of 1.4 (95 % interval 1.1 to 1.8) and is significantly better than c "
            "(adjusted p = .006, loss ratio 0.999, 95 % interval 0.999 to 0.999); it is not statistically "
            "distinguishable from b (p = .25): inconclusive; about 11 more replicates needed.",
        ),
    ],
)
def test_a_problem_in_words(methods, words):
    assert sentence_of(methods) == words


def test_a_method_that_solves_more_often_is_first_though_its_median_is_higher():
    often = [0.02 + x / 1000 for x in UP]
    seldom = [0.01 + x / 1000 if i < 6 else 5.0 + x for i, x in enumerate(UP)]
    row = made({"p": {"a": seldom, "b": often}}).leaderboard().set_index("optimizer")
    assert row["rank"].to_dict() == {"b": 1, "a": 2} and row["solved"].to_dict() == {"b": 1.0, "a": 0.6}
    assert row.loc["a", "score"] < row.loc["b", "score"]


def test_what_is_inconclusive_says_about_how_many_more_replicates_are_needed():
    rng = np.random.default_rng(0)
    results = made({"p": {"a": list(rng.normal(10, 1, 12)), "b": list(rng.normal(10.6, 1, 12))}})
    row = results.verdict().iloc[1]
    assert row["more"] == results.pairwise("a", "b")["more"].iloc[0] > 0
    assert row["sentence"].endswith(f": inconclusive; about {row['more']} more replicates needed.")


def test_the_measure_is_named():
    runs = {f"p/{name}/{seed}": {"test_loss": 3.0 + (name == "b")} for name in "ab" for seed in range(10)}
    sentence = made({"p": {"a": UP, "b": UP}}, runs=runs).verdict()["sentence"][1]
    assert sentence.startswith("On p a has the lowest median test loss, 3 (")


def test_one_problem_is_the_whole():
    table = made({"p": {"a": UP, "b": WORSE}}).verdict()
    assert table["sentence"][0] == table["sentence"][1] and table["problem"].tolist() == ["", "p"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"p": {"a": UP}, "q": {"a": UP}}, "Only a was run, on 2 problems: there is nothing to compare."),
        (
            {"p": {"a": UP}, "q": {"b": UP}},
            "No problem has runs of every method, so there is no ranking over problems.",
        ),
        (
            {"p": {"a": LOST, "b": LOST}, "q": {"a": LOST, "b": LOST}},
            "No run of any method finished, so no ranking is possible.",
        ),
        (
            {"p": {"a": UP, "b": WORSE}, "q": {"a": WORSE, "b": UP}, "r": {"a": UP, "b": WORSE}},
            "Over these 3 problems a ranks first (mean rank 1.33, 95 % interval 1.18 to 1.48) and is significantly "
            "better than b (adjusted p = .004, probability of improvement .67). a is significantly better than all "
            "others on p and r (p <= .012) and significantly worse on q (than b: loss ratio 1.71, 95 % interval 1.59 "
            "to 1.83, p = .012).",
        ),
        (
            {f"p{i}": {"a": UP, "b": WORSE, "c": LOST} for i in range(2)},
            "Over these 2 problems a ranks first (mean rank 1.00, 95 % interval 1.00 to 1.23) and is significantly "
            "better than b and c (adjusted p <= .012, probability of improvement at least 1.00). a is significantly "
            "better than all others on p0 and p1 (p <= .023).",
        ),
        (
            {f"p{i}": {"a": UP[:7], "b": WORSE[:7], "c": LOST[:7]} for i in range(2)},
            "Over these 2 problems a ranks first (mean rank 1.00, 95 % interval 1.00 to 1.35); 7 replicates are too "
            "few to test 3 methods: at least 8 are needed, so no difference is claimed. On no single problem is a "
            "significantly better than all others, or worse than any.",
        ),
    ],
)
def test_the_whole_in_words(table, words):
    assert made(table).verdict()["sentence"][0] == words


def test_a_place_that_is_shared_is_called_so():
    later = [x + 0.01 for x in UP]
    table = made({"p": {"a": UP, "b": later}, "q": {"a": later, "b": UP}}).verdict()
    assert table["leaders"][0] == ["a", "b"]
    assert table["sentence"][0] == (
        "Over these 2 problems a and b rank first together (mean rank 1.50, 95 % interval 1.27 to 1.73). Significant "
        "losses of these: on p (b than a: loss ratio 1.01, 95 % interval 1.01 to 1.01, p = .008); on q (a than b: "
        "loss ratio 1.01, 95 % interval 1.01 to 1.01, p = .008)."
    )


def test_copies_are_said_to_be_the_same_and_never_the_best():
    table = made({f"p{i}": {"adam": UP, "adam2": UP, "gd": WORSE} for i in range(8)}).verdict()
    sentence = table["sentence"][0]
    assert sentence.startswith("Over these 8 problems adam and adam2 rank first together (mean rank 1.50, ")
    assert "adam and adam2 are identical in every replicate." in sentence and "8 of 8" not in sentence


def test_half_the_loss_on_every_seed_is_named():
    table = {f"p{i}": {"a": UP, **{name: [2 * x for x in UP] for name in "bcd"}} for i in range(8)}
    results = made({problem: {name: 2 * values for name, values in rows.items()} for problem, rows in table.items()})
    row = results.verdict().iloc[0]
    assert row["leaders"] == ["a"] and row["worse"] == ["b", "c", "d"] and row["tied"] == []
    assert all(worse == ["b", "c", "d"] for worse in results.verdict()["worse"][2:])


def test_beyond_these_problems_in_words():
    def sentence(problems, step):
        table = {
            f"p{i:02d}": {"a": UP, "b": [x + step * (i % 3 - 0.5) for x in UP], "c": WORSE} for i in range(problems)
        }
        row = made(table).verdict().iloc[1]
        assert row["problem"] == BEYOND
        return row["sentence"]

    assert sentence(8, 0.1) == (
        "Beyond these problems nothing is claimed: at least 10 problems are needed as the sample, and there are 8."
    )
    assert sentence(12, 0.1) == (
        "Beyond these problems, with the 12 of them as the sample (Friedman's test: p < .001), a has the lowest mean "
        "rank of median scores, 1.33, and is significantly better than c (Nemenyi p < .001); it is not statistically "
        "distinguishable from b (Nemenyi p = .69): inconclusive; about 87 more problems needed."
    )


def test_a_method_that_wins_in_pairs_though_it_is_placed_behind_is_named():
    a = np.exp(0.3 * np.arange(20))
    b = a / 1.3
    b[9] = 1.01 * a[9]  # the median, the only one that is higher
    row = made({"p": {"a": list(a), "b": list(b)}}).verdict().iloc[1]
    assert (row["leaders"], row["worse"], row["tied"], row["better"]) == (["a"], [], [], ["b"])
    assert row["sentence"].endswith("; in pairs, however, b is significantly better than a.")


def test_every_number_of_a_sentence_stands_in_a_table():
    rng = np.random.default_rng(3)
    table = {
        f"p{i}": {name: list(rng.lognormal(size=16) + shift) for shift, name in enumerate("abcd")} for i in range(8)
    }
    results = made(table)
    verdict, ranks = results.verdict(), results.ranks()
    top = ranks.iloc[0]
    sentence = verdict["sentence"][0]
    for number in (f"{top['mean_rank']:.2f}", f"{top['low']:.2f} to {top['high']:.2f}"):
        assert number in sentence
    for row in verdict.iloc[2:].to_dict("records"):
        (leader,) = row["leaders"]
        pairs = results.compare().problems and results.pairwise(leader)
        pairs = pairs[pairs["problem"] == row["problem"]]
        tied = pairs[pairs["better"] != leader]
        assert row["tied"] == tied["b"].tolist() and ("not statistically" in row["sentence"]) == bool(len(tied))
        if len(tied):
            assert row["p_tied"] == tied["p_adjusted"].min()
        board = results.leaderboard().query("problem == @row['problem']").iloc[0]
        assert board["optimizer"] == leader and f"{board['score']:.3g}" in row["sentence"]
        assert (row["low"], row["high"]) == (board["low"], board["high"])


def test_numbers_in_words():
    assert [digits(p) for p in (0.0491, 0.051, 0.31, 1.0)] == [".049", ".051", ".31", "1.00"]
    assert (
        about(0.0001) == at_most(0.0001) == "p < .001" and at_least(0.3) == "p >= .30" and at_least(1.0) == "p = 1.00"
    )
    assert span(-np.inf, np.inf) == "" and span(1, np.inf) == " (95 % interval 1 to unfinished)"
