"""Watchkeeper monitors machine-learning models in production.

The links in this folder lead to the folders beside it: `watchkeeper.streams` is `streams/`, and so on. The
names below are what a user of the library needs; `docs/reference/python/` describes them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchkeeper.detectors import Alarm, Moved, Sentinel

__version__ = "0.1.0"
__all__ = ["Alarm", "Moved", "Sentinel", "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded at first use: a command that prints its help needs no detectors.
    if name in __all__:
        from watchkeeper import detectors

        return getattr(detectors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
