"""The array type. Symbols everywhere: R runs of P parameters, w (R, P), g their gradients (R, P), t the step from 1."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
