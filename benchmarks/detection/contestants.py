"""All contestants. To add one, write a file with a class that follows `Contestant`, and add an entry here."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from benchmarks.detection import river_own
from benchmarks.detection.contestant import AlwaysFires, Contestant, Floats, NeverFires
from benchmarks.detection.engine import CALIBRATED, Engine
from benchmarks.detection.river_own import RiversOwn
from benchmarks.detection.scipy_ks import TumblingKs
from benchmarks.detection.shipped import calibrated, with_defaults
from watchkeeper.detectors.online.calibration import KNOBS
from watchkeeper.detectors.online.registry import DETECTORS

TARGETS = (1e4, 1e5)
"""Rows per false alarm that are requested from contestants with a target."""
_SLOW = "kswin"
"""The detector that takes 0.15 ms per row."""


class Entry(NamedTuple):
    """One configuration of a detector."""

    name: str
    make: Callable[[float | None, Floats], Contestant]
    """Makes it from a target and from healthy rows for calibration."""
    targets: tuple[float | None, ...] = (None,)
    """Rows per false alarm to request. Only None for a detector with fixed settings."""
    takes: Callable[[Floats], bool] = lambda _reference: True
    """Whether the detector supports values like these."""

    @property
    def is_slow(self) -> bool:
        """Whether it takes 0.15 ms per row, so that it is measured on fewer rows."""
        return _SLOW in self.name.lower()


def _entries() -> list[Entry]:
    return [
        Entry("engine", lambda target, _sample: Engine(target or TARGETS[0]), TARGETS),
        Entry(
            "engine, calibrated", lambda target, _sample: Engine(CALIBRATED * (target or TARGETS[0])), TARGETS
        ),
        *(Entry(kind, lambda _target, _sample, kind=kind: with_defaults(kind)) for kind in DETECTORS),
        *(
            Entry(
                f"{kind}, calibrated",
                lambda target, sample, kind=kind: calibrated(
                    kind, target or TARGETS[0], sample, 20 if kind == _SLOW else 100
                ),
                TARGETS[:1] if kind == _SLOW else TARGETS,
            )
            for kind in KNOBS
        ),
        *(
            Entry(f"river {name}", lambda _target, _sample, name=name: RiversOwn(name), takes=_taken(name))
            for name in river_own.NAMES
        ),
        Entry("scipy KS, tumbling", lambda target, _sample: TumblingKs(target or TARGETS[0]), TARGETS),
        Entry("always fires", lambda _target, _sample: AlwaysFires()),
        Entry("never fires", lambda _target, _sample: NeverFires()),
    ]


def _taken(name: str) -> Callable[[Floats], bool]:
    return partial(river_own.takes, name)


CONTESTANTS = {entry.name: entry for entry in _entries()}
