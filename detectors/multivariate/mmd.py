"""A two-sample test of a window against the reference: the maximum mean discrepancy of Fourier features."""

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple, Self

import numpy as np
from scipy.special import chdtrc, ndtri

from watchkeeper.detectors.multivariate.fourier import Fourier
from watchkeeper.detectors.multivariate.mean_embedding import MeanEmbedding, squared_mmd
from watchkeeper.detectors.multivariate.row_score import as_reference
from watchkeeper.detectors.profiles.columns import Floats

_CHUNK = 4096
"""Number of rows that are embedded at once. Chosen by hand: it bounds the memory."""
_WINDOW_ROWS_MIN = 8
"""Minimum number of rows of a window. Chosen by hand: the test's distribution is asymptotic."""
_BLOCKS_MIN = 20
"""Minimum number of blocks of a reference. Chosen by hand: fewer block means give no usable covariance."""
_FLAT = 1e-6
"""The variance below which a reference counts as one point: about one step of `MeanEmbedding`."""


class Mmd(NamedTuple):
    """The distance of a window from the reference."""

    squared: float
    """The squared discrepancy: 0 on average without drift, and sometimes negative by chance."""
    p_value: float
    """The probability of such a discrepancy without drift."""
    low: float
    """The lower end of the interval of the discrepancy (the root): 0 is no difference, about 1.4 the
    largest."""
    high: float
    """The upper end of the interval of the discrepancy."""


