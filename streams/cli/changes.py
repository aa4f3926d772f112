"""Computes what applying monitors and references changes, and when the changes take effect."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.revisions import (
    FORMAT,
    Acceptance,
    MonitorRecord,
    MonitorRevision,
    ReferenceRecord,
    ReferenceRevision,
)
from watchkeeper.streams.cli.current import ConfigRecord
from watchkeeper.streams.config.changing import (
    MARGIN_MS,
    Start,
    newest,
    next_start,
    start_at_or_after,
    with_revision,
)
from watchkeeper.streams.config.state import Configuration, reference_key
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.kafka.client import MAX_MESSAGE_BYTES

__all__ = ["AppliedChange", "DesiredState", "EffectiveTime", "plan", "reference_record"]


RECORD_BYTES_MAX = MAX_MESSAGE_BYTES - 2**16
"""Largest value of a record in bytes: the broker's limit, less room for key and headers."""
R = TypeVar("R", MonitorRevision, ReferenceRevision)


class DesiredState(NamedTuple):
    """The monitor that a file declares, with its reference."""

    monitor: Monitor
    reference: Reference | None


class EffectiveTime(NamedTuple):
    """When changes take effect: as soon as possible, or at the event time that the owner states."""

    now_ms: int
    stated_ms: int | None = None

    def start(self, before: Monitor, after: Monitor) -> Start:
        """Return when a change of one subject takes effect."""
        if self.stated_ms is None:
            return next_start(before, after, self.now_ms)
        return start_at_or_after(before, after, self.stated_ms)


class AppliedChange(msgspec.Struct, frozen=True):
    """The changes from applying one file or removing one subject."""

    subject: str
    monitor: str
    reference: str
    changes: list[str]
    takes_effect_at_ms: int | None = None
    """Start of the first windows with the change. None: from the beginning of the stream, or immediately."""
    cuts: list[str] = []
    """Keys of the windows that the change splits in two."""


def plan(
    wanted: Sequence[DesiredState],
    remove: Sequence[str],
    current: Configuration,
    when: EffectiveTime | None = None,
) -> tuple[list[AppliedChange], list[ConfigRecord]]:
    """Return the changes and the records that make them, a reference always before its monitor.

    Args:
        wanted: The monitors to apply.
        remove: The subjects to remove.
        current: The configuration in force now.
        when: When changes take effect. None: from the beginning of the stream.
    """
    changes: list[AppliedChange] = []
    records: list[ConfigRecord] = []
    for each in wanted:
        change, more = _change(each, current, when)
        changes.append(change)
        records += more
    for subject in remove:
        change, more = _removal(subject, current)
        changes.append(change)
        records += more
    return changes, records


def reference_record(
    reference: Reference, current: Configuration, when: EffectiveTime | None
) -> tuple[ConfigRecord, Start | None]:
    """Return the record that puts a reference in force, and its start; None: from the beginning."""
    watched = current.watched(reference.subject)
    start = when.start(watched.at(when.now_ms).monitor, watched.latest.monitor) if watched and when else None
    return _reference_record(reference, current, when, start), start


def _change(
    wanted: DesiredState, current: Configuration, when: EffectiveTime | None
) -> tuple[AppliedChange, list[ConfigRecord]]:
    monitor, reference = wanted
    subject, watched = monitor.subject, current.watched(monitor.subject)
    latest = watched.latest.monitor if watched else None
    if latest is not None and latest.model != monitor.model:
        raise UserError(
            f"{subject}: is in force as a {_kind(latest)}, but the file declares a {_kind(monitor)}; "
            "remove the subject first"
        )
    details = _differences(latest, monitor) if latest else []
    state = "new" if latest is None else "changed" if details else "unchanged"
    of_reference = _reference_state(reference, current.references(subject).get(None), monitor)
    start = None
    if watched is not None and when is not None and (details or of_reference in ("new", "changed")):
        start = when.start(watched.at(when.now_ms).monitor, monitor)
    records: list[ConfigRecord] = []
    if reference is not None and of_reference in ("new", "changed"):
        records.append(_reference_record(reference, current, when, start))
    if state != "unchanged":
        revisions = current.monitor_revisions(subject)
        revision = MonitorRevision(
            revision=_next(revisions),
            takes_effect_at_ms=_at(start),
            monitor=monitor,
            accepted=_still_to_accept(revisions, when),
        )
        amends = with_revision(revisions, revision, when.now_ms if when else 0)
        value = _fitting(amends, lambda kept: MonitorRecord(revisions=kept).encode(), subject)
        records.append(ConfigRecord("monitors", subject, value))
        if amends[-1] is not revision:
            state = "unchanged: the pending change is withdrawn"
            start = start if len(records) > 1 else None
    cuts = list(start.cuts) if start else []
    return AppliedChange(subject, state, of_reference, details, _at(start), cuts), records


