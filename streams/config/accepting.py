"""Adds the acceptance of a new normal to the revisions of a monitor."""

from collections.abc import Sequence

from watchkeeper.schemas.revisions import Acceptance, MonitorRevision
from watchkeeper.streams.config.changing import MONITORS_MAX, newest

__all__ = ["with_acceptance"]


def with_acceptance(
    revisions: Sequence[MonitorRevision], acceptance: Acceptance, at_ms: int
) -> list[MonitorRevision]:
    """Return the revisions with an acceptance in force from a time on.

    The monitor stays as it is. If a change takes effect then or later, the acceptance takes effect with it.

    Args:
        revisions: The revisions of the monitor so far, the oldest first.
        acceptance: What is accepted.
        at_ms: The time of its effect in milliseconds since 1970.
    """
    last = revisions[-1]
    if last.takes_effect_at_ms is not None and last.takes_effect_at_ms >= at_ms:
        again = last.model_copy(update={"accepted": [*last.accepted, acceptance]})
        return [*revisions[:-1], again]
    number = 1 + max(each.revision for each in revisions)
    new = MonitorRevision(
        revision=number, takes_effect_at_ms=at_ms, monitor=last.monitor, accepted=[acceptance]
    )
    return newest([*revisions, new], MONITORS_MAX)
