"""Measures of how far one distribution lies from another, from counts alone. One algorithm a file.

A measure returns None when there are too few rows, which never means "no drift". Otherwise it gives a
p-value, an effect that does not depend on the number of rows, and an interval of the effect.
"""

from watchkeeper.detectors.checks.drift.chi_squared import chi_squared
from watchkeeper.detectors.checks.drift.hellinger import hellinger
from watchkeeper.detectors.checks.drift.jensen_shannon import jensen_shannon
from watchkeeper.detectors.checks.drift.kolmogorov_smirnov import kolmogorov_smirnov
from watchkeeper.detectors.checks.drift.measure import LEVEL, Measure
from watchkeeper.detectors.checks.drift.psi import psi
from watchkeeper.detectors.checks.drift.total_variation import total_variation
from watchkeeper.detectors.checks.drift.wasserstein import wasserstein

__all__ = [
    "LEVEL",
    "Measure",
    "chi_squared",
    "hellinger",
    "jensen_shannon",
    "kolmogorov_smirnov",
    "psi",
    "total_variation",
    "wasserstein",
]
