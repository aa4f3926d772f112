"""What applying monitors and references would change, from what is in force now."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.monitors import Monitor
from schemas.references import Reference
from streams.cli.current import ConfigRecord
from streams.config.state import Configuration, reference_key
from streams.errors import UserError

__all__ = ["Change", "Wanted", "plan"]


class Wanted(NamedTuple):
    """What a file asks for."""

    monitor: Monitor
    reference: Reference | None


class Change(msgspec.Struct, frozen=True):
    """What applying one file, or removing one subject, changes."""

    subject: str
    monitor: str
    reference: str
    changes: list[str]


def plan(
    wanted: Sequence[Wanted], remove: Sequence[str], current: Configuration
) -> tuple[list[Change], list[ConfigRecord]]:
    """Return what changes, and the records that change it: a reference always before its monitor."""
    changes: list[Change] = []
    records: list[ConfigRecord] = []
    for monitor, reference in wanted:
        change = _change(monitor, reference, current)
        changes.append(change)
        if reference is not None and change.reference in ("new", "changed"):
            records.append(
                ConfigRecord("references", reference_key(monitor.subject, None), reference.encode())
            )
        if change.monitor in ("new", "changed"):
            records.append(ConfigRecord("monitors", monitor.subject, monitor.model_dump_json().encode()))
    for subject in remove:
        change, removals = _removal(subject, current)
        changes.append(change)
        records += removals
    return changes, records


def _change(monitor: Monitor, reference: Reference | None, current: Configuration) -> Change:
    before = current.watched(monitor.subject)
    known = current.references(monitor.subject).get(None)
    details = _differences(before.monitor, monitor) if before else []
    state = "new" if before is None else "changed" if details else "unchanged"
    return Change(monitor.subject, state, _reference_state(reference, known, monitor), details)


def _reference_state(reference: Reference | None, known: Reference | None, monitor: Monitor) -> str:
    if reference is None:
        first = monitor.reference is not None and monitor.reference.first is not None
        return "kept" if known else "from the stream, not built yet" if first else "none"
    if known is None:
        return "new"
    same = msgspec.structs.replace(reference, built_at_ms=known.built_at_ms) == known
    return "unchanged" if same else "changed"


def _removal(subject: str, current: Configuration) -> tuple[Change, list[ConfigRecord]]:
    watched, references = current.watched(subject), current.references(subject)
    if watched is None and not references:
        known = ", ".join(current.subjects()) or "nothing"
        raise UserError(f"{subject}: is not watched, so it can't be removed; {known} is")
    records = [ConfigRecord("monitors", subject, None)] if watched else []
    records += [ConfigRecord("references", reference_key(subject, version), None) for version in references]
    return Change(subject, "removed" if watched else "none", "removed" if references else "none", []), records


def _differences(before: Monitor, after: Monitor) -> list[str]:
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key}: {_shown(old, key)} -> {_shown(new, key)}" for key in keys]


def _flat(document: Any, path: str = "") -> dict[str, Any]:
    """Write a document as paths and values.

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
