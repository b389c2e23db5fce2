"""optibench replicate: the same experiment on fresh seeds, and which of its claims come out again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import optibench as ob
from optibench.analysis.replication import claims, summary
from optibench.runner.replication import beside

RUN = ["run", "--problem", "quadratic", "--optimizer", "gd", "--optimizer", "momentum", "--steps", 20, "--seeds", 8]
SMALL = [*RUN, "--lr", 0.001, "--tune", "none", "--workers", 1, "--no-report", "--out", "x"]
MINE = """
from optibench import hookimpl, optimizer


@optimizer
def mine(w, g, *, lr=0.1):
    return w - lr * g


@hookimpl
def optibench_optimizers():
    return [mine]
"""


@pytest.fixture
def first(command):
    assert command(*SMALL)[0] == 0
    return Path("x")


def pairs(**facts):
    """A table of pairs: problem_a_b = (who is better, ratio of losses, p)."""
    rows = [(*name.split("_"), *values) for name, values in facts.items()]
    return pd.DataFrame(rows, columns=["problem", "a", "b", "better", "estimate", "p"]).assign(effect="ratio")


def test_a_claim_is_confirmed_contradicted_or_neither():
    a, c = ("a", 0.5, 0.001), ("c", 2.0, 0.001)
    made = pairs(p_a_b=a, p_a_c=c, p_b_c=c, q_a_b=("b", 2.0, 0.001), q_a_c=a, q_b_c=("", 1.1, 0.5), r_a_b=a)
    weak = ("", 2.0, 0.03)  # not significant among all pairs of the page: but it is here, in the direction of the claim
    again = pairs(
        p_a_b=a,
        p_a_c=("a", 0.5, 0.002),
        p_b_c=("", 2.0, 0.06),
        q_a_b=weak,
        q_b_c=("b", 0.5, 0.001),
        r_a_b=("", 1.0, 1.0),
    )
    table = claims(made, again)
    assert table.drop(columns="p_adjusted").to_dict("list") == {
        "problem": ["p", "p", "p", "q", "q", "r"],
        "better": ["a", "c", "c", "b", "a", "a"],
        "worse": ["b", "a", "b", "a", "c", "b"],
        "outcome": ["confirmed", "contradicted", "not confirmed", "not confirmed", "not confirmed", "not confirmed"],
    }
    # One-sided: .0005, 1 - .001, .03, .015, .5 where a run is missing and .5 where the two are equal
    assert table["p_adjusted"].tolist() == pytest.approx([0.003, 1, 0.12, 0.075, 1, 1])
    assert summary(table) == "1 of 6 claims came out again (17 %), 4 were not confirmed, 1 was contradicted."
    alone = claims(made.query("problem == 'q' and b == 'b'"), again)
    assert alone["outcome"].tolist() == ["confirmed"] and alone["p_adjusted"].tolist() == [0.015]


def test_without_a_claim_there_is_nothing_to_replicate():
    table = claims(pairs(p_a_b=("", 1.1, 0.5)), pairs(p_a_b=("a", 0.5, 0.001)))
    assert (
        table.empty and summary(table) == "No pair of methods differs significantly, so there is no claim to replicate."
    )


def test_a_true_claim_comes_out_again_on_other_seeds(first, command):
    status, out, err = command("replicate", "x/", "--workers", 1)
    assert status == 0 and err == ""
    assert out.startswith("16 runs: 16 finished, seeds from 8: x-replication\n")
    assert "1 of 1 claim came out again (100 %), 0 were not confirmed, 0 were contradicted." in out
    row = next(line.split() for line in out.splitlines() if line.startswith("quadratic "))
    assert row == ["quadratic", "momentum", "gd", "0.00391", "confirmed"]
    again = ob.load("x-replication")
    assert sorted(again.runs["seed"].unique()) == [*range(8, 16)]
    same = {"name": None, "first_seed": None}
    assert {**again.experiment, **same} == {**ob.load(first).experiment, **same}


def test_a_claim_that_the_replication_turns_round_gives_status_1(first, command):
    protocol = json.loads((first / "protocol.json").read_text())
    one, other = protocol["rows"]
    one["runs"], other["runs"] = other["runs"], one["runs"]  # the results of each are those of the other
    (first / "protocol.json").write_text(json.dumps(protocol))
    status, out, _ = command("replicate", "x", "--workers", 1)
    assert status == 1 and "0 of 1 claim came out again (0 %), 0 were not confirmed, 1 was contradicted." in out


def test_the_same_command_repeats_no_run_and_fills_gaps(first, command):
    shown = command("replicate", "x", "--workers", 1)
    files = sorted(Path("x-replication/runs").iterdir())
    times = [path.stat().st_mtime_ns for path in files]
    assert command("replicate", "x", "--workers", 1) == shown
    assert [path.stat().st_mtime_ns for path in files] == times
    files[0].unlink()
    assert command("replicate", "x", "--workers", 1) == shown
    assert sorted(Path("x-replication/runs").iterdir()) == files
    assert [path.stat().st_mtime_ns for path in files[1:]] == times[1:]


@pytest.mark.parametrize(("seeds", "fresh"), [(12, 14), (16, 16)])  # 28 tuning seeds are used, 2 a replicate
def test_no_seed_of_the_folder_is_used_again_whatever_experiment_it_was_of(seeds, fresh, tmp_path):
    facts = {"lr": [0.001, 0.01], "steps": 5, "out": tmp_path / "x"}
    ob.run("quadratic", ["gd", "adam"], seeds=4, tuning_seeds=7, **facts)
    ob.run("quadratic", ["gd", "adam"], seeds=seeds, tune="none", **facts)
    ob.run("quadratic", ["gd", "adam"], seeds=2, tuning_seeds=2, **facts)
    ob.replicate(tmp_path / "x")
    used = {
        name: {seed for path in (tmp_path / name / "runs").iterdir() for seed in pd.read_parquet(path)["seed"]}
        for name in ("x", "x-replication")
    }
    assert not used["x"] & used["x-replication"] and min(used["x-replication"]) == fresh


def test_from_python_the_claims_are_a_frame(first, tmp_path):
    table = ob.replicate(first, out=tmp_path / "there")
    assert table.to_dict("records") == [
        {"problem": "quadratic", "better": "momentum", "worse": "gd", "p_adjusted": 2.0**-8, "outcome": "confirmed"}
    ]
    assert table.equals(ob.load(first).claims(ob.load(tmp_path / "there")))


def test_a_folder_whose_plugins_are_gone_says_which(command):
    Path("plugins").mkdir()
    Path("plugins/own.py").write_text(MINE)
    assert command(*SMALL, "--optimizer", "mine", "--plugins", "plugins")[0] == 0
    status, out, err = command("replicate", "x", "--workers", 1)
    assert status == 2 and out == "" and err.count("\n") == 1
    assert "'x' needs the optimizer 'mine', which no plugin registers now; load its plugin by --plugins DIR" in err
    assert not Path("x-replication").exists()
    status, out, _ = command("replicate", "x", "--workers", 1, "--plugins", "plugins")
    assert status == 0 and "24 runs: 24 finished" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "'nowhere' holds no results"),
        (["theirs.csv"], "'theirs.csv' is a table, which does not say how to run the experiment again"),
        (["x", "--out", "./x"], "'x' holds the results that are to be replicated; choose another folder"),
        (["x", "--timeout", "0"], "--timeout 0: must be more than 0 seconds"),
        (["bare"], "'bare/experiment.toml' cannot be read"),
        (["begun"], "'begun' has no evaluation runs yet"),
        (["last"], "'last' leaves no seeds for a replication"),
    ],
)
def test_bad_input_is_one_line_and_status_2(first, command, arguments, words):
    Path("theirs.csv").write_text("problem,optimizer,seed,loss\np,a,0,1\n")
    for name in ("bare", "begun", "last"):
        shutil.copytree(first, name)
    Path("bare/experiment.toml").unlink()
    protocol = json.loads(Path("begun/protocol.json").read_text())
    Path("begun/protocol.json").write_text(json.dumps({**protocol, "rows": []}))
    text = Path("last/experiment.toml").read_text()
    Path("last/experiment.toml").write_text(text.replace("first_seed = 0", "first_seed = 999990"))
    status, out, err = command("replicate", *arguments)
    assert status == 2 and out == "" and err.count("\n") == 1 and words in err, err


def test_a_replication_lies_beside_its_folder():
    assert beside(Path("a/b")) == Path("a/b-replication")
    assert beside(Path(".")) == Path.cwd().with_name(f"{Path.cwd().name}-replication")
