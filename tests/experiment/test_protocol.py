"""The protocol: equal trials and budgets, other seeds and splits for tuning than for reporting, declared targets."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import optibench as ob
from optibench import InputError, Problem
from optibench.analysis.tuning import self_checks
from optibench.experiment.protocol import EPSILONS, NEAR, between, median
from optibench.experiment.resolve import resolve
from optibench.experiment.settings import TUNING
from optibench.plugin.problem import problem
from optibench.plugin.registry import registry
from optibench.runner.run import execute

FACTS = {"lr": [1e-3, 1e-2, 0.1], "seeds": 3, "steps": 20, "dtype": "float64"}


def rows(results):
    """The protocol's rows by (problem, optimizer, tuning)."""
    return {(row["problem"], row["optimizer"], row["tuning"]): row for row in results.protocol["rows"]}


def trials(results, optimizer, search="lr", replicate=0):
    """The trials of a method in one replicate."""
    frame = results.trials
    return frame[(frame[["optimizer", "search", "replicate"]] == [optimizer, search, replicate]).all(axis=1)]


def chosen(results, problem, optimizer, tuning="lr"):
    """The evaluated runs, a replicate each."""
    return results.runs.set_index("id").loc[rows(results)[problem, optimizer, tuning]["runs"]]


@ob.optimizer(space={"lr": (1e-5, 1, "log"), "beta": (0.5, 0.99, "1 - log"), "shift": (-1.0, 1.0, "linear")})
def tunable(w, g, m=0, *, lr=0.05, beta=0.9, shift=0.0, kind="plain"):
    m = beta * m + (1 - beta) * g
    return w - lr * m, m


def test_every_contender_gets_the_same_trials_on_the_same_seeds_and_the_same_evaluations():
    results = ob.run("digits-softmax", ["gd", "adam", "sam+adam", tunable], lr=[0.01, 0.1], seeds=2, epochs=4)
    tuning = results.runs[results.runs["part"] == "tuning"]
    assert tuning.groupby("optimizer")["id"].nunique().nunique() == 1
    assert {one["trials"] for key, one in rows(results).items() if key[2] == "all"} == {8}  # 2, widened to 6 or so
    spent = tuning.assign(
        spent=(tuning["gradient_evaluations"] + tuning["value_evaluations"] + tuning["hessian_products"])
        * tuning["batch"]
    )
    assert spent.groupby("optimizer")["spent"].unique().map(list).map(len).eq(1).all()
    assert (
        spent.query("optimizer == 'sam+adam'")["steps"].unique() * 2
        == spent.query("optimizer == 'adam'")["steps"].unique()
    )


@pytest.mark.parametrize(("first", "count"), [(0, 1), (5, 1), (0, 2), (20, 3)])
def test_a_replicate_has_an_evaluation_seed_and_tuning_seeds_that_no_other_has(first, count):
    results = ob.run("quadratic", ["gd", "adam"], first_seed=first, tuning_seeds=count, **FACTS)
    runs = results.runs.set_index("id")["seed"]
    tuning = results.tuning_runs.assign(seed=runs.reindex(results.tuning_runs["id"]).to_numpy())
    for (replicate, *_), seeds in tuning.groupby(["replicate", "optimizer", "search", "trial"])["seed"]:
        begin = TUNING + (first + replicate) * count
        assert seeds.tolist() == list(range(begin, begin + count))
    assert set(results.reported["seed"]) == {first, first + 1, first + 2}
    assert {*chosen(results, "quadratic", "gd")["seed"]} == {first, first + 1, first + 2}


