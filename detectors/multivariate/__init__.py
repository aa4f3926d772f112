"""Detects changes that no single column shows: in correlations, regions and embeddings; and ranks columns."""

from typing import TYPE_CHECKING

from watchkeeper.detectors.multivariate.moved_columns import (
    MovedColumn,
    MovedPart,
    moved_columns,
    moved_segments,
)
from watchkeeper.lazy import lazy

if TYPE_CHECKING:
    from watchkeeper.detectors.multivariate.classifier import ExplainedColumn, Explanation, explain
    from watchkeeper.detectors.multivariate.directions import Directions
    from watchkeeper.detectors.multivariate.encode import Encoder
    from watchkeeper.detectors.multivariate.fourier import Fourier
    from watchkeeper.detectors.multivariate.mahalanobis import Mahalanobis
    from watchkeeper.detectors.multivariate.mean_embedding import MeanEmbedding, squared_mmd
    from watchkeeper.detectors.multivariate.mmd import Mmd, MmdTest
    from watchkeeper.detectors.multivariate.novelty import Novelty
    from watchkeeper.detectors.multivariate.pca import PcaError
    from watchkeeper.detectors.multivariate.row_score import RowScore, cross_fitted
    from watchkeeper.detectors.multivariate.short_window import ShortWindow
    from watchkeeper.detectors.multivariate.standard import Standard

__all__ = [
    "Directions",
    "Encoder",
    "ExplainedColumn",
    "Explanation",
    "Fourier",
    "Mahalanobis",
    "MeanEmbedding",
    "Mmd",
    "MmdTest",
    "MovedColumn",
    "MovedPart",
    "Novelty",
    "PcaError",
    "RowScore",
    "ShortWindow",
    "Standard",
    "cross_fitted",
    "explain",
    "moved_columns",
    "moved_segments",
    "squared_mmd",
]

# Public names whose modules are imported at first use: they load scipy, and the engine's tables.
__getattr__ = lazy(
    __name__,
    {
        "Directions": "directions",
        "Encoder": "encode",
        "ExplainedColumn": "classifier",
        "Explanation": "classifier",
        "Fourier": "fourier",
        "Mahalanobis": "mahalanobis",
        "MeanEmbedding": "mean_embedding",
        "Mmd": "mmd",
        "MmdTest": "mmd",
        "Novelty": "novelty",
        "PcaError": "pca",
        "RowScore": "row_score",
        "ShortWindow": "short_window",
        "Standard": "standard",
        "cross_fitted": "row_score",
        "explain": "classifier",
        "squared_mmd": "mean_embedding",
    },
)
