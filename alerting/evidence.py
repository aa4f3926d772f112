"""The numbers behind an alert, as data and in words, the worst symptoms first."""

from datetime import UTC, datetime
from typing import Any

from watchkeeper.alerting.symptoms import Spot, Symptom, Symptoms, effect
from watchkeeper.schemas.findings import Finding

FINDINGS_MAX = 20
"""Most findings in the evidence of one alert. Chosen by hand: it bounds the size of an alert."""


def ranked(members: Symptoms, first_version: str | None) -> list[tuple[Spot, Symptom]]:
    """Order symptoms: all rows before segments, then the current version before others, then the worst first.

    Args:
        members: The symptoms of one cause.
        first_version: The version that answers for the model; None if none does.
    """

    def weight(member: tuple[Spot, Symptom]) -> tuple[bool, bool, float, Spot]:
        spot, symptom = member
        order = spot._replace(feature=spot.feature or "", segment=spot.segment or "")
        return spot.segment is not None, spot.version != first_version, -effect(symptom.findings), order

    return sorted(members.items(), key=weight)


def as_data(members: list[tuple[Spot, Symptom]]) -> list[dict[str, Any]]:
    """Return the evidence as JSON values, at most `FINDINGS_MAX` entries.

    Args:
        members: The symptoms of one cause, ordered by `ranked`.
    """
    return [_entry(spot, symptom, finding) for spot, symptom in members for finding in symptom.findings][
        :FINDINGS_MAX
    ]


def in_words(members: list[tuple[Spot, Symptom]]) -> str:
    """Return the worst symptom's numbers in one line.

    Args:
        members: The symptoms of one cause, ordered by `ranked`; at least one.
    """
    symptom = members[0][1]
    numbers = "; ".join(filter(None, map(_numbers, symptom.findings)))
    window = f"{symptom.rows} rows until {readable_time(symptom.until_ms)}"
    return f"{numbers} ({window})" if numbers else window


def utc(at_ms: int) -> datetime:
    """Return a time as a datetime in UTC.

    Args:
        at_ms: Milliseconds since 1970.
    """
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def rfc3339(at_ms: int) -> str:
    """Return a time as text for programs, in RFC 3339.

    Args:
        at_ms: Milliseconds since 1970.

    >>> rfc3339(1378000000000)
    '2013-09-01T01:46:40Z'
    """
    return utc(at_ms).isoformat().replace("+00:00", "Z")


def readable_time(at_ms: int) -> str:
    """Return a time as text for people.

    Args:
        at_ms: Milliseconds since 1970.

    >>> readable_time(1378000000000)
    '2013-09-01 01:46 UTC'
    """
    return f"{utc(at_ms):%Y-%m-%d %H:%M} UTC"


def _entry(spot: Spot, symptom: Symptom, finding: Finding) -> dict[str, Any]:
    entry = {
        "check": spot.check,
        "version": spot.version,
        "feature": spot.feature,
        "segment": spot.segment,
        "value": finding.value,
        "threshold": finding.threshold,
        "p_value": finding.p_value,
        "rows": symptom.rows,
        "window_end": rfc3339(symptom.until_ms),
        "explanation": finding.explanation,
    }
    return {name: value for name, value in entry.items() if value is not None} | {"details": finding.evidence}


def _numbers(finding: Finding) -> str:
    what = finding.evidence.get("metric", "value")
    named = ((what, finding.value), ("threshold", finding.threshold), ("p", finding.p_value))
    return ", ".join(f"{name} {value:.4g}" for name, value in named if value is not None)