def test_replicates_are_independent_experiments():
    """What a replicate finds does not depend on which others there are; another first seed shares nothing."""
    facts = {**FACTS, "lr": [1e-3, 1e-2, 0.1, 1.0], "problems": ["rosenbrock"], "optimizers": ["adam", tunable]}
    whole = ob.run(**{**facts, "seeds": 4})
    for first in range(4):
        alone = ob.run(**{**facts, "seeds": 1, "first_seed": first})
        for row, of_whole in zip(alone.protocol["rows"], whole.protocol["rows"], strict=True):
            assert row["runs"] == of_whole["runs"][first : first + 1]
            assert row.get("scores") == (of_whole["scores"][first : first + 1] if "scores" in of_whole else None)
        for row, of_whole in zip(alone.protocol["trials"], whole.protocol["trials"], strict=True):
            assert row["runs"] == of_whole["runs"][first : first + 1]
    later = ob.run(**{**facts, "seeds": 4, "first_seed": 4})
    assert not {*later.runs["id"]} & {*whole.runs["id"]}


def held_out(name, validation, test):
    """w is pulled to 1 in training; validation and test say by their own data where it should have gone."""

    def value_grad(w, x):
        gap = w[:, None] - x  # (R, B, 1)
        return (gap**2).sum(-1).mean(-1) / 2, gap.mean(1)

    def split(place):
        return (np.full((4, 1), place),)

    return Problem(
        name, lambda rng: np.zeros(1), value_grad, train=split(1.0), validation=split(validation), test=split(test)
    )


def test_tuning_selects_on_the_validation_split_and_the_test_split_chooses_nothing():
    facts = {"lr": [0.01, 0.1, 0.5], "seeds": 2, "steps": 10, "batch": "full", "dtype": "float64"}
    rates = {}
    for name, validation, test in [("a", 1.0, 0.0), ("b", 0.65, 0.0), ("c", 0.65, 1.0)]:
        results = ob.run(held_out(name, validation, test), "momentum:momentum=0", **facts)
        (rates[name],) = chosen(results, name, "momentum:momentum=0")["lr"].unique()
        board = results.leaderboard()
        w = 1 - (1 - rates[name]) ** 10
        np.testing.assert_allclose(board["score"], (w - test) ** 2 / 2)  # what is shown is the test split
    assert rates["a"] >= 0.5 and rates["b"] == rates["c"] == 0.1


def test_a_best_rate_at_the_edge_widens_the_grid_once_for_all_contenders_and_is_said_if_it_is_still_there(tmp_path):
    said = []
    facts = {"problems": ["quadratic"], "optimizers": ["gd", "momentum"], "lr": [1e-7, 1e-6], "seeds": 1, "steps": 5}
    execute(resolve(facts, registry()), registry(), tmp_path, on_warning=said.append)
    results = ob.load(tmp_path)
    for name in ("gd", "momentum"):
        assert trials(results, name)["lr"].tolist() == [1e-7, 1e-6, 1e-5, 1e-4]
        assert rows(results)["quadratic", name, "lr"]["on_boundary"] == 1
    words = "gd on quadratic: in 1 of 1 replicates its best learning rate is on the boundary of the widened grid"
    assert len(said) == 2 and words in said[0]
    assert results.leaderboard()["lr_on_boundary"].all()


def test_a_grid_whose_best_rate_is_inside_stays_as_it_is(tmp_path):
    results = ob.run("quadratic", "gd", lr=[1e-4, 1e-3, 1e-2, 0.019, 0.1], seeds=1, steps=50)
    assert len(trials(results, "gd")) == 5 and not rows(results)["quadratic", "gd", "lr"]["on_boundary"]


def test_a_rule_that_fails_everywhere_widens_nothing():
    @ob.optimizer
    def broken(w, g, *, lr=0.1):
        raise ValueError("no")

    results = ob.run("quadratic", [broken, "gd"], lr=[1e-3, 1e-2, 0.1], seeds=1, steps=20)
    assert len(trials(results, "gd")) == 3
    assert results.leaderboard()["optimizer"].tolist() == ["gd", "broken"]


