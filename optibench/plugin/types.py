"""The types that signatures name.

Symbols everywhere: R runs of P parameters, w parameters (R, P), g their gradients (R, P), t the step from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
#: A plugin's own function, whose signature is its declaration.
AnyFunction = Callable[..., Any]
#: Plain values by name, as TOML and JSON have them.
Facts = dict[str, Any]
#: What an option of an optimizer may be; numbers are hyperparameters.
Option = bool | str | None
