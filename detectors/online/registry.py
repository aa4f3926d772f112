"""All online detectors by name."""

from collections.abc import Callable
from typing import NamedTuple

from watchkeeper.detectors.online.adwin import Adwin
from watchkeeper.detectors.online.base import Detector
from watchkeeper.detectors.online.ddm import Ddm
from watchkeeper.detectors.online.e_sr import ESr
from watchkeeper.detectors.online.eddm import Eddm
from watchkeeper.detectors.online.fhddm import Fhddm
from watchkeeper.detectors.online.hddm_a import HddmA
from watchkeeper.detectors.online.hddm_w import HddmW
from watchkeeper.detectors.online.kswin import Kswin
from watchkeeper.detectors.online.page_hinkley import PageHinkley
from watchkeeper.detectors.online.pane_adwin import PaneAdwin
from watchkeeper.detectors.online.pane_page_hinkley import PanePageHinkley
from watchkeeper.detectors.online.risk import Risk


class Member(NamedTuple):
    """How one kind of detector is built and restored."""

    make: Callable[[float, float], Detector]
    """Builds the detector for a signal, given its baseline and its tolerance."""
    restore: Callable[[bytes], Detector]
    """Builds the detector from a snapshot."""


DETECTORS: dict[str, Member] = {
    "adwin": Member(lambda _baseline, _tolerance: Adwin(), Adwin.restore),
    "ddm": Member(lambda _baseline, _tolerance: Ddm(), Ddm.restore),
    "e_sr": Member(ESr, ESr.restore),
    "eddm": Member(lambda _baseline, _tolerance: Eddm(), Eddm.restore),
    "fhddm": Member(lambda _baseline, _tolerance: Fhddm(), Fhddm.restore),
    "hddm_a": Member(lambda _baseline, _tolerance: HddmA(), HddmA.restore),
    "hddm_w": Member(lambda _baseline, _tolerance: HddmW(), HddmW.restore),
    "kswin": Member(lambda _baseline, _tolerance: Kswin(), Kswin.restore),
    "page_hinkley": Member(lambda _baseline, _tolerance: PageHinkley(), PageHinkley.restore),
    "risk": Member(lambda baseline, tolerance: Risk(min(1.0, baseline + tolerance)), Risk.restore),
}
"""All online detectors by name, with default settings; `calibrate` finds settings for a budget."""

OF_PANES: dict[str, Member] = {
    "adwin": Member(lambda _baseline, _tolerance: PaneAdwin(), PaneAdwin.restore),
    "e_sr": Member(ESr, ESr.restore),
    "page_hinkley": Member(lambda _baseline, _tolerance: PanePageHinkley(), PanePageHinkley.restore),
}
"""The detectors that `Watch` runs on the mean of every pane, by name. Snapshots hold these names."""