def test_everything_is_drawn_from_the_declared_space_near_the_best_rate_and_what_is_fixed_stays():
    results = ob.run("quadratic", [tunable, "adam", "adam:beta1=0.5"], **FACTS)
    for replicate, best in enumerate(chosen(results, "quadratic", "tunable")["lr"]):
        drawn = trials(results, "tunable", "all", replicate)
        assert len(drawn) == 3 and drawn["beta"].nunique() == 3
        assert drawn["lr"].between(best / NEAR / 1.00001, best * NEAR * 1.00001).all()
        assert drawn["beta"].between(0.5, 0.99).all() and drawn["shift"].between(-1, 1).all()
        assert set(trials(results, "adam:beta1=0.5", "all", replicate)["beta1"]) == {0.5}
        assert trials(results, "adam", "all", replicate)["beta1"].nunique() == 3
        other = chosen(results, "quadratic", "adam")["lr"].iloc[replicate]
        of_adam = trials(results, "adam", "all", replicate)["lr"] / other
        np.testing.assert_allclose(drawn["lr"] / best, of_adam, rtol=1e-4)  # the k-th draw is the same for every method
    assert results.trials.query("search == 'all' and optimizer == 'tunable'")["shift"].nunique() == 9  # by replicate


def test_a_search_space_has_its_ends_and_its_scale():
    assert [round(between(1e-4, 1, "log", share), 12) for share in (0, 0.5, 1)] == [1e-4, 1e-2, 1]
    assert [between(-1, 3, "linear", share) for share in (0, 0.5, 1)] == [-1, 1, 3]
    assert [round(between(0.9, 0.999, "1 - log", share), 12) for share in (0, 0.5, 1)] == [0.9, 0.99, 0.999]


def test_the_chosen_trial_has_the_lowest_median_on_the_tuning_seeds_and_everything_is_never_worse_there():
    results = ob.run(["rosenbrock", "quadratic"], ["gd", "adam", tunable], tuning_seeds=3, **FACTS)
    runs = results.runs.set_index("id")
    seen = runs["loss"].where(runs["status"] == "finished", np.inf)
    for (name, method, tuning), row in rows(results).items():
        if tuning == "default":
            continue
        evaluated = chosen(results, name, method, tuning)
        for replicate, score in enumerate(row["scores"]):
            parts = [
                part["runs"][replicate]
                for part in results.protocol["trials"]
                if (part["problem"], part["optimizer"]) == (name, method) and tuning in ("all", part["search"])
            ]
            tried = [ids for part in parts for ids in part]
            scores = [np.sort(seen.loc[ids])[1] for ids in tried]
            assert score == min(scores)
            best = runs.loc[tried[int(np.argmin(scores))][0]]
            settings = [one for one in results.hyperparameters if isinstance(best[one], float)]
            assert evaluated.iloc[replicate][settings].equals(best[settings])
            if tuning == "all":
                assert score <= rows(results)[name, method, "lr"]["scores"][replicate]


def test_a_run_that_diverged_at_one_of_three_seeds_is_no_average():
    assert median([1.0, np.inf, 2.0]) == 2 and median([np.inf, 1.0]) == 1 and median([np.inf, np.inf, 1.0]) == np.inf


def test_random_search_draws_rates_between_the_ends_the_same_for_all():
    results = ob.run("quadratic", ["gd", "adam"], lr="1e-4:1:2", tune="random:6", seeds=2, steps=10)
    rates = [trials(results, name)["lr"].tolist() for name in ("gd", "adam")]
    assert rates[0] == rates[1] == sorted(rates[0]) and len(set(rates[0])) == 6
    assert trials(results, "gd", replicate=1)["lr"].tolist() != rates[0]  # a replicate draws for itself
    best = chosen(results, "quadratic", "gd")["lr"].iloc[0]
    drawn = trials(results, "gd", "all")["lr"]
    assert drawn.min() < best < drawn.max()  # to either side
    assert rates[0][0] >= 1e-4 and rates[0][-1] <= 1
    assert len(trials(results, "adam", "all")) == 6
    again = ob.run("quadratic", "gd", lr="1e-4:1:2", tune="random:6", seeds=1, steps=5)
    assert trials(again, "gd")["lr"].tolist() == rates[0]


