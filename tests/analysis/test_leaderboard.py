"""The leaderboard against tables worked out by hand."""

import numpy as np
import pandas as pd

from optibench.analysis.leaderboard import leaderboard, overall, quartiles


def runs(*rows):
    """problem, optimizer, lr, losses over seeds; a loss of None diverged."""
    records = [
        {
            "problem": problem,
            "optimizer": optimizer,
            "lr": lr,
            "seed": seed,
            "status": "diverged" if loss is None else "finished",
            "loss": np.nan if loss is None else loss,
            "minimum": 1.0,
        }
        for problem, optimizer, lr, losses in rows
        for seed, loss in enumerate(losses)
    ]
    return pd.DataFrame(records)


def test_the_rate_with_the_lowest_median_is_chosen_and_optimizers_are_ranked_by_it():
    board = leaderboard(
        runs(
            ("p", "a", 0.1, [3, 4, 90]),
            ("p", "a", 1.0, [5, 5, 5]),
            ("p", "b", 0.1, [2, 9, 3]),
            ("p", "b", 1.0, [4, 4, 4]),
        )
    )
    assert board["optimizer"].tolist() == ["b", "a"] and board["rank"].tolist() == [1, 2]
    assert board["lr"].tolist() == [0.1, 0.1] and board["loss"].tolist() == [3, 4] and board["gap"].tolist() == [2, 3]
    assert board["lr_at_edge"].tolist() == [True, True] and board["runs"].tolist() == [3, 3]


def test_a_diverged_run_is_infinitely_bad_and_never_dropped():
    board = leaderboard(
        runs(
            ("p", "a", 0.1, [1, None, None]),
            ("p", "a", 1.0, [8, 8, 8]),
            ("p", "b", 0.1, [None] * 3),
            ("p", "c", 1.0, [9, 9, None]),
        )
    )
    assert board["optimizer"].tolist() == ["a", "c", "b"]
    assert board["lr"].tolist() == [1.0, 1.0, 0.1]  # not 0.1 for a, whose one good seed does not count for three
    assert board["loss"].tolist() == [8, 9, np.inf] and board["loss_high"].tolist()[1] == np.inf
    assert board["diverged"].round(3).tolist() == [0.333, 0.333, 1.0]


def test_ties_share_the_lowest_rank():
    board = leaderboard(runs(("p", "a", 0.1, [2]), ("p", "b", 0.1, [2]), ("p", "c", 0.1, [3])))
    assert board["rank"].tolist() == [1, 1, 3]


def test_validation_loss_chooses_where_there_is_one():
    table = runs(("p", "a", 0.1, [1, 1]), ("p", "a", 1.0, [2, 2]))
    table["validation_loss"] = [9, 9, 5, 5]
    assert leaderboard(table)["lr"].tolist() == [1.0]


def test_overall_is_the_mean_rank_over_problems():
    table = overall(
        leaderboard(runs(("p", "a", 0.1, [1]), ("p", "b", 0.1, [2]), ("q", "a", 0.1, [1]), ("q", "b", 0.1, [1])))
    )
    assert table.to_dict("list") == {"optimizer": ["a", "b"], "mean_rank": [1, 1.5], "wins": [2, 1], "problems": [2, 2]}


def test_quartiles_are_order_statistics_so_infinity_makes_no_nan():
    assert quartiles(pd.Series([1.0, 2.0, np.inf, np.inf])) == (1.0, 2.0, np.inf)
