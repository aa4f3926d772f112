"""The checks of monitors and references: they are valid, and fit together."""

from collections.abc import Iterator

from watchkeeper.detectors.checks.reference import reference_labels, reference_rows
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.streams.cli.checkups.checkup import Checkup, named
from watchkeeper.streams.config.state import Configuration, Watched, reference_key
from watchkeeper.streams.metrics.series_bound import series_bound
from watchkeeper.streams.settings import Settings

__all__ = ["check_configuration", "series_count"]

_LISTED_MAX = 3
"""Most subjects that have a line each although all is well. Chosen by hand: all lines fit on one screen."""


def check_configuration(settings: Settings, configuration: Configuration) -> Iterator[Checkup]:
    """Check that the monitors and references on the topics are valid and fit together.

    Args:
        settings: They limit the series of statistics.
        configuration: What the topics hold.
    """
    for place, why in configuration.broken.items():
        yield Checkup("fail", f"{place}: workers ignore it: {why}; apply it again")
    subjects = configuration.subjects()
    if not subjects:
        yield Checkup("warn", "nothing is monitored; run: watchkeeper apply FILE")
    yield from _check_subjects(configuration)
    for subject in configuration.unwatched():
        yield Checkup(
            "warn", f"{subject}: has a reference but no monitor; apply a monitor, or remove the subject"
        )
    if subjects:
        yield _check_series(settings, configuration)


def _check_subjects(configuration: Configuration) -> Iterator[Checkup]:
    """Check each subject. Many that are well share one line."""
    watched = {name: configuration.watched(name) for name in configuration.subjects()}
    found = [_check_subject(name, each.latest) for name, each in watched.items() if each is not None]
    well = [checkup for checkup in found if checkup.level == "ok"]
    yield from (checkup for checkup in found if checkup.level != "ok" or len(well) <= _LISTED_MAX)
    if len(well) > _LISTED_MAX:
        yield Checkup("ok", f"{len(well)} of {len(found)} subjects have a monitor and a reference that fit")


def _check_subject(subject: str, watched: Watched) -> Checkup:
    wanted = watched.monitor.reference
    if not watched.references:
        advice = "run: watchkeeper reference build" if wanted else "build one to detect drift"
        return Checkup("warn", f"{subject}: is monitored without a reference; {advice}")
    for version, reference in watched.references.items():
        known = {*reference.binning.numbers, *reference.binning.categories}
        if lacking := [name for name in watched.monitor.features if name not in known]:
            key = reference_key(subject, version)
            return Checkup(
                "warn", f"{subject}: the reference {key} does not have {named(lacking)}; build it again"
            )
    rows = sum(reference.rows for reference in watched.references.values())
    features = len(watched.monitor.features)
    return Checkup("ok", f"{subject}: {features} features, {rows} rows in the reference")


def _check_series(settings: Settings, configuration: Configuration) -> Checkup:
    subjects = configuration.subjects()
    watched = [configuration.watched(subject) for subject in subjects]
    series = sum(series_count(each.latest) for each in watched if each is not None)
    bound = series_bound(settings.partitions, len(subjects), settings.max_series)
    what = (
        f"about {series} series of statistics for each version, with a limit of {settings.max_series}; "
        f"a worker exposes at most {bound.total} series, {bound.own} of them about itself"
    )
    if series <= settings.max_series:
        return Checkup("ok", what)
    return Checkup("warn", f"{what}; declare fewer segments, or raise WATCHKEEPER_MAX_SERIES")


def series_count(watched: Watched) -> int:
    """Estimate the Prometheus series of one version from a window like the reference, for each segment."""
    from watchkeeper.detectors.checks.judge_rows import (  # imports scipy, which no other command needs
        judge_labels,
        judge_rows,
    )

    monitor, reference, layout = watched.monitor, watched.reference(None), watched.layout(None)
    rows = reference_rows(reference, None) or RowsProfile.empty(layout)
    count = len(judge_rows(monitor, layout, reference, rows, None, None).statistics)
    labels = reference_labels(reference, None)
    if monitor.labels is not None and labels is not None:
        count += len(judge_labels(monitor, layout, reference, labels, None).statistics)
    return count * (1 + (len(reference.segments) if reference else 0))
