"""All online detectors by name."""

from collections.abc import Callable
from typing import NamedTuple

from detectors.online.adwin import Adwin
from detectors.online.base import Detector
from detectors.online.e_sr import ESr
from detectors.online.page_hinkley import PageHinkley


class Member(NamedTuple):
    """How one kind of detector is made for a signal with a baseline and a tolerance, and restored."""

    make: Callable[[float, float], Detector]
    restore: Callable[[bytes], Detector]


DETECTORS: dict[str, Member] = {
    "adwin": Member(lambda _baseline, _tolerance: Adwin(), Adwin.restore),
    "e_sr": Member(ESr, ESr.restore),
    "page_hinkley": Member(lambda _baseline, _tolerance: PageHinkley(), PageHinkley.restore),
}
