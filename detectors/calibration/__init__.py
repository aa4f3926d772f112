"""Injects known faults into a user's own history, and measures which detector finds them at which cost."""

from watchkeeper.detectors.calibration.contestants import NAMES, ON_DEMAND
from watchkeeper.detectors.calibration.injection import KINDS, Kind, columns_for, inject
from watchkeeper.detectors.calibration.measure import (
    Calibration,
    Delays,
    FalseAlarms,
    InjectedFault,
    calibrate,
    interval,
    names,
)

__all__ = [
    "KINDS",
    "NAMES",
    "ON_DEMAND",
    "Calibration",
    "Delays",
    "FalseAlarms",
    "InjectedFault",
    "Kind",
    "calibrate",
    "columns_for",
    "inject",
    "interval",
    "names",
]