def test_without_tuning_every_rate_is_a_contender_and_without_a_rate_the_default_runs():
    results = ob.run("quadratic", ["gd", "adam:beta1=0.5"], lr=[0.01, 0.1], tune="none", seeds=2, steps=5)
    assert (results.runs["part"] == "reporting").all() and len(results.runs) == 8
    assert set(results.leaderboard()["optimizer"]) == {
        "gd:lr=0.01", "gd:lr=0.1", "adam:beta1=0.5,lr=0.01", "adam:beta1=0.5,lr=0.1",
    }  # fmt: skip
    plain = ob.run("quadratic", ["gd", "adam"], tune="none", seeds=2, steps=5)
    assert plain.leaderboard().set_index("optimizer")["lr"].to_dict() == {"gd": 0.01, "adam": 0.001}
    assert set(plain.reported["tuning"]) == {"default"} and len(plain.runs) == 4
    one = ob.run("quadratic", ["gd", "adam"], lr=0.1, seeds=2, steps=5)
    assert set(one.reported["tuning"]) == {"given"} and set(one.reported["optimizer"]) == {"gd", "adam"}


def test_three_columns_stand_side_by_side():
    results = ob.run("rosenbrock", ["gd", "adam"], **FACTS)
    board = results.leaderboard().set_index("optimizer")
    for tuning, column in [("default", "default_score"), ("lr", "score"), ("all", "all_score")]:
        shown = results.leaderboard(tuning=tuning).set_index("optimizer")["score"]
        assert board[column].to_dict() == shown.to_dict()
    assert results.runs.set_index("id").loc[rows(results)["rosenbrock", "adam", "default"]["runs"], "lr"].eq(1e-3).all()


@pytest.mark.parametrize(("name", "minimum"), [("quadratic", 0.0), ("branin", 0.39788735772973816)])
def test_targets_are_f_star_plus_epsilon_of_the_gap_at_the_start(name, minimum):
    results = ob.run(name, "gd", **FACTS)
    start = results.curves.query("step == 0 and seed < 1000").drop_duplicates("seed")["loss"].median()
    targets = results.targets.set_index("epsilon")["target"]
    np.testing.assert_allclose(targets.to_numpy(), minimum + np.array(EPSILONS) * (start - minimum), rtol=1e-9)
    assert results.targets["provenance"].str.contains("f0 = ").all()


def test_where_no_minimum_is_known_the_target_is_what_the_tuned_reference_reaches_on_its_tuning_seeds():
    results = ob.run("xor-mlp", ["gd", "adam"], lr=[0.01, 0.1, 1], seeds=2, epochs=50, reference="adam")
    (target,) = results.protocol["targets"]
    best = [
        ids for part in results.protocol["trials"] if (part["optimizer"], part["search"]) == ("adam", "lr")
        for replicate, lr in zip(part["runs"], chosen(results, "xor-mlp", "adam")["lr"], strict=True)
        for ids in replicate if results.runs.set_index("id").loc[ids[0], "lr"] == lr
    ]  # fmt: skip
    ends = (
        results.curves[results.curves["id"].isin([run for ids in best for run in ids])]
        .groupby("id")["loss"]
        .last()
        .sort_values()
    )
    assert len(ends) == 2 and target["target"] == ends.iloc[0]
    assert target["provenance"] == "median of adam with its learning rate tuned, on the 2 tuning seeds"


