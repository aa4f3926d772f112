"""The statistics of Watchkeeper: profiles that merge, and detectors on them. No Kafka, no metrics, no clock.

To watch a table, use `Sentinel`: it takes a reference and rows, and returns alarms with their evidence.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchkeeper.detectors.sentinel.alarm import Alarm, Moved
    from watchkeeper.detectors.sentinel.sentinel import Sentinel

__all__ = ["Alarm", "Moved", "Sentinel"]


def __getattr__(name: str) -> Any:
    # Imported on first use: a worker that reads profiles does not need all of it.
    if name == "Sentinel":
        from watchkeeper.detectors.sentinel.sentinel import Sentinel

        return Sentinel
    if name in __all__:
        from watchkeeper.detectors.sentinel import alarm

        return getattr(alarm, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "detectors":  # imported from a checkout by the name of version 0.1
    from watchkeeper.moved import use_old_name

    use_old_name(__name__)