def _still_to_accept(revisions: Sequence[MonitorRevision], when: EffectiveTime | None) -> list[Acceptance]:
    """Return the acceptances of pending changes, which the new revision replaces."""
    now_ms = when.now_ms if when else 0
    pending = [each for each in revisions if (each.takes_effect_at_ms or 0) >= now_ms + MARGIN_MS]
    return [acceptance for each in pending for acceptance in each.accepted] if when else []


def _kind(monitor: Monitor) -> str:
    return "feature view" if monitor.model is None else "model"


def _reference_record(
    reference: Reference, current: Configuration, when: EffectiveTime | None, start: Start | None
) -> ConfigRecord:
    revisions = current.reference_revisions(reference.subject, reference.version)
    revision = ReferenceRevision(_next(revisions), _at(start), reference)
    amends = with_revision(revisions, revision, when.now_ms if when else 0)
    key = reference_key(reference.subject, reference.version)
    value = _fitting(amends, lambda kept: ReferenceRecord(FORMAT, kept).encode(), key)
    return ConfigRecord("references", key, value)


def _fitting(revisions: list[R], encode: Callable[[list[R]], bytes], key: str) -> bytes:
    """Encode as many of the newest revisions as fit in one record, at least the one before a change."""
    for most in range(len(revisions), min(len(revisions), 2) - 1, -1):
        value = encode(newest(revisions, most))
        if len(value) <= RECORD_BYTES_MAX:
            return value
    raise UserError(
        f"{key}: has {len(value)} bytes, but at most {RECORD_BYTES_MAX} fit; declare less, or split it"
    )


def _next(revisions: Sequence[MonitorRevision | ReferenceRevision]) -> int:
    return 1 + max((each.revision for each in revisions), default=0)


def _at(start: Start | None) -> int | None:
    return None if start is None else start.at_ms


def _reference_state(reference: Reference | None, known: Reference | None, monitor: Monitor) -> str:
    if reference is None:
        first = monitor.reference is not None and monitor.reference.first is not None
        return "kept" if known else "from the stream, not built yet" if first else "none"
    if known is None:
        return "new"
    same = msgspec.structs.replace(reference, built_at_ms=known.built_at_ms) == known
    return "unchanged" if same else "changed"


def _removal(subject: str, current: Configuration) -> tuple[AppliedChange, list[ConfigRecord]]:
    watched, references = current.watched(subject), current.references(subject)
    if watched is None and not references:
        known = ", ".join(current.subjects()) or "nothing"
        raise UserError(f"{subject}: is not monitored, so it can't be removed; monitored: {known}")
    records = [ConfigRecord("monitors", subject, None)] if watched else []
    records += [ConfigRecord("references", reference_key(subject, version), None) for version in references]
    return AppliedChange(
        subject, "removed" if watched else "none", "removed" if references else "none", []
    ), records


def _differences(before: Monitor, after: Monitor) -> list[str]:
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key}: {_shown(old, key)} -> {_shown(new, key)}" for key in keys]


def _flat(document: Any, path: str = "") -> dict[str, Any]:
    """Flatten a document into paths and values.

    >>> _flat({"a": {"b": 1, "c": [2]}, "d": {}})
    {'a.b': 1, 'a.c': [2], 'd': {}}
    """
    if not isinstance(document, dict) or not document:
        return {path: document}
    flat: dict[str, Any] = {}
    for key, value in document.items():
        flat |= _flat(value, f"{path}.{key}" if path else key)
    return flat


def _shown(flat: dict[str, Any], key: str) -> str:
    return str(flat[key]) if key in flat and flat[key] is not None else "nothing"
