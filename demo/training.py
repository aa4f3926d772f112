"""The monitored model: the probability that a flight arrives more than 15 minutes late."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.demo.flights import CATEGORIES, MISSING, NUMBERS, Flights
from watchkeeper.detectors.threads import one_thread
from watchkeeper.streams.errors import UserError

__all__ = ["DelayModel", "auroc", "log_loss", "scores_held_out", "train"]

Floats = NDArray[np.float64]
FOLDS = 2
"""Number of folds for held-out scores. Chosen by hand: more folds estimate better and train longer."""
WEEK_MS = 7 * 86_400_000
"""Milliseconds of a week. A fold holds whole weeks."""
# Small trees with many flights per leaf: a year has few storms, and deep trees overfit them. The values were
# chosen among a few, on the same year that the demo shows.
SETTINGS = {
    "max_iter": 100,
    "learning_rate": 0.08,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 500,
    "l2_regularization": 10.0,
    "random_state": 0,
    "early_stopping": False,
}


@dataclass(frozen=True)
class DelayModel:
    """A trained version. It treats unseen categories as missing values."""

    version: str
    known: dict[str, list[str]]
    classifier: Any

    def score(self, flights: Flights) -> Floats:
        """Return the probability of a delay, one for each flight."""
        if not len(flights):
            return np.empty(0)
        with one_thread():
            scores: Floats = self.classifier.predict_proba(_matrix(flights, self.known))[:, 1]
        return scores


def train(flights: Flights, version: str) -> DelayModel:
    """Train a version on the flights with a known label."""
    flights = flights.take(flights.known)
    known = {name: sorted(set(flights.features[name].tolist())) for name in CATEGORIES}
    categorical = [False] * len(NUMBERS) + [True] * len(CATEGORIES)
    with one_thread():
        classifier = _Classifier()(categorical_features=categorical, **SETTINGS)
        classifier.fit(_matrix(flights, known), flights.late)
    return DelayModel(version, known, classifier)


def scores_held_out(flights: Flights) -> Floats:
    """Score each flight with a model trained on other weeks, to estimate the scores on unseen flights."""
    fold = flights.time_ms // WEEK_MS % FOLDS
    scores = np.empty(len(flights))
    for held_out in range(FOLDS):
        rows = fold == held_out
        if rows.any() and not rows.all():
            scores[rows] = train(flights.take(~rows), "held-out").score(flights.take(rows))
        elif rows.any():
            raise UserError("the training flights must span more than one week")
    return scores


def _matrix(flights: Flights, known: dict[str, list[str]]) -> Floats:
    columns = [flights.features[name] for name in NUMBERS]
    return np.column_stack([*columns, *(_codes(flights.features[name], known[name]) for name in CATEGORIES)])


def _codes(values: NDArray[Any], known: list[str]) -> Floats:
    code = {category: float(index) for index, category in enumerate(known)}
    return np.array([code.get(value, np.nan) for value in values.tolist()])


def auroc(scores: Floats, late: Floats) -> float:
    """Return the probability that a late flight has a higher score than one on time; a tie counts half.

    >>> auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.75
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(late, scores))


def log_loss(scores: Floats, late: Floats) -> float:
    """Return the mean log loss, in nats.

    >>> log_loss(np.array([0.5, 0.5]), np.array([0, 1]))
    0.693...
    """
    from sklearn.metrics import log_loss as of_sklearn

    return float(of_sklearn(late, scores, labels=[0, 1]))


def _Classifier() -> Any:  # noqa: N802 - it returns a class
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        raise UserError(MISSING.format("scikit-learn")) from None
    return HistGradientBoostingClassifier
