"""A fresh run of the suite `smoke` equals the committed one; run this file to write the committed one anew.

Exactly, where NumPy, its vector instructions, the BLAS kernel and the processor are the recorded ones. Elsewhere
products and sums may be taken in another order, and who ended how, and after which step, must still be equal. So must
the losses, to RTOL, but for the runs whose training is chaotic: there a start that differs in its last bit ends
anywhere. `moved` in the file says how far DRAWS such starts moved a loss, relatively: at most 1e-11 in nearly all runs,
5e-10 in one that nearly diverged, and at least 0.8 in 12, at rates of 10 and more. The losses of these 13 must lie
between `lowest` and `highest` of those starts, widened by WIDER: in 96 further draws the 12 left that range by a factor
of up to 3.8.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import optibench as ob
from optibench.plugin.registry import registry
from optibench.runner.environment import environment

FOLDER = Path(__file__).parent.parent / "reports/reference"
EXACT = ["problem", "optimizer", "status", "diverged_at", "seed", "steps"]
NUMBERS = ["lr", "loss", "test_accuracy"]
RTOL, ATOL = 1e-8, 1e-14  # a loss of nearly 0 is a difference of rounding errors
CHAOTIC = RTOL / 100  # one last bit at the start is less than what a processor changes at every step
DRAWS, WIDER = 24, 10.0
BOUNDS = ["lowest", "highest"]


def where() -> dict[str, str]:
    """What the bits depend on: NumPy, the BLAS kernel, the processor, and which of its instructions NumPy may use."""
    vectors = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    facts = environment()
    return {
        "numpy": facts["numpy"],
        "vectors": ", ".join(vectors),
        "blas": facts["blas"],
        "processor": facts["processor"],
    }


def fresh(change: Callable[[ob.Problem], ob.Problem] | None = None) -> pd.DataFrame:
    facts = dict(registry().get("suite", "smoke").facts)
    if change is not None:
        facts["problems"] = [change(registry().get("problem", name)()) for name in facts["problems"]]
    return ob.run(**facts).runs[EXACT + NUMBERS]


def moved(problem: ob.Problem, draw: int) -> ob.Problem:
    """The problem with every number of its starts moved to the next one up or down, as the draw says."""

    def start(rng: np.random.Generator) -> np.ndarray:
        w = problem.start(rng)
        signs = np.random.default_rng([draw, int(rng.integers(2**31))])
        return np.nextafter(w, signs.choice([-np.inf, np.inf], w.shape))

    return replace(problem, name=f"{problem.name}-moved", start=start)


def with_bounds(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, how far moved starts move their losses, and within what bounds if that is far."""
    draws = [fresh(lambda problem, draw=draw: moved(problem, draw)) for draw in range(DRAWS)]
    for others in draws:  # or neither statuses nor the choice of rates could be compared on another processor
        same = others.assign(problem=others["problem"].str.removesuffix("-moved"))
        pd.testing.assert_frame_equal(same[[*EXACT, "lr"]], runs[[*EXACT, "lr"]])
    losses = np.array([runs["loss"], *(others["loss"] for others in draws)])
    furthest = np.abs(losses - losses[0]).max(axis=0) / np.abs(losses[0])
    ends = {"lowest": losses.min(axis=0), "highest": losses.max(axis=0)}
    bounds = {name: np.where(furthest > CHAOTIC, end, np.nan) for name, end in ends.items()}
    return runs.assign(moved=[f"{far:.1e}" if np.isfinite(far) else "" for far in furthest], **bounds)


def committed() -> pd.DataFrame:
    """Read as text, then by Python's own float, which gives back every bit; pandas' parser may not."""
    runs = pd.read_csv(FOLDER / "runs.csv", dtype=dict.fromkeys(NUMBERS, str))
    return runs.assign(**{name: runs[name].map(float) for name in NUMBERS})


def test_the_suite_smoke_gives_the_committed_results():
    runs, expected = fresh(), committed()
    pd.testing.assert_frame_equal(runs[EXACT], expected[EXACT], check_dtype=False, check_exact=True)
    if where() == json.loads((FOLDER / "environment.json").read_text()):
        pd.testing.assert_frame_equal(runs[NUMBERS], expected[NUMBERS], check_exact=True)
        return
    chaotic = expected["moved"] > CHAOTIC
    for name in NUMBERS:
        np.testing.assert_allclose(
            runs.loc[~chaotic, name], expected.loc[~chaotic, name], rtol=RTOL, atol=ATOL, err_msg=name
        )
    runs, bounds = runs[chaotic], expected.loc[chaotic, BOUNDS]
    assert (runs["loss"] > bounds["lowest"] / WIDER).all() and (runs["loss"] < bounds["highest"] * WIDER).all()
    assert runs["test_accuracy"].dropna().between(0, 1).all()  # rosenbrock has none


def test_chaotic_are_a_few_runs_at_high_rates_and_none_is_nearly_so():
    runs = committed()
    chaotic = runs["moved"] > CHAOTIC
    wild = runs["moved"] > 1e-3
    assert wild.sum() == 12 and (runs.loc[wild, "lr"] >= 10).all()
    assert chaotic.sum() == 13 and (runs.loc[~chaotic, "moved"].dropna() < CHAOTIC / 3).all()
    pd.testing.assert_series_equal(chaotic, runs[BOUNDS].notna().all(axis=1), check_names=False)
    assert (runs["moved"].isna() == runs["loss"].isna()).all()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with_bounds(fresh()).to_csv(FOLDER / "runs.csv", index=False)
    (FOLDER / "environment.json").write_text(json.dumps(where(), indent=2) + "\n")
