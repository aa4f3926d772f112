"""Profiles that merge and the statistics on them; knows nothing of Kafka, of metrics or the clock.

`Sentinel` is all that is needed to watch a table: a reference and rows in, alarms with their evidence out.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchkeeper.detectors.sentinel.alarm import Alarm, Moved
    from watchkeeper.detectors.sentinel.sentinel import Sentinel

__all__ = ["Alarm", "Moved", "Sentinel"]


def __getattr__(name: str) -> Any:
    # Not at import: a worker that reads a profile need not load all of it.
    if name == "Sentinel":
        from watchkeeper.detectors.sentinel.sentinel import Sentinel

        return Sentinel
    if name in __all__:
        from watchkeeper.detectors.sentinel import alarm

        return getattr(alarm, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "detectors":  # a checkout, by the name of version 0.1
    from watchkeeper.moved import use_old_name

    use_old_name(__name__)
