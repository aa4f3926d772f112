"""Merges encoded profiles of one layout."""

import logging
from collections.abc import Iterable
from typing import TypeVar

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.profiles import Pane

log = logging.getLogger("watchkeeper.evaluate")
AnyProfile = TypeVar("AnyProfile", RowsProfile, LabelsProfile)


def merged(kind: type[AnyProfile], encoded: Iterable[bytes], layout: Layout) -> AnyProfile:
    """Decode and merge profiles. Their order does not matter. Cost: 0.1 ms each with 20 features.

    Panes are validated on arrival if their layout is in force then. A profile that fails only here is
    skipped and logged.
    """
    whole = kind.empty(layout)
    for data in encoded:
        try:
            part = kind.decode(data, layout)
        except (ValueError, RecursionError) as error:
            log.error("skipped a profile of layout %s: %s", layout.id, error)
            continue
        whole.merge(part)
    return whole


def check_profile(pane: Pane, layout: Layout) -> None:
    """Raise ValueError unless a pane's profile is of the layout and has the rows that the pane states."""
    if pane.kind == "labels":
        rows = labels_of(layout).decode(pane.profile, layout).labels
    else:
        rows = RowsProfile.decode(pane.profile, layout).rows
    if rows != pane.rows:
        raise ValueError(f"the pane states {pane.rows} rows, but its profile has {rows}")
