"""The statistics of Watchkeeper: profiles that merge, and detectors on them. No Kafka, no metrics, no clock.

To watch a table, use `Sentinel`: it takes a reference and rows, and returns alarms with their evidence.
"""

from typing import TYPE_CHECKING

from watchkeeper.lazy import lazy

if TYPE_CHECKING:
    from watchkeeper.detectors.sentinel.alarm import Alarm, Moved
    from watchkeeper.detectors.sentinel.sentinel import Sentinel

__all__ = ["Alarm", "Moved", "Sentinel"]


# A worker reads profiles and needs no Sentinel.
__getattr__ = lazy(
    __name__, {"Alarm": "sentinel.alarm", "Moved": "sentinel.alarm", "Sentinel": "sentinel.sentinel"}
)

if __name__ == "detectors":  # imported from a checkout by the name of version 0.1
    from watchkeeper.moved import use_old_name

    use_old_name(__name__)
