"""Measures of how far one distribution lies from another, from counts alone. One algorithm a file.

A measure answers None when there are too few rows to say anything: that is never "no drift". Else it has a
p-value, an effect that does not depend on the number of rows, and an interval for it.
"""

from detectors.drift.chi_squared import chi_squared
from detectors.drift.hellinger import hellinger
from detectors.drift.jensen_shannon import jensen_shannon
from detectors.drift.kolmogorov_smirnov import kolmogorov_smirnov
from detectors.drift.measure import LEVEL, Measure
from detectors.drift.psi import psi
from detectors.drift.total_variation import total_variation
from detectors.drift.wasserstein import wasserstein

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
