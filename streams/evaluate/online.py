"""The online detectors of subject windows, and what they read of a pane."""

from watchkeeper.detectors.checks.reference import reference_labels, reference_rows
from watchkeeper.detectors.online.signals import Sample, SignalName, row_samples, row_signals
from watchkeeper.detectors.online.watch import Watch
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import task_of
from watchkeeper.schemas.findings import Kind
from watchkeeper.streams.evaluate.window_rules import WindowRules


def watch_of(kind: Kind, rules: WindowRules) -> Watch | None:
    """Return the online detectors of a kind of windows; None without a reference."""
    if kind == "labels":
        labels = reference_labels(rules.reference, None)
        if labels is None:
            return None
        return Watch(task_of(labels.layout.binning.task).online_signals(labels))
    rows = reference_rows(rules.reference, None)
    return Watch(row_signals(rows)) if rows is not None else None


def samples_of(profile: RowsProfile | LabelsProfile) -> dict[SignalName, Sample]:
    """Return the samples of a pane that the online detectors read."""
    if isinstance(profile, LabelsProfile):
        return task_of(profile.layout.binning.task).online_samples(profile)
    return row_samples(profile)
