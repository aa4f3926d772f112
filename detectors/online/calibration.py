"""Finds the threshold of an online detector at which it cries wolf as often as a budget allows."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from math import exp, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import poisson

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

BLOCK_ROWS = 200
ALARMS = 30
"""A setting that is not refuted by so many expected alarms is as good as the target."""
_VALUES_MIN = 100
_TRIES = 12
_REFUTED = 0.001
_CLOSE = 1.3
"""An ARL of up to so many times the target needs no better setting."""
_STREAM_REFERENCES = 5
"""How long a simulated stream is after what is learned first, in lengths of the reference."""
_STREAMS_MIN = 5
"""Alarms come in clusters, as a detector that has forgotten alarms again the sooner: no verdict before."""

Floats = NDArray[np.float64]


class Knob(NamedTuple):
    """The setting that is searched, between one that alarms all the time and one that hardly ever does."""

    build: Callable[..., Any]
    name: str
    loose: float
    strict: float

    def make(self, setting: float, baseline: float, more: Mapping[str, float]) -> Detector:
        """Build the detector; only e-SR needs to be told its baseline."""
        told = {"baseline": baseline} if self.build is ESr else {}
        detector: Detector = self.build(**{self.name: setting, **told, **more})
        return detector


KNOBS = {
    "adwin": Knob(Adwin, "delta", 4.0, 1e-30),  # above 1 it is no probability, but still a threshold
    "ddm": Knob(Ddm, "threshold", 0.5, 20.0),
    "e_sr": Knob(ESr, "arl", 2.0, 1e12),
    "eddm": Knob(Eddm, "beta", 0.999, 0.2),
    "fhddm": Knob(Fhddm, "confidence", 0.99, 1e-20),
    "hddm_a": Knob(HddmA, "confidence", 0.99, 1e-20),
    "hddm_w": Knob(HddmW, "confidence", 0.99, 1e-20),
    "kswin": Knob(Kswin, "alpha", 0.5, 1e-17),
    "page_hinkley": Knob(PageHinkley, "threshold", 0.1, 1e5),
}


class Tried(NamedTuple):
    """How often a detector alarmed at one setting."""

    setting: float
    values: int = 0
    alarms: int = 0

    @property
    def arl(self) -> float:
        """Give the values per alarm; without any, the values, which is then a lower bound."""
        return self.values / max(self.alarms, 1)

    def is_refuted(self, target: float) -> bool:
        """Whether so few or so many alarms were chance of less than 0.1 %, if the ARL were the target."""
        expected = self.values / target
        few, many = poisson.cdf(self.alarms, expected), poisson.sf(self.alarms - 1, expected)
        return bool(min(few, many) < _REFUTED)


class Calibrated(NamedTuple):
    """What calibration found."""

    kind: str
    tried: Tried
    """At the loosest setting found whose measured ARL is at least the target; at the strictest if none is."""
    target: float
    baseline: float
    more: Mapping[str, float]
    simulated: int
    """Values in all."""

    @property
    def reached(self) -> bool:
        """Whether the measured ARL is at least the target."""
        return self.tried.arl >= self.target

    def make(self, baseline: float | None = None) -> Detector:
        """Build the detector; e-SR is told the mean of the reference, unless another is given."""
        told = self.baseline if baseline is None else baseline
        return KNOBS[self.kind].make(self.tried.setting, told, self.more)

    def __str__(self) -> str:
        """Say it in one sentence."""
        tried, name = self.tried, KNOBS[self.kind].name
        often = f"every {'' if tried.alarms else 'more than '}{tried.arl:,.0f} values"
        said = f"{self.kind} with {name}={tried.setting:.4g} alarms {often} ({tried.alarms} alarms)"
        return said if self.reached else f"{said}; no setting was found at which every {self.target:,.0f}"


def calibrate(
    kind: str,
    reference: ArrayLike,
    arl: float,
    *,
    seed: int = 0,
    block_rows: int = BLOCK_ROWS,
    effort: float = 200.0,
    **settings: float,
) -> Calibrated:
    """Find the setting of one of `KNOBS` at which healthy values give one false alarm in `arl` values.

    The reference is healthy values in [0, 1], 100 at least. Streams are put together from blocks of
    `block_rows` of it, drawn at random with `seed` (the circular block bootstrap of Politis and Romano,
    1992), so what depends on its neighbours still does within a block. The detector first learns values as
    many as the reference has, whose mean is what e-SR is told: in use it is not known any better. Then alarms
    are counted in five times as many; after each it goes on as it does in use. A setting is tried on five
    streams or more, until a Poisson test says that its ARL is not the target, or 30 alarms were to be
    expected; at most 12 are tried, between those that alarmed too often and too seldom, and none is begun
    after `effort` times as many values as `arl`, or as the reference has if that is more. `settings` are
    those of the detector that are not searched.

    It knows no health that is not in the reference; nor, for one, seasons that are longer than a block. In
    streams much longer than its own HDDM-A alarms up to twice as often, since it does so in clusters.
    `ValueError` if an argument makes no sense. Cost: so many updates, and those of one try.

    >>> healthy = np.random.default_rng(1).random(2000) < 0.1
    >>> found = calibrate("page_hinkley", healthy, arl=500)
    >>> found.reached, found.tried.arl < 1500, found.make().update(0.0)
    (True, True, False)
    >>> print(calibrate("ddm", np.arange(100) % 50 == 0, arl=5000, effort=1))
    ddm with threshold=20 alarms every ... values (... alarms); no setting was found at which every 5,000
    """
    values = _checked(kind, reference, arl, block_rows)
    search = _Search(KNOBS[kind], values, arl, settings, seed, block_rows)
    tried = search.run(effort * max(arl, len(values)))
    return Calibrated(kind, tried, arl, float(values.mean()), settings, search.simulated)


def resampled(values: Floats, rows: int, block_rows: int, rng: np.random.Generator) -> Floats:
    """Put rows together from blocks of neighbours; the last one's next is the first.

    >>> resampled(np.arange(5.0), 6, 3, np.random.default_rng(2)).tolist()
    [4.0, 0.0, 1.0, 1.0, 2.0, 3.0]
    """
    starts = rng.integers(0, len(values), -(-rows // block_rows))
    places = (starts[:, None] + np.arange(block_rows)).ravel()[:rows]
    drawn: Floats = values[places % len(values)]
    return drawn


class _Search:
    """Bisection between what alarms too often and what does not."""

    def __init__(
        self, knob: Knob, values: Floats, arl: float, more: Mapping[str, float], seed: int, block_rows: int
    ) -> None:
        self._knob, self._values, self._arl, self._more = knob, values, arl, more
        self._seed, self._block_rows = seed, block_rows
        self.simulated = 0

    def run(self, simulated_max: float) -> Tried:
        loose, strict = Tried(self._knob.loose), Tried(self._knob.strict)
        for _ in range(_TRIES):
            tried = self._try(self._between(loose, strict))
            if tried.arl < self._arl:
                loose = tried
            else:
                strict = tried
            if self._is_close(tried) or self.simulated >= simulated_max:
                break
        return strict if strict.values else self._try(self._knob.strict)

    def _between(self, loose: Tried, strict: Tried) -> float:
        """Return where the logarithm of the ARL should cross the target, or else the middle."""
        share = 0.5
        if loose.alarms and strict.values:
            share = log(1.1 * self._arl / loose.arl) / log(strict.arl / loose.arl)
        share = min(max(share, 0.1), 0.9)
        return exp((1 - share) * log(loose.setting) + share * log(strict.setting))

    def _is_close(self, tried: Tried) -> bool:
        return tried.values >= ALARMS * self._arl and 1 <= tried.arl / self._arl <= _CLOSE

    def _try(self, setting: float) -> Tried:
        tried = Tried(setting)
        for stream, values, alarms in self._pieces(setting):
            tried = Tried(setting, tried.values + values, tried.alarms + alarms)
            enough = stream >= _STREAMS_MIN
            if enough and tried.values >= ALARMS * self._arl:
                break
            if (enough or tried.alarms >= 3 * ALARMS) and tried.is_refuted(self._arl):
                break
        self.simulated += tried.values
        return tried

    def _pieces(self, setting: float) -> Iterator[tuple[int, int, int]]:
        """Yield number, values and alarms of pieces of streams, which are the same for each setting."""
        rows = len(self._values)
        piece = max(int(self._arl / 2), 100)
        for number in count():
            rng = np.random.default_rng([self._seed, number])
            learned = resampled(self._values, rows, self._block_rows, rng)
            detector = self._knob.make(setting, float(learned.mean()), self._more)
            for value in learned.tolist():
                detector.update(value)
            stream = resampled(self._values, rows * _STREAM_REFERENCES, self._block_rows, rng)
            for start in range(0, len(stream), piece):
                values = stream[start : start + piece].tolist()
                yield number, len(values), sum(map(detector.update, values))


def _checked(kind: str, reference: ArrayLike, arl: float, block_rows: int) -> Floats:
    values = np.asarray(reference, np.float64)
    if kind not in KNOBS:
        raise ValueError(f"there is no detector {kind}; there are {', '.join(KNOBS)}")
    if values.ndim != 1 or len(values) < _VALUES_MIN:
        raise ValueError(f"the reference must be a list of {_VALUES_MIN} values or more")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("the reference must have values in [0, 1] only")
    if not (1 < arl < np.inf and block_rows >= 1):
        raise ValueError(f"arl must be a number above 1 and block_rows 1 or more, got {arl} and {block_rows}")
    return values
