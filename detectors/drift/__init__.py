"""Measures of how far one distribution lies from another, from counts alone. One algorithm a file.

A measure answers None when there are too few rows to say anything: that is never "no drift".
"""

from detectors.drift.chi_squared import chi_squared
from detectors.drift.jensen_shannon import jensen_shannon
from detectors.drift.kolmogorov_smirnov import kolmogorov_smirnov
from detectors.drift.psi import psi

__all__ = ["chi_squared", "jensen_shannon", "kolmogorov_smirnov", "psi"]
