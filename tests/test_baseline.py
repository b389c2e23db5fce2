"""A fresh run of the suite `smoke` equals the committed one; run this file to write the committed one anew.

Exactly, where NumPy, the BLAS kernel and the processor family are the recorded ones. Elsewhere sums may be taken in
another order: over 50 epochs of these problems that moves a float64 loss by less than a relative 1e-6.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

import optibench as ob
from optibench.registry import registry

FOLDER = Path(__file__).parent.parent / "reports/reference"
COLUMNS = ["problem", "optimizer", "lr", "seed", "status", "diverged_at", "steps", "loss", "test_accuracy"]


def environment() -> dict[str, str]:
    kernels = sorted({str(info.get("architecture")) for info in threadpool_info() if info["user_api"] == "blas"})
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else platform.processor()
    lines = sorted({line for line in text.splitlines() if line.startswith(("vendor_id", "cpu family", "model\t"))})
    family = " ".join(line.split(":")[1].strip() for line in lines)
    return {"numpy": np.__version__, "blas": ", ".join(kernels), "processor": family}


def fresh() -> pd.DataFrame:
    return ob.run(**registry().get("suite", "smoke").facts).runs[COLUMNS]


def test_the_suite_smoke_gives_the_committed_results():
    runs = fresh()
    expected = pd.read_csv(FOLDER / "runs.csv", dtype={"loss": str})
    expected["loss"] = [float(loss) for loss in expected["loss"]]  # to the last bit, whatever pandas does by default
    same = environment() == json.loads((FOLDER / "environment.json").read_text())
    pd.testing.assert_frame_equal(
        runs, expected, check_dtype=False, check_exact=same, **({} if same else {"rtol": 1e-6, "atol": 1e-12})
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    fresh().to_csv(FOLDER / "runs.csv", index=False)
    (FOLDER / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
