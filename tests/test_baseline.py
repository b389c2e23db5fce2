"""A fresh run of the suite `smoke` equals the committed one; run this file to write the committed one anew.

Exactly, where NumPy, the BLAS kernel and the processor are the recorded ones. Elsewhere products and sums may be taken
in another order: with three more BLAS kernels and NumPy's vector instructions turned off, no loss of this suite moved
by more than a relative 3e-11, and RTOL leaves that a factor of 300. Who ended how, and after which step, must be equal
everywhere.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

import optibench as ob
from optibench.plugin.registry import registry

FOLDER = Path(__file__).parent.parent / "reports/reference"
EXACT = ["problem", "optimizer", "status", "diverged_at", "seed", "steps"]
NUMBERS = ["lr", "loss", "test_accuracy"]
RTOL, ATOL = 1e-8, 1e-14  # a loss of nearly 0 is a difference of rounding errors


def environment() -> dict[str, str]:
    """What the bits depend on: NumPy, the BLAS kernel, and the processor, by which NumPy chooses instructions."""
    kernels = sorted({str(info.get("architecture")) for info in threadpool_info() if info["user_api"] == "blas"})
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    facts = ("vendor_id", "cpu family", "model\t", "CPU implementer", "CPU part")
    lines = dict.fromkeys(line for line in text.splitlines() if line.startswith(facts))
    family = [platform.machine(), *(line.split(":")[1].strip() for line in lines)]
    return {"numpy": np.__version__, "blas": ", ".join(kernels), "processor": " ".join(family)}


def fresh() -> pd.DataFrame:
    return ob.run(**registry().get("suite", "smoke").facts).runs[EXACT + NUMBERS]


def committed() -> pd.DataFrame:
    """Read as text, then by Python's own float, which gives back every bit; pandas' parser may not."""
    runs = pd.read_csv(FOLDER / "runs.csv", dtype=dict.fromkeys(NUMBERS, str))
    return runs.assign(**{name: runs[name].map(float) for name in NUMBERS})


def test_the_suite_smoke_gives_the_committed_results():
    runs, expected = fresh(), committed()
    pd.testing.assert_frame_equal(runs[EXACT], expected[EXACT], check_dtype=False, check_exact=True)
    if environment() == json.loads((FOLDER / "environment.json").read_text()):
        rtol, atol = 0.0, 0.0
    else:
        rtol, atol = RTOL, ATOL
    for name in NUMBERS:
        np.testing.assert_allclose(runs[name], expected[name], rtol=rtol, atol=atol, err_msg=name)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    fresh().to_csv(FOLDER / "runs.csv", index=False)
    (FOLDER / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
