"""Sequential detectors of change, fed one value at a time. Each can be saved and restored without pickle.

They watch the means of panes (`detectors/online/signals.py`), which are autocorrelated and seasonal in real
streams. Beyond a stated tolerance, their guarantees assume that the means are not. Simulated for 60 days
with panes of 5 minutes: a daily swing of 0.1 standard deviations of the rows gives e-SR no alarm (0.05 a day
if the means also wander with an autocorrelation of 0.95), one of 0.25 gives 0.4 (1.0) alarms a day, one of
0.5 gives 4; ADWIN and Page-Hinkley give 0 to 4. So an alarm is evidence beside a finding of a window, never a
page of its own.
"""

from typing import TYPE_CHECKING

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
from watchkeeper.detectors.online.registry import DETECTORS
from watchkeeper.detectors.online.risk import Risk
from watchkeeper.lazy import lazy

if TYPE_CHECKING:
    from watchkeeper.detectors.online.calibration import Calibrated, Tried, calibrate
    from watchkeeper.detectors.online.signals import Signal, SignalName
    from watchkeeper.detectors.online.watch import Watch, WatchSummary

__all__ = [
    "DETECTORS",
    "Adwin",
    "Calibrated",
    "Ddm",
    "Detector",
    "ESr",
    "Eddm",
    "Fhddm",
    "HddmA",
    "HddmW",
    "Kswin",
    "PageHinkley",
    "PaneAdwin",
    "PanePageHinkley",
    "Risk",
    "Signal",
    "SignalName",
    "Tried",
    "Watch",
    "WatchSummary",
    "calibrate",
]

# Public names whose modules are imported at first use: they load scipy.stats or the profiles.
__getattr__ = lazy(
    __name__,
    {
        "Calibrated": "calibration",
        "Signal": "signals",
        "SignalName": "signals",
        "Tried": "calibration",
        "Watch": "watch",
        "WatchSummary": "watch",
        "calibrate": "calibration",
    },
)
