"""What a run's last bits depend on besides its code and data: Python, NumPy, the BLAS kernel, the processor."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path

import numpy as np

CPUINFO = Path("/proc/cpuinfo")
#: Lines of it that name a family: of x86, and of Arm.
FAMILY = ("vendor_id", "cpu family", "model\t", "CPU implementer", "CPU part")


@lru_cache
def environment() -> dict[str, str]:
    """The columns of every row that name where it was trained."""
    from threadpoolctl import threadpool_info  # looks at every loaded library

    kernels = sorted({str(info.get("architecture")) for info in threadpool_info() if info["user_api"] == "blas"})
    text = CPUINFO.read_text() if CPUINFO.exists() else ""
    lines = dict.fromkeys(line for line in text.splitlines() if line.startswith(FAMILY))
    family = [platform.machine(), *(line.split(":")[1].strip() for line in lines)]
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": ", ".join(kernels),
        "processor": " ".join(family),
    }
