"""The statistics of the labels of one window; `docs/reference/statistics.md` lists each name."""

from collections.abc import Iterator

from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.tasks import task_of
from watchkeeper.schemas.statistics import Statistic


def statistics_of_labels(profile: LabelsProfile) -> list[Statistic]:
    """Return counts, delays and all metrics that can be computed, with their bounds.

    Args:
        profile: The labels of the window.
    """
    task = task_of(profile.layout.binning.task)
    metrics = [
        Statistic(name, estimate.value, None, estimate.lower, estimate.upper)
        for name, estimate in task.measure(profile).items()
    ]
    return [*_counts(profile), *task.statistics(profile), *_lags(profile), *metrics]


def _counts(profile: LabelsProfile) -> Iterator[Statistic]:
    yield Statistic("labels", profile.labels)
    yield Statistic("late_labels", profile.late)
    yield Statistic("corrected_labels", profile.corrected)
    yield Statistic("unusable_labels", profile.unusable)


def _lags(profile: LabelsProfile) -> Iterator[Statistic]:
    for percent in (50, 95):
        lag_ms = profile.lag_quantile_ms(percent / 100)
        if lag_ms is not None:
            yield Statistic(f"label_lag_p{percent}_ms", lag_ms)