def test_targets_are_on_disk_before_any_run_that_is_reported(tmp_path, monkeypatch):
    seen = []

    def watching(task, stages, workers, timeout):
        for cohorts in stages:
            reported = any(run.seed < TUNING for cohort in cohorts for run in cohort.runs)
            seen.append((reported, len(json.loads((tmp_path / "protocol.json").read_text())["targets"])))
            for cohort in cohorts:
                task(cohort)
                yield cohort, None

    found = registry()
    monkeypatch.setitem(found["executor"], "inline", replace(found.get("executor", "inline"), function=watching))
    ob.run(["quadratic", "xor-mlp"], "adam", lr=[0.01, 0.1, 1], seeds=2, steps=5, out=tmp_path)
    assert [one for one in seen if one[0]] == [(True, len(EPSILONS) + 1)] and seen[0] == (False, len(EPSILONS))


def test_a_loss_under_a_known_minimum_fails_loudly_and_costs_its_own_runs_only(command, tmp_path):
    @problem
    def cheating():
        return Problem("cheating", lambda rng: np.ones(2), lambda w: ((w**2).sum(-1), 2 * w), minimum=0.5)

    results = ob.run([cheating, "quadratic"], "gd", lr=0.1, seeds=2, steps=50)
    runs = results.runs.set_index("problem")
    assert (runs.loc["cheating", "status"] == "failed").all()
    assert runs.loc["cheating", "reason"].str.contains("is below the minimum of 'cheating', 0.5").all()
    fine = ob.run("quadratic", ["gd", "lbfgs"], lr=[0.01], seeds=3, steps=500).runs
    assert (fine["status"] == "finished").all()


def test_the_same_command_resumes_at_every_stage_and_repeats_nothing(tmp_path):
    first = ob.run("rosenbrock", ["gd", "adam"], **FACTS, out=tmp_path)
    files = sorted((tmp_path / "runs").iterdir())
    times = {path.name: path.stat().st_mtime_ns for path in files}
    for path in files[::2]:
        path.unlink()
    again = ob.run("rosenbrock", ["gd", "adam"], **FACTS, out=tmp_path)
    kept = {path.name: path.stat().st_mtime_ns for path in files[1::2]}
    assert kept.items() <= times.items()
    assert again.protocol == first.protocol
    same = ["id", "part", "seed", "loss", "status", "steps"]
    assert again.runs[same].equals(first.runs[same])


def test_a_general_rule_that_loses_to_its_own_special_case_is_called_under_tuned():
    @ob.optimizer(contains={"minibatch": {"drag": 0.0}})
    def dragged(w, g, *, lr=0.01, drag=0.9):
        return w - (1 - drag) * lr * g

    results = ob.run("digits-softmax", [dragged, "minibatch"], lr=[0.001, 0.01], seeds=6, epochs=2, tune="none")
    assert self_checks(results, results.compare()) == []  # several rates: nothing was tuned
    results = ob.run("digits-softmax", [dragged, "minibatch"], lr=0.01, seeds=6, epochs=2)
    (line,) = self_checks(results, results.compare())
    assert line.startswith("dragged on digits-softmax is significantly worse than its own special case minibatch: ")
    assert "under-tuned" in line


