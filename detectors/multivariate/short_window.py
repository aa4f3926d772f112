"""Detects a change of many columns together in the last 8, 16, 32 or 64 rows."""

from itertools import count
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from watchkeeper.detectors.multivariate.mahalanobis import Mahalanobis
from watchkeeper.detectors.multivariate.novelty import Novelty
from watchkeeper.detectors.multivariate.pca import PcaError
from watchkeeper.detectors.multivariate.row_score import RowScore, as_reference
from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats

LENGTHS = (8, 16, 32, 64)
"""Lengths of the windows, in rows. Chosen by hand: shorter ones see large changes sooner, longer ones see
smaller changes."""
_AXES = 16
"""The most whitened coordinates. Chosen by hand: more dilute the statistic and cost more."""
_STEPS = 2.0**16
"""Number of steps in one deviation: vectors are rounded to whole steps, so that sums are exact."""
_LIMIT = 6.0
"""Coordinates are clipped to this many deviations, so that no single row decides. Chosen by hand."""
_SIMULATED = 200_000
"""Number of simulated rows for the threshold. Chosen by hand: more rows cost time; the tail is
extrapolated."""
_STREAMS = 50
"""Number of simulated streams, each with its own error of the reference's means. Chosen by hand."""
_TAIL = 0.1
"""Share of the largest maxima of 64 rows whose mean excess extrapolates the tail. Chosen by hand."""


