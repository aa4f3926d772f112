"""Finds lost or surging traffic: tests the rows of each window against what its own past lets expect."""

from collections.abc import Sequence
from math import exp, log, log1p
from typing import NamedTuple

from msgspec import Struct, field

from watchkeeper.detectors.checks.quality.season import (
    DAY_MS,
    HOUR_MS,
    WEEK_MS,
    Slot,
    seen,
    slot_of,
    update,
)

CHANGES = (0.005, 0.05, 0.2, 0.5, 2.0, 5.0, 20.0)
"""The ratios of the rows to the expected ones that are bet on. Chosen by hand: from half of the rows to none,
and from twice to twenty times as many. A change counts from half way to the nearest: 0.7 or 1.4 times."""
WARM_UP = 8
"""Number of whole windows that are only learned. Chosen by hand: more make a surer and a later check."""
_QUIET = log(20)
"""The evidence from which a window is not learned, as a logarithm: a twentieth of the chance is left. Chosen
by hand: less keeps more healthy windows out of the baseline."""
_SLACK = 2.0
"""How far evidence may exceed its limit, as a logarithm. Chosen by hand: more resolves an alert later."""
_LEVEL_GAIN, _MEAN_GAIN = 0.5, 0.05
"""The weight of the newest window in the level of the last windows, and in that of many. Chosen by hand: a
larger weight follows growth sooner and carries more noise; of the two, the one with smaller errors counts."""
_SPREAD_GAIN = 0.02
"""The least weight of the newest error in a spread. Chosen by hand: a memory of fifty windows holds the steep
hours of a day."""
_PRIOR_SD, _PRIOR_WINDOWS = 0.2, 4
"""The spread that is assumed at first, and its weight in windows. Chosen by hand: more is a later check."""
_LEAST_SD = 0.03
"""The smallest spread, as a share of the rows. Chosen by hand: no service is steadier for long."""
_UNSEEN_PER_HOUR = 1.0
"""How far traffic may move in an hour whose season is not known, as a logarithm. Chosen by hand: from
night to day a service gets several times its rows within a few hours."""
_COMPARABLE = 2.0
"""How many times the variance of the best forecast another one may have and still count. Chosen by hand: more
gives more ways to be ordinary."""
_TAIL = 4.0
"""Degrees of freedom of Student's distribution of errors. Chosen by hand: so one odd window alone is little
evidence."""


class Forecast(NamedTuple):
    """The rows that one way to look at the past lets expect."""

    name: str
    """The way: `level`, `mean`, `day` or `week`."""
    log_rows: float
    """The logarithm of the expected rows and a half."""
    sd: float
    """The standard deviation of the logarithm."""
    own: float
    """The part of its variance that is not that of Poisson counts."""

    def bet(self, log_rows: float, change: float) -> float:
        """Give the logarithm of the likelihood ratio of a change against none.

        Args:
            log_rows: The logarithm of the rows that came and a half.
            change: The ratio of the rows to the expected ones.
        """
        none, changed = log_rows - self.log_rows, log_rows - self.log_rows - log(change)
        return (_TAIL + 1) / 2 * (_far(none / self.sd) - _far(changed / self.sd))


def _far(deviations: float) -> float:
    return log1p(deviations * deviations / _TAIL)


class Spread(Struct, array_like=True):
    """The squared errors of one way to forecast, beyond those of a Poisson process."""

    errors: int = 0
    """Number of errors so far, at most fifty."""
    excess: float = 0.0
    """Their weighted mean."""

    def add(self, excess: float) -> None:
        """Add an error.

        Args:
            excess: The squared error, less the variance of Poisson counts.
        """
        self.errors = min(self.errors + 1, round(1 / _SPREAD_GAIN))
        self.excess += (excess - self.excess) / self.errors

    def variance(self) -> float:
        """Give the variance of the next error, beyond that of a Poisson process. It may be negative."""
        total = _PRIOR_WINDOWS * _PRIOR_SD**2 + self.errors * self.excess
        return total / (_PRIOR_WINDOWS + self.errors)


class OrdinaryWindow(Struct, array_like=True):
    """An ordinary window that is learned once the next one is ordinary, too."""

    start_ms: int
    rows: int
    excess: dict[str, float]
    """The squared error of each forecast, less the variance of Poisson counts."""