@pytest.mark.parametrize(
    ("factor", "facts", "places", "names"),
    [
        (
            "activation",
            {"problems": ["xor-mlp", "moons-mlp"], "activation": ["relu", "tanh"]},
            {"xor-mlp", "moons-mlp"},
            {"relu", "tanh"},
        ),
        ("batch", {"problems": ["wine-mlp"], "batch": [8, "full"]}, {"wine-mlp"}, {"8", "full"}),
        (
            "schedule",
            {"problems": ["wine-mlp"], "schedule": ["constant", "step:every=3"]},
            {"wine-mlp"},
            {"constant", "step:every=3"},
        ),
        (
            "initialisation",
            {"problems": ["wine-mlp"], "initialisation": ["zeros", "he"]},
            {"wine-mlp"},
            {"zeros", "he"},
        ),
    ],
)
def test_any_factor_is_compared_at_a_tuned_optimizer(factor, facts, places, names):
    how = {"optimizers": ["adam"], "lr": [0.01, 0.1], "seeds": 2, "epochs": 4, "compare": factor, **facts}
    results = ob.run(**how)
    assert set(results.reported["problem"]) == places and set(results.reported["optimizer"]) == names
    assert results.compare().factor == factor
    assert results.leaderboard().groupby("problem")["rank"].min().eq(1).all()
    both = ob.run(**{**how, "optimizers": ["adam", "momentum"], "steps": 3, "epochs": None})
    assert set(both.reported["problem"]) == {f"{place} · {name}" for place in places for name in ("adam", "momentum")}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"tune": "random"}, "tune = 'random': must be grid, none or random:K"),
        ({"tune": "random:0"}, "random:K with at least one trial"),
        ({"tune": 3}, "tune = 3: must be grid, none or"),
        ({"seeds": TUNING}, f"at most {TUNING - 1} (seeds from {TUNING} on are for tuning)"),
        ({"tuning_seeds": 0}, "tuning_seeds = 0: must be a whole number"),
        ({"reference": "sgd"}, "no reference among the optimizers named 'sgd'; nearest: gd"),
        ({"compare": "activations"}, "no factor to compare named 'activations'; nearest: activation"),
        ({"compare": "batch", "optimizers": "adam"}, "compare batch: one level only"),
        ({"compare": "batch", "batch": [8, 16]}, "compare batch: optimizer 'gd' has a fixed batch size, full"),
        ({"batch": [8, 16]}, "batch: 2 are given; compare them by --compare batch"),
        ({"schedule": ["constant", "cosine"]}, "schedule: 2 are given; compare them by --compare schedule"),
        ({"compare": "activation"}, "compare activation: no activation is given for problem 'quadratic'"),
        ({"compare": "initialisation", "problems": "wine-mlp", "initialisation": ["xavir", "he"]}, "nearest: xavier"),
        ({"compare": "activation", "problems": "wine-mlp", "activation": ["relu"]}, "one level only"),
        ({"optimizers": "gd:batch=0"}, "optimizer 'gd': batch = 0: must be a whole number"),
        ({"optimizers": "adam:batch=8"}, "optimizer 'adam' takes no setting 'batch'"),
    ],
)
def test_bad_input_is_one_line_that_names_it(facts, words):
    with pytest.raises(InputError) as error:
        ob.run(**{"problems": "quadratic", "optimizers": "gd", "lr": [0.01, 0.1], "steps": 3, **facts})
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_choice_may_change_the_batch_that_a_rule_declares():
    runs = ob.run("wine-mlp", ["gd:batch=8", "gd"], lr=0.01, seeds=1, epochs=1).runs.set_index("optimizer")
    assert runs.loc["gd:batch=8", "batch"] == 8 and runs.loc["gd", "batch"] > 8


def test_the_suite_protocol_matters_ranks_otherwise_at_defaults_than_tuned():
    results = ob.run(**{**registry().get("suite", "protocol-matters").facts, "seeds": 10})
    for column in ("score", "loss"):
        orders = {
            tuning: results.leaderboard(tuning=tuning).sort_values(column)["optimizer"].tolist()
            for tuning in ("default", "lr")
        }
        assert orders["default"] == ["gd:batch=128", "momentum", "adam"]
        assert orders["lr"] == ["momentum", "adam", "gd:batch=128"]
    best = [results.verdict(tuning=tuning)["leaders"][0] for tuning in ("default", "lr")]
    assert best == [["gd:batch=128"], ["momentum"]]


def test_a_protocol_that_is_broken_says_what_to_do(tmp_path):
    facts = {"lr": [0.01, 0.1], "seeds": 1, "steps": 5, "out": tmp_path}
    ob.run("quadratic", "gd", **facts)
    whole = (tmp_path / "protocol.json").read_text()
    (tmp_path / "protocol.json").write_text(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"protocol\.json' cannot be read .*; run the same command again"):
        ob.load(tmp_path)
    assert ob.run("quadratic", "gd", **facts).protocol["rows"]
    json.loads(whole, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
