"""Each metric against scikit-learn or scipy, and its bounds against repeated samples."""

import numpy as np
import pytest
from sklearn import metrics

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.tasks import TASKS, labels_of
from watchkeeper.detectors.tasks.binary import SCORE_BINS
from watchkeeper.schemas.references import Binning, NumberBinning

BINARY = Layout(Binning({}, {}, NumberBinning(), "binary-classification"))
REGRESSION = Layout(Binning({}, {}, NumberBinning(exponent=18), "regression"))
SEEDS = range(4)
OF_CLASSIFIERS, OF_REGRESSIONS = (
    tuple(TASKS[name].metrics) for name in ("binary-classification", "regression")
)
METRICS = {name: metric.estimate for task in TASKS.values() for name, metric in task.metrics.items()}


def scored(seed, n=5000, sharpness=1.0):
    rng = np.random.default_rng(seed)
    scores = rng.beta(2, 5, n)
    labels = (rng.random(n) < sharpness * scores + (1 - sharpness) * 0.3).astype(float)
    return scores, labels


def of_labels(scores, labels, layout=BINARY):
    profile = labels_of(layout).empty(layout)
    profile.add(scores, labels, np.zeros(len(labels)))
    return profile


def of_errors(seed, n=5000):
    rng = np.random.default_rng(seed)
    labels = rng.normal(100, 20, n)
    return labels + rng.standard_t(5, n) * 3 + 1.0, labels


ORACLES = {
    "log_loss": lambda s, y: metrics.log_loss(y, s),
    "brier": lambda s, y: metrics.brier_score_loss(y, s),
    "accuracy": lambda s, y: metrics.accuracy_score(y, s >= 0.5),
    "f1": lambda s, y: metrics.f1_score(y, s >= 0.5),
    "mae": lambda s, y: metrics.mean_absolute_error(y, s),
    "rmse": lambda s, y: metrics.root_mean_squared_error(y, s),
    "bias": lambda s, y: (s - y).mean(),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["log_loss", "brier", "accuracy", "f1"])
def test_a_metric_of_classifiers_is_that_of_scikit_learn(name, seed):
    scores, labels = scored(seed)
    estimate = METRICS[name](of_labels(scores, labels))
    assert estimate.value == pytest.approx(ORACLES[name](scores, labels), abs=1e-8)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["mae", "rmse", "bias"])
def test_a_metric_of_regressions_is_that_of_scikit_learn(name, seed):
    values, labels = of_errors(seed)
    estimate = METRICS[name](of_labels(values, labels, REGRESSION))
    assert estimate.value == pytest.approx(ORACLES[name](values, labels), rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_auroc_is_that_of_scikit_learn_on_scores_in_bins_and_close_to_it_on_the_scores(seed):
    scores, labels = scored(seed)
    estimate = METRICS["auroc"](of_labels(scores, labels))
    assert estimate.value == pytest.approx(metrics.roc_auc_score(labels, np.floor(scores * SCORE_BINS)))
    assert estimate.value == pytest.approx(metrics.roc_auc_score(labels, scores), abs=2e-4)


def test_tied_scores_count_half_in_auroc():
    assert METRICS["auroc"](of_labels(np.full(10, 0.5), np.array([0.0, 1.0] * 5))).value == 0.5
    assert METRICS["auroc"](of_labels(np.array([0.1, 0.1, 0.9, 0.9]), np.array([0.0, 0, 1, 1]))).value == 1.0


def test_hard_scores_that_are_wrong_have_the_finite_loss_of_scikit_learn():
    scores, labels = np.array([0.0, 1.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
    estimate = METRICS["log_loss"](of_labels(scores, labels))
    assert estimate.value == pytest.approx(metrics.log_loss(labels, scores), rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_ece_is_that_of_a_plain_loop(seed):
    scores, labels = scored(seed, sharpness=0.5)
    expected = 0.0
    for low in range(15):
        inside = (scores >= low / 15) & (scores < (low + 1) / 15)
        expected += abs((labels[inside] - scores[inside]).sum()) / len(scores)
    assert METRICS["ece"](of_labels(scores, labels)).value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", OF_CLASSIFIERS)
def test_the_error_of_a_metric_is_its_spread_over_samples(name):
    estimates = [METRICS[name](of_labels(*scored(seed, 1000, 0.8))) for seed in range(300)]
    spread = np.std([estimate.value for estimate in estimates])
    assert np.mean([estimate.error for estimate in estimates]) == pytest.approx(
        spread, rel=0.6 if name == "ece" else 0.15
    )


@pytest.mark.parametrize("name", OF_REGRESSIONS)
def test_the_error_of_a_mean_is_its_spread_over_samples(name):
    profiles = [of_labels(*of_errors(seed, 500), REGRESSION) for seed in range(300)]
    estimates = [METRICS[name](profile) for profile in profiles]
    spread = np.std([estimate.value for estimate in estimates])
    assert np.mean([estimate.error for estimate in estimates]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("name", [name for name in OF_CLASSIFIERS if name != "ece"])
def test_the_true_value_is_almost_always_within_the_bounds(name):
    true = METRICS[name](of_labels(*scored(99, 400_000))).value
    estimates = [METRICS[name](of_labels(*scored(seed, 500))) for seed in range(400)]
    outside = [not estimate.lower <= true <= estimate.upper for estimate in estimates]
    assert np.mean(outside) < 0.02


def test_a_calibrated_model_has_an_ece_that_may_be_zero():
    bounds = [METRICS["ece"](of_labels(*scored(seed, 300))) for seed in range(200)]
    assert np.mean([bound.lower <= 0 for bound in bounds]) > 0.97
    assert np.mean([bound.value > 0.02 for bound in bounds]) > 0.9, "or the bound would not be needed"


@pytest.mark.parametrize("name", METRICS)
def test_too_few_labels_give_no_estimate(name):
    layout = REGRESSION if name in OF_REGRESSIONS else BINARY
    assert METRICS[name](labels_of(layout).empty(layout)) is None
    assert METRICS[name](of_labels(np.array([0.4]), np.array([1.0]), layout)) is None


def test_one_class_only_has_no_auroc():
    assert METRICS["auroc"](of_labels(np.linspace(0, 1, 50), np.ones(50))) is None


def test_absurd_values_leave_finite_errors():
    profile = of_labels(np.array([1e308, 1.0, 2.0]), np.array([-1e308, 1.0, 2.5]), REGRESSION)
    for estimate in TASKS[profile.layout.binning.task].measure(profile).values():
        assert np.isfinite([estimate.value, estimate.error]).all()
