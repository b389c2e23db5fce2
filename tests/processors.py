"""The tests whose numbers a processor could change, under three others that this one can imitate.

OpenBLAS takes the kernels that it is told to, without asking whether the processor can run them; so a kernel is left
out where NumPy finds no such instructions. Nehalem's, of 2008, run wherever NumPy does. Another BLAS, or another
architecture, does not know these names and keeps its own kernels.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

TESTS = [
    "tests/optimizers/test_traces.py",
    "tests/test_minimize.py",
    "tests/test_baseline.py",
    "tests/test_bits.py",
    "tests/analysis",
    "tests/cli/test_verify.py",
]
#: Kernel, what NumPy calls its instructions (as of 2.4, before), whether NumPy itself may use any, threads of BLAS.
PROCESSORS = [
    ("Haswell", {"X86_V3", "AVX2"}, True, 1),
    ("SkylakeX", {"X86_V4", "AVX512_SKX"}, False, 1),
    ("Nehalem", set(), False, 2),
]


def main(arguments: list[str]) -> int:
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    failed = []
    for kernel, needed, vectors, threads in PROCESSORS:
        name = f"{kernel}, NumPy's vector instructions {'on' if vectors else 'off'}, BLAS threads {threads}"
        if needed and not needed & {*found}:
            print(f"{name}: left out, this processor has none of {', '.join(sorted(needed))}", flush=True)
            continue
        print(name, flush=True)
        told = {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": str(threads)}
        if found and not vectors:
            told["NPY_DISABLE_CPU_FEATURES"] = " ".join(found)
        command = [sys.executable, "-P", "-m", "pytest", "-q", "-n", "2", *(arguments or TESTS)]
        if subprocess.run(command, env={**os.environ, **told}).returncode:
            failed.append(name)
    print("\n".join(f"FAILED: {name}" for name in failed) or "the same under every processor")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