class Rate(Struct):
    """The traffic of one subject or segment: what is expected, and the evidence of a change.

    The logarithm of the rows is forecast in up to four ways: as in the last windows (`level`), as in many
    windows (`mean`), as at this hour on earlier days (`day`), and as at this hour of earlier weeks (`week`).
    Each knows how wrong it was so far. Only a window that is unusual in every good way counts, and, until its
    hour was seen in two weeks, by its season. What was unusual and went away by itself is an excuse for the
    same hour of later days and weeks: the first weekend is told at most once.

    Evidence is the product of likelihood ratios, at least 1 (CUSUM, in the form of an e-detector): healthy
    windows reach a limit of L less often than once in L windows for each of `CHANGES`, if errors are
    independent with these tails.

    Paper: Shin, Ramdas and Rinaldo (2023), E-detectors: a nonparametric framework for sequential change
    detection. Cost: 30 us a window.
    """

    level: float | None = None
    """The mean logarithm of the rows and a half of the last windows; None before the first."""
    mean: float = 0.0
    """The same over many windows."""
    days: dict[int, Slot] = {}
    """By hour of the day (in UTC), or by window of the day if windows are longer."""
    weeks: dict[int, Slot] = {}
    """By hour of the week, or by window of the week."""
    spreads: dict[str, Spread] = {}
    """By way to forecast."""
    evidence: list[float] = field(default_factory=lambda: [0.0] * len(CHANGES))
    """The logarithm of the evidence of each of `CHANGES`."""
    learned: int = 0
    """Number of windows that were learned, at most `WARM_UP`."""
    waiting: OrdinaryWindow | None = None
    """The last ordinary window."""
    doubted: dict[str, Spread] = {}
    """The errors of the windows that are unusual now, by way to forecast."""
    unusual: dict[int, Slot] = {}
    """What came in these windows, by hour of the week. It is used when they are over."""
    bad_since_ms: int | None = None
    """The start of the first of the bad windows in a row; None: the last window was not bad."""

    def judge(self, start_ms: int, size_ms: int, rows: int, limit: float) -> float | None:
        """Test a whole window, and learn from it what is ordinary.

        Args:
            start_ms: The start of the window.
            size_ms: Its length.
            rows: The rows that came.
            limit: The evidence at which it is bad.

        Returns:
            The expected rows if the window is bad; else None.
        """
        log_rows, known = log(rows + 0.5), self.forecasts(start_ms, size_ms)
        excess = self._errors(log_rows, known)
        if self.learned < WARM_UP:
            self._learn(OrdinaryWindow(start_ms, rows, excess), size_ms)
            return None
        bets = [
            min(each.bet(log_rows, change) for each in self._deciding(known, start_ms, size_ms))
            for change in CHANGES
        ]
        most = log(limit * len(CHANGES))
        self.evidence = [
            min(max(0.0, wealth) + bet, most + _SLACK)
            for wealth, bet in zip(self.evidence, bets, strict=True)
        ]
        if max(self.evidence) < _QUIET:
            self._end_doubt(start_ms, size_ms)
            if self.waiting is not None:
                self._learn(self.waiting, size_ms)
            self.waiting = OrdinaryWindow(start_ms, rows, excess)
        else:
            self._doubt(OrdinaryWindow(start_ms, rows, excess), size_ms)
        bad = any(wealth >= most and bet > 0 for wealth, bet in zip(self.evidence, bets, strict=True))
        if not bad:
            self.bad_since_ms = None
            return None
        self.doubted = {}
        self.bad_since_ms = start_ms if self.bad_since_ms is None else self.bad_since_ms
        return self.expected(known)

    def _doubt(self, window: OrdinaryWindow, size_ms: int) -> None:
        """Learn neither what is unusual nor the window before, in which it may have begun."""
        self.waiting = None
        for name, excess in window.excess.items():
            self.doubted.setdefault(name, Spread()).add(excess)
        update(self.unusual, window.start_ms, size_ms, WEEK_MS, log(window.rows + 0.5))

    def _end_doubt(self, start_ms: int, size_ms: int) -> None:
        """Keep what was unusual as an excuse. What never was bad belongs to the ordinary errors."""
        for name, doubted in self.doubted.items():
            for _ in range(doubted.errors):
                self.spreads.setdefault(name, Spread()).add(doubted.excess)
        hours = DAY_MS // max(size_ms, HOUR_MS)
        for place, slot in self.unusual.items():
            self.weeks.setdefault(place, slot)
            if hours > 1:
                day = slot.first * 7
                self.days.setdefault(place % hours, Slot(slot.thousandths, day, day))
        self.doubted, self.unusual = {}, {}

    def skip(self) -> None:
        """Pass a window that is not whole. The window before it may not be whole either."""
        self.waiting = None

    def accept(self, start_ms: int, size_ms: int, rows: int) -> None:
        """Take the level of a window for normal, with the season as it was.

        Args:
            start_ms: The start of the window.
            size_ms: Its length.
            rows: Its rows.
        """
        known = self.forecasts(start_ms, size_ms)
        if known:
            shift = log(rows + 0.5) - log(self.expected(known) + 0.5)
            self.level, self.mean = log(rows + 0.5), self.mean + shift
            for slot in (*self.days.values(), *self.weeks.values()):
                slot.thousandths += round(1000 * shift)
        self.evidence = [0.0] * len(CHANGES)
        self.waiting = self.bad_since_ms = None
        self.doubted, self.unusual = {}, {}

    def forecasts(self, start_ms: int, size_ms: int) -> list[Forecast]:
        """Forecast a window in every way that is known; an empty list before the first window.

        Args:
            start_ms: The start of the window.
            size_ms: Its length.
        """
        if self.level is None:
            return []
        day, week = seen(self.days, start_ms, size_ms, DAY_MS), seen(self.weeks, start_ms, size_ms, WEEK_MS)
        is_seen = day is not None or week is not None
        unseen_sd = 0.0 if is_seen else _UNSEEN_PER_HOUR * min(1.0, size_ms / HOUR_MS)
        found = [
            self._forecast("level", self.level, unseen_sd),
            self._forecast("mean", self.mean, unseen_sd),
        ]
        found += [self._forecast("day", day)] if day is not None else []
        found += [self._forecast("week", week)] if week is not None else []
        return found

    def expected(self, known: Sequence[Forecast]) -> float:
        """Give the rows that the best forecast lets expect.

        Args:
            known: The forecasts; at least one.
        """
        return max(0.0, exp(min(known, key=_own_of).log_rows) - 0.5)

    def _forecast(self, name: str, log_rows: float, more_sd: float = 0.0) -> Forecast:
        own = self.spreads.get(name, Spread()).variance() + more_sd**2
        return Forecast(name, log_rows, (max(own, _LEAST_SD**2) + exp(-log_rows)) ** 0.5, own)

    @staticmethod
    def _errors(log_rows: float, known: Sequence[Forecast]) -> dict[str, float]:
        """Return the squared error of each way, less the variance of Poisson counts."""
        return {each.name: (log_rows - each.log_rows) ** 2 - exp(-each.log_rows) for each in known}

    def _deciding(self, known: list[Forecast], start_ms: int, size_ms: int) -> list[Forecast]:
        """Return the good forecasts, and until this hour was seen in two weeks those of the season, too."""
        place = slot_of(start_ms, size_ms, WEEK_MS)
        slot = self.weeks.get(place) if place is not None else None
        is_sure = slot is not None and slot.first < slot.last
        most = _COMPARABLE * max(_LEAST_SD**2, min(each.own for each in known))
        seasonal = [each for each in known if each.name in ("day", "week") and not is_sure]
        return [*seasonal, *(each for each in known if each.own <= most and each not in seasonal)]

    def _learn(self, window: OrdinaryWindow, size_ms: int) -> None:
        log_rows = log(window.rows + 0.5)
        for name, excess in window.excess.items():
            self.spreads.setdefault(name, Spread()).add(excess)
        if self.level is None:
            self.level = self.mean = log_rows
        self.level += _LEVEL_GAIN * (log_rows - self.level)
        self.mean += max(_MEAN_GAIN, 1 / (self.learned + 1)) * (log_rows - self.mean)
        update(self.days, window.start_ms, size_ms, DAY_MS, log_rows)
        update(self.weeks, window.start_ms, size_ms, WEEK_MS, log_rows)
        self.learned = min(self.learned + 1, WARM_UP)


def _own_of(forecast: Forecast) -> float:
    return forecast.own
