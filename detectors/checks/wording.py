"""Writes numbers for on-call to read."""

from math import isfinite


def number(value: float) -> str:
    """Write a number to four significant digits.

    Args:
        value: The number.

    >>> number(1017.898), number(0.25), number(70.0), number(1234567.0)
    ('1018', '0.25', '70', '1.235e+06')
    """
    return f"{value:.4g}"


def share(value: float) -> str:
    """Write a share in percent, to two significant digits or whole percents.

    Args:
        value: The share, 0 to 1.

    >>> share(0.4123), share(0.0031), share(1.0), share(0.0)
    ('41%', '0.31%', '100%', '0%')
    """
    percent = 100 * value
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"


def tidy(value: float) -> float | None:
    """Round a number for the evidence, to six significant digits; None if it is not finite.

    Args:
        value: The number.

    >>> tidy(1 / 3), tidy(float("nan"))
    (0.333333, None)
    """
    return float(f"{value:.6g}") if isfinite(value) else None
