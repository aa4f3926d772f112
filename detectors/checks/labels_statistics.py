"""The numbers of the labels of one window; each name is in `docs/reference/statistics.md`."""

from collections.abc import Iterator

from watchkeeper.detectors.checks.performance import measure
from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.schemas.statistics import Statistic


def statistics_of_labels(profile: LabelsProfile) -> list[Statistic]:
    """List counts, lags and every metric that the labels allow, with its bounds."""
    metrics = [
        Statistic(name, estimate.value, None, estimate.lower, estimate.upper)
        for name, estimate in measure(profile).items()
    ]
    return [*_counts(profile), *metrics]


def _counts(profile: LabelsProfile) -> Iterator[Statistic]:
    yield Statistic("labels", profile.labels)
    yield Statistic("late_labels", profile.late)
    yield Statistic("corrected_labels", profile.corrected)
    yield Statistic("unusable_labels", profile.unusable)
    if profile.binary and profile.labels:
        positives = int(profile.confusion[0] + profile.confusion[2])
        yield Statistic("positive_ratio", positives / profile.labels)
    for percent in (50, 95):
        lag_ms = profile.lag_quantile_ms(percent / 100)
        if lag_ms is not None:
            yield Statistic(f"label_lag_p{percent}_ms", lag_ms)