class ShortWindow:
    """Detects an abrupt change of rows within dozens of rows, by short windows.

    A row becomes a vector: its first 16 whitened coordinates a (`Mahalanobis`), and the normal scores s of
    its distance, reconstruction error and novelty, as ranks among cross-fitted scores of the reference's N
    rows. After each row, over the last L rows for each of four L, with g = L / (1 + L / N):

        score = max over L of (g |mean a|^2 as a normal score of chi2, sqrt(g) |mean s|) / threshold

    The first is Hotelling's T^2 and detects moves of means; the second detects broken correlations and new
    regions. The threshold is the value that windows of resampled reference rows exceed once in `arl` rows on
    average. Rows are resampled in blocks where they depend on each other, and the reference's own error is
    added to each stream. Beyond the simulation the tail is extrapolated as exponential in the square. A score
    of 1 is an alarm.

    Papers: Hotelling (1947), Multivariate quality control; Wilson and Hilferty (1931), The distribution of
    chi-square; Kunsch (1989), The jackknife and the bootstrap for general stationary observations.
    Cost: 8 us per row of 20 columns in batches of 1000, 10 kB of state; 1 s to calibrate.

    Args:
        reference: Rows in order of time, shape (rows, columns), at least 16; NaN is a missing value.
        arl: Average run length: rows per false alarm, above 64.
        block: Number of rows beyond which rows do not depend on each other; None estimates it.
        seed: Seed of the simulation and of the Fourier features.

    Raises:
        ValueError: There are fewer than 16 rows, or `arl` or `block` is outside its range.

    >>> rng = np.random.default_rng(1)
    >>> window = ShortWindow(rng.normal(size=(500, 4)))
    >>> bool(window.update(rng.normal(size=(200, 4))).max() < 1)
    True
    >>> int(np.argmax(window.update(rng.normal(size=(50, 4)) + 2) >= 1)) < 10
    True
    """

    _tail: NDArray[np.int64]
    """The vectors of the last rows, in whole steps, shape (at most 63, coordinates)."""

    def __init__(
        self, reference: Floats, arl: float = 10_000.0, block: int | None = None, seed: int = 0
    ) -> None:
        rows = as_reference(reference)
        if not arl > LENGTHS[-1] or (block is not None and not 0 < block <= len(rows)):
            raise ValueError(
                f"arl must be above {LENGTHS[-1]} and block within the reference, got {arl}, {block}"
            )
        self._mahalanobis = Mahalanobis()
        self._scores: tuple[RowScore, ...] = self._mahalanobis, PcaError(), Novelty(seed=seed)
        self._known = [np.sort(score.fit_scores(rows)) for score in self._scores]
        self._rows = len(rows)
        self._axes = min(_AXES, rows.shape[1])
        vectors = self._vectors(rows)
        self.block = block or _dependence(vectors)
        self.threshold = self._calibrated(vectors, arl, np.random.default_rng(seed))
        self.reset()

    def update(self, rows: Floats) -> Floats:
        """Process rows and return the score after each.

        Args:
            rows: Rows with the reference's columns, shape (rows, columns).

        Returns:
            The evidence after each row as a share of the threshold, shape (rows,); 1 or more is an alarm.
        """
        steps = np.rint(self._vectors(rows) * _STEPS).astype(np.int64)
        seen = np.concatenate((self._tail, steps))
        scores = self._statistics(seen[None])[0, len(self._tail) :] / self.threshold
        self._tail = seen[max(0, len(seen) - LENGTHS[-1] + 1) :]
        return scores

    def reset(self) -> None:
        """Forget the rows since the reference."""
        self._tail = np.zeros((0, self._axes + len(self._scores)), np.int64)

    def snapshot(self) -> bytes:
        """Encode the last rows, at most 63, as MessagePack; the reference is not in it."""
        return pack(tail=self._tail)

    def restore(self, state: bytes) -> Self:
        """Continue from a snapshot of a detector with the same reference and settings.

        Args:
            state: The bytes that `snapshot` returned.
        """
        self._tail = unpack(state)["tail"]
        return self

    def _vectors(self, rows: Floats) -> Floats:
        axes = self._mahalanobis.coordinates(rows)[:, ::-1][:, : self._axes]
        ranks = [
            _normal(known, score.scores(rows)) for known, score in zip(self._known, self._scores, strict=True)
        ]
        return np.clip(np.column_stack((axes, *ranks)), -_LIMIT, _LIMIT)

    def _statistics(self, steps: NDArray[np.int64]) -> Floats:
        """Give the largest statistic of all windows that end at each row, shape (streams, rows)."""
        streams, rows, size = steps.shape
        sums = np.zeros((streams, rows + 1, size), np.int64)
        np.cumsum(steps, axis=1, out=sums[:, 1:])
        largest = np.zeros((streams, rows))
        for length in (length for length in LENGTHS if length <= rows):
            means = (sums[:, length:] - sums[:, :-length]) / (length * _STEPS)
            weight = length / (1 + length / self._rows)
            hotelling = weight * np.einsum("ijk,ijk->ij", *[means[:, :, : self._axes]] * 2)
            found = np.maximum(
                _wilson_hilferty(hotelling, self._axes),
                np.sqrt(weight) * np.abs(means[:, :, self._axes :]).max(axis=2),
            )
            np.maximum(largest[:, length - 1 :], found, out=largest[:, length - 1 :])
        return largest

    def _calibrated(self, vectors: Floats, arl: float, rng: np.random.Generator) -> float:
        """Find the threshold, from streams of resampled blocks of the reference."""
        length = _SIMULATED // _STREAMS
        offsets = self._offsets(vectors, rng)
        maxima = []
        for offset in offsets:
            starts = rng.integers(0, len(vectors) - self.block + 1, size=-(-length // self.block))
            index = (starts[:, None] + np.arange(self.block)).ravel()[:length]
            steps = np.rint((vectors[index] + offset) * _STEPS).astype(np.int64)
            found = self._statistics(steps[None])[0]
            maxima.append(found[LENGTHS[-1] :][: (length // 64 - 1) * 64].reshape(-1, 64).max(axis=1))
        squares = np.sort(np.concatenate(maxima) ** 2)
        tail = squares[-int(_TAIL * len(squares)) :]
        log_ratio = float(np.log(_TAIL * arl / 64)) if arl * _TAIL > 64 else 0.0
        return float(max(1.0, np.sqrt(tail[0] + log_ratio * (tail.mean() - tail[0]))))

    def _offsets(self, vectors: Floats, rng: np.random.Generator) -> Floats:
        """Draw errors of the reference's means, one for each stream."""
        blocks = max(2, len(vectors) // self.block)
        means = np.array([part.mean(axis=0) for part in np.array_split(vectors, blocks)])
        error = means.std(axis=0, ddof=1) / np.sqrt(blocks)
        draws: Floats = rng.normal(size=(_STREAMS, vectors.shape[1])) * error
        return draws


def _normal(known: Floats, scores: Floats) -> Floats:
    """Turn scores into normal scores, by their rank among known ones."""
    ranks = (np.searchsorted(known, scores, "left") + np.searchsorted(known, scores, "right")) / 2
    normal: Floats = ndtri((ranks + 0.5) / (len(known) + 1))
    return normal


def _wilson_hilferty(values: Floats, freedom: int) -> Floats:
    """Turn values of chi-squared into about normal ones."""
    spread = 2 / (9 * freedom)
    normal: Floats = (np.cbrt(values / freedom) - (1 - spread)) / np.sqrt(spread)
    return normal


def _dependence(vectors: Floats) -> int:
    """Choose the length of blocks: 1 where rows do not depend on earlier ones, else at least 128."""
    centred = vectors - vectors.mean(axis=0)
    variance = np.maximum((centred**2).mean(axis=0), 1e-12)
    chance = 4 / np.sqrt(len(vectors))
    longest = max(1, len(vectors) // 10)
    for lag in (2**power for power in count()):
        if lag >= longest:
            return longest
        if (np.abs((centred[lag:] * centred[:-lag]).mean(axis=0)) / variance).max() < chance:
            return 1 if lag == 1 else min(longest, max(2 * LENGTHS[-1], 4 * lag))
    return longest
