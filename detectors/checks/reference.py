"""Reads the profiles that a reference holds."""

from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.references import Reference


def reference_rows(reference: Reference | None, segment: str | None) -> RowsProfile | None:
    """Read the profile of a reference's rows.

    Args:
        reference: The reference, if there is one.
        segment: The segment; None: all rows.

    Returns:
        The profile; None if the reference has none of this segment.
    """
    if reference is None:
        return None
    data = reference.profile if segment is None else reference.segments.get(segment)
    return None if data is None else RowsProfile.decode(data, Layout(reference.binning))


def reference_labels(reference: Reference | None, segment: str | None) -> LabelsProfile | None:
    """Read the profile of a reference's labels.

    Args:
        reference: The reference, if there is one.
        segment: The segment; None: all rows.

    Returns:
        The profile; None if the reference has no labels of this segment.
    """
    if reference is None:
        return None
    data = reference.labels if segment is None else reference.segment_labels.get(segment)
    layout = Layout(reference.binning)
    return None if data is None else labels_of(layout).decode(data, layout)
