"""The detection engine: a reference and a stream of rows in, alarms with their evidence out."""

from detectors.engine.alarm import Alarm, Moved
from detectors.engine.sentinel import Sentinel

__all__ = ["Alarm", "Moved", "Sentinel"]
