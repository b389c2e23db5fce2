"""Results from elsewhere: a tidy table gives every analysis, the page, and sentences on what it does not say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import optibench as ob
from optibench.analysis.declaration import analyses
from optibench.analysis.profiles import KINDS
from optibench.errors import InputError
from optibench.results import Results

SEEDS = 12


def table(**columns):
    """adam, then lion, then sgd on two problems; a row a run."""
    rng = np.random.default_rng(0)
    rows = [
        (problem, name, seed, factor * (1 + 0.1 * rng.random()))
        for problem in ("p", "q")
        for name, factor in (("adam", 1), ("sgd", 9), ("lion", 3))
        for seed in range(SEEDS)
    ]
    return pd.DataFrame(rows, columns=["problem", "optimizer", "seed", "loss"]).assign(**columns)


def curves(steps=(0, 1, 5, 10)):
    """The same runs, a row a recorded point."""
    return pd.concat(
        [table(step=step).assign(loss=lambda frame, step=step: frame["loss"] * (11 - step)) for step in steps]
    )


@pytest.fixture
def save(tmp_path):
    def write(content):
        path = tmp_path / "theirs.csv"
        path.write_bytes(content) if isinstance(content, bytes) else content.to_csv(path, index=False)
        return path

    return write


def caveats(frame):
    return "\n".join(ob.from_frame(frame).compare().caveats)


def page(results, tmp_path):
    return results.report(tmp_path / "page").read_text()


def test_the_same_scores_give_the_same_verdict_as_our_own_runs():
    ours = ob.run(["quadratic", "rosenbrock"], ["gd", "momentum", "adam"], lr=[1e-3], tune="none", seeds=8, steps=20)
    frame = ours.runs[["problem", "optimizer", "seed", "status", "loss"]]
    theirs = ob.from_frame(frame)
    for name in ("verdict", "ranks", "pairwise"):
        pd.testing.assert_frame_equal(getattr(theirs, name)(), getattr(ours, name)())


def test_the_order_of_the_rows_does_not_matter():
    first, second = ob.from_frame(table()), ob.from_frame(table().sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(first.runs, second.runs)
    first, second = ob.from_frame(curves()), ob.from_frame(curves().sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(first.runs, second.runs)
    pd.testing.assert_frame_equal(first.curves, second.curves)


@pytest.mark.parametrize("frame", [table(), curves(), curves((1, 5, 10)), table(lr=0.1, test_loss=1.0, minimum=0.0)])
def test_every_analysis_has_its_columns_or_no_row(frame, tmp_path):
    results = ob.from_frame(frame)
    for name, what in analyses(Results).items():
        made = getattr(results, name)()
        assert list(made) == list(what.columns), name
    for kind in KINDS:
        results.profile(kind)
    text = page(results, tmp_path)
    assert "could not be drawn" not in text and ">nan" not in text
    for unknown in ("tuning seeds", "experiment.toml", "fingerprint</th>", "Gradient transforms", ">Precision<"):
        assert unknown not in text
    assert "adam" in results.verdict()["leaders"].iloc[0]  # the others too where all test losses are equal


def test_what_a_table_cannot_say_is_a_caveat(tmp_path):
    said = caveats(table())
    assert "the table does not say how hyperparameters were tuned" in said
    assert "the table has no fingerprints" in said and "the table has no costs and no curves" in said
    assert "the table does not say how hyperparameters were tuned" in page(ob.from_frame(table()), tmp_path)
    assert "fingerprints" not in caveats(table(fingerprint="f"))
    assert "a step is counted as one evaluation" in caveats(curves())
    assert "costs" not in caveats(curves().assign(gradient_evaluations=lambda frame: 2 * frame["step"]))


def test_without_curves_nothing_is_said_of_equal_cost_and_horizons():
    assert not {"equal cost", "horizon"} & {*ob.from_frame(table()).stability()["varied"]}
    varied = ob.from_frame(curves()).stability()
    assert {*varied.loc[varied["varied"] == "equal cost", "level"]} == {"steps", "gradient_evaluations"}
    late = ob.from_frame(curves((5, 10))).stability()  # nobody has a point at a tenth of the budget
    assert {*late.loc[late["varied"] == "horizon", "level"]} == {"50%", "100%"}


def test_the_last_step_is_final_and_the_others_are_the_curve(tmp_path):
    results = ob.from_frame(curves())
    np.testing.assert_allclose(results.runs["loss"], ob.from_frame(table()).runs["loss"])
    assert set(results.runs["steps"]) == {10}
    last = results.curves.drop_duplicates("id", keep="last")
    np.testing.assert_array_equal(last["loss"], results.runs["loss"])
    own = results.curves[(results.curves["problem"] == "p") & (results.curves["optimizer"] == "lion")]
    assert own.groupby("seed")["step"].apply(list).tolist() == [[0, 1, 5, 10]] * SEEDS
    assert (own.groupby("seed")["loss"].first() > 10 * own.groupby("seed")["loss"].last()).all()
    assert "Loss along the budget" in page(results, tmp_path)
    assert results.time_to_target(target=5.0)["median"].tolist()[0] == 10


def test_methods_that_end_after_different_steps_are_a_caveat():
    frame = curves()
    frame = frame[(frame["optimizer"] != "lion") | (frame["step"] < 10)]
    assert "p: methods end after different numbers of steps (lion after 5 steps, sgd after 10)" in caveats(frame)
    assert "different numbers of steps" not in caveats(curves())


def test_numbers_of_an_unknown_name_are_metrics_and_text_stays_text():
    results = ob.from_frame(
        table(perplexity=7.0, cluster="big", score=3, tuning="ours", dates=pd.Timestamp("2024-01-01"))
    )
    assert (results.runs["perplexity"] == 7.0).all() and (results.runs["cluster"] == "big").all()
    assert "columns left out: score, tuning, dates" in "\n".join(results.unsaid)
    assert (ob.from_frame(curves().assign(perplexity=lambda frame: frame["step"])).curves["perplexity"] > 1).any()


def test_a_loss_that_is_not_finite_is_a_run_that_diverged():
    frame = table()
    frame.loc[[0, 1, 2], "loss"] = [np.inf, np.nan, -np.inf]
    results = ob.from_frame(frame)
    assert results.runs["status"].value_counts()["diverged"] == 3
    assert results.compare().rows["score"].isin([np.inf]).sum() == 3
    assert "3 runs without a finite loss count as diverged" in "\n".join(results.unsaid)
    assert {*results.causes()["sentence"]} == {"diverged, at a step that was not recorded"}


def test_a_status_is_believed_unless_the_loss_contradicts_it():
    frame = table(status="finished")
    frame.loc[[0, 1, 2], "status"] = ["failed", " Timeout", np.nan]
    frame.loc[3, "loss"] = np.nan
    results = ob.from_frame(frame)
    assert results.runs["status"].iloc[:4].tolist() == ["failed", "timeout", "finished", "diverged"]
    assert results.runs["loss"].iloc[:4].notna().tolist() == [False, False, True, False]
    assert "1 run without a finite loss counts as diverged" in "\n".join(results.unsaid)


def test_a_method_that_is_missing_on_a_problem_is_a_caveat_and_the_rest_is_compared():
    frame = table()
    results = ob.from_frame(frame[(frame["optimizer"] != "lion") | (frame["problem"] == "p")])
    assert "q: no run of lion, so it is excluded from ranks over problems" in results.compare().caveats
    assert results.ranks()["problems"].tolist() == [1, 1, 1]


def test_rows_that_occur_twice_count_once():
    results = ob.from_frame(pd.concat([table(), table().iloc[:2]]))
    assert len(results.runs) == len(table())
    assert "2 rows that occur twice are counted once" in results.unsaid


def test_a_run_with_different_rows_is_left_out():
    frame = table()
    results = ob.from_frame(pd.concat([frame, frame.iloc[:1].assign(loss=5.0)]))
    assert len(results.runs) == len(frame) - 1
    assert "1 run left out, such as adam on p at seed 0: several different rows" in "\n".join(results.unsaid)
    assert "p: adam has fewer replicates than the others; ranks use the 11 common ones" in results.compare().caveats


def test_test_losses_of_some_runs_only_are_not_compared_with_losses_of_others():
    frame = table(test_loss=100.0)
    frame.loc[(frame["optimizer"] == "adam") & (frame["problem"] == "p"), "test_loss"] = np.nan
    results = ob.from_frame(frame)
    assert "p: some finished runs have no test_loss, so all are compared by their loss" in results.unsaid
    assert results.compare().table("p").to_numpy().max() < 10 and (results.compare().table("q") == 100).all(axis=None)


def test_one_row_a_method_needs_no_seed():
    said = caveats(table().drop_duplicates(["problem", "optimizer"]).drop(columns="seed"))
    assert "no column 'seed': its only row" in said and "p: only one replicate" in said


def test_tuning_runs_of_our_own_table_are_left_out():
    frame = pd.concat([table(part="reporting"), table(part="tuning").assign(seed=lambda frame: frame["seed"] + 10**6)])
    results = ob.from_frame(frame)
    assert len(results.runs) == len(table()) and "72 rows of tuning runs are left out" in "\n".join(results.unsaid)


WRONG = {
    "no seed": (table().drop(columns="seed"), "has no column 'seed': .* add the seed of every run"),
    "no loss": (table().drop(columns="loss"), r"has no column 'loss' \(its columns: problem, optimizer, seed\)"),
    "no problem": (table().drop(columns="problem"), "has no column 'problem'"),
    "no optimizer": (table().drop(columns="optimizer"), "has no column 'optimizer'"),
    "no row": (table().iloc[:0], "has no rows"),
    "a loss as text": (
        table().astype({"loss": object}).replace({"seed": {2: 2}}).assign(loss="low"),
        "row 1: loss 'low'",
    ),
    "a seed as text": (table(seed="first"), "row 1: seed 'first' is not a number"),
    "half a seed": (table(seed=0.5), "row 1: seed '0.5' must be a whole number"),
    "an empty seed": (table(seed=np.nan), "row 1: seed 'nan' must be a whole number"),
    "an empty name": (table(optimizer=" "), "row 1: no optimizer"),
    "an empty step": (table(step=np.nan), "row 1: no step"),
    "a rate as text": (table(lr="fast"), "row 1: lr 'fast' is not a number"),
    "an unknown status": (table(status="finnished"), "no status in 'table' named 'finnished'; nearest: finished"),
    "several rates": (
        pd.concat([table(lr=0.1), table(lr=0.2).iloc[:1]]),
        "several learning rates, such as adam on p at",
    ),
    "only different rows": (pd.concat([table(), table().assign(loss=5.0)]), "several different rows for every run"),
}


@pytest.mark.parametrize("case", WRONG)
def test_where_nothing_can_be_concluded_it_is_one_line_with_status_2(case, save, command):
    frame, words = WRONG[case]
    with pytest.raises(InputError, match=words):
        ob.from_frame(frame)
    path = save(frame)
    for verb in ("analyse", "report"):
        status, out, err = command(verb, path)
        assert status == 2 and out == "" and err.count("\n") == 1 and "theirs.csv" in err, err


def test_two_columns_of_one_name_are_an_error():
    with pytest.raises(InputError, match="two columns 'loss'"):
        ob.from_frame(pd.concat([table(), table()[["loss"]]], axis=1))


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n\xff\xfe", b"a,b\n1,2\n1,2,3,4\n", b"just words\nand more\n"]
)
def test_a_file_that_is_no_table_is_one_line_with_status_2(content, save, command):
    path = save(content)
    status, out, err = command("analyse", path)
    assert status == 2 and out == "" and err.count("\n") == 1 and "theirs.csv" in err, err


def test_a_table_that_is_not_there_is_one_line_with_status_2(command):
    status, _, err = command("analyse", "gone.csv")
    assert status == 2 and "cannot read 'gone.csv': No such file" in err and err.count("\n") == 1


def test_a_file_is_analysed_and_reported_as_a_folder_is(save, command):
    path = save(table())
    status, out, err = command("analyse", path, "pairwise", "--problem", "p")
    assert status == 0 and err == "" and out.count("adam") >= 2
    status, out, _ = command("analyse", path)
    assert ob.load(path).verdict()["sentence"][0] in out and "note: the table does not say how" in out
    assert command("report", path)[1] == "report: reports/theirs/index.html\n"
    assert "<h1>theirs</h1>" in Path("reports/theirs/index.html").read_text()
    assert command("report", path, "--out", "there")[0] == 0 and Path("there/index.html").exists()


def test_the_report_of_a_table_overwrites_no_results(save, command):
    ob.run("quadratic", "gd", lr=0.1, seeds=1, steps=3, out="reports/theirs")
    status, _, err = command("report", save(table()))
    assert status == 2 and "'reports/theirs' holds results of its own" in err and err.count("\n") == 1
