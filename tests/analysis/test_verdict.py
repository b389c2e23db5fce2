"""The verdict in words: every branch, and every number from a table."""

from __future__ import annotations

import numpy as np
import pytest
from results_made import made

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
        ({"a": UP}, "On p only a was run, with a median loss of 1.4: there is nothing to compare."),
        ({"a": [1.0], "b": [2.0]}, "On p a has the lowest loss, 1, but one seed is too few to test differences."),
        (
            {"a": [2.0] * 3, "b": [2.0] * 3},
            "On p all 2 methods reach the same loss, 2, so they are not statistically distinguishable.",
        ),
        (
            {"a": UP, "b": WORSE},
            "On p a is best, with a median loss of 1.4; b is significantly worse (Holm p <= .002).",
        ),
        (
            {"a": UP, "b": WORSE, "c": LOST},
            "On p a is best, with a median loss of 1.4; b and c are significantly worse (Holm p <= .004).",
        ),
        (
            {"a": UP, "b": MIXED, "c": WORSE},
            "On p a has the lowest median loss, 1.4; a and b are not statistically distinguishable (Holm p >= 1.00). "
            "c is significantly worse than a.",
        ),
    ],
)
def test_a_problem_in_words(methods, words):
    assert sentence_of(methods) == words


def test_what_is_inconclusive_says_about_how_many_more_seeds_are_needed():
    results = made({"p": {"a": [1.0, 1.2, 1.1, 1.3], "b": [1.4, 1.5, 1.2, 1.9]}})
    row = results.verdict().iloc[1]
    assert row["more_seeds"] == results.pairwise("a", "b")["more_seeds"].iloc[0] > 0
    assert row["sentence"].endswith(f": inconclusive; about {row['more_seeds']} more seeds needed.")


def test_the_measure_is_named():
    runs = {f"p/{name}/{seed}": {"test_loss": 3.0 + (name == "b")} for name in "ab" for seed in range(10)}
    assert (
        made({"p": {"a": UP, "b": UP}}, runs=runs)
        .verdict()["sentence"][1]
        .startswith("On p a is best, with a median test loss of 3;")
    )


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
            "a is best on 2 of 3 problems and has the best mean rank, 1.33 of 2 (95 % interval 1.33 to 1.33 over "
            "seeds); to test 2 methods over problems, at least 6 problems are needed, and there are 3. a is "
            "significantly better than all others on p and r and significantly worse on q (than b).",
        ),
        (
            {f"p{i}": {"a": UP, "b": WORSE, "c": LOST} for i in range(7)},
            "a is best on 7 of 7 problems and has the best mean rank, 1.00 of 3 (95 % interval 1.00 to 1.00 over "
            "seeds); b and c are significantly worse than a (Holm p <= .03). a is significantly better than all others "
            "on p0, p1, p2, p3, p4, p5 and p6.",
        ),
    ],
)
def test_the_whole_in_words(table, words):
    assert made(table).verdict()["sentence"][0] == words


def test_a_mean_rank_that_is_shared_is_called_so():
    later = [x + 0.01 for x in MIXED]
    sentence = made({"p": {"a": UP, "b": later}, "q": {"a": later, "b": UP}}).verdict()["sentence"][0]
    assert sentence.startswith("a is best on 1 of 2 problems and shares the best mean rank with b, 1.50 of 2 (95 % ")
    assert sentence.endswith(" a has no significant win or loss on any problem.")


def test_worse_than_both_is_said_where_both_were_tested():
    table = {f"p{i}": {"a": UP, "b": MIXED if i % 2 else [x - 0.01 for x in UP], "c": WORSE} for i in range(9)}
    results = made(table)
    sentence = results.verdict()["sentence"][0]
    words = "are not statistically distinguishable (Holm p >= "
    assert f"a and b {words}" in sentence or f"b and a {words}" in sentence
    assert "; c is significantly worse than both" in sentence
    pairs = results.pairwise().query("problem == 'all problems'").set_index(["a", "b"])["better"]
    assert pairs["a", "c"] == "a" and pairs["b", "c"] == "b" and pairs["a", "b"] == ""


def test_worse_than_both_is_not_said_where_only_one_was_significant():
    far, near = [x + 2 for x in UP], [x - 0.01 for x in UP]
    table = {f"p{i}": {"a": UP, "b": far if i < 3 else near, "c": WORSE} for i in range(9)}
    sentence = made(table).verdict()["sentence"][0]
    assert "a and b are not statistically distinguishable" in sentence
    assert "; c is significantly worse than a. " in sentence


def test_every_number_of_a_sentence_stands_in_a_table():
    rng = np.random.default_rng(3)
    table = {
        f"p{i}": {name: list(rng.lognormal(size=8) + shift) for shift, name in enumerate("abcd")} for i in range(8)
    }
    results = made(table)
    verdict, ranks = results.verdict(), results.ranks()
    top = ranks.iloc[0]
    sentence = verdict["sentence"][0]
    for number in (
        f"{top['mean_rank']:.2f} of 4",
        f"{top['low']:.2f} to {top['high']:.2f}",
        f"best on {top['first_on']} of 8",
    ):
        assert number in sentence
    for row in verdict.iloc[1:].to_dict("records"):
        pairs = results.pairwise(row["best"], problem=row["problem"]).query("problem != 'all problems'")
        tied = pairs[pairs["better"] != row["best"]]
        assert row["tied"] == tied["b"].tolist() and ("not statistically" in row["sentence"]) == bool(len(tied))
        if len(tied):
            assert row["p_tied"] == tied["p_holm"].min()
        board = results.leaderboard(problem=row["problem"]).iloc[0]
        assert board["optimizer"] == row["best"] and f"{board['score']:.3g}" in row["sentence"]