@dataclass(frozen=True, slots=True)
class MmdTest:
    """Tests windows of embeddings, text vectors or any rows against a reference, from sums alone.

    The squared discrepancy is `squared_mmd`. Without drift, with g = 1/n + 1/m, U / g + sum(l) is distributed
    about as the sum of l_i chi2_1 over the eigenvalues l of the covariance of f, and so as a gamma variable
    with the same mean, variance and skewness, whose moments are the traces of the covariance, of its square
    and of its cube (corrected for the reference's size). The p-value knows both n and m. The interval is
    normal, with variance 4 d'Cd g + 2 g^2 sum(l^2), d the difference of means.

    Where rows depend on each other, give the length of a block beyond which they do not: the covariance is
    then that of block means, and the discrepancy is corrected with it.

    Papers: Gretton et al. (2012), A kernel two-sample test; Zhao and Meng (2015), FastMMD; Hall (1983) and
    Buckley and Eagleson (1988), for the gamma approximation.
    Cost: as `Fourier` per row; 30 us per comparison.

    Args:
        features: The Fourier features.
        reference: The sum of the reference's vectors.
        covariance: The covariance of the vectors, shape (D, D); where rows depend on each other, that of
            block means times the length of a block.
        traces: The traces of the covariance, of its square and of its cube.
        block: Number of rows beyond which rows do not depend on each other.

    >>> rng = np.random.default_rng(1)
    >>> test = MmdTest.of(rng.normal(size=(5000, 10)))
    >>> same, moved = rng.normal(size=(300, 10)), rng.normal(size=(300, 10)) + 0.3
    >>> test.compare(test.embed(same)).p_value > 0.01, test.compare(test.embed(moved)).p_value < 1e-9
    (True, True)
    """

    features: Fourier
    reference: MeanEmbedding
    covariance: Floats
    traces: tuple[float, float, float]
    block: int

    @classmethod
    def of(cls, rows: Floats, features: int = 256, seed: int = 0, block: int = 1) -> Self:
        """Learn from the reference.

        Args:
            rows: Rows in order of time, shape (rows, columns); NaN is a missing value.
            features: Number of Fourier features, D, even.
            seed: Seed of the Fourier features.
            block: Number of rows beyond which rows do not depend on each other.

        Raises:
            ValueError: There are fewer than 8 rows, or fewer than 20 blocks.
        """
        rows = as_reference(rows)
        if block < 1 or (block > 1 and len(rows) < _BLOCKS_MIN * block):
            raise ValueError(
                f"the reference needs {_BLOCKS_MIN} blocks of {block} rows, got {len(rows)} rows"
            )
        fourier = Fourier.of(rows, features, seed)
        covariance, blocks = _covariance(fourier, rows, block)
        return cls(fourier, _embed(fourier, rows), covariance, _traces(covariance, blocks), block)

    def embed(self, rows: Floats) -> MeanEmbedding:
        """Sum up the rows of a window, or of a part of it; the sums of parts can be merged.

        Args:
            rows: Rows with the reference's columns, shape (rows, columns).
        """
        return _embed(self.features, rows)

    def compare(self, window: MeanEmbedding, level: float = 0.05) -> Mmd | None:
        """Compare a window with the reference.

        Args:
            window: The sum of the window's rows, from `embed`.
            level: One less the confidence of the interval, between 0 and 1.

        Returns:
            The distance, or None if the window has fewer than 8 rows or 2 blocks.

        Raises:
            ValueError: `level` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1, got {level}")
        if window.rows < max(_WINDOW_ROWS_MIN, 2 * self.block):
            return None
        noise = 1 / window.rows + 1 / self.reference.rows
        difference = window.mean - self.reference.mean
        squared = self._squared(window, float(difference @ difference), noise)
        slope = 4 * float(difference @ self.covariance @ difference) * noise
        margin = float(-ndtri(level / 2)) * np.sqrt(slope + 2 * noise**2 * self.traces[1])
        low, high = (float(np.sqrt(max(0.0, squared + side * margin))) for side in (-1, 1))
        p_value = self._p_value(squared / noise) if self.traces[0] > _FLAT else float(squared <= _FLAT)
        return Mmd(squared, p_value, low, high)

    def _squared(self, window: MeanEmbedding, raw: float, noise: float) -> float:
        if self.block == 1:
            return squared_mmd(window, self.reference)
        return raw - noise * self.traces[0]

    def _p_value(self, excess: float) -> float:
        _, square, cube = self.traces
        freedom = square**3 / cube**2
        return float(chdtrc(freedom, max(0.0, freedom + np.sqrt(freedom / square) * excess)))


def _embed(features: Fourier, rows: Floats) -> MeanEmbedding:
    chunks = [rows[start : start + _CHUNK] for start in range(0, max(len(rows), 1), _CHUNK)]
    return reduce(MeanEmbedding.merge, (MeanEmbedding.of(features.apply(chunk)) for chunk in chunks))


def _covariance(features: Fourier, rows: Floats, block: int) -> tuple[Floats, int]:
    """Give the covariance of block means times the length of a block, and the number of blocks."""
    blocks, per_chunk = len(rows) // block, max(1, _CHUNK // block)
    size = 2 * features.frequencies.shape[1]
    sums, products = np.zeros(size), np.zeros((size, size))
    for first in range(0, blocks, per_chunk):
        chunk = rows[first * block : min(first + per_chunk, blocks) * block]
        means = features.apply(chunk).reshape(-1, block, size).mean(axis=1)
        sums += means.sum(axis=0)
        products += means.T @ means
    centred = products - np.outer(sums, sums) / blocks
    return block * centred / (blocks - 1), blocks


def _traces(covariance: Floats, blocks: int) -> tuple[float, float, float]:
    """Give the traces of the true covariance and its powers, corrected for the bias of the estimate.

    Paper: Bai and Saranadasa (1996), Effect of high dimension, for the square.
    """
    product = covariance @ covariance
    n, first = blocks - 1, float(np.trace(covariance))
    second = (float(np.trace(product)) - first**2 / n) * n**2 / ((n - 1) * (n + 2))
    second = max(second, first**2 / len(covariance))
    third = float((product * covariance).sum()) - 3 * first * second / n - first**3 / n**2
    return first, second, max(third, second**2 / first if first > 0 else 0.0)
