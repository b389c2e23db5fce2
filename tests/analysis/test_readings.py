"""What instruments recorded, as a frame, on the command line, in a report, and in folders that have none."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

import optibench as ob
from optibench.analysis.declaration import analyses
from optibench.report.instrument_figures import optibench_figures
from optibench.results import Results
from optibench.runner.store import read

FIGURES = {figure.name: figure for figure in optibench_figures()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("instruments")
    ob.run(["wine-mlp", "quadratic"], ["gd", "adam"], lr=[1e-3, 0.05], seeds=4, epochs=500, out=folder)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return ob.load(folder)


def rewritten(folder, tmp_path, change):
    """A copy of a store whose tables went through ``change``."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path in (copy / "runs").iterdir():
        parquet.write_table(change(read(path)), path)
    return copy


def test_the_frame_is_tidy_and_has_the_declared_columns(results):
    frame = results.instruments()
    assert [*frame] == [*analyses(Results)["instruments"].columns] and frame["value"].notna().all()
    keys = ["problem", "optimizer", "seed", "step", "layer", "instrument"]
    assert (
        not frame.duplicated(keys).any() and set(frame["seed"]) == {0, 1, 2} and set(frame["problem"]) == {"wine-mlp"}
    )
    layers = frame.groupby("instrument")["layer"].agg(lambda names: sorted(set(names))).to_dict()
    assert layers == {
        "gradient_norm": ["dense1", "dense3"],
        "update_ratio": ["dense1", "dense3"],
        "saturation": ["tanh2"],
        "step_cosine": [""],
        "learning_rate": [""],
        "sharpness": [""],
    }
    assert frame["step"].dtype.kind == "i" and frame["value"].dtype == float
    for problem, optimizer, seed, rate in results.compare().rows[["problem", "optimizer", "seed", "lr"]].to_numpy():
        one = frame[
            (frame["optimizer"] == optimizer) & (frame["seed"] == seed) & (frame["instrument"] == "learning_rate")
        ]
        if problem == "wine-mlp" and seed < 3:
            np.testing.assert_allclose(one["value"], rate, rtol=1e-6)  # of the run that is compared


def test_it_takes_the_filters_of_every_analysis(results):
    frame = results.instruments(optimizer="adam", seed=[0, 3])
    assert set(frame["optimizer"]) == {"adam"} and set(frame["seed"]) == {0}
    assert results.instruments(problem="quadratic").empty


def test_the_command_prints_it_and_a_report_has_its_table_and_figures(folder, tmp_path, command):
    status, out, _ = command("analyse", folder, "instruments", "--csv")
    assert status == 0 and out.splitlines()[0] == "problem,optimizer,seed,step,layer,instrument,value"
    page = ob.load(folder).report(tmp_path / "report")
    table = pd.read_csv(tmp_path / "report/tables/instruments.csv", keep_default_na=False)
    assert len(table) == len(out.splitlines()) - 1
    for name in FIGURES:
        assert (tmp_path / f"report/figures/{name}.svg").exists() and FIGURES[name].title in page.read_text()


def test_a_figure_shows_the_median_over_replicates_by_layer(results):
    frame = results.instruments(optimizer="gd")
    shown = FIGURES["update-ratio"].data(results)
    assert set(shown["facet"]) == {"wine-mlp · dense1", "wine-mlp · dense3"}
    one = frame[(frame["instrument"] == "update_ratio") & (frame["layer"] == "dense3") & (frame["step"] == 1)]
    row = shown[(shown["facet"] == "wine-mlp · dense3") & (shown["optimizer"] == "gd") & (shown["step"] == 1)].iloc[0]
    assert row["median"] == np.sort(one["value"])[1] and row["low"] <= row["median"] <= row["high"]


def test_the_figure_of_sharpness_multiplies_it_by_the_rate_of_the_same_run_and_step(results):
    shown = FIGURES["sharpness"].data(results).set_index(["optimizer", "step"])["median"]
    wide = results.instruments().pivot_table(
        index=["optimizer", "seed", "step"], columns="instrument", values="value", aggfunc="first"
    )
    product = (wide["sharpness"] * wide["learning_rate"]).dropna().groupby(["optimizer", "step"]).median()
    assert len(product) > 4
    np.testing.assert_allclose(shown.loc[product.index], product)


def test_a_folder_that_was_written_without_instruments_is_read_and_shows_none(folder, results, tmp_path):
    def old(table):
        names = [name for name in table.column_names if not name.startswith("instrument")]
        return table.select(names)

    before = ob.load(rewritten(folder, tmp_path, old))
    assert [*before.instruments()] == [*results.instruments()] and before.instruments().empty
    assert before.leaderboard().equals(results.leaderboard())
    assert all(figure.data(before).empty for figure in FIGURES.values())


def test_a_table_from_elsewhere_has_none():
    frame = pd.DataFrame({"problem": "p", "optimizer": ["a", "b"], "seed": 0, "loss": [1.0, 2.0]})
    assert ob.from_frame(frame).instruments().empty


def test_a_file_whose_instruments_are_no_lists_of_numbers_is_left_out(folder, tmp_path):
    def spoiled(table):
        names = [name for name in table.column_names if name.startswith("instrument:")]
        for name in names:
            table = table.drop_columns(name).append_column(name, [["nonsense"] * len(table)])
        return table

    with pytest.warns(UserWarning, match=r"column 'instrument:\S+' does not hold what it should"):
        ob.load(rewritten(folder, tmp_path, spoiled))
