"""Finds the setting of an online detector that meets a budget of false alarms."""

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
"""Default number of neighbouring values in a bootstrap block. Chosen by hand: longer blocks keep more of the
dependence between values, shorter ones give more different streams."""
ALARMS = 30
"""Number of expected alarms after which a setting that the Poisson test has not refuted is accepted. Chosen
by hand: more alarms measure the ARL more exactly and cost more updates."""
_VALUES_MIN = 100
"""Minimum number of values in a reference. Chosen by hand."""
_TRIES = 12
"""The most settings that are tried. Chosen by hand; it bounds the cost."""
_REFUTED = 0.001
"""Significance of the Poisson test that refutes a setting, per tail. Chosen by hand."""
_CLOSE = 1.3
"""The search ends at a setting whose measured ARL is 1 to 1.3 times the target. Chosen by hand."""
_STREAM_REFERENCES = 5
"""Length of a simulated stream after its learning phase, in lengths of the reference. Chosen by hand."""
_STREAMS_MIN = 5
"""Minimum number of streams before a setting is refuted: alarms come in clusters, because a detector that has
just forgotten its values alarms again sooner. Chosen by hand."""

Floats = NDArray[np.float64]
"""An array of float64."""


class Knob(NamedTuple):
    """The setting of a detector that the search varies, and the range of the search."""

    build: Callable[..., Any]
    """The class of the detector."""
    name: str
    """The name of the setting."""
    loose: float
    """The end of the range at which the detector alarms all the time."""
    strict: float
    """The end of the range at which it hardly ever alarms."""

    def make(self, setting: float, baseline: float, more: Mapping[str, float]) -> Detector:
        """Build the detector.

        Args:
            setting: The value of the searched setting.
            baseline: The healthy mean. Only e-SR takes it; the others learn it.
            more: Further settings by name.
        """
        known = {"baseline": baseline} if self.build is ESr else {}
        detector: Detector = self.build(**{self.name: setting, **known, **more})
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
"""The searched setting of each detector, by the detector's name."""


class Tried(NamedTuple):
    """How often a detector alarmed at one setting."""

    setting: float
    """The setting that was tried."""
    values: int = 0
    """The number of simulated values."""
    alarms: int = 0
    """The number of alarms on them."""

    @property
    def arl(self) -> float:
        """Give the average run length: values per alarm. Without an alarm it is a lower bound."""
        return self.values / max(self.alarms, 1)

    def is_refuted(self, target: float) -> bool:
        """Whether this number of alarms has a chance below 0.1 % if the ARL equals the target.

        Args:
            target: The ARL to test, in values per alarm.
        """
        expected = self.values / target
        few, many = poisson.cdf(self.alarms, expected), poisson.sf(self.alarms - 1, expected)
        return bool(min(few, many) < _REFUTED)


class Calibrated(NamedTuple):
    """The setting that `calibrate` found, and how it was measured."""

    kind: str
    """The name of the detector."""
    tried: Tried
    """The loosest setting whose measured ARL is at least the target; the strictest one if there is none."""
    target: float
    """The requested ARL, in values per false alarm."""
    baseline: float
    """The mean of the reference."""
    more: Mapping[str, float]
    """The settings that were given and not searched."""
    simulated: int
    """The number of values that were simulated for all settings together."""

    @property
    def reached(self) -> bool:
        """Whether the measured ARL is at least the target."""
        return self.tried.arl >= self.target

    def make(self, baseline: float | None = None) -> Detector:
        """Build a detector with the setting that was found.

        Args:
            baseline: The healthy mean for e-SR; None takes the mean of the reference.
        """
        known = self.baseline if baseline is None else baseline
        return KNOBS[self.kind].make(self.tried.setting, known, self.more)

    def __str__(self) -> str:
        """Return the result as one sentence."""
        tried, name = self.tried, KNOBS[self.kind].name
        often = f"every {'' if tried.alarms else 'more than '}{tried.arl:,.0f} values"
        sentence = f"{self.kind} with {name}={tried.setting:.4g} alarms {often} ({tried.alarms} alarms)"
        return sentence if self.reached else f"{sentence}; no setting reached one in {self.target:,.0f}"


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
    """Find the setting at which a detector raises one false alarm in `arl` healthy values.

    Streams are resampled from the reference in blocks (the circular block bootstrap), so dependence between
    neighbours is kept within a block. On each stream the detector first learns as many values as the
    reference has; e-SR takes their mean as its baseline, because in use the mean is not known any better.
    Then alarms are counted on five times as many values. After an alarm the detector continues as in use.

    Each setting is tried on at least five streams, until a Poisson test refutes that its ARL is the target,
    or until 30 alarms were expected. At most 12 settings are tried, by bisection.

    The result holds for streams like the reference. Seasons longer than a block are not seen. HDDM-A alarms
    up to twice as often on streams much longer than the simulated ones, because its alarms come in clusters.

    Paper: Politis and Romano (1992), A circular block-resampling procedure for stationary data.
    Cost: at most about `effort` times `arl` updates (or `effort` times the length of the reference, if that
    is more), and those of one more setting.

    Args:
        kind: The name of a detector, one of `KNOBS`.
        reference: Healthy values in [0, 1] in order of time, shape (values,), at least 100.
        arl: The average run length to reach: values per false alarm, above 1.
        seed: Seed of the resampling.
        block_rows: Number of values in a bootstrap block.
        effort: Limit of the search: no setting is begun after `effort` times `arl` simulated values.
        **settings: Further settings of the detector, which are not searched.

    Returns:
        The setting that was found. `reached` is false if no setting met the target.

    Raises:
        ValueError: The detector is unknown, or the reference, `arl` or `block_rows` cannot be used.

    >>> healthy = np.random.default_rng(1).random(2000) < 0.1
    >>> found = calibrate("page_hinkley", healthy, arl=500)
    >>> found.reached, found.tried.arl < 1500, found.make().update(0.0)
    (True, True, False)
    >>> print(calibrate("ddm", np.arange(100) % 50 == 0, arl=5000, effort=1))
    ddm with threshold=20 alarms every ... values (... alarms); no setting reached one in 5,000
    """
    values = _checked(kind, reference, arl, block_rows)
    search = _Search(KNOBS[kind], values, arl, settings, seed, block_rows)
    tried = search.run(effort * max(arl, len(values)))
    return Calibrated(kind, tried, arl, float(values.mean()), settings, search.simulated)


def resampled(values: Floats, rows: int, block_rows: int, rng: np.random.Generator) -> Floats:
    """Resample values in blocks of neighbours; after the last value the first one follows.

    Args:
        values: The values to draw from, shape (values,).
        rows: The number of values to return.
        block_rows: The number of neighbours in a block.
        rng: The source of random numbers.

    Returns:
        The resampled values, shape (rows,).

    >>> resampled(np.arange(5.0), 6, 3, np.random.default_rng(2)).tolist()
    [4.0, 0.0, 1.0, 1.0, 2.0, 3.0]
    """
    starts = rng.integers(0, len(values), -(-rows // block_rows))
    places = (starts[:, None] + np.arange(block_rows)).ravel()[:rows]
    drawn: Floats = values[places % len(values)]
    return drawn


class _Search:
    """Bisection between a setting that alarms too often and one that does not."""

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
        """Return the setting at which the logarithm of the ARL should cross the target, or the middle."""
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
        """Yield stream number, values and alarms of each piece of a stream; all settings get the same."""
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
