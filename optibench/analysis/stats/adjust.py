"""Many tests at once: adjusted p-values, and how many replicates a family of tests needs. Imports NumPy only."""

from __future__ import annotations

import numpy as np

from optibench.errors import InputError
from optibench.plugin.types import Array

#: The share of pages that may name a difference if there is none.
ALPHA = 0.05


def holm(p: object) -> Array:
    """p-values (m,) adjusted so that any false rejection at alpha has probability alpha at most, at their own places.

    The i-th smallest times m - i + 1, no less than the ones before, at most 1: Holm 1979, Scand. J. Stat. 6, 65-70.
    """
    array = _checked(p, "holm")
    order = np.argsort(array, kind="stable")
    adjusted = np.empty_like(array)
    adjusted[order] = np.minimum(np.maximum.accumulate(array[order] * np.arange(len(array), 0, -1)), 1.0)
    return adjusted


def benjamini_hochberg(p: object) -> Array:
    """p-values (m,) adjusted so that of the rejections at alpha a share of alpha at most is expected to be false.

    The i-th smallest times m / i, no more than the ones after: Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57,
    289-300; for independent tests. Weaker than Holm's guarantee, and no claim of a page rests on it.
    """
    array = _checked(p, "benjamini_hochberg")
    order = np.argsort(array, kind="stable")[::-1]
    m = len(array)
    adjusted = np.empty_like(array)
    adjusted[order] = np.minimum(np.minimum.accumulate(array[order] * m / np.arange(m, 0, -1)), 1.0)
    return adjusted


def fewest(tests: int, level: float) -> int:
    """The smallest n with 2^(1 - n) tests < level: of n differences no signed-rank p is lower than 2^(1 - n)."""
    n = 1
    while 2.0 ** (1 - n) * tests >= level:
        n += 1
    return n


def replicates_needed(methods: int, problems: int) -> int:
    """How many replicates the pairs of so many methods on so many problems need for one significant difference.

    Half of ALPHA is for the pairs on problems, as the other half is for the pairs over problems; all of it where there
    is one problem. 15 for 8 methods on 8 problems.
    """
    return fewest(methods * (methods - 1) // 2 * problems, ALPHA / families(problems))


def families(problems: int) -> int:
    """In how many parts ALPHA is divided: pairs on problems, and pairs over problems if there are several."""
    return 2 if problems > 1 else 1


def _checked(p: object, name: str) -> Array:
    array = np.asarray(p, float)
    if array.ndim != 1 or not np.all((array >= 0) & (array <= 1)):
        raise InputError(f"{name}: p-values must be one row of numbers from 0 to 1, not {array}")
    return array
