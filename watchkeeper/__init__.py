"""Watchkeeper monitors machine-learning models in production.

The links in this folder lead to the folders beside it: `watchkeeper.streams` is `streams/`, and so on. The
names below are what a user of the library needs; `docs/reference/python/` describes them.
"""

from typing import TYPE_CHECKING

from watchkeeper.lazy import lazy

if TYPE_CHECKING:
    from watchkeeper.detectors import Alarm, Moved, Sentinel

__version__ = "0.2.0.dev0"
__all__ = ["Alarm", "Moved", "Sentinel", "__version__"]


# A command that prints its help needs no detectors.
__getattr__ = lazy(__name__, dict.fromkeys(("Alarm", "Moved", "Sentinel"), "detectors"))
